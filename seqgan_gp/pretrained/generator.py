"""Generators with their tokenizer, which sample sentences from checkpoints."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, as_noise, as_tensor
from ..artefacts import evaluating, saved_networks
from ..errors import UserError
from ..fields import DEEPEST, finite, whole
from ..machine import side_by_side
from ..memory import FLOAT, WHOLE, check
from ..models.critic import CriticNetwork
from ..models.language_model import LanguageModelNetwork
from ..models.reviser import ReviserNetwork, RevisingGenerator
from ..models.sequence import SequenceModel
from ..networks import load_network, revising
from ..shareable import Shareable
from ..text.conditions import Condition
from ..text.tokenizer import Tokenizer
from . import inputs
from .given import Given, encode
from .reranking import Reranking

Read = TypeVar("Read")

TOGETHER = 1 << 16  # candidates whose random numbers are drawn at once at most, unless one sentence has more
GROUP = 4  # batches whose sentences look for candidates together: late candidates are few, and still fill a batch
SIDE_BY_SIDE = 128  # sentences of a batch; smaller ones gain nothing from threads: Python overhead (the GIL) dominates


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Options of `Generator.sample`."""

    seed: int = 0
    temperature: float | None = None
    batch_size: int = 256
    given: Given = None
    candidates: int | None = None
    passes: int | None = None

    @classmethod
    def of(
        cls,
        seed: int,
        temperature: float | None,
        batch_size: int,
        given: Given,
        candidates: int | None,
        passes: int | None,
    ) -> Sampling:
        """Options as a user gives them to the library.

        Raises:
            UserError: the command `sample` would refuse one of them.
        """
        return cls(
            whole("seed", seed, 0),
            None if temperature is None else finite("temperature", temperature, 0),
            whole("batch_size", batch_size, 1),
            given,
            None if candidates is None else whole("candidates", candidates, 1),
            None if passes is None else whole("passes", passes, 0, DEEPEST),
        )


class Generator(Shareable):
    """A network that samples, trained by any method, with its tokenizer.

    Args:
        network: the network, which draws ids (B, L).
        tokenizer: the tokenizer, from ids to sentences.
        temperature: the default temperature of `sample`; None takes that of the network; 0 takes the most probable
            token at each position.
        condition: the kind of condition of a conditional network; None for others.
        reranking: accepts or refuses candidates for samples; None for samples without reranking.
    """

    kind: ClassVar[type[SequenceModel]] = SequenceModel  # type: ignore[type-abstract]
    what: ClassVar[str] = "generator"
    network: SequenceModel

    def __init__(
        self,
        network: SequenceModel,
        tokenizer: Tokenizer,
        temperature: float | None = None,
        condition: Condition | None = None,
        reranking: Reranking | None = None,
    ):
        self.network, self.tokenizer, self.condition, self.reranking = network, tokenizer, condition, reranking
        self.temperature = network.temperature if temperature is None else temperature

    @classmethod
    def _load(cls, folder: Path, device: torch.device) -> Self:
        network, tokenizer, condition, config = load_network(folder, "generator", cls.kind, cls.what)
        saved = saved_networks(folder)
        if "reviser" in saved:
            network = revising(config, network, load_network(folder, "reviser", ReviserNetwork, "reviser").network)
        generator = cls(network.to(device), tokenizer, condition=condition)
        if "discriminator" in saved and config.reranker:
            discriminator = load_network(folder, "discriminator", CriticNetwork, "discriminator").network
            reranking = Reranking.of(config.reranker, discriminator.to(device), tokenizer)
            # A run of a version without revisers has none of the passes that its config has by default.
            generator.reranking = reranking if "reviser" in saved else dataclasses.replace(reranking, passes=None)
        return generator

    def __call__(self, inputs: Array, given: Given = None) -> Tensor:
        """Logits (B, L, V), with a gradient.

        Args:
            inputs: noise (B, noise_size), which `network.sample_noise` draws. For a language model, ids (B, L): the
                logits are those of each token given the tokens before it.
            given: the label or the context of each row, for a conditional network.

        Raises:
            UserError: the noise or the ids do not fit the network, or a condition is missing, unknown or too much.
        """
        checked = self._inputs(inputs)
        condition = encode(self.condition, given, len(checked), checked.device)
        return self.network(checked) if condition is None else self.network(checked, condition)

    def _inputs(self, given: Array) -> Tensor:
        parameter, size = next(self.network.parameters()), getattr(self.network, "noise_size", None)
        if size is not None:
            return as_noise(given, size, parameter.dtype, parameter.device)
        if isinstance(self.network, LanguageModelNetwork):
            return inputs.ids(given, self.network.vocabulary, parameter.device)
        return as_tensor(given, "rows of a tensor").to(parameter.device)

    def sample_ids(
        self,
        num: int,
        seed: int = 0,
        temperature: float | None = None,
        batch_size: int = 256,
        given: Given = None,
        candidates: int | None = None,
        passes: int | None = None,
    ) -> Iterator[np.ndarray]:
        """Batches of ids (<= batch_size, L) int64, `num` rows in all; the same for the same seed. See `sample`."""
        options = Sampling.of(seed, temperature, batch_size, given, candidates, passes)
        return self._batches(lambda ids: ids, num, options)

    def sample(
        self,
        num: int,
        seed: int = 0,
        temperature: float | None = None,
        batch_size: int = 256,
        given: Given = None,
        candidates: int | None = None,
        passes: int | None = None,
    ) -> Iterator[str]:
        """`num` sentences, which are drawn batch by batch while you read them; the same for the same seed. Between them
        gradients, torch's threads and the mode of the network are as you have them.

        Args:
            temperature: tokens are drawn from softmax(logits / temperature), position by position; 0 takes the most
                probable; default: the temperature of the training, 1 for a language model.
            batch_size: sentences to compute at once.
            given: the label or the context of each sentence, or one for all; default: labels in the proportions of the
                training sentences.
            candidates: the most candidates for each sentence, which the discriminator accepts or refuses one after
                another; 1 for no reranking; default: the number of the run's config.
            passes: revisions of each sentence, for a run with a reviser; 0 for drafts without reranking; default: the
                number of the run's config, reranking.passes if there is a choice among candidates.

        Raises:
            UserError: a condition is missing, unknown, or given to a generator without one; there is no discriminator
                to choose among candidates, or no reviser; or the command `sample` would refuse a number.
        """
        options = Sampling.of(seed, temperature, batch_size, given, candidates, passes)
        batches = self._batches(self.tokenizer.decode, num, options)
        return (sentence for sentences in batches for sentence in sentences)

    def draw_conditions(self, num: int, seed: int = 0) -> list[str]:
        """The labels of the sentences that `sample` draws if you give none, in the proportions of the training
        sentences; the same for the same seed.

        Raises:
            UserError: the generator takes no condition, or contexts, which you have to give.
        """
        if self.condition is None:
            raise UserError("this generator takes no label and no context: sample without them")
        return self.condition.draw(whole("num", num, 0), _streams(whole("seed", seed, 0))[2])

    def _batches(self, read: Callable[[np.ndarray], Read], num: int, options: Sampling) -> Iterator[Read]:
        """`read` of each batch of ids (<= batch_size, L)."""
        num = whole("num", num, 0)
        network, reranking = self.parts(options.candidates, options.passes)
        temperature, given = options.temperature, options.given
        if temperature is None and isinstance(network, RevisingGenerator) and not network.passes:
            temperature = network.drafting
        elif temperature is None:
            temperature = reranking.temperature if reranking else self.temperature
        noise, tokens, _, chance = _streams(options.seed)
        if given is None and self.condition is not None:
            given = self.draw_conditions(num, options.seed)
        each = reranking.candidates if reranking else 1
        device, batch = next(self.network.parameters()).device, options.batch_size
        threads = torch.get_num_threads() if device.type == "cpu" and batch >= SIDE_BY_SIDE else 1
        # The random numbers of all candidates of a sentence are drawn together, though most sentences need few.
        most = max(1, min(batch * (GROUP if reranking else 1), TOGETHER // each))
        self._check_fits(min(num, most), num, temperature, batch, each, device)
        condition = encode(self.condition, given, num, device)

        def batches() -> Iterator[Callable[[], Tensor]]:
            start = number = 0
            while start < num:
                # The first groups are small, so that few sentences are written for whoever wants few, and so are the
                # last, so that each thread has some.
                group = min(2 ** min(number // threads, GROUP), math.ceil((num - start) / (batch * threads)))
                size = min(batch * group, most, num - start)
                part = None if condition is None else condition[start : start + size]
                repeated = None if part is None else part.repeat_interleave(each, 0)
                draw = network.draw(size * each, temperature, noise, tokens, repeated)
                if reranking:
                    draw = reranking.among(draw, chance.standard_exponential((size, 2, each)), part, batch)
                yield draw
                start, number = start + size, number + 1

        def compute(ids: Callable[[], Tensor]) -> list[Read]:
            with torch.no_grad():  # each thread has its own setting
                return [read(part.numpy()) for part in ids().cpu().split(batch)]

        networks = [self.network, *([reranking.discriminator] if reranking else [])]
        groups = side_by_side(compute, batches(), functools.partial(evaluating, *networks), threads)
        return (batch for group in groups for batch in group)

    def _check_fits(
        self, rows: int, num: int, temperature: float, batch_size: int, each: int, device: torch.device
    ) -> None:
        """Raise a UserError if `rows` sentences surely do not fit into memory: the random numbers of all their
        candidates and the logits of a batch, with their softmax and its sum if tokens are drawn; or the labels of all
        sentences.
        """
        network = self.network
        positions = 1 if isinstance(network, LanguageModelNetwork) else network.length  # written one after another
        logits = positions * network.vocabulary * (3 if temperature else 1)
        chances = each * (getattr(network, "noise_size", 0) + network.length)
        needed = FLOAT * (rows * chances + min(rows, batch_size) * logits)
        lower = f"candidates, which are {each:,}" if each > batch_size else f"batch_size, which is {batch_size:,}"
        check(needed, f"drawing {rows:,} sentences at once", f"lower {lower}", device)
        if self.condition is not None:
            check(2 * WHOLE * num, f"the conditions of {num:,} sentences", "lower num")

    def parts(self, candidates: int | None = None, passes: int | None = None) -> tuple[SequenceModel, Reranking | None]:
        """The network with the passes that sampling takes by these options of `sample`, and the reranking, if any."""
        reranking = self._reranking(1 if passes == 0 and candidates is None else candidates)
        if passes is None and reranking:
            passes = reranking.passes
        return self.revising(passes), reranking

    def revising(self, passes: int | None) -> SequenceModel:
        """The network with a number of passes; None for that of its own."""
        if passes is None:
            return self.network
        if not isinstance(self.network, RevisingGenerator):
            raise UserError(
                "there is no reviser: leave passes out, or give a run that was trained to its end with "
                "revision.passes over 0"
            )
        return self.network.with_passes(passes)

    def _reranking(self, candidates: int | None) -> Reranking | None:
        """The reranking with a number of candidates, if there is one; None for no reranking."""
        if candidates in (None, 1):
            return self.reranking if candidates is None else None
        if self.reranking is None:
            raise UserError(
                f"there is no discriminator to choose among {candidates} candidates: leave candidates out, or give a "
                "run that was trained to its end with reranking.candidates over 1"
            )
        return dataclasses.replace(self.reranking, candidates=candidates)


def _streams(seed: int) -> list[np.random.Generator]:
    """Random numbers for the noise, the tokens, the labels, and the choice among candidates."""
    return [np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(4)]
