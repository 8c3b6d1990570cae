"""Test the command report, and the report at the end of a run: what the page holds, and what is refused."""

import json
import re
import shlex
import shutil
import statistics
from html.parser import HTMLParser

import bars
import numpy as np
import pytest
import torch
from conftest import rows, train

from seqgan_gp import Critic, Generator, config
from seqgan_gp.cli import main
from seqgan_gp.config.command_line import arguments
from seqgan_gp.images import scorer
from seqgan_gp.report import command, content, critic, runs, sentences, story, walk
from seqgan_gp.report.page import render
from seqgan_gp.training import replacing

PARTS = ["--revision.passes=2", "--revision.share=0.34", "--reranking.candidates=2", "--reranking.share=0.34"]
EVIL = "<script>alert(1)</script>"
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def revised(tmp_path_factory):
    """A tiny run with a reviser and a reranker, on sentences of which many hold markup."""
    folder = tmp_path_factory.mktemp("report")
    lines = [f'the {word} {EVIL} is <b>{word}</b> & "old".' for word in "abcdefgh"] + [f"a dog {i}." for i in range(40)]
    (folder / "lines.txt").write_text("".join(f"{line}\n" for line in lines * 3))
    options = [f"--corpus.train={folder / 'lines.txt'}", "--corpus.holdout=20", "--tokenizer.length=24", *PARTS]
    assert train(folder / "revised", *options) == 0
    return folder / "revised"


def report(*options):
    return main(["report", *map(str, options)])


class Page(HTMLParser):
    """The text of a page, and all that it would load."""

    def __init__(self, path):
        super().__init__()
        self.source, self.words, self.loads, self.tags = path.read_text(), [], [], []
        self.feed(self.source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "data", "action", "poster") and not value.startswith(("data:", "#")):
                self.loads.append(value)

    def handle_data(self, data):
        if self.tags and self.tags[-1] not in ("script", "style"):
            self.words.append(data)


@pytest.fixture(scope="module")
def told(revised):
    """The content of each section of the run, by its template."""
    found = story.tell(runs.read_all([revised])[0])
    assert not found.left_out
    return {section.template: section.content for section in found.told}


@pytest.fixture(scope="module")
def page(revised, tmp_path_factory):
    before = {path: path.read_bytes() for path in revised.rglob("*") if path.is_file()}
    out = tmp_path_factory.mktemp("pages") / "page.html"
    assert report(revised, "--out", out) == 0
    assert before == {path: path.read_bytes() for path in revised.rglob("*") if path.is_file()}
    return Page(out)


def test_the_page_holds_every_section_and_asks_the_network_for_nothing(page, revised):
    for section in story.SECTIONS["text"]:
        assert section.title in page.text
    assert "Left out" not in page.text
    style = page.source.partition("<style>")[2].partition("</style>")[0]
    assert page.loads == [] and style and "@import" not in style and "url(" not in style
    assert len(page.source) < 6_000_000
    steps = [row["step"] for row in rows(revised) if "eval/count" in row]
    assert all(f'data-label="step {step}"' in page.source for step in steps) and len(steps) == 2
    last = (revised / "samples" / f"step-{steps[-1]:07d}.txt").read_text().splitlines()
    assert all(" ".join(sample.split()) in page.text for sample in last[: sentences.SHOWN])


def test_what_comes_from_a_corpus_is_text_on_the_page(page, revised, tmp_path):
    assert EVIL in page.text  # as a reader sees it
    assert EVIL not in page.source and "<b>a" not in page.source
    named = shutil.copytree(revised, tmp_path / "<!--<script>$$x$$")  # in legends, headings and the data of charts
    (tmp_path / "page.html").write_text(render([story.compare(runs.read_all([named, revised]))], "both"))
    both = Page(tmp_path / "page.html")
    assert "<!--<script>$$x$$" in both.text
    assert "<!--<script>" not in both.source


def test_the_command_on_the_page_gives_the_same_experiment(revised, told, tmp_path):
    for folder, options in (
        (revised, []),
        (tmp_path / "other", ["--generator.backbone=attention", "--generator.heads=2", "--imports=[]"]),
    ):
        if options:
            values = {"generator": {"backbone": "attention", "heads": 2}, "imports": ["json"]}
            values |= {"penalty": {"at": ["real", "interpolates"]}, "clipping": None, "trackers": ["tensorboard"]}
            values |= {"corpus": {"label": "my label", "train": "it's a file.csv"}, "seed": 7}
            values |= {"train": {"critic": {"options": {"betas": [0, 0.5]}}}}
            experiment = config.schema.changed(config.files.default("text"), values)
        else:
            experiment = config.load(folder / "config.yaml")
        given = shlex.split(shlex.join([*arguments(experiment), f"--output={folder}"]))
        assert config.parse(given) == config.Invocation(experiment, folder)
    asked = shlex.split(told["setup"].command.replace("\\\n", " "))
    assert asked[:2] == ["seqgan-gp", "train"] and f"--output={revised}" in asked
    assert {("seed", "3", "0"), ("revision.passes", "2", "null")} <= set(told["setup"].differences)


def test_the_scores_are_those_of_the_run_beside_real_ones(revised, told):
    last = rows(revised)[-1]
    found = {row.key: row for _, group in told["scores"].groups for row in group}
    real = {key: value for row in rows(revised) for key, value in row.items() if key.startswith("real/")}
    for key in ("bleu_4", "jsd_2", "unique", "mean_length"):
        assert found[key].generated.startswith(f"{last[f'eval/{key}']:.3f} ±")
        assert found[key].real.startswith(f"{real[f'real/{key}']:.3f} ±")
    assert found["bleu_4"].main and not found["bleu_3"].main and found["novel"].real == "–"


def test_phases_are_marked_and_the_sentences_that_they_renew(revised, told):
    run = runs.read_all([revised])[0]
    assert [(phase.name, phase.begins) for phase in run.phases] == [("revising", 2), ("reranking", 4)]
    first, last = told["through_time"]
    assert (first.step, first.renewed) == (3, "revising") and (last.step, last.renewed) == (6, "reranking")
    assert not any(mark for _, spans in last.rows for _, mark in spans)
    assert "revising begins after step 2 and reranking begins after step 4" in told["charts"].note


def test_new_and_copied_words_are_marked(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    training = (copy / "corpus" / "train.txt").read_text().splitlines()
    known = next(line for line in training if len(line.split()) > 5)
    words = known.split()
    changed = " ".join(["zebra", *words[1:]])
    (copy / "samples" / "step-0000003.txt").write_text(f"{known}\n" * 20)
    (copy / "samples" / "step-0000006.txt").write_text(f"{known}\n{changed}\n" * 10)
    one = runs.read_all([copy])[0]
    (_, kept), (_, new), *_ = sentences.through_time(one)[-1].rows
    assert kept == [(known, False)]
    assert new == [("zebra", True), (changed.removeprefix("zebra"), False)]
    exact, near, *_ = sentences.nearest(one).rows
    assert exact.exact and exact.sample == exact.training == [(known, True)] and exact.copied == exact.total
    assert not near.exact and near.copied == near.total - 1 and near.sample[0] == ("zebra", False)


def test_pieces_are_the_sentence_and_characters_are_no_copy_alone():
    for text, unit in (("a dog's  day , it-is.", "word"), ("acgt ac", "character"), ("  ", "word"), ("", "character")):
        assert "".join(content.pieces(text, unit)) == text
    assert content.shared(list("acgtt"), list("acgat"), 3) == [True, True, True, False, False]
    assert content.few(5, 9) == [0, 1, 2, 3, 4] and content.few(100, 3) in ([0, 49, 99], [0, 50, 99])


def test_noises_of_a_walk_are_as_long_as_any_noise():
    one, other = torch.randn(2, 4000)
    path = walk.between(one, other, 5)
    torch.testing.assert_close(path[0], one)
    torch.testing.assert_close(path[-1], other, atol=1e-5, rtol=0)
    assert torch.allclose(path.std(dim=1), torch.ones(5), atol=0.1)  # the middle of a line has .71


def test_a_walk_takes_the_most_probable_words_of_its_noises(run):
    one, other = walk.walk(runs.read_all([run])[0])
    generator = Generator.from_pretrained(run)
    rng = np.random.default_rng(3)
    noise = generator.network.sample_noise(2, rng)
    expected = generator.tokenizer.decode(generator(noise).argmax(-1).numpy())
    assert "".join(text for text, _ in one.stops[0][1]) == expected[0]
    assert "".join(text for text, _ in one.stops[-1][1]) == expected[1] and one.stops[-1][0] == 1
    assert other.stops[0][1] != one.stops[0][1]


@pytest.mark.filterwarnings("ignore::seqgan_gp.notices.Notice")
def test_tokens_have_the_colour_of_their_share(revised, told):
    coloured = told["tokens"]
    assert {row.kind for row in coloured} == {"generated", "real"}
    sample = (revised / "samples" / "step-0000006.txt").read_text().splitlines()[0]
    assert coloured[0].score == pytest.approx(float(Critic.from_pretrained(revised)(sample)[0]), abs=1e-4)
    parts = [part for row in coloured for *_, part in row.tokens]
    assert max(map(abs, parts)) == 1 and all(value * part >= 0 for row in coloured for _, value, part in row.tokens)


def test_a_language_model_has_no_critic_and_the_page_says_so(tmp_path):
    assert train(tmp_path / "model", "--method=likelihood", "--likelihood.validation=50") == 0
    assert report(tmp_path / "model") == 0  # in the run folder
    page = Page(tmp_path / "model" / "report.html")
    assert "Where the critic looks: a run of method likelihood has no critic." in page.text
    assert "A walk between two noises: a model of method likelihood has no noise." in page.text
    assert "perplexity" in page.text and "Samples through time" in page.text


@pytest.mark.parametrize("kind", ["label", pytest.param("context", marks=pytest.mark.slow)])
def test_conditions_stand_before_their_sentences(kind, tmp_path):
    grammar = {"label": "types", "context": "dialogue"}[kind]
    options = [f"--corpus.train=grammar:{grammar}", f"--corpus.{kind}={kind}", "--condition.features=8"]
    assert train(tmp_path / "run", *options) == 0
    found = story.tell(runs.read_all([tmp_path / "run"])[0])
    assert not found.left_out
    told = {section.template: section.content for section in found.told}
    samples = tmp_path / "run" / "samples" / "step-0000006"
    given, text = (samples.with_suffix(end).read_text().splitlines() for end in (".given.txt", ".txt"))
    shown = [(one, "".join(piece for piece, _ in spans)) for one, spans in told["through_time"][-1].rows]
    assert shown == list(zip(given, text, strict=True))[: sentences.SHOWN]
    assert [row.given for row in told["tokens"] if row.kind == "generated"] == given[: critic.SHOWN]
    assert [one.given for one in told["walk"]] == given[: walk.WALKS]
    (tmp_path / "page.html").write_text(render([found], "conditions"))
    page = Page(tmp_path / "page.html")
    assert all(" ".join(f"{one} {other}".split()) in page.text for one, other in zip(given[:9], text[:9], strict=True))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    bars.bars(200).save(folder / "bars.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scorer, "STEPS", 60)
        assert bars.train(folder / "run", folder / "bars.npz") == 0
    return folder / "run"


def test_images_have_their_grids_through_time(pictures, tmp_path, capsys):
    assert report(pictures, "--out", tmp_path / "page.html") == 0
    page = Page(tmp_path / "page.html")
    assert page.tags.count("img") == 3 and page.loads == []  # two evaluations and a walk
    copy = shutil.copytree(pictures, tmp_path / "copy")
    (copy / "samples" / "step-0000003.png").write_bytes((copy / "samples" / "step-0000003.png").read_bytes()[:60])
    assert report(copy, "--out", tmp_path / "none.html") == 2
    assert "step-0000003.png is damaged" in capsys.readouterr().err and not (tmp_path / "none.html").exists()
    assert "frechet" in page.text and "class_0" in page.text and "tell them apart" in page.text


def test_several_runs_have_means_over_seeds(run, tmp_path):
    folders = [run, tmp_path / "other", tmp_path / "seed_4"]
    for folder, key, score in zip(folders[1:], ("  batch_size: 6", "seed: 3"), (0.4, 0.25), strict=True):
        shutil.copytree(run, folder)
        text = (folder / "config.yaml").read_text()
        assert text.count(f"\n{key}\n") == 1
        text = text.replace(f"\n{key}\n", f"\n{key[:-1]}4\n")
        assert "\n  threads: 1\n" in text  # each run chooses its own
        (folder / "config.yaml").write_text(text.replace("\n  threads: 1\n", "\n  threads: 2\n"))
        kept = [row | ({"eval/bleu_4": score} if "eval/bleu_4" in row else {}) for row in rows(folder)]
        (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in kept))
    compared = story.compare(runs.read_all(folders))
    table = next(section.content for section in compared.told if section.template == "seeds")
    assert table.groups == [f"mean of {run.name}, seed_4", "other"]
    values = [rows(folder)[-1]["eval/bleu_4"] for folder in folders]
    found = next(row for row in table.rows if row.key == "bleu_4")
    mean, deviation = statistics.fmean(values[::2]), statistics.stdev(values[::2])
    assert found.groups == [f"{mean:.3f} ±{deviation:.3f}", f"{values[1]:.3f}"]
    assert found.runs == [f"{value:.3f}" for value in values]
    assert compared.told[0].title == "Quality and diversity"


def spoil_metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    lines[2] = lines[2][:-5]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


REFUSED = {
    "no run": (lambda f: (f / "config.yaml").unlink(), "is no run folder"),
    "no samples": (lambda f: shutil.rmtree(f / "samples"), "has no samples yet"),
    "damaged metrics": (spoil_metrics, "metrics.jsonl, line 3: damaged"),
    "damaged samples": (lambda f: (f / "samples" / "step-0000006.txt").write_bytes(b"\xff\xfe\n"), "is not UTF-8 text"),
    "fewer samples": (lambda f: (f / "samples" / "step-0000003.txt").write_text("one\n"), "it has 1 lines, and 20"),
    "damaged corpus": (lambda f: (f / "corpus" / "train.txt").write_text("other\n"), "is damaged"),
    "damaged weights": (
        lambda f: (f / "checkpoints" / "step-0000006" / "model.safetensors").write_bytes(b"1"),
        "is damaged",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), REFUSED.values(), ids=REFUSED)
def test_a_damaged_run_is_refused_in_one_line_without_a_page(spoil, said, run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "run")
    spoil(copy)
    assert report(copy, "--out", tmp_path / "page.html") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line
    assert not (tmp_path / "page.html").exists()


def test_places_and_runs_that_do_not_go_together_are_refused(run, revised, pictures, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for options, said in (
        ([run, "--out", tmp_path], "is a folder"),
        ([run, "--out", tmp_path / "file" / "page.html"], "is a file, not a folder"),
        ([run, revised, "--out", tmp_path / "page.html"], "other held-out samples"),
        ([run, pictures, "--out", tmp_path / "page.html"], "one of images"),
        ([run, run / ".", "--out", tmp_path / "page.html"], "given twice"),
        ([run / "checkpoints" / "step-0000006", "--out", tmp_path / "page.html"], f"the run folder is {run}"),
        ([tmp_path / "missing", "--out", tmp_path / "page.html"], "is no run folder"),
    ):
        assert report(*options) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line, line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_writes_its_report_at_its_end_and_overwriting_takes_it_along(run, tmp_path, capsys):
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "report.html").write_text("an older one")
    assert train(folder, "--resume", "--report=true", "--train.steps=8") == 0
    assert f"report: {folder / 'report.html'}" in capsys.readouterr().out
    assert "8 steps" in Page(folder / "report.html").text
    assert train(folder, "--overwrite", "--train.steps=4") == 0  # without a report
    assert not (folder / "report.html").exists()


def test_a_report_that_fails_is_one_warning_and_the_run_is_whole(tmp_path, monkeypatch, capsys):
    def fail(error):
        def failing(*_):
            raise error

        monkeypatch.setattr(command, "write", failing)

    fail(ValueError("a mistake\nof ours"))
    assert train(tmp_path / "run", "--report=true") == 0
    for error in (KeyboardInterrupt(), OSError(28, "No space left on device", "x"), MemoryError()):
        fail(error)
        command.at_end(tmp_path / "run")
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 4 and all("its report was not written" in line for line in warnings)
    assert replacing.is_run(tmp_path / "run") and not (tmp_path / "run" / "report.html").exists()


def test_only_the_first_process_writes_the_report(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("seqgan_gp.training.experiment.run", lambda *_: 0)
    monkeypatch.setattr(command, "at_end", lambda run: pytest.fail("a second report"))
    assert train(tmp_path / "run", "--report=true") == 0


def test_the_help_says_where_the_page_goes(capsys):
    with pytest.raises(SystemExit):
        report("--help")
    assert re.search(r"default: report\.html\s+in the run folder", capsys.readouterr().out)
