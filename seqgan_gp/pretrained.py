"""What is left of a run to use: its networks with their tokenizer, from a folder that holds no pickle.

A checkpoint holds `config.yaml`, `tokenizer.json` and `model.safetensors`, with the weights of what samples under
`generator.` and, after adversarial training, those of the critic under `critic.`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Self, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from . import config as configs
from .adversarial.lipschitz import PARAMETRIZATIONS
from .config import Config
from .errors import UserError
from .models import critic, generator, language_model
from .models.relaxations import relaxation
from .models.sequence import SequenceModel
from .text.tokenizer import Tokenizer

CONFIG, TOKENIZER, WEIGHTS = FILES = ("config.yaml", "tokenizer.json", "model.safetensors")
CHECKPOINTS = "checkpoints"


def build_generator(config: Config, tokenizer: Tokenizer) -> generator.Generator:
    return generator.Generator(len(tokenizer), config.tokenizer.length, **dataclasses.asdict(config.generator))


def build_critic(config: Config, tokenizer: Tokenizer) -> critic.Critic:
    options = dataclasses.asdict(config.critic)
    parametrize = PARAMETRIZATIONS[options.pop("parametrization")]
    network = critic.Critic(len(tokenizer), config.tokenizer.length, **options)
    parametrize(network)
    return network


def build_language_model(config: Config, tokenizer: Tokenizer) -> language_model.LanguageModel:
    sizes = len(tokenizer), config.tokenizer.length, tokenizer.pad, tokenizer.end
    return language_model.LanguageModel(*sizes, **dataclasses.asdict(config.language_model))


class Method(NamedTuple):
    """What a way to train leaves: the networks by name, `generator` being the one that samples, and the temperature
    that it samples at by default.
    """

    networks: Mapping[str, Callable[[Config, Tokenizer], nn.Module]]
    temperature: Callable[[Config], float]


METHODS = {
    "adversarial": Method(
        {"generator": build_generator, "critic": build_critic},
        lambda config: relaxation(config.relaxation.kind, config.relaxation.temperature).sampling_temperature,
    ),
    "likelihood": Method({"generator": build_language_model}, lambda config: 1.0),
}


def save(folder: Path, config: Config, tokenizer: Tokenizer, networks: Mapping[str, nn.Module]) -> None:
    """Write what is needed to sample and to probe: the networks that METHODS names."""
    configs.save(config, folder / CONFIG)
    tokenizer.save(folder / TOKENIZER)
    weights = {f"{part}.{k}": v for part, network in networks.items() for k, v in network.state_dict().items()}
    save_file({k: v.detach().cpu().contiguous() for k, v in weights.items()}, folder / WEIGHTS)


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run folder, oldest first."""
    found = [path for path in (run / CHECKPOINTS).glob("step-*") if re.fullmatch(r"step-\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def locate(source: str | Path) -> Path:
    """The checkpoint that `source` means: itself, the last one of a run folder, or a download from the hub.

    Raises:
        UserError: there is none, or it lacks a file.
    """
    path = Path(source)
    if path.is_dir():
        if found := checkpoints(path):
            path = found[-1]
    elif path.exists():
        raise UserError(f"{path} is a file: give a run folder, a checkpoint in it, or a hub id")
    elif re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", str(source)):
        path = _download(str(source))
    else:
        raise UserError(
            f"{path}: no such run folder; train one with: accelerate launch run.py --config text.yaml --output {path}"
        )
    if (path / CHECKPOINTS).is_dir():
        raise UserError(
            f"{path} has no checkpoint yet: train on with --resume, or give another run folder or checkpoint"
        )
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise UserError(
            f"{path}: not a complete checkpoint, {', '.join(missing)} missing; give a run folder or another checkpoint"
        )
    return path


def _download(repo: str) -> Path:
    from huggingface_hub import snapshot_download

    print(f"{repo}: no such folder here, asking the hub", file=sys.stderr)
    try:
        return Path(snapshot_download(repo, allow_patterns=list(FILES), etag_timeout=10))
    except Exception as error:  # no network, no such repository, no access
        cause = " ".join(str(error).split())[:200]
        raise UserError(
            f"{repo}: neither a folder here nor to be had from the hub ({type(error).__name__}: {cause})"
        ) from None


Network = TypeVar("Network", bound=nn.Module)


def _load(source: str | Path, part: str, kind: type[Network], what: str) -> tuple[Network, Tokenizer, Config]:
    """The network `part` of a checkpoint, which must be a `kind`, in a user's words `what`."""
    folder = locate(source)
    config = configs.load(folder / CONFIG)
    tokenizer = Tokenizer.load(folder / TOKENIZER)
    build = METHODS[config.method].networks.get(part)
    network = build(config, tokenizer) if build else None
    if not isinstance(network, kind):
        raise UserError(f"{source} was trained by method={config.method} and has no {what}: give a run that has one")
    try:
        weights = load_file(folder / WEIGHTS)
        network.load_state_dict({k.removeprefix(f"{part}."): v for k, v in weights.items() if k.startswith(f"{part}.")})
    except SafetensorError as error:
        raise UserError(f"{folder / WEIGHTS} is damaged ({error}); use another checkpoint") from None
    except RuntimeError as error:
        detail = " ".join(str(error).partition("\n")[2].split())[:200]
        described = f"the shape that {CONFIG} and {TOKENIZER} beside it describe"
        raise UserError(f"{folder / WEIGHTS} is not of {described}: {detail}") from None
    return network.eval(), tokenizer, config


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Without gradients, in evaluation mode, and back."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(training)


class Generator:
    """What samples sentences, however it was trained, with its tokenizer.

    Args:
        network: draws ids (B, L).
        tokenizer: ids to sentences.
        temperature: the default temperature of `sample`; 0 takes the most probable token at each position.
    """

    kind: ClassVar[type[SequenceModel]] = SequenceModel  # type: ignore[type-abstract]
    what: ClassVar[str] = "generator"

    def __init__(self, network: SequenceModel, tokenizer: Tokenizer, temperature: float = 0.0):
        self.network, self.tokenizer, self.temperature = network, tokenizer, temperature

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> Self:
        """From a run folder (its last checkpoint), a checkpoint, or a hub id.

        Raises:
            UserError: there is none, it is incomplete, it is of another kind, or its files do not belong together.
        """
        network, tokenizer, config = _load(source, "generator", cls.kind, cls.what)
        return cls(network.to(device), tokenizer, METHODS[config.method].temperature(config))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Logits (B, L, V), with a gradient: of noise (B, noise_size), which `network.sample_noise` draws, or of each
        token of ids (B, L) given those before it where the network is a language model.
        """
        return self.network(inputs)

    def sample_ids(
        self, num: int, seed: int = 0, temperature: float | None = None, batch_size: int = 256
    ) -> Iterator[np.ndarray]:
        """Batches of ids (<= batch_size, L) int64, `num` rows in all; the same for the same seed."""
        temperature = self.temperature if temperature is None else temperature
        noise, choice = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
        with evaluating(self.network):
            for start in range(0, num, batch_size):
                yield self.network.draw(min(batch_size, num - start), temperature, noise, choice).cpu().numpy()

    def sample(self, num: int, seed: int = 0, temperature: float | None = None, batch_size: int = 256) -> Iterator[str]:
        """`num` sentences, drawn batch by batch as they are asked for.

        Args:
            temperature: tokens are drawn from softmax(logits / temperature), position by position; 0 takes the most
                probable; default: what the generator was trained with, 1 for a language model.
        """
        for ids in self.sample_ids(num, seed, temperature, batch_size):
            yield from self.tokenizer.decode(ids)


class LanguageModel(Generator):
    """A generator that also knows how probable a sentence is: one trained by maximum likelihood.

    Args:
        network: ids to log-probabilities.
        tokenizer: sentences to ids and back.
        temperature: the default temperature of `sample`.
    """

    network: language_model.LanguageModel
    kind = language_model.LanguageModel
    what = "language model"

    def __init__(self, network: language_model.LanguageModel, tokenizer: Tokenizer, temperature: float = 1.0):
        super().__init__(network, tokenizer, temperature)

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

    Gradients flow to soft tokens and embeddings, so that the critic can be probed with them.

    Args:
        network: tokens to scores.
        tokenizer: sentences to ids.
    """

    def __init__(self, network: critic.Critic, tokenizer: Tokenizer):
        self.network, self.tokenizer = network, tokenizer

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> Critic:
        """From a run folder (its last checkpoint), a checkpoint, or a hub id.

        Raises:
            UserError: there is none, it is incomplete, or its files do not belong together.
        """
        network, tokenizer, _ = _load(source, "critic", critic.Critic, "critic")
        return cls(network.requires_grad_(False).to(device), tokenizer)

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

    def __call__(self, sequences: str | Sequence[str] | Tensor) -> Tensor:
        """Scores (B,): higher is more like real sentences. Only differences between scores mean anything."""
        return self.score(self.embed(sequences))

    def embed(self, sequences: str | Sequence[str] | Tensor) -> Tensor:
        """Embeddings (B, L, E)."""
        return self.network.embed(self.tokens(sequences))

    def score(self, embedded: Tensor) -> Tensor:
        """Scores (B,) of embeddings (B, L, E)."""
        return self.network.score(embedded)

    def features(self, sequences: str | Sequence[str] | Tensor, layer: int = -1) -> Tensor:
        """Hidden states (B, L, C) of one layer: 0 is what enters the first block, i the output of block i, -1 the last.

        Raises:
            IndexError: there is no such layer.
        """
        return self.network.features(self.tokens(sequences), layer)
