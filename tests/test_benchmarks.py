"""Test each benchmark with a setting of seconds. The figures must fit together; their values do not matter."""

import argparse
import json
import math
import time

import psutil
import pytest
import torch
from accelerate import Accelerator
from conftest import SIZES
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import (
    critic_step,
    evaluate_command,
    evaluation,
    gpu,
    growth,
    sampling,
    time_to_quality,
    timing,
    training,
)
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.command import Stretch, TrainingCommand
from seqgan_gp import config
from seqgan_gp.adversarial.game import Game
from seqgan_gp.config.text import LanguageModelConfig
from seqgan_gp.errors import UserError
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.language_model import LanguageModelNetwork
from seqgan_gp.options import new_parser
from seqgan_gp.training.task import task_of
from seqgan_gp.training.trainer import Trainer

SMALL = [option.removeprefix("--") for option in SIZES if "train.steps" not in option and "_every" not in option]
SMALL = [option for option in SMALL if not option.startswith(("evaluation.every", "train.threads"))]
SMALL.append("train.log_every=2")


def figures_of(tmp_path, name: str, *options: str) -> dict:
    """What a benchmark writes, all of whose numbers are finite and not negative unless they are slopes or costs."""
    path = tmp_path / "figures.json"
    assert main([name, f"--json={path}", *options]) == 0
    figures = json.loads(path.read_text())
    flat = [figures]
    while flat:
        one = flat.pop()
        if isinstance(one, dict | list):
            flat += one.values() if isinstance(one, dict) else one
        elif isinstance(one, float):
            assert math.isfinite(one)
    return figures


def within(figures: dict, *names: str) -> None:
    for name in names:
        low, high = figures[f"{name}_quartiles"]
        assert 0 < low <= figures[name] <= high


@pytest.mark.slow  # which starts trainings of its own
def test_the_whole_command_is_timed_against_its_bare_steps(tmp_path, capsys):
    options = ["--threads=1", "--steps=12", "--evaluations=3", "--starts=1", "--options", *SMALL]
    f = figures_of(tmp_path, "training", *options)
    within(f, "bare_ms", "loop_ms", "loop_to_bare", "first_step_s", "help_s")
    assert f["whole_ms"] == pytest.approx(f["loop_ms"] + f["evaluation_s"] * 1000 / f["evaluation_every"])
    assert f["training_to_bare"] == pytest.approx(f["bare_ms"] / f["whole_ms"])
    assert f["training_to_bare"] == pytest.approx(f["steps_per_second"] / f["bare_steps_per_second"])
    assert f["evaluation_every"] == config.EvaluationConfig().every and f["peak_megabytes"] > 50
    assert f"{f['training_to_bare']:.3f}" in capsys.readouterr().out


def test_whole_training_is_the_loop_and_its_share_of_an_evaluation():
    # Two steps to a stretch of 10 ms each, and after each fourth step 0.5 s more; bare steps of 8 ms.
    stretches = [Stretch(0.02 + 0.5 * (step % 4 == 2 and step > 2), 2, {"step": step}) for step in range(2, 20, 2)]
    f = training.summary(stretches, [8.0] * (len(stretches) - 1), every=4, configured=1000)
    assert f["loop_ms"] == pytest.approx(10) and f["evaluation_s"] == pytest.approx(0.5)
    assert f["evaluation_share"] == pytest.approx(0.5 / 10.5)
    assert f["whole_ms"] == pytest.approx(10.5) and f["training_to_bare"] == pytest.approx(8 / 10.5)
    assert f["loop_to_bare"] == pytest.approx(0.8)


def test_bare_steps_are_the_updates_of_the_trainer(run, monkeypatch):
    seen = []

    def record(name):
        original = getattr(Game, name)

        def recorded(self, batch, **options):
            seen.append((name, [tuple(i.shape) for i in batch if i is not None], options))
            return original(self, batch, **options)

        monkeypatch.setattr(Game, name, recorded)

    record("update_critic")
    record("update_generator")
    step = training.bare_step(run)
    step()
    bare = seen.copy()
    seen.clear()
    parsed = config.load(run / "config.yaml")
    Trainer(Accelerator(cpu=True), task_of(parsed).read(parsed, run)).step()
    assert [name for name, *_ in bare] == ["update_critic", "update_critic", "update_generator"] and bare == seen


@pytest.mark.slow  # which starts two trainings of their own
def test_sampling_is_timed_against_its_arithmetic_and_a_language_model(tmp_path, monkeypatch):
    monkeypatch.setattr("seqgan_gp.machine.set_threads", lambda threads: None)  # tiny tensors: threads only wait
    few = ["--num=300", "--single=3", "--seconds=0.2", "--train-steps=8"]
    keys = [*SMALL, "language_model.width=8", "likelihood.validation=40", "train.threads=1"]
    f = figures_of(tmp_path, "sampling", *few, "--options", *keys)
    ways = ["8 candidates, 1 revision", "2 candidates, 1 revision", "8 candidates, 3 revisions"]
    ways += ["2 candidates, 3 revisions", "1 candidate, 3 revisions", "drafts"]
    assert [way["name"] for way in f["ways"]] == [*ways, "language model"]
    within(f, *(f"{way['key']}{one}_s" for way in f["ways"] for one in ("", "_single")), "floor_s")
    assert f["candidates_8_s"] > f["drafts_s"]
    first, second, _, fourth, single = (way["passes"] for way in f["ways"][:5])
    assert 2 < second <= 2 * 2 and second < first <= 8 * 2  # a draft and a revision for each candidate that is written
    assert single == 4 < fourth <= 2 * 4
    assert f["candidates_8_to_floor"] == pytest.approx(first * f["floor_s"] / f["candidates_8_s"])
    assert f["candidates_8_multiply_adds"] == pytest.approx(first * f["drafts_multiply_adds"])
    assert f["candidates_2_to_baseline"] == pytest.approx(f["candidates_2_per_second"] / f["baseline_per_second"])
    assert f["candidates_1_single_to_baseline"] == pytest.approx(
        f["candidates_1_single_per_second"] / f["baseline_single_per_second"]
    )
    assert f["candidates_1_per_second"] == pytest.approx(300 / f["candidates_1_s"])
    assert 1 < f["real_words"] < 16 and 0 <= f["baseline_words"] <= 16
    assert set(f["baseline_scores"]) == {"grammatical", "unique", "self_bleu_4", "jsd_2"}
    assert f["batch"] == new_parser().parse_args(["sample", "run"]).batch_size


def terms(network: torch.nn.Module, batch: int, length: int, once: str) -> int:
    """Multiply-adds of a forward pass: each weight once a position, those of the layer `once` once a sample."""
    layers = {name: m.weight.numel() for name, m in network.named_modules() if isinstance(m, torch.nn.Linear)}
    return sum(weights * batch * (1 if name == once else length) for name, weights in layers.items())


@pytest.mark.parametrize(
    "options", [[], ["--generator.position_noise=3", "--generator.noise=7", "--generator.blocks=3"]]
)
def test_the_products_of_the_generator_are_all_that_it_multiplies(options):
    c = config.parse(["--tokenizer.length=16", "--generator.width=12", *options]).config
    network = GeneratorNetwork(50, c.tokenizer.length, **vars(c.generator))
    products = sampling.generator_products(c, 50, 6)
    assert sum(p.multiply_adds for p in products) == terms(network, 6, c.tokenizer.length, "project_noise")
    assert sampling.generator_products(c, 50, 0) == sampling.generator_products(c, 50, 6, 0) == []
    c.generator.backbone = "attention"
    with pytest.raises(UserError, match="convolutional"):
        sampling.generator_products(c, 50, 6)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_language_model_multiplies_each_weight_once_a_token(layers):
    c = LanguageModelConfig(embedding=5, width=7, layers=layers)
    network = LanguageModelNetwork(50, 16, 0, 2, **vars(c))
    matrices = sum(p.numel() for p in network.parameters() if p.dim() == 2)  # the embedding is the output's
    assert sampling.language_model_products(c, 50, 9.5) == 9.5 * matrices


def test_the_floor_of_a_critic_step_is_ten_passes():
    case = critic_step.Case(width=8, length=6, vocabulary=20, batch=4, blocks=2)
    critic = CriticNetwork(
        case.vocabulary, case.length, critic_step.EMBEDDING, width=8, blocks=2, kernel=critic_step.KERNEL
    )
    assert sum(math.prod(p) for p in critic_step.products(case)) == 10 * terms(critic, 4, 6, "output")


@pytest.mark.slow  # which starts two trainings of their own
def test_processes_are_timed_at_an_equal_batch(tmp_path):
    f = figures_of(tmp_path, "processes", "--steps=4", "--options", *SMALL)
    within(f, "one_ms", "several_ms")
    assert f["several_to_one"] == pytest.approx(f["several_steps_per_second"] / f["one_steps_per_second"])


def test_growth_has_exponents_and_a_figure(tmp_path):
    few = [f"--{name}-sizes {sizes}".split() for name, sizes in (("width", "4 8"), ("length", "2 4"), ("batch", "2 4"))]
    options = [option for pair in few for option in pair]
    options += ["--vocabulary-sizes", "10", "20", "40", "--seconds=0.02", "--width=8", "--threads=1"]
    f = figures_of(tmp_path, "growth", *options, f"--figure={tmp_path / 'new' / 'growth.png'}")
    assert (tmp_path / "new" / "growth.png").read_bytes().startswith(b"\x89PNG")
    critic = [row["critic_ms"] for row in f["rows"] if row["changes"] == "vocabulary"]
    assert len(critic) == 3 and f["vocabulary_ratio"] == pytest.approx(critic[2] / critic[0])
    slope = f["exponents"]["vocabulary"]["critic"]["largest"]
    assert slope == pytest.approx(math.log(critic[2] / critic[1]) / math.log(2))
    assert {row["changes"] for row in f["rows"]} == set(growth.SIZES)
    for row in f["rows"]:
        within(row, "critic_ms", "generator_ms")


def test_critic_steps_agree_with_the_textbook(tmp_path):
    (row,) = figures_of(tmp_path, "critic-step", "--cases=1", "--seconds=0.1", "--threads=1")["rows"]
    assert row["difference"] < 1e-5
    assert row["ours_to_floor"] == pytest.approx(row["ours_ms"] / row["floor_ms"])


def test_the_evaluator_agrees_with_others(tmp_path, monkeypatch):
    for name, value in {"SIZE": 60, "SLICE": 2, "PARSED": 8, "CAPTIONS": []}.items():
        monkeypatch.setattr(evaluation, name, value)
    measured = evaluate_command.measured
    monkeypatch.setattr(evaluate_command, "measured", lambda *sizes: measured(*sizes, ["passwords"]))
    f = figures_of(tmp_path, "evaluation", "--largest=100")
    assert f["self_bleu_nltk_difference"] < 1e-9 and f["bleu_nltk_difference"] < 1e-9
    assert f["growth"][0]["sentences"] == 100
    (row,) = f["command"]
    assert row["difference"] < 1e-12 and row["ratio"] == pytest.approx(row["nltk_s"] / row["parsing_s"])


def test_times_take_turns_and_slopes_are_powers():
    calls = []
    times = timing.take_turns({"one": lambda: calls.append(1), "two": lambda: calls.append(2)}, 0.0, rounds=3)
    assert calls == [1, 2] * 4 and [len(t) for t in times.values()] == [3, 3]  # the first round is not timed
    calls.clear()
    times = timing.take_turns({"one": lambda: calls.append(1), "two": lambda: calls.append(2)}, 0.0, 2, warm=True)
    assert calls == [1, 2, *[1, 1, 2, 2] * 2] and [len(t) for t in times.values()] == [2, 2]
    assert timing.exponent([(x, 7 * x**1.5) for x in (1, 10, 50)]) == pytest.approx(1.5)
    assert timing.exponent([(1.0, 2.0)]) is None
    assert timing.spread("t", [3.0, 1.0, 2.0]) == {"t": 2.0, "t_quartiles": [1.5, 2.5]}
    # However busy the machine, no time is below zero.
    assert timing.spread("t", [1.0, 801.0])["t_quartiles"] == [201.0, 601.0]
    assert timing.spread("t", [3.0]) == {"t": 3.0, "t_quartiles": [3.0, 3.0]}
    assert timing.peak_megabytes() > 50


def test_the_products_are_computed(monkeypatch):
    products = [timing.Product(3, 4, 5, 2), timing.Product(6, 2, 1)]
    compute = timing.multiply(products)
    with FlopCounterMode(display=False) as counter:
        compute()
    assert counter.get_total_flops() == 2 * sum(p.multiply_adds for p in products) == 2 * (2 * 60 + 12)


def test_the_command_is_held_between_stretches_and_ended(tmp_path):
    options = [*SIZES, "--train.steps=1000000", "--train.log_every=1", "--evaluation.every=1000000"]
    with TrainingCommand([*options, "--train.checkpoint_every=1000000"], tmp_path / "run") as command:
        first, second = command.stretch(), command.stretch()
        assert (first.row["step"], second.row["step"], second.steps) == (1, 2, 1)
        process = psutil.Process(command.process.pid)
        assert process.status() == psutil.STATUS_STOPPED
        written = (tmp_path / "run" / "metrics.jsonl").read_bytes()
        time.sleep(0.2)
        assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == written
    assert not process.is_running()


def test_a_command_that_fails_says_why(tmp_path):
    with (
        TrainingCommand(["--seeed=1"], tmp_path / "run") as command,
        pytest.raises(UserError, match="did you mean seed"),
    ):
        command.stretch()


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["nonesuch"], "nonesuch"),
        (["training", "--steps=x"], "--steps"),
        (["training", "--steps=0"], "--steps: a finite number over 0"),
        (["training", "--config=mle.yaml"], "adversarial"),
        (["training", "--steps=100", "--evaluations=5"], "fewer --evaluations"),
        (["training", "--options", "seeed=1"], "did you mean seed"),
        (["sampling", "--options", "seeed=1"], "did you mean seed"),
        (["sampling", "--run=none", "--baseline=none"], "none: no such run folder"),
        (["sampling", "--seconds=inf", "--run=none"], "--seconds"),
        (["processes", "--processes=0"], "--processes"),
        (["processes", "--options", "seeed=1"], "did you mean seed"),
        (["growth", "--figure=growth.pdf"], ".png"),
        (["growth", "--batch-sizes", "4", "-1"], "--batch-sizes"),
    ],
)
def test_bad_options_are_one_line_exit_2_and_nothing_written(tmp_path, capsys, arguments, complaint):
    json_file = [] if arguments == ["nonesuch"] else [f"--json={tmp_path / 'figures.json'}"]
    assert main([*arguments, *json_file]) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_json_file_that_cannot_be_written_is_told_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(growth, "run", lambda options: pytest.fail("the work has begun"))
    assert main(["growth", f"--json={tmp_path}"]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHMARKS)
def test_help_teaches(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 10


# --- time to quality


def test_the_time_to_a_goal_is_of_the_first_samples_that_reach_it(tmp_path):
    rows = [
        {"step": 0, "real/grammatical": 1.0},
        {"step": 10, "train/seconds": 5.0},
        {"step": 10, "eval/grammatical": 0.4},
        {"step": 20, "train/seconds": 9.0},
        {"step": 20, "eval/grammatical": 0.8},
        {"step": 30, "train/seconds": 12.0},
        {"step": 30, "eval/grammatical": 0.6},
        {"step": 40, "train/seconds": 14.0, "train/discriminator_lr": 0.1},
        {"step": 40, "eval/grammatical": 0.95},
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ours = time_to_quality.read(path, "eval/grammatical")
    assert ours == ([(5.0, 0.4), (9.0, 0.8), (12.0, 0.6)], 12.0)  # not those that a reranker chose
    slow = time_to_quality.Curve([(50.0, 0.1), (90.0, 0.5)], 100.0)
    figures, table = time_to_quality.summary(
        {"ours": ours, "textbook": slow}, "eval/grammatical", [0.5, 0.7, 0.9], True
    )
    assert [row["seconds"] for row in figures["rows"]] == [
        {"ours": 9.0, "textbook": 90.0},
        {"ours": 9.0, "textbook": None},
        {"ours": None, "textbook": None},
    ]
    assert [row["to_ours"]["textbook"] for row in figures["rows"]] == [10.0, pytest.approx(100 / 9), None]
    assert "over 100 s   >11.11" in table
    assert ours.reached(0.5, rising=False) == 5.0


@pytest.mark.slow  # three trainings
def test_time_to_quality_trains_three_systems(tmp_path):
    keys = [*SMALL, "train.steps=8", "language_model.width=8", "likelihood.validation=40", "corpus.size=300"]
    few = ["--every=2", "--textbook-seconds=0.5", f"--keep={tmp_path / 'runs'}"]
    f = figures_of(tmp_path, "time-to-quality", *few, "--options", *keys)
    assert f["score"] == "grammatical" and set(f["best"]) == {"ours", "language model", "textbook"}
    assert {path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()} == {
        "ours", "language_model", "textbook"
    }  # fmt: skip


# --- GPU


@pytest.mark.slow  # three trainings
def test_the_benchmark_of_gpus_runs_every_part_of_an_experiment_on_a_cpu(tmp_path, capsys):
    captions = tmp_path / "captions.txt"
    captions.write_text("".join(f"a {c} on the {d}\n" for c in ("dog", "cat", "man") for d in "abcdefghij"))
    keys = [*SMALL, "corpus.size=100", "corpus.holdout=10", "evaluation.samples=10", "train.seconds=9"]
    few = [f"--captions={captions}", "--steps=200", "--configs", "char.yaml"]
    f = figures_of(tmp_path, "gpu", *few, "--options", *keys)
    assert [(row["precision"], row["seed"]) for row in f["rows"]] == [("float32", 3), ("bfloat16", 3), ("float32", 4)]
    assert [row["apart"] for row in f["rows"]][::2] == [0, 1]
    for row in f["rows"]:
        assert row["steps_per_second"] > 0 and len(row["curve"]) == 10 and row["waits"] is row["busy"] is None
        assert {"unique", "jsd_4"} <= set(row["scores"])
    assert "there is no GPU" in capsys.readouterr().err


def test_a_benchmark_of_gpus_says_which_file_it_needs(capsys):
    assert main(["gpu", "--configs", "char.yaml"]) == 2
    assert "give --captions FILE" in capsys.readouterr().err


def test_one_file_of_captions_is_enough_for_the_benchmark_of_gpus(tmp_path):
    captions = tmp_path / "captions.txt"
    captions.write_text("a dog\n" * 20)
    for name in gpu.CAPTIONS:  # coco.yaml names a file of test captions, too, which only some machines have
        options = argparse.Namespace(captions=str(captions), steps=1000, options=[])
        corpus = gpu.experiment(name, options).corpus
        assert (corpus.train, corpus.test) == (str(captions), None)


def test_each_part_of_a_training_is_profiled(capsys):
    assert gpu.parts(config.parse(["--config=text.yaml", "--train.steps=1000"]).config) == [
        (0, 200),
        (200, 600),
        (600, 1000),
    ]  # fmt: skip
    plain = ["--config=text.yaml", "--train.steps=100", "--revision.passes=0", "--reranking.candidates=1"]
    assert gpu.parts(config.parse(plain).config) == [(0, 100)]
    assert main(["gpu", "--configs", "text.yaml", "--steps=50"]) == 2
    assert "--steps 50: a part of the training of text.yaml has 10 steps" in capsys.readouterr().err


def test_a_curve_is_told_by_means_and_distances():
    assert gpu.windows([torch.tensor(float(i)) for i in range(20)]) == [0.5 + 2 * i for i in range(10)]
    assert gpu.distance([1.0, 2.0], [2.0, 4.0]) == 1.5
