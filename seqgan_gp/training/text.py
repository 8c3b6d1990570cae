"""Training on text: sentences, their tokenizer and networks, and how generated sentences are scored."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import pretrained
from ..artefacts import TOKENIZER
from ..config import Config
from ..files import atomic_write
from ..models.relaxations import HardTokens, Relaxation, relaxation
from ..models.sequence import SequenceModel
from ..scoring import Real, score
from ..text.corpus import Corpus, load_corpus, load_grammar
from ..text.tokenizer import Encoded, Tokenizer
from ..text.words import read_lines
from . import task


class RelaxedGenerator(nn.Module):
    """Noise (B, noise_size) to the tokens that the critic scores, one-hot or soft, with a gradient; where gradients are
    off, ids (B, L) stand for one-hot ones.
    """

    def __init__(self, generator: nn.Module, relaxation: Relaxation):
        super().__init__()
        self.generator, self.relaxation = generator, relaxation

    def forward(self, noise: Tensor) -> Tensor | HardTokens:
        relax = self.relaxation.parts if torch.is_grad_enabled() else self.relaxation.detached
        return relax(self.generator(noise))


class Evaluator(task.Evaluator):
    """Scores samples of a generator against the held-out sentences, beside what as many real sentences score.

    Args:
        corpus: real sentences.
        unit: what n-grams are made of, "word" or "character".
        samples: sentences to draw each time.
    """

    SEED = 0  # the same noise at every evaluation: curves show the generator, not the draw
    HEADLINE = ("jsd_4", "self_bleu_4", "unique", "grammatical")
    PANELS = (
        ("n-gram JSD (bits)", ("eval/jsd_1", "eval/jsd_2", "eval/jsd_3", "eval/jsd_4")),
        ("self-BLEU", ("eval/self_bleu_2", "eval/self_bleu_3", "eval/self_bleu_4", "eval/self_bleu_5")),
        ("BLEU", ("eval/bleu_2", "eval/bleu_3", "eval/bleu_4", "eval/bleu_5")),
        ("fractions", ("eval/grammatical", "eval/unique", "eval/well_formed")),
    )

    def __init__(self, corpus: Corpus, unit: str, samples: int):
        self.samples = samples
        self.yardstick = Real(corpus.test, corpus.train, corpus.grammar, unit)
        rng = np.random.default_rng(self.SEED)
        drawn = rng.choice(len(corpus.train), min(samples, len(corpus.train)), replace=False)
        # Of training sentences novelty says nothing.
        self.real = score([corpus.train[i] for i in drawn], replace(self.yardstick, training=None))

    def __call__(self, sampler: pretrained.Generator, path: Path) -> tuple[dict[str, Any], list[str]]:
        ids = np.concatenate(list(sampler.sample_ids(self.samples, self.SEED)))
        sentences = sampler.tokenizer.decode(ids)
        well_formed = float(sampler.tokenizer.well_formed(ids).mean())
        path.with_suffix(".txt").write_text("".join(f"{s}\n" for s in sentences), encoding="utf-8")
        return score(sentences, self.yardstick) | {"well_formed": well_formed}, sentences[:3]


class TextTask(task.Task[Config]):
    """Sentences as ids.

    Args:
        config: the experiment.
        corpus: training and held-out sentences.
        tokenizer: sentences to ids.
    """

    EXAMPLE = "--num 1000 --out samples.txt"

    def __init__(self, config: Config, corpus: Corpus, tokenizer: Tokenizer):
        self.config, self.corpus, self.tokenizer = config, corpus, tokenizer

    @classmethod
    def load(cls, config: Config) -> TextTask:
        """Load the corpus, and learn or load the tokenizer.

        Sentences are cut to what the networks can hold, held-out ones too, since samples are compared with them.
        """
        c, t = config.corpus, config.tokenizer
        corpus = load_corpus(c.train, c.test, c.column, c.size, c.holdout, c.seed)
        if t.file:
            tokenizer = Tokenizer.load(t.file)
            tokenizer.check_size(t.vocabulary)
        else:
            tokenizer = Tokenizer.train(t.kind, corpus.train, t.vocabulary, t.lowercase)
        corpus.train, corpus.test = (tokenizer.cut(sentences, t.length) for sentences in (corpus.train, corpus.test))
        return cls(config, corpus, tokenizer)

    @classmethod
    def read(cls, config: Config, run: Path) -> TextTask:
        """The sentences that `write` wrote, and the grammar that they came from."""
        train, test = (read_lines(run / "corpus" / f"{name}.txt") for name in ("train", "test"))
        corpus = Corpus(train, test, load_grammar(config.corpus.train))
        return cls(config, corpus, Tokenizer.load(run / TOKENIZER))

    def write(self, run: Path) -> None:
        (run / "corpus").mkdir()
        for name, sentences in (("train", self.corpus.train), ("test", self.corpus.test)):
            with atomic_write(run / "corpus" / f"{name}.txt") as file:
                file.writelines(f"{s}\n" for s in sentences)
        self.save(run)

    def save(self, folder: Path) -> None:
        self.tokenizer.save(folder / TOKENIZER)

    @functools.cached_property
    def encoded(self) -> Encoded:
        return self.tokenizer.encode(self.corpus.train, self.config.tokenizer.length)

    @property
    def real(self) -> np.ndarray:
        """Ids (N, L) int64."""
        return self.encoded.ids

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
        return lines

    def build_generator(self) -> nn.Module:
        return pretrained.build_generator(self.config, self.tokenizer)

    def build_critic(self) -> nn.Module:
        return pretrained.build_critic(self.config, self.tokenizer)

    @property
    def relaxation(self) -> Relaxation:
        return relaxation(self.config.relaxation.kind, self.config.relaxation.temperature)

    def player(self, generator: nn.Module) -> RelaxedGenerator:
        return RelaxedGenerator(generator, self.relaxation)

    def sampler(self, generator: nn.Module) -> pretrained.Generator:
        assert isinstance(generator, SequenceModel)
        return pretrained.Generator(generator, self.tokenizer, self.relaxation.sampling_temperature)

    def evaluator(self) -> Evaluator:
        return Evaluator(self.corpus, self.tokenizer.unit, self.config.evaluation.samples)
