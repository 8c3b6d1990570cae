"""Test the commands that score, as a user types them: tables, files, equal sizes, bad input."""

import itertools
import json
import math
import random

import pytest
import torch
from conftest import train

from seqgan_gp import Generator, machine
from seqgan_gp.cli import FAMILIES, main
from seqgan_gp.evaluation import families
from seqgan_gp.metrics.catalogue import METRICS
from seqgan_gp.scoring import Real
from seqgan_gp.text.grammar import Grammar

ORACLE = {"grammatical", "oracle_nll", "production_coverage", "production_jsd"}
LANGUAGE_MODEL = {"lm_nll", "reverse_lm_nll"}
KEYS = set(METRICS) - ORACLE - LANGUAGE_MODEL - {"well_formed"}
QUICK = ["--metrics", "ngrams"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Real text, samples of which half are copies, and an odd file of every kind."""
    monkeypatch.chdir(tmp_path)
    stream = Grammar.load("text").sentences(0)
    lines = {name: [next(stream) for _ in range(n)] for name, n in (("train", 300), ("reference", 200), ("other", 120))}
    lines["samples"] = [*lines["train"][:50], "", "dog dog dog", *(next(stream) for _ in range(48))]
    for name, sentences in lines.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"{s}\n" for s in sentences))
    return tmp_path


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """The commands take all cores, which tiny language models would wait for."""
    torch.set_num_threads(1)
    monkeypatch.setattr(machine, "set_threads", lambda threads: None)


def different(name, number, first=0):
    """Sentences of six words, no word of which stands in two of them."""
    return [" ".join(f"{name}{letter}{i}" for letter in "abcdef") for i in range(first, first + number)]


def put(path, sentences):
    path.write_text("".join(f"{s}\n" for s in sentences))


def read(path):
    return json.loads(path.read_text())


def numbers(scores):
    """Every score of every column, with its key."""
    for key, value in scores.items():
        if key in ("matched", "real"):
            yield from numbers(value)
        elif key in METRICS:
            yield key, value


def test_the_families_on_the_command_line_are_those_there_are():
    assert set(FAMILIES) == set(families.FAMILIES)
    assert set(families.DEFAULT) < set(FAMILIES)


def test_evaluate_writes_every_key_beside_real_text_of_the_same_size(files, capsys):
    options = ["--reference", "reference.txt", "--train", "train.txt", "--json", "scores.json", "--bootstrap", "3"]
    assert main(["evaluate", "samples.txt", *options]) == 0
    scores = json.loads((files / "scores.json").read_text())
    assert set(scores) == KEYS | {"matched", "real", "settings", "intervals"}
    assert set(scores["real"]) == set(scores["matched"]) == KEYS | {"intervals"}
    assert (scores["count"], scores["matched"]["count"], scores["real"]["count"]) == (100, 100, 100)
    assert scores["novel"] == pytest.approx(0.5, abs=0.02)
    for key, (low, high) in scores["intervals"].items():
        assert low <= scores[key] <= high or key == "mauve", key
    table = capsys.readouterr().out
    for key in KEYS:
        assert f"  {key} " in table and METRICS[key].meaning in table
    assert "100 sentences" in table and "smoothing method 1" in table and "lower-cased words" in table
    assert "±" in table and "95%" in table


def test_real_text_is_scored_at_the_size_of_the_samples(files):
    few = files / "few.txt"
    few.write_text("\n".join((files / "samples.txt").read_text().splitlines()[:30]))
    assert main(["evaluate", "few.txt", "--reference", "reference.txt", *QUICK, "--json", "scores.json"]) == 0
    scores = json.loads((files / "scores.json").read_text())
    assert (scores["count"], scores["matched"]["count"], scores["real"]["count"]) == (30, 30, 30)
    assert scores["bleu_4"] >= scores["matched"]["bleu_4"]  # twice the references
    assert main(["evaluate", "samples.txt", "--size", "40", "--grammar", "text", *QUICK, "--json", "scores.json"]) == 0
    assert json.loads((files / "scores.json").read_text())["real"]["count"] == 40


def test_evaluate_with_a_grammar_needs_no_reference(files):
    assert main(["evaluate", "samples.txt", "--grammar", "text", "--json", "scores.json"]) == 0
    scores = json.loads((files / "scores.json").read_text())
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


def test_compare_scores_the_sentences_of_real_like_one_more_system(files):
    options = ["--reference", "reference.txt", "--train", "train.txt", *QUICK, "--bootstrap", "0"]
    assert main(["compare", "samples.txt", "other.txt", *options, "--real", "other.txt"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert scores["real"] == scores["systems"]["other"] and scores["settings"]["reference_size"] == 200
    # Without --real it is the training sentences, and without them one half of the reference.
    assert main(["compare", "samples.txt", "train.txt", *options, "--size", "70"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert scores["real"] | {"novel": 0, "longest_overlap": 0} == scores["systems"]["train"] | {
        "novel": 0,
        "longest_overlap": 0,
    }
    assert scores["settings"]["size"] == scores["systems"]["samples"]["count"] == 70
    put(files / "all.txt", different("w", 30))
    assert main(["compare", "samples.txt", "--reference", "all.txt", *QUICK, "--bootstrap", "0"]) == 0
    assert read(files / "comparison" / "scores.json")["real"]["jsd_1"] == 1  # the halves share nothing


def test_a_comparison_by_characters(files):
    options = ["--reference", "reference.txt", "--unit", "character", *QUICK, "--bootstrap", "0"]
    assert main(["compare", "other.txt", *options]) == 0
    scores = read(files / "comparison" / "scores.json")
    lines = (files / "other.txt").read_text().splitlines()
    assert scores["real"]["mean_length"] > 20 and scores["settings"]["n_grams"] == "characters"
    assert main(["evaluate", "other.txt", *options[:-2], "--json", "e.json"]) == 0
    assert read(files / "e.json")["mean_length"] == pytest.approx(sum(map(len, lines)) / len(lines), abs=1e-5)


def test_a_grammar_is_evaluated_by_the_character(files):
    options = ["--grammar", "text", "--unit", "character", *QUICK, "--json", "e.json"]
    assert main(["evaluate", "other.txt", *options]) == 0
    scores = read(files / "e.json")
    assert min(scores["mean_length"], scores["real"]["mean_length"]) > 20


def test_where_real_text_is_the_goal_both_sides_of_it_are_worse(files):
    put(files / "short.txt", ["the dog"] * 60)
    put(files / "right.txt", list(itertools.islice(Grammar.load("text").sentences(7), 60)))
    put(files / "long.txt", ["the dog and the cat and the dog and the cat and the dog and the cat sleep."] * 60)
    for rank in ("mean_length", "oracle_nll"):
        command = ["compare", "long.txt", "short.txt", "right.txt", "--reference", "reference.txt", "--rank", rank]
        options = ["--grammar", "text", "--metrics", "ngrams", "oracle", "--bootstrap", "0"]
        assert main([*command, *options]) == 0
        # The two others are no sentences of the grammar and have no such likelihood: the order given.
        order = {"mean_length": ["right", "short", "long"], "oracle_nll": ["right", "long", "short"]}[rank]
        assert list(read(files / "comparison" / "scores.json")["systems"]) == order


def test_a_system_without_the_score_to_rank_by_is_last(files):
    put(files / "words.txt", ["dog", "cat"] * 30)
    command = ["compare", "words.txt", "other.txt", "--reference", "reference.txt", "--rank", "jsd_3", *QUICK]
    assert main([*command, "--bootstrap", "0"]) == 0
    scores = read(files / "comparison" / "scores.json")["systems"]
    assert list(scores) == ["other", "words"] and scores["words"]["jsd_3"] is None


def test_systems_of_one_name_are_told_apart_by_their_folders(files):
    for folder in ("a", "b"):
        (files / folder).mkdir()
        put(files / folder / "s.txt", different(folder, 20))
    command = ["compare", "b/s.txt", "other.txt", "a/s.txt", "--reference", "reference.txt", *QUICK]
    assert main([*command, "--bootstrap", "0"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert set(scores["systems"]) == {"a/s.txt", "b/s.txt", "other"}
    assert scores["settings"]["systems"] == {"b/s.txt": "b/s.txt", "other": "other.txt", "a/s.txt": "a/s.txt"}


def test_all_families_are_those_that_need_no_grammar_unless_there_is_one(files, monkeypatch):
    monkeypatch.setattr(families, "EPOCHS", 1)
    for name in ("other", "train", "reference"):
        put(files / f"{name}.txt", (files / f"{name}.txt").read_text().splitlines()[:40])
    options = ["--reference", "reference.txt", "--train", "train.txt", "--metrics", "all", "--json", "s.json"]
    assert main(["evaluate", "other.txt", *options]) == 0
    assert set(read(files / "s.json")) == KEYS | LANGUAGE_MODEL | {"matched", "real", "settings"}
    assert main(["evaluate", "other.txt", *options, "--grammar", "text"]) == 0
    assert set(read(files / "s.json")) == KEYS | LANGUAGE_MODEL | ORACLE | {"matched", "real", "settings"}


def test_evaluate_by_characters(files):
    options = ["--reference", "reference.txt", "--unit", "character", "--json", "scores.json"]
    assert main(["evaluate", "samples.txt", *options]) == 0
    scores = json.loads((files / "scores.json").read_text())
    assert scores["mean_length"] > 20 and "jsd_char_1" not in scores


def test_compare_ranks_systems_at_equal_size_and_writes_all(files, capsys):
    command = ["compare", "samples.txt", "other.txt", "--reference", "reference.txt", "--train", "train.txt"]
    assert main([*command, *QUICK, "--bootstrap", "5", "--json", "extra.json"]) == 0
    scores = json.loads((files / "comparison" / "scores.json").read_text())
    assert json.loads((files / "extra.json").read_text()) == scores
    assert set(scores["systems"]) == {"samples", "other"}
    everyone = [*scores["systems"].values(), scores["real"]]
    assert {s["count"] for s in everyone} == {100} == {scores["settings"]["size"]}
    assert all(len(s["intervals"]["bleu_4"]) == 2 for s in everyone)
    # Real text is the training text here: nothing of it is novel, and that says nothing.
    assert scores["real"]["novel"] is None and scores["systems"]["other"]["novel"] > 0.9
    markdown = (files / "comparison" / "table.md").read_text()
    assert "| other | samples | real | goal |" in markdown or "| samples | other | real | goal |" in markdown
    assert "| bleu_4 | 0." in markdown
    assert (files / "comparison" / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert "100 sentences of each system" in capsys.readouterr().out


@pytest.mark.parametrize(
    "rank, first", [("bleu_4", "high"), ("jsd_1", "high"), ("unique", "high"), ("mean_length", "high")]
)
def test_compare_puts_the_best_first(files, rank, first):
    stream = Grammar.load("text").sentences(7)
    (files / "low.txt").write_text("dog dog\n" * 100)
    (files / "high.txt").write_text("".join(f"{next(stream)}\n" for _ in range(100)))
    command = ["compare", "low.txt", "high.txt", "--reference", "reference.txt", "--rank", rank, *QUICK]
    assert main([*command, "--bootstrap", "0"]) == 0
    assert next(iter(json.loads((files / "comparison" / "scores.json").read_text())["systems"])) == first


def test_compare_without_more_real_text_halves_the_reference_for_everyone(files, capsys):
    assert main(["compare", "samples.txt", "--reference", "other.txt", *QUICK, "--bootstrap", "0"]) == 0
    scores = json.loads((files / "comparison" / "scores.json").read_text())
    assert (
        scores["systems"]["samples"]["count"] == scores["real"]["count"] == scores["settings"]["reference_size"] == 60
    )
    assert "cut to 60" in capsys.readouterr().out


def test_a_system_does_not_depend_on_those_beside_it(files):
    for systems in (["samples.txt"], ["other.txt", "samples.txt"]):
        options = ["--reference", "reference.txt", "--train", "train.txt", "--bootstrap", "0", "--size", "80"]
        assert main(["compare", *systems, *options, "--json", f"{len(systems)}.json"]) == 0
    alone, beside = (json.loads((files / f"{n}.json").read_text())["systems"]["samples"] for n in (1, 2))
    assert alone == beside


def test_sweep_draws_the_frontier_of_runs(run, files, capsys):
    assert train(files / "second", "--seed=3") == 0
    command = ["sweep", str(run), "second", "--temperatures", "0.1", "2", "--num", "60", "--out", "s"]
    assert main([*command, "--metrics", "ngrams", "oracle"]) == 0
    scores = json.loads((files / "s" / "scores.json").read_text())
    assert set(scores["systems"]) == {f"{name} T={t}" for name in ("tiny", "second") for t in ("0.1", "2")}
    assert all("grammatical" in s and s["count"] == 60 for s in [*scores["systems"].values(), scores["real"]])
    assert scores["real"]["grammatical"] == 1.0  # the run's own grammar was found
    # A hotter softmax is more diverse.
    assert scores["systems"]["tiny T=2"]["distinct_1"] > scores["systems"]["tiny T=0.1"]["distinct_1"]
    assert len((files / "s" / "samples" / "second-2.txt").read_text().splitlines()) == 60
    assert (files / "s" / "frontier.png").is_file()


def test_sweep_of_a_run_on_files_uses_its_held_out_sentences(files, run):
    assert train(files / "mine", "--corpus.train=train.txt", "--corpus.holdout=90") == 0
    # The corpus of the first run is the real text for both; the other one's is a grammar.
    assert main(["sweep", "mine", str(run), "--temperatures", "1", "--num", "50", *QUICK]) == 0
    scores = read(files / "sweep" / "scores.json")
    assert scores["settings"]["reference_size"] == 90 and scores["settings"]["size"] == 50
    assert scores["settings"]["reference"] == "mine/corpus/test.txt"
    assert scores["settings"]["train"] == "mine/corpus/train.txt"
    assert scores["real"]["novel"] is None and scores["systems"]["mine T=1"]["novel"] is not None
    command = ["sweep", "mine", "--temperatures", "1", "--num", "30", *QUICK, "--reference", "reference.txt"]
    assert main([*command, "--real", "other.txt", "--num", "150"]) == 0
    scores = read(files / "sweep" / "scores.json")
    assert scores["settings"]["reference_size"] == 200 and scores["systems"]["mine T=1"]["novel"] is None
    # There are 120 real sentences to score beside them.
    assert scores["settings"]["size"] == scores["systems"]["mine T=1"]["count"] == scores["real"]["count"] == 120


def test_sweep_writes_what_the_generator_says_at_that_seed_and_temperature(files, run):
    command = ["sweep", str(run), "--temperatures", "0.5", "1.5", "--num", "20", "--seed", "7", *QUICK, "--out", "s"]
    assert main([*command, "--train", "other.txt"]) == 0
    generator = Generator.from_pretrained(run)
    for temperature in (0.5, 1.5):
        written = (files / "s" / "samples" / f"{run.name}-{temperature}.txt").read_text().splitlines()
        assert written == list(generator.sample(20, 7, temperature))
    settings = read(files / "s" / "scores.json")["settings"]
    # A file of training sentences goes before those of the run.
    assert settings["train"] == "other.txt" and settings["temperatures"] == [0.5, 1.5] and settings["seed"] == 7


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
    scores = json.loads((files / "scores.json").read_text())
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
        (["evaluate", "samples.txt", "--reference", "reference.txt", "--encoder", "bert"], "no encoder 'bert'"),
        (["compare", "samples.txt", "one.txt", "--grammar", "text"], "one.txt: too few"),
        (["compare", "samples.txt", "./samples.txt", "samples.txt", "--grammar", "text"], "given twice"),
        (["compare", "samples.txt", "--grammar", "text", "--rank", "blue_4"], "--rank blue_4"),
        (["compare", "samples.txt"], "--reference"),
        (["sweep", "no-run"], "no such run"),
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


def test_language_models_tell_quality_and_diversity(monkeypatch):
    monkeypatch.setattr(families, "EPOCHS", 8)
    stream = Grammar.load("text").sentences(0)
    training, reference, fresh = ([next(stream) for _ in range(n)] for n in (400, 200, 400))
    builder, real = families.LanguageModels(), Real(reference, training)
    rng = random.Random(0)
    shuffled = [" ".join(rng.sample(s.split(), len(s.split()))) for s in fresh]
    good, bad, collapsed = (builder(samples, real)() for samples in (fresh, shuffled, fresh[:4] * 100))
    assert good["lm_nll"] < bad["lm_nll"] - 0.5  # words out of order are improbable
    assert good["reverse_lm_nll"] < collapsed["reverse_lm_nll"] - 0.5  # who has seen four sentences expects no others
    # Between the entropy of the grammar (2.3 nats a token, the end counted) and knowing nothing but the words.
    assert 2.2 < good["lm_nll"] < 4.5


def test_real_text_that_is_the_training_text_is_scored_on_what_its_model_has_not_seen(files, monkeypatch):
    monkeypatch.setattr(families, "EPOCHS", 1)
    command = ["compare", "other.txt", "--reference", "reference.txt", "--train", "train.txt", "--bootstrap", "4"]
    assert main([*command, "--metrics", "language-model"]) == 0
    real = json.loads((files / "comparison" / "scores.json").read_text())["real"]
    assert real["lm_nll"] == real["reverse_lm_nll"] > 0
    assert not (files / "comparison" / "frontier.png").exists()  # nothing to draw it from
    assert real["intervals"]["lm_nll"] == real["intervals"]["reverse_lm_nll"]


def test_a_file_named_real_is_a_system_beside_real_text(files):
    (files / "real.txt").write_text((files / "other.txt").read_text())
    assert main(["compare", "real.txt", "--grammar", "text", *QUICK, "--bootstrap", "0"]) == 0
    assert set(json.loads((files / "comparison" / "scores.json").read_text())["systems"]) == {"real.txt"}
    assert "| real.txt | real | goal |" in (files / "comparison" / "table.md").read_text()
