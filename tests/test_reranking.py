"""Test reranking: the maths, the training of the discriminator, and its choice among candidates."""

import itertools
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import train
from torch import nn

from seqgan_gp import Generator, artefacts
from seqgan_gp.adversarial.reranker import WordDropout, accepted, resample
from seqgan_gp.cli import main
from seqgan_gp.config import OptimizerConfig, RerankingConfig
from seqgan_gp.errors import UserError
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.sequence import finish
from seqgan_gp.pretrained import Reranking, reranking
from seqgan_gp.training import trainer
from seqgan_gp.training.build import make_reranker
from seqgan_gp.training.text import TextTask

P, Q = torch.tensor([0.5, 0.3, 0.15, 0.05]), torch.tensor([0.1, 0.2, 0.3, 0.4])


def exponential(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_exponential(shape, dtype=np.float32))


def law(candidates: int, draws: int = 100_000) -> torch.Tensor:
    """Frequencies of what is kept of candidates from Q by the exact ratio to P."""
    rng = np.random.default_rng(1)
    drawn = torch.from_numpy(rng.choice(4, (draws, candidates), p=Q.double().numpy() / Q.double().sum().item()))
    kept = resample((P / Q).log()[drawn], exponential(draws, candidates))
    return torch.bincount(drawn[torch.arange(draws), kept], minlength=4) / draws


def test_of_two_candidates_the_law_is_that_of_the_sum():
    # Both orders of a pair (x, y) keep x with the share that its ratio has of the two.
    ratio = P / Q
    share = ratio[:, None] / (ratio[:, None] + ratio)
    torch.testing.assert_close(law(2), 2 * Q * (share * Q).sum(dim=1), atol=0.006, rtol=0)


def test_one_candidate_is_the_generator_and_many_are_the_real_distribution():
    torch.testing.assert_close(law(1), Q, atol=0.006, rtol=0)
    distances = [(law(k, 40_000) - P).abs().sum().item() / 2 for k in (1, 2, 4, 8, 64)]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] == pytest.approx(0.5, abs=0.01) and distances[-1] < 0.02


class Ratio(nn.Module):
    """The exact log P / Q of sequences of one token."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return (P / Q).log()[ids[:, 0]]


def in_turn(candidates: int, num: int) -> tuple[torch.Tensor, float]:
    """Frequencies of what is accepted or chosen of candidates from Q, and the candidates that it took for each."""
    rng, asked = np.random.default_rng(1), []
    table = torch.from_numpy(rng.choice(4, (num * candidates, 1), p=Q.double().numpy() / Q.double().sum().item()))

    def draw(rows: torch.Tensor) -> torch.Tensor:
        asked.append(len(rows))
        return table[rows]

    marks = SimpleNamespace(end=9, pad=9)
    ids = Reranking(Ratio(), marks, candidates, 1.0).among(draw, rng.standard_exponential((num, 2, candidates)))()
    return torch.bincount(ids[:, 0], minlength=4) / num, sum(asked) / num


def test_candidates_that_are_accepted_have_the_real_law():
    ids = torch.multinomial(Q, 200_000, replacement=True, generator=torch.Generator().manual_seed(0))
    kept = ids[accepted((P / Q).log()[ids], exponential(200_000), 5.0)]  # no ratio is over 5
    assert len(kept) == pytest.approx(200_000 / 5, rel=0.03)  # one of M
    torch.testing.assert_close(torch.bincount(kept, minlength=4) / len(kept), P, atol=0.008, rtol=0)


@pytest.mark.parametrize("candidates", [2, 4])
def test_what_is_sampled_in_turn_has_the_law_of_theory(candidates):
    """Each turn accepts with the probability p / (M q). Where all turns refuse, one of their candidates is chosen."""
    chance = (P / Q / (candidates / 2)).clamp(max=1)
    refused, some = 1 - (Q * chance).sum(), Q * (1 - chance)
    law_of_accepted = Q * chance * sum(refused**turn for turn in range(candidates))
    rest = torch.zeros(4)
    for group in itertools.product(range(4), repeat=candidates):
        weights = (P / Q)[list(group)]
        rest.index_add_(0, torch.tensor(group), some[list(group)].prod() * weights / weights.sum())
    found, taken = in_turn(candidates, 200_000)
    torch.testing.assert_close(found, law_of_accepted + rest, atol=0.005, rtol=0)
    assert taken == pytest.approx(sum(refused**turn for turn in range(candidates)).item(), rel=0.02)


def test_more_candidates_come_closer_to_the_real_law_and_most_samples_need_fewer():
    results = {k: in_turn(k, 40_000) for k in (1, 2, 4, 8, 64)}
    distances = [(law - P).abs().sum().item() / 2 for law, _ in results.values()]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] == pytest.approx(0.5, abs=0.01) and distances[-1] < 0.02
    assert all(taken < 0.8 * k for k, (_, taken) in results.items() if k > 1)


def test_a_constant_added_to_the_ratios_changes_nothing():
    ratios, chance = torch.randn(100, 5), exponential(100, 5)
    assert torch.equal(resample(ratios, chance), resample(ratios + 7, chance))


def test_the_discriminator_learns_the_log_of_the_ratio():
    # Sequences of one token, P real and Q generated: the optimum is log P / Q, up to what the two have in common.
    torch.manual_seed(0)
    critic = CriticNetwork(4, 1, width=16, blocks=1)
    config = RerankingConfig(candidates=2, optimizer=OptimizerConfig(lr=3e-3))
    reranker = make_reranker(Accelerator(cpu=True), CriticNetwork(4, 1, width=16, blocks=1), config)
    for step in range(600):
        real, fake = (torch.multinomial(p, 512, replacement=True).unsqueeze(1) for p in (P, Q))
        parts = reranker.update(critic, real, fake, 1 - step / 600)
    scores = reranker.discriminator(torch.arange(4).unsqueeze(1)).detach()
    torch.testing.assert_close(scores, (P / Q).log(), atol=0.15, rtol=0)
    # Its least loss is 2 log 2 - 2 JSD.
    middle = (P + Q) / 2
    jsd = ((P * (P / middle).log()).sum() + (Q * (Q / middle).log()).sum()) / 2
    assert parts["discriminator_loss"].item() == pytest.approx(2 * np.log(2) - 2 * jsd.item(), abs=0.1)


def test_it_starts_from_the_critic_and_leaves_the_critic_alone():
    torch.manual_seed(0)
    critic, network = CriticNetwork(4, 3, width=8, blocks=1), CriticNetwork(4, 3, width=8, blocks=1)
    before = {k: v.clone() for k, v in critic.state_dict().items()}
    reranker = make_reranker(Accelerator(cpu=True), network, RerankingConfig(candidates=2))
    real, fake = torch.randint(4, (8, 3)), torch.randint(4, (8, 3))
    reranker.update(critic, real, fake, 0.0)  # a learning rate of zero leaves it where it starts
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    reranker.update(critic, real, fake, 1.0)
    assert not torch.equal(network.output.weight, critic.output.weight)
    assert all(torch.equal(v, before[k]) for k, v in critic.state_dict().items())


def test_dropout_hides_whole_positions_and_only_while_it_learns():
    torch.manual_seed(0)
    critic = CriticNetwork(4, 50, width=8, blocks=1)
    hiding = WordDropout(critic, 0.2)
    ids = torch.randint(4, (200, 50))
    seen, all_of_it = hiding.embed(ids), critic.embed(ids)
    hidden = (seen == 0).all(dim=2)
    assert hidden.float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert hidden.float().mean(dim=0).max() < 0.35 and hidden.float().mean(dim=1).max() < 0.5  # each drawn by itself
    torch.testing.assert_close(seen[~hidden], all_of_it[~hidden] / 0.8)
    assert torch.equal(hiding.eval().embed(ids), all_of_it)
    assert torch.equal(WordDropout(critic, 0.0).embed(ids), all_of_it)


def test_with_dropout_it_learns_a_small_corpus_less_by_heart():
    """Real and generated sequences of one law, 48 real ones in all: there is nothing to learn, log p / q is zero."""
    rng = torch.Generator().manual_seed(0)
    corpus, held_out = torch.randint(6, (48, 6), generator=rng), torch.randint(6, (400, 6), generator=rng)
    farthest = {}
    for dropout in (0.0, 0.3):
        torch.manual_seed(0)
        config = RerankingConfig(candidates=2, dropout=dropout, optimizer=OptimizerConfig(lr=3e-3))
        reranker = make_reranker(Accelerator(cpu=True), CriticNetwork(6, 6, width=16, blocks=1), config)
        critic = CriticNetwork(6, 6, width=16, blocks=1)
        for step in range(200):
            reranker.update(critic, corpus, torch.randint(6, (48, 6), generator=rng), 1 - step / 200)
        with torch.no_grad():
            farthest[dropout] = reranker.discriminator(held_out).std().item()
    assert farthest[0.3] < 0.7 * farthest[0.0]


FEW = ["--train.steps=8", "--train.checkpoint_every=2", "--reranking.candidates=4", "--reranking.share=0.5"]
FEW += ["--train.keep=10", "--evaluation.every=4", "--reranking.dropout=0.2"]


@pytest.fixture(scope="module")
def chosen(tmp_path_factory) -> Path:
    """A tiny run of four steps of the game and four of the discriminator."""
    output = tmp_path_factory.mktemp("runs") / "chosen"
    assert train(output, *FEW) == 0
    return output


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return artefacts.load_file(checkpoint / artefacts.WEIGHTS)


def test_the_generator_stands_still_while_the_discriminator_learns(chosen):
    saved = {int(c.name[-2:]): weights(c) for c in artefacts.checkpoints(chosen)}
    parts = {step: {key.partition(".")[0] for key in w} for step, w in saved.items()}
    assert parts[4] == {"generator", "critic"} and parts[6] == parts[8] == {"generator", "critic", "discriminator"}
    for key in saved[4]:
        assert torch.equal(saved[4][key], saved[8][key]), key
    assert not torch.equal(saved[2]["generator.logits.weight"], saved[4]["generator.logits.weight"])
    assert not torch.equal(saved[6]["discriminator.output.weight"], saved[8]["discriminator.output.weight"])


def test_a_run_resumed_in_either_part_ends_like_one_that_never_stopped(chosen, tmp_path):
    for stop in ("step-0000002", "step-0000004", "step-0000006"):
        shutil.copytree(chosen, tmp_path / stop)
        for later in (c for c in artefacts.checkpoints(tmp_path / stop) if c.name > stop):
            shutil.rmtree(later)
        assert train(tmp_path / stop, *FEW, "--resume") == 0
        whole, parts = (weights(artefacts.checkpoints(r)[-1]) for r in (chosen, tmp_path / stop))
        assert whole.keys() == parts.keys() and all(torch.equal(v, parts[k]) for k, v in whole.items())


def test_a_second_round_has_the_candidates_of_the_first_also_after_a_resume(tmp_path, monkeypatch):
    """Two turns of six candidates, so that the third step of the reranker has those of the first."""
    monkeypatch.setattr(trainer, "CANDIDATES", 12)
    drawn, candidates = [], TextTask.candidates
    monkeypatch.setattr(TextTask, "candidates", lambda *given: drawn.append(candidates(*given)) or drawn[-1])
    assert train(tmp_path / "whole", *FEW) == 0
    assert len(drawn) == 2 and not torch.equal(*drawn)
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    shutil.rmtree(artefacts.checkpoints(tmp_path / "resumed")[-1])
    assert train(tmp_path / "resumed", *FEW, "--resume") == 0
    assert len(drawn) == 4 and all(map(torch.equal, drawn[:2], drawn[2:]))
    whole, resumed = (weights(artefacts.checkpoints(tmp_path / name)[-1]) for name in ("whole", "resumed"))
    assert all(torch.equal(resumed[key], value) for key, value in whole.items())


def test_more_steps_go_back_to_the_game_and_the_discriminator_starts_anew(chosen, tmp_path):
    shutil.copytree(chosen, tmp_path / "run")
    assert train(tmp_path / "run", *FEW, "--train.steps=20", "--train.checkpoint_every=5", "--resume") == 0
    saved = {int(c.name[-2:]): weights(c) for c in artefacts.checkpoints(tmp_path / "run")}
    assert not torch.equal(saved[8]["generator.logits.weight"], saved[10]["generator.logits.weight"])
    assert not any(key.startswith("discriminator.") for key in saved[10])
    assert any(key.startswith("discriminator.") for key in saved[20])


def test_a_checkpoint_before_the_discriminator_samples_as_ever(chosen):
    early, late = (Generator.from_pretrained(c) for c in (artefacts.checkpoints(chosen)[1], chosen))
    assert early.reranking is None and late.reranking is not None
    assert list(early.sample(20, seed=3)) == list(late.sample(20, seed=3, candidates=1))
    with pytest.raises(UserError, match="no discriminator"):
        next(early.sample(1, candidates=2))


def test_samples_do_not_depend_on_how_they_are_cut_into_batches(chosen):
    generator = Generator.from_pretrained(chosen)
    samples = list(generator.sample(150, seed=1))
    for size in (1, 7, 300):
        assert list(generator.sample(150, seed=1, batch_size=size)) == samples
    assert list(generator.sample(150, seed=2)) != samples
    assert all(len(ids) <= 7 for ids in generator.sample_ids(30, batch_size=7))


def test_a_sentence_is_all_up_to_its_first_end():
    ids = torch.tensor([[5, 6, 2, 7, 2], [2, 5, 5, 5, 5], [5, 5, 5, 5, 5], [5, 0, 2, 2, 5]])
    finished = torch.tensor([[5, 6, 2, 0, 0], [2, 0, 0, 0, 0], [5, 5, 5, 5, 5], [5, 0, 2, 0, 0]])
    assert torch.equal(finish(ids, end=2, pad=0), finished)


def test_what_follows_the_end_is_nothing_to_choose_by(chosen):
    generator = Generator.from_pretrained(chosen)
    marks = generator.tokenizer.end, generator.tokenizer.pad
    with torch.no_grad():
        generator.network.logits.bias[marks[0]] += 5  # ends everywhere, and sentences go on after them
    ids, plain = (torch.from_numpy(np.concatenate(list(generator.sample_ids(200, candidates=k)))) for k in (None, 1))
    assert torch.equal(finish(ids, *marks), ids)
    assert not torch.equal(finish(plain, *marks), plain)


class Counts(nn.Module):
    """Refuses every sequence, and scores it by how often it has a token, so strongly that the best candidate wins."""

    def __init__(self, token: int):
        super().__init__()
        self.token = token

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return 1e4 * ((ids == self.token).sum(dim=1) - 100)


def test_what_the_discriminator_prefers_is_chosen_among_the_candidates(run):
    plain, token = Generator.from_pretrained(run), 7
    chooses = Generator(plain.network, plain.tokenizer, reranking=Reranking(Counts(token), plain.tokenizer, 9, 1.0))
    (candidates,) = plain.sample_ids(20 * 9, seed=4, temperature=1.0, batch_size=1000)
    (kept,) = chooses.sample_ids(20, seed=4, batch_size=1000)
    candidates = finish(torch.from_numpy(candidates), plain.tokenizer.end, plain.tokenizer.pad).numpy()
    counts = (candidates == token).sum(axis=1).reshape(20, 9)
    assert ((kept == token).sum(axis=1) == counts.max(axis=1)).all()
    assert counts.max() > 0
    for row, group in zip(kept, candidates.reshape(20, 9, -1), strict=True):
        assert (group == row).all(axis=1).any()


class Refuses(nn.Module):
    """Accepts all sequences but those of one label, and keeps what it is asked."""

    def __init__(self, label: int):
        super().__init__()
        self.label, self.asked = label, []

    def forward(self, ids: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        self.asked.append(condition.tolist())
        return torch.where(condition == self.label, -1e4, 1e4)


def test_each_candidate_has_the_label_of_its_sentence(tmp_path, monkeypatch):
    assert train(tmp_path / "run", *FEW, "--corpus.label=label") == 0
    generator, written = Generator.from_pretrained(tmp_path / "run"), []
    given = ["statement", "report", "report"] * 3
    statement, report = generator.condition.encode(given)[:2].tolist()
    write = generator.network.write
    monkeypatch.setattr(generator.network, "write", lambda *of: written.append(of[-1].tolist()) or write(*of))
    refuses = Refuses(report)
    generator.reranking = Reranking(refuses, generator.tokenizer, 3, 1.0)
    monkeypatch.setattr(reranking, "FEW", 1)
    samples = list(generator.sample(9, seed=1, given=given, batch_size=6))
    first, again = [statement, report, report], [report, report]
    assert refuses.asked == written == [2 * first, 2 * again, 2 * again, first, again, again]
    monkeypatch.setattr(reranking, "FEW", 6)  # all turns at once where a batch has two sentences left, and two if three
    assert list(generator.sample(9, seed=1, given=given, batch_size=6)) == samples
    assert refuses.asked == written
    assert [len(rows) for rows in written[6:]] == [6, 4, 4, 6, 2]
    assert written[9] == np.repeat(first, 2).tolist()


def test_candidates_that_are_computed_together_are_the_same_samples(chosen, monkeypatch):
    generator = Generator.from_pretrained(chosen)
    samples = list(generator.sample(40, seed=1, candidates=5))
    for few in (1, 100, 1000):
        monkeypatch.setattr(reranking, "FEW", few)
        assert list(generator.sample(40, seed=1, candidates=5)) == samples
    samples = list(generator.sample(3, seed=1, candidates=100))
    monkeypatch.setattr(reranking, "MANY", 1)
    assert list(generator.sample(3, seed=1, candidates=100)) == samples


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--reranking.candidates=0"], "reranking.candidates"),
        (["--reranking.candidates=2", "--reranking.share=1"], "reranking.share"),
        (["--reranking.candidates=2", "--reranking.share=0"], "reranking.share"),
        (["--reranking.candidates=2", "--reranking.dropout=1"], "reranking.dropout"),
        (["--reranking.candidates=2", "--reranking.optimizer.name=Adamm"], "reranking.optimizer"),
        (["--reranking.temperature=-1"], "reranking.temperature"),
    ],
)
def test_bad_input_is_one_line_and_nothing_written(tmp_path, capsys, options, complaint):
    assert train(tmp_path / "run", *options) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_commands_take_a_number_of_candidates(chosen, run, tmp_path, capsys):
    assert main(["sample", str(chosen), "--num", "3", "--candidates", "2"]) == 0
    few = capsys.readouterr().out
    assert main(["sample", str(chosen), "--num", "3"]) == 0
    assert few != capsys.readouterr().out
    assert main(["sample", str(run), "--num", "3", "--candidates", "2"]) == 2
    assert "no discriminator" in capsys.readouterr().err
    out = ["--seed", "0", "--out", str(tmp_path / "sweep"), "--num", "20", "--temperatures", "0", "1"]
    assert main(["sweep", str(chosen), "--candidates", "1", *out]) == 0
    plain = list(Generator.from_pretrained(chosen).sample(20, temperature=0, candidates=1))
    assert next((tmp_path / "sweep" / "samples").glob("*-0.txt")).read_text().splitlines() == plain


@pytest.mark.parametrize("choose", [resample, lambda ratios, chance: accepted(ratios, chance, 2.0)])
def test_each_ratio_has_an_exponential_variable(choose):
    with pytest.raises(ValueError, match=r"not \(3, 4\) and \(3, 2\)"):
        choose(torch.zeros(3, 4), torch.ones(3, 2))
