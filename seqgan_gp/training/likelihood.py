"""Trains a language model by maximum likelihood, with early stopping on validation sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from .. import networks, pretrained
from ..artefacts import evaluating
from ..config import OptimizerConfig
from ..config.text import LikelihoodConfig, TextConfig
from ..errors import UserError
from ..machine import best_device, moved
from ..memory import FLOAT, WHOLE, weights
from ..models.backbones import hidden_matrices
from ..models.language_model import LanguageModelNetwork
from ..text.corpus import Corpus
from ..text.lines import Sentences
from ..text.tokenizer import Tokenizer
from .base import BaseTrainer
from .batches import Batches
from .checkpoint import State
from .optimizers import make_optimizer, states
from .text import TextTask

VALIDATION = 2_000  # validation sentences at most, unless the config sets the number


class Plateau:
    """The best validation loss, the validations since it or since the last decay, and the decays of the rate."""

    def __init__(self) -> None:
        self.best, self.since, self.decays = math.inf, 0, 0

    def update(self, loss: float, patience: int) -> bool:
        """Record a validation loss, and return whether the rate decays now."""
        better = loss < self.best
        self.best, self.since = min(loss, self.best), 0 if better else self.since + 1
        if self.since < patience:
            return False
        self.since, self.decays = 0, self.decays + 1
        return True

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.since, self.decays = float(state["best"]), int(state["since"]), int(state["decays"])


def split(rows: int, config: LikelihoodConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows at random into training rows and validation rows.

    Raises:
        UserError: there are too few rows.
    """
    size = config.validation or min(VALIDATION, max(1, rows // 20))
    if size >= rows:
        raise UserError(
            f"likelihood.validation: {size} of {rows} training sentences would leave none to train on; "
            f"pass --likelihood.validation {max(1, rows // 20)}, or more sentences"
        )
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[size:]), np.sort(order[:size])


class LikelihoodStep(nn.Module):
    """From ids (B, L) to the negative log-likelihood of the batch in nats, a sum over its tokens."""

    def __init__(self, model: LanguageModelNetwork):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return -self.model.log_probability(ids).sum()


class LikelihoodTrainer(BaseTrainer):
    """The language model, its optimiser, and its best weights so far, which sampling uses.

    Each process draws its own dropout masks. All other random numbers are the same in all processes.
    """

    BETAS = (0.9, 0.999)
    VALIDATION_BATCH = 512

    def __init__(self, accelerator: Accelerator, task: TextTask):
        super().__init__(accelerator, task)
        config, tokenizer = task.config, task.tokenizer
        self.real = task.real
        self.training, validation = split(len(task.real), config.likelihood, config.corpus.seed)
        self.validation = task.real[validation]
        self.batches = Batches(len(self.training), config.train.batch_size, config.seed)
        self.tokenizer = tokenizer

        torch.manual_seed(config.seed)
        model = networks.build_language_model(config, tokenizer)
        torch.manual_seed(config.seed + accelerator.process_index)
        key, hidden = "likelihood.optimizer", hidden_matrices(model)
        self.step_module, self.optimizer = accelerator.prepare(
            LikelihoodStep(model),
            make_optimizer(key, config.likelihood.optimizer, model.parameters(), self.BETAS, hidden),
        )
        self.model = model
        self.best = networks.build_language_model(config, tokenizer).to(accelerator.device)
        self.plateau = Plateau()

    @staticmethod
    def optimizers(config: TextConfig) -> dict[str, OptimizerConfig]:
        return {"likelihood.optimizer": config.likelihood.optimizer}

    @staticmethod
    def check(task: TextTask) -> None:
        split(len(task.corpus.train), task.config.likelihood, task.config.corpus.seed)

    @staticmethod
    def needs(task: TextTask, processes: int) -> float:
        """Weights with gradients, states of the optimiser and the best weights; the buckets of several processes; and
        the logits of one token of each sentence, with their logarithms and gradients.
        """
        config = task.config
        model = weights(lambda: networks.build_language_model(config, task.tokenizer))
        kept = model * (3 + states(config.likelihood.optimizer) + (processes > 1))
        batch, positions = config.train.batch_size, config.tokenizer.positions
        return kept + WHOLE * batch * positions + 3 * FLOAT * batch // processes * len(task.tokenizer)

    def step(self) -> dict[str, Tensor]:
        """Take one step, and return the loss in nats per token, including the end token but not padding."""
        config, accelerator, progress = self.config.likelihood, self.accelerator, self.progress
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate
        batch = torch.from_numpy(self.real[self.training[self.batches[progress.step]]])
        tokens = self.model.counted(batch).sum().item()
        # Gradients and logged numbers are averaged over processes. This factor makes them means over all tokens.
        loss = self.step_module(moved(batch[self.own_rows], accelerator.device)) * (accelerator.num_processes / tokens)
        self.optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimizer.step()
        progress.step += 1
        return {"loss": loss.detach()}

    @property
    def _rate(self) -> float:
        return self.config.likelihood.optimizer.lr * self.config.likelihood.decay**self.plateau.decays

    def validate(self) -> dict[str, float]:
        """If a validation is due, measure the loss and keep the best weights; on a plateau, go back to them."""
        step, config = self.progress.step, self.config.likelihood
        if step % config.validate_every and not super().finished:
            return {}
        loss = self.validation_loss()
        if loss < self.plateau.best:
            self.best.load_state_dict(self.model.state_dict())
        if self.plateau.update(loss, config.patience) and self.plateau.best < math.inf:
            self.model.load_state_dict(self.best.state_dict())
        return {"loss": loss, "perplexity": math.exp(min(loss, 700.0)), "best_loss": self.plateau.best}

    def validation_loss(self) -> float:
        """Nats per token on the validation sentences. Each process measures its share of them."""
        accelerator, ids = self.accelerator, self.validation
        tokens = self.model.counted(torch.from_numpy(ids)).sum(dim=1)
        order = torch.argsort(tokens, stable=True).numpy()[accelerator.process_index :: accelerator.num_processes]
        nats = torch.zeros((), device=accelerator.device)
        with evaluating(self.model):
            for start in range(0, len(order), self.VALIDATION_BATCH):
                batch = torch.from_numpy(ids[order[start : start + self.VALIDATION_BATCH]]).to(accelerator.device)
                nats -= self.model.log_probability(batch).sum()
        return accelerator.reduce(nats).item() / tokens.sum().item()

    @property
    def finished(self) -> bool:
        return super().finished or self.plateau.decays > self.config.likelihood.decays

    def learning_rates(self) -> dict[str, float]:
        return {"lr": self.optimizer.param_groups[0]["lr"]}

    def state(self) -> State:
        return State(
            {"model": self.model, "best": self.best},
            {"model": self.optimizer},
            {"plateau": self.plateau, "progress": self.progress},
        )

    def networks(self) -> Mapping[str, nn.Module]:
        return {"generator": self.sampler().network}

    def sampler(self) -> pretrained.LanguageModel:
        """A language model with the best weights so far, or the current ones before the first validation."""
        network = self.best if self.plateau.best < math.inf else self.model
        return pretrained.LanguageModel(network, self.tokenizer)


def fit(
    sentences: list[str], tokenizer: Tokenizer, config: TextConfig, progress: bool = False
) -> pretrained.LanguageModel:
    """Train a language model of sentences in memory, with early stopping, on the accelerator if there is one.

    Args:
        config: only the sections tokenizer (length), language_model, likelihood and train, and the seeds, have effect.
        progress: show a progress bar.

    Raises:
        UserError: there are too few sentences, torch lacks the optimiser, or the loss diverges.
    """
    with torch.random.fork_rng(), tqdm(total=config.train.steps, unit="step", disable=not progress) as bar:
        accelerator = Accelerator(cpu=best_device().type == "cpu")
        corpus = Corpus(Sentences(sentences), Sentences([]))
        trainer = LikelihoodTrainer(accelerator, TextTask(config, corpus, tokenizer))
        while not trainer.finished:
            trainer.step()
            bar.update()
            if measured := trainer.validate():
                bar.set_postfix({k: f"{v:.4g}" for k, v in measured.items()})
    if not trainer.plateau.best < math.inf:
        raise UserError("the language model diverged: lower likelihood.optimizer.lr")
    return trainer.sampler()
