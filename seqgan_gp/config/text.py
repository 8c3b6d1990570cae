"""An experiment on text and other sequences of tokens."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

from ..adversarial.constraints import PARAMETRIZATIONS
from ..errors import UserError
from ..fields import NonNegativeInt, OneOf, PositiveDepth, PositiveFloat, PositiveInt, UnitInterval
from ..modality import TEXT, modality
from ..models.critic import CriticNetwork
from ..models.generator import GeneratorNetwork
from ..models.relaxations import RELAXATIONS, gives_one_hot
from ..text.choices import TOKENS, dilation_of, passes_of, share_of
from .blocks import Blocks
from .corpus import CHOSEN, ConditionConfig, CorpusConfig, TokenizerConfig
from .experiment import Experiment, OptimizerConfig, RerankingConfig, RevisionConfig

SUBSTITUTIONS = 8  # of each sample in the gradient of a reviser of one-hot tokens


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
        substitutions: Substitutions of a token in each sample that the critic scores to correct the straight-through
            gradient of the generator; 0 for that gradient alone. The reviser has its own, `revision.substitutions`.
    """

    kind: Annotated[str, OneOf(RELAXATIONS)] = "straight-through"
    temperature: PositiveFloat = 1.0
    substitutions: NonNegativeInt = 0


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

    DEFAULTS = CriticNetwork.DEFAULTS | {"dilation": None}

    embedding: PositiveInt = 32
    embedding_std: PositiveFloat = 0.2
    windows: NonNegativeInt = 3
    parametrization: Annotated[str, OneOf(PARAMETRIZATIONS)] = "none"

    def with_dilation(self, chosen: int | None) -> Self:
        """This section with the chosen dilation, where the backbone has one and its value is open."""
        if getattr(self, "dilation", 0) is not None:
            return self
        changed: Any = {"dilation": chosen}  # the section of another backbone has no such field
        return dataclasses.replace(self, **changed)


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
    layers: PositiveDepth = 1
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

    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("Adam", lr=3e-3))
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
    LARGEST: ClassVar[dict[str, int]] = {"tokenizer.vocabulary": TOKENS}

    modality: Literal["text"] = "text"
    method: Annotated[str, OneOf(modality(TEXT).methods)] = "adversarial"
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig.new)
    relaxation: RelaxationConfig = field(default_factory=RelaxationConfig)
    critic: CriticConfig = field(default_factory=CriticConfig.new)
    revision: RevisionConfig = field(default_factory=RevisionConfig)
    reranking: RerankingConfig = field(default_factory=RerankingConfig)
    language_model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    likelihood: LikelihoodConfig = field(default_factory=LikelihoodConfig)

    @property
    def substitutions(self) -> int:
        return self.relaxation.substitutions

    @property
    def passes(self) -> int:
        """The revisions of each sample: as many as the config says, or the default of its kind of tokens."""
        return passes_of(self.tokenizer.kind) if self.revision.passes is None else self.revision.passes

    def with_choices(self) -> Self:
        """This config, with the values that its kind of tokens chooses in place of open ones."""
        share = self.reranker.share if self.reranker else self.reranking.share
        return dataclasses.replace(
            self,
            critic=self.critic.with_dilation(dilation_of(self.tokenizer.kind, CriticNetwork.DEFAULTS["dilation"])),
            revision=dataclasses.replace(self.revision, passes=self.passes),
            reranking=dataclasses.replace(self.reranking, share=share),
        )

    @property
    def reviser(self) -> RevisionConfig | None:
        if not self.passes:
            return None
        substitutions = self.revision.substitutions
        if substitutions is None:
            substitutions = SUBSTITUTIONS if self._gives_one_hot else 0
        return dataclasses.replace(self.revision, passes=self.passes, substitutions=substitutions)

    @property
    def _gives_one_hot(self) -> bool:
        return gives_one_hot(RELAXATIONS[self.relaxation.kind](self.relaxation.temperature))

    @property
    def reranker(self) -> RerankingConfig | None:
        if self.reranking.candidates == 1:
            return None
        passes = self.reranking.passes or self.passes
        share = share_of(self.passes) if self.reranking.share is None else self.reranking.share
        return dataclasses.replace(self.reranking, passes=passes if self.passes else None, share=share)

    def settled(self, saved: Self) -> Self:
        chosen = {name: getattr(saved.tokenizer, name) for name in CHOSEN if getattr(self.tokenizer, name) is None}
        settled = super().settled(saved)
        passes = saved.revision.passes if self.revision.passes is None else self.revision.passes
        share = saved.reranking.share if self.reranking.share is None else self.reranking.share
        return dataclasses.replace(
            settled,
            tokenizer=dataclasses.replace(self.tokenizer, **chosen),
            critic=self.critic.with_dilation(getattr(saved.critic, "dilation", None)),
            revision=dataclasses.replace(self.revision, passes=passes),
            reranking=dataclasses.replace(self.reranking, share=share),
        )

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
        if self.ends[0] <= 0:
            last = self.reranker.share if self.reranker else 0
            raise UserError(
                f"revision.share is {self.revision.share:g} and reranking.share {last:g}: nothing is "
                "left of the training for the generator; lower one of them, or give revision.passes 0 for no reviser"
            )
        for name, section in (("relaxation", self.relaxation), ("revision", self.reviser)):
            if section and section.substitutions and not self._gives_one_hot:
                raise UserError(
                    f"{name}.substitutions is {section.substitutions} and relaxation.kind {self.relaxation.kind}: soft "
                    f"tokens have no substitutions; give {name}.substitutions 0, or a straight-through kind"
                )
        if self.corpus.uppercase and self.tokenizer.lowercase:
            raise UserError("corpus.uppercase and tokenizer.lowercase are both true: leave one of them out")
        if self.evaluation.samples < 2:
            raise UserError("evaluation.samples is 1: self-BLEU needs at least 2")
