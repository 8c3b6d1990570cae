"""Puts a new run into a folder, and keeps the run that it replaces until the new one has a checkpoint.

Only files that a run has written are moved or deleted. All else in the folder stays where it is.

The steps, in a folder of our own inside the run folder, survive a kill at any moment, since `recover` knows from what
is there how far they came:

1. `.seqgan-gp/new/` receives the new run. What bears a run's names in the folder is the old run.
2. The files of the old run move to `.seqgan-gp/old/`. Without `.seqgan-gp/moved`, they belong back.
3. `.seqgan-gp/moved` is made. From now on, what bears a run's names in the folder is the new run.
4. The files of the new run move to the folder, `metrics.jsonl` as the last. Then it is a run.
5. After its first checkpoint, the old run is deleted, and `moved` after it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from .. import artefacts, manifest
from ..artefacts import CHECKPOINTS, CONFIG
from ..errors import UserError
from ..files import PART, sync

METRICS, CURVES, REPORT = "metrics.jsonl", "curves.png", "report.html"
SAMPLES, IDENTITIES = "samples", "trackers.json"
OLD = Path(artefacts.REPLACED)
WORK = OLD.parent
NEW, MOVED = WORK / "new", WORK / "moved"

# The names of a run's files besides those of its data, which its manifest lists.
_TOP = re.compile(rf"{CONFIG}|{METRICS}|{CURVES}|{REPORT}|{IDENTITIES}|{manifest.MANIFEST}|{PART}")
_SAMPLES = re.compile(rf"step-\d{{7,}}\.[\w.]+|{PART}")
_TRACKED = re.compile(r"events\.out\.tfevents\..*|hparams\.yml")  # of tensorboard; other trackers write elsewhere
TRACKED = "seqgan_gp"  # their folder


def is_run(path: Path) -> bool:
    return (path / CONFIG).is_file() and (path / METRICS).is_file()


def own(run: Path) -> list[str]:
    """The names of the files in a run folder that a run has written, the manifest last.

    Raises:
        UserError: a manifest is damaged, or a checkpoint holds a file that no run has written.
    """
    found = [name for name in _listed(run) if _TOP.fullmatch(name)]
    found += [f"{SAMPLES}/{name}" for name in _listed(run / SAMPLES) if _SAMPLES.fullmatch(name)]
    found += [name for name in manifest.read(run) if (run / name).is_file()]
    for checkpoint in artefacts.checkpoints(run):
        if foreign := artefacts.foreign(checkpoint):
            raise UserError(f"{foreign} is no file of its checkpoint, which --overwrite replaces: move it")
        found += [f"{CHECKPOINTS}/{checkpoint.name}/{name}" for name in manifest.files_of(checkpoint)]
        found += [
            f"{CHECKPOINTS}/{checkpoint.name}/{name}" for name in _listed(checkpoint) if name == manifest.MANIFEST
        ]
    parts = [path for path in (run / CHECKPOINTS).glob(".step-*") if artefacts.UNFINISHED.fullmatch(path.name)]
    for folder, names in ((run / TRACKED, _TRACKED), *((part, re.compile(".*")) for part in parts)):
        inside = [path for path in folder.rglob("*") if path.is_file() and names.fullmatch(path.name)]
        found += [path.relative_to(run).as_posix() for path in inside]
    home = run.resolve()
    found = [name for name in dict.fromkeys(found) if (run / name).parent.resolve().is_relative_to(home)]
    return sorted(found, key=lambda name: (name == manifest.MANIFEST, name))


def check_links(run: Path) -> None:
    """Raise a UserError if a folder of a run is a link. Its files are elsewhere, where --overwrite replaces none."""
    for path in (*(run / name for name in (WORK, SAMPLES, CHECKPOINTS, TRACKED)), *artefacts.checkpoints(run)):
        if path.is_symlink():
            raise UserError(
                f"{path} is a link, and --overwrite replaces no files elsewhere: put the folder in its place, or give "
                "another --output DIR"
            )


def _listed(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def put(run: Path) -> list[str]:
    """Move the run that stands in NEW into the folder, in place of the one there; the lines to show.

    Raises:
        UserError: a file of the user's own has a name that the new run needs.
        OSError: the disk fails.
    """
    old, new = own(run), manifest.files_of(run / NEW)
    if taken := [name for name in new if name not in old and os.path.lexists(run / name)]:
        raise UserError(f"{run / taken[0]} is a file of your own: move it, or give another --output DIR")
    _move(old, run, run / OLD)
    (run / MOVED).touch()
    sync(run / WORK)
    _move([manifest.MANIFEST, *(name for name in new if name != METRICS), METRICS], run / NEW, run)
    for name in (SAMPLES, CHECKPOINTS):
        (run / name).mkdir(exist_ok=True)
    sync(run)
    if not old:
        discard(run)
        return []
    lines = [f"the run that was here waits in {run / OLD} until the first checkpoint of this one"]
    if yours := _yours(run):
        lines.append(f"your own files stay in the folder, beside the new run: {yours}")
    return lines


def _yours(run: Path) -> str:
    """The first few names in a run folder that no run has written."""
    ours = {*own(run), WORK.name, SAMPLES, CHECKPOINTS, TRACKED}
    ours |= {name.partition("/")[0] for name in ours}
    names = sorted(entry.name for entry in os.scandir(run) if entry.name not in ours)
    for folder in (SAMPLES, CHECKPOINTS):
        names += sorted(f"{folder}/{entry.name}" for entry in os.scandir(run / folder))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _move(names: Iterable[str], source: Path, target: Path) -> None:
    """Move files, and delete the folders that have become empty."""
    names = list(names)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.rename(source / name, target / name)
    _prune(names, source)


def _prune(names: Iterable[str], folder: Path) -> None:
    for parent in {parent for name in names for parent in Path(name).parents}:
        place = folder / parent
        with contextlib.suppress(OSError):  # not empty, or gone already
            while place != folder:
                place.rmdir()
                place = place.parent


def remove(run: Path) -> None:
    """Delete what a run has written to its folder, and the folder if nothing else is in it."""
    names = own(run)
    for name in names:
        if name != manifest.MANIFEST:
            (run / name).unlink(missing_ok=True)
    _prune([*names, *manifest.read(run)], run)  # folders without a file, too, where a kill has come between
    for name in (SAMPLES, CHECKPOINTS):
        with contextlib.suppress(OSError):
            (run / name).rmdir()
    (run / manifest.MANIFEST).unlink(missing_ok=True)  # the last, since it tells which files are the run's
    with contextlib.suppress(OSError):
        run.rmdir()


def discard(run: Path) -> None:
    """Delete the run that has been replaced, if there is one. What cannot be deleted is tried again later."""
    for name in (OLD, NEW):
        shutil.rmtree(run / name, ignore_errors=True)
    if not (run / OLD).exists():
        (run / MOVED).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (run / WORK).rmdir()


def recover(run: Path, keep: bool) -> list[str]:
    """Finish or undo what an earlier start has left of the steps above; the lines to show.

    Args:
        keep: leave a new run in its place that has no checkpoint yet. Otherwise the old run comes back.

    Raises:
        UserError: a file is in the way.
        OSError: the disk fails.
    """
    if manifest.kind_of(run) == "run":  # what a kill has left of files that were being written
        for folder in (run, run / SAMPLES):
            for name in (name for name in _listed(folder) if re.fullmatch(PART, name)):
                (folder / name).unlink(missing_ok=True)
    if not (run / WORK).is_dir():
        return []
    waiting, moved = (run / OLD).is_dir(), (run / MOVED).exists()
    if moved and is_run(run) and (artefacts.checkpoints(run) or not waiting):
        discard(run)
        return []
    if moved and is_run(run) and keep:
        return [f"the run that this one replaces waits in {run / OLD} until the first checkpoint of this one"]
    if moved:
        remove(run)
        (run / MOVED).unlink()
        sync(run / WORK)
    names = [*manifest.files_of(run / OLD), *([manifest.MANIFEST] if (run / OLD / manifest.MANIFEST).exists() else [])]
    if taken := [name for name in names if os.path.lexists(run / name)]:
        raise UserError(f"{run / taken[0]} is in the way of {run / OLD / taken[0]}, which belongs there: move it")
    _move(names, run / OLD, run)
    shutil.rmtree(run / WORK)
    for name in (SAMPLES, CHECKPOINTS) if waiting else ():
        (run / name).mkdir(exist_ok=True)
    if not waiting:
        with contextlib.suppress(OSError):
            run.rmdir()  # of a first start, which has left nothing else
    return [f"{run}: the run that was to be replaced is back, since the new one had no checkpoint"] if waiting else []
