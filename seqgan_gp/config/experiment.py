"""What experiments of all modalities have in common: the penalty, the optimisers, the loop."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import UserError
from .numbers import ClosedUnitInterval, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt


@dataclass
class PenaltyConfig:
    """The gradient penalty that keeps the critic Lipschitz, or at rest, whatever the objective.

    Args:
        weight: Lambda, the weight of the penalty in the critic's loss; 0 trains without one. R1 and R2 with the gamma
            of their papers are a weight of gamma / 2.
        sided: two pulls the gradient's norm to 1, one penalises only a norm over 1, zero pulls it to 0.
        at: Where: interpolates of real and generated sequences (WGAN-GP), real (with zero, R1), generated (with zero,
            R2), or several, each with the whole weight (R3GAN has R1 and R2).
        space: What the gradient is taken with respect to, and interpolates are made of: the critic's embeddings, or
            one-hot tokens.
        mixing: Of interpolates: convex (a point on the line between the pair) or crossover (each position whole from
            one of the two).
        every: k: only every k-th critic step has the penalty, with k times the weight (lazy regularisation).
    """

    weight: NonNegativeFloat = 10.0
    sided: Literal["two", "one", "zero"] = "two"
    at: list[Literal["interpolates", "real", "generated"]] = field(default_factory=lambda: ["interpolates"])
    space: Literal["embedding", "one-hot"] = "embedding"
    mixing: Literal["convex", "crossover"] = "convex"
    every: PositiveInt = 1

    def check(self) -> None:
        """Raise a UserError for fields that contradict one another."""
        if self.weight and not self.at:
            raise UserError("penalty.at is empty: name a place such as [interpolates], or give penalty.weight 0")
        if len(set(self.at)) < len(self.at):
            raise UserError(f"penalty.at names a place twice ({', '.join(self.at)}): give a higher penalty.weight")
        if self.mixing != "convex" and "interpolates" not in self.at:
            raise UserError(f"penalty.mixing is {self.mixing}, of no effect: add interpolates to penalty.at")
        if self.sided != "zero" and self.weight and "interpolates" not in self.at:
            places = " and ".join(self.at)
            raise UserError(
                f"penalty.sided is {self.sided} at {places} samples only, which leaves the slope between them free: "
                "R1 and R2 have penalty.sided zero; or add interpolates to penalty.at"
            )


@dataclass
class OptimizerConfig:
    """An optimiser of torch.optim.

    Args:
        name: Adam, AdamW, RMSprop, SGD or any other class of torch.optim.
        lr: Learning rate.
        options: Further arguments of that class, such as {weight_decay: 0.01}; betas are (0, 0.9) for the critic and
            the generator, (0.9, 0.999) for the language model, unless given.
    """

    name: str = "Adam"
    lr: PositiveFloat = 1.5e-3
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class RerankingConfig:
    """Choosing among samples, after the generator has learned (Azadi et al. 2019, Grover et al. 2019).

    In the last part of the training the generator stands still, and a discriminator, which starts as a copy of the
    critic, learns to tell real samples from generated ones. Each sample is then one of several candidates, drawn in
    proportion to how much more probable the discriminator holds it among real ones.

    Args:
        candidates: Candidates for each sample, and times the work of sampling; 1 takes each sample as the generator
            writes it, without a discriminator.
        temperature: Of the candidates' tokens; 0 takes the most probable. Chance makes them more diverse and more of
            them wrong, which the discriminator sees.
        share: Fraction of the training that is the discriminator's, above 0 and below 1.
        dropout: Fraction of the positions that are hidden from the discriminator while it learns, below 1. Without
            it, the discriminator learns the sentences of a small corpus by heart.
        optimizer: The discriminator's optimiser, whose learning rate falls linearly to zero.
    """

    candidates: PositiveInt = 1
    temperature: NonNegativeFloat = 1.0
    share: ClosedUnitInterval = 0.25
    dropout: ClosedUnitInterval = 0.0
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=1e-3))


@dataclass
class TrainConfig:
    """The loop. What names the critic, the generator or the average is for method adversarial.

    Args:
        steps: Steps, generator steps of method adversarial; method likelihood may end sooner.
        seconds: Time to train, evaluation and saving not counted, nor, on a CPU, what other programs take from it; the
            run ends at whichever of the two comes first, and `decay_from` is then a fraction of that. A clock is not
            repeatable: equal seeds then differ.
        batch_size: Samples in one step, shared out over the processes.
        critic_steps: Critic steps for each generator step.
        critic: The critic's optimiser.
        generator: The generator's optimiser.
        decay_from: Fraction of the training of generator and critic after which both learning rates fall linearly to
            zero; 1 keeps them constant.
        average: Decay per step of the moving average of the generator's weights, which is what samples; 0 takes the
            last weights.
        log_every: Steps between two lines of metrics.jsonl.
        checkpoint_every: Steps between two checkpoints.
        keep: Checkpoints to keep, the latest.
        threads: CPU threads of each process; default: OMP_NUM_THREADS if that is over 1, else all cores shared over
            the processes.
    """

    steps: PositiveInt = 9_000
    seconds: PositiveFloat | None = None
    batch_size: PositiveInt = 64
    critic_steps: PositiveInt = 1
    critic: OptimizerConfig = field(default_factory=OptimizerConfig)
    generator: OptimizerConfig = field(default_factory=OptimizerConfig)
    decay_from: ClosedUnitInterval = 0.5
    average: ClosedUnitInterval = 0.998
    log_every: PositiveInt = 50
    checkpoint_every: PositiveInt = 1_000
    keep: PositiveInt = 2
    threads: PositiveInt | None = None


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
    """What every experiment has, whatever its samples are. Its modality is named by a key of the YAML file.

    Args:
        modality: What samples are; see MODALITIES.
        method: How to train.
        seed: Seed of the weights, the batches and the noise.
        objective: What generator and critic minimise: wasserstein, minimax (the first GAN, saturating), non-saturating,
            least-squares (LSGAN), hinge or relativistic (each generated sample against a real one; R3GAN with R1 and
            R2).
        clipping: Largest weight of the critic behind its embedding, clipped after every critic step (the first WGAN);
            none by default.
        trackers: Trackers of accelerate to log to besides metrics.jsonl, such as [tensorboard] or [wandb].
    """

    modality: str
    method: str
    seed: NonNegativeInt = 0
    objective: Literal["wasserstein", "minimax", "non-saturating", "least-squares", "hinge", "relativistic"] = (
        "wasserstein"
    )
    clipping: PositiveFloat | None = None
    trackers: list[str] = field(default_factory=list)
    generator: Any  # each modality has its own
    critic: Any
    penalty: PenaltyConfig = field(default_factory=PenaltyConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    @property
    def reranker(self) -> RerankingConfig | None:
        """How each sample is chosen among several, if it is."""
        return None

    def check(self) -> None:
        """Raise a UserError for values that no single field can refuse."""
        self.penalty.check()
        if self.clipping and self.critic.parametrization != "none":
            raise UserError(
                f"clipping and critic.parametrization={self.critic.parametrization} are for the same weights: "
                "leave one of them out"
            )
        for key, value in flat(self).items():
            if (key == "seed" or key.endswith(".seed")) and value >= 2**32:
                raise UserError(f"{key} is {value}: it must be below 2**32")
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"{key} is {value}: a finite number is needed")
        if (self.train.threads or 0) > 1024:
            raise UserError(f"train.threads is {self.train.threads}: at most 1024")
        if self.train.average == 1:
            raise UserError("train.average is 1: the average would never move; give a decay below 1, such as 0.998")


def flat(config: Experiment) -> dict[str, Any]:
    """Every field by its key on the command line, such as train.critic.lr."""

    def walk(prefix: str, fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in fields.items():
            if isinstance(value, dict) and name != "options":
                yield from walk(f"{prefix}{name}.", value)
            else:
                yield prefix + name, value

    return dict(walk("", dataclasses.asdict(config)))
