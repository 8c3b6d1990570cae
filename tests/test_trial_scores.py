"""Test the scoring of the runs of a study, which is done once and on new samples."""

import json
import shutil

import numpy as np
import pytest

from seqgan_gp import Generator, cli
from seqgan_gp import config as configs
from seqgan_gp.text.tokenizer import Tokenizer
from studies import runner


@pytest.fixture
def ended(tmp_path, run, monkeypatch):
    """A study whose one run has ended; commands run in this process, and their names are kept."""
    out, called = tmp_path / "out", []

    def here(self, arguments, log):
        called.append(arguments[0])
        return cli.main(list(arguments))

    monkeypatch.setattr(runner.Commands, "__call__", here)
    (out / "results").mkdir(parents=True)
    shutil.copytree(run, out / "runs" / "one")
    known = {"arguments": ["--config=text.yaml"], "diverged": None, "scoring": None, "scores": {}, "real": {}}
    (out / "results" / "one.json").write_text(json.dumps(known))

    def score(samples, *families):
        scoring = runner.Scoring(samples, families, "test_trial_scores:lengths")
        return runner.finish({"one": runner.Job(known["arguments"], scoring)}, out, 1)["one"]

    return out, called, score


def test_scoring_that_is_done_is_not_done_again(ended):
    _, called, score = ended
    assert score(20, "ngrams") == score(20, "ngrams")
    assert called == ["sample", "compare"]
    assert score(25, "ngrams")["scores"]["count"] == 25 and called == ["sample", "compare"] * 2


def test_scoring_is_of_new_samples_of_the_last_checkpoint_against_the_held_out_sentences(ended, run):
    out, called, score = ended
    result = score(30, "ngrams", "oracle", "embedding")
    assert called == ["sample", "compare"]
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert result["scores"]["count"] == result["real"]["count"] == 30
    assert result["real"]["grammatical"] == 1 and result["real"]["novel"] is None  # sentences of the training
    assert result["scores"]["novel"] is not None and result["scores"]["well_formed"] == last["eval/well_formed"]
    folder = out / "runs" / "one"
    sampled = (folder / "scored" / "one.txt").read_text().splitlines()
    assert sampled == list(Generator.from_pretrained(run).sample(30, seed=1))
    found = json.loads((folder / "scored" / "scores.json").read_text())
    assert found["systems"]["one"]["fed"] == result["scores"]["fed"] and found["real"]["fed"] == result["real"]["fed"]
    settings = found["settings"]
    assert (settings["encoder"], settings["grammar"], settings["bootstrap"]) == (
        "test_trial_scores:lengths",
        "text",
        0,
    )
    assert settings["reference"] == str(folder / "corpus" / "test.txt") and settings["reference_size"] == 100
    assert settings["train"] == str(folder / "corpus" / "train.txt") and "words" in settings["n_grams"]


def test_scoring_is_in_the_unit_of_the_tokens_and_without_a_grammar_where_there_is_none(ended, monkeypatch, tmp_path):
    out, _, score = ended
    folder, asked = out / "runs" / "one", []
    Tokenizer.train("character", ["a b c"], 10).save(folder / "tokenizer.json")
    parsed = configs.parse(["--corpus.train=mine.txt"]).config
    for place in (folder, *(folder / "checkpoints").glob("step-*")):
        configs.save(parsed, place / "config.yaml")

    def listen(self, arguments, log):
        asked.append(list(arguments))
        (folder / "scored").mkdir(exist_ok=True)
        scores = {"systems": {"one": {"unique": 0.5}}, "real": {"unique": 0.75}}
        (folder / "scored" / "scores.json").write_text(json.dumps(scores))
        return 0

    monkeypatch.setattr(runner.Commands, "__call__", listen)
    result = score(20, "ngrams", "classifier")
    assert (result["scores"]["unique"], result["real"]["unique"]) == (0.5, 0.75)
    compare = asked[1]
    assert "--unit=character" in compare and compare[compare.index("--metrics") + 1 :] == ["ngrams", "classifier"]
    assert not [option for option in compare if option.startswith("--grammar")]


def lengths(sentences):
    """An encoder."""
    return np.array([[len(s), s.count(" ")] for s in sentences], dtype=float)
