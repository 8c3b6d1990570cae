"""Test that every system trains on text of every kind, and that its samples are scored."""

import pytest
import torch
from conftest import TINY, rows, train, weights

from seqgan_gp import config, pretrained
from seqgan_gp.cli import main

SYSTEMS = {
    "gan.yaml": [],
    "lsgan.yaml": [],
    "hinge.yaml": [],
    "wgan_clipping.yaml": [],
    "r3gan.yaml": [],
    "lazy": ["--penalty.every=3"],
    "weight": ["--critic.parametrization=weight", "--penalty.at=[interpolates,real]"],
    "one-hot": ["--penalty.space=one-hot", "--penalty.sided=zero", "--penalty.at=[real]", "--objective=hinge"],
}

STATEFUL = ("hinge.yaml", "wgan_clipping.yaml", "lazy", "weight")  # which of them a resumed run could forget


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_trains_and_loads(tmp_path, name):
    system = [f"--config={name}"] if name.endswith(".yaml") else []
    options = [*system, *TINY, *SYSTEMS[name], "--train.decay_from=1", "--train.steps=4", "--train.checkpoint_every=4"]

    def part(run: str, *more: str) -> int:
        return main(["train", *options, f"--output={tmp_path / run}", *more])

    assert part("whole") == 0
    if name in STATEFUL:
        assert part("parts", "--train.steps=2") == part("parts", "--resume") == 0
        whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
        assert all(torch.equal(v, parts[k]) for k, v in whole.items())
    logged = {k for row in rows(tmp_path / "whole") for k in row}
    assert {"train/wasserstein", "train/critic_loss", "train/generator_loss"} <= logged
    c = config.load(tmp_path / "whole" / "config.yaml")
    assert ("train/penalty" in logged) == (c.penalty.weight > 0)
    critic = pretrained.Critic.from_pretrained(tmp_path / "whole")
    assert critic(["the dog sleeps.", "a bird waits."]).isfinite().all()
    if c.clipping:
        assert all(p.abs().max() <= c.clipping for n, p in critic.network.named_parameters() if n != "embedding")


def test_captions_train_sample_and_score(coco, tmp_path):
    for name in ("train", "test"):
        captions = (coco / "coco" / f"{name}.txt").read_text().splitlines(keepends=True)
        (tmp_path / f"{name}.txt").write_text("".join(captions[:1500]))
    corpus = [f"--corpus.train={tmp_path / 'train.txt'}", f"--corpus.test={tmp_path / 'test.txt'}"]
    run, samples = tmp_path / "run", tmp_path / "samples.txt"
    options = [
        "--report=false",
        "--train.steps=12",
        "--evaluation.samples=20",
        "--generator.width=8",
        "--critic.width=8",
    ]
    assert main(["train", "--config", "coco.yaml", *corpus, *options, f"--output={run}"]) == 0
    assert main(["sample", str(run), "--num", "50", "--out", str(samples)]) == 0
    real = ["--reference", str(tmp_path / "test.txt"), "--train", str(tmp_path / "train.txt")]
    assert main(["evaluate", str(samples), *real]) == 0


@pytest.mark.parametrize("kind", ["character", "bpe"])
def test_other_tokenizers_train_sample_and_score(tmp_path, kind):
    run, samples = tmp_path / "run", tmp_path / "samples.txt"
    assert train(run, f"--tokenizer.kind={kind}", "--tokenizer.length=40") == 0
    assert main(["sample", str(run), "--num", "20", "--out", str(samples)]) == 0
    assert main(["evaluate", str(samples), "--reference", str(run / "corpus" / "test.txt"), "--unit", "character"]) == 0
    # Scored by characters where tokens are characters: sentences of one character after another, not of a few words.
    assert (rows(run)[0]["real/mean_length"] > 20) is (kind == "character")
