"""The networks of a run that can be probed, and the text to probe them with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array
from ..artefacts import locate, read_config, saved_networks
from ..config import PenaltyConfig
from ..config.text import TextConfig
from ..errors import UserError
from ..machine import best_device
from ..metrics.bootstrap import subset
from ..models.reviser import ReviserNetwork
from ..networks import load_network
from ..pretrained import Critic, Discriminator, Generator, LanguageModel, inputs
from ..pretrained.held_out import held_out
from ..pretrained.reader import Reader
from ..text.corpus import load_grammar
from ..text.grammar import Grammar
from ..text.lines import Sentences
from ..text.reading import read_sentences

CRITIC, RERANKER, RANDOM, REVISER, MODEL = "critic", "reranker", "random critic", "reviser", "language model"
WINDOWS, BLOCKS = "its windows alone", "its blocks alone"  # the two terms of the score of a critic with windows


@dataclass(frozen=True)
class Likelihood:
    """A language model as a scorer: a sentence scores its log-probability in nats, as usual for minimal pairs."""

    model: LanguageModel

    def __call__(self, sentences: Sequence[str], given: Sequence[str] | None = None) -> np.ndarray:
        """Log-probabilities (N,)."""
        return self.model.log_likelihood(sentences)[0]


class Windows:
    """The score of a critic's windows alone, or its score without that of its windows."""

    def __init__(self, critic: Critic, others: bool = False):
        assert critic.network.window_score is not None
        self.critic, self.windows, self.others = critic, critic.network.window_score, others
        self.tokenizer, self.network = critic.tokenizer, critic.network

    def __call__(self, sentences: Sequence[str], given: Sequence[str] | None = None) -> Tensor:
        """Scores (N,)."""
        windows = self.windows(self.critic.embed(sentences))
        return self.critic(sentences, given) - windows if self.others else windows


class Reviser(Reader):
    """The reviser of a run. It reads sentences and has no score. Its noise is zero, which is the mean of the
    normal noise that it has in training."""

    SEES_CONDITION = True

    network: ReviserNetwork

    def __init__(self, checkpoint: Path, device: torch.device):
        loaded = load_network(checkpoint, "reviser", ReviserNetwork, "reviser")
        self.network = loaded.network.requires_grad_(False).to(device)
        self.tokenizer, self.condition = loaded.tokenizer, loaded.condition

    @property
    def layers(self) -> list[str]:
        """The names of the layers: "input" of the first block, and the outputs "block 1" to "block n"."""
        return ["input", *(f"block {i}" for i in range(1, 1 + len(self.network.blocks)))]

    def _checked(self, sequences: Array) -> Tensor:
        return inputs.ids(sequences, self.network.vocabulary, self.device)

    def _states(self, tokens: Tensor, condition: Tensor | None) -> dict[str, Tensor]:
        noise = torch.zeros(len(tokens), self.network.noise_size, device=tokens.device)
        return dict(zip(self.layers, self.network.hidden_states(tokens, noise, condition), strict=True))


@dataclass(frozen=True)
class Subjects:
    """The networks of a run, and the text to probe them with.

    Args:
        critic: the critic.
        scorers: all that score sentences, by name, the critic first.
        readers: all that have hidden states, by name, the critic first.
        sentences: held-out sentences.
        given: the label or the context of each; None if they have none.
        generated: generated sentences, for the same labels or contexts in the same order.
        candidates: sentences among which the reranker chooses, for the same ones; empty without a reranker.
        grammar: the grammar of the corpus, if it has one.
        penalty: the gradient penalty that the critic was trained with.
        notes: lines to the user about the text.
    """

    critic: Critic
    scorers: Mapping[str, Any]
    readers: Mapping[str, Any]
    sentences: list[str]
    given: list[str] | None
    generated: list[str]
    candidates: list[str]
    grammar: Grammar | None
    penalty: PenaltyConfig
    notes: list[str] = field(default_factory=list)

    def of_critic(self) -> Subjects:
        """The same without networks other than the critic."""
        return replace(self, scorers={CRITIC: self.critic}, readers={CRITIC: self.critic})


@dataclass(frozen=True)
class Text:
    """Where the text of a probe comes from.

    Args:
        sentences: the number of held-out sentences, at most.
        reference: a file of held-out sentences, in place of those of the run.
        column: the column of the text in files with columns.
        samples: a file of generated sentences, in place of those that the run draws.
        seed: chooses the sentences and draws the samples.
    """

    sentences: int = 2000
    reference: str | None = None
    column: str = "text"
    samples: str | None = None
    seed: int = 0


DEFAULT = Text()


def load(source: str | Path, text: Text = DEFAULT, language_model: str | Path | None = None) -> Subjects:
    """Load a run, and the text to probe it with.

    Args:
        source: a run folder, a checkpoint, or a hub id.
        text: where the text comes from; by default, from the run.
        language_model: a run of method likelihood on the same corpus.

    Raises:
        UserError: the run has no critic, there is no held-out text, all of it is longer than the critic, or a run, a
            checkpoint or a file is missing or damaged; `text` is no `Text`.
    """
    if not isinstance(text, Text):
        raise UserError(f"text is {text!r}: give Text(reference={str(text)!r}) for a file, or leave it out")
    checkpoint, device = locate(source), best_device()
    critic = Critic.from_pretrained(checkpoint, device)
    config = read_config(checkpoint, TextConfig)
    grammar = load_grammar(config.corpus.train)
    real = _held_out(checkpoint, config, grammar, text)
    sentences, given, notes = _fitting(critic, real, text)
    random_critic = Critic.random_like(checkpoint, config.seed, device)  # the critic that the run began with
    scorers: dict[str, Any] = {CRITIC: critic}
    readers: dict[str, Any] = {CRITIC: critic}
    if critic.network.window_score is not None:
        scorers |= {WINDOWS: Windows(critic), BLOCKS: Windows(critic, others=True)}
    saved = saved_networks(checkpoint)
    if "discriminator" in saved:
        scorers[RERANKER] = readers[RERANKER] = Discriminator.from_pretrained(checkpoint, device)
    if "reviser" in saved:
        readers[REVISER] = Reviser(checkpoint, device)
    scorers[RANDOM] = readers[RANDOM] = random_critic
    if language_model is not None:
        model = LanguageModel.from_pretrained(language_model, device)
        if model.network.length != critic.network.length:
            raise UserError(
                f"--language-model {language_model} reads {model.network.length} tokens of a sentence, and the critic "
                f"of {source} reads {critic.network.length}: train it with --tokenizer.length {critic.network.length}"
            )
        scorers[MODEL], readers[MODEL] = Likelihood(model), model
    generator = Generator.from_pretrained(checkpoint, device)
    if text.samples:
        generated = read_sentences(text.samples, text.column)
    else:
        generated = list(generator.sample(len(sentences), text.seed, given=given))
    candidates: list[str] = []
    if generator.reranking:
        cold, passes = generator.reranking.temperature, generator.reranking.passes
        drawn = generator.sample(len(sentences), text.seed, cold, given=given, candidates=1, passes=passes)
        candidates = list(drawn)
    every = (sentences, given, generated, candidates)
    return Subjects(critic, scorers, readers, *every, grammar, config.penalty, notes)


def _held_out(checkpoint: Path, config: TextConfig, grammar: Grammar | None, text: Text) -> Sentences:
    """The held-out sentences of the run, or those that the user gives in their place."""
    given = config.corpus.given
    for option, file in (("--reference", text.reference), ("--samples", text.samples)):
        if given and file:
            raise UserError(
                f"{checkpoint} is conditional, and {file} has no {given}: leave out {option}, to probe with the "
                "held-out sentences of the run and its own samples"
            )
    if text.reference:
        return Sentences([line for line in read_sentences(text.reference, text.column) if line.strip()])
    if (own := held_out(checkpoint)) is not None:
        return own
    if grammar is None:
        raise UserError(f"{checkpoint} stands without the held-out text of its run: pass --reference FILE")
    if given is None:
        return Sentences(list(itertools.islice(grammar.sentences(text.seed), text.sentences)))
    records = list(itertools.islice(grammar.records(text.seed), text.sentences))
    return Sentences([record["text"] for record in records], [record[given] for record in records])


def _fitting(critic: Critic, real: Sentences, text: Text) -> tuple[list[str], list[str] | None, list[str]]:
    """Some of the sentences that the critic can read whole, their conditions, and notes about those left out."""
    chosen = real.take(subset(len(real), min(text.sentences, len(real)), text.seed))
    length = critic.network.length
    whole = critic.tokenizer.fits(chosen.text, length)
    if whole.sum() < 2:
        name = text.reference or "the held-out text"
        raise UserError(
            f"{name} has {whole.sum()} sentences of at most {length} tokens, which is the length of the critic: at "
            "least two are needed"
        )
    notes = (
        [f"{(~whole).sum():,} sentences are longer than {length} tokens and are left out"] if not whole.all() else []
    )
    kept = chosen.take(np.flatnonzero(whole))
    return list(kept.text), None if kept.given is None else list(kept.given), notes
