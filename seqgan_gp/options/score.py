"""The options of score."""

from __future__ import annotations

from .parsing import FILES, IMPORT, Commands, a_name, a_path, at_least


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "score",
        help="rank sequences by a run's discriminator or critic, and keep the best",
        description="Score sequences by what a run has learned, and keep the best: log p(real) / p(generated) of its "
        "discriminator where it has one, and the score of its critic. The first of the two ranks. The percentile says "
        "how many of the run's held-out real sequences score lower. The networks know sequences like those of the run, "
        "and what a score says of others is unknown.",
    )
    p.add_argument(
        "run", type=a_path, metavar="RUN", help="run folder (its last checkpoint), a checkpoint, or a hub id"
    )
    p.add_argument(
        "candidates", type=a_path, metavar="CANDIDATES", help=f"sequences to score: {FILES}; - is standard input"
    )
    p.add_argument(
        "--out",
        type=a_path,
        metavar="FILE",
        help="write the best here, with all scores: .csv, .tsv, .jsonl, .fasta (scores in the headers), or .txt (the "
        "sequences alone); default: a table on the terminal",
    )
    p.add_argument(
        "--top", type=at_least(1, int), metavar="N", help="keep the best N (default: all in a file, 20 on the terminal)"
    )
    p.add_argument(
        "--valid",
        type=a_name,
        metavar="RULE",
        help="leave out those that are not valid by your rule: a regular expression, which must match the whole "
        "sequence, or module:function, a function of yours from a sequence to True or False",
    )
    p.add_argument(
        "--nearest",
        type=a_path,
        metavar="FILE",
        help="also show the nearest sequence of this file, the edits that part the two, and their identity in percent; "
        "train is the training text of the run. Each row that is kept is compared with each sequence of the file",
    )
    p.add_argument(
        "--reference",
        type=a_path,
        metavar="FILE",
        help="real sequences for the percentiles, which training has not seen (default: the held-out ones of the run)",
    )
    p.add_argument(
        "--column",
        type=a_name,
        default="text",
        metavar="NAME",
        help="column of the sequences in files with columns (default: text)",
    )
    beside = p.add_mutually_exclusive_group()
    beside.add_argument(
        "--id",
        type=a_name,
        metavar="NAME",
        help="column of the names of the sequences (default: the headers of FASTA, else candidate-1, candidate-2, ...)",
    )
    beside.add_argument(
        "--given",
        type=a_name,
        metavar="NAME",
        help="column of the label or the context of each sequence, for a run trained with corpus.label or "
        "corpus.context",
    )
    p.add_argument("--import", **IMPORT)
    p.set_defaults(function="seqgan_gp.ranking:score")
