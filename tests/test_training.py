"""The loop: what it updates, what it writes, how it stops and goes on."""

import json
import os
import platform
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, train
from safetensors.torch import load_file

from seqgan_gp import artefacts, config, machine, pretrained
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.training import checkpoint, folder, setup, text, trainer
from seqgan_gp.training.window import Window

ROOT = Path(__file__).parent.parent


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(artefacts.checkpoints(run)[-1] / artefacts.WEIGHTS)


def rows(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / folder.METRICS).read_text().splitlines()]


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
    # As after a crash: a line of a later step, and one cut short.
    with (tmp_path / "parts" / folder.METRICS).open("a") as file:
        file.write('{"step": 5, "train/penalty": 1.0}\n{"step": 5, "tra')
    assert train(tmp_path / "parts", *options, "--resume") == 0
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(v, parts[k]) for k, v in whole.items())
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
        (["--resume", "--generator.width=16"], "generator.width=8"),
        (["--resume", "--seed=5"], "seed=0"),
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
    "text.yaml": ["--objective=minimax", "--penalty.weight=0"],
    "lazy": ["--penalty.every=3", "--train.critic_steps=2"],
    "crossover": ["--penalty.mixing=crossover"],
    "weight": ["--critic.parametrization=weight", "--penalty.at=[interpolates,real]"],
    "one-hot": ["--penalty.space=one-hot", "--penalty.sided=zero", "--penalty.at=[real]", "--objective=hinge"],
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_trains_resumes_and_loads(tmp_path, name):
    system = [f"--config={name}"] if name.endswith(".yaml") else []
    options = [*system, *TINY, *SYSTEMS[name], "--train.decay_from=1"]
    for run, steps in (("whole", ["6"]), ("parts", ["3", "6"])):
        for i, n in enumerate(steps):
            resume = ["--resume"] if i else []
            assert main(["train", *options, f"--train.steps={n}", f"--output={tmp_path / run}", *resume]) == 0
    whole = weights(tmp_path / "whole")
    assert all(torch.equal(v, weights(tmp_path / "parts")[k]) for k, v in whole.items())
    logged = {k for row in rows(tmp_path / "whole") for k in row}
    assert {"train/wasserstein", "train/critic_loss", "train/generator_loss"} <= logged
    c = config.load(tmp_path / "whole" / "config.yaml")
    assert ("train/penalty" in logged) == (c.penalty.weight > 0)
    critic = pretrained.Critic.from_pretrained(tmp_path / "whole")
    assert critic(["the dog sleeps.", "a bird waits."]).isfinite().all()
    if c.clipping:
        assert all(p.abs().max() <= c.clipping for n, p in critic.network.named_parameters() if n != "embedding")


def test_time_ends_a_run_and_its_learning_rate(tmp_path):
    options = ["--train.seconds=1.5", "--train.steps=1000000", "--train.decay_from=0", "--train.log_every=1"]
    options += ["--evaluation.every=1000000", "--train.checkpoint_every=1000000"]
    assert train(tmp_path / "run", *options) == 0
    rates = [row["train/critic_lr"] for row in rows(tmp_path / "run") if "train/critic_lr" in row]
    assert rates == sorted(rates, reverse=True) and rates[-1] < 0.4 * rates[0]
    (last,) = artefacts.checkpoints(tmp_path / "run")
    assert last.name == f"step-{len(rates):07d}"


def test_time_that_other_programs_take_is_not_time_to_train(tmp_path, monkeypatch):
    step = trainer.Trainer.step

    def kept_waiting(self):
        time.sleep(0.3)
        return step(self)

    monkeypatch.setattr(trainer.Trainer, "step", kept_waiting)
    assert train(tmp_path / "run", "--train.steps=4", "--train.log_every=1", "--train.seconds=3600") == 0
    assert 0 < [row["train/seconds"] for row in rows(tmp_path / "run") if "train/seconds" in row][-1] < 1.2


def test_several_critic_steps_for_each_generator_step(tmp_path):
    one = build(["--train.critic_steps=5"])
    one.step()
    one.step()
    updates = [next(iter(o.state.values()))["step"].item() for o in (one.critic_optimizer, one.generator_optimizer)]
    assert updates == [10, 2]


def test_each_player_moves_only_itself():
    one = build([])
    before = {k: v.clone() for k, v in one.generator.state_dict().items()}
    one.update_critic(one.batches[0])
    assert all(torch.equal(v, one.generator.state_dict()[k]) for k, v in before.items())
    before = {k: v.clone() for k, v in one.critic.state_dict().items()}
    one.update_generator()
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
            return one.critic(ids).mean().item(), one.critic(one.player(noise)).mean().item()

    real, fake = scores()
    for _ in range(20):
        one.update_critic(one.batches[0])
    assert scores()[0] - scores()[1] > real - fake + 0.1
    fake = scores()[1]
    for _ in range(20):
        one.update_generator()
    assert scores()[1] > fake + 0.1


def test_the_learning_rate_reaches_both_optimisers():
    one = build(["--train.steps=4", "--train.decay_from=0.5", "--train.critic.lr=0.1", "--train.generator.lr=0.2"])
    rates = []
    for _ in range(4):
        one.step()
        rates.append((one.critic_optimizer.param_groups[0]["lr"], one.generator_optimizer.param_groups[0]["lr"]))
    assert rates == [(0.1, 0.2)] * 3 + [(0.05, 0.1)]


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
    def options(**changes):
        parameters, optimizer = [torch.nn.Parameter(torch.zeros(1))], config.OptimizerConfig(**changes)
        return setup.make_optimizer("train.critic", optimizer, parameters, trainer.Trainer.BETAS).param_groups[0]

    assert options()["betas"] == options(name="AdamW")["betas"] == (0.0, 0.9)
    assert options(options={"betas": (0.5, 0.9)})["betas"] == (0.5, 0.9)
    assert options(name="RMSprop")["momentum"] == options(name="SGD")["momentum"] == 0
    assert options()["fused"] and not options(options={"fused": False})["fused"]
    assert options(options={"foreach": True})["foreach"] and not options(options={"foreach": True})["fused"]


def build(options: list[str]) -> trainer.Trainer:
    """A trainer on the tiny settings, without a run folder."""
    from accelerate import Accelerator

    from seqgan_gp.text.corpus import load_corpus
    from seqgan_gp.text.tokenizer import Tokenizer
    from seqgan_gp.training.text import TextTask

    c = config.parse([*TINY, *options]).config
    corpus = load_corpus(c.corpus.train, None, "text", 64, 10, 0)
    tokenizer = Tokenizer.train("word", corpus.train, 300)
    return trainer.Trainer(Accelerator(cpu=True), TextTask(c, corpus, tokenizer))


def test_numbers_below_the_precision_of_a_float_are_zero():
    program = (
        "import torch; from seqgan_gp.machine import prepare; tiny = torch.full((5,), 2e-38); assert (tiny / 10).all();"
        "prepare(2); assert not (tiny.repeat(100_000) / 10).any() and torch.get_num_threads() == 2"
    )  # few at first: threads that are there already would keep them
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # no other test in this process is to see it


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heap")
def test_memory_of_large_tensors_is_kept_in_every_thread():
    code = (
        "import resource, torch; from seqgan_gp.machine import prepare, side_by_side; prepare(2)\n"
        "def work(_): return sum(torch.ones(8_000_000).add(1)[0].item() for _ in range(10))\n"  # 32 MB each
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "list(side_by_side(work, range(4))); before = faults()\n"
        "list(side_by_side(work, range(8))); print((faults() - before) * resource.getpagesize() / 2**20)"
    )
    megabytes = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert megabytes < 500  # of 5,000 that they work on


def test_side_by_side_keeps_the_order_and_leaves_the_threads_as_they_were():
    before, taken = torch.get_num_threads(), []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    def slow_at_first(i):
        time.sleep(0.02 if i < 3 else 0)
        return i, torch.get_num_threads()

    try:
        torch.set_num_threads(3)
        assert list(machine.side_by_side(slow_at_first, range(20))) == [(i, 1) for i in range(20)]
        results = machine.side_by_side(slow_at_first, items())
        assert next(results) == (0, 1) and len(taken) <= 5  # not all at once
        results.close()
        with pytest.raises(ZeroDivisionError):
            list(machine.side_by_side(lambda i: 1 // i, [2, 1, 0, 1]))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_threads_are_all_cores_unless_asked(monkeypatch):
    before = torch.get_num_threads()
    try:
        cores = len(os.sched_getaffinity(0))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as accelerate launch sets it
        machine.set_threads(None)
        assert torch.get_num_threads() == cores
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(cores))
        machine.set_threads(None)
        assert torch.get_num_threads() == 1
        monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
        machine.set_threads(None)
        assert torch.get_num_threads() == 3
        machine.set_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "load, threads, processes, crowd",
    [(0.3, 2, 1, False), (1.0, 2, 1, True), (1.0, 1, 1, False), (4.0, 1, 1, False), (0.3, 2, 2, True)],
)
def test_threads_that_find_no_core_are_named(monkeypatch, load, threads, processes, crowd):
    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "_cores", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    try:
        machine.set_threads(threads)
        assert ("--train.threads 1" in (machine.crowded() or "")) == crowd
    finally:
        torch.set_num_threads(before)


def test_a_run_on_a_busy_machine_says_so(tmp_path, monkeypatch, capsys):
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 0.0, 0.0))
    try:
        for threads in (1, 2):
            assert train(tmp_path / str(threads), "--train.steps=1", f"--train.threads={threads}") == 0
            assert ("last minute was 1000.0" in capsys.readouterr().out) == (threads == 2)
    finally:
        torch.set_num_threads(before)


def gradients(tmp_path: Path, processes: int, *options: str) -> dict[str, torch.Tensor]:
    """Gradients of one critic and one generator step, from `processes` processes."""
    out = tmp_path / f"gradients-{processes}.safetensors"
    launcher = (
        ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--standalone"] if processes > 1 else []
    )
    command = [sys.executable, *launcher, str(ROOT / "tests" / "gradients.py"), str(out), *TINY, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return load_file(out)


@pytest.mark.parametrize("system", [[], ["--config=r3gan", "--critic.parametrization=spectral"]], ids=["text", "r3gan"])
def test_two_processes_give_the_gradients_of_one(tmp_path, system):
    one, two = gradients(tmp_path, 1, *system), gradients(tmp_path, 2, *system)
    assert len(one) > 10 and one.keys() == two.keys()
    # Rounding differs, and three steps of Adam carry it on.
    for name, gradient in one.items():
        if name != "critic.output.bias":  # a constant cancels in D(x) - D(G(z))
            assert gradient.abs().sum() > 0, name
        atol = 1e-3 if name.startswith("weights.") else 1e-6
        torch.testing.assert_close(two[name], gradient, atol=atol, rtol=1e-4)


def start(run: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "run.py"), *TINY, f"--output={run}", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_a_checkpoint_and_says_how_to_go_on(tmp_path, number):
    process = start(
        tmp_path / "run", "--train.steps=100000", "--train.checkpoint_every=100000", "--evaluation.every=100000"
    )
    metrics = tmp_path / "run" / folder.METRICS
    deadline = time.monotonic() + 60
    while not (metrics.exists() and "train/penalty" in metrics.read_text()):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in error and "Traceback" not in error
    (saved,) = artefacts.checkpoints(tmp_path / "run")
    step = int(saved.name.removeprefix("step-"))
    assert train(tmp_path / "run", f"--train.steps={step + 2}", "--resume") == 0
    assert artefacts.checkpoints(tmp_path / "run")[-1].name == f"step-{step + 2:07d}"


def launch(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_accelerate_launch_runs_in_mixed_precision(tmp_path):
    start = ["accelerate.commands.launch", "--cpu", "--mixed_precision"]
    for precision in ("no", "bf16"):
        launch(*start, precision, str(ROOT / "run.py"), *TINY, f"--output={tmp_path / precision}")
    full, mixed = weights(tmp_path / "no"), weights(tmp_path / "bf16")
    assert all(v.dtype == torch.float32 for v in mixed.values())
    # The flag reaches the networks: the runs differ, but by no more than a few steps of rounding.
    assert not all(torch.equal(v, mixed[k]) for k, v in full.items())
    assert all((v - mixed[k]).abs().max() < 0.05 for k, v in full.items())


def test_two_processes_train_and_resume_like_one(tmp_path):
    start = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(ROOT / "run.py")]
    options = ["--train.decay_from=1", "--resampling.candidates=4", "--resampling.share=0.34"]
    launch(*start, *TINY, "--train.steps=3", *options, f"--output={tmp_path / 'two'}")
    # Two processes of one run, not two runs: each has a random state in the checkpoint.
    state = artefacts.checkpoints(tmp_path / "two")[-1] / checkpoint.STATE
    assert len(list(state.glob("random_states_*"))) == 2
    launch(*start, *TINY, *options, f"--output={tmp_path / 'two'}", "--resume")
    assert train(tmp_path / "one", "--train.steps=3", *options) == train(tmp_path / "one", *options, "--resume") == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert any(name.startswith("discriminator.") for name in one) and one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=5e-3, rtol=1e-3)
    assert [row["step"] for row in rows(tmp_path / "two") if "eval/jsd_4" in row] == [3, 6]


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


def test_steps_per_second_leave_evaluation_out(tmp_path, monkeypatch):
    evaluate = text.Evaluator.__call__

    def slow(self, *arguments):
        time.sleep(1.0)
        return evaluate(self, *arguments)

    monkeypatch.setattr(text.Evaluator, "__call__", slow)
    assert train(tmp_path / "run", "--evaluation.every=1", "--train.log_every=6", "--train.checkpoint_every=6") == 0
    assert all(row["train/steps_per_second"] > 1.5 for row in rows(tmp_path / "run") if "train/steps_per_second" in row)


def test_a_tracker_gets_the_metrics(tmp_path):
    pytest.importorskip("tensorboard")
    assert train(tmp_path / "run", "--trackers=[tensorboard]") == 0
    assert list((tmp_path / "run").rglob("events.out.tfevents*"))


def test_the_folder_of_a_failed_start_is_not_left_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.configs, "save", full)
    with pytest.raises(UserError, match="No space left"):
        folder.create(tmp_path / "run", config.Config(), lambda part: None)
    assert list(tmp_path.iterdir()) == []


def test_a_run_compares_with_held_out_sentences_cut_like_its_own(tmp_path):
    # All begin alike; what comes after the fifth letter is never twice the same.
    tails = ["".join(random.Random(i).choices("abcdefgh", k=12)) for i in range(60)]
    (tmp_path / "t.txt").write_text("".join(f"hello{tail}\n" for tail in tails))
    options = ["--tokenizer.kind=character", "--tokenizer.length=5", "--corpus.holdout=20", "--corpus.test=null"]
    parsed = config.parse([f"--corpus.train={tmp_path / 't.txt'}", *options]).config
    corpus = text.TextTask.load(parsed).corpus
    assert set(corpus.train) == set(corpus.test) == {"hello"} and len(corpus.test) == 20
    assert text.Evaluator(corpus, "character", 10).real["jsd_4"] == 0
