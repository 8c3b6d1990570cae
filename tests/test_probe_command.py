"""Test the command probe, from the command line to its files."""

import json
import shutil

import pytest
import torch
from conftest import ROOT, train

from seqgan_gp import artefacts
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.probing import FAMILIES, PARTS, across, along, beside, pivot
from seqgan_gp.probing.results import Result
from seqgan_gp.probing.subjects import BLOCKS, CRITIC, WINDOWS, Text, load

SMALL = ["--sentences", "30"]
pytestmark = pytest.mark.usefixtures("one_thread", "quick_figures")


def probe(*options):
    return main(["probe", *map(str, options), *SMALL])


def rows(folder, name):
    return json.loads((folder / f"{name}.json").read_text())["rows"]


@pytest.fixture(scope="module")
def revised(tmp_path_factory):
    """A tiny run with a reviser and a reranker."""
    output = tmp_path_factory.mktemp("runs") / "revised"
    parts = ["--revision.passes=2", "--revision.share=0.34", "--reranking.candidates=2", "--reranking.share=0.34"]
    assert train(output, *parts) == 0
    return output


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny language model."""
    output = tmp_path_factory.mktemp("runs") / "model"
    assert train(output, "--method=likelihood", "--likelihood.validation=50") == 0
    return output


@pytest.fixture(scope="module")
def probed(revised, model, tmp_path_factory):
    """The folder of all probes of a run with every kind of network. Its figures are drawn, those of tests are not."""
    out = tmp_path_factory.mktemp("probes")
    before = {path: path.read_bytes() for path in revised.rglob("*") if path.is_file()}
    options = ["--language-model", str(model), "--out", str(out), "--sentences", "80"]
    assert main(["probe", str(revised), *options]) == 0
    assert before == {path: path.read_bytes() for path in revised.rglob("*") if path.is_file()}
    return out


def test_every_result_has_its_files_and_a_place_on_the_page(probed):
    page = (probed / "probes.md").read_text()
    names = {path.stem for path in probed.glob("*.json")}
    assert {"acceptability", "layers", "layers-best", "pointing-game", "saliency", "generated", "scores"} <= names
    assert {"slopes", "calibration", "neighbours", "neighbours-by-class", "dead-units"} <= names
    for name in names:
        assert rows(probed, name)
        assert f"({name}.png)" in page and (probed / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (probed / f"{name}.md").read_text().splitlines()[0][2:] in page


def test_the_code_of_the_page_runs_as_printed(run, capsys):
    page = (ROOT / "docs" / "probing.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    assert 'probing.load("runs/text")' in code
    exec(code.replace("runs/text", str(run)), {})
    assert "shuffle" in capsys.readouterr().out


def test_every_network_of_the_run_is_probed(probed):
    scored = {"critic", "reranker", "random critic", "language model"}
    assert all(scored <= row.keys() for row in rows(probed, "acceptability"))
    layers = {(row["subject"], row["layer"]) for row in rows(probed, "layers")}
    assert {subject for subject, _ in layers} == scored | {"reviser"}
    assert {("critic", "embedding"), ("critic", "block 3"), ("reviser", "block 2")} <= layers


@pytest.mark.filterwarnings("ignore::seqgan_gp.notices.Notice")
def test_the_windows_and_the_blocks_of_a_critic_are_probed_apart(tmp_path):
    assert train(tmp_path / "run", "--critic.windows=2") == 0
    with pytest.raises(UserError, match=r"give Text\(reference='x.txt'\) for a file"):
        load(tmp_path / "run", "x.txt")
    subjects = load(tmp_path / "run", Text(sentences=20))
    whole, windows, blocks = (subjects.scorers[name](subjects.sentences) for name in (CRITIC, WINDOWS, BLOCKS))
    torch.testing.assert_close(windows + blocks, whole)
    embedded = subjects.critic.embed(subjects.sentences)
    torch.testing.assert_close(windows, subjects.critic.network.window_score(embedded))
    assert windows.std() > 0 and blocks.std() > 0
    assert probe(tmp_path / "run", "--parts", "acceptability", "--out", tmp_path / "probes") == 0
    assert {WINDOWS, BLOCKS} <= rows(tmp_path / "probes", "acceptability")[0].keys()


def test_a_seed_gives_the_same_probes(revised, tmp_path):
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        assert probe(revised, "--parts", "acceptability", "--seed", seed, "--out", tmp_path / name) == 0
    one, same, other = ((tmp_path / name / "acceptability.json").read_text() for name in ("one", "same", "other"))
    assert one == same != other


def test_several_runs_have_means_beside_their_own_tables(run, revised, tmp_path, capsys):
    assert probe(run, revised, "--parts", "scores", "--out", tmp_path) == 0
    each = [rows(tmp_path / path.name, "scores") for path in (run, revised)]
    for mean, first, second in zip(rows(tmp_path, "scores"), *each, strict=True):
        assert mean["group"] == first["group"] and mean["runs"] == 2
        assert mean["mean"] == pytest.approx((first["mean"] + second["mean"]) / 2)
        assert mean["mean_sd"] == pytest.approx(abs(first["mean"] - second["mean"]) / 2**0.5)
    assert "calibration" not in {path.stem for path in tmp_path.glob("*.json")}  # one of the runs has none
    assert "mean" in capsys.readouterr().out


def test_all_checkpoints_are_drawn_against_the_step(run, tmp_path):
    assert probe(run, "--checkpoints", "all", "--parts", "scores", "--out", tmp_path) == 0
    found = rows(tmp_path, "scores-along-training")
    steps = [artefacts.step_of(path) for path in artefacts.checkpoints(run)]
    assert sorted({row["step"] for row in found}) == steps and len(steps) == 2
    last = [row for row in found if row["step"] == steps[-1]]
    assert [{k: v for k, v in row.items() if k != "step"} for row in last] == rows(tmp_path, "scores")


CONDITIONAL = {
    "labels": (["--corpus.train=grammar:types", "--corpus.label=label"], ["layers"]),
    "contexts": (["--corpus.train=grammar:dialogue", "--corpus.context=context"], ["saliency", "scores"]),
}


@pytest.mark.parametrize(("options", "parts"), CONDITIONAL.values(), ids=CONDITIONAL)
def test_conditional_critics_are_probed_with_other_conditions_too(options, parts, tmp_path, capsys):
    assert train(tmp_path / "run", *options) == 0
    options = ["--parts", "acceptability", *parts, "--out", str(tmp_path / "probes"), "--sentences", "80"]
    assert main(["probe", str(tmp_path / "run"), *options]) == 0
    families = {(row["family"], row["proof"]) for row in rows(tmp_path / "probes", "acceptability-critic")}
    assert {"wrong condition", "shuffle"} <= {family for family, _ in families}
    assert ("condition", "wrong") in families
    for option in ("--samples", "--reference"):
        assert probe(tmp_path / "run", option, "some.txt", "--out", tmp_path / "probes") == 2
        assert f"leave out {option}" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "part"), [("grammar", "scores"), ("file", "saliency")])
def test_letters_are_probed_as_words_are(kind, part, tmp_path):
    source = "grammar:dna"
    if kind == "file":
        source = tmp_path / "letters.txt"
        source.write_text("".join(f"{'acgt' * (i % 3 + 1)}{i:b}\n" for i in range(300)))
    options = ["--tokenizer.kind=character", "--tokenizer.vocabulary=9", "--tokenizer.length=48"]
    assert train(tmp_path / "run", f"--corpus.train={source}", *options) == 0
    assert probe(tmp_path / "run", "--parts", part, "acceptability", "--out", tmp_path / "probes") == 0
    assert not (tmp_path / "probes" / "neighbours-by-class.md").exists()  # words are not tokens


def test_a_checkpoint_alone_takes_its_grammar_or_a_reference(run, tmp_path, capsys):
    alone = tmp_path / "alone"
    shutil.copytree(artefacts.checkpoints(run)[-1], alone)
    assert probe(alone, "--parts", "acceptability", "--out", tmp_path / "of_grammar") == 0
    reference = tmp_path / "reference.txt"
    long = "the dog " * 20
    reference.write_text(
        f"{long}\n" * 3 + "the dog sleeps.\nthe young cat runs.\na king waits.\nanna sings loudly.\n" * 9
    )
    options = ["--parts", "acceptability", "--reference", reference, "--out", tmp_path / "of_reference"]
    assert probe(alone, *options) == 0
    assert "3 sentences are longer than 16 tokens" in capsys.readouterr().err


def test_generated_sentences_of_a_file_take_the_place_of_samples(run, tmp_path):
    samples = tmp_path / "samples.txt"
    samples.write_text("dog dog dog dog\nthe the the\n" * 30)
    assert probe(run, "--parts", "scores", "--samples", samples, "--out", tmp_path / "probes") == 0
    counts = {row["group"]: row["sentences"] for row in rows(tmp_path / "probes", "scores")}
    assert counts["generated"] == 60


MINE = """
import numpy as np
from seqgan_gp.probing import FAMILIES, PARTS, Corruption, Part, against

FAMILIES["backwards"] = Corruption(lambda ids, known, rng: np.append(ids[-2::-1], ids[-1]))


def lengths(run):
    subjects = run.subjects
    short = [sentence for sentence in subjects.sentences if len(sentence) < 40]
    yield "short", against(subjects.critic, subjects.sentences, short)


PARTS["short"] = Part("real sentences against the short ones", lengths, shown=("short",))
"""


def test_a_module_of_the_users_own_adds_a_corruption_and_a_part(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_probes.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    options = ["--import", "my_probes", "--parts", "short", "acceptability", "--out", "probes"]
    before = [(registry, dict(registry)) for registry in (FAMILIES, PARTS)]  # other tests go on without them
    try:
        assert probe(run, *options) == 0
    finally:
        for registry, entries in before:
            registry.clear()
            registry.update(entries)
    assert "Real sentences against generated ones" in capsys.readouterr().out
    assert rows(tmp_path / "probes", "short")[1]["sentences"] == "generated"
    assert "backwards" in {row["family"] for row in rows(tmp_path / "probes", "acceptability")}


def bad(name, options, needle):
    return pytest.param(options, needle, id=name)


@pytest.mark.parametrize(
    ("options", "needle"),
    [
        bad("no run", ["{tmp}/nowhere"], "no such run folder"),
        bad("no critic", ["{model}"], "has no critic"),
        bad("no language model", ["{run}", "--language-model", "{run}"], "has no language model"),
        bad("a part", ["{run}", "--parts", "layers", "colours"], "--parts colours: no such part; there are acc"),
        bad("a run twice", ["{run}", "{run}"], "is given twice"),
        bad("samples of two", ["{run}", "{tmp}", "--samples", "x"], "--samples is for one run"),
        bad("no samples", ["{run}", "--samples", "{tmp}/x.txt"], "x.txt"),
        bad("no reference", ["{run}", "--reference", "{tmp}/x.txt"], "x.txt"),
        bad("long text", ["{run}", "--reference", "{tmp}/long.txt"], "0 sentences of at most 16 tokens"),
        bad("unknown text", ["{run}", "--reference", "{tmp}/unknown.txt"], "all known"),
        bad("few sentences", ["{run}", "--parts", "layers", "--reference", "{tmp}/few.txt"], "too few for layers"),
        bad(
            "one checkpoint", ["{tmp}/one", "--checkpoints", "all", "--parts", "scores"], "--checkpoints all needs two"
        ),
        bad("a checkpoint", ["{tmp}/one/checkpoints/step-0000006", "--checkpoints", "all"], "is no run folder"),
        bad("a file as folder", ["{run}", "--out", "{tmp}/long.txt"], "long.txt"),
    ],
)
def test_bad_input_gets_one_line(options, needle, run, model, tmp_path, capsys):
    (tmp_path / "long.txt").write_text("the dog sleeps near the river " * 9 + "\n")
    (tmp_path / "few.txt").write_text("the dog sleeps.\nanna sings.\n")
    (tmp_path / "unknown.txt").write_text("xyzzy plugh\nplugh xyzzy\nfoo bar\n" * 9)
    if any("one" in option for option in options):
        shutil.copytree(run, tmp_path / "one")
        shutil.rmtree(artefacts.checkpoints(tmp_path / "one")[0])
    given = [option.format(run=run, model=model, tmp=tmp_path) for option in options]
    out = [] if "--out" in given else ["--out", tmp_path / "probes"]
    assert probe(*given, *out) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and needle in error


def test_a_language_model_of_another_length_is_refused_before_the_work(run, tmp_path, capsys):
    assert train(tmp_path / "model", "--method=likelihood", "--likelihood.validation=50", "--tokenizer.length=11") == 0
    assert probe(run, "--language-model", tmp_path / "model", "--out", tmp_path / "probes") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "reads 11 tokens of a sentence, and the critic of" in error
    assert error.endswith("reads 16: train it with --tokenizer.length 16")
    assert not (tmp_path / "probes").exists()


def test_the_help_lists_the_parts(capsys):
    with pytest.raises(SystemExit):
        main(["probe", "--help"])
    shown = capsys.readouterr().out
    assert all(part in shown for part in PARTS)


class Toy(Result):
    DRAWN = ("score",)
    title = note = "toy"

    def plot(self):
        raise NotImplementedError


def test_results_are_joined_by_the_texts_of_their_rows():
    one = Toy([{"name": "a", "score": 1.0, "score_low": 0.5, "score_high": 2.0}, {"name": "b", "score": 3.0}])
    two = Toy([{"name": "b", "score": 5.0}, {"name": "c", "score": None}])
    assert beside({"x": one, "y": two}).rows == [
        {"name": "a", "x": 1.0, "x_low": 0.5, "x_high": 2.0},
        {"name": "b", "x": 3.0, "y": 5.0},
    ]
    assert [(row["name"], row["score"], row["runs"]) for row in across({"x": one, "y": two}).rows] == [
        *(("a", 1.0, 1), ("b", 4.0, 2), ("c", None, 1)),
    ]
    twice = Toy([{"name": "a", "number": n, "score": float(n)} for n in (1, 2)])  # a number alone tells them apart
    assert [row["score"] for row in across({"x": twice, "y": twice}).rows] == [1, 2]
    assert [row["step"] for row in along({10: one, 20: two}).rows] == [10, 10, 20, 20]
    methods = Toy([{"method": m, "family": f, "score": s} for m, f, s in (("x", "f", 1.0), ("y", "f", 2.0))])
    assert pivot(methods, "method").rows == [{"family": "f", "x": 1.0, "y": 2.0}]


def test_a_table_shows_intervals_and_deviations_behind_their_number():
    table = Toy(
        [{"name": "a|b", "score": 0.5, "score_low": 0.25, "score_high": 0.75, "n": 1234, "m": 1.0, "m_sd": 0.1}]
    )
    assert table.table().split("\n")[1] == "a|b   0.500 [0.250, 0.750]  1,234  1.000 ± 0.100"
    assert repr(table) == f"toy\n{table.table()}"
    assert table.markdown().split("\n")[2] == r"| a\|b | 0.500 [0.250, 0.750] | 1,234 | 1.000 ± 0.100 |"
    assert list(table.to_frame().columns) == ["name", "score", "score_low", "score_high", "n", "m", "m_sd"]
