"""Test the loop: its updates, its files, and how it stops and resumes."""

import os
import random
import shutil
from pathlib import Path

import pytest
import torch
from conftest import TINY, rows, train, weights

from seqgan_gp import artefacts, config, pretrained
from seqgan_gp.cli import main
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.training import checkpoint, folder, text, trainer
from seqgan_gp.training.window import Window


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


@pytest.mark.parametrize("kind", ["straight-through", "gumbel"])
def test_a_resumed_run_ends_like_one_that_never_stopped(tmp_path, kind):
    options = [f"--relaxation.kind={kind}", "--train.decay_from=1"]
    assert train(tmp_path / "whole", *options) == 0
    assert train(tmp_path / "parts", *options, "--train.steps=3") == 0
    before = rows(tmp_path / "parts")
    # As after a crash: a line of a later step, and one cut short.
    with (tmp_path / "parts" / folder.METRICS).open("a") as file:
        file.write('{"step": 5, "train/penalty": 1.0}\n{"step": 5, "tra')
    assert train(tmp_path / "parts", *options, "--resume") == 0
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(v, parts[k]) for k, v in whole.items())
    assert rows(tmp_path / "parts")[: len(before)] == before
    strip = ("train/steps_per_second", "train/seconds")
    without = [
        [{k: v for k, v in row.items() if k not in strip} for row in rows(tmp_path / r)] for r in ("whole", "parts")
    ]
    # The first part logged step 3 as its last; everything after it is the same.
    assert [r for r in without[0] if r["step"] > 3] == [r for r in without[1] if r["step"] > 3]
    assert config.load(tmp_path / "parts" / "config.yaml").train.steps == 6


def test_an_existing_run_is_kept_unless_asked(run, tmp_path, capsys):
    before = sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*"))
    for options, complaint in [
        ([], "--resume"),
        (["--resume", "--generator.width=16"], "generator.width=12, not 16"),
        (["--resume", "--seed=5"], "seed=3, not 5"),
        (["--resume", "--objective=hinge"], "objective=wasserstein, not hinge"),
        (["--resume", "--train.critic.options={weight_decay: 0.5}"], "train.critic.options"),
        (["--resume", "--train.steps=3"], "at step 6 already"),
        (["--over"], "--over"),
    ]:
        assert train(run, *options) == 2
        assert complaint in capsys.readouterr().err
    assert sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*")) == before

    assert train(tmp_path / "none", "--resume") == 2
    assert "no run to resume" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert train(tmp_path / "mine", "--overwrite") == 2
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_the_last_few_checkpoints_are_kept(tmp_path):
    assert train(tmp_path / "run", "--train.checkpoint_every=1", "--train.keep=2") == 0
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000005", "step-0000006"]


def test_a_failed_save_leaves_the_checkpoint_before(tmp_path, monkeypatch, capsys):
    save = artefacts.save

    def full(folder, *parts):
        if "0000006" in folder.name:
            raise OSError(28, "No space left on device")
        save(folder, *parts)

    monkeypatch.setattr(checkpoint.artefacts, "save", full)
    assert train(tmp_path / "run") == 2
    assert "No space left" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-0000003"]
    monkeypatch.undo()
    assert train(tmp_path / "run", "--resume") == 0
    assert artefacts.checkpoints(tmp_path / "run")[-1].name == "step-0000006"


def test_overwrite_replaces_a_run(tmp_path):
    assert train(tmp_path / "run") == 0
    assert train(tmp_path / "run", "--overwrite", "--train.steps=2") == 0
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000002"]


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--corpus.train=missing.txt"], "missing.txt"),
        (["--corpus.train=grammar:txet"], "txet"),
        (["--tokenizer.file=missing.json"], "missing.json"),
        (["--tokenizer.kind=bpe", "--tokenizer.vocabulary=10"], "--tokenizer.vocabulary"),
        (["--tokenizer.length=0"], "tokenizer.length"),
        (["--trackers=[tensorbord]"], "did you mean tensorboard"),
        (["--trackers=[comet_ml]"], "comet_ml is not installed"),
        (["--over"], "--over"),
        (["--train.critic.name=Adamm"], "train.critic.name"),
        (["--train.generator.name=SGD", "--train.generator.options={betas: [0, 0.9]}"], "train.generator.options: SGD"),
        (["--train.critic.name=LBFGS"], "train.critic: LBFGS"),
        (["--train.critic.name=SparseAdam"], "train.critic: SparseAdam"),
        (["--corpus.train="], "empty"),
        (["--train.critic.options={betas: [0, 7]}"], "train.critic: Adam"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_written(tmp_path, capsys, options, complaint):
    assert train(tmp_path / "run", *options) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_is_named(tmp_path, capsys):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    capsys.readouterr()
    (artefacts.checkpoints(tmp_path / "run")[-1] / "state" / "optimizer.bin").write_bytes(b"not a state")
    assert train(tmp_path / "run", "--resume") == 2
    error = capsys.readouterr().err
    assert "step-0000003" in error and "cannot be resumed" in error


def test_a_diverging_run_stops_and_keeps_its_last_good_checkpoint(tmp_path, capsys):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    good = weights(tmp_path / "run")
    options = ["--train.critic.lr=1e30", "--train.generator.lr=1e30"]
    assert train(tmp_path / "run", "--resume", "--train.steps=60", *options) == 2
    assert "diverged" in capsys.readouterr().err
    assert all(torch.equal(v, weights(tmp_path / "run")[k]) for k, v in good.items())
    assert all(v.isfinite().all() for v in good.values())


@pytest.mark.parametrize("key", ["critic_loss", "generator_loss"])
def test_a_loss_that_is_not_finite_stops_the_run_at_that_step(tmp_path, capsys, monkeypatch, key):
    step = trainer.Trainer.step

    def spoilt(self):
        parts = step(self)
        return parts | ({key: torch.tensor(float("inf"))} if self.progress.step == 5 else {})

    monkeypatch.setattr(trainer.Trainer, "step", spoilt)
    assert train(tmp_path / "run", "--train.log_every=100", "--evaluation.every=100") == 2
    assert f"{key} is inf at step 5; the last good checkpoint is" in capsys.readouterr().err
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000003"]


def test_weights_spoilt_by_the_last_update_are_not_saved(tmp_path, capsys, monkeypatch):
    step = trainer.Trainer.step

    def spoilt(self):
        parts = step(self)
        if self.progress.step == 6:
            with torch.no_grad():
                self.critic.output.weight[0, 0] = float("nan")
        return parts

    monkeypatch.setattr(trainer.Trainer, "step", spoilt)
    assert train(tmp_path / "run") == 2
    assert "critic.output.weight is nan at step 6" in capsys.readouterr().err
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000003"]


def test_a_device_is_asked_once_a_window_and_the_step_and_term_are_exact():
    from accelerate import Accelerator

    window = Window(Accelerator(cpu=True))
    window.free_to_read = False  # as on an accelerator
    for i in range(1, 5):
        parts = {"penalty": torch.tensor(float("nan"))} if i == 3 else {}
        assert window.append(i, parts | {"critic_loss": torch.tensor(float(i) if i < 3 else float("nan"))}) is None
    _, diverged = window.read()
    assert diverged[:2] == (3, "penalty")
    window.clear()
    window.append(1, {"critic_loss": torch.tensor(1.0), "penalty": torch.tensor(5.0)})
    window.append(2, {"critic_loss": torch.tensor(2.0)})
    assert window.read() == ({"critic_loss": 1.5, "penalty": 5.0}, None)  # a lazy penalty is of its own steps


SYSTEMS = {
    "gan.yaml": [],
    "lsgan.yaml": [],
    "hinge.yaml": [],
    "wgan_clipping.yaml": [],
    "r3gan.yaml": [],
    "lazy": ["--penalty.every=3"],
    "weight": ["--critic.parametrization=weight", "--penalty.at=[interpolates,real]"],
    "one-hot": ["--penalty.space=one-hot", "--penalty.sided=zero", "--penalty.at=[real]", "--objective=hinge"],
}
STATEFUL = ("hinge.yaml", "wgan_clipping.yaml", "lazy", "weight")  # which of them a resumed run could forget


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_trains_and_loads(tmp_path, name):
    system = [f"--config={name}"] if name.endswith(".yaml") else []
    options = [*system, *TINY, *SYSTEMS[name], "--train.decay_from=1", "--train.steps=4", "--train.checkpoint_every=4"]

    def part(run: str, *more: str) -> int:
        return main(["train", *options, f"--output={tmp_path / run}", *more])

    assert part("whole") == 0
    if name in STATEFUL:
        assert part("parts", "--train.steps=2") == part("parts", "--resume") == 0
        whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
        assert all(torch.equal(v, parts[k]) for k, v in whole.items())
    logged = {k for row in rows(tmp_path / "whole") for k in row}
    assert {"train/wasserstein", "train/critic_loss", "train/generator_loss"} <= logged
    c = config.load(tmp_path / "whole" / "config.yaml")
    assert ("train/penalty" in logged) == (c.penalty.weight > 0)
    critic = pretrained.Critic.from_pretrained(tmp_path / "whole")
    assert critic(["the dog sleeps.", "a bird waits."]).isfinite().all()
    if c.clipping:
        assert all(p.abs().max() <= c.clipping for n, p in critic.network.named_parameters() if n != "embedding")


def test_captions_train_sample_and_score(coco, tmp_path):
    corpus = [f"--corpus.train={coco / 'coco' / 'train.txt'}", f"--corpus.test={coco / 'coco' / 'test.txt'}"]
    run, samples = tmp_path / "run", tmp_path / "samples.txt"
    options = ["--train.steps=2", "--evaluation.samples=20", "--generator.width=8", "--critic.width=8"]
    assert main(["train", "--config", "coco.yaml", *corpus, *options, f"--output={run}"]) == 0
    assert main(["sample", str(run), "--num", "50", "--out", str(samples)]) == 0
    assert (
        main(
            [
                "evaluate",
                str(samples),
                "--reference",
                str(coco / "coco" / "test.txt"),
                "--train",
                str(coco / "coco" / "train.txt"),
            ]
        )
        == 0
    )


@pytest.mark.parametrize("kind", ["character", "bpe"])
def test_other_tokenizers_train_sample_and_score(tmp_path, kind):
    run, samples = tmp_path / "run", tmp_path / "samples.txt"
    assert train(run, f"--tokenizer.kind={kind}", "--tokenizer.length=40") == 0
    assert main(["sample", str(run), "--num", "20", "--out", str(samples)]) == 0
    assert main(["evaluate", str(samples), "--reference", str(run / "corpus" / "test.txt"), "--unit", "character"]) == 0
    # Scored by characters where tokens are characters: sentences of one character after another, not of a few words.
    assert (rows(run)[0]["real/mean_length"] > 20) is (kind == "character")


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


def test_the_folder_of_a_failed_start_is_not_left_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.configs, "save", full)
    with pytest.raises(UserError, match="No space left"):
        folder.create(tmp_path / "run", TextConfig(), lambda part: None)
    assert list(tmp_path.iterdir()) == []


def test_a_run_resumed_before_its_first_checkpoint_names_real_scores_once(tmp_path):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    shutil.rmtree(artefacts.checkpoints(tmp_path / "run")[0])
    assert train(tmp_path / "run", "--resume") == 0
    assert [row["step"] for row in rows(tmp_path / "run") if "real/jsd_4" in row] == [0]


def test_a_save_that_was_killed_is_no_obstacle_to_the_next(tmp_path):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    part = tmp_path / "run" / artefacts.CHECKPOINTS / ".step-0000006.part"
    part.mkdir()
    (part / "half").touch()
    assert train(tmp_path / "run", "--resume") == 0
    last = artefacts.checkpoints(tmp_path / "run")[-1]
    assert last.name == "step-0000006" and not (last / "half").exists() and not part.exists()


def test_the_folder_that_one_stands_in_is_no_run_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train(Path(".")) == 2
    assert "give another --output DIR" in capsys.readouterr().err
    assert os.path.samefile(".", tmp_path) and list(tmp_path.iterdir()) == []


def test_a_start_that_was_killed_is_no_obstacle_to_the_next(tmp_path):
    left = tmp_path / ".run.part"
    (left / "samples").mkdir(parents=True)
    (left / "corpus").mkdir()
    assert train(tmp_path / "run", "--train.steps=1") == 0
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_run_that_cannot_be_replaced_stays(tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "run", "--train.steps=2") == 0
    before = weights(tmp_path / "run")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.configs, "save", full)
    assert train(tmp_path / "run", "--overwrite") == 2
    assert "No space left" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert all(torch.equal(v, weights(tmp_path / "run")[k]) for k, v in before.items())


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
    assert text.Evaluator(corpus, "character", 10).real["jsd_4"] == 0
