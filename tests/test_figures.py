"""Test that pictures show the measured numbers, each in its place."""

import matplotlib.figure
import numpy as np
import pytest
from conftest import train

from seqgan_gp.evaluation.figures import frontier
from seqgan_gp.evaluation.scorer import Scored
from seqgan_gp.training.curves import draw
from studies import report


@pytest.fixture
def drawn(monkeypatch):
    """The pictures that were written, as matplotlib has them."""
    figures, write = [], matplotlib.figure.Figure.savefig

    def remembered(figure, *options, **more):
        figures.append(figure)
        write(figure, *options, **more)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", remembered)
    return figures


def lines(axes):
    """The points of each line, by its label."""
    return {line.get_label(): np.column_stack(line.get_data()).tolist() for line in axes.lines}


def test_curves_show_every_row_of_the_metrics_and_real_samples_dotted(tmp_path, drawn):
    rows = [
        {"step": 0, "real/jsd_1": 0.25, "real/unique": 0.0, "real/gone": None},
        {"step": 2, "train/wasserstein": 0.5},
        {"step": 3, "eval/jsd_1": 0.75, "eval/unique": 0.0, "eval/gone": None},
        {"step": 4, "train/wasserstein": -1.0},
        {"step": 6, "eval/jsd_1": 0.5, "eval/unique": None, "validation/loss": 2.0},
        {"step": 9, "eval/unique": 1.0},
    ]
    panels = [
        ("estimate", ("train/wasserstein",)),
        ("nothing", ("eval/gone", "eval/never")),
        ("fractions", ("eval/jsd_1", "eval/unique")),
        ("loss", ("train/loss", "validation/loss")),
    ]
    draw(rows, panels, tmp_path / "curves.png", "real text")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    shown = {axes.get_title(): axes for axes in drawn[0].axes if axes.lines}
    assert list(shown) == ["estimate", "fractions", "loss"]
    assert lines(shown["estimate"]) == {"wasserstein": [[2, 0.5], [4, -1.0]]}
    assert lines(shown["loss"]) == {"validation loss": [[6, 2.0]]}
    fractions = [line for line in shown["fractions"].lines if line.get_linestyle() != ":"]
    assert [line.get_label() for line in fractions] == ["jsd_1", "unique"]
    assert np.column_stack(fractions[0].get_data()).tolist() == [[3, 0.75], [6, 0.5]]
    assert np.column_stack(fractions[1].get_data()).tolist() == [[3, 0.0], [9, 1.0]]
    dotted = [line for line in shown["fractions"].lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in dotted] == [0.25, 0.0]
    assert [line.get_color() for line in dotted] == [line.get_color() for line in fractions]


@pytest.mark.usefixtures("curves")
def test_a_run_draws_its_curves_at_every_evaluation(tmp_path, drawn):
    assert train(tmp_path / "run") == 0
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert len(drawn) == 2 and drawn[1]._suptitle.get_text() == "dotted: real text, same sample size"
    shown = {axes.get_title(): axes for axes in drawn[1].axes if axes.lines}
    assert len(shown) > 4
    assert [step for step, _ in lines(shown["Wasserstein estimate"])["wasserstein"]] == [2, 3, 4, 6]
    assert [step for step, _ in lines(shown["n-gram JSD (bits)"])["jsd_4"]] == [3, 6]


def test_no_legend_covers_a_panel_and_the_parts_of_the_training_are_marked(tmp_path, drawn):
    keys = tuple(f"eval/well_formed_{n}" for n in range(5))
    rates = [{}, {}, {"train/reviser_lr": 1.0}, {"train/reviser_lr": 0.5}, {"train/discriminator_lr": 0.1}]
    rows = [{"step": 10 * n, "train/wasserstein": n / 3, **rate} for n, rate in enumerate(rates)]
    rows += [{"step": 40, **dict.fromkeys(keys, 0.5)}]
    panels = [("estimate", ("train/wasserstein",)), *((f"fractions {n}", keys) for n in range(4))]
    draw(rows, panels, tmp_path / "curves.png", "real text")
    (figure,) = drawn
    assert figure._suptitle.get_text() == "dotted: real text, same sample size"
    boxes = [axes.get_tightbbox(for_layout_only=True, bbox_extra_artists=[]) for axes in figure.axes if axes.lines]
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes if axes.lines]
    assert len(boxes) == 5 and not any(box.overlaps(legend) for box in boxes for legend in legends)
    assert all(legend.x1 <= figure.bbox.x1 for legend in legends)
    for axes in figure.axes[:5]:
        upright = [
            line.get_xdata()[0]
            for line in axes.lines
            if line.get_label().startswith("_") and len(line.get_xdata()) == 2
        ]
        assert upright == [10, 30]
        assert [(text.get_position()[0], text.get_text()) for text in axes.texts] == [
            (10, "revising"),
            (30, "reranking"),
        ]


def scored(quality, diversity, margin=None, **more):
    """The diversity's interval is twice as wide as the quality's."""
    values = {"bleu_4": quality, "self_bleu_4": diversity, **more}
    bounds = {}
    if margin is not None:
        bounds = {"bleu_4": (quality - margin, quality + margin)}
        bounds["self_bleu_4"] = (diversity - 2 * margin, diversity + 2 * margin)
    return Scored(values, bounds)


def test_the_frontier_has_diversity_across_and_quality_up(tmp_path, drawn):
    systems = {
        "one": [("0.5", scored(0.9, 0.8, 0.03)), ("1", scored(0.7, 0.6, 0.05))],
        "two": [("1", scored(0.4, 0.3))],
    }
    assert frontier(systems, scored(0.5, 0.2, mauve=1.0), tmp_path / "f.png")
    (axes,) = drawn[0].axes  # one panel: nothing has the scores of the others
    assert axes.get_xlabel().startswith("self_bleu_4") and axes.get_ylabel().startswith("bleu_4")
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert sorted(labels) == ["one", "real text", "two"]
    points = [np.column_stack(line.get_data()).tolist() for line in axes.lines if line.get_marker() in "o*"]
    assert points == [[[0.8, 0.9], [0.6, 0.7]], [[0.3, 0.4]], [[0.2, 0.5]]]
    assert {(text.get_text(), *text.xy) for text in axes.texts} == {("0.5", 0.8, 0.9), ("1", 0.6, 0.7), ("1", 0.3, 0.4)}
    across, upright = (bars.get_segments() for bars in axes.containers[0].lines[2])  # the error bars of each score
    np.testing.assert_allclose([bar[:, 1] for bar in upright], [[0.87, 0.93], [0.65, 0.75]])
    np.testing.assert_allclose([bar[:, 0] for bar in across], [[0.74, 0.86], [0.5, 0.7]])


def test_nothing_is_drawn_of_scores_that_one_system_lacks(tmp_path, drawn):
    systems = {"one": [("1", scored(0.5, None))]}
    assert not frontier(systems, scored(0.5, 0.2), tmp_path / "f.png") and not (tmp_path / "f.png").exists()


def result(unique, jsd, curves=(), diverged=None, real=(0.95, 0.1)):
    scores = None if unique is None else {"unique": unique, "jsd_4": jsd}
    return {
        "scores": scores,
        "real": dict(zip(("unique", "jsd_4"), real, strict=True)),
        "diverged": diverged,
        "curves": {"unique": list(curves)} if curves else {},
        "steps": 3,
    }


def test_a_study_is_drawn_with_its_first_score_across_and_runs_over_the_seconds(tmp_path, drawn):
    results = {
        "one": [result(0.9, 0.3, [(1.0, 0.5), (2.0, 0.9)]), result(0.8, 0.4), result(0.1, 0.2, diverged="error")],
        "two": [result(None, None, diverged="error: diverged")],
    }
    report.draw(results, ("unique", "jsd_4"), ["unique"], tmp_path / "s.png")
    first, curves = drawn[0].axes[:2]
    assert first.get_xlabel().startswith("unique") and first.get_ylabel().startswith("jsd_4")
    places = lines(first)
    assert places["one"] == [[0.9, 0.3], [0.8, 0.4]] and places["real sentences"] == [[0.95, 0.1]]
    assert np.isnan(places["two (diverged)"]).all()
    assert [[1.0, 0.5], [2.0, 0.9]] in lines(curves).values()
    assert [line.get_ydata()[0] for line in curves.lines if line.get_linestyle() == ":"] == [0.95]
