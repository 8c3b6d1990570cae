"""Test the studies: the files they write, the runs they skip, and their messages about failed runs."""

import argparse
import json

import numpy as np
import pytest
from conftest import SIZES, train

from seqgan_gp import Generator
from seqgan_gp.errors import UserError
from studies import augmentation, runner, samples, systems, toys
from studies.__main__ import main


def test_every_system_is_a_valid_experiment():
    assert len(systems.SYSTEMS) >= 12
    for changes in systems.SYSTEMS.values():
        toys.settings(changes)


@pytest.mark.parametrize(
    "name, word", [("toys", "wgan-gp"), ("objectives", "wgan-gp"), ("trials", "score_on: development")]
)
def test_help_teaches(name, word, capsys):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    text = capsys.readouterr().out
    assert word in text and len(text.splitlines()) > 20


def test_a_wrong_name_is_one_line(capsys):
    for arguments, line in (
        (["trails"], "'trails' is no study; choose toys, "),
        (["trials", "a.yaml", "--oput=b"], "--oput is no option of python -m studies trials; did you mean --out?"),
    ):
        assert main(arguments) == 2
        printed = capsys.readouterr().err
        assert printed.startswith(f"error: {line}") and printed.count("\n") == 1


def test_an_unknown_system_is_named(tmp_path, capsys):
    assert main(["toys", "--systems", "wgan", f"--out={tmp_path}"]) == 2
    assert "there is no wgan; there are wgan-gp" in capsys.readouterr().err


def test_toys_of_every_system_end_in_a_table_and_two_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(toys, "SAMPLES", 90)  # the exact distance takes the cube of them
    assert main(["toys", "--steps=3", "--width=16", f"--out={tmp_path}"]) == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"study.json", "study.md", "8-gaussians.png", "25-gaussians.png"}
    scores = json.loads((tmp_path / "study.json").read_text())["scores"]["25-gaussians"]
    assert scores.keys() == {"real", *systems.SYSTEMS}
    assert all(scores[name]["distance"] > scores["real"]["distance"] for name in systems.SYSTEMS)


def test_a_toy_that_diverges_ends_and_is_called_so():
    game = toys.play(toys.settings(["--train.critic.lr=1e30"]), toys.MIXTURES["8-gaussians"].draw, steps=50, width=8)
    assert game.diverged


@pytest.mark.slow
def test_objectives_at_equal_time_go_on_where_they_stopped(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(systems.SYSTEMS, "broken", ("--train.critic.lr=1e30",))
    options = [o.removeprefix("--") for o in SIZES if not o.startswith("--train.steps")]
    command = ["objectives", "--systems", "r3gan", "broken", "--seeds=1", "--seconds=0.5", "--jobs=1", "--samples=20"]
    command += [f"--out={tmp_path}", "--options", *options]
    assert main(command) == 0
    table = (tmp_path / "study.md").read_text()
    assert "| r3gan |" in table and "| 0 of 1 |" in table
    assert "| broken |" in table and "| 1 of 1 |" in table
    runs = json.loads((tmp_path / "study.json").read_text())["runs"]
    assert runs["r3gan"][0]["curves"]["wasserstein"][-1][0] >= 0.5
    assert "diverged" in runs["broken"][0]["diverged"]
    assert (tmp_path / "study.png").stat().st_size > 10_000

    def never(*_, **__):
        raise AssertionError("a finished run was started again")

    monkeypatch.setattr(runner.Commands, "__call__", never)
    assert main(command) == 0  # all is there

    monkeypatch.setattr(runner.Commands, "__call__", lambda self, arguments, log: 1)
    (tmp_path / "results" / "r3gan-seed0.json").unlink()
    assert main(command) == 2
    assert "r3gan-seed0 ended with exit code 1" in capsys.readouterr().err


def test_augmentation_gains_where_generated_sentences_know_more_and_loses_where_they_mislead():
    """Forty words tell either label, two in a sentence; the few real ones have not met them all."""
    rng = np.random.default_rng(0)

    def labelled(size, flip=False):
        labels = [("x", "y")[i % 2] for i in range(size)]
        sentences = [" ".join(rng.choice([f"{(label == 'x') ^ flip}{k}" for k in range(40)], 2)) for label in labels]
        return augmentation.Labelled(sentences, labels)

    real, test = labelled(400), labelled(300)
    options = argparse.Namespace(seed=0, sizes=[10, 200], draws=5)
    right, wrong = (augmentation.study(real, labelled(1000, flip), test, options) for flip in (False, True))
    assert right["exchange"]["generated to real"] > 0.95 and right["exchange"]["real to generated"] > 0.95
    assert wrong["exchange"]["generated to real"] < 0.05 and wrong["exchange"]["real to generated"] < 0.05
    few = right["sizes"][10]
    assert min(few["with generated"]) > max(few["alone"]) and len(few["alone"]) == 5
    assert wrong["sizes"][10]["alone"] == few["alone"]  # the same draws
    assert max(wrong["sizes"][10]["with generated"]) < min(few["alone"])
    row = next(line for line in augmentation.table(right, 1000, 300).splitlines() if line.startswith("| 200 |"))
    gain = np.mean(right["sizes"][200]["with generated"]) - np.mean(right["sizes"][200]["alone"])
    assert row.startswith("| 200 |") and f"| {gain:.3f} ±" in row
    with pytest.raises(UserError, match="2 sentences drawn have one label only: give larger --sizes"):
        augmentation.accuracy(augmentation.Labelled(["a", "b"], ["x", "x"]), test)


def test_augmentation_draws_by_the_seed_and_as_many_real_sentences_as_generated_ones(monkeypatch):
    def labelled(name, size):
        return augmentation.Labelled([f"{name}{i}" for i in range(size)], [("x", "y")[i % 2] for i in range(size)])

    trained = []

    def accuracy(train, test):
        trained.append((list(train.sentences), list(test.sentences)))
        return 0.5

    monkeypatch.setattr(augmentation, "accuracy", accuracy)
    real, generated, test = labelled("r", 50), labelled("g", 30), labelled("t", 20)
    for seed in (4, 4, 5):
        augmentation.study(real, generated, test, argparse.Namespace(seed=seed, sizes=[6, 9], draws=2))
    one, again, other = trained[:11], trained[11:22], trained[22:]
    assert one == again != other
    (as_many, on_test), (made, on_test_too), (as_many_too, on_made), *few = one
    assert on_test == on_test_too == list(test.sentences) and made == on_made == list(generated.sentences)
    assert as_many == as_many_too and len(set(as_many)) == 30 and set(as_many) <= set(real.sentences)
    for (alone, _), (both, _) in zip(few[::2], few[1::2], strict=True):
        assert set(alone) <= set(real.sentences) and both == [*alone, *generated.sentences]
    assert [len(set(alone)) for alone, _ in few[::2]] == [6, 6, 9, 9] and few[0] != few[2]


def test_a_table_of_gains_has_means_and_deviations():
    values = {"alone": [0.5, 0.7, 0.6], "with generated": [0.9, 0.7, 0.8]}
    results = {"exchange": {"real to real": 0.75}, "sizes": {1000: values, 20: {k: v[:1] for k, v in values.items()}}}
    lines = augmentation.table(results, 5000, 300).splitlines()
    assert lines[0].startswith("5,000 generated sentences; accuracy on 300 held-out")
    assert "| real | real | 0.750 |" in lines
    assert "| 1,000 | 0.600 ± 0.100 | 0.800 ± 0.100 | 0.200 ± 0.200 |" in lines
    assert "| 20 | 0.500 ± 0.000 | 0.900 ± 0.000 | 0.400 ± 0.000 |" in lines


def test_augmentation_of_a_run_ends_in_a_table(tmp_path, run, capsys, monkeypatch):
    assert train(tmp_path / "run", "--corpus.train=grammar:types", "--corpus.label=label") == 0
    options = ["--sizes", "50", "100", "--generated", "60", "--draws", "2", f"--out={tmp_path / 'out'}"]
    assert main(["augmentation", str(tmp_path / "run"), *options]) == 0
    study = json.loads((tmp_path / "out" / "study.json").read_text())
    assert (
        study["generated"] == 60
        and study["test"] == 100
        and study["exchange"].keys()
        == {
            "real to real",
            "generated to real",
            "real to generated",
        }
    )
    assert all(len(values) == 2 for size in study["sizes"].values() for values in size.values())
    assert "| 100 | " in (tmp_path / "out" / "study.md").read_text()
    capsys.readouterr()
    assert main(["augmentation", str(run), f"--out={tmp_path / 'out'}"]) == 2
    assert "has no labels: train one with corpus.label" in capsys.readouterr().err
    quick = ["--generated", "60", "--draws", "2", f"--out={tmp_path / 'fits'}"]
    assert main(["augmentation", str(tmp_path / "run"), *quick]) == 0  # of 400 sentences
    assert set(json.loads((tmp_path / "fits" / "study.json").read_text())["sizes"]) == {"50", "200"}
    assert main(["augmentation", str(tmp_path / "run"), "--sizes", "500", f"--out={tmp_path / 'out'}"]) == 2
    assert "there are 400 real sentences, not 500" in capsys.readouterr().err

    # A generator that says training sentences of the labels that it is given: they are worth as much as these.
    corpus, trained = tmp_path / "run" / "corpus", Generator.from_pretrained(tmp_path / "run")
    parts = ("train.txt", "train.given.txt", "test.txt", "test.given.txt")
    train_text, train_given, test_text, test_given = ((corpus / part).read_text().splitlines() for part in parts)
    asked = []

    class Perfect:
        condition = trained.condition

        def sample(self, num, seed, given):
            asked.append((num, seed))
            streams = {
                label: iter([s for s, g in zip(train_text, train_given, strict=True) if g == label])
                for label in set(given)
            }
            return (next(streams[label]) for label in given)

    monkeypatch.setattr(augmentation.Generator, "from_pretrained", lambda path: Perfect())
    options = ["--sizes", "50", "--generated", "80", "--draws", "1", "--seed", "6", f"--out={tmp_path / 'out'}"]
    assert main(["augmentation", str(tmp_path / "run"), *options]) == 0
    exchange = json.loads((tmp_path / "out" / "study.json").read_text())["exchange"]
    assert asked == [(80, 6)] and min(exchange.values()) > 0.7
    everything = augmentation.Labelled(train_text, train_given), augmentation.Labelled(test_text, test_given)
    assert exchange["real to real"] <= augmentation.accuracy(*everything) + 0.05


def test_samples_stand_beside_real_sentences_as_they_come(tmp_path, run, capsys):
    other = tmp_path / "other"
    assert train(other, "--corpus.seed=2", "--train.steps=3") == 0
    out = tmp_path / "out"
    assert main(["samples", str(run), str(other), "--num=7", f"--out={out}"]) == 0
    sentences = json.loads((out / "study.json").read_text())["sentences"]
    assert list(sentences) == [run.name, "other", "real"]
    assert sentences["other"] == list(Generator.from_pretrained(other).sample(7, seed=1))
    held_out = (run / "corpus" / "test.txt").read_text().splitlines()
    # The real ones are held-out ones of the first run, and the second has others.
    assert len(set(sentences["real"])) == 7 and set(sentences["real"]) <= set(held_out)
    assert sentences["real"] != held_out[:7]
    assert not set(sentences["real"]) <= set((other / "corpus" / "test.txt").read_text().splitlines())
    assert sentences[run.name] == list(Generator.from_pretrained(run).sample(7, seed=1))
    assert len((out / "study.md").read_text().splitlines()) == 9

    real = []
    for seed in ("1", "2", "2"):
        assert main(["samples", str(run), "--num=7", f"--seed={seed}", f"--out={out}"]) == 0
        real.append(json.loads((out / "study.json").read_text())["sentences"])
    assert real[0]["real"] == sentences["real"] != real[1]["real"] and real[1] == real[2]
    assert real[1][run.name] == list(Generator.from_pretrained(run).sample(7, seed=2))

    assert main(["samples", str(run), "--num=3", "--no-real", f"--out={out}"]) == 0
    assert list(json.loads((out / "study.json").read_text())["sentences"]) == [run.name]
    assert samples.table({"a": ["x | y", " "]}).splitlines()[2:] == ["| x \\| y |", "| (empty) |"]

    capsys.readouterr()
    for options, complaint in (
        ([str(run), str(run)], f"two runs are named {run.name}"),
        ([str(run), "--num=101"], "has 100 held-out sentences"),
        ([str(run), "--num=0"], "--num is 0"),
        ([str(run), "--seed=-1"], "--seed is -1"),
        ([str(tmp_path / "nothing")], "nothing"),
    ):
        assert main(["samples", *options, f"--out={out}"]) == 2
        error = capsys.readouterr().err
        assert complaint in error and len(error.strip().splitlines()) == 1
