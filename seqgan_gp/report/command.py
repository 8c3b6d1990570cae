"""The command report, and the report at the end of a run."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError, one_line, told
from ..files import atomic_write
from ..machine import prepare_command
from ..places import check_files
from ..training.replacing import REPORT
from . import page, story
from .runs import read_all


def report(options: argparse.Namespace) -> int:
    """Write the report of the runs of the options."""
    out = Path(options.out) if options.out else Path(options.runs[0] if len(options.runs) == 1 else ".") / REPORT
    runs = read_all(options.runs)
    _check_out(out)
    prepare_command()
    start = time.perf_counter()
    write(runs, out)
    size, seconds = out.stat().st_size / 1e6, time.perf_counter() - start
    print(f"written: {out} ({size:.1f} MB, {seconds:.0f} s); open it in a browser")
    return 0


def write(runs: Sequence[story.Run], out: Path) -> None:
    """Write the report of runs.

    Raises:
        UserError: a file of a run is damaged, or the place is a folder.
        OSError: the disk fails; it names the path.
    """
    stories = [story.tell(run) for run in runs]
    if len(runs) > 1:
        stories.insert(0, story.compare(runs))
    text = page.render(stories, runs[0].name if len(runs) == 1 else f"{len(runs)} runs")
    with atomic_write(out) as file:
        file.write(text)


def _check_out(out: Path) -> None:
    """Raise a UserError, before the work, if the page cannot be written there."""
    if out.is_dir():
        raise UserError(f"--out {out} is a folder: give the name of a file, such as {out / REPORT}")
    check_files({"--out": str(out)})


def at_end(run: Path) -> None:
    """Write the report of a run that has ended into its folder, and say where it is.

    The run is whole by then: if its report fails, or takes the user too long, one line says so.
    """
    try:
        write(read_all([run]), run / REPORT)
    except (Exception, KeyboardInterrupt) as error:
        cause = told(error) or one_line(f"{type(error).__name__}: {' '.join(str(error).split())}"[:200])
        again = f"seqgan-gp report {shlex.quote(str(run))} tries again, and --report false leaves it out"
        print(f"warning: the run is whole, and its report was not written ({cause}); {again}", file=sys.stderr)
    else:
        print(f"report: {run / REPORT}")
