"""The keys of the data of a run on text: corpus, tokenizer and condition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from ..errors import UserError
from ..fields import Name, NonNegativeDepth, NonNegativeInt, OneOf, Path, PositiveInt
from ..text.cutting import cutter
from ..text.kinds import KINDS


@dataclass
class CorpusConfig:
    """Real sentences.

    Args:
        train: Training sentences: grammar:NAME (a grammar of data/, or its path), a file (.txt with one sentence a
            line, .csv, .tsv, .json, .jsonl, .parquet; FASTA, as .fasta, .fa, .faa or .fna; each also packed: .gz,
            .zst, .xz, .bz2), a folder of such files, or a hub id.
        test: Held-out sentences, in the form of `train`; default: the split named test if the data set has one, else
            `holdout` sentences of `train`.
        column: Column of the text; a .txt file has only the default column.
        split: How to cut text that has no sentence on each line: sentences (at sentence ends), words:N or
            characters:N (windows of N, which do not overlap); default: each line or row is a sentence.
        uppercase: Turn the letters of the sentences into capitals; genes often mix both.
        label: Column of a class for each sentence, the condition of the generator; for a grammar: label; for FASTA:
            header, or id, its first word.
        label_pattern: Regular expression whose first group is the label within the label column, such as
            organism=(\\w+) in a header.
        context: Column of a text that each sentence answers; for a grammar of pairs: context.
        size: Number of training sentences to draw from a grammar.
        holdout: Number of sentences to hold out if `test` is not set; default: 2,000 or a tenth of all, whichever is
            less.
        streaming: Number of rows to take of a hub data set, the first ones, without downloading the others; default:
            the whole data set.
        seed: Seed of the draw and of the split. `--seed` does not change it.
    """

    train: Path = "grammar:text"
    test: Path | None = None
    column: Name = "text"
    split: Name | None = None
    uppercase: bool = False
    label: Name | None = None
    label_pattern: Name | None = None
    context: Name | None = None
    size: PositiveInt = 50_000
    holdout: PositiveInt | None = None
    streaming: PositiveInt | None = None
    seed: NonNegativeInt = 0

    @property
    def given(self) -> str | None:
        """The column of the condition; None without one."""
        return self.label or self.context

    def check(self, name: str) -> None:
        """Raise a UserError for fields that contradict one another; `name` is the section's."""
        if self.label and self.context:
            raise UserError(f"{name}.label and {name}.context are both given: leave one of them out")
        if self.given == self.column:
            raise UserError(f"{name}.label or {name}.context must name a column other than {name}.column")
        if self.split is not None:
            cutter(self.split, f"{name}.split")
        if self.label_pattern is not None:
            self._check_pattern(name)
        if self.train.startswith("grammar:"):
            for key in ("split", "uppercase", "label_pattern"):
                if getattr(self, key):
                    raise UserError(f"{name}.{key} is for files and the hub: leave it out with a grammar")
        if self.holdout == 1:
            raise UserError(f"{name}.holdout is 1: at least 2 held-out sentences are needed to score with")

    def _check_pattern(self, name: str) -> None:
        """Raise a UserError if no label can be found with the pattern."""
        if not self.label:
            raise UserError(f"{name}.label_pattern is given without {name}.label: name the column that it is for")
        try:
            groups = re.compile(str(self.label_pattern)).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise UserError(f"{name}.label_pattern '{self.label_pattern}' is no regular expression ({error})") from None
        if not groups:
            raise UserError(
                f"{name}.label_pattern '{self.label_pattern}' has no group: put the part that is the label in (...)"
            )


CHOSEN = ("kind", "vocabulary", "length")  # keys of `tokenizer` that are chosen from the corpus by default


@dataclass
class TokenizerConfig:
    """The tokenizer, from sentences to token ids.

    Args:
        kind: Kind of tokens: word (words and punctuation marks), character, or bpe (pieces of words, learned from the
            corpus); default: character where words have no spaces between them; else word if there is room for all
            words in `vocabulary` tokens, or in 1,000 if you give no number; else bpe, unless characters alone take
            half of that room.
        vocabulary: Largest number of tokens, including padding, unknown and end; rarer words and characters become
            unknown. Default: 1,000 for bpe, and 5,000 for the others.
        length: Positions of a sequence, in tokens including the end token; longer sentences are cut and counted;
            default: the longest sentence, but at most 32 unless over 1 in 100 is longer, and never over 128.
        lowercase: Convert to lower case before tokenizing.
        file: A tokenizer.json to use in place of a new tokenizer; it then determines `kind` and `lowercase`.
    """

    kind: Annotated[str, OneOf(KINDS)] | None = None
    vocabulary: PositiveInt | None = None
    length: PositiveInt | None = None
    lowercase: bool = False
    file: Path | None = None

    @property
    def positions(self) -> int:
        """The value of `length`.

        Raises:
            UserError: the length has not been chosen from the corpus yet.
        """
        if self.length is None:
            raise UserError("tokenizer.length is not chosen yet: give it, or load the corpus first")
        return self.length


@dataclass
class ConditionConfig:
    """The encoders of a label or a context in generator and critic. They have no effect without one.

    Args:
        features: Features of a label, or of a context at each position of the answer.
        blocks: Convolutional blocks that read a context.
        kernel: Positions that one convolution over a context sees (odd).
        heads: Attention heads of a position of the answer over the context. They share the features.
        length: Positions of a context, in tokens including the end token; longer ones are cut; default:
            tokenizer.length.
    """

    features: PositiveInt = 64
    blocks: NonNegativeDepth = 1
    kernel: PositiveInt = 3
    heads: PositiveInt = 4
    length: PositiveInt | None = None

    def check(self, name: str) -> None:
        if self.kernel % 2 == 0:
            raise UserError(f"{name}.kernel is {self.kernel}: it must be odd, to see as far left as right")
