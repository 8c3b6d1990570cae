"""Test the numbers about dead units and doubt that every evaluation logs."""

import json

import numpy as np
import pytest
import torch
from conftest import TINY, weights
from test_trainer import build
from torch import nn

from seqgan_gp.cli import main
from seqgan_gp.models.rectifiers import Rectified


@torch.no_grad()
@pytest.mark.parametrize("shape", [(6, 5), (6, 4, 5), (6, 5, 3, 2)])
def test_a_unit_is_dead_if_it_is_off_at_all_places_of_all_samples(shape):
    x = -torch.ones(shape)
    channels = x.transpose(1, -1) if x.dim() == 4 else x  # a view
    channels[..., 1] = 1
    channels[3][..., 4] = 1  # on for one sample alone
    with Rectified() as seen:
        nn.Sequential(nn.ReLU(), nn.Identity())(x)
    assert seen.dead == pytest.approx(3 / 5)


@torch.no_grad()
def test_all_rectifiers_count_and_none_counts_as_none():
    with Rectified() as seen:
        torch.relu(-torch.ones(2, 3))
        torch.relu(torch.ones(2, 1))
    assert seen.dead == pytest.approx(3 / 4)
    with Rectified() as nothing:
        torch.tanh(torch.ones(2, 3))
    assert nothing.dead is None


def test_units_that_never_fire_are_told_of_by_player():
    one = build([])
    healthy = one.health()
    assert healthy["dead_generator"] < 0.2 and healthy["dead_critic"] < 0.5
    with torch.no_grad():
        for block in one.average.module.blocks:
            block.branch[1].bias.fill_(-1e6)  # the rectifier behind this convolution stays off
    killed = one.health()
    assert killed["dead_generator"] >= 0.4  # two of its five
    assert one.health() == killed  # the same samples each time


def test_undecided_is_the_probability_of_all_but_the_most_probable_token():
    one = build([])
    generator, vocabulary = one.average.module, len(one.task.tokenizer)
    with torch.no_grad():
        generator.logits.weight.zero_()
        generator.logits.bias.zero_()
        assert one.health()["undecided"] == pytest.approx(1 - 1 / vocabulary, abs=1e-5)
        generator.logits.bias[3] = 100
        assert one.health()["undecided"] == pytest.approx(0, abs=1e-5)
        generator.logits.bias[3] = np.log(vocabulary - 1)  # as probable as all others together
        assert one.health()["undecided"] == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("method", ["straight-through-gumbel", "revised", "labels", "softmax"])
def test_evaluations_log_them_and_do_not_change_the_run(method, tmp_path):
    options = {
        "straight-through-gumbel": ["--relaxation.kind=straight-through-gumbel"],
        "revised": ["--relaxation.kind=straight-through-gumbel", "--revision.passes=2", "--revision.share=0.5"],
        "labels": ["--config=conditional.yaml", "--relaxation.kind=straight-through-gumbel"],
        "softmax": ["--relaxation.kind=softmax"],
    }[method]
    config = [option for option in options if option.startswith("--config")]
    for name, every in (("often", 1), ("rarely", 4)):
        rest = [option for option in options if option not in config]
        arguments = [*config, *TINY, *rest, "--train.steps=4", f"--evaluation.every={every}"]
        assert main(["train", *arguments, f"--output={tmp_path / name}"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "often" / "metrics.jsonl").read_text().splitlines()]
    told = [row for row in rows if "networks/undecided" in row]
    assert [row["step"] for row in told] == [1, 2, 3, 4]
    for row in told:
        assert all(0 <= row[f"networks/{key}"] <= 1 for key in ("dead_generator", "dead_critic", "undecided"))
    often, rarely = (weights(tmp_path / name) for name in ("often", "rarely"))
    assert often.keys() == rarely.keys() and all(torch.equal(often[key], rarely[key]) for key in often)
