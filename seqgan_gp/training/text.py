"""Training on text: load sentences, and build their tokenizer and networks."""

from __future__ import annotations

import functools
import itertools
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from .. import networks, pretrained
from ..artefacts import LABELS, TOKENIZER, evaluating
from ..config.text import TextConfig
from ..errors import UserError
from ..files import copy_file, failing
from ..models.critic import CriticNetwork
from ..models.players import RelaxedGenerator, RelaxedReviser
from ..models.relaxations import Relaxation
from ..models.reviser import RevisingGenerator
from ..models.sequence import SequenceModel, finish
from ..terminal import progress
from ..text import cache, prepared
from ..text.adherence import Adherence
from ..text.choices import TOKENS, kind_of, length_of, vocabulary_of
from ..text.conditions import Condition, Labels
from ..text.corpus import GRAMMAR, Corpus, load_corpus, load_grammar
from ..text.lines import Sentences
from ..text.prepared import Prepared, Rows
from ..text.tokenizer import Tokenizer
from ..text.words import unit_of
from . import sizes, task, text_evaluator


def _settled(config: TextConfig, kind: str | None, tokens: int, length: int) -> TextConfig:
    vocabulary = config.tokenizer.vocabulary or tokens
    config = replace(config, tokenizer=replace(config.tokenizer, kind=kind, vocabulary=vocabulary, length=length))
    if config.method == "likelihood":  # the sections of the other method stay as they are
        return config
    return config.with_choices()


def _settings(config: TextConfig) -> list[Any]:
    """All that determines how a corpus is prepared once it is read."""
    t, corpus = config.tokenizer, asdict(config.corpus) | {"train": None, "test": config.corpus.test is None}
    file = Path(t.file).read_text(encoding="utf-8", errors="replace") if t.file and Path(t.file).is_file() else None
    return [corpus, asdict(t) | {"file": file}, config.condition.length, config.critic.windows]


class TextTask(task.Task[TextConfig]):
    """The task of a run on text, whose samples are rows of token ids.

    Args:
        config: the experiment.
        corpus: the training and the held-out sentences.
        tokenizer: the tokenizer of the sentences.
        condition: the kind of their condition, if they have one.
        folder: the folder of the prepared corpus; None for sentences in memory.
    """

    EXAMPLE = "--num 1000 --out samples.txt"
    EVALUATOR = text_evaluator.Evaluator

    def __init__(
        self,
        config: TextConfig,
        corpus: Corpus,
        tokenizer: Tokenizer,
        condition: Condition | None = None,
        folder: Path | None = None,
    ):
        self.config, self.corpus, self.tokenizer, self.condition = config, corpus, tokenizer, condition
        self.folder = folder
        if condition:
            self.EXAMPLE = condition.EXAMPLE

    @classmethod
    def load(cls, config: TextConfig, check: Callable[[TextTask], None] | None = None) -> TextTask:
        """Load the corpus, learn or load the tokenizer, and prepare both in a folder of files.

        Sentences are cut to `tokenizer.length`, held-out ones too, since samples are compared with them.

        Args:
            check: gets the task of every new corpus before it is kept; it raises a UserError for one that cannot train.

        Raises:
            UserError: the corpus or the tokenizer cannot be loaded, or `check` raises it.
        """
        scratch = cache.Scratch()
        try:
            with failing(scratch.path):
                corpus = load_corpus(config.corpus, scratch.path / "source")
                name = cache.identity(scratch.path / "source", _settings(config))
                folder = cache.find(name)
                if folder is None:
                    folder = cache.keep(cls._prepare(config, corpus, scratch.path / "prepared", check), name)
                shutil.rmtree(scratch.path / "source")
                facts = Prepared.read(folder).facts
                tokens = len(Tokenizer.load(folder / TOKENIZER))
                task = cls.read(_settled(config, facts.kind, tokens, facts.length), folder)
                task._check(check)
        except OSError as error:
            scratch.remove()
            raise UserError(
                f"{error.filename}: the corpus cannot be prepared there ({error.strerror}): make room, or let "
                "SEQGAN_GP_CACHE name a folder on another disk"
            ) from None
        except BaseException:
            scratch.remove()
            raise
        weakref.finalize(task.corpus, scratch.remove)
        return task

    @classmethod
    def _prepare(
        cls, config: TextConfig, corpus: Corpus, folder: Path, check: Callable[[TextTask], None] | None
    ) -> Path:
        """Choose what the config leaves open, and write the files that `read` reads."""
        t, kind, train, test = config.tokenizer, config.tokenizer.kind, corpus.train, corpus.test
        if t.file:
            tokenizer = Tokenizer.load(t.file)
            tokenizer.check_size(t.vocabulary or TOKENS)
            kind = kind or tokenizer.kind
        else:
            kind = kind or kind_of(train.text, t.vocabulary, t.lowercase)
            contexts = train.given if train.given is not None and config.corpus.context else ()
            texts = progress(itertools.chain(train.text, contexts), "learning the tokens", len(train) + len(contexts))
            tokenizer = Tokenizer.train(kind, texts, t.vocabulary or vocabulary_of(kind), t.lowercase)
        # A window of the critic must fit into a sequence.
        length = t.length or max(length_of(train.text, tokenizer), config.critic.windows)
        settled = _settled(config, kind, len(tokenizer), length)
        condition = networks.condition_of(settled, tokenizer, lambda: Labels.of(train.given or [], test.given or []))
        task = cls(settled, corpus, tokenizer, condition)
        task._check(check)
        prepared.write(folder, train, test, tokenizer, kind, length, condition)
        task.save(folder)
        return folder

    def _check(self, check: Callable[[TextTask], None] | None) -> None:
        self.adherence()  # refuses a grammar that does not know the conditions
        if check:
            check(self)

    @classmethod
    def is_local(cls, config: TextConfig) -> bool:
        names = [name for name in (config.corpus.train, config.corpus.test) if name]
        return any(Path(name.removeprefix(GRAMMAR)).exists() for name in names)

    def same_data(self, other: TextTask) -> bool:
        return (self.corpus.train, self.corpus.test) == (other.corpus.train, other.corpus.test)

    @classmethod
    def read(cls, config: TextConfig, run: Path) -> TextTask:
        """Read the files that `write` wrote, and the grammar that the sentences were drawn from."""
        given = config.corpus.given is not None
        train, test = (Sentences.read(run / prepared.CORPUS / name, given) for name in ("train", "test"))
        corpus, tokenizer = Corpus(train, test, load_grammar(config.corpus.train)), Tokenizer.load(run / TOKENIZER)
        condition = networks.condition_of(config, tokenizer, lambda: Labels.load(run / LABELS))
        return cls(config, corpus, tokenizer, condition, run)

    def write(self, run: Path) -> None:
        """Write the prepared corpus; see `text.prepared`."""
        assert self.folder
        for path in (self.folder / prepared.CORPUS).iterdir():
            copy_file(path, run / prepared.CORPUS / path.name)
        self.save(run)

    def save(self, folder: Path) -> None:
        """Write the tokenizer, and the labels if there are any."""
        self.tokenizer.save(folder / TOKENIZER)
        if self.condition:
            self.condition.save(folder / LABELS)

    @functools.cached_property
    def prepared(self) -> Prepared:
        """The training sentences as numbers. Sentences in memory are prepared at the first use."""
        if self.folder:
            return Prepared.read(self.folder)
        with tempfile.TemporaryDirectory() as folder:
            t, path = self.config.tokenizer, Path(folder)
            train, test = self.corpus.train, self.corpus.test
            prepared.write(path, train, test, self.tokenizer, t.kind, t.positions, self.condition)
            return Prepared.read(path, in_memory=True)

    @property
    def real(self) -> Rows:
        """The token ids of the training sentences, (N, L)."""
        return self.prepared.ids

    @property
    def condition_rows(self) -> Rows | None:
        return self.prepared.given

    def adherence(self) -> Adherence | None:
        """Build the measure of how far sentences keep to their condition; None without a condition or a grammar.

        Raises:
            UserError: the grammar does not know the conditions of the sentences.
        """
        return self.condition.adherence(self.corpus.grammar) if self.condition and self.corpus.grammar else None

    def describe(self) -> list[str]:
        corpus, facts, t = self.corpus, self.prepared.facts, self.config.tokenizer
        sizes = f"{len(corpus.train):,} training and {len(corpus.test):,} held-out sentences"
        lines = [f"{sizes}, {len(self.tokenizer):,} tokens"]
        if t.kind == "word" and not t.file and unit_of(corpus.train.text) != "word":
            lines.append(
                "the sentences have no spaces between words, so that a whole clause is one word: "
                "--tokenizer.kind character suits them"
            )
        if not corpus.grammar and facts.copies:
            lines.append("every held-out sentence is a training sentence: the scores do not tell learning from copying")
        if facts.truncated:
            lines.append(
                f"{facts.truncated:,} training sentences are longer than tokenizer.length={t.length} and were cut"
            )
        if facts.unknown:
            lines.append(
                f"{facts.unknown:.2%} of the training tokens are unknown (tokenizer.vocabulary={t.vocabulary})"
            )
        if self.condition and corpus.train.given is not None:
            lines.append(self.condition.describe(corpus.train.given))
        if len(corpus.train) > text_evaluator.COMPARED:
            lines.append(
                f"the scores during training look at {text_evaluator.COMPARED:,} of the sentences, evenly spaced"
            )
        return lines

    def resized(self, config: TextConfig) -> TextTask:
        other = super().resized(config)
        if config.tokenizer.vocabulary:
            other.tokenizer = cast(Tokenizer, sizes.First(self.tokenizer, config.tokenizer.vocabulary))
        return other

    def batch_needs(self, rows: int) -> float:
        return sizes.batch_needs(self.config, len(self.tokenizer), rows)

    def build_generator(self) -> nn.Module:
        return networks.build_generator(self.config, self.tokenizer, self.condition)

    def build_reviser(self) -> nn.Module:
        return networks.build_reviser(self.config, self.tokenizer, self.condition)

    def revising(self, draft: nn.Module, reviser: nn.Module) -> RevisingGenerator:
        return networks.revising(self.config, draft, reviser)

    def build_critic(self) -> nn.Module:
        return networks.build_critic(self.config, self.tokenizer, self.condition)

    @property
    def relaxation(self) -> Relaxation:
        return networks.make_relaxation(self.config)

    def player(self, generator: nn.Module) -> RelaxedGenerator:
        kind = RelaxedReviser if isinstance(generator, RevisingGenerator) else RelaxedGenerator
        return kind(generator, self.relaxation)

    def look(self, player: nn.Module, noise: Tensor, condition: Tensor | None) -> tuple[Any, dict[str, float]]:
        """Tokens of a player, and `undecided`: the mean probability of all tokens but the most probable one.

        The critic learns from the most probable tokens alone, unless the relaxation draws them or gives soft ones.
        """
        assert isinstance(player, RelaxedGenerator)
        logits = player.logits(noise, condition)
        most = logits.softmax(dim=-1).amax(dim=-1)
        return player.relaxation.detached(logits), {"undecided": 1 - most.mean().item()}

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
            assert isinstance(discriminator, CriticNetwork) and self.config.reranker
            reranking = pretrained.Reranking.of(self.config.reranker, discriminator, self.tokenizer)
        return pretrained.Generator(generator, self.tokenizer, condition=self.condition, reranking=reranking)

    def evaluator(self) -> text_evaluator.Evaluator:
        return text_evaluator.Evaluator(
            self.corpus, self.tokenizer.unit, self.config.evaluation.samples, self.adherence()
        )
