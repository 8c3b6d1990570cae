"""Push a checkpoint to the hub with its model card, and carry out the command `push`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from pkgutil import resolve_name

from .. import __version__, hub, manifest
from .. import config as configs
from ..artefacts import CONFIG, FILES, LABELS, locate, run_of, step_of
from ..config import flat
from ..files import copy_file
from ..modality import modality
from . import card
from .origin import Origin, without_paths

CARD = "README.md"


def push(
    checkpoint: Path,
    repo: str,
    *,
    private: bool = False,
    token: str | bool | None = None,
    revision: str | None = None,
    message: str | None = None,
    license: str | None = None,
) -> str:
    """Push what a checkpoint is loaded from, with a model card, in one commit. Training data and states stay here.

    `shareable.Shareable.push_to_hub` has the arguments and the errors.
    """
    hub.check(repo, token)
    run = run_of(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        stage(Path(folder), checkpoint, run, repo, revision, license)
        files: dict[str, bytes | Path] = {path.name: path for path in sorted(Path(folder).iterdir())}
        what = f"step {step_of(checkpoint)}" if run else "a checkpoint"
        return hub.upload(repo, files, message or f"Push {what} with seqgan_gp {__version__}", private, revision, token)


def stage(
    folder: Path, checkpoint: Path, run: Path | None, repo: str, revision: str | None = None, license: str | None = None
) -> None:
    """Write the files of a repository into a folder: those of the checkpoint, a manifest, and the card.

    Raises:
        UserError: a file of the checkpoint or of its run is damaged.
    """
    config = configs.load(checkpoint / CONFIG)
    describe = resolve_name(modality(config.modality).card)
    described = describe(checkpoint, run)
    origin = Origin.of(described.source)
    names = [name for name in (*FILES, LABELS) if (checkpoint / name).is_file()]
    for name in names:
        copy_file(checkpoint / name, folder / name)
    configs.save(without_paths(config, origin), folder / CONFIG)
    manifest.write(folder, names, "checkpoint")
    for name, content in described.files.items():
        (folder / name).write_bytes(content)
    text = (folder / CONFIG).read_text(encoding="utf-8")
    imports = flat(config)["imports"]
    made = card.make(repo, revision, checkpoint, run, described, origin, text, imports, license)
    made.save(folder / CARD)


def command(options: argparse.Namespace) -> int:
    """Push the last checkpoint of the run of the options, and print the address of the commit."""
    checkpoint = locate(options.run)
    chosen = {name: getattr(options, name) for name in ("private", "revision", "message", "license")}
    print(push(checkpoint, options.repo, **chosen))
    return 0
