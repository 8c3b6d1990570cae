"""The shape of a critic's scores: spread, slopes, neighbours of tokens, and units that are never on."""

import contextlib

import numpy as np
import pytest
import torch
from conftest import critic_loss
from probed import LENGTH, ids, linear, unchanged, untrained
from torch import nn
from torch.nn.functional import normalize
from untrained import CONTEXTS, LABELS, WORDS

from seqgan_gp.adversarial import MIXINGS
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.errors import UserError
from seqgan_gp.models.layers import ReLU
from seqgan_gp.probing.geometry import scores, slopes
from seqgan_gp.probing.neighbours import neighbours
from seqgan_gp.probing.units import dead_units

REAL = ["a bee", "good jobs can", "do", "fine honest inner jobs even", "even good do"]
FAKE = ["bee bee a", "jobs", "can do fine inner", "honest", "a good even bee", "a", "do can"]
GIVEN = ["order", "report", "question", "order", "report"]
LONG = "a bee can do even fine good"


@pytest.fixture(scope="module")
def critic(tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("run"), "--critic.windows=3")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("run"), "--critic.windows=3", *LABELS)


def named(result, column):
    """The rows of a result by the value of a column."""
    return {row[column]: row for row in result.rows}


def test_scores_of_groups_by_hand():
    found = scores(lambda sentences: np.array([len(s) for s in sentences]), {"short": ["a", "bee"], "long": ["a" * 9]})
    short, long = found.rows
    assert (short["group"], short["sentences"], short["mean"], short["sd"]) == ("short", 2, 2, 1)
    assert (short["5%"], short["25%"], short["50%"], short["95%"]) == pytest.approx((1.1, 1.5, 2, 2.9))
    assert (long["sentences"], long["mean"], long["sd"], long["95%"]) == (1, 9, 0, 9)
    assert found.values["short"].tolist() == [1, 3]


def test_scores_are_those_of_the_critic_with_the_conditions_of_each_group(critic, conditional):
    found = scores(critic, {"real": REAL, "ids": critic.tokens(REAL), "generated": iter(FAKE)})
    for name, sentences in (("real", REAL), ("ids", REAL), ("generated", FAKE)):
        np.testing.assert_allclose(found.values[name], critic(sentences).detach().numpy(), rtol=1e-5)
    given = {"real": GIVEN, "generated": "order"}
    found = scores(conditional, {"real": REAL, "generated": FAKE}, given)
    np.testing.assert_allclose(found.values["real"], conditional(REAL, GIVEN).detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(found.values["generated"], conditional(FAKE, "order").detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "call, complaint",
    [
        (lambda c: scores(c, {}), "groups: there are none"),
        (lambda c: scores(c, {"real": REAL, "fake": []}), "'fake' has no sentences"),
        (lambda c: scores(c, {"real": REAL, "fake": FAKE}, {"real": GIVEN}), "no conditions of the group 'fake'"),
        (lambda c: slopes(c, [], FAKE), "real: there are none"),
        (lambda c: slopes(c, REAL, []), "generated: there are none"),
        (lambda c: slopes(c, REAL, [LONG]), "generated: all 1 are longer than the critic's 6 tokens"),
        (lambda c: slopes(c, REAL, FAKE, ["order"]), "1 labels or contexts are given for 5 sentences"),
        (lambda c: slopes(c, REAL, FAKE, ["order"] * 6), "6 labels or contexts are given for 5 sentences"),
        (lambda c: dead_units(c, []), "sentences: there are none"),
        (lambda c: dead_units(c, [LONG]), "sentences: all 1 are longer"),
        (lambda c: neighbours(c, {"bee": "Noun", "dog": "Noun"}), "fewer than two of the critic's tokens"),
        (lambda c: neighbours(c).by_class(), "no class has two tokens"),
    ],
)
@pytest.mark.filterwarnings("ignore:1 sentences are longer")
def test_bad_input_is_named_in_one_line(critic, call, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        call(critic)
    assert "\n" not in str(error.value)


def test_the_slope_of_a_linear_critic_is_the_norm_of_its_weights():
    critic = linear()
    weight, matrix = critic.network.weight, normalize(critic.network.embedding, dim=1)
    for space, norm in (("embedding", weight.norm()), ("one-hot", (weight @ matrix.T).norm())):
        found = slopes(critic, REAL, FAKE, penalty=PenaltyConfig(space=space, mixing="crossover"), batch_size=2)
        assert [row["at"] for row in found.rows] == [
            *("real", "generated", "interpolates (convex)", "interpolates (crossover)")
        ]
        for row in found.rows:
            assert row["points"] == 5
            assert row["mean"] == pytest.approx(norm.item(), rel=1e-5) and row["sd"] < 1e-5
        assert space in found.title


@pytest.mark.parametrize("space", ["embedding", "one-hot"])
@pytest.mark.parametrize("place", ["real", "generated", "convex", "crossover"])
@pytest.mark.parametrize("labels", [False, True])
def test_slopes_are_the_norms_that_the_penalty_of_training_computes(critic, conditional, space, place, labels):
    critic = conditional if labels else critic
    between = place in MIXINGS
    penalty = PenaltyConfig(space=space, at=["interpolates" if between else place], sided="two" if between else "zero")
    penalty.mixing = place if between else "convex"
    alpha = MIXINGS[penalty.mixing](np.random.default_rng(3), 5, LENGTH)
    tokens = critic.tokens(REAL), critic.tokens(FAKE[:5])
    condition = torch.from_numpy(critic.condition.encode(GIVEN)) if labels else None
    trained = critic_loss(critic.network, penalty)(*tokens, torch.as_tensor(alpha), condition=condition)
    found = slopes(critic, REAL, FAKE, GIVEN if labels else None, penalty, seed=3, batch_size=2)
    at = f"interpolates ({place})" if between else place
    assert named(found, "at")[at]["mean"] == pytest.approx(trained["gradient_norm"].item(), rel=1e-4)
    assert found.values[at].std() > 0.001
    assert {row["at"] for row in found.rows if row["target"] is not None} == {at}


def test_each_side_of_the_penalty_has_its_target(critic):
    for sided, target in (("two", 1), ("one", 1), ("zero", 0)):
        found = slopes(critic, REAL, FAKE, penalty=PenaltyConfig(sided=sided, at=["real", "interpolates"]))
        assert [row["target"] for row in found.rows] == [target, None, target]
    assert [row["target"] for row in slopes(critic, REAL, FAKE).rows] == [None, None, 1]
    assert [row["target"] for row in slopes(critic, REAL, FAKE, penalty=PenaltyConfig(weight=0)).rows] == [None] * 3


def test_a_seed_gives_the_same_interpolates(critic):
    one, again, other = (slopes(critic, REAL, FAKE, seed=seed).rows[2] for seed in (5, 5, 6))
    assert one == again != other


def test_neighbours_of_a_planted_embedding():
    critic = linear()
    directions = torch.eye(5)
    for i, word in enumerate(WORDS):  # words of one direction are nearer than any others
        critic.network.embedding[ids(critic.tokenizer, word)] = directions[i // 2] + 0.01 * torch.randn(5)
    classes = {word: "odd one out" if i > 7 else str(i // 4) for i, word in enumerate(WORDS)}
    classes |= {"jobs": "alone", "dog": "0"}  # which the critic does not know
    found = neighbours(critic, classes, count=2)
    rows = named(found, "token")
    assert set(rows) == set(WORDS)
    for i, word in enumerate(WORDS):
        assert rows[word]["nearest"].split(", ")[0] == WORDS[i ^ 1]
        assert len(rows[word]["nearest"].split(", ")) == 2 and rows[word]["cosine"] > 0.99
    assert rows["a"]["same"] == 1 and rows["a"]["chance"] == pytest.approx(3 / 9)
    assert rows["jobs"]["same"] is None and rows["inner"]["same"] is None
    assert [(r["class"], r["tokens"], r["same"]) for r in found.by_class().rows] == [
        ("0", 4, 1),
        ("1", 4, 1),
        ("all", 8, 1),
    ]
    apart = neighbours(critic, {word: str(i % 2) for i, word in enumerate(WORDS)}).by_class().rows
    assert [row["same"] for row in apart] == [0, 0, 0] and apart[2]["chance"] == pytest.approx(4 / 9)


def test_without_classes_every_token_has_neighbours(critic):
    rows = named(neighbours(critic), "token")
    assert set(rows) == {*WORDS, "<pad>", "<unk>", "<end>"}
    matrix = normalize(critic.network.embedding, dim=1)
    cosines = (matrix @ matrix[ids(critic.tokenizer, "bee")]).numpy()
    order = [critic.tokenizer.tokens[i].removeprefix("▁") for i in np.argsort(-cosines)]
    assert [order[0], rows["bee"]["nearest"]] == ["bee", ", ".join(order[1:6])]
    assert rows["bee"]["cosine"] == pytest.approx(np.sort(cosines)[-2], abs=1e-5)


def silent(critic, sentences):
    """The fraction of sentences on which each rectified unit is off, by layer: modules by hooks, functions by hand."""
    network, found, handles = critic.network, {}, []
    for number, block in enumerate(network.blocks, 1):
        rectifiers = [m for m in block.modules() if isinstance(m, ReLU)]
        for i, module in enumerate(rectifiers, 1):
            key = f"block {number}", i
            handles.append(module.register_forward_hook(lambda _, __, out, key=key: found.update({key: out})))
    embedded = critic.embed(sentences)
    last = network.hidden_states(embedded)[-1]
    if type(network.blocks).__name__ == "Convolutional":
        found["output", 1] = last.relu()
    windows = embedded.unfold(1, 3, 1).flatten(2)
    found["windows", 1] = network.window_score.hidden(windows).relu()
    for handle in handles:
        handle.remove()
    return {key: 1 - (out > 0).any(1).float().mean(0) for key, out in found.items()}, found


@pytest.mark.parametrize("backbone", ["convolutional", "attention", "recurrent"])
def test_dead_units_are_those_that_no_sentence_switches_on(tmp_path, backbone):
    critic = untrained(tmp_path, f"--critic.backbone={backbone}", "--critic.windows=3")
    hidden = critic.network.window_score.hidden
    hidden.bias[:3] = -1e4
    if backbone == "convolutional":
        critic.network.blocks[1].branch[1].bias[:5] = -1e4
    off, on = silent(critic, REAL)
    found = {(row["layer"], row["rectifier"]): row for row in dead_units(critic, REAL, batch_size=2).rows}
    assert found.keys() == off.keys()
    assert len(found) == {"convolutional": 2 * 3 + 2, "attention": 3 + 1, "recurrent": 1}[backbone]
    for key, row in found.items():
        assert row["units"] == len(off[key])
        assert row["dead"] == pytest.approx((off[key] == 1).float().mean().item())
        assert row["active"] == pytest.approx((on[key] > 0).float().mean().item(), abs=1e-6)
    assert found["windows", 1]["dead"] >= 3 / 8
    if backbone == "convolutional":
        assert 5 / 8 <= found["block 2", 2]["dead"] < 1


@pytest.mark.parametrize("rest, almost", [(99, True), (98, False)])
def test_a_unit_that_one_sentence_in_a_hundred_switches_on_is_almost_dead(tmp_path, rest, almost):
    critic = untrained(tmp_path, "--critic.windows=3")
    hidden = critic.network.window_score.hidden
    hidden.weight[:], hidden.bias[:] = 0, 1.0
    jobs = critic.embed(["jobs"])[0, 0]
    hidden.weight.view(8, 5, 3)[0, :, 0], hidden.bias[0] = 100 * jobs, -99.9  # on where a window begins with "jobs"
    (row,) = [r for r in dead_units(critic, ["a bee"] * rest + ["jobs can"]).rows if r["layer"] == "windows"]
    assert row["dead"] == 0 and row["almost_dead"] == (1 / 8 if almost else 0)
    assert row["active"] == pytest.approx(7 / 8 + 1 / 8 / 4 / (rest + 1))  # one of its four windows


def test_dead_units_of_conditional_critics_and_of_those_without_rectifiers(tmp_path, conditional):
    assert dead_units(conditional, REAL, GIVEN).rows == dead_units(conditional, REAL, "order").rows
    contexts = untrained(tmp_path / "contexts", *CONTEXTS, "--condition.length=9")
    assert [r["rectifier"] for r in dead_units(contexts, REAL, REAL).rows if r["layer"] == "condition"] == [1, 2]
    plain = untrained(tmp_path / "plain", "--critic.backbone=recurrent", "--critic.windows=0")
    with pytest.raises(UserError, match="no rectified units"):
        dead_units(plain, REAL)


def test_rectifiers_of_torch_count_too(critic, monkeypatch):
    class Block(nn.Module):
        def forward(self, x):
            return x + nn.functional.relu(x - 1e4) + nn.ReLU(inplace=True)(x + 1e4)

    monkeypatch.setitem(critic.network.blocks._modules, "1", Block())
    found = [row for row in dead_units(critic, REAL).rows if row["layer"] == "block 2"]
    assert [(row["rectifier"], row["dead"], row["active"]) for row in found] == [(1, 1, 0), (2, 0, 1)]


USES = {
    "scores": lambda c: scores(c, {"real": REAL, "generated": FAKE}).rows,
    "slopes": lambda c: slopes(c, REAL, FAKE, penalty=PenaltyConfig(space="one-hot")).rows,
    "neighbours": lambda c: neighbours(c).rows,
    "dead_units": lambda c: dead_units(c, REAL).rows,
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("context", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("use", USES)
def test_probes_leave_modes_and_gradients_alone(tmp_path, use, context, training):
    critic = untrained(tmp_path, "--critic.windows=3")
    expected = USES[use](critic)
    with context(), unchanged(critic, training):
        assert USES[use](critic) == expected
    assert not critic.network.blocks[0]._forward_hooks and not critic.network.blocks[0]._forward_pre_hooks


def test_a_critic_with_dropout_is_probed_without_it(tmp_path):
    critic = untrained(tmp_path, "--critic.windows=3")
    expected = [use(critic) for use in USES.values()]
    critic.network.input_projection = nn.Sequential(nn.Dropout(0.9), critic.network.input_projection)
    critic.network.train()
    assert [use(critic) for use in USES.values()] == expected
    assert critic.network.input_projection[0].training


def test_results_are_printed_drawn_and_written(critic, tmp_path):
    classes = {word: str(i % 3) for i, word in enumerate(WORDS)}
    results = [
        *(scores(critic, {"real": REAL, "generated": FAKE}), slopes(critic, REAL, FAKE), dead_units(critic, REAL)),
        *(neighbours(critic), neighbours(critic, classes), neighbours(critic, classes).by_class()),
    ]
    for result in results:
        result.save(tmp_path, "result")
        assert (tmp_path / "result.png").stat().st_size > 5_000
        assert len(result.table().splitlines()) == len(result.rows) + 1
