"""Test which values of configs are taken, and the errors about those that are not."""

import pytest

from seqgan_gp import config
from seqgan_gp.errors import UserError


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
        ["--revision.passes=0", "--reranking.candidates=2", "--reranking.share=0.99", "--reranking.dropout=0.99"],
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
        (
            ["--objective", "fgan-kl"],
            "^'fgan-kl' is no objective; choose wasserstein, minimax.*relativistic; a name of your own",
        ),
        (["--clipping", "0"], "clipping: a finite number over 0 or null is needed, not 0"),
        (["--clipping", "0.01", "--critic.parametrization", "weight"], "the same weights"),
        (["--penalty.every", "0"], "penalty.every: a whole number of at least 1"),
        (["--penalty.at", "[]"], "penalty.at is empty"),
        (["--penalty.at", "[fake]"], "^'fake' is no penalty.at; choose interpolates, real, generated$"),
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
        (["--modality=sounds"], "'sounds' is no modality; choose text, images"),
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


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("seed: 1\nseed: 2\n", "line 2: the key seed stands there twice"),
        ("train:\n  steps: 3\n  seconds: 4\n  steps: 5\n", "line 4: the key steps stands there twice"),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_line(tmp_path, text, complaint):
    (tmp_path / "twice.yaml").write_text(text)
    with pytest.raises(UserError, match=complaint):
        config.parse(["--config", str(tmp_path / "twice.yaml")])


@pytest.mark.parametrize(
    "arguments, complaint", [(["--imports=[x]"], "give --import MODULE"), (["--output="], "--output is empty")]
)
def test_options_that_would_do_nothing_are_refused(arguments, complaint):
    with pytest.raises(UserError, match=complaint):
        config.parse(arguments)
