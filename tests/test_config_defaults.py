"""Test the defaults of configs and their help."""

import dataclasses
import inspect
import re

import pytest
import torch

from seqgan_gp import config
from seqgan_gp.config.text import TextConfig
from seqgan_gp.models.conditions import ContextEncoder, LabelEncoder
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.language_model import LanguageModelNetwork


def test_defaults_hold_without_a_file():
    assert config.parse([]).config == TextConfig()


@pytest.mark.parametrize(
    "network, section",
    [(GeneratorNetwork, "generator"), (CriticNetwork, "critic"), (LanguageModelNetwork, "language_model")],
)
def test_a_network_built_by_hand_has_the_defaults_of_the_config(network, section):
    parameters = inspect.signature(network).parameters.values()
    # An encoder is built of the section `condition`, where there is one.
    # Windows are left out: sequences shorter than a window can be scored by hand.
    defaults = {
        p.name: p.default for p in parameters if p.default is not p.empty and p.name not in ("encoder", "windows")
    }
    expected = dataclasses.asdict(getattr(TextConfig(), section))
    assert defaults.items() <= expected.items()
    others = (
        expected.keys() - defaults.keys() - {"windows", "parametrization"}
    )  # options of the backbone, in its blocks
    assert others == ({"kernel", "dilation", "norm"} if section != "language_model" else set())


@pytest.mark.parametrize("network, section", [(GeneratorNetwork, "generator"), (CriticNetwork, "critic")])
def test_a_backbone_built_by_hand_has_the_options_of_the_config(network, section):
    options = getattr(TextConfig(), section).options
    bare, named = network(11, 9, width=8), network(11, 9, width=8, **options)
    named.load_state_dict(bare.state_dict())
    given = torch.randn(3, 128) if section == "generator" else torch.randint(11, (3, 9))
    torch.testing.assert_close(bare(given), named(given))


@pytest.mark.parametrize("network", [LabelEncoder, ContextEncoder])
def test_an_encoder_built_by_hand_has_the_defaults_of_the_config(network):
    parameters = inspect.signature(network).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert defaults.items() <= dataclasses.asdict(TextConfig().condition).items() and defaults


COMMON = {
    **{"imports": [], "seed": 0, "objective": "wasserstein", "clipping": None, "trackers": [], "report": True},
    **{"penalty.weight": 10, "penalty.sided": "two", "penalty.at": ["interpolates"], "penalty.space": "embedding"},
    **{"penalty.mixing": "convex", "penalty.every": 1},
    **{"train.seconds": None, "train.critic_steps": 1, "train.critic.options": {}},
    **{"train.generator.options": {}},
    **{"train.decay_from": 0, "train.average": 0.998, "train.log_every": 50, "train.checkpoint_every": 1000},
    **{
        "train.keep": 2,
        "train.threads": None,
        "train.cuda_graphs": True,
        "evaluation.every": 1000,
        "evaluation.samples": 1000,
    },
}

BLOCKS = {"backbone": "convolutional", "width": 64, "blocks": 2, "norm": "none"}

DEFAULTS = {
    "text": {
        **COMMON,
        **{"modality": "text", "method": "adversarial"},
        **{"train.critic.name": "Muon", "train.generator.name": "Muon"},
        **{"train.steps": 12_500, "train.batch_size": 64, "train.critic.lr": 0.0025, "train.generator.lr": 0.0025},
        **{"corpus.train": "grammar:text", "corpus.test": None, "corpus.column": "text", "corpus.label": None},
        **{"corpus.split": None, "corpus.uppercase": False, "corpus.label_pattern": None},
        **{"corpus.context": None, "corpus.size": 50_000, "corpus.holdout": None, "corpus.seed": 0},
        **{"corpus.streaming": None},
        **{"tokenizer.kind": None, "tokenizer.vocabulary": None, "tokenizer.length": None},
        **{"tokenizer.lowercase": False, "tokenizer.file": None},
        **{"condition.features": 64, "condition.blocks": 1, "condition.kernel": 3, "condition.heads": 4},
        **{"condition.length": None, "generator.noise": 128, "generator.position_noise": 0, "generator.kernel": 5},
        **{"generator.dilation": 1, "critic.dilation": None},
        **{f"{network}.{key}": value for network in ("generator", "critic") for key, value in BLOCKS.items()},
        **{"critic.embedding": 32, "critic.embedding_std": 0.2, "critic.kernel": 3, "critic.windows": 3},
        **{"critic.parametrization": "none", "relaxation.kind": "straight-through", "relaxation.temperature": 1},
        **{"relaxation.substitutions": 0, "revision.passes": None, "revision.share": 0.4, "revision.temperature": 1},
        **{"revision.copy": 4, "revision.substitutions": None, "revision.optimizer.name": "Muon"},
        **{"revision.optimizer.lr": 0.0025, "revision.optimizer.options": {}},
        **{"reranking.candidates": 8, "reranking.temperature": 0.3, "reranking.share": None, "reranking.dropout": 0},
        **{"reranking.passes": 1},
        **{"reranking.optimizer.name": "Adam", "reranking.optimizer.lr": 0.001, "reranking.optimizer.options": {}},
        **{"language_model.embedding": 64, "language_model.width": 192, "language_model.layers": 1},
        **{"language_model.dropout": 0.1, "likelihood.clip": 1, "likelihood.validation": None},
        **{"likelihood.validate_every": 200, "likelihood.patience": 3, "likelihood.decay": 0.3, "likelihood.decays": 3},
        **{"likelihood.optimizer.name": "Adam", "likelihood.optimizer.lr": 0.003, "likelihood.optimizer.options": {}},
    },
    "images": {
        **COMMON,
        **{"train.critic.name": "Adam", "train.generator.name": "Adam"},
        **{"train.steps": 14_000, "train.batch_size": 32, "train.critic.lr": 0.002, "train.generator.lr": 0.002},
        **{"modality": "images", "method": "adversarial", "generator.noise": 64, "generator.channels": 32},
        **{"critic.channels": 32, "critic.parametrization": "none", "images.train": "ylecun/mnist"},
        **{"images.test": None, "images.column": "image", "images.label": "label", "images.height": 28},
        **{"images.width": 28, "images.holdout": None, "images.seed": 0},
    },
}


@pytest.mark.parametrize("modality", DEFAULTS)
def test_what_a_file_leaves_out_stays_as_it_is_documented(modality):
    """Files that users have, and figures of the documentation, rest on these."""
    assert config.flat(config.parse([f"--modality={modality}"]).config) == DEFAULTS[modality]


def test_help_explains_every_field_with_its_default(capsys):
    with pytest.raises(SystemExit):
        config.parse(["--help"])
    text = capsys.readouterr().out
    # An entry is an option with the name of its value, and behind two spaces or on the next line what it means.
    entries = re.findall(r"^  (--\S+)(.*?)(?=^ {0,2}\S|^$)", text, re.MULTILINE | re.DOTALL)
    meanings = {key: " ".join(re.split(r"\s{2,}", rest, maxsplit=1)[1:]).strip() for key, rest in entries}
    keys = [f"--{key}" for key in config.flat(TextConfig()) if key != "imports"]  # which --import adds to
    others = ["--generator.heads", "--critic.cell", "--config", "--output", "--resume", "--overwrite", "--import"]
    for key in [*keys, *others]:
        assert re.match(r"\w", meanings[key]), f"{key} has no help: {meanings[key]}"
    assert meanings["--penalty.weight"].startswith("Lambda, the weight of the penalty")
    assert meanings["--penalty.weight"].endswith("default: 10.0)")
