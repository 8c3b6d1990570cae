"""Test the command sample: every option reaches the networks, and the file has what they draw."""

import numpy as np
import pytest
import torch
from torch import nn
from untrained import GUMBEL, WORDS, checkpoint, choosing, of_contexts, of_labels

from seqgan_gp import Generator, ImageGenerator, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.images.grid import save_grid
from seqgan_gp.images.pretrained import build_generator
from seqgan_gp.pretrained.reranking import FEW


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    return choosing(tmp_path_factory.mktemp("untrained") / "chosen")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return of_labels(tmp_path_factory.mktemp("untrained") / "labelled")


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    return of_contexts(tmp_path_factory.mktemp("untrained") / "answering")


def sampled(run, path, *options):
    """The lines that the command writes to a file."""
    assert main(["sample", str(run), "--out", str(path), *options]) == 0
    return path.read_text().splitlines()


def test_the_command_writes_what_the_generator_samples_with_the_same_options(chosen, tmp_path):
    generator, out = Generator.from_pretrained(chosen), tmp_path / "out.txt"
    assert sampled(chosen, out) == list(generator.sample(10, seed=0))
    options = {"num": 13, "seed": 5, "temperature": 0.4, "candidates": 2}
    given = {name: (f"--{name}", str(value)) for name, value in options.items()}
    expected = list(generator.sample(**options))
    assert sampled(chosen, out, *(word for words in given.values() for word in words)) == expected
    for left_out in options:
        others = {name: value for name, value in options.items() if name != left_out}
        words = [word for name in others for word in given[name]]
        assert sampled(chosen, out, *words) == list(generator.sample(**{"num": 10, **others})) != expected


def test_the_command_writes_drafts_and_revisions(chosen, tmp_path, capsys):
    options = ("--revision.copy=0", "--revision.temperature=0.6", "--reranking.candidates=3", "--reranking.passes=2")
    run = checkpoint(tmp_path / "run", *options, networks=("generator", "critic", "reviser", "discriminator"))
    generator, out = Generator.from_pretrained(run), tmp_path / "out.txt"
    one_by_one = [sampled(run, out, "--passes", str(n), "--candidates", "1", "--seed", "2") for n in range(5)]
    assert len({tuple(lines) for lines in one_by_one}) == 5
    for passes, lines in enumerate(one_by_one):
        assert lines == list(generator.sample(10, seed=2, candidates=1, passes=passes))
    assert one_by_one[3] == sampled(run, out, "--candidates", "1", "--seed", "2")  # as trained
    assert one_by_one[0] == sampled(run, out, "--passes", "0", "--seed", "2")  # nothing chooses among drafts
    twice, thrice = (list(generator.sample(10, seed=2, passes=passes)) for passes in (2, 3))
    assert sampled(run, out, "--seed", "2") == twice != thrice == sampled(run, out, "--passes", "3", "--seed", "2")
    warm = ("--passes", "0", "--temperature")
    assert (
        one_by_one[0] == sampled(run, out, *warm, "0.6", "--seed", "2") != sampled(run, out, *warm, "0", "--seed", "2")
    )
    assert main(["sample", str(chosen), "--passes", "1"]) == 2
    assert "there is no reviser: leave passes out" in capsys.readouterr().err


def test_temperature_zero_is_a_temperature(tmp_path):
    run = checkpoint(tmp_path / "run", GUMBEL)
    generator = Generator.from_pretrained(run)
    cold = sampled(run, tmp_path / "cold.txt", "--temperature", "0", "--seed", "2")
    assert cold == list(generator.sample(10, seed=2, temperature=0.0)) != list(generator.sample(10, seed=2))
    assert list(generator.sample(10, seed=2)) == list(generator.sample(10, seed=2, temperature=1.0))


def test_a_dash_is_the_terminal(chosen, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(chosen), "--num", "3", "--out", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == list(Generator.from_pretrained(chosen).sample(3))
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_sentences_of_a_label(labelled, tmp_path):
    generator = Generator.from_pretrained(labelled)
    lines = sampled(labelled, tmp_path / "out.txt", "--num", "30", "--label", "question", "--seed", "3")
    assert lines == list(generator.sample(30, seed=3, given="question"))
    assert lines != list(generator.sample(30, seed=3, given="report"))
    assert sampled(labelled, tmp_path / "out.txt", "--num", "30", "--seed", "3") == list(generator.sample(30, seed=3))


def test_every_line_of_a_long_file_is_answered_in_its_place(answering, tmp_path, capsys):
    generator = Generator.from_pretrained(answering)
    lines = [" ".join(WORDS[(i + j) % 10] for j in range(1 + i % 7)) for i in range(23)]
    (tmp_path / "questions.txt").write_text("".join(f"{line}\n" for line in lines))
    options = ("--context", str(tmp_path / "questions.txt"), "--batch-size", "4")
    answers = sampled(answering, tmp_path / "out.txt", *options)
    assert answers == list(generator.sample(23, given=lines)) != list(generator.sample(23, given=lines[::-1]))
    assert sampled(answering, tmp_path / "out.txt", *options, "--num", "2") == answers
    assert "cut" not in capsys.readouterr().err
    (tmp_path / "questions.txt").write_text("\n".join(["a " * 8, "a " * 9, "a " * 10]) + "\n")
    sampled(answering, tmp_path / "out.txt", *options)  # eight words and an end are nine tokens
    assert "2 lines of " in (message := capsys.readouterr().err) and "longer than 9 tokens" in message


def test_sampling_takes_the_threads_that_the_user_asks_for(chosen, tmp_path, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    try:
        sampled(chosen, tmp_path / "out.txt")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_column_without_contexts_is_said_to_have_no_effect(chosen, tmp_path, capsys):
    sampled(chosen, tmp_path / "a.txt", "--column", "text")
    assert "--column has no effect" in capsys.readouterr().err


def test_a_label_and_a_context_are_not_given_together(labelled, capsys):
    assert main(["sample", str(labelled), "--label", "question", "--context", "questions.txt"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A checkpoint of images of 8 x 12 pixels."""
    c = config.parse(["--modality=images", "--images.height=8", "--images.width=12", "--generator.noise=5"]).config
    folder = tmp_path_factory.mktemp("untrained")
    torch.manual_seed(4)
    artefacts.save(folder, c, {"generator": build_generator(c)})
    return folder


def test_a_picture_has_the_images_that_the_options_ask_for(images, tmp_path):
    generator, out = ImageGenerator.from_pretrained(images), tmp_path / "a.PNG"  # however it is written
    assert main(["sample", str(images), "--num", "7", "--seed", "3", "--batch-size", "4", "--out", str(out)]) == 0
    save_grid(np.concatenate(list(generator.sample(7, 3, 4))), tmp_path / "b.png")
    assert out.read_bytes() == (tmp_path / "b.png").read_bytes()
    save_grid(np.concatenate(list(generator.sample(7, 0, 4))), tmp_path / "c.png")
    assert out.read_bytes() != (tmp_path / "c.png").read_bytes()


@pytest.mark.parametrize(
    "options, message",
    [
        (("--label", "7"), "--label and --context are for text"),
        (("--context", "a.txt"), "--label and --context are for text"),
        (("--candidates", "1"), "--candidates is for text"),
        (("--temperature", "0"), "--temperature is for text"),
        (("--out", "-"), "images need the name of a file that ends in .png"),
        (("--out", "a.jpg"), "--out is a.jpg: images need"),
    ],
)
def test_images_take_no_options_of_text(options, message, images, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(images), "--out", "a.png", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_the_command_computes_no_more_at_once_than_its_batch_size(chosen, tmp_path):
    rows = []

    def note(module, inputs):
        if module.__class__.__name__ == "GeneratorNetwork":
            rows.append(len(inputs[0]))

    hook = nn.modules.module.register_module_forward_pre_hook(note)
    try:
        sampled(chosen, tmp_path / "out.txt", "--num", "25", "--batch-size", "10")
    finally:
        hook.remove()
    assert max(rows) <= max(10, FEW) and 25 < sum(rows) <= 75
