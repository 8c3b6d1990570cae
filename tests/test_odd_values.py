"""Values that name nothing, count nothing or cannot be read are refused in a line that names the key or the option."""

import os
import re

import pytest
from conftest import train

from seqgan_gp import config
from seqgan_gp.cli import main
from seqgan_gp.config.files import read_yaml
from seqgan_gp.errors import LONGEST, MOST, UserError

NAMES = [
    *("corpus.train", "corpus.test", "corpus.column", "corpus.split", "corpus.label", "corpus.label_pattern"),
    *("corpus.context", "tokenizer.file", "train.critic.name", "train.generator.name", "reranking.optimizer.name"),
]
PATHS = ["corpus.train", "corpus.test", "tokenizer.file"]


def refused(*arguments: str) -> str:
    with pytest.raises(UserError) as error:
        config.parse([*arguments])
    line = str(error.value)
    assert line.isprintable() and len(line) <= LONGEST
    return line


@pytest.mark.parametrize("key", NAMES)
def test_a_text_that_names_nothing_is_refused_on_the_command_line_and_in_a_file(key, tmp_path):
    for text, complaint in (
        ("", "is empty"),
        (" ", "is empty"),
        ("a\0b", r"zero byte \(a\\x00b\)"),
        ("\udcff", "UTF-8"),
    ):
        assert re.match(f"(--)?{key} .*{complaint}", refused(f"--{key}={text}"))
    *outer, last = key.split(".")
    nested = "".join(f"{name}: {{" for name in outer) + f'{last}: ""' + "}" * len(outer)
    (tmp_path / "odd.yaml").write_text(nested)
    assert f"odd.yaml: {key} is empty" in refused(f"--config={tmp_path / 'odd.yaml'}")


@pytest.mark.parametrize("key", PATHS)
def test_a_home_in_a_path_is_expanded_and_a_name_may_not_be_too_long(key, monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    made = config.flat(config.parse([f"--{key}=~/mine.txt"]).config)
    assert made[key] == "/somewhere/mine.txt"
    assert config.flat(config.parse([f"--{key}=a/{'x' * 255}"]).config)[key] == f"a/{'x' * 255}"
    assert f"{key} is too long" in refused(f"--{key}=a/{'x' * 256}")


def test_a_home_is_expanded_in_every_path_of_the_command_line(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("seed: 7\nimages: {train: ~/mine.npz}\nmodality: images\n")
    asked = config.parse(["--config=~/mine.yaml", "--output=~/run"])
    assert asked.config.seed == 7 and asked.output == tmp_path / "run"
    assert asked.config.images.train == f"{tmp_path}/mine.npz"
    assert config.parse(["--corpus.train=grammar:~/mine.pcfg"]).config.corpus.train == f"grammar:{tmp_path}/mine.pcfg"


def test_a_whole_number_may_be_written_as_a_float():
    asked = config.parse(["--train.steps=1e3", "--seed=7.0", "--generator.blocks=3e0"]).config
    assert (asked.train.steps, asked.seed, asked.generator.blocks) == (1000, 7, 3)
    assert all(type(value) is int for value in (asked.train.steps, asked.seed, asked.generator.blocks))
    for value in ("1.5", "true", "1e400", ".nan", ".inf", "-.inf", "'3'"):
        assert "train.steps: a whole number of at least 1 is needed" in refused(f"--train.steps={value}")


def test_a_number_is_no_larger_than_what_can_be_counted():
    assert config.parse([f"--train.steps={MOST}"]).config.train.steps == MOST
    for value in (str(MOST + 1), "9" * 400, "1e300"):
        assert f"at most {MOST}" in refused(f"--train.steps={value}")
    for key in ("generator.blocks", "critic.blocks", "language_model.layers", "condition.blocks"):
        config.parse([f"--{key}=1000"])
        assert refused(f"--{key}=1001") == f"{key} is 1001: at most 1000"
    assert "--train.steps: not YAML" in refused(f"--train.steps={'9' * 5000}")


@pytest.mark.parametrize("option", ["--train.seconds", "--clipping", "--seed", "--penalty.at", "--corpus.holdout"])
def test_an_empty_value_is_no_null(option):
    for text in ("", "  "):
        assert refused(f"{option}={text}") == f"{option} is empty: give a value, or leave it out"


# Six lines that stand for a million values.
LAUGHS = "a: &a x\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    "text, complaint",
    [
        pytest.param("[" * 2000, "brackets", marks=pytest.mark.slow),
        ("[" * 100_000, "brackets"),
        ("[" * 30 + "]" * 30, "line 1: values within values"),
        ("&a [*a]", "values within values"),
        ("&a {b: *a}", "values within values"),
        (LAUGHS, "more than 10,000 values"),
        ("2026-99-99", "not YAML"),
        ("{[1]: 2}", "not YAML"),
        ("a\0b", "not YAML"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
    ],
    ids=range(10),
)
def test_yaml_that_is_too_deep_or_too_much_or_none_is_one_line(text, complaint, tmp_path):
    with pytest.raises(UserError, match=complaint) as error:
        read_yaml(text)
    assert str(error.value).isprintable() and len(str(error.value)) <= LONGEST
    (tmp_path / "odd.yaml").write_text(text)
    assert re.search(f"odd.yaml: .*{complaint}", refused(f"--config={tmp_path / 'odd.yaml'}"))


def test_an_alias_may_be_used_more_than_once():
    assert read_yaml("a: &a {b: 1}\nc: *a\nd: {<<: *a, e: 2}\n")["d"] == {"b": 1, "e": 2}


def test_a_flag_takes_no_value():
    for option in ("--resume", "--overwrite", "--help"):
        assert refused(f"{option}=yes") == f"{option} takes no value: leave out 'yes'"


def test_long_values_and_odd_characters_make_one_short_line_that_keeps_its_ends():
    line = refused("--train.steps=" + "many " * 10_000)
    assert line.startswith("train.steps: ") and " ... " in line
    assert "\\x1b[31m" in refused("--method=\x1b[31mred") and "\\n" in refused("--method=a\nb")


def test_a_long_value_leaves_the_remedy():
    line = refused("--corpus.train=" + "x" * 3000)
    assert line.startswith("corpus.train is too long") and line.endswith("): give a shorter one")


def test_paths_that_cannot_be_looked_up(tmp_path, monkeypatch):
    (tmp_path / "loop").symlink_to("loop")
    for option in ("--output", "--config"):
        assert f"{option} is a link to itself" in refused(f"{option}={tmp_path / 'loop'}")
        assert f"{option} is empty" in refused(f"{option}=")
        assert f"{option} holds a zero byte" in refused(f"{option}=a\0b")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")
    assert "the current folder is no longer there" in refused("--seed=1")


@pytest.mark.parametrize(
    "arguments",
    [
        *(["sample", "run", f"--{option}"] for option in ("out", "label", "context", "import")),
        *(["evaluate", "a.txt", f"--{o}"] for o in ("reference", "train", "grammar", "json", "column", "encoder")),
        *(["compare", "a.txt", "b.txt", f"--{option}"] for option in ("real", "out", "rank", "metrics")),
        *(["sweep", "run", f"--{option}"] for option in ("real", "out", "json")),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_options_that_name_a_thing_refuse_a_text_that_names_nothing(arguments, capsys):
    *others, option = arguments
    for text, complaint in (("", "is empty"), ("a\0b", "zero byte"), ("\udcff", "not UTF-8"), ("a\nb\0", r"a\nb\x00")):
        assert main([*others, f"{option}={text}"]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and line.startswith("error: ")
        assert option in line and complaint in line and "--help lists the options" in line


@pytest.mark.parametrize("option", ["--num", "--seed", "--batch-size", "--candidates"])
def test_numbers_of_options_are_no_larger_than_what_can_be_counted(option, capsys):
    assert main(["sample", "run", f"{option}={MOST + 1}"]) == 2
    assert re.match(rf"error: argument {option}: a number over {MOST} is too large", capsys.readouterr().err)


def test_text_is_not_written_into_a_picture(run, tmp_path, capsys):
    assert main(["sample", str(run), f"--out={tmp_path / 's.png'}"]) == 2
    assert "writes text: name a file such as s.txt" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_discriminator_needs_a_step(tmp_path, capsys):
    options = ["--reranking.candidates=2", "--reranking.share=0.25"]
    for steps in (1, 3):
        assert train(tmp_path / "run", *options, f"--train.steps={steps}") == 2
        assert "give at least 4 steps, or reranking.candidates 1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert train(tmp_path / "run", *options, "--train.steps=4") == 0
