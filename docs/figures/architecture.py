"""Draw docs/figures/architecture.png: python docs/figures/architecture.py"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

GENERATED, REAL, CRITIC, PENALTY = "#2f6fb0", "#3b7d3b", "#8a5a00", "#a3302f"
INK, PALE = "#222222", "#777777"


def box(axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str, bold: str = "") -> None:
    """A rounded box from its lower left corner, with a bold first line and the rest of its text."""
    style = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour + "1c", edgecolor=colour
    )
    axes.add_patch(style)
    middle = x + width / 2
    if bold:
        axes.text(middle, y + height - 0.19, bold, ha="center", va="center", weight="bold", color=colour, fontsize=9.5)
        axes.text(middle, y + (height - 0.26) / 2, text, ha="center", va="center", color=INK, fontsize=8.5)
    else:
        axes.text(middle, y + height / 2, text, ha="center", va="center", color=INK, fontsize=8.5)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


def tokens(axes: Axes, x: float, y: float, columns: list[list[float]], colour: str) -> None:
    """A grid of L positions by V tokens: how probable each token is at each position."""
    size = 0.15
    for i, column in enumerate(columns):
        for j, share in enumerate(column):
            cell = Rectangle((x + i * size, y + j * size), size, size, facecolor=colour, alpha=share, lw=0)
            axes.add_patch(cell)
            axes.add_patch(Rectangle((x + i * size, y + j * size), size, size, fill=False, edgecolor=PALE, lw=0.5))


def draw(path: Path) -> None:
    figure = plt.figure(figsize=(8, 4.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 8)
    axes.set_ylim(0, 4.6)
    axes.axis("off")
    plt.rcParams["mathtext.fontset"] = "cm"

    # The generated side.
    box(axes, 0.12, 3.55, 0.78, 0.7, "128\nnumbers", GENERATED, "noise z")
    arrow(axes, (0.9, 3.9), (1.15, 3.9))
    box(axes, 1.15, 3.55, 1.3, 0.7, "1D-convolutional\nResNet", GENERATED, "generator G")
    arrow(axes, (2.45, 3.9), (2.72, 3.9))
    soft = [
        [0.05, 0.05, 0.1, 0.8],
        [0.05, 0.85, 0.05, 0.05],
        [0.6, 0.1, 0.2, 0.1],
        [0.1, 0.1, 0.75, 0.05],
        [0.05, 0.9, 0, 0.05],
        [0.9, 0.05, 0.05, 0],
    ]
    tokens(axes, 2.77, 3.6, soft, GENERATED)
    axes.text(3.22, 4.37, "whole sentence at once", ha="center", va="center", fontsize=8.5, color=GENERATED)
    axes.text(3.22, 3.45, "softmax or one-hot", ha="center", va="center", fontsize=8.5, color=INK)
    arrow(axes, (3.71, 3.9), (4.2, 3.75))

    # The real side.
    box(axes, 0.12, 2.05, 2.33, 0.66, "“the birds smile.”", REAL, "real sentences x")
    arrow(axes, (2.45, 2.38), (2.72, 2.38))
    hard = [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    tokens(axes, 2.77, 2.08, [[float(share) for share in column] for column in hard], REAL)
    axes.text(3.22, 1.93, "one-hot", ha="center", va="center", fontsize=8.5, color=INK)
    arrow(axes, (3.71, 2.38), (4.2, 2.55))

    # The critic, which sees both.
    box(axes, 4.2, 2.05, 2.45, 2.2, "", CRITIC)
    axes.text(5.42, 4.07, "critic D", ha="center", va="center", weight="bold", color=CRITIC, fontsize=9.5)
    box(axes, 4.32, 2.17, 0.95, 1.7, "unit vector\nof each\ntoken", CRITIC, "embedding")
    box(axes, 5.62, 2.17, 0.93, 1.7, "1D-conv.\nResNet,\nlinear layer", CRITIC, "backbone")
    for y, colour in ((3.4, GENERATED), (2.98, PENALTY), (2.56, REAL)):
        arrow(axes, (5.27, y), (5.62, y), colour)
        arrow(axes, (6.65, y), (6.88, y), colour)
    axes.text(5.43, 3.07, "$u$", ha="center", va="center", fontsize=10, color=PENALTY)
    axes.text(6.95, 3.4, "score $D(G(z))$", va="center", fontsize=8.5, color=GENERATED)
    axes.text(6.95, 2.98, "slope $\\approx 1$ at $u$", va="center", fontsize=8.5, color=PENALTY)
    axes.text(6.95, 2.56, "score $D(x)$", va="center", fontsize=8.5, color=REAL)

    # The penalty.
    axes.text(0.12, 3.2, "gradient penalty at interpolated embeddings:", va="center", fontsize=8.5, color=PENALTY)
    between = "$u = a\\,e(x) + (1-a)\\,e(G(z))$,   $a \\sim U[0, 1]$"
    axes.text(0.12, 2.95, between, va="center", fontsize=10, color=PENALTY)

    # The loss.
    axes.add_patch(Rectangle((0.12, 1.18), 7.76, 0.55, facecolor="#f4f4f4", edgecolor="none"))
    axes.text(0.24, 1.45, "critic minimises", va="center", fontsize=8.5, color=INK)
    parts = [
        (1.38, "$L \\;=\\; E\\,[D(G(z))]$", GENERATED),
        (2.63, "$-\\; E\\,[D(x)]$", REAL),
        (3.53, "$+\\; \\lambda\\, E\\,[(\\Vert\\nabla_u D(u)\\Vert_2 - 1)^2]$", PENALTY),
    ]
    for x, formula, colour in parts:
        axes.text(x, 1.45, formula, va="center", fontsize=11, color=colour)
    axes.text(5.72, 1.45, "generator minimises $-E\\,[D(G(z))]$", va="center", fontsize=8.5, color=INK)

    # After the game.
    axes.text(0.12, 0.55, "after the\ngame:", va="center", fontsize=8.5, weight="bold", color=INK)
    box(axes, 0.95, 0.22, 1.3, 0.66, "drafts", GENERATED, "generator G")
    arrow(axes, (2.25, 0.55), (2.5, 0.55))
    box(axes, 2.5, 0.22, 1.5, 0.66, "revises 3 times", GENERATED, "reviser, by D")
    arrow(axes, (4.0, 0.55), (4.25, 0.55))
    for i in range(4):
        axes.add_patch(Rectangle((4.3, 0.3 + i * 0.14), 0.8, 0.09, facecolor=GENERATED + "55", edgecolor="none"))
    axes.text(4.7, 1.0, "candidates", ha="center", va="center", fontsize=8.5, color=INK)
    arrow(axes, (5.15, 0.55), (5.4, 0.55))
    box(axes, 5.4, 0.22, 1.45, 0.66, "accepts one", CRITIC, "reranker, from D")
    arrow(axes, (6.85, 0.55), (7.08, 0.55))
    axes.text(7.12, 0.55, "sentence", va="center", fontsize=9.5, color=GENERATED, weight="bold")

    figure.savefig(path, dpi=200)


if __name__ == "__main__":
    draw(Path(__file__).with_name("architecture.png"))
