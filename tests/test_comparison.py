"""The commands compare and sweep as a user types them: equal sizes, real text as one more system, ranks and files."""

import itertools

import numpy as np
import pytest
from conftest import train
from scored import QUICK, different, put, read

from seqgan_gp import Generator
from seqgan_gp.cli import main
from seqgan_gp.evaluation import training_model
from seqgan_gp.text.grammar import Grammar

pytestmark = pytest.mark.usefixtures("one_thread", "quick_figures")


def test_compare_scores_the_sentences_of_real_like_one_more_system(files):
    options = ["--reference", "reference.txt", "--train", "train.txt", *QUICK, "--bootstrap", "0"]
    assert main(["compare", "samples.txt", "other.txt", *options, "--real", "other.txt"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert scores["real"] == scores["systems"]["other"] and scores["settings"]["reference_size"] == 200
    # Without --real it is the training sentences, and without them one half of the reference.
    assert main(["compare", "samples.txt", "train.txt", *options, "--size", "70"]) == 0
    scores = read(files / "comparison" / "scores.json")
    novelty = dict.fromkeys(("novel", "longest_overlap", "new_words"), 0)
    assert scores["real"] | novelty == scores["systems"]["train"] | novelty
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


def test_compare_ranks_systems_at_equal_size_and_writes_all(files, capsys):
    command = ["compare", "samples.txt", "other.txt", "--reference", "reference.txt", "--train", "train.txt"]
    assert main([*command, *QUICK, "--bootstrap", "5", "--json", "extra.json"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert read(files / "extra.json") == scores
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
    assert next(iter(read(files / "comparison" / "scores.json")["systems"])) == first


def test_compare_without_more_real_text_halves_the_reference_for_everyone(files, capsys):
    assert main(["compare", "samples.txt", "--reference", "other.txt", *QUICK, "--bootstrap", "0"]) == 0
    scores = read(files / "comparison" / "scores.json")
    assert (
        scores["systems"]["samples"]["count"] == scores["real"]["count"] == scores["settings"]["reference_size"] == 60
    )
    assert "cut to 60" in capsys.readouterr().out


def test_a_system_does_not_depend_on_those_beside_it(files):
    for systems in (["samples.txt"], ["other.txt", "samples.txt"]):
        options = ["--reference", "reference.txt", "--train", "train.txt", "--bootstrap", "0", "--size", "80"]
        assert main(["compare", *systems, *options, "--json", f"{len(systems)}.json"]) == 0
    alone, beside = (read(files / f"{n}.json")["systems"]["samples"] for n in (1, 2))
    assert alone == beside


def test_seeds_are_one_column_with_their_deviation_and_the_test_is_named(files, capsys):
    stream = Grammar.load("text").sentences(9)
    for name in "abc":
        put(files / f"{name}.txt", [next(stream) for _ in range(20)])
        put(files / f"bad,{name}.txt", [f"dog {next(stream)}" for _ in range(20)])
    given = ["ours=a.txt,b.txt", "ours=c.txt", "50%_bad=bad,a.txt", "50%_bad=bad,b.txt", "50%_bad=bad,c.txt"]
    options = ["--reference", "reference.txt", *QUICK, "--bootstrap", "0", "--rank", "mean_length"]
    assert main(["compare", *given, *options, "--out", "seeds"]) == 0
    scores = read(files / "seeds" / "scores.json")
    assert main(["compare", "a.txt", "b.txt", "c.txt", *options, "--out", "alone"]) == 0
    alone = read(files / "alone" / "scores.json")["systems"]
    lengths = [alone[name]["mean_length"] for name in "abc"]
    assert [seed["mean_length"] for seed in scores["systems"]["ours"]["seeds"]] == lengths
    assert scores["systems"]["ours"]["mean_length"] == pytest.approx(np.mean(lengths))
    assert scores["systems"]["ours"]["deviations"]["mean_length"] == pytest.approx(np.std(lengths, ddof=1))
    assert scores["settings"]["systems"]["ours"] == ["a.txt", "b.txt", "c.txt"]
    (pair,) = scores["differences"]
    assert pair["test"] == "seeds" and sorted(pair["systems"]) == ["50%_bad", "ours"]
    assert pair["p"]["bleu_4"] >= 0.1 - 1e-9 and "count" not in pair["p"]
    said = capsys.readouterr().out
    assert "two-sided permutation test over the seeds; p cannot be below 0.10 with 3 and 3 seeds" in said
    assert "ours (3 seeds)" in said
    written = {path.name for path in (files / "seeds").iterdir()}
    assert {f"{name}.{suffix}" for name in ("table", "differences") for suffix in ("csv", "tex")} <= written
    assert r"50\%\_bad" in (files / "seeds" / "table.tex").read_text()
    assert "mean_length" in (files / "seeds" / "differences.csv").read_text()
    assert "permutation test" in (files / "seeds" / "table.md").read_text()
    assert "differences" not in read(files / "alone" / "scores.json")  # neither seeds nor halves


def test_single_files_are_told_apart_by_their_halves_and_that_is_said(files, capsys):
    put(files / "bad.txt", [f"{line} dog dog dog" for line in (files / "other.txt").read_text().splitlines()])
    command = ["compare", "other.txt", "bad.txt", "--reference", "reference.txt", *QUICK, "--bootstrap", "20"]
    assert main(command) == 0
    (pair,) = read(files / "comparison" / "scores.json")["differences"]
    assert pair["test"] == "halves" and pair["p"]["mean_length"] < 1e-3
    assert "t-test on 20 paired halves" in capsys.readouterr().out


@pytest.mark.parametrize(
    "given, complaint",
    [
        (["ours=samples.txt,samples.txt"], "samples.txt is given twice"),
        (["ours=samples.txt", "lm=samples.txt"], "samples.txt is given twice"),
        (["ours=samples.txt", "samples.txt"], "samples.txt is given twice"),
        (["samples=other.txt", "samples.txt"], "samples=other.txt: give a system a name of its own"),
        (["real=other.txt"], "real=other.txt: give a system a name of its own"),
        (["=other.txt"], "=other.txt: give a system a name of its own"),
        (["ours=other.txt,"], "ours=other.txt,: a file is missing"),
        (["ours=no.txt,other.txt"], "no.txt"),
    ],
)
def test_seeds_that_are_no_seeds_are_refused(files, capsys, given, complaint):
    before = set(files.iterdir())
    assert main(["compare", *given, "--grammar", "text", *QUICK]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1 and set(files.iterdir()) == before


def test_a_file_named_real_is_a_system_beside_real_text(files):
    (files / "real.txt").write_text((files / "other.txt").read_text())
    assert main(["compare", "real.txt", "--grammar", "text", *QUICK, "--bootstrap", "0"]) == 0
    assert set(read(files / "comparison" / "scores.json")["systems"]) == {"real.txt"}
    assert "| real.txt | real | goal |" in (files / "comparison" / "table.md").read_text()


def test_real_text_that_is_the_training_text_is_scored_on_what_its_model_has_not_seen(files, monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    command = ["compare", "other.txt", "--reference", "reference.txt", "--train", "train.txt", "--bootstrap", "4"]
    assert main([*command, "--metrics", "language-model"]) == 0
    real = read(files / "comparison" / "scores.json")["real"]
    assert real["lm_nll"] == real["reverse_lm_nll"] > 0
    assert not (files / "comparison" / "frontier.png").exists()  # nothing to draw it from
    assert real["intervals"]["lm_nll"] == real["intervals"]["reverse_lm_nll"]


def test_sweep_draws_the_frontier_of_runs(run, files, capsys):
    assert train(files / "second", "--seed=3") == 0
    command = ["sweep", str(run), "second", "--temperatures", "0.1", "2", "--num", "60", "--out", "s"]
    assert main([*command, "--metrics", "ngrams", "oracle"]) == 0
    scores = read(files / "s" / "scores.json")
    assert set(scores["systems"]) == {f"{name} T={t}" for name in ("tiny", "second") for t in ("0.1", "2")}
    assert all("grammatical" in s and s["count"] == 60 for s in [*scores["systems"].values(), scores["real"]])
    assert scores["real"]["grammatical"] == 1.0  # the run's own grammar was found
    # A hotter softmax is more diverse.
    assert scores["systems"]["tiny T=2"]["distinct_1"] > scores["systems"]["tiny T=0.1"]["distinct_1"]
    assert len((files / "s" / "samples" / "second-2.txt").read_text().splitlines()) == 60
    assert (files / "s" / "frontier.png").is_file()


def test_sweep_of_a_run_on_files_uses_its_held_out_sentences(files, run, capsys):
    assert train(files / "mine", "--corpus.train=train.txt", "--corpus.holdout=90") == 0
    # The corpus of the first run is the real text for both; the other one's is a grammar.
    assert main(["sweep", "mine", str(run), "--temperatures", "1", "--num", "50", *QUICK]) == 0
    scores = read(files / "sweep" / "scores.json")
    said = capsys.readouterr().err
    assert f"warning: {run} was trained on grammar:text, and its samples are compared with train.txt, the" in said
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
    assert main([*command, "--train", "other.txt", "--column", "line"]) == 0
    generator = Generator.from_pretrained(run)
    for temperature in (0.5, 1.5):
        written = (files / "s" / "samples" / f"{run.name}-{temperature}.txt").read_text().splitlines()
        assert written == list(generator.sample(20, 7, temperature))
    settings = read(files / "s" / "scores.json")["settings"]
    # A file of training sentences goes before those of the run.
    assert settings["train"] == "other.txt" and settings["column"] == "line"
    assert settings["temperatures"] == [0.5, 1.5] and settings["seed"] == 7
