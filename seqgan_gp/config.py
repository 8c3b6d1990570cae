"""One typed description of an experiment: the keys of a YAML file and of the command line, explained by --help."""

import contextlib
import dataclasses
import difflib
import itertools
import json
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from jsonargparse import ArgumentParser, Namespace

from . import shipped
from .errors import UserError
from .files import atomic_write

if TYPE_CHECKING:  # to a type checker they are plain numbers
    PositiveInt = int
    NonNegativeInt = int
    PositiveFloat = float
    NonNegativeFloat = float
    ClosedUnitInterval = float
else:  # at run time jsonargparse refuses a number out of range, and names the key
    from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt


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
class ResamplingConfig:
    """Choosing among samples, after the generator has learned (Azadi et al. 2019, Grover et al. 2019).

    In the last part of the training the generator stands still, and a discriminator, which starts as a copy of the
    critic, learns to tell real samples from generated ones. Each sample is then one of several candidates, drawn in
    proportion to how much more probable the discriminator holds it among real ones.

    Args:
        candidates: Candidates for each sample, and times the work of sampling; 1 takes samples as they come, without a
            discriminator.
        temperature: Of the candidates' tokens; 0 takes the most probable. Chance makes them more diverse and more of
            them wrong, which the discriminator sees.
        share: Fraction of the training that is the discriminator's, above 0 and below 1.
        dropout: Fraction of the positions that are hidden from the discriminator while it learns, below 1. Of a small
            corpus it otherwise learns the sentences by heart.
        optimizer: The discriminator's optimiser, whose learning rate falls linearly to zero.
    """

    candidates: PositiveInt = 1
    temperature: NonNegativeFloat = 1.0
    share: ClosedUnitInterval = 0.25
    dropout: ClosedUnitInterval = 0.0
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=1e-3))


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
    def choosing(self) -> ResamplingConfig | None:
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
    resampling: ResamplingConfig = field(default_factory=ResamplingConfig)
    language_model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    likelihood: LikelihoodConfig = field(default_factory=LikelihoodConfig)

    @property
    def choosing(self) -> ResamplingConfig | None:
        return self.resampling if self.resampling.candidates > 1 else None

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
        if self.choosing and not 0 < self.resampling.share < 1:
            raise UserError(
                f"resampling.share is {self.resampling.share:g}: generator and discriminator both need some of the "
                "training; give a fraction between 0 and 1, such as 0.25, or resampling.candidates 1"
            )
        if self.resampling.dropout == 1:
            raise UserError("resampling.dropout is 1: nothing would be left; give a fraction below 1, such as 0.15")
        if self.evaluation.samples < 2:
            raise UserError("evaluation.samples is 1: self-BLEU needs at least 2")
        if self.language_model.dropout == 1:
            raise UserError("language_model.dropout is 1: nothing would be left; give a fraction below 1, such as 0.2")
        if self.likelihood.decay >= 1:
            raise UserError(f"likelihood.decay is {self.likelihood.decay}: it must be below 1, to lower the rate")
        if self.corpus.holdout == 1:
            raise UserError("corpus.holdout is 1: at least 2 held-out sentences are needed to score with")


@dataclass
class ImagesConfig:
    """Real images, in grey; colours are turned to grey.

    Args:
        train: Training images: an .npz file with `images` (number, height, width) uint8 and perhaps `labels`, a
            .parquet file, a folder of such or of pictures (a folder in it for each class), or a hub id.
        test: Held-out images, given like `train`; default: the split named test if the data set has one, else
            `holdout` images of `train`.
        column: Column that holds the images; an .npz file has no columns.
        label: Column that holds their labels, by which samples are scored, if there is one.
        height: Pixels from top to bottom of every image, a multiple of 4.
        width: Pixels from left to right, a multiple of 4.
        holdout: Number of images to hold out where `test` is not given; default: 2,000, or a tenth of all where that
            is less.
        seed: Seed of the split; it stays the same while `--seed` varies the training.
    """

    train: str = "ylecun/mnist"
    test: str | None = None
    column: str = "image"
    label: str = "label"
    height: PositiveInt = 28
    width: PositiveInt = 28
    holdout: PositiveInt | None = None
    seed: NonNegativeInt = 0


@dataclass
class ImageGeneratorConfig:
    """The generator of images, transposed convolutions.

    Args:
        noise: Size of the normal noise.
        channels: Of the hidden layer at half the height and width; twice as many at a quarter.
    """

    noise: PositiveInt = 64
    channels: PositiveInt = 32


@dataclass
class ImageCriticConfig:
    """The critic of images, convolutions with stride 2 and no norm.

    Args:
        channels: Of the first hidden layer, at half the height and width; each of the two others has twice as many.
        parametrization: Of every weight matrix: none, spectral (largest singular value 1; Miyato et al. 2018) or weight
            (each row a direction and a length; Salimans and Kingma 2016).
    """

    channels: PositiveInt = 32
    parametrization: Literal["none", "spectral", "weight"] = "none"


@dataclass(kw_only=True)
class ImageConfig(Experiment):
    """An experiment on small images.

    Args:
        modality: What samples are: images.
        method: How to train: adversarial (generator and critic, WGAN-GP).
    """

    modality: Literal["images"] = "images"
    method: Literal["adversarial"] = "adversarial"
    images: ImagesConfig = field(default_factory=ImagesConfig)
    generator: ImageGeneratorConfig = field(default_factory=ImageGeneratorConfig)
    critic: ImageCriticConfig = field(default_factory=ImageCriticConfig)

    def check(self) -> None:
        super().check()
        for key in ("height", "width"):
            side = getattr(self.images, key)
            if side % 4 or side < 8:
                raise UserError(f"images.{key} is {side}: a multiple of 4, from 8 on, is needed; resize the images")
        if self.penalty.space != "embedding":
            raise UserError(
                f"penalty.space is {self.penalty.space}, but pixels are no tokens: leave it out, and the gradient is "
                "taken with respect to the pixels"
            )
        if self.penalty.mixing != "convex":
            raise UserError(
                f"penalty.mixing is {self.penalty.mixing}, but images have no positions to take whole from one of a "
                "pair: leave it out"
            )
        if self.evaluation.samples < 2:
            raise UserError("evaluation.samples is 1: a distance needs at least 2 images")
        if self.images.holdout is not None and self.images.holdout < 4:
            raise UserError(f"images.holdout is {self.images.holdout}: at least 4 held-out images are needed")


TEXT = "text"  # the modality where none is named
MODALITIES: dict[str, type[Experiment]] = {TEXT: Config, "images": ImageConfig}


NUMBERS = {
    "PositiveInt": "a whole number of at least 1",
    "NonNegativeInt": "a whole number of at least 0",
    "PositiveFloat": "a number over 0",
    "NonNegativeFloat": "a number of at least 0",
    "ClosedUnitInterval": "a number from 0 to 1",
}


class _Parser(ArgumentParser):
    """jsonargparse, with errors that are one line and name the nearest right key."""

    modality: str

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        message = " ".join(str(message).split())
        message = re.sub(r'^Parser key "([^"]*)":', r"\1:", message)
        if section := re.match(r"([\w.]+): Unable to load config", message):
            name = section.group(1)
            keys = ", ".join(f"--{a.dest}" for a in self._actions if a.dest.startswith(f"{name}."))
            raise UserError(f"--{name} is a section of keys and takes no value itself: give one of {keys}")
        if re.match(r"(generator|critic)\.norm: .*\bbatch", message):
            # For the generator too: what it draws must not depend on the rest of the batch.
            message += (
                "; batch norm is not offered: it couples the samples of a batch, which a penalty on the gradient of "
                "each sample forbids (Gulrajani et al. 2017, section 4)"
            )
        if refused := re.match(r"([\w.]+):.*Not of type (\w+)", message):
            value = re.search(r"Given value: (\S+)$|: (\S+) does not conform", message)
            given = f", not {value.group(1) or value.group(2)}" if value else ""
            raise UserError(f"{refused.group(1)}: {NUMBERS[refused.group(2)]} is needed{given}")
        raise UserError(message + self._suggestion(message))

    def _suggestion(self, message: str) -> str:
        names = [a.dest for a in self._actions if a.dest not in ("help", "print_config")]
        keys = [k for k in names if not any(other.startswith(f"{k}.") for other in names)]  # fields, not sections
        nested = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
        flat = re.search(r"(?:unrecognized arguments: --|ption '|Key ')([\w.]+)", message)
        if not (nested or flat):
            return ""
        wrong = ".".join(nested.groups()) if nested else flat.group(1)  # type: ignore[union-attr]
        section = wrong.partition(".")[0]
        others = [name for name, kind in MODALITIES.items() if section in {f.name for f in dataclasses.fields(kind)}]
        if others and self.modality not in others:
            return f"; {section} is for modality={others[0]}, and this experiment has modality={self.modality}"
        close = difflib.get_close_matches(wrong, keys, n=1, cutoff=0.5)
        if not close:  # the right name in the wrong section
            close = [k for k in keys if k.rpartition(".")[2] == wrong.rpartition(".")[2]][:1]
        return f"; did you mean {close[0]}?" if close else "; --help lists every key"


def _parser(prog: str = "run.py", modality: str = TEXT) -> ArgumentParser:
    parser = _Parser(
        prog=prog,
        allow_abbrev=False,  # --over must not delete a run
        description="Train a Wasserstein GAN with gradient penalty, or a language model of text. The keys of a YAML "
        "file and the options of the command line are the same; they depend on --modality, and these are those of "
        f"modality={modality}. There are {', '.join(MODALITIES)}.",
    )
    parser.modality = modality
    parser.add_argument("--config", action="config", help="YAML file, by path or by its name in configs/.")
    # Run options are no part of the experiment that the YAML file describes.
    parser.add_argument(
        "--output", type=str | None, default=None, help="Run folder; default: runs/NAME for --config NAME.yaml."
    )
    parser.add_argument("--resume", action="store_true", help="Continue the run from its last checkpoint.")
    parser.add_argument("--overwrite", action="store_true", help="Delete the run in the run folder and start anew.")
    parser.add_class_arguments(MODALITIES[modality])
    return parser


class Invocation(NamedTuple):
    """What the training command was asked for: an experiment, its run folder, and what to do with a run in it."""

    config: Experiment
    output: Path
    resume: bool = False
    overwrite: bool = False


def parse(arguments: list[str], prog: str = "run.py") -> Invocation:
    """The training command line to an experiment.

    Raises:
        UserError: an unknown key, a value of another type or out of range, a missing file.
    """
    files, rest = _take_config(arguments)
    paths = [shipped.find(f, "configs", ".yaml", "config") for f in files]
    # The file first, wherever it stood: options override it.
    loaded = [load(path) for path in paths]  # by itself first, so that an error in it names it
    modality = _modality(rest, loaded[-1].modality if loaded else TEXT)
    values = _parse(_parser(prog, modality), [*(f"--config={p}" for p in paths), *rest])
    run = {key: values.pop(key) for key in ("output", "resume", "overwrite")}
    if run["resume"] and run["overwrite"]:
        raise UserError("--resume and --overwrite contradict each other: give one of them")
    name = paths[-1].stem if paths else "default"
    return Invocation(_build(values, modality), Path(run["output"] or f"runs/{name}"), run["resume"], run["overwrite"])


def _take_config(arguments: list[str]) -> tuple[list[str], list[str]]:
    files, rest, left = [], [], iter(arguments)
    for argument in left:
        if argument == "--config":
            value = next(left, None)
            if value is None:
                raise UserError("--config needs a file, or the name of one in configs/")
            files.append(value)
        elif argument.startswith("--config="):
            files.append(argument.removeprefix("--config="))
        else:
            rest.append(argument)
    return files, rest


def _modality(arguments: list[str], default: str) -> str:
    """The modality that the command line names: which other options there are depends on it."""
    named = [
        b if a == "--modality" else a.removeprefix("--modality=")
        for a, b in itertools.pairwise([*arguments, ""])
        if a == "--modality" or a.startswith("--modality=")
    ]
    return _known(named[-1]) if named else default


def _known(modality: Any) -> str:
    if modality not in list(MODALITIES):  # a list, since YAML may have anything here
        raise UserError(f"modality is {modality!r}: there are {', '.join(MODALITIES)}")
    return modality


def _parse(parser: ArgumentParser, arguments: list[str]) -> Namespace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parser.parse_args(arguments)


def _build(values: Namespace, modality: str) -> Experiment:
    values.pop("config", None)
    # Through JSON, since jsonargparse's numbers with a range are classes of their own.
    config = _instance(_default(modality), json.loads(json.dumps(values.as_dict())), "")
    config.check()
    return config


def _default(modality: str) -> Any:
    return MODALITIES[modality]()  # type: ignore[call-arg]  # each gives what Experiment leaves open


def _instance(default: Any, values: dict[str, Any], section: str) -> Any:
    """Nested dataclasses from nested dictionaries that jsonargparse has validated, but for empty values."""
    made = {}
    for f in dataclasses.fields(default):
        value, other = values[f.name], getattr(default, f.name)
        if value is None and other is not None:
            raise UserError(f"{section}{f.name} has no value: give one, or leave the key out")
        made[f.name] = _instance(other, value, f"{section}{f.name}.") if dataclasses.is_dataclass(other) else value
    return type(default)(**made)


def flat(config: Experiment) -> dict[str, Any]:
    """Every field by its key on the command line, such as train.critic.lr."""

    def walk(prefix: str, fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in fields.items():
            if isinstance(value, dict) and name != "options":
                yield from walk(f"{prefix}{name}.", value)
            else:
                yield prefix + name, value

    return dict(walk("", dataclasses.asdict(config)))


def save(config: Experiment, path: Path) -> None:
    """Write every field, defaults too, as YAML."""
    import yaml

    text = yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, default_flow_style=None)
    with atomic_write(path) as file:
        file.write(text)


def load(path: Path) -> Experiment:
    """Read what `save` wrote, or any YAML file of an experiment.

    Raises:
        UserError: not YAML, no mapping of keys to values, an unknown key or a wrong value; with the path.
    """
    with _naming(path):
        content, modality = _read(path)
        for key, value in content.items():
            if dataclasses.is_dataclass(getattr(_default(modality), str(key), None)) and not isinstance(value, dict):
                raise UserError(f"{key} is a section: give keys with values in it, or leave it out")
        return _build(_parse(_parser(modality=modality), [f"--config={path}"]), modality)


def modality_of(path: Path) -> str:
    """The modality of the experiment in a YAML file, whose other keys are not looked at.

    Raises:
        UserError: not YAML, no mapping of keys to values, an unknown modality; with the path.
    """
    with _naming(path):
        return _read(path)[1]


def _read(path: Path) -> tuple[dict[Any, Any], str]:
    """What a YAML file says, and the modality in it."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(str(error)) from None
    if not isinstance(content, dict):
        raise UserError("no keys with values in it; --help lists the keys")
    return content, _known(content.get("modality", TEXT))


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """One line of an error, with the file that it is in."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
