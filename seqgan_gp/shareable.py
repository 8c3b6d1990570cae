"""The base of all that is loaded from a checkpoint or the hub, and pushed to the hub."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Self

import torch
from torch import Tensor, nn

from .artefacts import locate
from .errors import UserError
from .machine import device_of

PUSH = "seqgan_gp.sharing.push:push"  # it evaluates and samples, with rooms below this one


class Shareable(ABC):
    """A network of a checkpoint, with all that it needs.

    Attributes:
        checkpoint: the folder of the checkpoint that it was loaded from; None if it was made in another way.
    """

    network: nn.Module
    checkpoint: Path | None = None

    @classmethod
    @abstractmethod
    def _load(cls, folder: Path, device: torch.device) -> Self:
        """Load it from the folder of a checkpoint."""

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        device: str | torch.device = "cpu",
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
    ) -> Self:
        """Load it from a run folder (its last checkpoint), a checkpoint, or a hub id. No weight of a critic wants a
        gradient. A source that is no folder here is a hub id, and the other options are for it.

        Args:
            revision: a branch, a tag or a commit; default: the branch main.
            token: of a user who may read a private repository; default: that of `hf auth login` or HF_TOKEN; False
                sends none.
            cache_dir: the folder of downloads; default: that of the hub's client, HF_HUB_CACHE.
            local_files_only: take what has been downloaded before, and ask no network.

        Raises:
            UserError: there is no checkpoint, it is incomplete or of another kind, it lacks this network, its files do
                not belong together, it needs a module that has not been imported, or there is no such device; the
                repository, its revision or the network is missing, or you may not read it.
        """
        device = device_of(device)
        folder = locate(source, revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only)
        loaded = cls._load(folder, device)
        loaded.checkpoint = folder
        return loaded

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = False,
        token: str | bool | None = None,
        revision: str | None = None,
        message: str | None = None,
        license: str | None = None,
    ) -> str:
        """Push the checkpoint that this was loaded from to the hub, as the command `push` does: all its networks, with
        a model card and without the training text.

        Args:
            repo_id: NAME/REPO, which is created if it is not there.
            private: create it as a private repository; one that is public is refused.
            token: of a user who may write there; default: that of `hf auth login` or HF_TOKEN.
            revision: a branch, which is created if it is not there; default: main.
            message: of the commit.
            license: for the card, such as "mit"; default: the card names none.

        Returns:
            The address of the commit.

        Raises:
            UserError: this was not loaded from a checkpoint, or has other weights since; there is no token, or it may
                not write there; the repository is public, or its name is none; or the network is missing, or breaks
                off, and the repository is as it was.
        """
        name = type(self).__name__
        if self.checkpoint is None:
            raise UserError(f"this {name} was not loaded from a checkpoint: load it by from_pretrained, then push it")
        saved = self._load(self.checkpoint, torch.device("cpu"))
        if not _same(saved.network.state_dict(), self.network.state_dict()):
            raise UserError(
                f"the weights of this {name} are no longer those of {self.checkpoint}, which would be pushed: load it "
                "anew, and push that"
            )
        return resolve_name(PUSH)(
            self.checkpoint, repo_id, private=private, token=token, revision=revision, message=message, license=license
        )


def _same(ones: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> bool:
    """Whether two networks have the same weights, in the same type, on any device."""
    return ones.keys() == others.keys() and all(
        one.dtype == others[key].dtype and torch.equal(one, others[key].cpu()) for key, one in ones.items()
    )
