"""Test what a run writes: its files, its log, and what its terminal and its tracker show."""

import random

import pytest
import torch
from conftest import rows, train, weights

from seqgan_gp import artefacts, config
from seqgan_gp.training import text, text_evaluator


def test_a_run_folder_holds_everything(run):
    names = {str(p.relative_to(run)) for p in run.rglob("*")}
    for name in ("config.yaml", "tokenizer.json", "metrics.jsonl", "curves.png", "corpus/train.txt", "corpus/test.txt"):
        assert name in names
    assert {"samples/step-0000003.txt", "samples/step-0000006.txt"} <= names
    assert [p.name for p in artefacts.checkpoints(run)] == ["step-0000003", "step-0000006"]
    assert len((run / "samples" / "step-0000006.txt").read_text().splitlines()) == 20
    assert not [n for n in names if n.endswith(".part")]


def test_metrics_have_the_real_row_training_and_evaluation(run):
    keys = {k: row["step"] for row in rows(run) for k in row}
    for key in ("real/jsd_4", "train/wasserstein", "train/penalty", "train/gradient_norm", "train/steps_per_second"):
        assert key in keys
    for key in ("eval/self_bleu_4", "eval/jsd_4", "eval/grammatical", "eval/well_formed", "eval/novel"):
        assert keys[key] == 6
    assert [row["step"] for row in rows(run) if "train/penalty" in row] == [2, 3, 4, 6]
    assert rows(run)[0]["real/grammatical"] == 1.0


def test_the_same_seed_gives_the_same_run_and_another_seed_another(run, tmp_path):
    assert train(tmp_path / "same") == train(tmp_path / "other", "--seed=1") == 0
    ours = weights(run)
    assert all(torch.equal(v, weights(tmp_path / "same")[k]) for k, v in ours.items())
    assert not all(torch.equal(v, weights(tmp_path / "other")[k]) for k, v in ours.items())


def test_a_tracker_gets_every_number_at_its_step_and_the_config(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    from accelerate.tracking import TensorBoardTracker

    stored, logged = [], []

    def log(self, values, step=None, **_):
        logged.append((step, values))

    monkeypatch.setattr(TensorBoardTracker, "store_init_configuration", lambda self, values: stored.append(values))
    monkeypatch.setattr(TensorBoardTracker, "log", log)
    assert train(tmp_path / "run", "--trackers=[tensorboard]") == 0
    assert list((tmp_path / "run").rglob("events.out.tfevents*"))
    written = [(row.pop("step"), row) for row in rows(tmp_path / "run")]
    assert logged == [(step, {k: v for k, v in row.items() if v is not None}) for step, row in written]
    assert stored[0]["train.steps"] == 6 and stored[0]["seed"] == 3


def test_the_terminal_shows_the_scores_beside_those_of_real_sentences(tmp_path, capsys):
    assert train(tmp_path / "run") == 0
    logged, said = rows(tmp_path / "run"), capsys.readouterr()
    real = logged[0]
    (scores,) = [row for row in logged if row["step"] == 6 and "eval/jsd_4" in row]
    keys = ("jsd_4", "self_bleu_4", "unique", "grammatical")
    shown = "  ".join(f"{key} {scores[f'eval/{key}']:.3f} (real {real[f'real/{key}']:.3f})" for key in keys)
    assert f"step 6: {shown}\n    " in said.out + said.err
    first = (tmp_path / "run" / "samples" / "step-0000006.txt").read_text().splitlines()[0]
    assert f"\n    {first}\n" in said.out + said.err


def test_a_run_compares_with_held_out_sentences_cut_like_its_own(tmp_path):
    # All begin alike; what comes after the fifth letter is never twice the same.
    tails = ["".join(random.Random(i).choices("abcdefgh", k=12)) for i in range(60)]
    (tmp_path / "t.txt").write_text("".join(f"hello{tail}\n" for tail in tails))
    options = ["--tokenizer.kind=character", "--tokenizer.length=5", "--corpus.holdout=20", "--corpus.test=null"]
    parsed = config.parse([f"--corpus.train={tmp_path / 't.txt'}", *options]).config
    corpus = text.TextTask.load(parsed).corpus
    assert set(corpus.train.text) == set(corpus.test.text) == {"hello"} and len(corpus.test) == 20
    assert text_evaluator.Evaluator(corpus, "character", 10).real["jsd_4"] == 0
