"""An experiment on text and other sequences of tokens."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self, get_type_hints

from ..adversarial.constraints import PARAMETRIZATIONS
from ..errors import UserError
from ..fields import NonNegativeInt, OneOf, PositiveFloat, PositiveInt, UnitInterval, check
from ..modality import TEXT, modality
from ..models.backbones import BACKBONES, options_of
from ..models.generator import GeneratorNetwork
from ..models.relaxations import RELAXATIONS
from ..text.tokenizer import KINDS
from .experiment import Experiment, OptimizerConfig, RerankingConfig


@dataclass
class CorpusConfig:
    """Real sentences.

    Args:
        train: Training sentences: grammar:NAME (a grammar of data/, or the path of one), a file (.txt with one
            sentence a line, .csv, .tsv, .json, .jsonl, .parquet), a folder of such files, or a hub id.
        test: Held-out sentences, given like `train`; default: the split named test if the data set has one, else
            `holdout` sentences of `train`.
        column: Column that holds the text; a .txt file has no other than the default.
        label: Column that holds a class for each sentence, which the generator is then given; of a grammar: label.
        context: Column that holds a text for each sentence, which it answers; of a grammar of pairs: context.
        size: Number of training sentences to draw from a grammar.
        holdout: Number of sentences to hold out where `test` is not given; default: 2,000, or a tenth of all where
            that is less.
        seed: Seed of the draw and of the split; it stays the same while `--seed` varies the training.
    """

    train: str = "grammar:text"
    test: str | None = None
    column: str = "text"
    label: str | None = None
    context: str | None = None
    size: PositiveInt = 50_000
    holdout: PositiveInt | None = None
    seed: NonNegativeInt = 0

    @property
    def given(self) -> str | None:
        """The column of what each sentence is given, if it is given something."""
        return self.label or self.context

    def check(self, name: str) -> None:
        """Raise a UserError for fields that contradict one another; `name` is the section's."""
        if self.label and self.context:
            raise UserError(f"{name}.label and {name}.context are both given: leave one of them out")
        if self.given in (self.column, ""):
            raise UserError(f"{name}.label or {name}.context must name a column, another one than {name}.column")
        if self.holdout == 1:
            raise UserError(f"{name}.holdout is 1: at least 2 held-out sentences are needed to score with")


CHOSEN = ("kind", "length")  # keys of `tokenizer` that are chosen from the corpus unless they are given


@dataclass
class TokenizerConfig:
    """Sentences to token ids.

    Args:
        kind: Tokens: word (words and punctuation marks), character, or bpe (byte-level pieces learned from the
            corpus); default: character where words have no spaces between them, else word.
        vocabulary: Largest number of tokens, with padding, unknown and end; rarer words and characters become
            unknown.
        length: Positions of a sequence, in tokens with the end token; longer sentences are cut and counted; default:
            the longest sentence, but no more than 32 unless over 1 in 100 is longer, and never over 128.
        lowercase: Fold case before tokenizing.
        file: A tokenizer.json to use in place of a new one; `kind` and `lowercase` are then its own.
    """

    kind: Annotated[str, OneOf(KINDS)] | None = None
    vocabulary: PositiveInt = 5_000
    length: PositiveInt | None = None
    lowercase: bool = False
    file: str | None = None

    @property
    def positions(self) -> int:
        """`length`, once it is known.

        Raises:
            UserError: it is to be chosen from a corpus that has not been loaded.
        """
        if self.length is None:
            raise UserError("tokenizer.length is not chosen yet: give it, or load the corpus first")
        return self.length


@dataclass
class ConditionConfig:
    """What generator and critic each make of a label or a context; of no effect without one.

    Args:
        features: Numbers that a label, or a context at each position of its answer, becomes.
        blocks: Convolutional blocks that read a context.
        kernel: Positions that one convolution over a context sees (odd).
        heads: Places of a context that one position of the answer can look at; they share the features out.
        length: Positions of a context, in tokens with the end token; longer ones are cut; default: tokenizer.length.
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
class Blocks:
    """The keys that generator and critic share: a backbone, and the options of that one.

    Args:
        backbone: The blocks: convolutional (a ResNet over neighbours), recurrent (in turn from the left and from the
            right) or attention (of all positions to all).
        width: Channels of every hidden layer.
        blocks: Number of residual blocks.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {}  # of options, where they are not those of the backbone

    backbone: Annotated[str, OneOf(BACKBONES)] = "convolutional"
    width: PositiveInt = 64
    blocks: NonNegativeInt = 2

    @classmethod
    def new(cls, backbone: str = "convolutional") -> Self:
        """The section with the options of a backbone as further fields, all at their defaults."""
        kind: Any = cls.section()
        options: Any = options_of(backbone)
        return _with_options(kind, options)(backbone=backbone)

    @classmethod
    def section(cls) -> type[Self]:
        """The section without the options of a backbone."""
        return next(kind for kind in cls.__mro__ if not hasattr(kind, "OPTIONS"))

    def variant(self, values: Mapping[str, Any], prefix: str) -> Self:
        """The section with the options of the backbone that `values` ask for. Another backbone than before starts from
        its own defaults."""
        asked = values.get("backbone", self.backbone)
        hint = Annotated[str, OneOf(BACKBONES)]
        if check(f"{prefix}backbone", hint, asked) == self.backbone:
            return self
        return dataclasses.replace(type(self).new(asked), **self.shared)

    def variants(self) -> dict[str, Self]:
        """The section of every backbone."""
        return {f"backbone={name}": type(self).new(name) for name in BACKBONES}

    @property
    def options(self) -> dict[str, Any]:
        """The options of the backbone."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(options_of(self.backbone))}

    @property
    def shared(self) -> dict[str, Any]:
        """The fields that do not depend on the backbone, but for its name."""
        names = {f.name for f in dataclasses.fields(self)} - self.options.keys() - {"backbone"}
        return {name: getattr(self, name) for name in names}

    def check(self, name: str) -> None:
        try:
            options_of(self.backbone)(**self.options).check(self.width)
        except ValueError as error:
            raise UserError(f"{name}.{error}") from None


@dataclass(kw_only=True)
class GeneratorConfig(Blocks):
    """The generator, from noise to the logits of a whole sequence.

    Args:
        noise: Size of the normal noise that the whole sequence shares.
        position_noise: Size of the normal noise that each position has to itself.
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
    """From logits to a sequence that gradients flow through.

    Args:
        kind: softmax (soft tokens), straight-through (one-hot of the most probable token, gradient of the softmax),
            gumbel (soft tokens sampled with Gumbel noise) or straight-through-gumbel (one-hot of a sampled token).
        temperature: Temperature of the softmax, over 0.
    """

    kind: Annotated[str, OneOf(RELAXATIONS)] = "straight-through"
    temperature: PositiveFloat = 1.0


@dataclass(kw_only=True)
class CriticConfig(Blocks):
    """The critic, from unit-norm token embeddings to one score.

    Args:
        embedding: Dimensions of a token's embedding.
        embedding_std: Standard deviation of the raw embeddings at the start, before they are normalised; smaller ones
            rotate faster.
        windows: Positions of a window. Each window adds a score of its own to that of the sequence; 0 does without.
        parametrization: Parametrization of every weight matrix behind the embedding: none, spectral (largest singular
            value 1; Miyato et al. 2018) or weight (each row a direction and a length; Salimans and Kingma 2016).
    """

    embedding: PositiveInt = 32
    embedding_std: PositiveFloat = 0.2
    windows: NonNegativeInt = 3
    parametrization: Annotated[str, OneOf(PARAMETRIZATIONS)] = "none"


@functools.cache
def _with_options(section: Any, options: Any) -> Any:
    """A dataclass with the fields of a section and of the options of a backbone."""
    hints = get_type_hints(options, include_extras=True)
    more = [
        (f.name, hints[f.name], field(default=section.DEFAULTS.get(f.name, f.default)))
        for f in dataclasses.fields(options)
    ]
    made: Any = dataclasses.make_dataclass(section.__name__, more, bases=(section,), kw_only=True)
    made.__doc__, made.__module__, made.OPTIONS = section.__doc__, section.__module__, options
    return made


@dataclass
class LanguageModelConfig:
    """The language model of method likelihood, an LSTM whose output layer shares the token embeddings.

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
    """Training by maximum likelihood: the best weights on validation sentences are what samples.

    Whenever `patience` validations in a row bring no new best, training goes back to the best weights with a lower
    learning rate, and ends when the rate has been lowered `decays` times and that happens again, or after
    `train.steps`.

    Args:
        optimizer: The language model's optimiser.
        clip: Largest norm of the gradient of the mean loss per token; a larger one is scaled down to it.
        validation: Training sentences to hold out of the training for validation; default: 2,000, or a twentieth of
            all where that is less.
        validate_every: Steps between two validations; the last step is always validated.
        patience: Validations without a new best before the learning rate is lowered.
        decay: Factor that lowers it, below 1.
        decays: Times that it is lowered.
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
        modality: What samples are: text, or any sequence of tokens.
        method: How to train: adversarial (generator and critic, WGAN-GP) or likelihood (a language model, by maximum
            likelihood). The sections of the other method are of no effect.
    """

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
        if self.evaluation.samples < 2:
            raise UserError("evaluation.samples is 1: self-BLEU needs at least 2")
