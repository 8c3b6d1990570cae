"""Test the promises of the default run. This takes minutes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from seqgan_gp import Critic, Generator
from seqgan_gp.cli import main
from seqgan_gp.text.words import join, words

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def default_run(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "text"
    assert main(["train", "--config", "text.yaml", f"--output={output}"]) == 0
    return output


def test_the_default_run_learns_the_language(default_run, tmp_path):
    samples, scores = tmp_path / "samples.txt", tmp_path / "scores.json"
    assert main(["sample", str(default_run), "--num", "2000", "--out", str(samples), "--seed", "1"]) == 0
    assert main(["evaluate", str(samples), "--grammar", "text", "--json", str(scores)]) == 0
    result = json.loads(scores.read_text())
    assert result["grammatical"] >= 0.97
    assert result["unique"] >= 0.98
    assert result["self_bleu_4"] <= result["real"]["self_bleu_4"] + 0.05

    assert main(["sample", str(default_run), "--num", "2000", "--out", str(samples), "--candidates", "1"]) == 0
    assert main(["evaluate", str(samples), "--grammar", "text", "--json", str(scores)]) == 0
    revised = json.loads(scores.read_text())  # as the reviser writes them
    assert 0.92 <= revised["grammatical"] < result["grammatical"] - 0.02
    assert main(["sample", str(default_run), "--num", "2000", "--out", str(samples), "--passes", "0"]) == 0
    assert main(["evaluate", str(samples), "--grammar", "text", "--json", str(scores)]) == 0
    assert json.loads(scores.read_text())["grammatical"] < revised["grammatical"] - 0.3

    generator = Generator.from_pretrained(default_run)
    ids = np.concatenate(list(generator.sample_ids(2000, seed=1, candidates=1)))
    padding = ids == generator.tokenizer.pad
    resumed = (~padding & (padding.cumsum(axis=1) > 0)).any(axis=1)
    assert resumed.mean() <= 0.02
    assert generator.tokenizer.well_formed(ids).mean() >= 0.96  # nothing after the end either

    rows = [json.loads(line) for line in (default_run / "metrics.jsonl").read_text().splitlines()]
    curve = [row for row in rows if "eval/jsd_4" in row]
    assert curve[-1]["eval/jsd_4"] < curve[0]["eval/jsd_4"]
    half, end = curve[len(curve) // 2], curve[-1]
    assert min(half["eval/grammatical"], end["eval/grammatical"]) > curve[0]["eval/grammatical"] + 0.3
    assert end["eval/jsd_2"] < half["eval/jsd_2"]


def test_the_example_of_the_readme_runs_as_written(default_run, tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "text").symlink_to(default_run)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    printed = capsys.readouterr().out.splitlines()
    assert printed == [line.split("# ")[1].split(":")[0] for line in example.splitlines() if line.startswith("print")]


def test_the_critic_of_the_default_run_knows_the_order_of_words(default_run):
    critic = Critic.from_pretrained(default_run)
    real = (default_run / "corpus" / "test.txt").read_text().splitlines()
    rng = np.random.default_rng(0)
    shuffled = [join([*rng.permutation(words(s)[:-1]), "."]) for s in real]
    assert (critic(real) > critic(shuffled)).float().mean() > 0.9
