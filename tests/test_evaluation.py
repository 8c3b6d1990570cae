"""Test the commands that score, as a user types them: tables, files, equal sizes, bad input."""

import math

import pytest
from scored import QUICK, different, put, read

from seqgan_gp.cli import main
from seqgan_gp.evaluation import FAMILIES, training_model
from seqgan_gp.evaluation.catalogue import metrics

pytestmark = pytest.mark.usefixtures("one_thread")

ORACLE, LANGUAGE_MODEL = (set(FAMILIES[name].metrics) for name in ("oracle", "language-model"))
SEQUENCES = {key for name in ("neighbours", "guesses", "composition") for key in FAMILIES[name].metrics}
KEYS = {key for name in ("ngrams", "embedding", "classifier") for key in FAMILIES[name].metrics}


def numbers(scores):
    """Every score of every column, with its key."""
    for key, value in scores.items():
        if key in ("matched", "real"):
            yield from numbers(value)
        elif key in metrics():
            yield key, value


def test_evaluate_writes_every_key_beside_real_text_of_the_same_size(files, capsys):
    options = ["--reference", "reference.txt", "--train", "train.txt", "--json", "scores.json", "--bootstrap", "3"]
    assert main(["evaluate", "samples.txt", *options]) == 0
    scores = read(files / "scores.json")
    assert set(scores) == KEYS | {"matched", "real", "settings", "intervals"}
    assert set(scores["real"]) == set(scores["matched"]) == KEYS | {"intervals"}
    assert (scores["count"], scores["matched"]["count"], scores["real"]["count"]) == (100, 100, 100)
    assert scores["novel"] == pytest.approx(0.5, abs=0.02)
    for key, (low, high) in scores["intervals"].items():
        assert low <= scores[key] <= high or key == "mauve", key
    table = capsys.readouterr().out
    for key in KEYS:
        assert f"  {key} " in table and metrics()[key].meaning in table
    assert "100 sentences" in table and "smoothing method 1" in table and "lower-cased words" in table
    assert "±" in table and "95%" in table


@pytest.mark.parametrize(
    "suffix, row", [("md", "| mean_length | 7."), ("csv", "mean_length,7."), ("tex", r"mean\_length & $7.")]
)
def test_the_table_is_written_in_the_format_of_its_name(files, suffix, row):
    command = ["evaluate", "samples.txt", "--grammar", "text", "--metrics", "ngrams", "--table", f"out/t.{suffix}"]
    assert main(command) == 0
    assert f"\n{row}" in (files / "out" / f"t.{suffix}").read_text()


def test_several_files_are_seeds_at_equal_size(files, capsys):
    lines = (files / "other.txt").read_text().splitlines(keepends=True)
    for name, part in (("a", lines[:40]), ("b", lines[40:90])):
        (files / f"{name}.txt").write_text("".join(part))
    command = ["--reference", "reference.txt", "--metrics", "ngrams", "--size", "30", "--json"]
    for given, name in ((["a.txt", "b.txt"], "both"), (["a.txt"], "one"), (["b.txt"], "two")):
        assert main(["evaluate", *given, *command, f"{name}.json"]) == 0
    both, one, two = (read(files / f"{name}.json") for name in ("both", "one", "two"))
    assert [seed["bleu_4"] for seed in both["matched"]["seeds"]] == [s["matched"]["bleu_4"] for s in (one, two)]
    assert both["jsd_1"] == pytest.approx((one["jsd_1"] + two["jsd_1"]) / 2) and both["count"] == 30
    assert both["deviations"]["jsd_1"] == pytest.approx(abs(one["jsd_1"] - two["jsd_1"]) / 2**0.5)
    assert both["real"] == one["real"]
    assert "samples: 30 sentences of each of a.txt, b.txt against all 200" in capsys.readouterr().out


def test_real_text_is_scored_at_the_size_of_the_samples(files):
    few = files / "few.txt"
    few.write_text("\n".join((files / "samples.txt").read_text().splitlines()[:30]))
    assert main(["evaluate", "few.txt", "--reference", "reference.txt", *QUICK, "--json", "scores.json"]) == 0
    scores = read(files / "scores.json")
    assert (scores["count"], scores["matched"]["count"], scores["real"]["count"]) == (30, 30, 30)
    assert scores["bleu_4"] >= scores["matched"]["bleu_4"]  # twice the references
    assert main(["evaluate", "samples.txt", "--size", "40", "--grammar", "text", *QUICK, "--json", "scores.json"]) == 0
    assert read(files / "scores.json")["real"]["count"] == 40


def test_evaluate_with_a_grammar_needs_no_reference(files):
    assert main(["evaluate", "samples.txt", "--grammar", "text", "--json", "scores.json"]) == 0
    scores = read(files / "scores.json")
    assert set(scores) > ORACLE and "matched" not in scores
    assert scores["grammatical"] == 0.98 and scores["real"]["grammatical"] == 1.0
    assert scores["real"]["count"] == 100
    # Entropy per token: samples of the language itself are as probable as other samples of it.
    assert scores["oracle_nll"] == pytest.approx(scores["real"]["oracle_nll"], rel=0.1)
    assert scores["novel"] is None and scores["real"]["production_coverage"] > 0.7


def test_real_text_is_measured_with_sentences_that_it_has_not_itself(files):
    # No two sentences of the reference share a word. So its halves have nothing in common, while the samples, which are
    # the reference itself, have all with it, and half of them all with one of its halves.
    reference = different("w", 25)
    put(files / "all.txt", [*reference[:9], "", " ", *reference[9:]])
    put(files / "copies.txt", reference[::-1])
    assert main(["evaluate", "copies.txt", "--reference", "all.txt", *QUICK, "--json", "scores.json"]) == 0
    scores = read(files / "scores.json")
    assert (scores["count"], scores["matched"]["count"], scores["real"]["count"]) == (25, 12, 12)
    assert (scores["bleu_4"], scores["backward_bleu_4"], scores["jsd_1"]) == (1, 1, 0)
    assert (scores["real"]["bleu_4"], scores["real"]["backward_bleu_4"], scores["real"]["jsd_1"]) == (0, 0, 1)
    assert 0.2 < scores["matched"]["bleu_4"] < 0.8 and 0.2 < scores["matched"]["jsd_1"] < 0.8


def test_a_size_takes_samples_at_random_and_always_the_same(files):
    put(files / "many.txt", [*different("w", 500), *different("v", 500)])
    put(files / "both.txt", [*different("w", 500), *different("v", 500)])
    for name in ("one", "two"):
        options = ["--size", "60", "--reference", "both.txt", "--train", "first.txt", *QUICK]
        put(files / "first.txt", different("w", 500))
        assert main(["evaluate", "many.txt", *options, "--json", f"{name}.json"]) == 0
    one = read(files / "one.json")
    assert one == read(files / "two.json") and one["count"] == 60
    assert 0.25 < one["novel"] < 0.75  # from all of the file, not from its first sentences
    command = ["compare", "many.txt", "both.txt", "--reference", "both.txt", "--train", "first.txt", *QUICK]
    assert main([*command, "--size", "60", "--bootstrap", "0", "--real", "many.txt"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert (
        scores["systems"]["many"]
        == scores["systems"]["both"]
        == scores["real"]
        == {key: value for key, value in one.items() if key in scores["real"]}
    )


def test_a_grammar_draws_real_sentences_twice_and_by_the_seed(files):
    made = []
    for seed in ("7", "7", "8"):
        assert main(["evaluate", "samples.txt", "--grammar", "text", "--seed", seed, *QUICK, "--json", "s.json"]) == 0
        made.append(read(files / "s.json"))
    assert made[0] == made[1] and made[0]["real"] != made[2]["real"] and made[0]["jsd_1"] != made[2]["jsd_1"]
    assert made[0]["settings"]["seed"] == 7
    assert all(scores["real"]["jsd_1"] > 0 and scores["real"]["bleu_4"] < 1 for scores in made)  # not one draw
    compared = []
    for seed in ("7", "7", "8"):
        options = ["--grammar", "text", "--seed", seed, *QUICK, "--bootstrap", "0"]
        assert main(["compare", "samples.txt", *options]) == 0
        compared.append(read(files / "comparison" / "scores.json"))
    assert compared[0] == compared[1]
    assert compared[0]["real"] != compared[2]["real"] and compared[0]["systems"] != compared[2]["systems"]


def test_novelty_and_overlap_are_those_against_the_training_sentences(files):
    training, reference = different("t", 30), different("r", 30)
    put(files / "training.txt", training)
    put(files / "held-out.txt", reference)
    put(files / "copied.txt", [*training[:10], *different("x", 10)])
    put(files / "more.txt", different("m", 20))
    options = ["--reference", "held-out.txt", "--train", "training.txt", *QUICK]
    assert main(["evaluate", "copied.txt", *options, "--json", "e.json"]) == 0
    scores = read(files / "e.json")
    assert (scores["novel"], scores["longest_overlap"]) == (0.5, 3.0)
    assert (scores["real"]["novel"], scores["real"]["longest_overlap"], scores["jsd_1"]) == (1, 0, 1)
    # Other real sentences than those of the training have a novelty.
    assert main(["compare", "copied.txt", *options, "--real", "more.txt", "--bootstrap", "0"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert (scores["systems"]["copied"]["novel"], scores["real"]["novel"]) == (0.5, 1)


def test_a_grammar_is_evaluated_by_the_character(files):
    options = ["--grammar", "text", "--unit", "character", *QUICK, "--json", "e.json"]
    assert main(["evaluate", "other.txt", *options]) == 0
    scores = read(files / "e.json")
    assert min(scores["mean_length"], scores["real"]["mean_length"]) > 20


def test_evaluate_by_characters(files):
    options = ["--reference", "reference.txt", "--unit", "character", "--json", "scores.json"]
    assert main(["evaluate", "samples.txt", *options]) == 0
    scores = read(files / "scores.json")
    assert scores["mean_length"] > 20 and "jsd_char_1" not in scores


def whole(scores):
    """The keys, with one for the fractions of all characters."""
    return {"part_*" if key.startswith("part_") else key for key in scores}


def test_all_families_are_those_that_need_no_grammar_unless_there_is_one(files, monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    for name in ("other", "train", "reference"):
        put(files / f"{name}.txt", (files / f"{name}.txt").read_text().splitlines()[:40])
    options = ["--reference", "reference.txt", "--train", "train.txt", "--metrics", "all", "--json", "s.json"]
    assert main(["evaluate", "other.txt", *options]) == 0
    assert whole(read(files / "s.json")) == KEYS | LANGUAGE_MODEL | SEQUENCES | {"matched", "real", "settings"}
    assert main(["evaluate", "other.txt", *options, "--grammar", "text"]) == 0
    expected = KEYS | LANGUAGE_MODEL | SEQUENCES | ORACLE | {"matched", "real", "settings"}
    assert whole(read(files / "s.json")) == expected


ODD = {
    "identical": "the dog sleeps.\n" * 10_000,
    "nothing in common": "xyzzy plugh\nfoo bar baz\nqux quux\n" * 10,
    "control characters": "the \x07dog\x00 sleeps\x1b[31m.\n\x0c\x0b\nthe cat\u2028runs.\n" * 4,
    "a very long line": "dog " * 100_000 + "\nthe dog sleeps.\nthe cat sings.\n",
    "windows": "the dog sleeps.\r\nthe cats sing.\r\nanna waits.\r\n",
    "almost empty": "\n\n\nthe dog sleeps.\n",
    "two words": "a\nb\n",
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_samples_get_defined_values_or_a_dash_that_is_explained(files, capsys, kind):
    (files / "odd.txt").write_bytes(ODD[kind].encode())
    options = ["--reference", "reference.txt", "--grammar", "text", "--train", "train.txt", "--json", "scores.json"]
    assert main(["evaluate", "odd.txt", *options, "--bootstrap", "2"]) == 0
    scores = read(files / "scores.json")
    assert all(v is None or math.isfinite(v) for _, v in numbers(scores))
    table = capsys.readouterr().out
    assert "nan" not in table
    assert (" - " in table) == ("-: not defined" in table) == any(v is None for _, v in numbers(scores))
    if kind == "windows":
        assert scores["unique"] == 1.0 and scores["grammatical"] == 1.0
    if kind == "identical":
        assert scores["self_bleu_2"] == 1.0 and scores["unique"] == 1e-4
    if kind == "nothing in common":
        assert scores["jsd_1"] == 1.0 and scores["bleu_2"] == 0


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["evaluate", "missing.txt", "--grammar", "text"], "missing.txt: no such file"),
        (["evaluate", "samples.txt"], "--reference"),
        (["evaluate", "samples.txt", "--grammar", "txet"], "text"),
        (["evaluate", "empty.txt", "--grammar", "text"], "empty"),
        (["evaluate", "one.txt", "--grammar", "text"], "at least 2"),
        (["evaluate", "samples.txt", "--reference", "one.txt"], "at least 4 real sentences"),
        (["evaluate", "latin.txt", "--grammar", "text"], "line 2: not UTF-8"),
        (["evaluate", "samples.txt", "--reference", "."], "cannot be read"),
        (["evaluate", "samples.txt", "--reference", "reference.txt", "--metrics", "oracle"], "--grammar"),
        (["evaluate", "samples.txt", "--reference", "reference.txt", "--metrics", "language-model"], "--train"),
        (
            ["evaluate", "samples.txt", "--reference", "reference.txt", "--encoder", "bert"],
            "--encoder bert: no encoder; give lsa",
        ),
        (["compare", "samples.txt", "one.txt", "--grammar", "text"], "one.txt: too few"),
        (["compare", "samples.txt", "./samples.txt", "samples.txt", "--grammar", "text"], "given twice"),
        (["compare", "samples.txt", "--grammar", "text", "--rank", "blue_4"], "--rank blue_4"),
        (["compare", "samples.txt"], "--reference"),
        (["sweep", "no-run"], "no such run"),
        (["evaluate", "samples.txt", "samples.txt", "--grammar", "text"], "samples.txt is given twice"),
        (["evaluate", "samples.txt", "--grammar", "text", "--table", "t.xlsx"], "--table t.xlsx: its name must end in"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(files, capsys, options, complaint):
    (files / "empty.txt").write_text("\n\n")
    (files / "one.txt").write_text("one\n")
    (files / "latin.txt").write_bytes("a\ncaf\xe9\n".encode("latin1"))
    before = set(files.iterdir())
    assert main([*options, "--json", "out.json"]) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert set(files.iterdir()) == before
