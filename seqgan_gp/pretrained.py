"""The networks of a run on text with their tokenizer, from a checkpoint: to sample sentences, and to probe."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from .adversarial.constraints import PARAMETRIZATIONS
from .adversarial.reranker import resample
from .artefacts import (
    FILES,
    LABELS,
    TOKENIZER,
    check_complete,
    evaluating,
    load_weights,
    locate,
    read_config,
    saved_networks,
)
from .config import Config, RerankingConfig
from .errors import UserError
from .machine import side_by_side
from .models import critic, generator, language_model
from .models.conditions import ContextEncoder, Encoder, LabelEncoder
from .models.relaxations import relaxation
from .models.sequence import SequenceModel, finish
from .text.conditions import Condition, Contexts, Labels
from .text.tokenizer import Tokenizer


def condition_of(config: Config, tokenizer: Tokenizer, labels: Callable[[], Labels]) -> Condition | None:
    """What the sentences of an experiment are given, if they are given something; `labels` gets those that it has."""
    if config.corpus.label:
        return labels()
    if config.corpus.context:
        return Contexts(tokenizer, config.condition.length or config.tokenizer.length)
    return None


def _label_encoder(config: Config, labels: Labels) -> Encoder:
    return LabelEncoder(len(labels.counts), config.condition.features)


def _context_encoder(config: Config, contexts: Contexts) -> Encoder:
    options = dataclasses.asdict(config.condition)
    sizes = options.pop("length") or config.tokenizer.length, config.tokenizer.length
    return ContextEncoder(len(contexts.tokenizer), contexts.tokenizer.pad, *sizes, **options)


ENCODERS: dict[type[Condition], Callable[[Config, Any], Encoder]] = {
    Labels: _label_encoder,
    Contexts: _context_encoder,
}


def _encoder(config: Config, condition: Condition | None) -> Encoder | None:
    """What makes a network conditional."""
    return ENCODERS[type(condition)](config, condition) if condition else None


def build_generator(
    config: Config, tokenizer: Tokenizer, condition: Condition | None = None
) -> generator.GeneratorNetwork:
    sizes, encoder = (len(tokenizer), config.tokenizer.length), _encoder(config, condition)
    return generator.GeneratorNetwork(*sizes, **dataclasses.asdict(config.generator), encoder=encoder)


def build_critic(config: Config, tokenizer: Tokenizer, condition: Condition | None = None) -> critic.CriticNetwork:
    options = dataclasses.asdict(config.critic)
    parametrize = PARAMETRIZATIONS[options.pop("parametrization")]
    sizes, encoder = (len(tokenizer), config.tokenizer.length), _encoder(config, condition)
    network = critic.CriticNetwork(*sizes, **options, encoder=encoder)
    parametrize(network)
    return network


def build_language_model(
    config: Config, tokenizer: Tokenizer, condition: Condition | None = None
) -> language_model.LanguageModelNetwork:
    if condition is not None:
        raise UserError("a language model takes no corpus.label and no corpus.context: leave them out")
    sizes = len(tokenizer), config.tokenizer.length, tokenizer.pad, tokenizer.end
    return language_model.LanguageModelNetwork(*sizes, **dataclasses.asdict(config.language_model))


class Method(NamedTuple):
    """What a way to train leaves: the networks by name, `generator` being the one that samples, and the temperature
    that it samples at by default.
    """

    networks: Mapping[str, Callable[[Config, Tokenizer, Condition | None], nn.Module]]
    temperature: Callable[[Config], float]


METHODS = {
    "adversarial": Method(
        {"generator": build_generator, "critic": build_critic, "discriminator": build_critic},
        lambda config: relaxation(config.relaxation.kind, config.relaxation.temperature).sampling_temperature,
    ),
    "likelihood": Method({"generator": build_language_model}, lambda config: 1.0),
}


Network = TypeVar("Network", bound=nn.Module)


class Loaded(NamedTuple, Generic[Network]):
    """A network of a checkpoint, and what its inputs and outputs mean."""

    network: Network
    tokenizer: Tokenizer
    condition: Condition | None
    config: Config


def _load(folder: Path, part: str, kind: type[Network], what: str) -> Loaded[Network]:
    """The network `part` of a checkpoint, which must be a `kind`, in a user's words `what`."""
    config = read_config(folder, Config)
    check_complete(folder, FILES)
    tokenizer = Tokenizer.load(folder / TOKENIZER)
    build = METHODS[config.method].networks.get(part)
    condition = condition_of(config, tokenizer, lambda: Labels.load(folder / LABELS))
    network = build(config, tokenizer, condition) if build else None
    if not isinstance(network, kind):
        raise UserError(f"{folder} was trained by method={config.method} and has no {what}: give a run that has one")
    load_weights(folder, part, network)
    return Loaded(network.eval(), tokenizer, condition, config)


Given = str | Sequence[str] | None
Read = TypeVar("Read")

SIDE_BY_SIDE = 128  # sentences of a batch; smaller ones gain nothing from threads: Python overhead (the GIL) dominates


def _encoded(condition: Condition | None, given: Given, num: int, device: torch.device) -> tuple[Tensor, ...]:
    """What each of `num` sentences is given, (num, ...), or nothing where there is no condition.

    Raises:
        UserError: it is missing, too much, unknown, or not one for each.
    """
    if condition is None:
        if given is not None:
            raise UserError("this run has no labels and no contexts: leave out what is given")
        return ()
    if given is None:
        raise UserError("this run is conditional: give a label or a context for each sentence")
    each = [given] * num if isinstance(given, str) else list(given)
    if len(each) != num:
        raise UserError(f"{len(each)} labels or contexts are given for {num} sentences: give one for each")
    return (torch.from_numpy(condition.encode(each)).to(device),)


@dataclasses.dataclass(frozen=True)
class Reranking:
    """What chooses a sample among candidates of a generator.

    Args:
        discriminator: ids to the log of how much more probable they are among real sequences, up to a constant.
        tokenizer: knows where a sentence ends; what a generator puts behind that does not count.
        candidates: k, for each sample, unless another number is asked for.
        temperature: that the candidates are drawn at, unless another one is asked for.
    """

    discriminator: critic.CriticNetwork
    tokenizer: Tokenizer
    candidates: int
    temperature: float

    @classmethod
    def of(cls, config: RerankingConfig, discriminator: critic.CriticNetwork, tokenizer: Tokenizer) -> Reranking:
        return cls(discriminator, tokenizer, config.candidates, config.temperature)

    def among(self, draw: Callable[[], Tensor], chance: np.ndarray, *condition: Tensor) -> Callable[[], Tensor]:
        """What computes ids (B, L): one of every k rows of `draw`, (B * k, L).

        Args:
            chance: standard exponential variables, (B, k).
            condition: what each of the B is given, (B, ...), if it is.
        """

        def chosen() -> Tensor:
            ids = finish(draw(), self.tokenizer.end, self.tokenizer.pad)
            repeated = (c.repeat_interleave(chance.shape[1], 0) for c in condition)
            scores = self.discriminator(ids, *repeated).view(chance.shape)
            kept = resample(scores, torch.from_numpy(chance).to(ids.device))
            return ids.unflatten(0, chance.shape)[torch.arange(len(kept), device=ids.device), kept]

        return chosen


class Generator:
    """What samples sentences, however it was trained, with its tokenizer.

    Args:
        network: draws ids (B, L).
        tokenizer: ids to sentences.
        temperature: the default temperature of `sample`; 0 takes the most probable token at each position.
        condition: what a conditional network is given.
        reranking: how each sample is chosen among candidates; None takes each as the generator writes it.
    """

    kind: ClassVar[type[SequenceModel]] = SequenceModel  # type: ignore[type-abstract]
    what: ClassVar[str] = "generator"

    def __init__(
        self,
        network: SequenceModel,
        tokenizer: Tokenizer,
        temperature: float = 0.0,
        condition: Condition | None = None,
        reranking: Reranking | None = None,
    ):
        self.network, self.tokenizer, self.temperature, self.condition = network, tokenizer, temperature, condition
        self.reranking = reranking

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> Self:
        """From a run folder (its last checkpoint), a checkpoint, or a hub id.

        Raises:
            UserError: there is none, it is incomplete, it is of another kind, or its files do not belong together.
        """
        folder = locate(source)
        network, tokenizer, condition, config = _load(folder, "generator", cls.kind, cls.what)
        generator = cls(network.to(device), tokenizer, METHODS[config.method].temperature(config), condition)
        if "discriminator" in saved_networks(folder):
            discriminator = _load(folder, "discriminator", critic.CriticNetwork, "discriminator").network
            generator.reranking = Reranking.of(config.reranking, discriminator.to(device), tokenizer)
        return generator

    def __call__(self, inputs: Tensor, given: Given = None) -> Tensor:
        """Logits (B, L, V), with a gradient: of noise (B, noise_size), which `network.sample_noise` draws, and of what
        each row is given where the network is conditional; or of each token of ids (B, L) given those before it where
        the network is a language model.
        """
        return self.network(inputs, *_encoded(self.condition, given, len(inputs), inputs.device))

    def sample_ids(
        self,
        num: int,
        seed: int = 0,
        temperature: float | None = None,
        batch_size: int = 256,
        given: Given = None,
        candidates: int | None = None,
    ) -> Iterator[np.ndarray]:
        """Batches of ids (<= batch_size, L) int64, `num` rows in all; the same for the same seed. See `sample`."""
        return self._sampled(lambda ids: ids, num, seed, temperature, batch_size, given, candidates)

    def _sampled(
        self,
        read: Callable[[np.ndarray], Read],
        num: int,
        seed: int,
        temperature: float | None,
        batch_size: int,
        given: Given,
        candidates: int | None,
    ) -> Iterator[Read]:
        """What `read` makes of each batch of ids (<= batch_size, L)."""
        chosen = self._reranked(candidates)
        if temperature is None:
            temperature = chosen.temperature if chosen else self.temperature
        noise, tokens, labels, candidates_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(4))
        if given is None and self.condition is not None:
            given = self.condition.draw(num, labels)
        device = next(self.network.parameters()).device
        condition = _encoded(self.condition, given, num, device)

        each = chosen.candidates if chosen else 1
        at_once = max(1, batch_size // each)

        def batches() -> Iterator[Callable[[], Tensor]]:
            for start in range(0, num, at_once):
                size, rows = min(at_once, num - start), slice(start, start + at_once)
                part = tuple(c[rows] for c in condition)
                repeated = (c.repeat_interleave(each, 0) for c in part)
                draw = self.network.draw(size * each, temperature, noise, tokens, *repeated)
                yield chosen.among(draw, candidates_rng.standard_exponential((size, each)), *part) if chosen else draw

        def compute(ids: Callable[[], Tensor]) -> Read:
            with torch.no_grad():  # is of each thread by itself
                return read(ids().cpu().numpy())

        with evaluating(self.network):
            large = device.type == "cpu" and batch_size >= SIDE_BY_SIDE
            yield from side_by_side(compute, batches()) if large else map(compute, batches())

    def sample(
        self,
        num: int,
        seed: int = 0,
        temperature: float | None = None,
        batch_size: int = 256,
        given: Given = None,
        candidates: int | None = None,
    ) -> Iterator[str]:
        """`num` sentences, drawn batch by batch as they are asked for.

        Args:
            temperature: tokens are drawn from softmax(logits / temperature), position by position; 0 takes the most
                probable; default: what the generator was trained with, 1 for a language model.
            batch_size: sentences, or candidates for them, that are computed at once.
            given: the label of each of them or the context that each answers, or one for all; default: labels in the
                proportions of the training sentences.
            candidates: for each sentence, among which a discriminator chooses it; 1 is the generator's own sentence;
                default: what the run was trained for.

        Raises:
            UserError: the generator is not of the kind that is given something, or lacks it; or there is no such label;
                or nothing that could choose among candidates.
        """
        for sentences in self._sampled(self.tokenizer.decode, num, seed, temperature, batch_size, given, candidates):
            yield from sentences

    def _reranked(self, candidates: int | None) -> Reranking | None:
        """What chooses, if something does."""
        if candidates in (None, 1):
            return self.reranking if candidates is None else None
        if self.reranking is None:
            raise UserError(
                f"there is no discriminator to choose among {candidates} candidates: leave candidates out, or give a "
                "run that was trained to its end with reranking.candidates over 1"
            )
        return dataclasses.replace(self.reranking, candidates=candidates)


class LanguageModel(Generator):
    """A generator that also knows how probable a sentence is: one trained by maximum likelihood.

    Args:
        network: ids to log-probabilities.
        tokenizer: sentences to ids and back.
        temperature: the default temperature of `sample`.
        condition: none, so far.
    """

    network: language_model.LanguageModelNetwork
    kind = language_model.LanguageModelNetwork
    what = "language model"

    def __init__(
        self,
        network: language_model.LanguageModelNetwork,
        tokenizer: Tokenizer,
        temperature: float = 1.0,
        condition: Condition | None = None,
    ):
        super().__init__(network, tokenizer, temperature, condition)

    def log_likelihood(self, sentences: Sequence[str], batch_size: int = 512) -> tuple[np.ndarray, np.ndarray]:
        """The log-probability of each sentence in nats, (N,) float64, and the tokens that it is of, (N,) int64, with
        the end token.

        A sentence longer than L tokens counts by its first L, and an unknown word by the unknown token.
        """
        ids = self.tokenizer.encode(sentences, self.network.length).ids
        tokens = self.network.counted(torch.from_numpy(ids)).sum(dim=1).numpy()
        nats = np.empty(len(ids))
        order = np.argsort(tokens, kind="stable")  # sentences of a length together: what follows the end costs nothing
        with evaluating(self.network):
            for start in range(0, len(ids), batch_size):
                rows = order[start : start + batch_size]
                batch = torch.from_numpy(ids[rows]).to(self.network.bias.device)
                nats[rows] = self.network.log_probability(batch).cpu().numpy()
        return nats, tokens


class Critic:
    """A trained critic with its tokenizer. Sequences are sentences, ids (B, L) int64, or one-hot or soft tokens (B,
    L, V) float.

    Gradients flow to soft tokens and embeddings, so that the critic can be probed with them. What a conditional critic
    takes besides, `given`, is a label or a context for each sequence, or one for all.

    Args:
        network: tokens to scores.
        tokenizer: sentences to ids.
        condition: what a conditional network is given.
    """

    def __init__(self, network: critic.CriticNetwork, tokenizer: Tokenizer, condition: Condition | None = None):
        self.network, self.tokenizer, self.condition = network, tokenizer, condition

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> Critic:
        """From a run folder (its last checkpoint), a checkpoint, or a hub id.

        Raises:
            UserError: there is none, it is incomplete, or its files do not belong together.
        """
        network, tokenizer, condition, _ = _load(locate(source), "critic", critic.CriticNetwork, "critic")
        return cls(network.requires_grad_(False).to(device), tokenizer, condition)

    def tokens(self, sequences: str | Sequence[str] | Tensor) -> Tensor:
        """Ids (B, L) of sentences; a tensor as it is, on the critic's device."""
        device = self.network.embedding.device
        if isinstance(sequences, Tensor):
            return sequences.to(device)
        sentences = [sequences] if isinstance(sequences, str) else list(sequences)
        encoded = self.tokenizer.encode(sentences, self.network.length)
        if encoded.truncated:
            length = self.network.length
            warnings.warn(f"{encoded.truncated} sentences are longer than {length} tokens and were cut", stacklevel=3)
        return torch.from_numpy(encoded.ids).to(device)

    def __call__(self, sequences: str | Sequence[str] | Tensor, given: Given = None) -> Tensor:
        """Scores (B,): higher is more like real sentences. Only differences between scores mean anything, and of a
        conditional critic only between those given the same.

        Raises:
            UserError: the critic is not of the kind that is given something, or lacks it; or there is no such label.
        """
        return self.score(self.embed(sequences), given)

    def embed(self, sequences: str | Sequence[str] | Tensor) -> Tensor:
        """Embeddings (B, L, E)."""
        return self.network.embed(self.tokens(sequences))

    def score(self, embedded: Tensor, given: Given = None) -> Tensor:
        """Scores (B,) of embeddings (B, L, E)."""
        return self.network.score(embedded, *_encoded(self.condition, given, len(embedded), embedded.device))

    def features(self, sequences: str | Sequence[str] | Tensor, layer: int = -1) -> Tensor:
        """Hidden states (B, L, C) of one layer: 0 is what enters the first block, i the output of block i, -1 the last.

        Raises:
            IndexError: there is no such layer.
        """
        return self.network.features(self.tokens(sequences), layer)
