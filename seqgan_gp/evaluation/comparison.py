"""The description of a comparison: the real text, the families of scores and their settings, made from the options."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from ..scoring import AGAINST_TRAINING
from ..text.grammar import Grammar
from ..text.reading import read_sentences as read_rows
from .encoders import FitEncoder, load_encoder, lsa
from .families import ALL, VALID, Family, choose_families, with_cap
from .notes import choose_unit
from .real import FittedReal, draw_twice, random_halves, random_subset
from .rules import Rule, load_rule
from .scorer import Scored, Scorer
from .training_model import TrainingModel

LOOKED_AT = 200  # sentences of a grammar that tell how its words stand
NO_REAL_TEXT = "real sentences are needed to compare with: pass --reference FILE, or --grammar NAME to draw them"


@dataclass(frozen=True)
class Sources:
    """The names of files and of a grammar that real text comes from, as the user wrote them.

    Args:
        reference: held-out sentences that samples are compared with.
        grammar: the grammar that real text is drawn from.
        train: training sentences.
        real: sentences that are scored like one more system.
        column: the column that holds the text, in files that have columns.
    """

    reference: str | None
    grammar: str | None
    train: str | None
    real: str | None = None
    column: str = "text"

    @classmethod
    def of(cls, options: argparse.Namespace) -> Sources:
        """The sources that the options of a command name."""
        return cls(options.reference, options.grammar, options.train, getattr(options, "real", None), options.column)

    def read(self, file: str) -> list[str]:
        """Read the sentences of a file of real text that are not blank."""
        return [line for line in read_rows(file, self.column) if line.strip()]

    @classmethod
    def of_run(cls, checkpoint: Path, train: str | None, real: str | None) -> Sources:
        """The corpus of a run.

        Args:
            checkpoint: of the run.
            train, real: as above; without `train` it is the training file of the run.

        Raises:
            UserError: the corpus is not beside the checkpoint, or is damaged.
        """
        from ..artefacts import check_data, read_config
        from ..config.text import TextConfig
        from ..text.corpus import GRAMMAR

        corpus = checkpoint.parent.parent / "corpus"
        check_data(checkpoint.parent.parent)
        source, reference, grammar = read_config(checkpoint, TextConfig).corpus.train, None, None
        if source.startswith(GRAMMAR):
            grammar = source.removeprefix(GRAMMAR)
        elif (corpus / "test.txt").is_file():
            reference = str(corpus / "test.txt")
        else:
            raise UserError(f"{checkpoint} stands without its run's corpus: pass --reference FILE")
        if not train and (corpus / "train.txt").is_file():
            train = str(corpus / "train.txt")
        return cls(reference, grammar, train, real)


@dataclass(frozen=True)
class RealSystem:
    """Real sentences that are scored like the samples of one more system.

    Args:
        sentences: the sentences.
        are_training: whether they are the training sentences themselves.
    """

    sentences: list[str]
    are_training: bool = False

    def score(self, scorer: Scorer, size: int, real: FittedReal) -> Scored:
        """The scores of `size` of the sentences.

        The novelty of training sentences means nothing, so it is undefined. A language model has learned from them, so
        its nats on them mean nothing either. Its nats on the reference, which it has not seen, take their place.
        """
        scored = scorer("real", random_subset(self.sentences, size), real)
        if not self.are_training:
            return scored

        def corrected(scores: dict) -> dict:
            scores = scores | {key: None for key in AGAINST_TRAINING if key in scores}
            return scores | ({"lm_nll": scores["reverse_lm_nll"]} if "lm_nll" in scores else {})

        return replace(scored, values=corrected(scored.values), intervals=corrected(scored.intervals))


@dataclass(frozen=True)
class Comparison:
    """How samples are compared with real text.

    Args:
        sources: the names of the real text.
        grammar, training: the grammar and the training sentences, if they are known.
        families: the families of scores, by name.
        encoder, fit_encoder: the sentence encoder, by the name that the user gave and as a function.
        unit: the tokens of n-grams, "word" or "character".
        seed: of sentences that are drawn.
        bootstrap: repetitions for the intervals; 0 for none.
        model: the language model of the training sentences, which all systems share. It is trained at its first use.
        reference: the sentences of the file of the reference, if there is one.
        rule: says which sentences are valid, if the user gives one.
    """

    sources: Sources
    grammar: Grammar | None
    training: list[str] | None
    families: dict[str, Family]
    encoder: str
    fit_encoder: FitEncoder
    unit: str
    seed: int
    bootstrap: int
    model: TrainingModel | None
    reference: list[str] | None = None
    rule: Rule | None = None

    @property
    def scorer(self) -> Scorer:
        """The scorer of every system."""
        return Scorer(self.families, self.bootstrap)

    def against(self, reference: Sequence[str]) -> FittedReal:
        """Real text with this reference."""
        return FittedReal(reference, self.training, self.grammar, self.unit, self.fit_encoder, self.model, self.rule)

    def draw_twice(self, size: int) -> tuple[list[str], list[str]]:
        """Two independent lists of `size` sentences of the grammar.

        Raises:
            UserError: there is no grammar.
        """
        if self.grammar is None:
            raise UserError(NO_REAL_TEXT)
        return draw_twice(self.grammar, self.seed, size)

    def real_text(self, size: int) -> tuple[FittedReal, RealSystem]:
        """The reference of all systems, and real sentences that are scored like a system: those of --real, else those
        of --train, else one half of the reference, and then the other half alone is the reference. Where no file is
        given, both are `size` sentences of the grammar.

        Raises:
            UserError: a file cannot be read or has too few sentences.
        """
        if self.reference is None or self.sources.reference is None:
            system, reference = self.draw_twice(size)
            return self.against(reference), RealSystem(system)
        reference = self.reference
        if self.sources.real:
            return self.against(reference), _real_system(self.sources.read(self.sources.real), self.sources.real)
        if self.training:
            return self.against(reference), _real_system(self.training, str(self.sources.train), are_training=True)
        system, reference = random_halves(reference, self.sources.reference)
        return self.against(reference), RealSystem(system)


def _real_system(sentences: list[str], file: str, are_training: bool = False) -> RealSystem:
    if len(sentences) < 2:
        raise UserError(f"{file}: too few sentences to score like a system; at least 2 real ones are needed")
    return RealSystem(sentences, are_training)


def from_options(options: argparse.Namespace, sources: Sources | None = None) -> Comparison:
    """The comparison that the options of evaluate, compare or sweep describe.

    Args:
        sources: real text in place of that which the options name.

    Raises:
        UserError: there is no real text, a file cannot be read, or a family is unknown or lacks what it needs.
    """
    sources = sources or Sources.of(options)
    if not (sources.reference or sources.grammar):
        raise UserError(NO_REAL_TEXT)
    rule = load_rule(options.valid) if options.valid is not None else None  # bad ones are refused before files are read
    grammar = Grammar.load(sources.grammar) if sources.grammar else None
    reference = sources.read(sources.reference) if sources.reference else None
    training = sources.read(sources.train) if sources.train else None
    # A rule is given for its scores, whatever other ones are asked for.
    asked = [*options.metrics, VALID] if rule and options.metrics and options.metrics != [ALL] else options.metrics
    families = choose_families(asked, grammar is not None, training is not None, rule is not None)
    families = with_cap(families, options.cap)
    unit = _unit(options.unit, reference, grammar, sources)
    needs_encoder = any(family.needs == "encoder" for family in families.values())
    return Comparison(
        sources=sources,
        grammar=grammar,
        training=training,
        families=families,
        encoder=options.encoder,
        fit_encoder=load_encoder(options.encoder) if needs_encoder else lsa,
        unit=unit,
        seed=options.seed,
        bootstrap=_checked_bootstrap(options.bootstrap),
        model=TrainingModel(training, unit) if training else None,
        reference=reference,
        rule=rule,
    )


def _unit(asked: str | None, reference: list[str] | None, grammar: Grammar | None, sources: Sources) -> str:
    """The unit of n-grams, with a line to the user where it is another one than words, or should be."""
    if reference is not None:
        real, name = reference, str(sources.reference)
    else:
        assert grammar is not None
        real, name = list(itertools.islice(grammar.sentences(0), LOOKED_AT)), f"the grammar {sources.grammar}"
    unit, line = choose_unit(asked, real, name)
    if line:
        print(line, file=sys.stdout if asked is None else sys.stderr)
    return unit


def _checked_bootstrap(pairs: int) -> int:
    """The number of pairs of halves; one pair has no spread.

    Raises:
        UserError: it is 1.
    """
    if pairs == 1:
        raise UserError("--bootstrap is 1: give at least 2 pairs of halves, or 0 for no intervals")
    return pairs
