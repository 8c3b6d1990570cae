"""The options of report."""

from __future__ import annotations

from .parsing import IMPORT, Commands, a_path


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "report",
        help="make a page to look at, of a run or of several",
        description="Make one page of a run, to look at in a browser and to send to others: its samples through time, "
        "curves, scores beside real samples with intervals, samples beside their nearest training sentences, what the "
        "critic says of them, and a walk between two noises. Several runs are also shown side by side, with means "
        "over seeds. The page has everything inside and needs no network. Every run writes one at its end "
        "(--report false of train leaves it out).",
    )
    p.add_argument("runs", type=a_path, nargs="+", metavar="RUN", help="run folders, of one corpus")
    p.add_argument(
        "--out",
        type=a_path,
        metavar="FILE",
        help="the page (default: report.html in the run folder; of several runs, in the working directory)",
    )
    p.add_argument("--import", **IMPORT)
    p.set_defaults(function="seqgan_gp.report.command:report")
