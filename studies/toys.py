"""Every objective and constraint on mixtures of Gaussians in the plane, where you can see the critic.

A small network draws points, and another scores them. Both are trained with the losses, penalties and updates for text.
The figures follow Gulrajani et al. 2017, figure 2: level sets of each critic, real points, generated points.

Each system has three numbers: the modes that it covers (with at least a quarter of their share of samples), the
fraction of samples near a mode (within a quarter of the way to its neighbour), and the exact Wasserstein-1 distance
between 500 samples and 500 real points. The table also has the distance between two real draws, as a floor.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from seqgan_gp import config as configs
from seqgan_gp.adversarial.constraints import PARAMETRIZATIONS
from seqgan_gp.adversarial.game import Batch
from seqgan_gp.config import Experiment
from seqgan_gp.training.build import make_game

from . import systems

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Options of every system. Its own options come later and override them.
COMMON = (
    *("--train.batch_size=256", "--train.critic_steps=5"),
    "--train.critic={name: Adam, lr: 1.0e-3}",
    "--train.generator={name: Adam, lr: 1.0e-3}",
    "--train.decay_from=0.5",
)
WEIGHT = 0.1  # factor of text's penalty weight: points are close together, and a critic that overshoots orbits them
SAMPLES = 500

# --quick: the smallest games in which WGAN-GP covers all modes and the GAN does not. With 400 steps the GAN does, too.
QUICK = ("wgan-gp", "wgan-clipping", "gan")
QUICK_OPTIONS = ("--train.batch_size=128", "--train.critic_steps=3")
QUICK_STEPS, QUICK_WIDTH = 1000, 64


@dataclass(frozen=True)
class Mixture:
    """Equally likely round Gaussians with means (M, 2)."""

    means: np.ndarray
    std: float

    def draw(self, num: int, rng: np.random.Generator) -> np.ndarray:
        """Points (num, 2) float32."""
        noise = rng.standard_normal((num, 2)) * self.std
        return (self.means[rng.integers(len(self.means), size=num)] + noise).astype(np.float32)

    def coverage(self, samples: np.ndarray) -> tuple[int, float]:
        """Modes covered, and the fraction of samples (N, 2) near a mode."""
        between = np.linalg.norm(self.means[:, None] - self.means, axis=-1)
        spacing = between[between > 0].min()
        distances = np.linalg.norm(samples[:, None] - self.means, axis=-1)
        near = distances.min(axis=1) < spacing / 4
        counts = np.bincount(distances.argmin(axis=1)[near], minlength=len(self.means))
        return int((counts >= len(samples) / len(self.means) / 4).sum()), float(near.mean())


def _ring(modes: int = 8) -> np.ndarray:
    angles = 2 * np.pi * np.arange(modes) / modes
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.sqrt(2)


def _grid(side: int = 5) -> np.ndarray:
    line = np.linspace(-np.sqrt(2), np.sqrt(2), side)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)


MIXTURES = {"8-gaussians": Mixture(_ring(), 0.02), "25-gaussians": Mixture(_grid(), 0.02)}


class Perceptron(nn.Sequential):
    """From points (B, inputs) to (B, outputs) with three hidden layers of ReLUs, as in the paper's toys."""

    def __init__(self, inputs: int, outputs: int, width: int):
        sizes = [inputs, width, width, width]
        hidden = [m for a, b in itertools.pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
        super().__init__(*hidden, nn.Linear(width, outputs))


class PlaneCritic(nn.Module):
    """From points (B, 2) to scores (B,). Points are their own embedding."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = Perceptron(2, 1, width)

    def embed(self, samples: Tensor) -> Tensor:
        return samples

    def score(self, points: Tensor) -> Tensor:
        return self.layers(points).squeeze(1)

    def forward(self, samples: Tensor) -> Tensor:
        return self.score(self.embed(samples))


@dataclass
class Game:
    """A trained generator and critic.

    Args:
        parts: the numbers of the last step. A game ends when one of them is not finite.
        seconds: seconds of training.
    """

    generator: nn.Module
    critic: PlaneCritic
    parts: Mapping[str, Tensor]
    seconds: float

    @property
    def diverged(self) -> bool:
        return not all(value.isfinite() for value in self.parts.values())

    def sample(self, num: int, seed: int = 0) -> np.ndarray:
        """Points (num, 2). Equal seeds give equal points."""
        with torch.no_grad():
            return self.generator(_noise(num, np.random.default_rng(seed))).numpy()


def _noise(num: int, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal((num, 2), dtype=np.float32))


def settings(system: Sequence[str]) -> Experiment:
    """The experiment of a system in the plane."""
    config = configs.parse([*COMMON, *system]).config
    config.penalty.weight *= WEIGHT
    return config


def play(
    config: Experiment,
    draw: Callable[[int, np.random.Generator], np.ndarray],
    steps: int,
    seed: int = 0,
    width: int = 128,
    progress: Callable[[], object] = lambda: None,
) -> Game:
    """Train a generator and a critic of the plane on a CPU.

    Args:
        config: only objective, penalty, clipping, critic.parametrization and train have effect. The steps and schedules
            of train have none: the learning rate is constant.
        draw: draws a number of real points, (B, 2) float32.
        steps: generator steps.
        progress: called after each step.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator, critic, accelerator = Perceptron(2, 2, width), PlaneCritic(width), Accelerator(cpu=True)
    PARAMETRIZATIONS[config.critic.parametrization](critic)
    game, size, start = make_game(accelerator, generator, critic, config), config.train.batch_size, time.perf_counter()

    def batch(number: int) -> Batch:
        real = torch.from_numpy(draw(size, rng))
        alpha = torch.from_numpy(game.penalty.mix(rng, size, 2))
        return Batch(real, _noise(size, rng), alpha)

    parts: dict[str, Tensor] = {}
    for step in range(steps):
        parts |= game.play(step, batch, lambda: _noise(size, rng))
        progress()
        if not all(value.isfinite() for value in parts.values()):
            break
    return Game(generator, critic, parts, time.perf_counter() - start)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The exact Wasserstein-1 distance between two equal numbers of points, (N, 2) each."""
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    costs = cdist(one, other)
    return float(costs[linear_sum_assignment(costs)].mean())


def add_options(parser: argparse.ArgumentParser) -> None:
    systems.add_options(parser)
    parser.add_argument("--steps", type=int, default=1500, help="generator steps of each system (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="units of a hidden layer (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: %(default)s)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"the lesson in under a minute: {', '.join(QUICK)} on 8 Gaussians, in {QUICK_STEPS:,} steps of narrower "
        "networks and smaller batches; --systems, --steps and --width have no effect",
    )


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    names: Sequence[str] = options.systems
    extra: Sequence[str] = ()
    steps, width, mixtures = options.steps, options.width, MIXTURES
    if options.quick:
        names, extra, steps, width = QUICK, QUICK_OPTIONS, QUICK_STEPS, QUICK_WIDTH
        mixtures = {"8-gaussians": MIXTURES["8-gaussians"]}
    chosen = systems.chosen(names)
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"steps": steps, "width": width, "seed": options.seed, "scores": {}}
    bar = tqdm(total=steps * len(chosen) * len(mixtures), unit="step")
    lines = []
    for name, mixture in mixtures.items():
        rng = np.random.default_rng(options.seed + 1)
        real = mixture.draw(SAMPLES, rng)
        floor = distance(real, mixture.draw(SAMPLES, rng))
        games, scores = {}, {}
        for system, changes in chosen.items():
            bar.set_description(f"{name} {system}")
            game = play(settings((*extra, *changes)), mixture.draw, steps, options.seed, width, bar.update)
            games[system] = game
            scores[system] = _scores(game, mixture, real)
        figures["scores"][name] = {"real": {"distance": floor}, **scores}
        draw(games, mixture, real).savefig(out / f"{name}.png", dpi=90)
        lines += [
            f"{name}, {steps:,} generator steps, seed {options.seed}; two real draws are {floor:.3f} apart:",
            "",
            f"| system | modes of {len(mixture.means)} | near a mode | exact W1 | seconds |",
            "|---|---|---|---|---|",
            *(_row(system, values) for system, values in scores.items()),
            "",
        ]
    bar.close()
    if options.quick:
        lines.append("WGAN-GP is still moving towards the modes, and longer games sharpen it: leave out --quick.")
    return figures, "\n".join(lines).rstrip()


def _scores(game: Game, mixture: Mixture, real: np.ndarray) -> dict[str, Any]:
    samples = game.sample(SAMPLES)
    if game.diverged or not np.isfinite(samples).all():
        return {"diverged": True, "seconds": game.seconds}
    modes, near = mixture.coverage(samples)
    numbers = {"modes": modes, "near": near, "distance": distance(samples, real)}
    return {"diverged": False, **numbers, "seconds": game.seconds, **{k: v.item() for k, v in game.parts.items()}}


def _row(system: str, values: Mapping[str, Any]) -> str:
    if values["diverged"]:
        return f"| {system} | diverged | | | {values['seconds']:.0f} |"
    numbers = f"{values['modes']} | {values['near']:.2f} | {values['distance']:.3f} | {values['seconds']:.0f}"
    return f"| {system} | {numbers} |"


def draw(games: Mapping[str, Game], mixture: Mixture, real: np.ndarray) -> Figure:
    """The level sets of each critic, with the real and the generated points."""
    from matplotlib.figure import Figure

    columns = min(4, len(games))
    rows = -(-len(games) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.3 * rows), layout="constrained")
    line = np.linspace(-2.2, 2.2, 120, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    plane = torch.from_numpy(np.stack([x, y], axis=-1).reshape(-1, 2))
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels[len(games) :]:
        axes.set_axis_off()
    for axes, (system, game) in zip(panels, games.items(), strict=False):
        samples = game.sample(SAMPLES)
        with torch.no_grad():
            scores = game.critic(plane).numpy().reshape(x.shape)
        if np.isfinite(scores).all() and np.ptp(scores) > 0:
            axes.contourf(x, y, scores, levels=24, cmap="Greys_r", alpha=0.7)
            axes.contour(x, y, scores, levels=24, colors="k", linewidths=0.25)
        axes.plot(*real.T, ".", color="tab:orange", markersize=4, label="real")
        axes.plot(*samples.T, "+", color="tab:green", markersize=4, label="generated")
        title = "diverged" if game.diverged else f"{mixture.coverage(samples)[0]} of {len(mixture.means)} modes"
        axes.set(title=f"{system}: {title}", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), xticks=[], yticks=[], aspect="equal")
    figure.axes[0].legend(fontsize="small", loc="upper right")
    figure.suptitle("level sets of the critic (light: high scores), real and generated points")
    return figure
