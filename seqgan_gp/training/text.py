"""Training on text: load sentences, build their tokenizer and networks, and score generated sentences."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from .. import networks, pretrained
from ..artefacts import LABELS, TOKENIZER, evaluating
from ..config.text import TextConfig
from ..files import atomic_write
from ..models.critic import CriticNetwork
from ..models.relaxations import HardTokens, Relaxation
from ..models.sequence import SequenceModel, finish
from ..scoring import Real, Values, defined, score
from ..text.adherence import Adherence
from ..text.choices import kind_of, length_of
from ..text.conditions import Condition, Labels
from ..text.corpus import GRAMMAR, Corpus, Sentences, load_corpus, load_grammar
from ..text.tokenizer import Encoded, Tokenizer
from ..text.words import read_lines
from . import sizes, task


class RelaxedGenerator(nn.Module):
    """Turns noise (B, noise_size) into the tokens that the critic scores, one-hot or soft, with a gradient.

    Where gradients are off, it returns ids (B, L) for one-hot tokens. A condition is passed on to the
    generator if there is one.
    """

    def __init__(self, generator: nn.Module, relaxation: Relaxation):
        super().__init__()
        self.generator, self.relaxation = generator, relaxation

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor | HardTokens:
        relax = self.relaxation.parts if torch.is_grad_enabled() else self.relaxation.detached
        return relax(self.generator(noise, condition))


class Evaluator(task.Evaluator):
    """Scores samples of a generator, and as many training sentences, against the held-out sentences.

    Args:
        corpus: the real sentences.
        unit: the unit of n-grams, "word" or "character".
        samples: the number of sentences to draw for an evaluation.
        adherence: the measure of how far sentences keep to their condition, if the corpus has
            conditions and a grammar.
    """

    SEED = 0  # the same noise at every evaluation: curves show the generator, not the draw
    HEADLINE = ("jsd_4", "self_bleu_4", "unique", "grammatical", "obedience", "agreement")
    PANELS = (
        ("n-gram JSD (bits)", ("eval/jsd_1", "eval/jsd_2", "eval/jsd_3", "eval/jsd_4")),
        ("self-BLEU", ("eval/self_bleu_2", "eval/self_bleu_3", "eval/self_bleu_4", "eval/self_bleu_5")),
        ("BLEU", ("eval/bleu_2", "eval/bleu_3", "eval/bleu_4", "eval/bleu_5")),
        ("fractions", ("eval/grammatical", "eval/unique", "eval/well_formed", "eval/obedience", "eval/agreement")),
    )

    def __init__(self, corpus: Corpus, unit: str, samples: int, adherence: Adherence | None = None):
        self.samples, self.adherence = samples, adherence
        train, test = corpus.train, corpus.test
        self.yardstick = Real(test.text, train.text, adherence.language if adherence else corpus.grammar, unit)
        rng = np.random.default_rng(self.SEED)
        real = train.take(rng.choice(len(train), min(samples, len(train)), replace=False))
        # Novelty says nothing about training sentences.
        self.real = score(real.text, replace(self.yardstick, training=None)) | self._kept(real)
        self.given = None
        if test.given:
            self.given = test.take(rng.choice(len(test), samples, replace=samples > len(test))).given

    def __call__(self, sampler: pretrained.Generator, path: Path) -> tuple[dict[str, Any], list[str]]:
        ids = np.concatenate(list(sampler.sample_ids(self.samples, self.SEED, given=self.given)))
        sentences = lines = sampler.tokenizer.decode(ids)
        scores = score(sentences, self.yardstick) | {"well_formed": float(sampler.tokenizer.well_formed(ids).mean())}
        _write(path.with_suffix(".txt"), sentences)
        if self.given:
            scores |= self._kept(Sentences(sentences, self.given))
            _write(path.with_suffix(".given.txt"), self.given)
            lines = [f"{given} -> {sentence}" for given, sentence in zip(self.given, sentences, strict=True)]
        return scores, lines[:3]

    def _kept(self, sentences: Sentences) -> Values:
        """Measure how far sentences keep to their condition; empty without a condition or a grammar."""
        if not (self.adherence and sentences.given):
            return {}
        return defined({**self.adherence(sentences.given, sentences.text)})


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class TextTask(task.Task[TextConfig]):
    """The task of a run on text, whose samples are rows of token ids.

    Args:
        config: the experiment.
        corpus: the training and the held-out sentences.
        tokenizer: the tokenizer of the sentences.
        condition: the kind of their condition, if they have one.
    """

    EXAMPLE = "--num 1000 --out samples.txt"

    def __init__(self, config: TextConfig, corpus: Corpus, tokenizer: Tokenizer, condition: Condition | None = None):
        self.config, self.corpus, self.tokenizer, self.condition = config, corpus, tokenizer, condition
        if condition:
            self.EXAMPLE = condition.EXAMPLE

    @classmethod
    def load(cls, config: TextConfig) -> TextTask:
        """Load the corpus, and learn or load the tokenizer.

        Sentences are cut to `tokenizer.length`, held-out ones too, since samples are compared with them.
        """
        t, kind = config.tokenizer, config.tokenizer.kind
        corpus = load_corpus(config.corpus)
        if t.file:
            tokenizer = Tokenizer.load(t.file)
            tokenizer.check_size(t.vocabulary)
        else:
            kind = kind or kind_of(corpus.train.text)
            contexts = corpus.train.given if corpus.train.given and config.corpus.context else ()
            tokenizer = Tokenizer.train(kind, [*corpus.train.text, *contexts], t.vocabulary, t.lowercase)
        # A window of the critic must fit into a sequence.
        length = t.length or max(length_of(corpus.train.text, tokenizer), config.critic.windows)
        config = replace(config, tokenizer=replace(t, kind=kind, length=length))
        train, test = (replace(part, text=tokenizer.cut(part.text, length)) for part in (corpus.train, corpus.test))
        corpus = replace(corpus, train=train, test=test)
        task = cls._with(config, corpus, tokenizer, lambda: Labels.of(train.given or [], test.given or []))
        task.adherence()  # refuses a grammar that does not know the conditions
        return task

    @classmethod
    def is_local(cls, config: TextConfig) -> bool:
        names = [name for name in (config.corpus.train, config.corpus.test) if name]
        return any(Path(name.removeprefix(GRAMMAR)).exists() for name in names)

    def same_data(self, other: TextTask) -> bool:
        return (self.corpus.train, self.corpus.test) == (other.corpus.train, other.corpus.test)

    @classmethod
    def _with(cls, config: TextConfig, corpus: Corpus, tokenizer: Tokenizer, labels: Callable[[], Labels]) -> TextTask:
        return cls(config, corpus, tokenizer, networks.condition_of(config, tokenizer, labels))

    @classmethod
    def read(cls, config: TextConfig, run: Path) -> TextTask:
        """Read the sentences that `write` wrote, and the grammar that they were drawn from."""
        folder = run / "corpus"

        def sentences(name: str) -> Sentences:
            given = read_lines(folder / f"{name}.given.txt") if config.corpus.given else None
            return Sentences(read_lines(folder / f"{name}.txt"), given)

        corpus = Corpus(sentences("train"), sentences("test"), load_grammar(config.corpus.train))
        return cls._with(config, corpus, Tokenizer.load(run / TOKENIZER), lambda: Labels.load(run / LABELS))

    def write(self, run: Path) -> None:
        """Write the sentences to corpus/train.txt and corpus/test.txt.

        The label or the context of each line, if it has one, goes to train.given.txt and test.given.txt.
        """
        (run / "corpus").mkdir()
        for name, sentences in (("train", self.corpus.train), ("test", self.corpus.test)):
            for suffix, lines in ((".txt", sentences.text), (".given.txt", sentences.given)):
                if lines is not None:
                    with atomic_write(run / "corpus" / f"{name}{suffix}") as file:
                        file.writelines(f"{line}\n" for line in lines)
        self.save(run)

    def save(self, folder: Path) -> None:
        """Write the tokenizer, and the labels if there are any."""
        self.tokenizer.save(folder / TOKENIZER)
        if self.condition:
            self.condition.save(folder / LABELS)

    @functools.cached_property
    def encoded(self) -> Encoded:
        return self.tokenizer.encode(self.corpus.train.text, self.config.tokenizer.positions)

    @property
    def real(self) -> np.ndarray:
        """The token ids of the training sentences: int64 (N, L)."""
        return self.encoded.ids

    @functools.cached_property
    def condition_rows(self) -> np.ndarray | None:
        if not (self.condition and self.corpus.train.given):
            return None
        return self.condition.encode(self.corpus.train.given)

    def adherence(self) -> Adherence | None:
        """Build the measure of how far sentences keep to their condition; None without a condition or a grammar.

        Raises:
            UserError: the grammar does not know the conditions of the sentences.
        """
        return self.condition.adherence(self.corpus.grammar) if self.condition and self.corpus.grammar else None

    def describe(self) -> list[str]:
        corpus, encoded, t = self.corpus, self.encoded, self.config.tokenizer
        sizes = f"{len(corpus.train):,} training and {len(corpus.test):,} held-out sentences"
        lines = [f"{sizes}, {len(self.tokenizer):,} tokens"]
        if t.kind == "word" and not t.file and kind_of(corpus.train.text) != "word":
            lines.append(
                "the sentences have no spaces between words, so that a whole clause is one word: "
                "--tokenizer.kind character suits them"
            )
        if not corpus.grammar and set(corpus.test.text) <= set(corpus.train.text):
            lines.append("every held-out sentence is a training sentence: the scores do not tell learning from copying")
        if encoded.truncated:
            lines.append(
                f"{encoded.truncated:,} training sentences are longer than tokenizer.length={t.length} and were cut"
            )
        if encoded.unknown:
            lines.append(
                f"{encoded.unknown:.2%} of the training tokens are unknown (tokenizer.vocabulary={t.vocabulary})"
            )
        if self.condition and corpus.train.given:
            lines.append(self.condition.describe(corpus.train.given))
        return lines

    def resized(self, config: TextConfig) -> TextTask:
        other = super().resized(config)
        other.tokenizer = cast(Tokenizer, sizes.First(self.tokenizer, config.tokenizer.vocabulary))
        return other

    def batch_needs(self, rows: int) -> float:
        return sizes.batch_needs(self.config, len(self.tokenizer), rows)

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
        """Draw candidates: int64 (num, L), with padding in place of all tokens after the end of a sentence."""
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
        return Evaluator(self.corpus, self.tokenizer.unit, self.config.evaluation.samples, self.adherence())
