"""An experiment on text and other sequences of tokens."""

from dataclasses import dataclass, field
from typing import Literal

from ..errors import UserError
from .experiment import Experiment, OptimizerConfig, RerankingConfig
from .numbers import ClosedUnitInterval, NonNegativeInt, PositiveFloat, PositiveInt


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


@dataclass
class TokenizerConfig:
    """Sentences to token ids.

    Args:
        kind: What a token is: a word or punctuation mark, a character, or a byte-level BPE piece learned from the
            corpus.
        vocabulary: Largest number of tokens, with padding, unknown and end; rarer words and characters become
            unknown.
        length: Positions of a sequence, in tokens with the end token; longer sentences are cut and counted.
        lowercase: Fold case before tokenizing.
        file: A tokenizer.json to use in place of a new one; `kind` and `lowercase` are then its own.
    """

    kind: Literal["word", "character", "bpe"] = "word"
    vocabulary: PositiveInt = 5_000
    length: PositiveInt = 16
    lowercase: bool = False
    file: str | None = None


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


@dataclass
class GeneratorConfig:
    """The generator, from noise to the logits of a whole sequence.

    Args:
        noise: Size of the normal noise that the whole sequence shares.
        position_noise: Size of the normal noise that each position has to itself.
        backbone: The blocks: convolutional (a ResNet over neighbours), recurrent (in turn from the left and from the
            right) or attention (of all positions to all).
        width: Channels of every hidden layer.
        blocks: Number of residual blocks.
        kernel: Positions that one convolution sees (odd); convolutional.
        norm: Norm before the activations of the blocks, over the channels of a position (layer) or over the positions
            of a channel (instance); convolutional.
        heads: Attention heads, which share the width out; attention.
        cell: Recurrent cell; recurrent.
    """

    noise: NonNegativeInt = 128
    position_noise: NonNegativeInt = 0
    backbone: Literal["convolutional", "recurrent", "attention"] = "convolutional"
    width: PositiveInt = 64
    blocks: NonNegativeInt = 2
    kernel: PositiveInt = 5
    norm: Literal["none", "layer", "instance"] = "none"
    heads: PositiveInt = 4
    cell: Literal["gru", "lstm"] = "gru"


@dataclass
class RelaxationConfig:
    """From logits to a sequence that gradients flow through.

    Args:
        kind: softmax (soft tokens), straight-through (one-hot of the most probable token, gradient of the softmax),
            gumbel (soft tokens sampled with Gumbel noise) or straight-through-gumbel (one-hot of a sampled token).
        temperature: Of the softmax, over 0.
    """

    kind: Literal["softmax", "straight-through", "gumbel", "straight-through-gumbel"] = "straight-through"
    temperature: PositiveFloat = 1.0


@dataclass
class CriticConfig:
    """The critic, from unit-norm token embeddings to one score.

    Args:
        embedding: Dimensions of a token's embedding.
        embedding_std: Standard deviation of the raw embeddings at the start, before they are normalised; smaller ones
            rotate faster.
        backbone: The blocks, as for the generator.
        width: Channels of every hidden layer.
        blocks: Number of residual blocks.
        kernel: Positions that one convolution sees (odd); convolutional.
        norm: Norm before the activations of the blocks, as for the generator; no batch norm, since the penalty is on
            each sample's gradient; convolutional.
        heads: Attention heads, which share the width out; attention.
        cell: Recurrent cell; recurrent.
        windows: Positions of a window, every one of which adds its own score to that of the sequence; 0 does without.
        parametrization: Of every weight matrix behind the embedding: none, spectral (largest singular value 1; Miyato
            et al. 2018) or weight (each row a direction and a length; Salimans and Kingma 2016).
    """

    embedding: PositiveInt = 32
    embedding_std: PositiveFloat = 0.2
    backbone: Literal["convolutional", "recurrent", "attention"] = "convolutional"
    width: PositiveInt = 64
    blocks: NonNegativeInt = 2
    kernel: PositiveInt = 3
    norm: Literal["none", "layer", "instance"] = "none"
    heads: PositiveInt = 4
    cell: Literal["gru", "lstm"] = "gru"
    windows: NonNegativeInt = 0
    parametrization: Literal["none", "spectral", "weight"] = "none"


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
    dropout: ClosedUnitInterval = 0.1


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


@dataclass(kw_only=True)
class Config(Experiment):
    """An experiment on text and other sequences of tokens.

    Args:
        modality: What samples are: text, or any sequence of tokens.
        method: How to train: adversarial (generator and critic, WGAN-GP) or likelihood (a language model, by maximum
            likelihood). The sections of the other method are of no effect.
    """

    modality: Literal["text"] = "text"
    method: Literal["adversarial", "likelihood"] = "adversarial"
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    relaxation: RelaxationConfig = field(default_factory=RelaxationConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)
    reranking: RerankingConfig = field(default_factory=RerankingConfig)
    language_model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    likelihood: LikelihoodConfig = field(default_factory=LikelihoodConfig)

    @property
    def reranker(self) -> RerankingConfig | None:
        return self.reranking if self.reranking.candidates > 1 else None

    def check(self) -> None:
        super().check()
        for name, part in (("generator", self.generator), ("critic", self.critic)):
            if part.backbone == "convolutional" and part.kernel % 2 == 0:
                raise UserError(f"{name}.kernel is {part.kernel}: it must be odd, to see as far left as right")
            if part.backbone == "attention" and part.width % part.heads:
                sizes = f"{name}.width is {part.width} and {name}.heads {part.heads}"
                raise UserError(f"{sizes}: the heads share the width out, so it must be a multiple of them")
            if part.backbone != "convolutional" and part.norm != "none":
                raise UserError(f"{name}.norm is {part.norm}, but only {name}.backbone=convolutional takes a norm")
        if self.critic.windows > self.tokenizer.length:
            windows = f"critic.windows is {self.critic.windows}"
            raise UserError(f"{windows}: a window cannot be longer than tokenizer.length, {self.tokenizer.length}")
        if self.generator.noise + self.generator.position_noise == 0:
            raise UserError("generator.noise and generator.position_noise are both 0: one of them must be at least 1")
        if self.corpus.label and self.corpus.context:
            raise UserError("corpus.label and corpus.context are both given: leave one of them out")
        if self.corpus.given and self.method != "adversarial":
            raise UserError(f"method {self.method} takes no corpus.label and no corpus.context: leave them out")
        if self.corpus.given in (self.corpus.column, ""):
            raise UserError("corpus.label or corpus.context must name a column, another one than corpus.column")
        if self.condition.kernel % 2 == 0:
            raise UserError(f"condition.kernel is {self.condition.kernel}: it must be odd, to see as far left as right")
        if self.corpus.context and self.condition.features % self.condition.heads:
            sizes = f"condition.features is {self.condition.features} and condition.heads {self.condition.heads}"
            raise UserError(f"{sizes}: the heads share the features out, so it must be a multiple of them")
        if self.reranker and not 0 < self.reranking.share < 1:
            raise UserError(
                f"reranking.share is {self.reranking.share:g}: generator and discriminator both need some of the "
                "training; give a fraction between 0 and 1, such as 0.25, or reranking.candidates 1"
            )
        if self.reranking.dropout == 1:
            raise UserError("reranking.dropout is 1: nothing would be left; give a fraction below 1, such as 0.15")
        if self.evaluation.samples < 2:
            raise UserError("evaluation.samples is 1: self-BLEU needs at least 2")
        if self.language_model.dropout == 1:
            raise UserError("language_model.dropout is 1: nothing would be left; give a fraction below 1, such as 0.2")
        if self.likelihood.decay >= 1:
            raise UserError(f"likelihood.decay is {self.likelihood.decay}: it must be below 1, to lower the rate")
        if self.corpus.holdout == 1:
            raise UserError("corpus.holdout is 1: at least 2 held-out sentences are needed to score with")
