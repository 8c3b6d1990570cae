"""The typed description: files, overrides, errors."""

import dataclasses
import inspect

import pytest

from seqgan_gp import config, shipped
from seqgan_gp.config.parser import new_parser
from seqgan_gp.errors import UserError
from seqgan_gp.models.conditions import ContextEncoder, LabelEncoder
from seqgan_gp.models.critic import Critic
from seqgan_gp.models.generator import Generator
from seqgan_gp.models.language_model import LanguageModel


@pytest.mark.parametrize("path", sorted(shipped.folder("configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_is_valid(path):
    invocation = config.parse(["--config", path.stem])
    assert invocation.output.parts == ("runs", path.stem)


def test_defaults_hold_without_a_file():
    assert config.parse([]).config == config.Config()


@pytest.mark.parametrize(
    "network, section",
    [(Generator, "generator"), (Critic, "critic"), (LanguageModel, "language_model")],
)
def test_a_network_built_by_hand_has_the_defaults_of_the_config(network, section):
    parameters = inspect.signature(network).parameters.values()
    # An encoder is built of the section `condition`, where there is one.
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty and p.name != "encoder"}
    expected = dataclasses.asdict(getattr(config.Config(), section))
    expected.pop("parametrization", None)  # of whatever network was built
    assert defaults == expected


@pytest.mark.parametrize("network", [LabelEncoder, ContextEncoder])
def test_an_encoder_built_by_hand_has_the_defaults_of_the_config(network):
    parameters = inspect.signature(network).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert defaults.items() <= dataclasses.asdict(config.Config().condition).items() and defaults


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
        (["--generator.backbone=recurrent", "--generator.norm=layer"], "only generator.backbone=convolutional"),
        (["--critic.norm", "batch"], "couples the samples.*Gulrajani"),
        (["--generator.norm", "batch"], "couples the samples"),
        (["--critic.windows", "17"], "tokenizer.length, 16"),
        (["--generator.noise", "0"], "position_noise"),
        (["--evaluation.samples", "1"], "at least 2"),
        (["--corpus.holdout", "1"], "at least 2"),
        (["--config", "nonesuch"], "text"),
        (["--config"], "needs a file"),
        (["--resume", "--overwrite"], "contradict"),
        (["--objective", "wgan"], "objective: .*relativistic"),
        (["--clipping", "0"], "clipping: a number over 0 is needed, not 0"),
        (["--clipping", "0.01", "--critic.parametrization", "weight"], "the same weights"),
        (["--penalty.every", "0"], "penalty.every: a whole number of at least 1"),
        (["--penalty.at", "[]"], "penalty.at is empty"),
        (["--penalty.at", "[fake]"], "penalty.at: .*generated"),
        (["--penalty.at", "[real, real]"], "twice"),
        (["--penalty.at", "[real]"], "R1 and R2 have penalty.sided zero"),
        (["--penalty.at", "[real]", "--penalty.sided", "zero", "--penalty.mixing", "crossover"], "of no effect"),
        (["--relaxation.temperature", "0"], "a number over 0"),
        (["--train.seconds", "0"], "a number over 0"),
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


def test_what_a_backbone_does_not_read_is_not_checked():
    for options in (["--critic.backbone=recurrent", "--critic.kernel=4"], ["--critic.heads=3"]):
        config.parse(options)


def test_help_explains_every_field_with_its_default(capsys):
    with pytest.raises(SystemExit):
        config.parse(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for action in new_parser()._actions:
        assert action.help, f"{action.dest} has no help"
    assert "Lambda, the weight of the penalty" in text and "default: 10.0" in text
