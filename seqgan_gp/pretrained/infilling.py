"""In-filling: sequences that hold some tokens fixed, as a motif or the words around a blank."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..adversarial.reranker import resample
from ..artefacts import evaluating
from ..errors import UserError
from ..fields import finite, whole
from ..machine import onto
from ..models.generator import NoiseModel
from ..models.relaxations import draw_chance, most_probable, sample_ids
from ..models.reviser import RevisingGenerator
from ..models.sequence import finish
from ..text.patterns import Pattern
from .critic import Critic
from .generator import Generator
from .given import Given, encode
from .placing import allowed_tokens, surprise_of

STEPS, RATE = 5, 0.1  # of Adam, on the noise
CANDIDATES = 32
DRAWN = 1_000  # samples for each sentence that is wanted, after which the way `draw` gives up


@dataclass
class Price:
    """The cost of sentences so far: the candidates, and how often a network wrote a whole sequence, with each step of
    the noise and each revision counted.
    """

    candidates: int = 0
    written: int = 0

    def of(self, num: int) -> str:
        """The cost of one of so many sentences, in words."""
        return (
            f"{self.candidates / num:,.0f} candidates for each sentence, and {self.written / num:,.0f} sequences "
            "written, steps of the noise and revisions counted"
        )


def infill(
    generator: Generator,
    pattern: str,
    num: int,
    judge: Critic | None = None,
    candidates: int | None = None,
    steps: int = STEPS,
    seed: int = 0,
    temperature: float | None = None,
    batch_size: int = 256,
    given: Given = None,
    passes: int | None = None,
    price: Price | None = None,
) -> Iterator[str]:
    """`num` sentences that hold a pattern, batch by batch while you read them; the same for the same seed.

    Each sentence is chosen among candidates. A candidate begins as noise, whose draft says where the pattern stands
    with the least surprise, up to chance. Steps of Adam move the noise, at its length, towards the fixed tokens. The
    generator writes its tokens, the fixed ones as they must be, and a reviser revises the others. One candidate is
    drawn in proportion to p(fixed tokens | noise) * p(real) / p(generated), the last factor by the discriminator: those
    are the weights of samples that take the fixed tokens as given. A critic, whose scores are no logarithms, takes its
    best.

    Args:
        generator: a generator with noise.
        pattern: the tokens to hold, such as A???C (`text.patterns.Pattern.read`).
        judge: chooses where the generator has no discriminator; None takes the candidate with the least surprise.
        candidates: for each sentence; None for 32.
        steps: of the noise; 0 leaves the noise as it is drawn.
        seed, temperature, batch_size, given: as of `Generator.sample`.
        passes: revisions of each candidate; the discriminator chooses even among drafts (0).
        price: counts the cost.

    Raises:
        UserError: the generator has no noise, an option is wrong, or the pattern does not fit.
    """
    if not isinstance(generator.network, NoiseModel):
        raise UserError("--fix moves the noise of a generator, and a language model has none: pass --fix-by draw")
    reranking = generator.reranking
    if temperature is None:
        temperature = reranking.temperature if reranking else generator.temperature
    network, _ = generator.parts(passes=passes)
    filler = _Filler(
        generator,
        network,
        Pattern.read(pattern, generator.tokenizer, network.length),
        judge,
        whole("candidates", CANDIDATES if candidates is None else candidates, 1),
        whole("steps", steps, 0),
        finite("temperature", temperature, 0),
        price or Price(),
    )
    return filler.sentences(whole("num", num, 0), whole("seed", seed, 0), whole("batch_size", batch_size, 1), given)


def draw_until(
    generator: Generator, pattern: str, num: int, price: Price | None = None, **options: Any
) -> Iterator[str]:
    """Draw samples until `num` sentences hold a pattern, and keep those. They are as the generator writes such
    sentences, and a rare pattern costs many samples.

    Args:
        options: as of `Generator.sample`.

    Raises:
        UserError: the pattern does not fit, or too few of 1,000 samples for each sentence have it.
    """
    num, price = whole("num", num, 0), price or Price()
    wanted = Pattern.read(pattern, generator.tokenizer, generator.network.length)
    (network, _), found = generator.parts(options.get("candidates"), options.get("passes")), 0
    passes = 1 + (network.passes if isinstance(network, RevisingGenerator) else 0)
    reranking, counting = generator.reranking, contextlib.nullcontext[list[int]]([])
    with reranking.counting() if reranking else counting as scored:
        for ids in generator.sample_ids(DRAWN * num, **options):
            kept = ids[wanted.holds(ids)][: num - found]
            price.candidates += len(ids)
            price.written = passes * max(sum(scored), price.candidates)  # without a choice none is scored
            found += len(kept)
            yield from generator.tokenizer.decode(kept)
            if found == num:
                return
    if found < num:
        raise UserError(
            f"--fix {pattern}: {found:,} of {price.candidates:,} samples have it, and {num:,} are wanted: leave out "
            "--fix-by draw, or lower --num"
        )


@dataclass(frozen=True)
class _Filler:
    """The parts of in-filling; see `infill`."""

    generator: Generator
    network: Any
    pattern: Pattern
    judge: Critic | None
    candidates: int
    steps: int
    temperature: float
    price: Price

    def sentences(self, num: int, seed: int, batch_size: int, given: Given) -> Iterator[str]:
        """The sentences."""
        *streams, labels = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(6))
        condition, device = self.generator.condition, next(self.network.parameters()).device
        if given is None and condition is not None:
            given = condition.draw(num, labels)
        encoded = encode(condition, given, num, device)

        def batches() -> Iterator[str]:
            at_once = max(1, batch_size // self.candidates)
            for start in range(0, num, at_once):
                size = min(at_once, num - start)
                part = None if encoded is None else encoded[start : start + size]
                yield from self.generator.tokenizer.decode(self._batch(size, streams, part))

        return batches()

    def _batch(self, size: int, streams: list[np.random.Generator], condition: Tensor | None) -> np.ndarray:
        """Ids (size, L)."""
        noise, places, draft, tokens, chance = streams
        rows, tokenizer = size * self.candidates, self.generator.tokenizer
        repeated = None if condition is None else condition.repeat_interleave(self.candidates, 0)
        first = self.network.draft if isinstance(self.network, RevisingGenerator) else self.network
        device = next(first.parameters()).device
        latent = first.sample_noise(rows, noise).to(device)
        chances = [draw_chance((rows, first.length), stream) for stream in (draft, tokens)]
        gumbel = places.gumbel(size=(rows, len(self.pattern.pieces), first.length))
        choice = chance.standard_exponential((size, self.candidates))
        with evaluating(self.network):
            logits = first(latent, repeated)
            allowed = allowed_tokens(logits, self.pattern, gumbel)
            latent = self._moved(first, latent, allowed, repeated)
            logits = first(latent, repeated)
            surprise = surprise_of(logits, allowed).sum(dim=1)
            ids = self._written(logits, latent, allowed, chances, repeated)
            ids = finish(ids, tokenizer.end, tokenizer.pad)
            kept = self._chosen(ids, surprise, choice, repeated)
        self.price.candidates += rows
        return ids.unflatten(0, choice.shape)[torch.arange(size, device=device), kept].cpu().numpy()

    def _moved(self, network: NoiseModel, latent: Tensor, allowed: Tensor, condition: Tensor | None) -> Tensor:
        """The noise after steps that make the allowed tokens likelier. Its length stays, since the generator knows
        noise of that length.
        """
        norm = latent.norm(dim=1, keepdim=True)
        latent = latent.clone().requires_grad_()
        optimizer = torch.optim.Adam([latent], lr=RATE)
        for _ in range(self.steps):
            with torch.enable_grad():
                loss = surprise_of(network(latent, condition), allowed).sum()
                (latent.grad,) = torch.autograd.grad(loss, latent)
            optimizer.step()
            latent.data *= norm / latent.data.norm(dim=1, keepdim=True)
        self.price.written += len(latent) * (self.steps + 2)
        return latent.detach()

    def _written(
        self, logits: Tensor, latent: Tensor, allowed: Tensor, chances: list[Tensor], condition: Tensor | None
    ) -> Tensor:
        """Ids (N, L) of logits, after the passes of a reviser if there is one."""
        network = self.network

        def held(logits: Tensor) -> Tensor:
            return logits.masked_fill(~allowed, -torch.inf)

        if not isinstance(network, RevisingGenerator):
            return sample_ids(held(logits), self.temperature, chances[1])
        ids = sample_ids(held(logits), network.drafting, chances[0])
        for number in range(1, network.passes + 1):
            revised = held(network.reviser.revise(ids, latent, condition))
            ids = (
                most_probable(revised) if number < network.passes else sample_ids(revised, self.temperature, chances[1])
            )
        self.price.written += len(ids) * network.passes
        return ids

    def _chosen(self, ids: Tensor, surprise: Tensor, choice: np.ndarray, condition: Tensor | None) -> Tensor:
        """The number of the candidate of each sentence, (size,)."""
        if self.generator.reranking:
            discriminator = self.generator.reranking.discriminator
            with evaluating(discriminator):
                scores = discriminator(ids) if condition is None else discriminator(ids, condition)
            return resample((scores - surprise).view(choice.shape), onto(choice, ids.device))
        if self.judge is not None:
            with evaluating(self.judge.network):
                return self.judge.network(ids, condition).view(choice.shape).argmax(dim=1)
        return surprise.view(choice.shape).argmin(dim=1)
