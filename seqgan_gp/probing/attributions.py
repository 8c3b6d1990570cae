"""Methods that give each token its share in the score of its sentence.

To add a method, write a function of a `View` that gives values (B, L), and register it: METHODS["mine"] = function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..pretrained.given import Given
from . import passes
from .passes import Probed

MOST_STEPS = 2048


@dataclass(frozen=True)
class View:
    """A batch of sentences as a method sees it.

    Args:
        critic: the critic.
        embedded: the embeddings of the sentences, (B, L, E).
        baseline: the same with a meaningless vector for each token up to the end token, (B, L, E).
        given: the conditions of the sentences.
        steps: points on the way from baseline to sentence, at first.
        tolerance: the largest gap, of a method whose values add up.
    """

    critic: Probed
    embedded: Tensor
    baseline: Tensor
    given: Given = None
    steps: int = 128
    tolerance: float = 1e-3

    def score(self, points: Tensor) -> Tensor:
        """Scores (B,) of points (B, L, E)."""
        return self.critic.score(points, self.given)

    def of(self, rows: list[int]) -> View:
        """The view of some of the sentences."""
        kept = self.embedded[rows], self.baseline[rows], passes.chosen(self.given, rows)
        return View(self.critic, *kept, self.steps, self.tolerance)


def gradient_times_input(view: View) -> Tensor:
    """<d score / d x_t, x_t> for each position t (Simonyan et al. 2013; Shrikumar et al. 2016)."""
    return (passes.gradient(view.critic, view.embedded, view.given) * view.embedded).sum(-1)


def integrated_gradients(view: View) -> Tensor:
    """<x_t - b_t, mean gradient on the line from baseline b to sentence x> (Sundararajan et al. 2017, equation 1).

    The values of a sentence add up to score(x) - score(b). The gradient of a rectified critic jumps on the line, so the
    sum converges slowly: sentences with a gap over the tolerance have their steps doubled, up to MOST_STEPS.
    """
    change = view.score(view.embedded) - view.score(view.baseline)
    values = torch.zeros_like(view.embedded[..., 0])
    rows, steps = list(range(len(values))), view.steps
    while rows:
        part = view.of(rows)
        step, total = part.embedded - part.baseline, torch.zeros_like(part.embedded)
        for i in range(steps):
            total += passes.gradient(part.critic, part.baseline + (i + 0.5) / steps * step, part.given)
        values[rows] = (step * total / steps).sum(-1)
        gaps = (values[rows].sum(1) - change[rows]).abs()
        steps *= 2
        if steps > MOST_STEPS:
            break
        rows = [row for row, gap in zip(rows, gaps.tolist(), strict=True) if gap > view.tolerance]
    return values


def deletion(view: View) -> Tensor:
    """The score less that with the baseline in place of token t (Zeiler and Fergus 2014; Li et al. 2016)."""
    whole, values = view.score(view.embedded), torch.zeros_like(view.embedded[..., 0])
    for t in range(values.shape[1]):
        without = view.embedded.clone()
        without[:, t] = view.baseline[:, t]
        values[:, t] = whole - view.score(without)
    return values


def window_score(view: View) -> Tensor:
    """The mean window score of those windows that contain position t. It is no share of the score.

    Raises:
        UserError: the critic has no window score.
    """
    network = windows_of(view.critic)
    if network is None:
        raise UserError("this critic has no window score: train it with critic.windows, or choose another method")
    windows = view.embedded.unfold(1, network.windows, 1).transpose(2, 3)  # (B, W, n, E)
    scores = network(windows.flatten(0, 1)).view(windows.shape[:2])  # each window as a sequence of its own
    values, counts = torch.zeros_like(view.embedded[..., 0]), torch.zeros_like(view.embedded[0, :, 0])
    for offset in range(network.windows):
        reached = slice(offset, offset + scores.shape[1])
        values[:, reached] += scores
        counts[reached] += 1
    return values / counts


def windows_of(critic: object) -> Any:
    """The window score of a critic; None for a critic without one."""
    return getattr(getattr(critic, "network", None), "window_score", None)


GRADIENTS = "integrated gradients"
WINDOWS = "window score"
METHODS: dict[str, Callable[[View], Tensor]] = {
    "gradient times input": gradient_times_input,
    GRADIENTS: integrated_gradients,
    "deletion": deletion,
    WINDOWS: window_score,
}
