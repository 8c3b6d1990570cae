"""Test both players, the average and the optimisers, step by step. test_reference.py tests the whole game."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from conftest import TINY, weights
from corpora import load

from seqgan_gp import config
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training import optimizers, trainer
from seqgan_gp.training.text import TextTask


def build(options: list[str], precision: str = "no") -> trainer.Trainer:
    """A trainer on the tiny settings, without a run folder."""
    c = config.parse([*TINY, *options]).config
    corpus = load(c.corpus.train, size=64, holdout=10)
    tokenizer = Tokenizer.train("word", corpus.train.text, 300)
    return trainer.Trainer(Accelerator(cpu=True, mixed_precision=precision), TextTask(c, corpus, tokenizer))


def test_several_critic_steps_for_each_generator_step(tmp_path):
    one = build(["--train.critic_steps=5"])
    one.step()
    one.step()
    updates = [
        next(iter(o.state.values()))["step"].item() for o in (one.game.critic_optimizer, one.game.generator_optimizer)
    ]
    assert updates == [10, 2]


def test_each_player_moves_only_itself():
    one = build([])
    before = {k: v.clone() for k, v in one.generator.state_dict().items()}
    one.game.update_critic(one.draw(0))
    assert all(torch.equal(v, one.generator.state_dict()[k]) for k, v in before.items())
    before = {k: v.clone() for k, v in one.critic.state_dict().items()}
    one.game.update_generator(one.draw(0))
    assert all(torch.equal(v, one.critic.state_dict()[k]) for k, v in before.items())
    assert all(p.requires_grad for p in one.critic.parameters())


def test_the_critic_learns_to_tell_and_the_generator_to_please():
    one = build(["--train.batch_size=64", "--penalty.weight=1"])
    ids, noise = (
        torch.from_numpy(one.task.real[one.batches[0]]),
        one.generator.sample_noise(64, np.random.default_rng(0)),
    )

    def scores() -> tuple[float, float]:
        with torch.no_grad():
            return one.critic(ids).mean().item(), one.critic(one.game.generator(noise)).mean().item()

    real, fake = scores()
    for _ in range(20):
        one.game.update_critic(one.draw(0))
    assert scores()[0] - scores()[1] > real - fake + 0.1
    fake = scores()[1]
    for _ in range(20):
        one.game.update_generator(one.draw(0))
    assert scores()[1] > fake + 0.1


def test_the_average_is_what_a_checkpoint_holds(tmp_path):
    one = build(["--train.average=0.5"])
    one.step()
    one.step()
    (tmp_path / "checkpoints").mkdir()
    one.save(tmp_path)
    saved = weights(tmp_path)["generator.logits.weight"]
    torch.testing.assert_close(saved, one.average.module.logits.weight.detach())
    assert not torch.allclose(saved, one.generator.logits.weight)


def test_the_average_follows_the_generator_and_samples():
    one = build(["--train.average=0.9"])
    mean = None
    for _ in range(3):
        one.step()
        now = one.generator.logits.weight.detach()
        mean = now.clone() if mean is None else 0.9 * mean + 0.1 * now
    torch.testing.assert_close(one.sampler().network.logits.weight, mean)
    last = build(["--train.average=0"])
    last.step()
    last.step()
    torch.testing.assert_close(last.sampler().network.logits.weight, last.generator.logits.weight)


def test_learning_rate_is_constant_then_falls_to_zero():
    assert [trainer.learning_rate_factor(done, 0.5) for done in (0, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]
    assert trainer.learning_rate_factor(0.99, 1.0) == 1


def test_optimisers_get_the_momentum_that_the_penalty_wants():
    def options(name="Adam", **changes):
        parameters, optimizer = [torch.nn.Parameter(torch.zeros(1))], config.OptimizerConfig(name, **changes)
        return optimizers.make_optimizer("train.critic", optimizer, parameters, trainer.Trainer.BETAS).param_groups[0]

    assert options()["betas"] == options("AdamW")["betas"] == options("Muon")["betas"] == (0.0, 0.9)
    assert options(options={"betas": (0.5, 0.9)})["betas"] == (0.5, 0.9)
    assert options(options={"betas": [0, 0.9]})["betas"] == (0.0, 0.9)  # as one writes it in YAML
    assert options("RMSprop")["momentum"] == options("SGD")["momentum"] == 0
    assert options()["fused"] and not options(options={"fused": False})["fused"]
    assert options(options={"foreach": True})["foreach"] and not options(options={"foreach": True})["fused"]


def test_the_learning_rate_reaches_both_optimisers():
    one = build(["--train.steps=4", "--train.decay_from=0.5", "--train.critic.lr=0.1", "--train.generator.lr=0.2"])
    rates = []
    for _ in range(4):
        one.step()
        rates.append(
            (one.game.critic_optimizer.param_groups[0]["lr"], one.game.generator_optimizer.param_groups[0]["lr"])
        )
    assert rates == [(0.1, 0.2)] * 3 + [(0.05, 0.1)]


def test_a_reranker_that_starts_anew_after_more_of_the_game_has_moments_of_its_own():
    one = build(["--train.steps=6", "--reranking.candidates=2", "--reranking.share=0.5"])
    for _ in range(6):
        one.step()
    one.config.train.steps = 16  # as a run that is resumed with more of them: the game goes on to the eighth
    for _ in range(2):
        assert "generator_loss" in one.step()
        assert "discriminator" not in one.networks()
    one.step()
    learned = dict(one.networks()["discriminator"].named_parameters())
    rate = one.config.reranking.optimizer.lr
    # Adam's first step is as long as its rate, whatever the gradient; old moments would make it another one.
    for name, start in one.critic.named_parameters():
        moved = (learned[name] - start).abs()[learned[name].grad.abs() > 1e-5]
        torch.testing.assert_close(moved, torch.full_like(moved, rate), rtol=0.02, atol=1e-6, msg=name)


def test_a_reranker_that_starts_anew_after_more_of_the_game_draws_its_candidates_anew(monkeypatch):
    one = build(["--train.steps=6", "--reranking.candidates=2", "--reranking.share=0.5", "--train.average=0.5"])
    drawn, candidates = [], TextTask.candidates
    monkeypatch.setattr(TextTask, "candidates", lambda *given: drawn.append(candidates(*given)) or drawn[-1])
    for _ in range(6):
        one.step()
    one.config.train.steps = 16
    for _ in range(3):
        one.step()
    assert len(drawn) == 4 and not torch.equal(drawn[0], drawn[3])  # the same noise, a generator that went on


def test_the_average_and_not_the_last_weights_gives_the_reranker_its_candidates(monkeypatch):
    one = build(["--train.steps=4", "--reranking.candidates=2", "--reranking.share=0.5", "--train.average=0.9"])
    asked = []
    candidates = TextTask.candidates

    def spy(self, generator, *arguments):
        asked.append({name: p.clone() for name, p in generator.named_parameters()})
        return candidates(self, generator, *arguments)

    monkeypatch.setattr(TextTask, "candidates", spy)
    for _ in range(4):
        one.step()
    assert len(asked) == 2
    for name, weight in one.networks()["generator"].named_parameters():
        assert torch.equal(asked[0][name], weight) and torch.equal(asked[1][name], weight)
    assert not torch.equal(asked[0]["logits.weight"], one.generator.logits.weight)


def test_both_scores_of_a_paired_generator_are_of_the_same_critic():
    one = build(["--objective=relativistic", "--critic.parametrization=spectral"])
    layer = one.critic.input_projection.parametrizations.weight
    v, weight = layer[0]._v.clone(), layer.original.detach()
    one.game.update_generator(one.draw(0))
    torch.testing.assert_close(layer[0]._u, torch.nn.functional.normalize(weight @ v, dim=0))


@pytest.mark.parametrize("options", [[], ["--revision.passes=2", "--revision.share=0.5"]], ids=["draft", "revise"])
def test_mixed_precision_is_that_of_the_critic_alone(options):
    """Rounded logits would spoil the probabilities of tokens."""
    AcceleratorState._reset_state(reset_partial_state=True)  # the precision is that of the whole process
    found = {"player": set(), "critic": set()}
    try:
        one = build(options, precision="bf16")
        players = [one.generator, *([one.reviser] if one.revision else [])]
        for name, layers in (("player", [player.logits for player in players]), ("critic", [one.critic.output])):
            for layer in layers:
                layer.register_forward_hook(lambda layer, given, out, name=name: found[name].add(out.dtype))
        for _ in range(one.config.train.steps):
            one.step()
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert found == {"player": {torch.float32}, "critic": {torch.bfloat16}}


def test_the_generator_has_its_loss_in_float32_under_mixed_precision():
    AcceleratorState._reset_state(reset_partial_state=True)  # the precision is that of the whole process
    try:
        parts = build([], precision="bf16").step()
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert {value.dtype for value in parts.values()} == {torch.float32}
