"""The options of sample."""

from __future__ import annotations

from .parsing import CANDIDATES, IMPORT, Commands, a_name, a_path, at_least

NUM = 10


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "sample",
        help="write samples of a trained generator",
        description="Write samples of a checkpoint: one sentence on each line, or all images in one picture.",
    )
    p.add_argument(
        "run", type=a_path, metavar="RUN", help="run folder (its last checkpoint), a checkpoint, or a hub id"
    )
    # No default, so that a number beside --context is noticed.
    p.add_argument("--num", type=at_least(1, int), metavar="N", help=f"samples to write (default: {NUM})")
    p.add_argument(
        "--out",
        type=a_path,
        metavar="FILE",
        help="file for the samples: text with one sentence on each line, .jsonl, .csv, .tsv or .fasta; for images .png "
        "(default: the terminal)",
    )
    p.add_argument("--seed", type=at_least(0, int), default=0, help="equal seeds give equal samples (default: 0)")
    p.add_argument(
        "--temperature",
        type=at_least(0, float),
        help="text only: draw each token from softmax(logits / T); 0 takes the most probable (default: as trained)",
    )
    p.add_argument("--candidates", **CANDIDATES | {"help": CANDIDATES["help"][:-1] + "; with --fix 32)"})
    p.add_argument(
        "--passes",
        type=at_least(0, int),
        metavar="N",
        help="text only: revisions of each sentence, of a run with a reviser; 0 shows drafts (default: as trained)",
    )
    p.add_argument(
        "--revision", type=a_name, metavar="NAME", help="branch, tag or commit of a hub id (default: the branch main)"
    )
    p.add_argument(
        "--fix",
        type=a_name,
        metavar="PATTERN",
        help="text only: hold these tokens fixed, such as the motif 'A???C' or 'the ? dog sleeps': ? is any one token "
        "(a word, a character or a piece of a word), * any number of them. The pattern may stand anywhere; ^ in front "
        "ties it to the beginning and $ behind to the end. A backslash takes its meaning from each of them",
    )
    p.add_argument(
        "--fix-by",
        choices=("noise", "draw"),
        default="noise",
        help="noise moves the noise of candidates towards the pattern, holds its tokens, and chooses by the "
        "discriminator, else by the critic; draw keeps the samples that have the pattern by themselves: a rare one "
        "needs many (default: %(default)s)",
    )
    p.add_argument("--batch-size", type=at_least(1, int), default=256, help="samples at a time (default: 256)")
    p.add_argument("--import", **IMPORT)
    given = p.add_mutually_exclusive_group()
    given.add_argument(
        "--label",
        type=a_name,
        metavar="NAME",
        help="give every sentence this label, for a run trained with corpus.label (default: as in its corpus)",
    )
    given.add_argument(
        "--context",
        type=a_path,
        metavar="FILE",
        help="write an answer to each of its lines or rows, in place of --num sentences, for a run trained with "
        "corpus.context",
    )
    p.add_argument(
        "--column",
        type=a_name,
        metavar="NAME",
        help="column of the contexts, where the file of --context has columns (default: the run's corpus.context)",
    )
    p.set_defaults(function="seqgan_gp.sampling:sample")
