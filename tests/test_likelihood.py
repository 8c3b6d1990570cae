"""Test the training of a language model: its data, its end, and the weights that it keeps."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from conftest import TINY, rows, weights
from corpora import load
from safetensors.torch import load_file

from seqgan_gp import Critic, Generator, LanguageModel, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.config.text import LikelihoodConfig
from seqgan_gp.errors import UserError
from seqgan_gp.text.corpus import Corpus
from seqgan_gp.text.lines import Sentences
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training import likelihood
from seqgan_gp.training.text import TextTask

SMALL = [
    *(
        "--method=likelihood",
        "--language_model.width=8",
        "--language_model.embedding=8",
        "--language_model.dropout=0.3",
    ),
    *("--likelihood.validate_every=1", "--likelihood.validation=40"),
]


def train(output: Path, *options: str) -> int:
    return main(["train", *TINY, *SMALL, f"--output={output}", *options])


def build(options: list[str], sentences: list[str] | None = None) -> likelihood.LikelihoodTrainer:
    """A trainer on the tiny settings, without a run folder."""
    c = config.parse([*TINY, *SMALL, *options]).config
    sentences = sentences or load(c.corpus.train, size=200, holdout=10).train.text
    task = TextTask(c, Corpus(Sentences(sentences), Sentences([])), Tokenizer.train("word", sentences, 300))
    return likelihood.LikelihoodTrainer(Accelerator(cpu=True), task)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished tiny run."""
    output = tmp_path_factory.mktemp("runs") / "mle"
    assert train(output) == 0
    return output


def test_the_loss_is_the_cross_entropy_of_torch_without_the_padding():
    one = build(["--language_model.dropout=0", "--train.batch_size=4"], [f"{w} cat sleeps." for w in "abcd"] * 20)
    ids = torch.from_numpy(one.real[one.training[one.batches[0]]])
    logits = one.model(ids)
    expected = F.cross_entropy(logits.transpose(1, 2), ids, ignore_index=one.tokenizer.pad)
    assert (ids != one.tokenizer.pad).sum(dim=1).tolist() == [5] * 4
    torch.testing.assert_close(one.step()["loss"], expected.detach())


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_batch_size_does_not_change_the_samples(run, temperature):
    generator = Generator.from_pretrained(run)
    one, other = (list(generator.sample(30, 5, temperature, size)) for size in (30, 7))
    assert one == other != list(generator.sample(30, 6, temperature))


def test_log_likelihood_of_sentences(run):
    model = LanguageModel.from_pretrained(run)
    sentences = ["the dog sleeps.", "the bird waits near the river.", "the dog " * 20, "zzz."]
    nats, tokens = model.log_likelihood(sentences)
    assert nats.dtype == np.float64 and tokens.tolist() == [5, 8, 16, 3]
    ids = torch.from_numpy(model.tokenizer.encode(sentences, 16).ids)
    np.testing.assert_allclose(nats, model.network.log_probability(ids).detach(), rtol=1e-5)
    np.testing.assert_allclose(model.log_likelihood(sentences, batch_size=1)[0], nats, rtol=1e-5)


def test_validation_sentences_are_not_trained_on():
    sentences = [f"{a} {b}." for a in "abcdefghij" for b in "klmnopqrst"]
    one = build(["--train.batch_size=12", "--likelihood.validation=40"], sentences)
    trained = {s for t in range(25) for s in one.tokenizer.decode(one.real[one.training[one.batches[t]]])}
    held_out = set(one.tokenizer.decode(one.validation))
    assert len(trained) == 60 and len(held_out) == 40 and not trained & held_out
    assert trained | held_out == set(sentences)


def test_a_twentieth_is_held_out_for_validation_and_never_over_two_thousand():
    for total, expected in ((10, 1), (400, 20), (39_999, 1_999), (50_000, 2_000)):
        training, validation = likelihood.split(total, LikelihoodConfig(), seed=7)
        assert (len(training), len(validation)) == (total - expected, expected)
    one, other = (likelihood.split(100, LikelihoodConfig(validation=30), seed)[1] for seed in (7, 8))
    assert len(one) == 30 and not np.array_equal(one, other)


def test_the_seed_is_that_of_the_weights_and_batches_and_the_corpus_has_its_own():
    def stepped(*options: str) -> likelihood.LikelihoodTrainer:
        trainer = build([*options])
        trainer.step()
        return trainer

    one, same, other, corpus = stepped(), stepped(), stepped("--seed=8"), stepped("--corpus.seed=8")
    weight = one.model.embedding.weight
    assert torch.equal(weight, same.model.embedding.weight)
    assert (weight - other.model.embedding.weight).abs().mean() > 0.05  # other weights from the start
    np.testing.assert_array_equal(one.validation, other.validation)
    assert not np.array_equal(one.validation, corpus.validation)


def test_a_plateau_lowers_the_rate_and_ends_the_training(monkeypatch):
    one = build(["--train.steps=100", "--likelihood.patience=2", "--likelihood.decays=1", "--likelihood.decay=0.1"])
    losses = iter([5.0, 4.0, 4.5, 4.1, 3.0, 3.1, 3.2, 9.0])
    monkeypatch.setattr(one, "validation_loss", lambda: next(losses))
    rates, seen = [], []
    while not one.finished:
        one.step()
        rates.append(one.learning_rates()["lr"])
        seen.append({k: v.clone() for k, v in one.model.state_dict().items()})
        one.validate()
    assert rates == pytest.approx([3e-3] * 4 + [3e-4] * 3)
    # The weights of the fifth validation, the best; not the last ones.
    kept = one.sampler().network.state_dict()
    assert all(torch.equal(v, seen[4][k]) for k, v in kept.items())
    assert not torch.equal(kept["bias"], seen[6]["bias"])
    # On the first plateau training went on from the second validation's weights.
    assert (seen[4]["bias"] - seen[1]["bias"]).abs().max() < (seen[3]["bias"] - seen[1]["bias"]).abs().max()


def test_training_lowers_the_perplexity_and_the_best_weights_are_what_is_measured():
    one = build(["--train.steps=150", "--train.batch_size=32", "--likelihood.validate_every=50"])
    before, measured = one.validation_loss(), []
    while not one.finished:
        one.step()
        measured += [m["loss"] for m in [one.validate()] if m]
    assert len(measured) == 3 and min(measured) < before - 1
    held_out = one.tokenizer.decode(one.validation)
    nats, tokens = one.sampler().log_likelihood(held_out)
    assert -nats.sum() / tokens.sum() == pytest.approx(min(measured), rel=1e-5)


def test_fit_gives_a_model_in_memory_and_leaves_the_random_state_alone():
    c = config.parse([*TINY, *SMALL, "--train.steps=20"]).config
    sentences = load(c.corpus.train, size=200, holdout=10).train.text
    tokenizer, before = Tokenizer.train("word", sentences, 300), torch.get_rng_state()
    one, other = (likelihood.fit(sentences, tokenizer, c) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(one.log_likelihood(sentences)[0], other.log_likelihood(sentences)[0])
    assert len(list(one.sample(3))) == 3
    c.likelihood.optimizer.lr = 1e30
    with pytest.raises(UserError, match=r"diverged.*likelihood\.optimizer\.lr"):
        likelihood.fit(sentences, tokenizer, c)


def test_momentum_is_that_of_maximum_likelihood_unless_asked():
    options = ["--likelihood.optimizer.options={betas: [0.5, 0.5]}"]
    assert [build(o).optimizer.param_groups[0]["betas"] for o in ([], options)] == [(0.9, 0.999), (0.5, 0.5)]


def test_a_run_trains_samples_and_scores(run, tmp_path):
    keys = {k for row in rows(run) for k in row}
    assert {"train/loss", "train/lr", "validation/perplexity", "eval/grammatical", "real/jsd_4"} <= keys
    assert [row["step"] for row in rows(run) if "validation/loss" in row] == [1, 2, 3, 4, 5, 6]
    assert (run / "curves.png").is_file()
    assert all(k.startswith("generator.") for k in load_file(artefacts.checkpoints(run)[-1] / artefacts.WEIGHTS))
    samples = tmp_path / "samples.txt"
    assert main(["sample", str(run), "--num", "30", "--out", str(samples)]) == 0
    assert samples.read_text().splitlines() == list(LanguageModel.from_pretrained(run).sample(30))
    assert main(["evaluate", str(samples), "--grammar", "text", "--json", str(tmp_path / "scores.json")]) == 0
    assert json.loads((tmp_path / "scores.json").read_text())["count"] == 30


def test_a_run_has_only_what_its_method_trains(run, tmp_path, capsys):
    with pytest.raises(UserError, match=r"method=likelihood and has no critic") as error:
        Critic.from_pretrained(run)
    assert "\n" not in str(error.value)
    assert main(["train", *TINY, f"--output={tmp_path / 'gan'}"]) == 0
    with pytest.raises(UserError, match="method=adversarial and has no language model"):
        LanguageModel.from_pretrained(tmp_path / "gan")
    assert train(tmp_path / "gan", "--resume") == 2
    assert "method=adversarial" in capsys.readouterr().err


def test_a_resumed_run_ends_like_one_that_never_stopped(tmp_path):
    options = ["--likelihood.patience=1", "--likelihood.decays=9", "--train.batch_size=40"]
    # A high rate, so that plateaus fall before and after the stop.
    options += ["--likelihood.optimizer.lr=1", "--train.checkpoint_every=8", "--evaluation.every=8"]
    assert train(tmp_path / "whole", *options, "--train.steps=16") == 0
    assert train(tmp_path / "parts", *options, "--train.steps=8") == 0
    assert train(tmp_path / "parts", *options, "--train.steps=16", "--resume") == 0
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(v, parts[k]) for k, v in whole.items())
    log = [
        [
            {k: v for k, v in row.items() if k not in ("train/steps_per_second", "train/seconds")}
            for row in rows(tmp_path / r)
        ]
        for r in ("whole", "parts")
    ]
    assert log[0] == log[1]
    rates = [row["train/lr"] for row in log[0] if "train/lr" in row]
    assert rates[-1] < rates[3] < 1


def test_a_run_that_stopped_early_is_done_and_goes_on_when_allowed_more(tmp_path):
    options = ["--likelihood.patience=1", "--likelihood.optimizer.lr=10", "--train.steps=500"]
    assert train(tmp_path / "run", *options, "--likelihood.decays=0") == 0
    (stopped,) = [int(p.name[5:]) for p in artefacts.checkpoints(tmp_path / "run")[-1:]]
    assert stopped < 100 and "eval/jsd_4" in rows(tmp_path / "run")[-1]
    assert train(tmp_path / "run", *options, "--likelihood.decays=0", "--resume") == 0
    assert artefacts.checkpoints(tmp_path / "run")[-1].name == f"step-{stopped:07d}"
    assert train(tmp_path / "run", *options, "--likelihood.decays=1", "--resume") == 0
    assert int(artefacts.checkpoints(tmp_path / "run")[-1].name[5:]) > stopped


def test_a_resumed_run_that_gets_no_better_keeps_the_best_weights_of_before(tmp_path):
    assert train(tmp_path / "run", "--train.steps=4") == 0
    before, measured = weights(tmp_path / "run"), rows(tmp_path / "run")
    assert train(tmp_path / "run", "--train.steps=6", "--resume", "--likelihood.optimizer.lr=1e4") == 0
    after = weights(tmp_path / "run")
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    losses = [row for row in rows(tmp_path / "run") if "validation/loss" in row][-1]
    best = min(row["validation/loss"] for row in measured if "validation/loss" in row)
    assert losses["validation/loss"] > losses["validation/best_loss"] == best


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--likelihood.validation=400"], "--likelihood.validation 20"),
        (["--likelihood.optimizer.name=Adamm"], "likelihood.optimizer.name"),
        (["--likelihood.decay=1"], "likelihood.decay"),
        (["--likelihood.clip=0"], "likelihood.clip"),
        (["--language_model.dropout=1"], "language_model.dropout"),
        (["--method=likelyhood"], "method"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_written(tmp_path, capsys, options, complaint):
    assert train(tmp_path / "run", *options) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_diverging_run_says_which_rate_to_lower(tmp_path, capsys):
    assert train(tmp_path / "run", "--likelihood.optimizer.lr=1e30", "--likelihood.clip=1e30") == 2
    error = capsys.readouterr().err
    assert "diverged" in error and "lower likelihood.optimizer.lr" in error
