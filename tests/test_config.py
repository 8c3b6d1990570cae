"""Test configs: files, overrides, errors, help."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from seqgan_gp import config, shipped
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.images.config import ImageConfig
from seqgan_gp.models.conditions import ContextEncoder, LabelEncoder
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.language_model import LanguageModelNetwork


@pytest.mark.parametrize("path", sorted(shipped.folder("configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_is_valid(path):
    invocation = config.parse(["--config", path.stem])
    assert invocation.output.parts == ("runs", path.stem)


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
    assert others == ({"kernel", "norm"} if section != "language_model" else set())


@pytest.mark.parametrize("network, section", [(GeneratorNetwork, "generator"), (CriticNetwork, "critic")])
def test_a_backbone_built_by_hand_has_the_options_of_the_config(network, section):
    kernel = getattr(TextConfig(), section).kernel
    weights = network(11, 6, width=8).state_dict()
    named = network(11, 6, width=8, kernel=kernel, norm="none").state_dict()
    assert {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in named.items()}


@pytest.mark.parametrize("network", [LabelEncoder, ContextEncoder])
def test_an_encoder_built_by_hand_has_the_defaults_of_the_config(network):
    parameters = inspect.signature(network).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert defaults.items() <= dataclasses.asdict(TextConfig().condition).items() and defaults


COMMON = {
    **{"imports": [], "seed": 0, "objective": "wasserstein", "clipping": None, "trackers": []},
    **{"penalty.weight": 10, "penalty.sided": "two", "penalty.at": ["interpolates"], "penalty.space": "embedding"},
    **{"penalty.mixing": "convex", "penalty.every": 1},
    **{"train.seconds": None, "train.critic_steps": 1, "train.critic.name": "Adam", "train.critic.options": {}},
    **{"train.generator.name": "Adam", "train.generator.options": {}},
    **{"train.decay_from": 0, "train.average": 0.998, "train.log_every": 50, "train.checkpoint_every": 1000},
    **{"train.keep": 2, "train.threads": None, "evaluation.every": 1000, "evaluation.samples": 1000},
}
BLOCKS = {"backbone": "convolutional", "width": 64, "blocks": 2, "norm": "none"}
DEFAULTS = {
    "text": {
        **COMMON,
        **{"modality": "text", "method": "adversarial"},
        **{"train.steps": 16_000, "train.batch_size": 64, "train.critic.lr": 0.0025, "train.generator.lr": 0.0025},
        **{"corpus.train": "grammar:text", "corpus.test": None, "corpus.column": "text", "corpus.label": None},
        **{"corpus.split": None, "corpus.uppercase": False, "corpus.label_pattern": None},
        **{"corpus.context": None, "corpus.size": 50_000, "corpus.holdout": None, "corpus.seed": 0},
        **{"tokenizer.kind": None, "tokenizer.vocabulary": 5000, "tokenizer.length": None},
        **{"tokenizer.lowercase": False, "tokenizer.file": None},
        **{"condition.features": 64, "condition.blocks": 1, "condition.kernel": 3, "condition.heads": 4},
        **{"condition.length": None, "generator.noise": 128, "generator.position_noise": 0, "generator.kernel": 5},
        **{f"{network}.{key}": value for network in ("generator", "critic") for key, value in BLOCKS.items()},
        **{"critic.embedding": 32, "critic.embedding_std": 0.2, "critic.kernel": 3, "critic.windows": 3},
        **{"critic.parametrization": "none", "relaxation.kind": "straight-through", "relaxation.temperature": 1},
        **{"reranking.candidates": 8, "reranking.temperature": 1, "reranking.share": 0.25, "reranking.dropout": 0},
        **{"reranking.optimizer.name": "Adam", "reranking.optimizer.lr": 0.001, "reranking.optimizer.options": {}},
        **{"language_model.embedding": 64, "language_model.width": 192, "language_model.layers": 1},
        **{"language_model.dropout": 0.1, "likelihood.clip": 1, "likelihood.validation": None},
        **{"likelihood.validate_every": 200, "likelihood.patience": 3, "likelihood.decay": 0.3, "likelihood.decays": 3},
        **{"likelihood.optimizer.name": "Adam", "likelihood.optimizer.lr": 0.003, "likelihood.optimizer.options": {}},
    },
    "images": {
        **COMMON,
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
    chosen = config.parse(["--reranking.candidates=2", "--reranking.share=0.5"]).config.reranker
    assert (chosen.candidates, chosen.share) == (2, 0.5)
    assert ImageConfig().reranker is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seed=4294967295", "--corpus.seed=4294967295"],
        ["--train.threads=1024"],
        ["--critic.windows=16", "--tokenizer.length=16"],
        ["--tokenizer.length=20", "--critic.windows=20"],
        ["--generator.noise=0", "--generator.position_noise=1"],
        ["--generator.noise=1"],
        ["--penalty.at=[]", "--penalty.weight=0"],
        ["--penalty.at=[real]", "--penalty.weight=0"],
        ["--penalty.at=[real, generated]", "--penalty.sided=zero"],
        ["--penalty.at=[real, interpolates]", "--penalty.mixing=crossover", "--penalty.sided=one"],
        ["--clipping=0.01"],
        ["--critic.parametrization=weight"],
        ["--evaluation.samples=2", "--corpus.holdout=2"],
        ["--train.average=0", "--train.decay_from=1"],
        ["--reranking.share=1", "--reranking.candidates=1"],  # nothing is reranked
        ["--reranking.candidates=2", "--reranking.share=0.99", "--reranking.dropout=0.99"],
        ["--condition.features=6"],  # nothing is given
        ["--corpus.label=kind", "--condition.features=6"],
        ["--corpus.context=kind", "--condition.features=6", "--condition.heads=3"],
        ["--method=likelihood", "--likelihood.decay=0.99", "--language_model.dropout=0"],
        ["--critic.backbone=attention", "--critic.width=30", "--critic.heads=3"],
        ["--generator.norm=layer", "--critic.norm=instance"],
        ["--modality=images", "--images.height=8", "--images.width=12", "--images.holdout=4", "--evaluation.samples=2"],
    ],
    ids=" ".join,
)
def test_values_at_their_limits_are_taken(arguments):
    config.parse(arguments)


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


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--train.stpes", "3"], "did you mean train.steps"),
        (["--train.critic.lrr=3"], "did you mean train.critic.lr"),
        (["--steps", "3"], "did you mean train.steps"),
        (["--sed", "3"], "did you mean seed"),
        (["--corpus", "mine.txt"], "corpus is a section.*--corpus.train"),
        (["--tokenizer.length", "0"], "tokenizer.length"),
        (["--learning_rate", "1"], "did you mean train.critic.lr|--help lists"),
        (["--resum"], "--resum"),
        (["--train.average", "1"], "never move"),
        (["--seed", "4294967296"], "below"),
        (["--train.threads", "1000000"], "1024"),
        (["--penalty.weight", "-1"], "penalty.weight"),
        (["--relaxation.kind", "hard"], "relaxation.kind"),
        (["--relaxation.temperature", "0"], "relaxation.temperature"),
        (["--train.steps", "many"], "train.steps"),
        (["--generator.kernel", "4"], "odd"),
        (["--critic.kernel", "4"], "odd"),
        (["--critic.backbone", "transformer"], "attention"),
        (["--critic.backbone=attention", "--critic.width=30"], "multiple"),
        (["--generator.backbone=attention", "--generator.heads=3"], "multiple"),
        (["--critic.backbone=recurrent", "--critic.cell=rnn"], "gru"),
        (
            ["--generator.backbone=recurrent", "--generator.norm=layer"],
            "generator.norm is for generator.backbone=convolutional",
        ),
        (["--critic.norm", "batch"], "batch norm is excluded: it couples the samples.*Gulrajani"),
        (["--generator.norm", "batch"], "couples the samples"),
        (["--critic.windows", "17", "--tokenizer.length=16"], "tokenizer.length, 16"),
        (["--generator.noise", "0"], "position_noise"),
        (["--evaluation.samples", "1"], "at least 2"),
        (["--corpus.holdout", "1"], "at least 2"),
        (["--config", "nonesuch"], "text"),
        (["--config"], "--config: expected one argument"),
        (["--resume", "--overwrite"], "contradict"),
        (["--objective", "wgan"], "objective: .*relativistic"),
        (["--clipping", "0"], "clipping: a finite number over 0 or null is needed, not 0"),
        (["--clipping", "0.01", "--critic.parametrization", "weight"], "the same weights"),
        (["--penalty.every", "0"], "penalty.every: a whole number of at least 1"),
        (["--penalty.at", "[]"], "penalty.at is empty"),
        (["--penalty.at", "[fake]"], "penalty.at: .*generated"),
        (["--penalty.at", "[real, real]"], "twice"),
        (["--penalty.at", "[real]"], "R1 and R2 have penalty.sided zero"),
        (["--penalty.at", "[real]", "--penalty.sided", "zero", "--penalty.mixing", "crossover"], "has no effect"),
        (["--relaxation.temperature", "0"], "a finite number over 0"),
        (["--train.seconds", "0"], "a finite number over 0"),
        (["--corpus.seed", "4294967296"], "corpus.seed is 4294967296: it must be below"),
        (["--train.threads", "1025"], "at most 1024"),
        (["--critic.backbone=recurrent", "--critic.norm=layer"], "critic.norm is for critic.backbone=convolutional"),
        (["--tokenizer.length=20", "--critic.windows=21"], "critic.windows is 21.* tokenizer.length, 20"),
        (["--corpus.label=kind", "--corpus.context=other"], "are both given"),
        (["--corpus.label=kind", "--method=likelihood"], "method likelihood takes no corpus.label"),
        (["--corpus.context=kind", "--method=likelihood"], "no corpus.context"),
        (["--corpus.label=text"], "a column other than corpus.column"),
        (["--corpus.context=mine", "--corpus.column=mine"], "a column other than corpus.column"),
        (["--condition.kernel=4"], "condition.kernel is 4: it must be odd"),
        (["--corpus.context=kind", "--condition.features=6"], "condition.features is 6 and condition.heads 4"),
        (["--reranking.candidates=2", "--reranking.share=0"], "reranking.share is 0"),
        (["--reranking.candidates=2", "--reranking.share=1"], "reranking.share is 1"),
        (["--reranking.dropout=1"], "reranking.dropout is 1"),
        (["--language_model.dropout=1"], "language_model.dropout is 1"),
        (["--likelihood.decay=1"], "likelihood.decay is 1"),
        (["--critic.parametrization=spectral", "--clipping=0.01"], "the same weights"),
        (["--penalty.at=[generated]", "--penalty.sided=one"], "penalty.sided is one at generated"),
        (["--modality=images", "--critic.parametrization=weight", "--clipping=1"], "the same weights"),
        (["--modality=images", "--images.seed=4294967296"], "images.seed is 4294967296"),
        (["--modality=images", "--images.width=4"], "images.width is 4: a multiple of 4, from 8 on"),
        (["--modality=images", "--images.height=30"], "images.height is 30: a multiple of 4"),
        (["--modality=images", "--images.holdout=3"], "images.holdout is 3: at least 4"),
        (["--modality=images", "--evaluation.samples=1"], "at least 2 images"),
        (["--modality=images", "--penalty.space=one-hot"], "pixels are no tokens"),
        (["--modality=images", "--penalty.mixing=crossover"], "images have no positions"),
        (["--modality=sounds"], "modality is 'sounds': there are text, images"),
    ],
)
def test_errors_are_one_line_that_names_the_key(arguments, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        config.parse(arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("train: {stesp: 3}", "train.steps"),
        ("trian: {steps: 3}", "did you mean"),
        ("a: [", "pars"),
        ("[1, 2]", "no keys"),
        ("", "no keys"),
        ("train:", "is a section"),
        ("train: [1]", "is a section"),
        ("seed: null", "seed has no value"),
        ("corpus: {train: null}", "corpus.train has no value"),
        ("train: {critic: {lr: .inf}}", "finite"),
        ("critic: {norm: batch}", "couples the samples"),
    ],
)
def test_errors_in_a_file(tmp_path, text, complaint):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UserError, match=complaint) as error:
        config.parse(["--config", str(tmp_path / "bad.yaml")])
    assert "bad.yaml" in str(error.value) and "\n" not in str(error.value)


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
