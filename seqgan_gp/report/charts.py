"""Charts by bokeh, with their legends as plain data. The page draws them, in the colours of its theme."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

MOST = 400  # points of a line; a chart is no wider in pixels
HEIGHT = 230
# The palette follows Okabe and Ito (2008): colour-blind people tell its colours apart. These stand out on white and on
# black.
COLOURS = ("#0f7fc4", "#d55e00", "#009e73", "#cc79a7", "#b07d00", "#56b4e9")
INK = "#808080"  # for axes and marks; it stands out on white and on black, too


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Args:
        label: for the legend and the values on hover.
        x, y: of its points.
        real: the value of real samples, a dotted line of the same colour.
        marked: whether its points are marked.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    real: float | None = None
    marked: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart with its words.

    Args:
        figure: of bokeh.
        title: above it.
        legend: label and colour of each series.
        note: a line below it.
    """

    figure: Any
    title: str
    legend: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""


def _figure(x: str, y: str = "", **options: Any) -> Any:
    from bokeh.plotting import figure

    plot = figure(
        height=HEIGHT,
        sizing_mode="stretch_width",
        output_backend="svg",  # sharp on paper, too
        toolbar_location=None,
        tools="",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_right=12,
        **options,
    )
    plot.xaxis.axis_label, plot.yaxis.axis_label = x, y
    for axis in (plot.xaxis, plot.yaxis):
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "11px"
        axis.axis_label_text_font = axis.major_label_text_font = "system-ui, sans-serif"
        axis.minor_tick_line_color = None
        axis.axis_line_color = axis.major_tick_line_color = axis.axis_label_text_color = INK
        axis.major_label_text_color = INK
    plot.xgrid.visible = False
    plot.ygrid.grid_line_color, plot.ygrid.grid_line_alpha = INK, 0.2
    return plot


def lines(title: str, drawn: Sequence[Line], last: float, marks: Iterable[tuple[str, float]] = ()) -> Chart:
    """Draw lines against the step.

    Args:
        last: the end of the axis, which begins at 0.
        marks: names and steps of vertical lines.
    """
    from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter
    from bokeh.models.annotations import Label, Span

    plot = _figure("step", x_range=(0, max(last, 1)))
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0" if last < 10_000 else "0a")
    legend = [(line.label, colour) for line, colour in zip(drawn, itertools.cycle(COLOURS), strict=False)]
    together: dict[tuple[float, ...], list[int]] = {}  # lines with the same steps share the text on hover
    for number, line in enumerate(drawn):
        together.setdefault(tuple(line.x), []).append(number)
    for steps, numbers in together.items():
        source = ColumnDataSource({"x": steps, **{f"y{i}": list(drawn[i].y) for i in numbers}})
        told = [("step", "@x{0,0}")]
        for i in numbers:
            line, colour = drawn[i], legend[i][1]
            renderer = plot.line("x", f"y{i}", source=source, line_color=colour, line_width=2)
            if line.marked:
                plot.scatter("x", f"y{i}", source=source, color=colour, size=4)
            beside = ""
            if line.real is not None:
                plot.add_layout(Span(location=line.real, line_color=colour, line_dash="dotted", line_width=2))
                beside = f" (real {line.real:.4f})"
            told.append((line.label, f"@y{i}{{0.0000}}{beside}"))
        plot.add_tools(HoverTool(renderers=[renderer], tooltips=told, mode="vline", attachment="horizontal"))
    for name, step in marks:
        plot.add_layout(Span(location=step, dimension="height", line_color=INK, line_dash="dashed"))
        side: Literal["left", "right"] = "left" if step < last / 2 else "right"
        offset = 4 if side == "left" else -4
        label = Label(x=step, y=2, y_units="screen", x_offset=offset, text=name, text_color=INK, text_align=side)
        label.text_font_size, label.text_font = "10px", "system-ui, sans-serif"
        plot.add_layout(label)
    _see(plot, [line.real for line in drawn if line.real is not None])
    return Chart(plot, title, legend)


def _see(plot: Any, values: Sequence[float]) -> None:
    """Let the automatic range of the vertical axis hold these values."""
    if values:
        where = plot.x_range.start
        plot.scatter([where] * len(values), list(values), alpha=0, size=0)


def histogram(title: str, groups: Mapping[str, np.ndarray], x: str, note: str = "") -> Chart:
    """Draw the distribution of each group, each with an area of 1."""
    from bokeh.models import ColumnDataSource, HoverTool

    every = np.concatenate(list(groups.values()))
    low, high = np.quantile(every, [0.002, 0.998])
    inside = every[(every >= low) & (every <= high)]
    edges = np.histogram_bin_edges(inside, bins=min(50, max(10, len(inside) // 20)))
    plot = _figure(x, "density", x_range=(edges[0], edges[-1]))
    legend = []
    for (name, scores), colour in zip(groups.items(), COLOURS, strict=False):
        height, _ = np.histogram(scores, edges, density=True)
        share = np.histogram(scores, edges)[0] / len(scores)
        source = ColumnDataSource({"top": height, "left": edges[:-1], "right": edges[1:], "share": share})
        bars = plot.quad(
            top="top", bottom=0, left="left", right="right", source=source,
            fill_color=colour, fill_alpha=0.45, line_color=colour, line_alpha=0.8,
        )  # fmt: skip
        told = [(name, "@share{0.0%}"), ("score", "@left{0.00} to @right{0.00}")]
        plot.add_tools(HoverTool(renderers=[bars], tooltips=told))
        legend.append((name, colour))
    plot.y_range.start = 0
    return Chart(plot, title, legend, note)


def plane(
    title: str, axes: tuple[str, str], points: Mapping[str, tuple[float, float]], real: tuple[float, float]
) -> Chart:
    """Draw each name as a point, and real samples as a star."""
    from bokeh.models import ColumnDataSource, HoverTool

    plot = _figure(*axes)
    legend = []
    for (name, (x, y)), colour in zip(points.items(), itertools.cycle(COLOURS), strict=False):
        source = ColumnDataSource({"x": [x], "y": [y], "name": [name]})
        dot = plot.scatter("x", "y", source=source, color=colour, size=11)
        told = [("run", "@name"), (axes[0], "@x{0.0000}"), (axes[1], "@y{0.0000}")]
        plot.add_tools(HoverTool(renderers=[dot], tooltips=told))
        legend.append((name, colour))
    source = ColumnDataSource({"x": [real[0]], "y": [real[1]]})
    star = plot.scatter("x", "y", source=source, marker="star", color=INK, size=18)
    told = [("real", "the goal"), (axes[0], "@x{0.0000}"), (axes[1], "@y{0.0000}")]
    plot.add_tools(HoverTool(renderers=[star], tooltips=told))
    return Chart(plot, title, [*legend, ("real samples (star)", INK)])
