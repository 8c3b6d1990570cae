"""Training on text: sentences, their tokenizer and networks, and how generated sentences are scored."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from .. import networks, pretrained
from ..artefacts import LABELS, TOKENIZER, evaluating
from ..config import Config
from ..files import atomic_write
from ..models.critic import CriticNetwork
from ..models.relaxations import HardTokens, Relaxation
from ..models.sequence import SequenceModel, finish
from ..scoring import Real, Values, defined, score
from ..text.choices import kind_of, length_of
from ..text.conditions import Condition, Judge, Labels
from ..text.corpus import Corpus, Given, load_corpus, load_grammar
from ..text.tokenizer import Encoded, Tokenizer
from ..text.words import read_lines
from . import task


class RelaxedGenerator(nn.Module):
    """Noise (B, noise_size), and a condition if there is one, to the tokens that the critic scores, one-hot or soft,
    with a gradient; where gradients are off, ids (B, L) stand for one-hot ones.
    """

    def __init__(self, generator: nn.Module, relaxation: Relaxation):
        super().__init__()
        self.generator, self.relaxation = generator, relaxation

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor | HardTokens:
        relax = self.relaxation.parts if torch.is_grad_enabled() else self.relaxation.detached
        return relax(self.generator(noise, condition))


class Evaluator(task.Evaluator):
    """Scores samples of a generator against the held-out sentences, beside what as many real sentences score.

    Args:
        corpus: real sentences.
        unit: what n-grams are made of, "word" or "character".
        samples: sentences to draw each time.
        judge: of what sentences are given, if the corpus has something and a grammar.
    """

    SEED = 0  # the same noise at every evaluation: curves show the generator, not the draw
    HEADLINE = ("jsd_4", "self_bleu_4", "unique", "grammatical", "obedience", "agreement")
    PANELS = (
        ("n-gram JSD (bits)", ("eval/jsd_1", "eval/jsd_2", "eval/jsd_3", "eval/jsd_4")),
        ("self-BLEU", ("eval/self_bleu_2", "eval/self_bleu_3", "eval/self_bleu_4", "eval/self_bleu_5")),
        ("BLEU", ("eval/bleu_2", "eval/bleu_3", "eval/bleu_4", "eval/bleu_5")),
        ("fractions", ("eval/grammatical", "eval/unique", "eval/well_formed", "eval/obedience", "eval/agreement")),
    )

    def __init__(self, corpus: Corpus, unit: str, samples: int, judge: Judge | None = None):
        self.samples, self.judge = samples, judge
        self.yardstick = Real(corpus.test, corpus.train, judge.language if judge else corpus.grammar, unit)
        rng = np.random.default_rng(self.SEED)
        drawn = rng.choice(len(corpus.train), min(samples, len(corpus.train)), replace=False)
        # Novelty says nothing about training sentences.
        real = [corpus.train[i] for i in drawn]
        self.real = score(real, replace(self.yardstick, training=None))
        self.given = None
        if corpus.given:
            self.real |= self._kept([corpus.given.train[i] for i in drawn], real)
            size = len(corpus.given.test)
            self.given = [corpus.given.test[i] for i in rng.choice(size, samples, replace=samples > size)]

    def __call__(self, sampler: pretrained.Generator, path: Path) -> tuple[dict[str, Any], list[str]]:
        ids = np.concatenate(list(sampler.sample_ids(self.samples, self.SEED, given=self.given)))
        sentences = lines = sampler.tokenizer.decode(ids)
        scores = score(sentences, self.yardstick) | {"well_formed": float(sampler.tokenizer.well_formed(ids).mean())}
        _write(path.with_suffix(".txt"), sentences)
        if self.given:
            scores |= self._kept(self.given, sentences)
            _write(path.with_suffix(".given.txt"), self.given)
            lines = [f"{given} -> {sentence}" for given, sentence in zip(self.given, sentences, strict=True)]
        return scores, lines[:3]

    def _kept(self, given: Sequence[str], sentences: Sequence[str]) -> Values:
        """How far sentences keep to what they are given, if the corpus has a grammar that can tell."""
        return defined({**self.judge(given, sentences)}) if self.judge else {}


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class TextTask(task.Task[Config]):
    """Sentences as ids.

    Args:
        config: the experiment.
        corpus: training and held-out sentences.
        tokenizer: sentences to ids.
        condition: what the sentences are given, if they are.
    """

    EXAMPLE = "--num 1000 --out samples.txt"

    def __init__(self, config: Config, corpus: Corpus, tokenizer: Tokenizer, condition: Condition | None = None):
        self.config, self.corpus, self.tokenizer, self.condition = config, corpus, tokenizer, condition
        if condition:
            self.EXAMPLE = condition.EXAMPLE

    @classmethod
    def load(cls, config: Config) -> TextTask:
        """Load the corpus, and learn or load the tokenizer.

        Sentences are cut to what the networks can hold, held-out ones too, since samples are compared with them.
        """
        c, t = config.corpus, config.tokenizer
        corpus = load_corpus(c.train, c.test, c.column, c.size, c.holdout, c.seed, c.given)
        kind = t.kind
        if t.file:
            tokenizer = Tokenizer.load(t.file)
            tokenizer.check_size(t.vocabulary)
        else:
            kind = kind or kind_of(corpus.train)
            contexts = corpus.given.train if corpus.given and c.context else ()
            tokenizer = Tokenizer.train(kind, [*corpus.train, *contexts], t.vocabulary, t.lowercase)
        # A window of the critic must not be longer than a sequence.
        length = t.length or max(length_of(corpus.train, tokenizer), config.critic.windows)
        config = replace(config, tokenizer=replace(t, kind=kind, length=length))
        corpus.train, corpus.test = (tokenizer.cut(sentences, length) for sentences in (corpus.train, corpus.test))
        task = cls._with(config, corpus, tokenizer, lambda: Labels.of(cast(Given, corpus.given)))
        task.judge()  # refuses a grammar that cannot judge what it gives
        return task

    @classmethod
    def _with(cls, config: Config, corpus: Corpus, tokenizer: Tokenizer, labels: Callable[[], Labels]) -> TextTask:
        return cls(config, corpus, tokenizer, networks.condition_of(config, tokenizer, labels))

    @classmethod
    def read(cls, config: Config, run: Path) -> TextTask:
        """The sentences that `write` wrote, and the grammar that they came from."""
        folder = run / "corpus"
        train, test = (read_lines(folder / f"{name}.txt") for name in ("train", "test"))
        given = None
        if config.corpus.given:
            given = Given(*(read_lines(folder / f"{name}.given.txt") for name in ("train", "test")))
        corpus = Corpus(train, test, load_grammar(config.corpus.train), given)
        return cls._with(config, corpus, Tokenizer.load(run / TOKENIZER), lambda: Labels.load(run / LABELS))

    def write(self, run: Path) -> None:
        """corpus/train.txt and test.txt; what each line of them is given, if it is, in train.given.txt and
        test.given.txt.
        """
        corpus = self.corpus
        parts = {"train": corpus.train, "test": corpus.test}
        if corpus.given:
            parts |= {"train.given": corpus.given.train, "test.given": corpus.given.test}
        (run / "corpus").mkdir()
        for name, sentences in parts.items():
            with atomic_write(run / "corpus" / f"{name}.txt") as file:
                file.writelines(f"{s}\n" for s in sentences)
        self.save(run)

    def save(self, folder: Path) -> None:
        self.tokenizer.save(folder / TOKENIZER)
        if self.condition:
            self.condition.save(folder / LABELS)

    @functools.cached_property
    def encoded(self) -> Encoded:
        return self.tokenizer.encode(self.corpus.train, self.config.tokenizer.positions)

    @property
    def real(self) -> np.ndarray:
        """Ids (N, L) int64."""
        return self.encoded.ids

    @functools.cached_property
    def condition_rows(self) -> np.ndarray | None:
        if not (self.condition and self.corpus.given):
            return None
        return self.condition.encode(self.corpus.given.train)

    def judge(self) -> Judge | None:
        """What tells how far sentences keep to what they are given: only a grammar can.

        Raises:
            UserError: the grammar does not know what the sentences are given.
        """
        return self.condition.judge(self.corpus.grammar) if self.condition and self.corpus.grammar else None

    def describe(self) -> list[str]:
        corpus, encoded, t = self.corpus, self.encoded, self.config.tokenizer
        sizes = f"{len(corpus.train):,} training and {len(corpus.test):,} held-out sentences"
        lines = [f"{sizes}, {len(self.tokenizer):,} tokens"]
        if encoded.truncated:
            lines.append(
                f"{encoded.truncated:,} training sentences are longer than tokenizer.length={t.length} and were cut"
            )
        if encoded.unknown:
            lines.append(
                f"{encoded.unknown:.2%} of the training tokens are unknown (tokenizer.vocabulary={t.vocabulary})"
            )
        if self.condition and self.corpus.given:
            lines.append(self.condition.describe(self.corpus.given))
        return lines

    def build_generator(self) -> nn.Module:
        return networks.build_generator(self.config, self.tokenizer, self.condition)

    def build_critic(self) -> nn.Module:
        return networks.build_critic(self.config, self.tokenizer, self.condition)

    @property
    def relaxation(self) -> Relaxation:
        return networks.make_relaxation(self.config)

    def player(self, generator: nn.Module) -> RelaxedGenerator:
        return RelaxedGenerator(generator, self.relaxation)

    def candidates(
        self, generator: nn.Module, num: int, rng: np.random.Generator, condition: Tensor | None = None
    ) -> Tensor:
        """Ids (num, L) int64, with padding after the end of each sentence: what comes after it is never seen."""
        assert isinstance(generator, SequenceModel)
        with evaluating(generator):
            ids = generator.draw(num, self.config.reranking.temperature, rng, rng, condition)()
        return finish(ids, self.tokenizer.end, self.tokenizer.pad)

    def sampler(self, generator: nn.Module, discriminator: nn.Module | None = None) -> pretrained.Generator:
        assert isinstance(generator, SequenceModel)
        reranking = None
        if discriminator is not None:
            assert isinstance(discriminator, CriticNetwork)
            reranking = pretrained.Reranking.of(self.config.reranking, discriminator, self.tokenizer)
        return pretrained.Generator(generator, self.tokenizer, condition=self.condition, reranking=reranking)

    def evaluator(self) -> Evaluator:
        return Evaluator(self.corpus, self.tokenizer.unit, self.config.evaluation.samples, self.judge())
