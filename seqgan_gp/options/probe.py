"""The options of probe."""

from __future__ import annotations

from .parsing import FILES, IMPORT, Commands, a_name, a_path, at_least, listed


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "probe",
        help="ask what the critic of a run has learned",
        description="Ask what the critic of a run has learned: which changes of real sentences it notices, what its "
        "layers know of a sentence, where it looks, and the shape of its scores. Writes a table, JSON and a figure of "
        "each probe, and probes.md with all tables. Several runs also get tables of means over them, as for seeds.",
    )
    p.add_argument("runs", type=a_path, nargs="+", metavar="RUN", help="run folders, checkpoints or hub ids")
    p.add_argument(
        "--parts",
        type=a_name,
        nargs="+",
        metavar="PART",
        help="only these parts, listed below (default: all)",
    )
    p.add_argument(
        "--sentences",
        type=at_least(20, int),
        default=2000,
        metavar="N",
        help="held-out sentences to probe with, chosen at random (default: %(default)s)",
    )
    p.add_argument(
        "--reference",
        type=a_path,
        metavar="FILE",
        help=f"other held-out sentences than those of the run: {FILES}",
    )
    p.add_argument(
        "--column", type=a_name, default="text", metavar="NAME", help="column of the text in that file (default: text)"
    )
    p.add_argument(
        "--samples",
        type=a_path,
        metavar="FILE",
        help="generated sentences, of any system (default: the run draws them as sample does)",
    )
    p.add_argument(
        "--language-model",
        type=a_path,
        metavar="RUN",
        help="a run of method likelihood on the same corpus, to probe beside the critic; configs/mle.yaml trains one",
    )
    p.add_argument(
        "--checkpoints",
        choices=("last", "all"),
        default="last",
        help="all draws each probe of the critic against the step; train.keep says how many checkpoints a run keeps "
        "(default: %(default)s)",
    )
    p.add_argument("--seed", type=at_least(0, int), default=0, help="seed of all choices (default: %(default)s)")
    p.add_argument("--out", type=a_path, metavar="DIR", default="probes", help="where to write (default: %(default)s)")
    p.add_argument("--import", **IMPORT)
    p.ending = _list_parts
    p.set_defaults(function="seqgan_gp.probing.suite:probe")


def _list_parts() -> str:
    """The parts of the command probe."""
    from ..probing.suite import PARTS

    return listed("parts (--parts):", {name: part.meaning for name, part in PARTS.items()})
