"""Labels and contexts: in the networks, in the grammars, in the corpus."""

import collections
import itertools
import math
import runpy

import numpy as np
import pytest
import torch
from conftest import critic_loss
from torch.autograd import gradcheck, gradgradcheck

from seqgan_gp import shipped
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.errors import UserError
from seqgan_gp.models.conditions import ContextEncoder, LabelEncoder, Modulation, Projection
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.text.conditions import Contexts, Labels
from seqgan_gp.text.corpus import Given, load_corpus
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.pairs import Pairs
from seqgan_gp.text.tokenizer import Tokenizer

# No two sizes are equal: V tokens, L positions, M of a context, C channels, E numbers of a token.
V, L, M, C, E, FEATURES, CLASSES, NOISE, PAD = 13, 4, 7, 8, 3, 6, 9, 10, 5
ENCODERS = {
    "labels": (lambda: LabelEncoder(CLASSES, FEATURES), lambda n: torch.arange(n) % CLASSES),
    "contexts": (
        lambda: ContextEncoder(V, PAD, M, L, FEATURES, blocks=2, heads=2),
        lambda n: torch.randint(V, (n, M), generator=torch.Generator().manual_seed(0)),
    ),
}
every_kind = pytest.mark.parametrize("build, condition", ENCODERS.values(), ids=ENCODERS)


def doubled(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def critic(build, **options):
    torch.manual_seed(0)
    return CriticNetwork(V, L, embedding=E, width=C, encoder=build(), **options).double()


@every_kind
def test_features_are_unit_vectors_of_each_position(build, condition):
    torch.manual_seed(0)
    features = build()(condition(8))
    assert features.shape[0] == 8 and features.shape[1] in (1, L) and features.shape[2] == FEATURES
    torch.testing.assert_close(features.norm(dim=2), torch.ones(features.shape[:2]))
    assert features.std(dim=0).max() > 0.1  # conditions differ


@every_kind
def test_second_derivatives_of_the_layers_agree_with_finite_differences(build, condition):
    torch.manual_seed(0)
    features, hidden = build().double()(condition(2)).detach().requires_grad_(), doubled(2, L, C)
    modulation, projection = Modulation(FEATURES, C).double(), Projection(C, FEATURES).double()
    torch.nn.init.normal_(modulation.linear.weight)
    for layer in (modulation, projection):
        assert gradcheck(layer, (hidden, features)) and gradgradcheck(layer, (hidden, features))


@every_kind
def test_second_derivatives_of_the_critic_agree_with_finite_differences(build, condition):
    network, given = critic(build), condition(2)
    soft = doubled(2, L, V).softmax(-1).detach().requires_grad_()
    assert gradcheck(lambda x: network(x, given), soft) and gradgradcheck(lambda x: network(x, given), soft)


@every_kind
def test_derivatives_in_the_weights_of_an_encoder_agree_with_finite_differences(build, condition):
    network, given = build().double(), condition(2)
    names = list(dict(network.named_parameters()))

    def encode(*weights):
        return torch.func.functional_call(network, dict(zip(names, weights, strict=True)), given)

    weights = tuple(p.detach().requires_grad_() for p in network.parameters())
    assert gradcheck(encode, weights, fast_mode=True) and gradgradcheck(encode, weights, fast_mode=True)


@every_kind
@pytest.mark.parametrize("backbone", ["convolutional", "recurrent", "attention"])
def test_a_conditional_generator_starts_as_the_unconditional_one(build, condition, backbone):
    options = dict(noise=NOISE, width=C, blocks=2, kernel=3, backbone=backbone)
    torch.manual_seed(0)
    plain = GeneratorNetwork(V, L, **options)
    conditional = GeneratorNetwork(V, L, **options, encoder=build())
    conditional.load_state_dict(plain.state_dict(), strict=False)
    noise = plain.sample_noise(6, np.random.default_rng(0))
    assert torch.equal(plain(noise), conditional(noise, condition(6)))
    for modulation in conditional.modulations:
        torch.nn.init.normal_(modulation.linear.weight)
    same = noise[:1].expand(6, -1)
    assert conditional(same, condition(6)).std(dim=0).max() > 0.01  # the condition alone now tells


def test_nothing_of_a_condition_is_in_an_unconditional_network():
    for network in (GeneratorNetwork(V, L), CriticNetwork(V, L)):
        assert not [name for name in network.state_dict() if "encoder" in name or "modul" in name]
    assert CriticNetwork(V, L).projection is None


def test_modulation_scales_and_shifts_by_what_is_linear_in_the_features():
    layer, hidden, features = Modulation(FEATURES, C), torch.randn(2, L, C), torch.randn(2, 1, FEATURES)
    assert torch.equal(layer(hidden, features), hidden)
    torch.nn.init.normal_(layer.linear.weight)
    scale, shift = (features @ layer.linear.weight.T).split(C, dim=2)
    torch.testing.assert_close(layer(hidden, features), hidden * (1 + scale) + shift)


def test_the_projection_of_a_label_is_that_of_miyato_and_koyama():
    layer, encoder = Projection(C, FEATURES), LabelEncoder(CLASSES, FEATURES)
    hidden, labels = torch.randn(2, L, C), torch.tensor([7, 0])
    pooled = hidden.sum(dim=1) @ layer.linear.weight.T + L * layer.linear.bias
    expected = (torch.nn.functional.normalize(encoder.embedding, dim=1)[labels] * pooled).sum(1) / math.sqrt(L)
    torch.testing.assert_close(layer(hidden, encoder(labels)), expected)


@every_kind
def test_the_slope_of_the_projection_is_bounded_whatever_the_condition(build, condition):
    torch.manual_seed(0)
    encoder, layer = build(), Projection(C, FEATURES)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(100)  # what a free embedding would buy a steeper critic with
    hidden = torch.randn(8, L, C, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(hidden, encoder(condition(8))).sum(), hidden)
    bound = torch.linalg.matrix_norm(layer.linear.weight, 2)  # sqrt(L) positions of a slope of norm / sqrt(L) each
    assert slope.flatten(1).norm(dim=1).max() <= bound + 1e-6


@every_kind
@pytest.mark.parametrize("at", [["interpolates"], ["real", "generated"]])
@pytest.mark.parametrize("space", ["embedding", "one-hot"])
def test_the_penalty_is_of_the_slope_in_the_samples_at_a_fixed_condition(build, condition, at, space):
    batch = 5
    network, given = critic(build), condition(batch)
    real, fake = torch.randint(V, (2, batch, L))
    alpha = torch.rand(batch, dtype=torch.float64)
    sided = "two" if at == ["interpolates"] else "zero"
    step = critic_loss(network, PenaltyConfig(weight=10, sided=sided, at=at, space=space))
    parts = step(real, fake, alpha, True, given)
    to_points = network.embed if space == "embedding" else lambda ids: torch.nn.functional.one_hot(ids, V).double()
    score = network.score if space == "embedding" else network
    x, y = to_points(real).detach(), to_points(fake).detach()
    a = alpha[:, None, None]
    points = {"interpolates": a * x + (1 - a) * y, "real": x, "generated": y}
    norms = []
    for place in at:
        point = points[place].requires_grad_()
        # One sample at a time, so that nothing of another one's condition can enter.
        for i in range(batch):
            (slope,) = torch.autograd.grad(score(point[i : i + 1], given[i : i + 1]).sum(), point, retain_graph=True)
            norms.append(slope.norm())
    norms = torch.stack(norms)
    torch.testing.assert_close(parts["gradient_norm"], norms.mean())
    distance = (network(real, given) - network(fake, given)).mean()
    torch.testing.assert_close(parts["wasserstein"], distance)
    penalty = ((norms - 1) if sided == "two" else norms).square().view(len(at), batch).mean(1).sum()
    torch.testing.assert_close(parts["critic_loss"], -distance + 10 * penalty)


@every_kind
def test_a_condition_is_neither_left_out_nor_given_in_vain(build, condition):
    noise = GeneratorNetwork(V, L, noise=NOISE).sample_noise(2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="not conditional, and a condition is given"):
        GeneratorNetwork(V, L, noise=NOISE)(noise, condition(2))
    with pytest.raises(ValueError, match="conditional, and none is given"):
        GeneratorNetwork(V, L, noise=NOISE, encoder=build())(noise)
    with pytest.raises(ValueError, match="conditional, and none is given"):
        critic(build)(torch.zeros(2, L, dtype=torch.long))


def test_padding_is_not_looked_at():
    torch.manual_seed(0)
    encoder = ContextEncoder(V, PAD, M, L, FEATURES, blocks=0, heads=2)
    context = torch.tensor([[1, 2] + 5 * [PAD], [1, 2, 0] + 4 * [PAD], M * [PAD]])
    before = encoder(context)
    assert before.isfinite().all()
    with torch.no_grad():
        encoder.positions[3:] += 1
    after = encoder(context)
    torch.testing.assert_close(after[:2], before[:2])
    assert not torch.allclose(after[2], before[2])


def test_a_context_is_read_in_its_order():
    torch.manual_seed(0)
    encoder = ContextEncoder(V, PAD, M, L, FEATURES, blocks=2, heads=2)
    one, other = torch.tensor([[1, 2, 3, 4, PAD, PAD, PAD]]), torch.tensor([[4, 3, 2, 1, PAD, PAD, PAD]])
    assert (encoder(one) - encoder(other)).abs().max() > 1e-3
    with pytest.raises(ValueError, match="6 features cannot be shared out over 4 heads"):
        ContextEncoder(V, PAD, M, L, FEATURES, blocks=2, heads=4)


# --- the grammars


@pytest.fixture(scope="module")
def types():
    return Grammar.load("types")


@pytest.fixture(scope="module")
def dialogue():
    grammar = Grammar.load("dialogue")
    return grammar, Pairs(grammar)


def records(grammar, num):
    return list(itertools.islice(grammar.records(0), num))


def test_records_are_the_sentences_with_their_labels(types):
    made = records(types, 300)
    assert [row["text"] for row in made] == list(itertools.islice(types.sentences(0), 300))
    counts = collections.Counter(row["label"] for row in made)
    assert counts.keys() == {"statement", "question", "negation", "command"}
    for label, expected in (("statement", 0.40), ("question", 0.25), ("negation", 0.20), ("command", 0.15)):
        assert abs(counts[label] / 300 - expected) < 4 * math.sqrt(expected * (1 - expected) / 300)


def test_no_sentence_has_two_labels(types):
    made = records(types, 400)
    usage = types.parse([row["text"] for row in made])[1]
    columns = [types.productions[types.start, opening] for opening in types.openings]
    np.testing.assert_allclose(usage[:, columns].max(axis=1), 1, atol=1e-6)  # one of them makes it, and no other
    own = types.label_probability([row["label"] for row in made], [row["text"] for row in made])
    np.testing.assert_allclose(own, 1, atol=1e-6)
    assert types.label_probability(["statement", "question"], ["no such sentence", ""]).tolist() == [0, 0]


def test_a_sentence_of_two_labels_has_them_in_proportion():
    grammar = Grammar("S -> A [0.75] | B [0.25]\nA -> 'x' [1.0]\nB -> 'x' [0.5] | 'y' [0.5]")
    np.testing.assert_allclose(grammar.label_probability(["a", "b", "b"], ["x", "x", "y"]), [6 / 7, 1 / 7, 1])


def test_sentence_types_are_short_and_agree(types):
    assert types.max_length <= 15
    right = ["does the dog sleep?", "who sees anna?", "please sing.", "peter does not run.", "where are the dogs?"]
    wrong = ["does the dog sleeps?", "who see anna?", "please sings.", "peter do not run.", "where is the dogs?"]
    assert np.isfinite(types.log_probability(right)).all()
    assert not np.isfinite(types.log_probability(wrong)).any()


def test_a_grammar_that_repeats_its_start_symbol_has_no_labels():
    with pytest.raises(UserError, match="S inside its sentences"):
        next(Grammar("S -> 'a' S [0.5] | 'a' [0.5]").records(0))


def test_the_shipped_dialogue_is_what_its_script_writes():
    folder = shipped.folder("data")
    written = runpy.run_path(str(folder / "dialogue.py"))["grammar"]()
    assert (folder / "dialogue.pcfg").read_text(encoding="utf-8") == written


def test_agreement_is_membership_in_the_grammar_of_pairs(dialogue):
    grammar, pairs = dialogue
    made = records(grammar, 120)
    contexts, answers = [row["context"] for row in made], [row["text"] for row in made]
    assert all(pairs.agree(contexts, answers))
    # The answers to other questions, many of them alike: some fit by chance.
    other = [answers[i] for i in np.roll(np.argsort(contexts, kind="stable"), 1)[np.argsort(np.argsort(contexts))]]
    joint = grammar.log_probability([f"{c} | {a}" for c, a in zip(contexts, other, strict=True)])
    assert pairs.agree(contexts, other) == np.isfinite(joint).tolist()
    assert 0 < np.isfinite(joint).sum() < len(made)


def test_the_sides_have_the_probabilities_of_the_pairs():
    grammar = Grammar("P -> A/n-1 '|' B/n-1 [0.25] | A/n-2 '|' B/n-2 [0.75]\nA/n-1 -> 'x' [1.0]\n"
                      "A/n-2 -> 'y' [1.0]\nB/n-1 -> 'u' [0.5] | 'w' [0.5]\nB/n-2 -> 'w' [1.0]")  # fmt: skip
    pairs = Pairs(grammar)
    np.testing.assert_allclose(np.exp(pairs.answers.log_probability(["u", "w"])), [0.125, 0.875])
    np.testing.assert_allclose(np.exp(pairs.contexts.log_probability(["x", "y"])), [0.25, 0.75])
    assert pairs.disagreements("y", "u") == ("n",) and pairs.disagreements("x", "w") == ()


def test_the_sides_of_a_grammar_may_be_as_rare_as_one_likes():
    grammar = Grammar("P -> A '|' B [0.99999] | C '|' B [0.00001]\nA -> 'x' [1.0]\nC -> 'y' [1.0]\nB -> 'u' [1.0]")
    found = np.exp(Pairs(grammar).contexts.log_probability(["x", "y"]))
    np.testing.assert_allclose(found, [0.99999, 0.00001])


@pytest.mark.parametrize(
    "context, answer, wrong",
    [
        ("do you like this book?", "yes, i like it.", ()),
        ("do you like this book?", "no, i do not.", ()),
        ("do you like this book?", "yes, you like it.", ("person",)),
        ("do you like this book?", "no, we do not like it.", ("number",)),
        ("do you like this book?", "yes, i see it.", ("verb",)),
        ("do you like this book?", "yes, i like them.", ("object",)),
        ("does anna see two dogs?", "no, he does not see them.", ("gender",)),
        ("does anna see two dogs?", "they see a key.", ("question", "number")),
        ("what does peter find?", "he finds three red keys.", ()),
        ("what does peter find?", "he finds a red keys.", ("grammar",)),
        ("what do peter find?", "he finds a red key.", ("grammar",)),
        ("do the tall men sleep?", "yes, they sleep.", ()),
        ("do the tall men sleep?", "yes, they sleeps.", ("grammar",)),
        ("do the tall men sleep?", "no, he does not sleep.", ("number",)),
    ],
)
def test_what_an_answer_gets_wrong_is_named(dialogue, context, answer, wrong):
    assert dialogue[1].disagreements(context, answer) == wrong


def test_there_are_thousands_of_questions_and_they_are_short(dialogue):
    grammar, pairs = dialogue
    assert len({row["context"] for row in itertools.islice(grammar.records(0), 10_000)}) > 5_000
    assert pairs.contexts.max_length <= 15 and pairs.answers.max_length <= 15


def test_a_grammar_without_pairs_has_no_contexts(types):
    with pytest.raises(UserError, match=r"must be Left '\|' Right"):
        Pairs(types)


# --- strings to numbers


def test_labels_keep_their_names_and_proportions(tmp_path):
    labels = Labels.of(Given(["b", "a", "b", "a", "b"], ["a"]))
    assert labels.encode(["a", "b"]).tolist() == [1, 0]
    labels.save(tmp_path / "labels.json")
    again = Labels.load(tmp_path / "labels.json")
    assert again.counts == {"b": 3, "a": 2}
    drawn = collections.Counter(again.draw(2000, np.random.default_rng(0)))
    assert abs(drawn["b"] / 2000 - 0.6) < 0.05
    with pytest.raises(UserError, match="no label 'c': the training sentences have b, a"):
        again.encode(["a", "c"])
    (tmp_path / "labels.json").write_text("[1]")
    with pytest.raises(UserError, match=r"labels.json: not a file of labels"):
        Labels.load(tmp_path / "labels.json")


@pytest.mark.parametrize(
    "train, test, message",
    [
        (["a", "a", "b"], ["a"], r"one training sentence only has the label 'b' \(and 1 of 2 labels"),
        (["a", "a"], ["a"], "all training sentences have the label 'a'"),
        (["a", "a", "b", "b"], ["c"], "the label 'c' is in the held-out sentences only"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(train, test, message):
    with pytest.raises(UserError, match=message):
        Labels.of(Given(train, test))


def test_judges_measure_what_the_grammar_says(dialogue, types):
    judge = Labels({"statement": 1, "question": 1}).judge(types)
    given = ["statement", "statement", "question", "question"]
    values = judge(given, ["anna sleeps.", "does anna sleep?", "who sleeps?", "who sleep?"])
    assert values == {
        "obedient": pytest.approx(1 / 2),
        "obedience": pytest.approx(2 / 3),
        "obedience_statement": pytest.approx(1 / 2),
        "obedience_question": pytest.approx(1),
    }
    assert judge(["statement"], ["sleeps anna."]) == {"obedient": 0}
    judge = Contexts(Tokenizer.train("word", ["a"], 10), 5).judge(dialogue[0])
    values = judge(["do i sleep?"] * 4, ["yes, you sleep.", "yes, i sleep.", "no, you do not run.", "sleep"])
    assert values == {"agreement": 0.25, "wrong_person": 0.25, "wrong_verb": 0.25, "wrong_grammar": 0.25}
    with pytest.raises(UserError, match="no label 'x', it has statement"):
        Labels({"x": 2, "statement": 2}).judge(types)


# --- columns


ROWS = [("hello there", "0"), ("hi, you", "1"), ("good day", "0"), ("bye", "1"), ("so long", "1"), ("morning", "0")]


def write(path, rows):
    if path.suffix == ".jsonl":
        import json

        path.write_text("".join(json.dumps(dict(zip(("text", "kind"), row, strict=True))) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        import datasets

        datasets.Dataset.from_dict(dict(zip(("text", "kind"), zip(*rows, strict=True), strict=True))).to_parquet(path)
    else:
        quoted = ("".join(f'"{text}",{kind}\n' for text, kind in rows)).replace("None", "")
        path.write_text("text,kind\n" + quoted)
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("kind", [str, int])
def test_labels_come_from_a_column_of_text_or_of_numbers(tmp_path, suffix, kind):
    path = write(tmp_path / f"a{suffix}", [(text, kind(label)) for text, label in ROWS])
    corpus = load_corpus(path, None, "text", 10, 2, 0, "kind")
    pairs = list(zip(corpus.train + corpus.test, corpus.given.train + corpus.given.test, strict=True))
    assert sorted(pairs) == sorted(ROWS) and len(corpus.test) == 2


def test_classes_with_names_come_by_name(tmp_path):
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "kind": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"text": [text for text, _ in ROWS], "kind": [int(label) for _, label in ROWS]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    corpus = load_corpus(str(tmp_path / "a.parquet"), None, "text", 10, 2, 0, "kind")
    assert set(corpus.given.train) == {"no", "yes"}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_without_a_label_or_a_side_are_named(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", [*ROWS[:3], ("bye", None), *ROWS[4:]])
    with pytest.raises(UserError, match=r"column 'kind' is empty in 1 of 6 rows, first in row 4: fill it in"):
        load_corpus(path, None, "text", 10, 2, 0, "kind")
    path = write(tmp_path / f"b{suffix}", [*ROWS[:2], (" ", "1"), *ROWS[3:]])
    with pytest.raises(UserError, match=r"column 'text' is empty in 1 of 6 rows, first in row 3"):
        load_corpus(path, None, "text", 10, 2, 0, "kind")


def test_columns_that_are_not_there_are_named(tmp_path):
    path = write(tmp_path / "a.csv", ROWS)
    with pytest.raises(UserError, match=r"no column 'sort'; pass --corpus.label or --corpus.context .*: text, kind"):
        load_corpus(path, None, "text", 10, 2, 0, "sort")
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\nfour\n")
    with pytest.raises(UserError, match=r"a.txt: lines of text have no column 'kind': give a file of .csv"):
        load_corpus(str(tmp_path / "a.txt"), None, "text", 10, 2, 0, "kind")
    with pytest.raises(UserError, match="no column 'kind': what it tells of its sentences is label"):
        load_corpus("grammar:types", None, "text", 10, 2, 0, "kind")
