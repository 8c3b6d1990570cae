"""Test linear probes on states whose content is planted, and against closed forms."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from seqgan_gp.errors import UserError
from seqgan_gp.probing.labels import Property
from seqgan_gp.probing.linear import description_length, logistic, probe_layers
from seqgan_gp.probing.tasks import control_labels, split

ROWS, PLACES, WIDTH = 320, 5, 11
WORDS = 40


class Planted:
    """States of sentences "3 1 4 1 5": the planted layer has the parity of the first word (of a sentence) or of the
    word before (of a token) on one axis, among noise; the other layer is noise.
    """

    def __init__(self, seed=5, places=PLACES):
        self.seed, self.places, self.calls = seed, places, []

    def states(self, sequences, given=None, pool=None):
        self.calls.append((len(sequences), pool, given))
        words = np.array([[int(word) for word in s.split()] for s in sequences])
        noise = [np.random.default_rng((self.seed, *row)).normal(size=(self.places, WIDTH)) for row in words]
        noise = np.stack(noise)
        planted = noise.copy()
        planted[..., 3] = 8 * (np.roll(words, 1, axis=1) % 2)[:, : self.places] - 3
        if pool == "mean":
            planted[:, 0, 3] = 8 * (words[:, 0] % 2)
            planted, noise = planted[:, 0], noise[:, 0]
        return {"planted": torch.tensor(planted), "noise": torch.tensor(noise)}


@pytest.fixture(scope="module")
def words():
    return np.random.default_rng(1).integers(0, WORDS, (ROWS, PLACES))


@pytest.fixture(scope="module")
def sentences(words):
    return [" ".join(map(str, row)) for row in words]


@pytest.fixture(scope="module")
def of_sentences(words, sentences):
    return Property("first is odd", sentences, words[:, 0] % 2, ("even", "odd"), words[:, 1])


@pytest.fixture(scope="module")
def of_tokens(words, sentences):
    labels = np.roll(words, 1, axis=1) % 2
    labels[:, 0] = -1
    return Property("previous is odd", sentences, labels, ("even", "odd"), words)


@pytest.fixture(scope="module")
def probes(of_sentences, of_tokens):
    return probe_layers({"ours": Planted()}, [of_sentences, of_tokens], seeds=(4, 5, 6))


def cell(probes, layer, name):
    (row,) = (row for row in probes.rows if (row["layer"], row["property"]) == (layer, name))
    return row


@pytest.mark.parametrize("name", ["first is odd", "previous is odd"])
def test_a_planted_property_is_read_off_and_the_control_task_is_not(probes, name):
    row = cell(probes, "planted", name)
    assert row["accuracy"] == 1 and row["accuracy_sd"] == 0
    assert row["selectivity"] == row["accuracy"] - row["control"] > 0.3
    assert row["compression"] > 4


@pytest.mark.parametrize("name", ["first is odd", "previous is odd"])
def test_noise_has_chance(probes, name):
    row = cell(probes, "noise", name)
    error = 0.5 / math.sqrt(row["examples"] / 4)
    assert abs(row["accuracy"] - 0.5) < 3 * error
    assert 0.8 < row["compression"] < 1.02


def test_each_property_has_its_examples_and_each_layer_its_row(probes):
    found = [(row["property"], row["layer"], row["examples"]) for row in probes.rows]
    both = itertools.product([("first is odd", ROWS), ("previous is odd", ROWS * (PLACES - 1))], ["planted", "noise"])
    assert found == [(name, layer, examples) for (name, examples), layer in both]


def test_one_cell_is_that_of_scikit_learn(of_sentences):
    p, seen = of_sentences, []
    ours = probe_layers({"ours": Planted()}, [p], seeds=(4, 5), layers=["noise"]).rows[0]
    x = Planted().states(p.sentences, pool="mean")["noise"].float().double().numpy()
    for seed in (4, 5):
        train, test = split(np.array(p.sentences), seed)
        scaler = StandardScaler().fit(x[train])
        model = LogisticRegression(tol=1e-3, max_iter=50).fit(scaler.transform(x[train]), p.labels[train])
        seen.append(model.score(scaler.transform(x[test]), p.labels[test]))
    assert ours["accuracy"] == pytest.approx(np.mean(seen), abs=1e-9)
    assert ours["accuracy_sd"] == pytest.approx(np.std(seen, ddof=1), abs=1e-9)


def test_the_majority_is_that_of_the_class_that_most_training_sentences_have(words, sentences):
    p = Property("below 4", sentences, (words[:, 0] < 4).astype(int), ("no", "yes"))
    row = probe_layers({"ours": Planted()}, [p], seeds=(4, 5), layers=["noise"]).rows[0]
    assert row["majority"] == np.mean([(p.labels[split(np.array(sentences), seed)[1]] == 0).mean() for seed in (4, 5)])
    assert 0.8 < row["majority"] < 1


def test_states_are_standardised_by_the_training_sentences(of_sentences):
    seen = []

    def probe(x, y, others, classes):
        seen.append(x)
        return np.full((len(others), classes), 1 / classes)

    probe_layers({"ours": Planted()}, [of_sentences], seeds=(3,), layers=["planted"], probe=probe)
    np.testing.assert_allclose(seen[0].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(seen[0].std(axis=0), 1, atol=1e-6)
    assert len(seen[0]) == ROWS * 3 // 4


def uniform(x, y, others, classes):
    return np.full((len(others), classes), 1 / classes)


@pytest.mark.parametrize("n, classes", [(7, 2), (320, 2), (1000, 5)])
def test_a_probe_that_knows_nothing_costs_the_uniform_code(n, classes):
    y = np.arange(n) % classes
    assert description_length(np.zeros((n, 3)), y, classes, uniform) == pytest.approx(n * math.log2(classes))


def test_the_online_code_of_a_perfect_probe_is_its_closed_form():
    y = np.random.default_rng(3).integers(0, 3, 800)
    x = np.eye(3)[y]
    # The portions end at 1.6, 3.2, 6.25, ... % of 800, the first with 20 labels or more at 3.2%.
    ends = [26, 50, 100, 200, 400, 800]
    exact = 26 * math.log2(3) + sum((b - a) * math.log2((a + 3) / (a + 1)) for a, b in itertools.pairwise(ends))
    assert description_length(x, y, 3, lambda x, y, others, classes: others) == pytest.approx(exact)


def test_each_portion_is_coded_by_what_came_before_it():
    seen = []

    def probe(x, y, others, classes):
        seen.append((len(x), len(others)))
        assert (x[:, 0] == np.arange(len(x))).all() and others[0, 0] == len(x)
        return uniform(x, y, others, classes)

    description_length(np.arange(400.0)[:, None], np.arange(400) % 2, 2, probe)
    assert seen == [(25, 25), (50, 50), (100, 100), (200, 200)]


def test_a_separable_toy_costs_little_more_than_its_first_portion():
    y = np.random.default_rng(3).integers(0, 2, 1000)
    x = np.random.default_rng(4).normal(size=(1000, 4))
    x[:, 2] += 20 * y
    bits = description_length((x - x.mean(axis=0)) / x.std(axis=0), y, 2)
    assert 32 < bits < 32 + 5 * 10  # the first portion, and some bits for each of five others
    assert description_length(x[:, :2], y, 2) > 950


def test_labels_that_no_portion_had_cost_no_infinity():
    y = np.repeat([0, 1, 2], 40)
    assert math.isfinite(description_length(np.ones((120, 2)), y, 3))
    assert logistic(np.ones((4, 2)), np.array([1, 1, 1, 1]), np.ones((3, 2)), 3).tolist() == [[0, 1, 0]] * 3


def test_control_labels_are_a_function_of_the_word_type_alone_and_as_frequent_as_the_labels():
    rng = np.random.default_rng(2)
    types, labels = rng.zipf(1.5, 3000) % 200, rng.choice(3, 3000, p=[0.6, 0.3, 0.1])
    drawn = {seed: control_labels(types, labels, seed) for seed in (1, 2)}
    for control in drawn.values():
        assert len(set(zip(types, control, strict=True))) == len(set(types))
        assert set(control) == {0, 1, 2}
    assert (drawn[1] != drawn[2]).any() and (drawn[1] == control_labels(types, labels, 1)).all()
    # The labels of the examples say how frequent the classes are, and nothing else.
    assert (control_labels(types, rng.permutation(labels), 1) == drawn[1]).all()
    even = control_labels(np.arange(3000) % 300, labels, 1)
    np.testing.assert_allclose(np.bincount(even) / 3000, np.bincount(labels) / 3000, atol=0.01)


def test_a_probe_can_learn_the_control_task_by_heart(of_tokens):
    class Types(Planted):
        def states(self, sequences, given=None, pool=None):
            words = np.array([[int(word) for word in s.split()] for s in sequences])
            return {"types": torch.eye(WORDS)[torch.tensor(words)]}

    row = probe_layers({"ours": Types()}, [of_tokens]).rows[0]
    assert row["control"] > 0.97 and row["accuracy"] < 0.65


def test_without_two_types_there_is_no_control_task(words, sentences):
    p = Property("first is odd", sentences, words[:, 0] % 2, ("even", "odd"), np.zeros(ROWS, int))
    row = probe_layers({"ours": Planted()}, [p], seeds=(3,)).rows[0]
    assert row["control"] is row["selectivity"] is row["accuracy_sd"] is None


def test_a_split_shares_no_sentence_and_holds_out_a_quarter():
    groups = np.array([f"sentence {i}" for i in np.random.default_rng(3).integers(0, 80, 900)])
    for seed in (1, 2):
        train, test = split(groups, seed)
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(900))
        assert len(set(groups[test])) == 20
    assert set(split(groups, 1)[1]) != set(split(groups, 2)[1])


def test_the_same_seeds_give_the_same_rows_whatever_else_is_probed(probes, of_tokens):
    def rows(seeds):
        both = probe_layers({"ours": Planted(), "theirs": Planted(6)}, [of_tokens], seeds).rows
        return [row for row in both if row["subject"] == "ours"]

    torch.manual_seed(9)
    assert rows((4, 5, 6)) == [row for row in probes.rows if row["property"] == of_tokens.name] != rows((7, 8, 9))


def test_examples_are_no_more_than_asked_for_and_conditions_go_along(words, sentences, of_tokens):
    given = [f"label {row[0]}" for row in words]
    p = Property("first is odd", sentences, words[:, 0] % 2, ("even", "odd"), words[:, 1], given)
    subject = Planted()
    probes = probe_layers({"ours": subject}, [p, of_tokens], seeds=(3,), sentences=100, tokens=70)
    assert [row["examples"] for row in probes.rows] == [100, 100, 70, 70]
    (pooled, tokens) = subject.calls
    assert pooled[:2] == (100, "mean") and len(pooled[2]) == 100 and tokens[0] <= 70 and tokens[1:] == (None, None)


def test_the_states_of_many_sentences_come_in_batches(monkeypatch, of_tokens, probes):
    monkeypatch.setattr("seqgan_gp.probing.tasks.POSITIONS", 37 * PLACES + 1)
    subject = Planted()
    again = probe_layers({"ours": subject}, [of_tokens], seeds=(4, 5, 6))
    assert max(call[0] for call in subject.calls) == 37
    assert list(again.rows) == [row for row in probes.rows if row["property"] == of_tokens.name]


def test_a_probe_that_does_not_converge_says_nothing(recwarn):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(400, 30)) * np.logspace(-3, 3, 30), rng.integers(0, 3, 400)
    logistic(x, y, x, 3)
    assert not list(recwarn)
    with pytest.warns(ConvergenceWarning):  # as scikit-learn says it
        LogisticRegression(tol=1e-3, max_iter=50).fit(x, y)


def test_rows_can_be_printed_written_and_drawn(probes, tmp_path):
    assert probes.columns == [
        *("subject", "layer", "property", "accuracy", "majority", "control", "selectivity"),
        *("bits", "compression", "examples"),
    ]
    probes.save(tmp_path, "linear")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linear.json", "linear.md", "linear.png"]
    panels = [axes for axes in probes.plot().axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["first is odd", "previous is odd"]
    for axes, name in zip(panels, ("first is odd", "previous is odd"), strict=True):
        line, majority = axes.lines
        assert line.get_ydata().tolist() == [cell(probes, layer, name)["accuracy"] for layer in ("planted", "noise")]
        assert set(majority.get_ydata()) == {cell(probes, "noise", name)["majority"]}
    (line,) = probes.plot("compression").axes[0].lines
    assert line.get_ydata()[1] == cell(probes, "noise", "first is odd")["compression"]


class Broken(Planted):
    def states(self, *args, **options):
        return {"broken": super().states(*args, **options)["noise"] / 0}


def test_bad_input_is_one_line(words, sentences, of_sentences, of_tokens):
    same = Property("mine", sentences, np.zeros(ROWS, int), ("even", "odd"))
    few = Property("mine", sentences[:30], words[:30, 0] % 2, ("even", "odd"))
    rare = Property("mine", sentences, (np.arange(ROWS) < 6).astype(int), ("even", "odd"))
    ours = {"ours": Planted()}
    for subjects, properties, options, complaint in [
        ({}, [of_sentences], {}, "at least one subject"),
        (ours, [], {}, "one property"),
        (ours, [of_sentences], {"seeds": ()}, "one seed"),
        (ours, [of_sentences, same], {}, "mine: all sentences share 'even'"),
        (ours, [few], {}, "mine: 30 sentences have a label, and 40"),
        (ours, [rare], {"sentences": 40, "seeds": (1,)}, "mine: 40 examples are all of one class"),
        (ours, [of_sentences, of_sentences], {}, "two properties have the name 'first is odd'"),
        (ours, [of_sentences], {"layers": ["block 9"]}, "no layer 'block 9', there are: planted, noise"),
        (ours, [of_sentences], {"sentences": 39}, "sentences: 39 is not a whole number of at least 40"),
        (ours, [of_tokens], {"tokens": 1.5}, "tokens: 1.5 is not"),
        ({"ours": Planted(places=4)}, [of_tokens], {}, "labels of 5 positions for states of 4, of layer 'planted'"),
        ({"ours": Broken()}, [of_tokens], {}, "layer 'broken' has states that are no finite numbers"),
    ]:
        with pytest.raises(UserError, match=complaint) as error:
            probe_layers(subjects, properties, **options)
        assert "\n" not in str(error.value)
