"""The keys that experiments of all modalities have: the penalty, the optimisers, the loop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal, Self

from ..adversarial.objectives import OBJECTIVES
from ..adversarial.penalty import MIXINGS, SIDES
from ..errors import UserError
from ..fields import (
    Name,
    NonNegativeDepth,
    NonNegativeFloat,
    NonNegativeInt,
    OneOf,
    PositiveDepth,
    PositiveFloat,
    PositiveInt,
    UnitInterval,
)
from .schema import flat, sections


@dataclass
class PenaltyConfig:
    """The gradient penalty, which keeps the critic Lipschitz or flat. It works with every objective.

    Args:
        weight: Lambda, the weight of the penalty in the critic's loss; 0 trains without one. For R1 and R2, it is half
            the gamma of their papers.
        sided: two pulls the gradient norm to 1, one penalises only a norm over 1, zero pulls it to 0.
        at: Places of the penalty: interpolates of real and generated sequences (WGAN-GP), real (R1 if sided is zero)
            or generated (R2 if sided is zero). Each of several places has the whole weight (R3GAN has R1 and R2).
        space: Space of the gradient and of the interpolates: the critic's embeddings, or one-hot tokens.
        mixing: Mixing of interpolates: convex (a point on the line between the pair) or crossover (each position whole
            from one of the two).
        every: k: only every k-th critic step has the penalty, with k times the weight (lazy regularisation).
    """

    weight: NonNegativeFloat = 10.0
    sided: Annotated[str, OneOf(SIDES)] = "two"
    at: list[Literal["interpolates", "real", "generated"]] = field(default_factory=lambda: ["interpolates"])
    space: Literal["embedding", "one-hot"] = "embedding"
    mixing: Annotated[str, OneOf(MIXINGS)] = "convex"
    every: PositiveInt = 1

    def check(self, name: str) -> None:
        """Raise a UserError for fields that contradict one another; `name` is the section's."""
        if self.weight and not self.at:
            raise UserError(f"{name}.at is empty: name a place such as [interpolates], or give {name}.weight 0")
        if len(set(self.at)) < len(self.at):
            raise UserError(f"{name}.at names a place twice ({', '.join(self.at)}): give a higher {name}.weight")
        if self.mixing != "convex" and "interpolates" not in self.at:
            raise UserError(f"{name}.mixing is {self.mixing} and has no effect: add interpolates to {name}.at")
        if self.sided in ("two", "one") and self.weight and "interpolates" not in self.at:
            places = " and ".join(self.at)
            raise UserError(
                f"{name}.sided is {self.sided} at {places} samples only, which leaves the slope between them free: "
                f"R1 and R2 have {name}.sided zero; or add interpolates to {name}.at"
            )


@dataclass
class OptimizerConfig:
    """An optimiser.

    Args:
        name: Muon (orthogonal updates for the matrices of the residual blocks, Adam for all else), or Adam, AdamW,
            RMSprop, SGD or any other class of torch.optim.
        lr: Learning rate.
        options: Further arguments of that class, such as {betas: [0.5, 0.9]}. The default betas are (0, 0.9) for the
            critic, the generator and the reviser, and (0.9, 0.999) for the discriminator and the language model. Muon
            has Adam's betas and eps, momentum, and scale: the size of a matrix's update in learning rates.
    """

    name: Name = "Muon"
    lr: PositiveFloat = 2.5e-3
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class RevisionConfig:
    """Draft and revise: a second network, the reviser, reads the sequences of the generator and writes them anew.

    After the training of the generator, which is then frozen, the reviser learns by the same game with the same
    critic. It has the shape of the generator. It reads drafts whose tokens are drawn, and its own revisions of them.

    Args:
        passes: Revisions of each sample, one after another; 0 trains no reviser. Each takes as long as a draft.
            Default: 3, or 0 for pieces of words (tokenizer.kind bpe), which a reviser does not improve.
        share: Fraction of the training for the reviser, over 0 and below 1.
        temperature: Temperature of the draft's tokens. A higher one makes samples more diverse, and drafts worse.
        copy: Logits that the tokens of a sequence have ahead of others in its revision.
        substitutions: Substitutions of a token in each sample that the critic scores to correct the straight-through
            gradient of the reviser; 0 for that gradient alone. Each takes the time to score the sample. Default: 8, or
            0 for soft tokens, which have none.
        optimizer: The reviser's optimiser. Its learning rate and that of the critic, which starts from
            `train.critic.lr` once more, fall linearly to zero.
    """

    passes: NonNegativeDepth | None = None
    share: UnitInterval = 0.4
    temperature: NonNegativeFloat = 1.0
    copy: NonNegativeFloat = 4.0
    substitutions: NonNegativeInt | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def check(self, name: str) -> None:
        if self.passes != 0 and not 0 < self.share < 1:
            raise UserError(
                f"{name}.share is {self.share:g}: generator and reviser both need some of the training; give a "
                f"fraction between 0 and 1, such as 0.5, or {name}.passes 0"
            )


@dataclass
class RerankingConfig:
    """Reranking: each sample is one of several candidates (Azadi et al. 2019, Grover et al. 2019).

    In the last part of the training the generator does not change, and a discriminator learns to tell real samples from
    generated ones. It starts as a copy of the critic. It then accepts or refuses candidates one after another, by the
    ratio p(real) / p(generated).

    Args:
        candidates: The most candidates for each sample. Sampling takes about half as many times the work. 1 trains no
            discriminator and keeps each sample of the generator.
        temperature: Temperature of the candidates' tokens; 0 takes the most probable. A higher one makes the
            candidates more diverse, and more of them wrong, which the discriminator sees.
        passes: Revisions of each candidate, with a reviser; null takes revision.passes. The discriminator learns from
            such candidates, and sampling chooses among them. With 8 candidates of one revision, samples are as good as
            with three, and take two thirds of the time; with 2, three are better. If it is over 1, the discriminator
            first sees revisions of any pass, and then those of the last one.
        share: Fraction of the training for the discriminator, over 0 and below 1. Default: 0.4, or 0.25 without a
            reviser, where the generator needs the rest.
        dropout: Fraction of the positions to hide from the discriminator in training, below 1. Without it, the
            discriminator memorises the sentences of a small corpus.
        optimizer: The discriminator's optimiser. Its learning rate falls linearly to zero.
    """

    candidates: PositiveInt = 8
    temperature: NonNegativeFloat = 0.3
    passes: PositiveDepth | None = 1
    share: UnitInterval | None = None
    dropout: UnitInterval = 0.0
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("Adam", lr=1e-3))

    def check(self, name: str) -> None:
        if self.candidates > 1 and self.share is not None and not 0 < self.share < 1:
            raise UserError(
                f"{name}.share is {self.share:g}: generator and discriminator both need some of the "
                f"training; give a fraction between 0 and 1, such as 0.25, or {name}.candidates 1"
            )
        if self.dropout == 1:
            raise UserError(f"{name}.dropout is 1: nothing would be left; give a fraction below 1, such as 0.15")


@dataclass
class TrainConfig:
    """The loop. The keys that name the critic, the generator or the average are for method adversarial.

    Args:
        steps: Steps; for method adversarial, those of the generator, the reviser and the reranker together. Method
            likelihood may end sooner.
        seconds: Seconds of training, without evaluation, saving and, on a CPU, the time of other programs. The run ends
            at steps or at seconds, whichever comes first, and `decay_from` is then a fraction of that. Timed runs with
            equal seeds differ.
        batch_size: Samples in a step. The processes share them.
        critic_steps: Critic steps for each step of the generator or of the reviser.
        critic: The critic's optimiser.
        generator: The generator's optimiser.
        decay_from: Fraction of the training of generator and critic after which both learning rates fall linearly to
            zero; 1 keeps them constant.
        average: Decay per step of the moving average of the generator's weights. Sampling uses the average; 0 keeps the
            last weights.
        log_every: Steps between two lines of metrics.jsonl.
        checkpoint_every: Steps between two checkpoints.
        keep: Number of latest checkpoints to keep.
        threads: CPU threads of each process; default: OMP_NUM_THREADS if it is over 1, else the run times a few steps
            at its start, and takes more than one where they are clearly faster. A number repeats a run bit for bit.
        cuda_graphs: Record the operations of a step on one GPU, and replay them, which is several times as fast. Give
            false for a network of your own that takes other operations from step to step.
    """

    steps: PositiveInt = 12_500
    seconds: PositiveFloat | None = None
    batch_size: PositiveInt = 64
    critic_steps: PositiveInt = 1
    critic: OptimizerConfig = field(default_factory=OptimizerConfig)
    generator: OptimizerConfig = field(default_factory=OptimizerConfig)
    decay_from: UnitInterval = 0.0
    average: UnitInterval = 0.998
    log_every: PositiveInt = 50
    checkpoint_every: PositiveInt = 1_000
    keep: PositiveInt = 2
    threads: PositiveInt | None = None
    cuda_graphs: bool = True

    def check(self, name: str) -> None:
        if (self.threads or 0) > 1024:
            raise UserError(f"{name}.threads is {self.threads}: at most 1024")
        if self.average == 1:
            raise UserError(f"{name}.average is 1: the average would never move; give a decay below 1, such as 0.998")


@dataclass
class EvaluationConfig:
    """Samples and their scores during training.

    Args:
        every: Steps between two evaluations; the last step is always evaluated.
        samples: Samples to draw and score each time.
    """

    every: PositiveInt = 1_000
    samples: PositiveInt = 1_000


@dataclass(kw_only=True)
class Experiment:
    """The keys of every experiment. A modality adds sections of its own.

    Args:
        modality: Kind of samples; see MODALITIES.
        method: Method of training.
        imports: Modules of your own that register parts, such as [my_objectives]; --import adds to them.
        seed: Seed of the weights, the batches and the noise.
        objective: Losses of generator and critic: wasserstein, minimax (the first GAN, saturating), non-saturating,
            least-squares (LSGAN), hinge or relativistic (compares each generated sample with a real one; R3GAN with R1
            and R2).
        clipping: Bound of the critic's weights behind its embedding, clipped after every critic step (the first WGAN);
            none by default.
        trackers: Where to log besides metrics.jsonl, such as [tensorboard]; also wandb, mlflow and trackio, which
            pip install 'seqgan_gp[trackers]' brings, and others of accelerate. They show the run by the name of its
            folder, with config, numbers, sentences and pictures.
        report: Write report.html, a page to look at, at the end of the run.
    """

    SOURCES: ClassVar[tuple[str, ...]] = ()
    """Keys that name the data. A resumed run may name another place where the same data are."""
    LARGEST: ClassVar[dict[str, int]] = {}
    """The largest values that a run chooses by itself, of keys of sizes that have no default."""

    modality: str
    method: str
    imports: list[Name] = field(default_factory=list)
    seed: NonNegativeInt = 0
    objective: Annotated[str, OneOf(OBJECTIVES)] = "wasserstein"
    clipping: PositiveFloat | None = None
    trackers: list[Name] = field(default_factory=list)
    report: bool = True
    generator: Any  # each modality has its own
    critic: Any
    penalty: PenaltyConfig = field(default_factory=PenaltyConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    @property
    def substitutions(self) -> int:
        """The substitutions of each sample in the generator's gradient; see `adversarial.substitutions`."""
        return 0

    @property
    def reviser(self) -> RevisionConfig | None:
        """The config of draft and revise; None without a reviser."""
        return None

    @property
    def reranker(self) -> RerankingConfig | None:
        """The config of reranking; None without reranking."""
        return None

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the generator's game and of the reviser's game, as fractions of the training."""
        revision_ends = 1 - (self.reranker.share or 0) if self.reranker else 1.0
        game_ends = revision_ends - (self.reviser.share if self.reviser else 0)
        # Rounded, since 1 - 0.2 - 0.2 is over 0.6 in floats, and a part would begin a step late.
        return round(game_ends, 12), round(revision_ends, 12)

    def settled(self, saved: Self) -> Self:
        """This config, with open choices replaced by those of `saved`: the threads, and values chosen from the data."""
        return replace(self, train=replace(self.train, threads=self.train.threads or saved.train.threads))

    def check(self) -> None:
        """Raise a UserError for values that do not fit together."""
        for name, section in sections(self).items():
            if hasattr(section, "check"):
                section.check(name)
        if self.clipping and self.critic.parametrization != "none":
            raise UserError(
                f"clipping and critic.parametrization={self.critic.parametrization} are for the same weights: "
                "leave one of them out"
            )
        for key, value in flat(self).items():
            if (key == "seed" or key.endswith(".seed")) and value >= 2**32:
                raise UserError(f"{key} is {value}: it must be below 2**32")
