"""Test the loop against reference.py, written from the papers: losses, rates and weights, step by step."""

import contextlib

import pytest
import reference
import torch
from accelerate import Accelerator
from conftest import TINY

from seqgan_gp import config
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.reviser import RevisingGenerator
from seqgan_gp.training.likelihood import LikelihoodTrainer
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

SMALL = [*TINY, "--corpus.size=52", "--corpus.holdout=10", "--train.steps=10", "--train.batch_size=6"]
SMALL += ["--revision.share=0.5", "--revision.substitutions=4", "--reranking.share=0.25", "--reranking.temperature=1"]
# Without this, Adam makes a full step of a gradient that is nothing but rounding.
STEADY = "options={eps: 1.e-4}"
SMALL += [f"--train.critic.{STEADY}", f"--train.generator.{STEADY}"]
RERANKED = ["--reranking.candidates=4", f"--reranking.optimizer.{STEADY}"]
REVISED = ["--revision.passes=2", f"--revision.optimizer.{STEADY}"]
LABELS = ["--corpus.train=grammar:types", "--corpus.label=label", "--condition.features=9"]

MUON = [f"--{key}.name=Muon" for key in ("train.critic", "train.generator", "revision.optimizer")]

GAMES = {
    "the textbook": ["--relaxation.kind=softmax", "--penalty.space=one-hot", "--train.critic_steps=3"],
    "the default run": ["--critic.windows=3", "--train.decay_from=0", "--train.average=0.6", *RERANKED, *MUON],
    "words that are drawn": [
        *("--relaxation.kind=straight-through-gumbel", "--relaxation.temperature=0.7", "--seed=11"),
        *("--reranking.share=0.5", "--reranking.temperature=0.4", "--train.decay_from=0.5", *RERANKED),
    ],
    "soft words that are drawn": ["--relaxation.kind=gumbel", "--train.average=0"],
    "a lazy penalty": ["--penalty.every=3", "--train.critic_steps=4", "--train.average=0.9"],
    "a one-sided penalty": ["--penalty.sided=one", "--train.critic.lr=0.02"],  # soon too steep
    "a lazy penalty of single critic steps": ["--penalty.every=2", "--train.critic_steps=1"],
    "crossover": ["--penalty.mixing=crossover", "--penalty.weight=3"],
    "R3GAN": [
        *("--objective=relativistic", "--penalty.weight=0.5", "--penalty.sided=zero"),
        *("--penalty.at=[real, generated]",),
    ],
    "R1 of one-hot words": [
        *("--objective=non-saturating", "--penalty.weight=5", "--penalty.sided=zero", "--penalty.at=[real]"),
        *("--penalty.space=one-hot",),
    ],
    "least squares": ["--objective=least-squares", "--penalty.at=[interpolates, real]", "--train.decay_from=0.3"],
    "hinge": ["--objective=hinge", "--penalty.at=[generated, interpolates]"],
    "minimax without a penalty": ["--objective=minimax", "--penalty.weight=0"],
    "clipping": [
        *("--penalty.weight=0", "--clipping=0.05", "--train.critic_steps=5", "--train.decay_from=1"),
        *("--train.critic.name=RMSprop", "--train.generator.name=SGD", "--train.generator.options={momentum: 0.5}"),
    ],
    "labels": ["--corpus.train=grammar:types", "--corpus.label=label", "--condition.features=9", *RERANKED],
    "clipping with labels": [
        *("--corpus.train=grammar:types", "--corpus.label=label", "--condition.features=9", "--clipping=0.05"),
        *("--penalty.weight=0",),
    ],
    "exact substitutions": ["--relaxation.substitutions=5", "--objective=non-saturating"],
    "draft and revise": [  # without a head start each pass writes other words
        *("--revision.substitutions=3", "--train.average=0.6", "--revision.copy=0", *REVISED, *RERANKED, *MUON),
        "--reranking.passes=null",
    ],
    "draft and revise with labels": [
        *("--relaxation.kind=straight-through-gumbel", "--revision.temperature=0.7", "--revision.share=0.6", *LABELS),
        *("--objective=relativistic", "--relaxation.substitutions=2", "--revision.optimizer.lr=0.01", *REVISED),
        "--revision.copy=0.5",
    ],
    "one pass that reads drafts with labels, and candidates of two": [
        *("--revision.share=0.3", "--revision.substitutions=0", "--train.average=0.9", *LABELS, *REVISED, *RERANKED),
        *("--revision.passes=1", "--reranking.passes=2", "--train.critic_steps=1", "--train.decay_from=0.5"),
        "--revision.copy=0",
    ],
}  # fmt: skip


@contextlib.contextmanager
def double_precision(monkeypatch):
    """Everything in float64, so that two ways to compute a number agree in more than its first digits."""
    for kind in (GeneratorNetwork, RevisingGenerator):
        drawn = kind.sample_noise
        monkeypatch.setattr(kind, "sample_noise", lambda *arguments, drawn=drawn: drawn(*arguments).double())
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def copied(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone().requires_grad_() for name, p in network.named_parameters()}


def agree(ours: dict, theirs: dict, what: str) -> None:
    assert ours.keys() == theirs.keys(), what
    for name, value in theirs.items():
        expected = torch.as_tensor(value, dtype=torch.float64)
        found = torch.as_tensor(ours[name], dtype=torch.float64)
        # A loss of the generator passes through float32.
        torch.testing.assert_close(found, expected, rtol=2e-5, atol=2e-6, msg=lambda m, n=name: f"{what}, {n}: {m}")


@pytest.mark.parametrize("name", GAMES)
def test_ten_steps_are_those_of_the_papers(name, monkeypatch):
    with double_precision(monkeypatch):
        c = config.parse([*SMALL, *GAMES[name]]).config
        task = TextTask.load(c)
        c = task.config
        ours = Trainer(Accelerator(cpu=True), task)
        labels = None if task.condition_rows is None else task.condition_rows[:]
        ids = task.tokenizer.end, task.tokenizer.pad
        state = torch.get_rng_state()  # where the Gumbel noise of both begins
        critic, reviser = copied(ours.critic), copied(ours.reviser) if c.revision.passes else None
        theirs = reference.adversarial(c, task.real[:], labels, copied(ours.generator), critic, reviser, *ids)
        logged = []
        for _ in range(c.train.steps):
            parts = ours.step()
            logged.append({k: v.item() for k, v in parts.items()} | ours.learning_rates())
        torch.set_rng_state(state)
        expected, averages, revised, discriminators = zip(*theirs, strict=True)
        for step, (one, other) in enumerate(zip(logged, expected, strict=True), 1):
            agree(one, other, f"step {step}")
        assert any(numbers.get("penalty", 0) > 0.01 for numbers in logged) == (c.penalty.weight > 0)
        weights = {part: dict(network.named_parameters()) for part, network in ours.networks().items()}
        agree(weights["generator"], averages[-1], "generator")
        agree(weights["critic"], critic, "critic")
        assert ("reviser" in weights) == ("--revision.passes" in " ".join(GAMES[name]))
        if "reviser" in weights:
            agree(weights["reviser"], revised[-1], "reviser")
            assert [numbers for numbers in logged if "generator_lr" in numbers and "reviser_lr" not in numbers]
        assert ("discriminator" in weights) == ("--reranking.candidates=4" in GAMES[name])
        if "discriminator" in weights:
            agree(weights["discriminator"], discriminators[-1], "discriminator")


LANGUAGE_MODELS = {
    "every step is validated": ["--likelihood.validate_every=1", "--likelihood.patience=1", "--likelihood.decays=9"],
    "a rate that falls twice and ends the training": [
        *("--likelihood.optimizer.lr=0.3", "--likelihood.validate_every=2", "--likelihood.patience=1"),
        *("--likelihood.decays=1", "--likelihood.decay=0.4", "--train.steps=40"),
    ],
    "a small norm of the gradient": ["--likelihood.clip=0.05", "--likelihood.validate_every=3", "--seed=11"],
    "a best that is not the last": ["--likelihood.optimizer.lr=0.5", "--likelihood.validate_every=1"],
    "another optimiser": ["--likelihood.optimizer.name=SGD", "--likelihood.optimizer.lr=0.5", "--likelihood.clip=0.2"],
}


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_ten_steps_of_a_language_model_are_those_of_maximum_likelihood(name, monkeypatch):
    options = ["--method=likelihood", "--language_model.width=8", "--language_model.embedding=7", "--train.steps=10"]
    options += ["--language_model.dropout=0", "--likelihood.validation=9"]
    if "SGD" not in " ".join(LANGUAGE_MODELS[name]):
        options += [f"--likelihood.optimizer.{STEADY}"]
    with double_precision(monkeypatch):
        c = config.parse([*SMALL, *options, *LANGUAGE_MODELS[name]]).config
        task = TextTask.load(c)
        c = task.config
        ours = LikelihoodTrainer(Accelerator(cpu=True), task)
        model = copied(ours.model)
        theirs = list(reference.likelihood(c, task.real[:], model, task.tokenizer.end, task.tokenizer.pad))
        for number, (expected, _) in enumerate(theirs, 1):
            assert not ours.finished, number
            logged = {k: v.item() for k, v in ours.step().items()} | ours.learning_rates()
            validated = expected.pop("validation", {})
            agree(logged, expected, f"step {number}")
            agree(ours.validate(), validated, f"validation after step {number}")
        assert ours.finished
        assert (len(theirs) < c.train.steps) == ("ends the training" in name)
        agree(dict(ours.model.named_parameters()), model, "model")
        best = dict(ours.networks()["generator"].named_parameters())
        agree(best, theirs[-1][1], "best weights")
        if name == "a best that is not the last":
            assert (best["bias"] - model["bias"]).abs().max() > 0.1
