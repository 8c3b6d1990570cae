"""Describe a checkpoint of text on its model card."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

from ..artefacts import read_config
from ..config.text import TextConfig
from ..description import Description, fenced
from ..errors import UserError
from ..notices import percent, silenced
from ..pretrained import Generator
from ..text.conditions import Contexts, Labels
from ..text.corpus import GRAMMAR, load_grammar
from ..text.prepared import Prepared
from .origin import is_shipped

SAMPLES = 10
ENGLISH = tuple(f"{GRAMMAR}{name}" for name in ("text", "types", "dialogue"))  # shipped grammars


def describe(checkpoint: Path, run: Path | None) -> Description:
    """Describe a checkpoint of text, and draw ten samples.

    Args:
        run: its run folder, which knows how many training sentences were cut.

    Raises:
        UserError: a file of the checkpoint is damaged.
    """
    config = read_config(checkpoint, TextConfig)
    generator = Generator.from_pretrained(checkpoint)
    given = _given(generator, config)
    sentences = None
    if not isinstance(generator.condition, Contexts) or given:
        with silenced():
            sentences = list(generator.sample(SAMPLES, seed=0, given=given))
    if sentences is None:
        samples = "It answers the contexts that you give it."
    else:
        lines = sentences if given is None else [f"{g} -> {s}" for g, s in zip(given, sentences, strict=True)]
        text = "".join(f"{line}\n" for line in lines)
        samples = f"These are the first ten samples of seed 0. Nobody picked them.\n\n{fenced(text)}"
    adversarial = config.method == "adversarial"
    tags, what = (
        (["gan", "wgan-gp"], "a generator of sentences, trained against a critic (WGAN-GP)")
        if adversarial
        else (["language-model"], "a language model of sentences, trained by maximum likelihood")
    )
    return Description(
        task="text-generation",
        tags=tags,
        what=what,
        source=config.corpus.train,
        samples=samples,
        command="--context FILE" if isinstance(generator.condition, Contexts) else "--num 1000",
        python=_python(generator, adversarial, given),
        limits=_limits(generator, config, run),
        language="en" if config.corpus.train in ENGLISH else None,
    )


def _given(generator: Generator, config: TextConfig) -> list[str] | None:
    """Ten labels in the proportions of the training sentences, or ten contexts of a shipped grammar.

    Other contexts are left out: they are a user's text.
    """
    if isinstance(generator.condition, Labels):
        import numpy as np

        return generator.condition.draw(SAMPLES, np.random.default_rng(0))
    if isinstance(generator.condition, Contexts) and is_shipped(config.corpus.train):
        grammar = load_grammar(config.corpus.train)
        assert grammar and config.corpus.given
        return [record[config.corpus.given] for record in itertools.islice(grammar.records(0), SAMPLES)]
    return None


def _python(generator: Generator, adversarial: bool, given: list[str] | None) -> str:
    each = f", given={given[0]!r}" if given else ', given="a context"' if generator.condition else ""
    sample = f"sentences = list(generator.sample(5{each}))"
    if adversarial:
        return "\n".join(
            (
                "from seqgan_gp import Critic, Generator",
                "",
                "generator = Generator.from_pretrained({load})",
                sample,
                "critic = Critic.from_pretrained({load})",
                f"print(sentences, critic(sentences{each}))  # a higher score is more like real text",
            )
        )
    return "\n".join(
        (
            "from seqgan_gp import LanguageModel",
            "",
            "generator = LanguageModel.from_pretrained({load})",
            sample,
            "print(sentences, generator.log_likelihood(sentences)[0])  # in nats",
        )
    )


def _limits(generator: Generator, config: TextConfig, run: Path | None) -> list[str]:
    length, kind = config.tokenizer.positions, config.tokenizer.kind
    tokens = {"word": "words and punctuation marks", "character": "characters"}.get(str(kind), "tokens")
    limits = [
        f"A sentence has at most {length} tokens, its end included: longer ones cannot be written, and are cut where "
        "they are read.",
        f"The vocabulary has {len(generator.tokenizer):,} tokens ({tokens}), and nothing else can be written. All "
        "else is read as the unknown token.",
    ]
    facts = None
    if run is not None:
        with contextlib.suppress(UserError):  # a corpus that is damaged or deleted does not hold up a push
            facts = Prepared.read(run).facts
    if facts is not None:
        limits.append(
            f"{facts.truncated:,} of the training sentences were longer and were cut. {percent(facts.unknown)} of the "
            "training tokens were unknown."
        )
    if config.method == "adversarial":
        limits.append("Only differences between scores of the critic mean anything. They are no probabilities.")
    return limits
