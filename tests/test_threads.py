"""Test how a run chooses its threads, on a clock on which a step takes what its threads say."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from conftest import TINY, rows, train, weights

from seqgan_gp import config
from seqgan_gp.text.corpus import Corpus
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.lines import Sentences
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training import likelihood, random_states, threads, trainer
from seqgan_gp.training.base import BaseTrainer
from seqgan_gp.training.text import TextTask

OPEN = ("--train.threads=null", "--train.steps=60", "--train.checkpoint_every=100", "--evaluation.every=1000")


class Machine:
    """Eight cores. Torch has the threads that it is told, and works on one all the same.

    Attributes:
        rates: the steps per second with each number of threads.
        busy: the cores that other programs keep busy.
        steps: the threads of each step so far.
    """

    def __init__(self) -> None:
        self.rates, self.busy, self.threads, self.seconds = {1: 10.0}, 0.0, 1, 0.0
        self.steps: list[int] = []

    def step(self, original: Callable) -> Callable:
        def timed(trainer):
            self.steps.append(self.threads)
            self.seconds += 1 / self.rates[self.threads]
            return original(trainer)

        return timed


@pytest.fixture
def machine(monkeypatch) -> Machine:
    machine = Machine()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: vars(machine).update(threads=number))
    monkeypatch.setattr(torch, "get_num_threads", lambda: machine.threads)
    monkeypatch.setattr("seqgan_gp.machine._usable", lambda: set(range(8)))
    monkeypatch.setattr(threads, "time", SimpleNamespace(perf_counter=lambda: machine.seconds))
    monkeypatch.setattr(threads, "busy_cores", lambda meanwhile: (meanwhile(), machine.busy)[1])
    monkeypatch.setattr("seqgan_gp.machine.busy_cores", lambda: machine.busy)
    for kind in (trainer.Trainer, likelihood.LikelihoodTrainer):
        monkeypatch.setattr(kind, "step", machine.step(kind.step))
    return machine


def build(*options: str) -> BaseTrainer:
    """A tiny trainer of 60 steps, without a run folder."""
    asked = config.parse([*TINY, *OPEN, *options]).config
    stream = Grammar.load("text").sentences(1)
    sentences = [next(stream) for _ in range(90)]
    task = TextTask(asked, Corpus(Sentences(sentences), Sentences([])), Tokenizer.train("word", sentences, 300))
    kind = likelihood.LikelihoodTrainer if asked.method == "likelihood" else trainer.Trainer
    return kind(Accelerator(cpu=True), task)


def settle(one: BaseTrainer, asked: int | None = None) -> str:
    """Settle the threads, and give the lines to show."""
    return "\n".join(threads.settle(one, asked))


@pytest.mark.parametrize(
    "rates, best, line",
    [
        ({1: 10, 2: 10.9}, 1, "threads: 1 of 8 (10.0 steps/s, and 10.9 with 2); --train.threads N fixes a number"),
        ({1: 10, 2: 0.2}, 1, "threads: 1 of 8 (10.0 steps/s, and 0.2 with 2)"),
        ({1: 10, 2: 15, 4: 16}, 2, "threads: 2 of 8 (15.0 steps/s, and 16.0 with 4)"),
        ({1: 10, 2: 15, 4: 20, 8: 30}, 8, "threads: 8 of 8 (30.0 steps/s, and 20.0 with 4)"),
    ],
    ids=["hardly faster", "slower", "two of eight", "all"],
)
def test_more_threads_are_taken_only_where_they_are_clearly_faster(machine, rates, best, line):
    machine.rates, one = rates, build()
    assert line in settle(one) and machine.threads == best
    assert one.config.train.threads == best  # the run folder's and the checkpoints'


def test_measuring_takes_a_second_or_a_few_slow_steps(machine):
    machine.rates = {1: 10, 2: 20, 4: 20}
    settle(build())
    assert machine.seconds < 3
    machine.steps, machine.rates = [], {1: 0.1, 2: 0.1}
    settle(build())
    assert len(machine.steps) <= 7


@pytest.mark.parametrize("busy, tried", [(7.4, set()), (6.4, {2}), (0.3, {2, 4, 8})])
def test_no_step_is_tried_on_threads_that_other_programs_leave_no_core(machine, busy, tried):
    machine.busy, machine.rates = busy, {1: 10, 2: 20, 4: 30, 8: 40}
    assert ("threads: 1 of 8 (other programs keep 7.4 cores busy)" in settle(build())) == (busy == 7.4)
    assert set(machine.steps) == tried | {1}


METHODS = {
    "all games": ("--revision.passes=2", "--revision.share=0.3", "--reranking.candidates=3", "--reranking.share=0.4"),
    "own noise": ("--relaxation.kind=gumbel",),
    "power iteration": ("--critic.parametrization=spectral", "--penalty.weight=0", "--objective=hinge"),
    "momentum": ("--train.critic={name: RMSprop, lr: 0.001, options: {momentum: 0.9}}", "--penalty.mixing=crossover"),
    "language model": ("--method=likelihood", "--language_model.width=8", "--language_model.dropout=0.3"),
}


@pytest.mark.parametrize("begun", [0, 2], ids=["new", "resumed"])
@pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)
def test_measuring_leaves_no_trace(machine, options, begun):
    machine.rates, found = {1: 10, 2: 9}, []
    for measured in (True, False):
        torch.manual_seed(1)
        one = build(*options)
        for _ in range(begun):
            one.step()
        if measured:
            settle(one)
        numbers = [one.step() for _ in range(3)]
        state = one.state()
        records = [record.state_dict() for record in state.records.values()]
        optimizers = {name: optimizer.state_dict()["state"] for name, optimizer in state.optimizers.items()}
        found.append((records, random_states.state(torch.device("cpu")), [numbers, state.weights(), optimizers]))
    assert len(machine.steps) > 10 + 2 * begun
    (*plain, tensors), (*others, other_tensors) = found
    assert plain == others
    torch.testing.assert_close(tensors, other_tensors, rtol=0, atol=0)


def test_a_number_that_a_run_has_is_kept_unless_there_are_fewer_cores(machine, monkeypatch):
    machine.rates = {1: 10, 2: 20}
    kept = build("--train.threads=2")  # as its run folder says
    assert settle(kept) == "threads: 2 of 8, as before; --train.threads N fixes a number"
    assert machine.threads == 2 and not machine.steps
    monkeypatch.setattr("seqgan_gp.machine._usable", lambda: {0, 1})
    other = build("--train.threads=3")
    assert "threads: 2 of 2 (20.0 steps/s" in settle(other) and other.config.train.threads == 2


def test_a_given_number_is_taken_unmeasured_and_a_crowd_is_named(machine, monkeypatch):
    machine.busy = 5.6
    crowd = "this run has 3 threads on 8 cores, and other programs keep 5.6 of these busy"
    for asked, environment in ((3, "1"), (None, "3"), (3, "2")):
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
        machine.threads, one = 1, build("--train.threads=2")
        assert crowd in settle(one, asked) and machine.threads == one.config.train.threads == 3
    assert not machine.steps


def test_few_steps_and_a_single_core_are_not_measured(machine, monkeypatch):
    assert "threads: 1 of 8 (so few steps are not worth measuring)" in settle(build("--train.steps=20"))
    monkeypatch.setattr("seqgan_gp.machine._usable", lambda: {5})
    assert settle(build()) == "" and machine.threads == 1 and not machine.steps


def test_a_run_is_the_one_with_the_number_that_it_chose_and_resumes_with_it(tmp_path, machine, monkeypatch, capsys):
    monkeypatch.setattr(threads, "FEW", 7)
    machine.rates = {1: 10, 2: 20, 4: 20}
    short = (*OPEN, "--train.steps=8", "--train.log_every=1")
    assert train(tmp_path / "open", *short) == 0
    assert "threads: 2 of 8 (20.0 steps/s, and 20.0 with 4)" in capsys.readouterr().out
    assert train(tmp_path / "fixed", *short, "--train.threads=2") == 0
    left, right = weights(tmp_path / "open"), weights(tmp_path / "fixed")
    assert left.keys() == right.keys() and all(torch.equal(v, right[k]) for k, v in left.items())
    strip = {"train/steps_per_second", "train/seconds"}
    one, other = ([{k: row[k] for k in row.keys() - strip} for row in rows(tmp_path / n)] for n in ("open", "fixed"))
    assert one == other
    machine.steps, machine.rates = [], {1: 10, 2: 1}
    capsys.readouterr()
    assert train(tmp_path / "open", *short, "--train.steps=17", "--resume") == 0
    assert machine.steps == [2] * 9 and config.load(tmp_path / "open" / "config.yaml").train.threads == 2
    out = capsys.readouterr().out
    assert "threads: 2 of 8, as before" in out and "train.threads=" not in out  # the data do not choose it
