"""A step never makes the host wait for the device: it can be played where there are no numbers to wait for."""

import pytest
import torch
from accelerate import Accelerator
from bars import TINY as TINY_IMAGES
from bars import bars
from conftest import TINY
from every_part import ALL_PARTS, EVERY_PART, SMALL, name_of
from torch import nn

from seqgan_gp import config
from seqgan_gp.images.data import Splits
from seqgan_gp.images.task import ImageTask
from seqgan_gp.training import optimizers
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

FEW = 7  # steps: at least two of each part of the training


class Absent(Accelerator):
    """Accelerate with torch's device "meta", whose tensors have shapes and no values. Reading a value fails."""

    @property
    def device(self) -> torch.device:
        return torch.device("meta")

    def prepare(self, *parts):
        for part in parts:
            if isinstance(part, nn.Module):
                part.to(self.device)
        return super().prepare(*parts, device_placement=[False] * len(parts))


@pytest.fixture(autouse=True)
def optimisers_of_moved_weights(monkeypatch):
    """Let the optimisers keep their weights when these move, and update them by operations that "meta" knows."""
    monkeypatch.setattr(optimizers, "FUSED", ())
    torch.__future__.set_swap_module_params_on_conversion(True)
    yield
    torch.__future__.set_swap_module_params_on_conversion(False)


@pytest.mark.parametrize("options", EVERY_PART, ids=name_of)
def test_a_step_reads_no_number_of_the_device(options):
    few = f"--train.steps={FEW}"
    one = Trainer(Absent(cpu=True), TextTask.load(config.parse([*TINY, *SMALL, *options, few]).config))
    found = {name for _ in range(FEW) for name in one.step()}
    assert {"critic_loss", "generator_loss", "discriminator_loss"} <= found
    assert one.critic.embedding.device.type == "meta" and one.average.n_averaged > 0


def test_a_step_of_images_reads_none_either():
    one = Trainer(Absent(cpu=True), ImageTask(config.parse(TINY_IMAGES).config, Splits(bars(30), bars(20, seed=1))))
    one.step(), one.step()


def test_a_number_that_is_read_would_be_noticed():
    one = Trainer(Absent(cpu=True), TextTask.load(config.parse([*TINY, *SMALL, *ALL_PARTS]).config))
    with pytest.raises(RuntimeError):
        one.step()["critic_loss"].item()
