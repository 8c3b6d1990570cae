"""The memory that a step on text surely needs; see `memory`."""

from __future__ import annotations

from typing import Any

from ..config.blocks import Blocks
from ..config.text import TextConfig
from ..memory import FLOAT, WHOLE, state_size
from ..text.tokenizer import Tokenizer


class First:
    """A tokenizer that has only the first tokens of another one."""

    def __init__(self, tokenizer: Tokenizer, size: int):
        self.tokenizer, self.size = tokenizer, size

    def __len__(self) -> int:
        return min(len(self.tokenizer), self.size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)


def batch_needs(config: TextConfig, vocabulary: int, rows: int) -> float:
    """The bytes of a step of the game on `rows` sentences of a batch, or of an evaluation if that is more.

    These are soft tokens with their gradient and that of the logits, and the states between the blocks; or the states
    of the critic for real, generated and penalised samples, and its tokens for a penalty in one-hot space. Each
    substitution adds its ids, and the input and the output of a layer of the critic. The whole batch adds its noise and
    ids.

    With the weights, the estimate was 0.72 of the memory that a run took on a CPU where the noise was large (200,000),
    0.48 where the generator was (width 2,048), and 0.2 where the batch was (4,096): autograd keeps far more than these.
    """
    batch, length = config.train.batch_size, config.tokenizer.positions
    g, c, penalty = config.generator, config.critic, config.penalty
    tokens = FLOAT * 3 * length * vocabulary
    places = 3 if penalty.weight and "interpolates" in penalty.at else 2
    scored = _substitutions(config, length * vocabulary) * length * (WHOLE + 2 * state_size() * c.width)
    playing = tokens + _states(g, length) + scored
    judging = places * _states(c, length) + (tokens if penalty.weight and penalty.space == "one-hot" else 0)
    drawn = batch * (FLOAT * (g.noise + length * g.position_noise) + WHOLE * length)
    return max(drawn + rows * max(playing, judging), 2 * WHOLE * config.evaluation.samples * length)


def _substitutions(config: TextConfig, all_of_them: int) -> int:
    """The most substitutions of a sample that the critic scores at once."""
    reviser = (config.reviser.substitutions or 0) if config.reviser else 0
    return min(max(config.substitutions, reviser), all_of_them)


def _states(blocks: Blocks, length: int) -> int:
    """The bytes that the states between blocks surely take for a sample, with the weights of attention."""
    looks = getattr(blocks, "heads", 0) * length**2
    return state_size() * (length * blocks.width * (blocks.blocks + 1) + looks * blocks.blocks)
