"""Test parts from a module of the user: training, resuming, sampling and errors."""

import sys
from pathlib import Path

import pytest
from conftest import rows, train

from seqgan_gp import Critic, Generator, artefacts, config
from seqgan_gp.adversarial import MIXINGS, OBJECTIVES, PARAMETRIZATIONS, SIDES
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.models.backbones import BACKBONES
from seqgan_gp.models.relaxations import RELAXATIONS
from seqgan_gp.text.kinds import KINDS

PARTS = '''
"""One part of each kind, as the recipes of CONTRIBUTING.md have them."""

from dataclasses import dataclass

import torch
from torch import nn

from seqgan_gp.adversarial import MIXINGS, OBJECTIVES, PARAMETRIZATIONS, SIDES, Objective
from seqgan_gp.fields import PositiveInt
from seqgan_gp.models.backbones import BACKBONES, Backbone, Options
from seqgan_gp.models.relaxations import RELAXATIONS, Relaxation

OBJECTIVES["absolute"] = Objective(lambda real, fake: (fake - real).abs() + fake - real, lambda real, fake: -fake)
SIDES["quartic"] = lambda norm: (norm - 1) ** 4
MIXINGS["halfway"] = lambda rng, batch, length: rng.beta(2, 2, batch).astype("float32")
PARAMETRIZATIONS["shrunk"] = lambda network: [p.data.mul_(0.5) for p in network.parameters()]


class Squared(Relaxation):
    """Squares in place of exponentials."""

    def parts(self, logits):
        squares = (logits / self.temperature).square() + 1e-6
        return squares / squares.sum(-1, keepdim=True)


RELAXATIONS["squared"] = Squared


@dataclass(frozen=True)
class MixerOptions(Options):
    """Options of the mixer.

    Args:
        hidden: Units of the layer between positions.
    """

    hidden: PositiveInt = 6

    def check(self, width):
        if self.hidden > 10 * width:
            raise ValueError(f"hidden is {self.hidden}: at most ten times the width, {width}")


class Mixer(Backbone):
    """Dense layers over the positions."""

    Options = MixerOptions

    def __init__(self, length, width, blocks, options):
        super().__init__(self.block(length, options.hidden) for _ in range(blocks))

    def block(self, length, hidden):
        return nn.Sequential(Turned(), nn.Linear(length, hidden), nn.Tanh(), nn.Linear(hidden, length), Turned())


class Turned(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


BACKBONES["mixer"] = Mixer
'''
NAMES = """
imports: [my_parts]
objective: absolute
penalty: {sided: quartic, mixing: halfway}
relaxation: {kind: squared, temperature: 0.9}
generator: {backbone: mixer, hidden: 9}
critic: {backbone: mixer, parametrization: shrunk}
"""


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """A working directory with the module, and a function that forgets all of it, as a new process would."""
    (tmp_path / "my_parts.py").write_text(PARTS)
    (tmp_path / "mine.yaml").write_text(NAMES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    registries = (OBJECTIVES, SIDES, MIXINGS, PARAMETRIZATIONS, RELAXATIONS, BACKBONES, KINDS)
    before = [dict(registry) for registry in registries]

    def forget() -> None:
        sys.modules.pop("my_parts", None)
        for registry, entries in zip(registries, before, strict=True):
            for name in registry.keys() - entries.keys():
                del registry[name]

    yield tmp_path, forget
    forget()


def test_a_part_of_each_kind_from_outside_trains_resumes_and_samples(parts, capsys):
    _, forget = parts
    few = ("--config=mine.yaml", "--train.steps=5", "--train.checkpoint_every=2", "--evaluation.every=5")
    assert train(Path("whole"), *few) == 0
    assert train(Path("two"), *few[:1], "--train.steps=2", *few[2:]) == 0
    forget()
    assert train(Path("two"), *few, "--resume") == 0
    last = [{k: v for k, v in rows(Path(name))[-1].items() if "second" not in k} for name in ("whole", "two")]
    assert last[0] == last[1] and last[0]["step"] == 5
    saved = config.load(Path("whole") / artefacts.CONFIG)
    assert saved.imports == ["my_parts"] and (saved.generator.hidden, saved.critic.hidden) == (9, 6)
    assert not hasattr(saved.generator, "kernel")

    forget()
    capsys.readouterr()
    assert main(["sample", "whole", "--num=3"]) == 2
    assert "trained with --import my_parts: pass the same" in capsys.readouterr().err
    assert "my_parts" not in sys.modules  # a checkpoint makes nobody import anything
    with pytest.raises(UserError, match="in Python, import it first"):
        Critic.from_pretrained("whole")
    assert main(["sample", "whole", "--num=3", "--import=my_parts"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert Critic.from_pretrained("whole")("a sentence").shape == (1,)
    assert len(list(Generator.from_pretrained("whole").sample(2))) == 2


def test_names_of_the_command_line_are_those_of_the_module(parts):
    options = ["--import", "my_parts", "--objective=absolute", "--generator.backbone", "mixer", "--generator.hidden=7"]
    parsed = config.parse([*options, "--relaxation.kind=squared"]).config
    assert (parsed.objective, parsed.generator.hidden, parsed.imports) == ("absolute", 7, ["my_parts"])


@pytest.mark.parametrize(
    "options, complaint",
    [
        (
            ["--objective=absolute"],
            "'absolute' is no objective; choose wasserstein.*; a name of your own needs --import",
        ),
        (["--import=my_parts", "--objective=absolut"], "did you mean absolute"),
        (["--import=my_parts", "--generator.hidden=7"], "generator.hidden is for generator.backbone=mixer"),
        (["--import=my_parts", "--generator.backbone=mixer", "--generator.kernel=3"], "generator.kernel is for .*conv"),
        (["--import=my_parts", "--critic.backbone=mixer", "--critic.hidden=0"], "critic.hidden: a whole number"),
        (["--import=my_parts", "--critic.backbone=mixer", "--critic.hidden=999"], "critic.hidden is 999: at most ten"),
        (["--import=my_parts", "--critic.backbone=mixer", "--critic.hiden=9"], "did you mean critic.hidden"),
        (["--import=nowhere"], "there is no module nowhere, neither in the working directory nor installed"),
        (["--import=my_parts.py"], "give the name of a module"),
        (["--import=broken"], "broken.py, line 3 fails .*ZeroDivisionError"),
        (["--import=unfinished"], "unfinished.py, line 2 fails .*SyntaxError"),
        (["--import=leaves"], "leaves.py, line 1 fails .*SystemExit"),
    ],
)
def test_what_is_wrong_with_a_part_is_one_line(parts, options, complaint):
    (parts[0] / "broken.py").write_text("\n\n1 / 0\n")
    (parts[0] / "unfinished.py").write_text("x = 1\ny = (\n")
    (parts[0] / "leaves.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(UserError, match=complaint) as error:
        config.parse(options)
    assert "\n" not in str(error.value)


def test_help_lists_the_parts_of_the_module_and_their_options(parts, capsys):
    with pytest.raises(SystemExit):
        config.parse(["--import=my_parts", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "relativistic, absolute" in printed
    assert (
        "--generator.hidden HIDDEN Only for generator.backbone=mixer. Units of the layer between positions." in printed
    )


def test_options_of_the_file_go_with_its_backbone_where_the_command_line_names_another(parts):
    (parts[0] / "kernel.yaml").write_text("generator: {kernel: 7, noise: 9}\n")
    parsed = config.parse(["--config=kernel.yaml", "--generator.backbone=attention"]).config
    assert (parsed.generator.heads, parsed.generator.noise) == (4, 9)


def test_a_module_that_prints_leaves_the_samples_alone(parts, capsys):
    (parts[0] / "talks.py").write_text("print('hello from a module')\n")
    config.parse(["--import=talks"])
    said = capsys.readouterr()
    assert said.out == "" and "hello from a module" in said.err
