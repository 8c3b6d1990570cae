"""The Hugging Face hub: downloads and uploads of repositories, whose failures are one line each."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from . import __version__
from .errors import UserError

ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
TIMEOUT = 10.0  # seconds for the first answer
UNREACHED = ("TransportError", "ConnectionError", "Timeout")  # of the client's libraries, past and present


class Options(TypedDict, total=False):
    """How a repository is downloaded.

    Attributes:
        revision: a branch, a tag or a commit; default: the branch main.
        token: of a user who may read the repository; default: that of `hf auth login` or HF_TOKEN; False sends none.
        cache_dir: the folder of downloads; default: that of the hub's client, HF_HUB_CACHE.
        local_files_only: take what has been downloaded before, and ask no network.
    """

    revision: str | None
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool


def download(repo: str, files: Sequence[str], **options: Unpack[Options]) -> Path:
    """Download files of a repository, those that it has, and return their folder.

    Raises:
        UserError: the repository, its revision or the network is missing, or the user may not read it.
    """
    from huggingface_hub import snapshot_download

    if not options.get("local_files_only"):
        print(f"{repo}: no such folder here, asking the hub", file=sys.stderr)
    with _failures_of(repo, "downloading it", options.get("revision")), _quiet():
        return Path(snapshot_download(repo, allow_patterns=[*files], etag_timeout=TIMEOUT, **options))


def upload(
    repo: str,
    files: Mapping[str, bytes | Path],
    message: str,
    private: bool = False,
    revision: str | None = None,
    token: str | bool | None = None,
) -> str:
    """Upload files in one commit, so that the repository has all of them or is as it was. First see `check`.

    Args:
        repo: NAME/REPO, which is created if it is not there.
        files: the contents by name, in memory or in a file.
        private: create it as a private repository; one that is public is refused.
        revision: a branch, which is created if it is not there; default: main.
        token: of a user who may write; default: that of `hf auth login` or HF_TOKEN.

    Returns:
        The address of the commit.

    Raises:
        UserError: the token may not write there, the repository is public, or the network is missing or breaks off.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    api = HfApi(token=token, library_name="seqgan_gp", library_version=__version__)
    # One commit: the client's upload_folder may make several, and a failure between them would leave half a checkpoint.
    added = [CommitOperationAdd(name, content) for name, content in files.items()]
    with _failures_of(repo, "pushing to it", revision), _quiet():
        try:
            found = api.model_info(repo, timeout=TIMEOUT)
        except RepositoryNotFoundError:
            api.create_repo(repo, private=private or None, exist_ok=True)
        else:
            if private and not found.private:
                raise UserError(f"{repo} is public: make it private in its settings on the hub, or give another name")
        if revision:
            api.create_branch(repo, branch=revision, exist_ok=True)
        return str(api.create_commit(repo, added, commit_message=message, revision=revision).commit_url)


def is_public_data(name: str) -> bool:
    """Whether the hub has a data set of that name that everybody may see."""
    from huggingface_hub import HfApi

    with contextlib.suppress(Exception), _quiet():
        return not HfApi(token=False).dataset_info(name, timeout=TIMEOUT).private
    return False


def check(repo: str, token: str | bool | None) -> None:
    """Raise a UserError if nothing can be pushed, since there is no token, or the name of the repository is none."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    wrong = (
        f"'{repo}' is no name of a repository: give NAME/REPO, where NAME is yours or that of an organisation of yours"
    )
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UserError(f"{wrong} ({' '.join(str(error).split())})") from None
    if "/" not in repo:
        raise UserError(wrong)
    if not (token if isinstance(token, str) else token is not False and get_token()):
        raise UserError(f"{repo}: nothing can be pushed without a token: {LOG_IN}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within, the hub's client logs no retries, and shows no bars where nobody looks."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
        logging,
    )

    level, bars = logging.get_verbosity(), not (are_progress_bars_disabled() or sys.stderr.isatty())
    logging.set_verbosity_error()
    if bars:
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            enable_progress_bars()


@contextlib.contextmanager
def _failures_of(repo: str, work: str, revision: str | None) -> Iterator[None]:
    """Within, an error of the hub's client becomes a UserError. A failing disk has a line of its own."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename:
            raise
        raise UserError(f"{repo}: {_told(error, work, revision)}") from None


def _told(error: Exception, work: str, revision: str | None) -> str:
    """The cause and the remedy."""
    from huggingface_hub import errors

    chain = [error]
    while isinstance(cause := chain[-1].__cause__, Exception):
        chain.append(cause)
    unreached = any(base.__name__ in UNREACHED for e in chain for base in type(e).__mro__)
    # The last one is the network's own. Among others, the client wraps the one that tells in a RuntimeError.
    first = chain[-1] if unreached else next((e for e in chain if not isinstance(e, RuntimeError)), error)
    reason = f"({type(first).__name__}: {' '.join(str(first).split())[:200]})"
    status = next((e.response.status_code for e in chain if isinstance(e, errors.HfHubHTTPError)), None)

    def is_a(*kinds: type[Exception]) -> bool:
        return any(isinstance(e, kinds) for e in chain)

    if is_a(errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE forbids to ask the hub, and there is no earlier download: unset it, or give a folder"
    if is_a(errors.GatedRepoError):
        return f"its owner must let you in: ask at https://huggingface.co, then {LOG_IN}"
    if is_a(errors.RepositoryNotFoundError):
        return f"neither a folder here nor a repository that you may see on the hub: check the name, or {LOG_IN}"
    if is_a(errors.RevisionNotFoundError):
        return f"the repository has no revision '{revision}': give one of its branches, tags or commits"
    if is_a(errors.HFValidationError):
        return "no folder here, and no name of a repository: give a run folder, a checkpoint, or NAME/REPO"
    if status == 401:
        return f"the hub does not know your token: {LOG_IN}"
    if status == 403:
        return f"your token does not allow {work}: give one that does, or another name; {LOG_IN}"
    if unreached:
        xet = ", or set HF_HUB_DISABLE_XET=1 for a hub without xet" if "xet" in reason else ""
        return f"{work} failed, since the hub cannot be reached {reason}: check the network, and try again{xet}"
    if is_a(errors.LocalEntryNotFoundError) and len(chain) == 1:
        return "there is no earlier download: leave out local_files_only, to ask the hub"
    return f"{work} failed {reason}: try again"
