"""An experiment on text and other sequences of tokens."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from ..adversarial.constraints import PARAMETRIZATIONS
from ..errors import UserError
from ..fields import NonNegativeInt, OneOf, PositiveFloat, PositiveInt, UnitInterval
from ..modality import TEXT, modality
from ..models.generator import GeneratorNetwork
from ..models.relaxations import RELAXATIONS
from ..text.cutting import cutter
from ..text.tokenizer import KINDS
from .blocks import Blocks
from .experiment import Experiment, OptimizerConfig, RerankingConfig


@dataclass
class CorpusConfig:
    """Real sentences.

    Args:
        train: Training sentences: grammar:NAME (a grammar of data/, or its path), a file (.txt with one sentence a
            line, .csv, .tsv, .json, .jsonl, .parquet; .fa, .fasta, .faa or .fna with records; each also packed: .gz,
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
        seed: Seed of the draw and of the split. `--seed` does not change it.
    """

    train: str = "grammar:text"
    test: str | None = None
    column: str = "text"
    split: str | None = None
    uppercase: bool = False
    label: str | None = None
    label_pattern: str | None = None
    context: str | None = None
    size: PositiveInt = 50_000
    holdout: PositiveInt | None = None
    seed: NonNegativeInt = 0

    @property
    def given(self) -> str | None:
        """The column of the condition; None without one."""
        return self.label or self.context

    def check(self, name: str) -> None:
        """Raise a UserError for fields that contradict one another; `name` is the section's."""
        if self.label and self.context:
            raise UserError(f"{name}.label and {name}.context are both given: leave one of them out")
        if self.given in (self.column, ""):
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


CHOSEN = ("kind", "length")  # keys of `tokenizer` that are chosen from the corpus by default


@dataclass
class TokenizerConfig:
    """The tokenizer, from sentences to token ids.

    Args:
        kind: Kind of tokens: word (words and punctuation marks), character, or bpe (byte-level pieces learned from the
            corpus); default: character where words have no spaces between them, else word.
        vocabulary: Largest number of tokens, including padding, unknown and end; rarer words and characters become
            unknown.
        length: Positions of a sequence, in tokens including the end token; longer sentences are cut and counted;
            default: the longest sentence, but at most 32 unless over 1 in 100 is longer, and never over 128.
        lowercase: Convert to lower case before tokenizing.
        file: A tokenizer.json to use in place of a new tokenizer; it then determines `kind` and `lowercase`.
    """

    kind: Annotated[str, OneOf(KINDS)] | None = None
    vocabulary: PositiveInt = 5_000
    length: PositiveInt | None = None
    lowercase: bool = False
    file: str | None = None

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
    blocks: NonNegativeInt = 1
    kernel: PositiveInt = 3
    heads: PositiveInt = 4
    length: PositiveInt | None = None

    def check(self, name: str) -> None:
        if self.kernel % 2 == 0:
            raise UserError(f"{name}.kernel is {self.kernel}: it must be odd, to see as far left as right")


@dataclass(kw_only=True)
class GeneratorConfig(Blocks):
    """The generator, from noise to the logits of a whole sequence.

    Args:
        noise: Size of the normal noise for the whole sequence.
        position_noise: Size of the further normal noise for each position.
    """

    DEFAULTS = GeneratorNetwork.DEFAULTS

    noise: NonNegativeInt = 128
    position_noise: NonNegativeInt = 0

    def check(self, name: str) -> None:
        super().check(name)
        if self.noise + self.position_noise == 0:
            raise UserError(f"{name}.noise and {name}.position_noise are both 0: one of them must be at least 1")


@dataclass
class RelaxationConfig:
    """The relaxation, from logits to tokens with a gradient.

    Args:
        kind: softmax (soft tokens), straight-through (one-hot, the most probable token, with the gradient of the
            softmax), gumbel (soft tokens sampled with Gumbel noise) or straight-through-gumbel (one-hot, a sampled
            token).
        temperature: Temperature of the softmax, over 0.
    """

    kind: Annotated[str, OneOf(RELAXATIONS)] = "straight-through"
    temperature: PositiveFloat = 1.0


@dataclass(kw_only=True)
class CriticConfig(Blocks):
    """The critic, from unit-norm token embeddings to one score.

    Args:
        embedding: Dimensions of a token's embedding.
        embedding_std: Standard deviation of the raw embeddings at the start, before they are normalised; smaller
            embeddings rotate faster.
        windows: Positions of a window. The mean score of all windows is added to that of the sequence; 0 for none.
        parametrization: Parametrization of every weight matrix behind the embedding: none, spectral (largest singular
            value 1; Miyato et al. 2018) or weight (each row a direction and a length; Salimans and Kingma 2016).
    """

    embedding: PositiveInt = 32
    embedding_std: PositiveFloat = 0.2
    windows: NonNegativeInt = 3
    parametrization: Annotated[str, OneOf(PARAMETRIZATIONS)] = "none"


@dataclass
class LanguageModelConfig:
    """The language model of method likelihood, an LSTM. Its output layer shares the token embeddings.

    Args:
        embedding: Dimensions of a token's embedding.
        width: Units of every LSTM layer.
        layers: Number of LSTM layers.
        dropout: Fraction of the embeddings and of every layer's outputs set to zero in training, below 1.
    """

    embedding: PositiveInt = 64
    width: PositiveInt = 192
    layers: PositiveInt = 1
    dropout: UnitInterval = 0.1

    def check(self, name: str) -> None:
        if self.dropout == 1:
            raise UserError(f"{name}.dropout is 1: nothing would be left; give a fraction below 1, such as 0.2")


@dataclass
class LikelihoodConfig:
    """Training by maximum likelihood. Sampling uses the best weights on validation sentences.

    After `patience` validations without a new best loss, training goes back to the best weights and lowers the learning
    rate. If it has already done so `decays` times, it ends. It ends after `train.steps` at the latest.

    Args:
        optimizer: The language model's optimiser.
        clip: Largest norm of the gradient of the mean loss per token; larger gradients are scaled down to it.
        validation: Training sentences to use for validation only; default: 2,000 or a twentieth of all, whichever is
            less.
        validate_every: Steps between two validations; the last step is always validated.
        patience: Validations without a new best loss before the learning rate is lowered.
        decay: Factor of the learning rate each time, below 1.
        decays: Number of times to lower the learning rate.
    """

    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=3e-3))
    clip: PositiveFloat = 1.0
    validation: PositiveInt | None = None
    validate_every: PositiveInt = 200
    patience: PositiveInt = 3
    decay: PositiveFloat = 0.3
    decays: NonNegativeInt = 3

    def check(self, name: str) -> None:
        if self.decay >= 1:
            raise UserError(f"{name}.decay is {self.decay}: it must be below 1, to lower the rate")


@dataclass(kw_only=True)
class TextConfig(Experiment):
    """An experiment on text and other sequences of tokens.

    Args:
        modality: Kind of samples: text, or any sequence of tokens.
        method: Method of training: adversarial (generator and critic, WGAN-GP) or likelihood (a language model, by
            maximum likelihood). The sections of the other method have no effect.
    """

    SOURCES = ("corpus.train", "corpus.test")

    modality: Literal["text"] = "text"
    method: Annotated[str, OneOf(modality(TEXT).methods)] = "adversarial"
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig.new)
    relaxation: RelaxationConfig = field(default_factory=RelaxationConfig)
    critic: CriticConfig = field(default_factory=CriticConfig.new)
    reranking: RerankingConfig = field(default_factory=RerankingConfig)
    language_model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    likelihood: LikelihoodConfig = field(default_factory=LikelihoodConfig)

    @property
    def reranker(self) -> RerankingConfig | None:
        return self.reranking if self.reranking.candidates > 1 else None

    def settled(self, saved: Self) -> Self:
        chosen = {name: getattr(saved.tokenizer, name) for name in CHOSEN if getattr(self.tokenizer, name) is None}
        return dataclasses.replace(self, tokenizer=dataclasses.replace(self.tokenizer, **chosen))

    def check(self) -> None:
        super().check()
        length = self.tokenizer.length
        if length and self.method == "adversarial" and self.critic.windows > length:
            windows = f"critic.windows is {self.critic.windows}"
            raise UserError(f"{windows}: a window cannot be longer than tokenizer.length, {length}")
        if self.corpus.given and self.method != "adversarial":
            raise UserError(f"method {self.method} takes no corpus.label and no corpus.context: leave them out")
        if self.corpus.context and self.condition.features % self.condition.heads:
            sizes = f"condition.features is {self.condition.features} and condition.heads {self.condition.heads}"
            raise UserError(f"{sizes}: the heads share the features, so it must be a multiple of them")
        if self.corpus.uppercase and self.tokenizer.lowercase:
            raise UserError("corpus.uppercase and tokenizer.lowercase are both true: leave one of them out")
        if self.evaluation.samples < 2:
            raise UserError("evaluation.samples is 1: self-BLEU needs at least 2")
