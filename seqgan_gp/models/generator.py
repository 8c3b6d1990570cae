"""The generator: from noise to the logits of a whole sequence at once."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..machine import moved
from . import backbones
from .backbones import unchanged
from .conditions import Encoder, Modulation, encode
from .convolution import Conv1d
from .relaxations import draw_chance, sample_ids
from .sequence import SequenceModel


class NoiseModel(SequenceModel):
    """A model whose logits (B, L, V) are a function of noise (B, noise_size) and, perhaps, a condition."""

    noise_size: int

    def sample_noise(self, batch: int, rng: np.random.Generator) -> Tensor:
        """Standard normal noise (batch, noise_size) on the CPU.

        numpy's stream does not depend on the batch size or the device.
        """
        return torch.from_numpy(rng.standard_normal((batch, self.noise_size), dtype=np.float32))

    def write(self, noise: Tensor, temperature: float, chance: Tensor, condition: Tensor | None) -> Tensor:
        """Ids (B, L) of noise, drawn at a temperature; see `sample_ids`."""
        return sample_ids(self(noise, condition), temperature, chance)

    def draw(
        self,
        num: int,
        temperature: float,
        noise: np.random.Generator,
        tokens: np.random.Generator,
        condition: Tensor | None = None,
    ) -> Callable[..., Tensor]:
        device = next(self.parameters()).device
        latent = moved(self.sample_noise(num, noise), device)
        chance = moved(draw_chance((num, self.length), tokens), device)

        def compute(rows: Tensor | None = None) -> Tensor:
            if rows is None:
                return self.write(latent, temperature, chance, condition)
            given = None if condition is None else condition[rows]
            return self.write(latent[rows], temperature, chance[rows.to(chance.device)], given)

        return compute


class GeneratorNetwork(NoiseModel):
    """From noise (B, noise + L * position_noise) to one hidden state for each position, a backbone, and logits
    (B, L, V).

    With an encoder it is conditional: the features of the condition scale and shift the input of every block.

    Args:
        vocabulary: V.
        length: L, positions.
        noise: size of the noise for the whole sequence.
        position_noise: size of the further noise for each position.
        backbone: one of BACKBONES.
        width: C, channels of every hidden layer.
        blocks: number of residual blocks.
        encoder: encoder of the condition; None for an unconditional generator.
        options: options of the backbone; DEFAULTS, then the backbone's defaults, replace those left out.

    Raises:
        ValueError: there is no noise at all.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {"kernel": 5}

    def __init__(
        self,
        vocabulary: int,
        length: int,
        noise: int = 128,
        position_noise: int = 0,
        backbone: str = "convolutional",
        width: int = 64,
        blocks: int = 2,
        encoder: Encoder | None = None,
        **options: Any,
    ):
        super().__init__()
        if noise + position_noise < 1:
            raise ValueError("the generator needs noise: noise or position_noise must be at least 1")
        self.vocabulary, self.length, self.noise, self.position_noise = vocabulary, length, noise, position_noise
        self.noise_size = noise + length * position_noise
        self.project_noise = nn.Linear(noise, length * width) if noise else None
        # The projection of shared noise has a bias at each position. Without it the positions would all be alike.
        self.positions = None if noise else nn.Parameter(torch.zeros(length, width))
        self.project_position_noise = nn.Linear(position_noise, width, bias=False) if position_noise else None
        options = backbones.only_known(backbone, self.DEFAULTS) | options
        self.blocks = backbones.build(backbone, length, width, blocks, **options)
        self.logits = Conv1d(width, vocabulary, 1)
        self.encoder = encoder
        self.modulations = nn.ModuleList(Modulation(encoder.features, width) for _ in range(blocks) if encoder)

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits (B, L, V) of noise (B, noise_size), given a condition (B, ...).

        Raises:
            ValueError: a conditional generator gets no condition, or an unconditional one gets one; or the noise has
                another shape.
        """
        if noise.shape[1:] != (self.noise_size,):
            raise ValueError(f"noise (B, {self.noise_size}) is needed, not {tuple(noise.shape)}")
        return self._logits(self._hidden(noise), condition)

    def _hidden(self, noise: Tensor) -> Tensor:
        """The hidden states (B, L, C) of noise (B, noise_size), before the first block."""
        shared, own = noise.split([self.noise, self.noise_size - self.noise], dim=1)
        if self.project_noise is not None:
            hidden = self.project_noise(shared).unflatten(1, (self.length, -1))
        else:
            hidden = self.positions
        if self.project_position_noise is not None:
            hidden = hidden + self.project_position_noise(own.unflatten(1, (self.length, -1)))
        return hidden

    def _states(self, hidden: Tensor, condition: Tensor | None) -> list[Tensor]:
        """Hidden states (B, L, C): the input of the first block, then the output of every block."""
        return self.blocks(hidden, self._change(condition))

    def _logits(self, hidden: Tensor, condition: Tensor | None) -> Tensor:
        return self.logits(self.blocks.readout(self._states(hidden, condition)[-1]))

    def _change(self, condition: Tensor | None) -> Callable[[int, Tensor], Tensor]:
        """The function by which the condition changes the input of each block."""
        features = encode(self.encoder, condition)
        if features is None:
            return unchanged
        return lambda block, state: self.modulations[block](state, features)
