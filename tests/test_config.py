"""Test where the values of a config come from: files, options, and what was saved."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from seqgan_gp import config, shipped
from seqgan_gp.images.config import ImageConfig
from seqgan_gp.models import backbones


@pytest.mark.parametrize("path", sorted(shipped.folder("configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_is_valid(path):
    invocation = config.parse(["--config", path.stem])
    assert invocation.output.parts == ("runs", path.stem)


def test_options_of_an_optimiser_are_one_key():
    keys = config.flat(config.parse(["--train.critic.options={weight_decay: 0.1}"]).config)
    assert keys["train.critic.options"] == {"weight_decay": 0.1} and keys["train.generator.options"] == {}
    assert "train.critic.options.weight_decay" not in keys


def test_of_two_files_the_later_goes_before_the_earlier_and_names_the_run(tmp_path):
    (tmp_path / "one.yaml").write_text("seed: 3\ntrain: {steps: 5}\n")
    (tmp_path / "two.yaml").write_text("seed: 4\n")
    invocation = config.parse([f"--config={tmp_path / name}.yaml" for name in ("one", "two")])
    assert (invocation.config.seed, invocation.config.train.steps) == (4, 5) and str(invocation.output) == "runs/two"
    invocation = config.parse([f"--config={tmp_path / 'two.yaml'}", "--output=mine", "--overwrite"])
    assert (str(invocation.output), invocation.resume, invocation.overwrite) == ("mine", False, True)
    assert config.parse(["--resume"])[1:] == (Path("runs/default"), True, False)


def test_a_modality_of_the_command_line_goes_before_that_of_the_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("modality: images\nseed: 3\n")
    for options in ([], ["--modality", "images"], ["--modality=images"]):
        parsed = config.parse([f"--config={tmp_path / 'mine.yaml'}", "--images.width=20", *options]).config
        assert isinstance(parsed, ImageConfig) and (parsed.images.width, parsed.seed) == (20, 3)
    assert config.modality_of(tmp_path / "mine.yaml") == "images"
    (tmp_path / "mine.yaml").write_text("seed: 3\n")
    parsed = config.parse([f"--config={tmp_path / 'mine.yaml'}", "--modality", "images"]).config
    assert isinstance(parsed, ImageConfig) and parsed.seed == 3
    assert config.modality_of(tmp_path / "mine.yaml") == "text"


def test_choosing_needs_two_candidates():
    assert [config.parse([f"--reranking.candidates={k}"]).config.reranker is None for k in (1, 2)] == [True, False]
    chosen = config.parse(["--reranking.candidates=2", "--reranking.share=0.4"]).config.reranker
    assert (chosen.candidates, chosen.share) == (2, 0.4)
    assert ImageConfig().reranker is None


def test_options_override_the_file_wherever_they_stand(tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: 3\ntrain: {steps: 5, critic: {lr: 1e-4}}\n")
    for arguments in (["--config", "{}", "--seed", "7"], ["--seed", "7", "--config={}"]):
        invocation = config.parse([a.format(tmp_path / "mine.yaml") for a in arguments])
        assert (invocation.config.seed, invocation.config.train.steps, invocation.config.train.critic.lr) == (
            7,
            5,
            1e-4,
        )
        assert invocation.config.train.generator.lr == config.OptimizerConfig().lr
        assert str(invocation.output) == "runs/mine"


def test_the_last_of_two_modalities_wins_as_for_any_option():
    one = config.parse(["--modality", "images", "--modality=text"]).config
    other = config.parse(["--modality=text", "--modality", "images"]).config
    assert (one.modality, other.modality) == ("text", "images")


def test_what_is_saved_is_what_is_loaded(tmp_path):
    options = [
        "--train.critic.options.weight_decay",
        "0.1",
        "--trackers",
        "[tensorboard]",
        "--tokenizer.file",
        "t.json",
    ]
    original = config.parse(options).config
    config.save(original, tmp_path / "c.yaml")
    assert config.load(tmp_path / "c.yaml") == original


def test_a_run_of_an_older_version_has_no_dilation_and_one_number_of_revisions(tmp_path):
    for backbone in ("convolutional", "attention"):
        original = config.parse([f"--critic.backbone={backbone}", f"--generator.backbone={backbone}"]).config
        config.save(original, tmp_path / "c.yaml")
        values = yaml.safe_load((tmp_path / "c.yaml").read_text())
        for network in ("generator", "critic"):
            values[network].pop("dilation", None)
        del values["reranking"]["passes"]
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(values))
        loaded = config.load(tmp_path / "c.yaml")
        assert getattr(loaded.critic, "dilation", 1) == 1 == getattr(loaded.generator, "dilation", 1)
        assert loaded.reranker.passes == loaded.reviser.passes == 3


def test_a_saved_backbone_of_ones_own_keeps_its_options(tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Options(backbones.Options):
        kernel: int = 3

    class Mixer(backbones.Backbone):
        pass

    Mixer.Options = Options
    monkeypatch.setitem(backbones.BACKBONES, "mixer", Mixer)
    original = config.parse(["--critic.backbone=mixer", "--critic.kernel=7"]).config
    config.save(original, tmp_path / "c.yaml")
    assert config.load(tmp_path / "c.yaml") == original


def test_a_section_as_a_mapping_overrides_only_the_keys_that_it_has():
    for order in (1, -1):
        options = ["--train.critic.lr=0.5", "--train={critic: {name: SGD}, steps: 7}"][::order]
        train = config.parse(options).config.train
        assert (train.critic.name, train.critic.lr, train.steps) == ("SGD", 0.5, 7)


def test_anchors_and_merges_of_yaml_work(tmp_path):
    text = "train:\n  critic: &one {lr: 0.25, name: SGD}\n  generator: {<<: *one, name: AdamW}\n"
    (tmp_path / "anchors.yaml").write_text(text)
    train = config.parse([f"--config={tmp_path / 'anchors.yaml'}"]).config.train
    assert (train.generator.lr, train.generator.name, train.critic.name) == (0.25, "AdamW", "SGD")
