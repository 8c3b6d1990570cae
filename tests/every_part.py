"""Options of tiny experiments that together take every part of a training step."""

from collections.abc import Sequence

STEPS = 16
SMALL = ["--corpus.size=64", "--corpus.holdout=10"]
ALL_PARTS = [f"--train.steps={STEPS}", "--reranking.candidates=3", "--reranking.share=0.3125"]
R1_AND_R2 = ["--penalty.at=[real, generated]", "--penalty.sided=zero"]
REVISED = [*ALL_PARTS, "--revision.passes=3", "--revision.share=0.3125", "--revision.substitutions=2"]

EVERY_PART = [
    REVISED,
    [*REVISED, "--corpus.train=grammar:types", "--corpus.label=label", "--condition.features=8"],
    [*REVISED, "--corpus.train=grammar:dialogue", "--corpus.context=context", "--condition.features=8"],
    [*REVISED, "--train.critic_steps=2", "--penalty.every=2", "--critic.windows=2"],
    [*ALL_PARTS, "--revision.passes=0", "--relaxation.kind=straight-through-gumbel"],
    [*ALL_PARTS, "--revision.passes=0", "--relaxation.kind=softmax", "--penalty.space=one-hot"],
    [*ALL_PARTS, "--revision.passes=0", "--objective=relativistic", *R1_AND_R2],
    [*ALL_PARTS, "--revision.passes=0", "--generator.backbone=recurrent", "--critic.backbone=attention"],
    [*ALL_PARTS, "--revision.passes=0", "--clipping=0.1", "--penalty.weight=0", "--critic.norm=layer"],
]


def name_of(options: Sequence[str]) -> str:
    """The options of a test's experiment that set it apart."""
    return " ".join(option for option in options if option not in REVISED) or "draft and revise"
