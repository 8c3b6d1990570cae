"""Saliency of tokens, and the pointing game: linear critics, sums, brute force and planted mistakes."""

import contextlib
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from probed import EMBEDDING, LENGTH, linear, unchanged, untrained
from scipy.stats import binomtest
from untrained import LABELS, WORDS

from seqgan_gp import Critic
from seqgan_gp.errors import UserError
from seqgan_gp.probing import attributions
from seqgan_gp.probing.attributions import METHODS
from seqgan_gp.probing.intervals import proportion
from seqgan_gp.probing.pointing import pointing_game
from seqgan_gp.probing.saliency import saliency

SENTENCES = ["a bee", "good jobs can", "do", "fine honest inner jobs even", "even good do"]
LENGTHS = [3, 4, 2, 6, 4]  # with the end token
GIVEN = ["order", "report", "question", "order", "report"]
BACKBONES = ["convolutional", "recurrent", "attention"]
EXACT = ["gradient times input", "integrated gradients", "deletion"]


@pytest.fixture(scope="module")
def critic(tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("run"), "--critic.windows=3")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("run"), "--critic.windows=3", *LABELS)


def test_the_saliency_of_a_linear_critic_is_its_weights_times_its_inputs():
    critic, sentences = linear(), ["a bee can do", "do can bee a", "even fine", "fine even"]
    inputs = critic.embed(sentences)
    assert inputs[critic.mask(sentences)].mean(0).abs().max() < 1e-6  # so the baseline "mean" is zero
    expected = (critic.network.weight * inputs).sum(-1) * critic.mask(sentences)
    assert expected[:, 4:].abs().max() == 0 and expected[0, :4].abs().min() > 0
    for method in EXACT:
        values = torch.from_numpy(saliency(critic, sentences, method=method).values).float()
        torch.testing.assert_close(values, expected, msg=method, atol=1e-5, rtol=1e-4)


def test_the_baseline_of_a_linear_critic_is_the_mean_of_all_tokens_or_padding():
    critic = linear()
    inputs, mask, weight = critic.embed(SENTENCES), critic.mask(SENTENCES), critic.network.weight
    padding = critic.embed(torch.zeros(1, LENGTH, dtype=torch.long))[0, 0]
    for baseline, nothing in (("mean", inputs[mask].mean(0)), ("padding", padding)):
        expected = (weight * (inputs - nothing)).sum(-1) * mask
        for method in EXACT[1:]:
            values = saliency(critic, SENTENCES, method=method, baseline=baseline, batch_size=2).values
            torch.testing.assert_close(torch.from_numpy(values).float(), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [*BACKBONES, "trained"])
def test_integrated_gradients_add_up_to_the_difference_of_the_scores(tmp_path, request, kind):
    if kind == "trained":
        critic = Critic.from_pretrained(request.getfixturevalue("run"))
        sentences = ["the dog sleeps.", "often, a small cat sees maria.", "dog the."]
    else:
        critic, sentences = untrained(tmp_path, f"--critic.backbone={kind}", "--critic.windows=3"), SENTENCES[:3]
    found = saliency(critic, sentences, baseline="padding", steps=3, batch_size=2)
    difference = critic(sentences) - critic(torch.zeros(1, critic.network.length, dtype=torch.long))
    np.testing.assert_allclose(found.values.sum(1), difference.detach().numpy(), atol=1e-3)
    assert max(row["gap"] for row in found.rows) < 1e-3
    assert difference.abs().max() > 0.05
    few = saliency(critic, sentences, baseline="padding", steps=1, tolerance=np.inf)
    assert max(row["gap"] for row in few.rows) > 1e-3  # one point is not enough


def test_each_row_says_how_the_score_came_about(critic):
    found = saliency(critic, SENTENCES, method="deletion")
    mean = critic.embed(SENTENCES)[critic.mask(SENTENCES)].mean(0)
    nothing = torch.where(critic.mask(SENTENCES)[..., None], mean, critic.embed(SENTENCES))
    for i, row in enumerate(found.rows):
        assert row["score"] == pytest.approx(critic(SENTENCES)[i].item(), abs=1e-5)
        assert row["baseline"] == pytest.approx(critic.score(nothing)[i].item(), abs=1e-5)
        assert row["sum"] == pytest.approx(found.values[i].sum())
        assert row["gap"] == pytest.approx(abs(row["sum"] - row["score"] + row["baseline"]))
        assert row["place"] == found.values[i, : LENGTHS[i]].argmin()
        assert row["lowest"] == [*SENTENCES[i].split(), "<end>"][row["place"]]
        assert row["sentence"] == f"{SENTENCES[i]} <end>"


def test_deletion_is_the_score_less_that_with_padding_in_place_of_the_token(critic):
    values = saliency(critic, SENTENCES, method="deletion", baseline="padding", batch_size=2).values
    ids = critic.tokens(SENTENCES)
    for row, length in enumerate(LENGTHS):
        for place in range(length):
            without = ids[row : row + 1].clone()
            without[0, place] = critic.tokenizer.pad
            assert values[row, place] == pytest.approx((critic(ids)[row] - critic(without)[0]).item(), abs=1e-5)


def test_the_window_score_of_a_place_is_the_mean_over_the_windows_that_contain_it(critic):
    values = saliency(critic, SENTENCES, method="window score").values
    network, embedded = critic.network.window_score, critic.embed(SENTENCES)
    for row, length in enumerate(LENGTHS):
        of_windows = []
        for start in range(LENGTH - 2):
            window = embedded[row, start : start + 3].T.flatten()  # channel by channel
            of_windows.append(network.output(network.hidden(window).clamp(min=0)).item())
        for place in range(length):
            containing = [s for start, s in enumerate(of_windows) if start <= place < start + 3]
            assert values[row, place] == pytest.approx(np.mean(containing), abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_values_stand_at_the_tokens_and_are_zero_after_the_end(critic, method):
    found = saliency(critic, SENTENCES, method=method)
    assert found.values.shape == found.mask.shape == (5, LENGTH)
    for words, values, sentence, length in zip(found.tokens, found.values, SENTENCES, LENGTHS, strict=True):
        assert words[:length] == [*sentence.split(), "<end>"] and set(words[length:]) <= {"<pad>"}
        assert np.abs(values[:length]).min() > 0 and not values[length:].any()


@pytest.mark.parametrize("method", METHODS)
def test_each_sentence_keeps_its_own_condition_in_every_batch(conditional, method):
    options = {"method": method, "baseline": "padding", "steps": 4, "tolerance": np.inf}
    together = saliency(conditional, SENTENCES, GIVEN, **options, batch_size=2).values
    for row, (sentence, given) in enumerate(zip(SENTENCES, GIVEN, strict=True)):
        np.testing.assert_allclose(
            together[row], saliency(conditional, [sentence], given, **options).values[0], atol=1e-5
        )
    if method != "window score":  # which no condition changes
        assert np.abs(together - saliency(conditional, SENTENCES, "order", **options).values).max() > 1e-3


def test_sentences_that_need_more_steps_keep_their_conditions(conditional):
    options = {"baseline": "padding", "steps": 2}
    gaps = [row["gap"] for row in saliency(conditional, SENTENCES, GIVEN, **options, tolerance=np.inf).rows]
    tolerance = float(np.median(gaps))  # some sentences need more steps, and others do not
    together = saliency(conditional, SENTENCES, GIVEN, **options, tolerance=tolerance).values
    for row, (sentence, given) in enumerate(zip(SENTENCES, GIVEN, strict=True)):
        alone = saliency(conditional, [sentence], given, **options, tolerance=tolerance).values[0]
        np.testing.assert_allclose(together[row], alone, atol=1e-5)


def test_ids_are_looked_at_like_their_sentences(critic):
    np.testing.assert_array_equal(saliency(critic, critic.tokens(SENTENCES)).values, saliency(critic, SENTENCES).values)


def test_captum_finds_the_same_integrated_gradients(critic):
    attr = pytest.importorskip("captum.attr")
    inputs, nothing = critic.embed(SENTENCES), critic.embed(torch.zeros(5, LENGTH, dtype=torch.long))
    theirs = attr.IntegratedGradients(critic.score).attribute(inputs, nothing, n_steps=40, method="riemann_middle")
    ours = saliency(critic, SENTENCES, baseline="padding", steps=40, tolerance=np.inf).values
    np.testing.assert_allclose(ours, theirs.sum(-1).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("context", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("method", METHODS)
def test_saliency_leaves_modes_and_gradients_alone(tmp_path, method, context, training):
    critic = untrained(tmp_path, "--critic.windows=3")
    expected = saliency(critic, SENTENCES, method=method, steps=4, tolerance=np.inf).values
    with context(), unchanged(critic, training):
        found = saliency(critic, SENTENCES, method=method, steps=4, tolerance=np.inf).values
    np.testing.assert_array_equal(found, expected)


def test_values_by_place_are_those_of_the_sentences_that_reach_it(critic):
    found = saliency(critic, SENTENCES)
    rows = found.by_place().rows
    assert [row["sentences"] for row in rows] == [5, 5, 4, 3, 1, 1]
    values = found.values[[1, 3, 4], 3]
    assert rows[3]["mean"] == pytest.approx(values.mean()) and rows[3]["size"] == pytest.approx(abs(values).mean())
    margin = 1.96 * values.std(ddof=1) / 3**0.5
    assert rows[3]["mean_high"] == pytest.approx(values.mean() + margin, rel=1e-3)
    assert rows[3]["mean_low"] == pytest.approx(values.mean() - margin, rel=1e-3)


def test_a_method_is_one_function_and_one_line(critic, monkeypatch):
    monkeypatch.setitem(METHODS, "length", lambda view: view.embedded.norm(dim=2))
    found = saliency(critic, SENTENCES, method="length")
    np.testing.assert_allclose(found.values, found.mask, atol=1e-5)  # embeddings are of unit length


@pytest.mark.filterwarnings("ignore:.* are unknown")
def test_results_are_printed_drawn_and_written(critic, tmp_path):
    found = saliency(critic, ["a bee", "$ x $ y $"])  # no formula of matplotlib
    for result in (found, found.by_place(), pointing_game(critic, PAIRS)):
        result.save(tmp_path, "result")
        assert (tmp_path / "result.png").stat().st_size > 5_000
        assert len(result.table().splitlines()) == len(result.rows) + 1
    assert "<end>" in {text.get_text() for text in found.plot().axes[0].texts}


LONG = "a bee can do even fine good"


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"sentences": []}, "sentences: there are none"),
        ({"sentences": np.zeros((0, LENGTH), dtype=int)}, "sentences: there are none"),
        ({"sentences": [LONG, LONG]}, "sentences: all 2 are longer than the critic's 6 tokens"),
        ({"sentences": torch.rand(2, LENGTH, 13)}, "not soft tokens"),
        ({"method": "attention"}, "no method 'attention': give gradient times input, integrated gradients"),
        ({"baseline": "zero"}, "no baseline 'zero': give mean or padding"),
        ({"steps": 0}, "steps is 0: give at least 1"),
        ({"given": ["order"]}, "1 labels or contexts are given for 5 sentences"),
        ({"given": "order"}, "leave out `given`"),
    ],
)
@pytest.mark.filterwarnings("ignore:2 sentences are longer")
def test_bad_input_is_named_in_one_line(critic, options, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        saliency(critic, **{"sentences": SENTENCES} | options)
    assert "\n" not in str(error.value)


def test_a_critic_without_windows_has_no_window_score(tmp_path):
    critic = untrained(tmp_path, "--critic.windows=0")
    with pytest.raises(UserError, match=r"no window score: train it with critic\.windows"):
        saliency(critic, SENTENCES, method="window score")
    assert {row["method"] for row in pointing_game(critic, PAIRS).rows} == set(METHODS) - {"window score"}


@dataclass
class Pair:
    """A changed sentence; the package has such pairs with more fields."""

    changed: str
    place: int
    family: str = "planted"
    changed_given: str | None = None


PAIRS = [
    Pair("a bee jobs", 2),
    Pair("jobs can", 0),
    Pair("do jobs a bee can", 1, "other"),
    Pair("even jobs", 1, "other"),
]


def planted():
    """A critic that scores every word alike but `jobs`, which lowers its score wherever it stands."""
    critic = linear()
    critic.network.embedding[:] = torch.eye(EMBEDDING)[0]
    critic.network.embedding[critic.tokens(["jobs"])[0, 0]] = torch.eye(EMBEDDING)[1]
    critic.network.weight[:] = 0
    critic.network.weight[:, 1] = -2
    return critic


def test_a_planted_mistake_is_found_by_every_method():
    rows = pointing_game(planted(), PAIRS).rows
    assert [(row["method"], row["family"]) for row in rows] == [
        (m, f) for m in EXACT for f in ("planted", "other", "all")
    ]
    assert [row["pairs"] for row in rows] == [2, 2, 4] * 3
    for row in rows:
        assert row["found"] == row["near"] == row["found_high"] == 1
        low = binomtest(row["pairs"], row["pairs"]).proportion_ci(method="wilson").low
        assert row["found_low"] == pytest.approx(low)
    # The sentences have 4, 3, 6 and 3 tokens with their ends; 3, 2, 3 and 3 of them are at the place or next to it.
    assert [row["chance"] for row in rows[:3]] == pytest.approx([7 / 24, 1 / 4, 13 / 48])
    assert [row["chance_near"] for row in rows[:3]] == pytest.approx([17 / 24, 3 / 4, 35 / 48])


def test_a_word_that_raises_the_score_is_no_mistake():
    critic = planted()
    critic.network.weight.neg_()
    assert [row["found"] for row in pointing_game(critic, PAIRS).rows] == [0] * 9


def test_padding_is_never_the_lowest_token():
    critic = planted()
    critic.network.weight[:] = 1  # every token raises the score
    found = saliency(critic, SENTENCES, method="gradient times input")
    assert found.values.min() == 0 < found.values[found.mask].min()
    assert [row["lowest"] for row in found.rows] == [sentence.split()[0] for sentence in SENTENCES]


def pairs(num):
    """Sentences of random words with a place that was drawn among its words and its end."""
    rng = np.random.default_rng(7)
    drawn = [" ".join(rng.choice(WORDS, rng.integers(1, LENGTH))) for _ in range(num)]
    return [Pair(sentence, int(rng.integers(len(sentence.split()) + 1))) for sentence in drawn]


def test_random_values_find_the_place_by_chance(critic, monkeypatch):
    generator = torch.Generator().manual_seed(9)
    monkeypatch.setitem(METHODS, "noise", lambda view: torch.randn(view.embedded.shape[:2], generator=generator))
    row = pointing_game(critic, pairs(500), ["noise"]).rows[-1]
    assert row["found_low"] < row["chance"] < row["found_high"] < row["found_low"] + 0.1
    assert row["near_low"] < row["chance_near"] < row["near_high"]


def test_values_that_tie_find_the_place_exactly_by_chance(critic, monkeypatch):
    monkeypatch.setitem(METHODS, "nothing", lambda view: torch.zeros(view.embedded.shape[:2]))
    row = pointing_game(critic, pairs(50), ["nothing"]).rows[-1]
    assert row["found"] == pytest.approx(row["chance"]) and row["near"] == pytest.approx(row["chance_near"])


@pytest.mark.parametrize("offset, near", [(1, 1), (2, 0)])
def test_the_neighbour_of_the_place_is_near_it(critic, monkeypatch, offset, near):
    places = torch.arange(LENGTH)
    monkeypatch.setitem(METHODS, "beside", lambda view: -(places == 1 + offset).float().expand(len(view.embedded), -1))
    row = pointing_game(critic, [Pair("a bee can do", 1), Pair("do can bee", 1)], ["beside"]).rows[-1]
    assert row["found"] == 0 and row["near"] == near


@pytest.mark.filterwarnings("ignore:1 sentences are longer")
def test_changes_without_a_place_are_left_out(critic):
    more = [*PAIRS, Pair("a bee", -1, "condition"), Pair("do", 3, "behind its end"), Pair(f"{LONG} do", 7, "cut")]
    assert pointing_game(critic, more, ["deletion"]).rows[-1]["pairs"] == len(PAIRS)
    assert {row["family"] for row in pointing_game(critic, more).rows} == {"planted", "other", "all"}
    for wrong, complaint in (([Pair("a bee", -1)], "give pairs whose place"), ([Pair("do", 5)], "behind the critic's")):
        with pytest.raises(UserError, match=complaint):
            pointing_game(critic, wrong)


def test_the_game_warns_once_of_what_it_reads(critic):
    with pytest.warns(UserWarning, match="1 sentences are longer than 6 tokens") as caught:
        pointing_game(critic, [*PAIRS, Pair(LONG, 1)])
    assert len(caught) == 1
    with pytest.raises(UserError, match="pairs: all 1 are longer"), pytest.warns(UserWarning):
        pointing_game(critic, [Pair(LONG, 1)])


def test_the_game_is_played_with_the_conditions_of_the_changed_sentences(conditional, monkeypatch):
    seen = []
    monkeypatch.setitem(METHODS, "given", lambda view: seen.extend(view.given) or view.embedded.sum(-1))
    wrong = [Pair(p.changed, p.place, p.family, given) for p, given in zip(PAIRS, GIVEN, strict=False)]
    pointing_game(conditional, wrong, ["given"], batch_size=3)
    assert seen == GIVEN[:4]
    assert len(pointing_game(conditional, wrong).rows) == 3 * len(METHODS)


@pytest.mark.parametrize("hits, trials", [(0, 7), (3, 7), (7, 7), (190, 1000)])
def test_the_interval_of_a_proportion_is_wilsons(hits, trials):
    expected = binomtest(hits, trials).proportion_ci(method="wilson")
    found = proportion(np.arange(trials) < hits)
    assert found == pytest.approx((hits / trials, expected.low, expected.high), abs=1e-6)


def test_steps_are_bounded_where_the_gap_cannot_close(critic, monkeypatch):
    monkeypatch.setattr(attributions, "MOST_STEPS", 8)
    counted = []
    gradient = attributions.passes.gradient
    monkeypatch.setattr(attributions.passes, "gradient", lambda *a: counted.append(len(a[1])) or gradient(*a))
    saliency(critic, SENTENCES[:2], steps=3, tolerance=0.0)
    assert counted == [2] * (3 + 6)
