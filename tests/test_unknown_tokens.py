"""Tokens that a run does not know are told of in one line, with examples and with the case that would help."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scored import QUICK, put, read
from untrained import checkpoint, of_contexts

from seqgan_gp import Critic, Generator, LanguageModel, notices
from seqgan_gp.cli import main
from seqgan_gp.evaluation.language_model import LanguageModelScores
from seqgan_gp.notices import Notice, notify
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.text.unknown import Unknowns


@pytest.fixture(scope="module")
def critic(tmp_path_factory):
    return Critic.from_pretrained(checkpoint(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return LanguageModel.from_pretrained(checkpoint(folder, "--method=likelihood", networks=("generator",)))


def told(kind, text, sentences, **options):
    """The line about sentences, for a tokenizer of that kind that learned the text."""
    tokenizer = Tokenizer.train(kind, [text], 300, **options)
    unknowns = Unknowns(tokenizer)
    unknowns.add(sentences, tokenizer.encode(sentences, 30).ids)
    return unknowns.line()


LOWER = "; its training text is all lower case: put your sentences into lower case"


@pytest.mark.parametrize(
    "kind, text, sentences, line",
    [
        ("word", "the dog sleeps.", ["the dog sleeps.", "", "dog."], None),
        (
            "word",
            "the dog sleeps.",
            ["The Dog sleeps.", "the dog sleeps."],
            f"25% of the tokens of your sentences are unknown to this run (such as 'The', 'Dog'){LOWER}",
        ),
        (
            "word",
            "the dog sleeps",
            ["klgkdkgkilvk"],
            "all tokens of your sentences are unknown to this run (such as 'klgkdkgkilvk'), so that it cannot tell "
            "them apart",
        ),
        (
            "word",
            "the dog saw Anna",
            ["The dog saw Anna", "The DOG"],
            "50% of the tokens of your sentences are unknown to this run (such as 'The', 'DOG'); most of them are "
            "known in lower case: put your sentences into lower case",
        ),
        (
            "word",
            "the dog sleeps.",
            ["the dog sleeps ."],
            "25% of the tokens of your sentences are unknown to this run (such as ' .')",
        ),
        (
            "character",
            "ACGT",
            ["acgt", "ACGTACGTACGT"],
            "25% of the tokens of your sentences are unknown to this run (such as 'a', 'c', 'g'); its training text is "
            "all upper case: put your sentences into upper case",
        ),
        (
            "bpe",
            "a bee",
            ["a bee ü", "a bee"],
            "17% of the tokens of your sentences are unknown to this run (such as 'ü')",
        ),
    ],
)
def test_the_line_has_the_fraction_examples_and_the_case_that_helps(kind, text, sentences, line):
    assert told(kind, text, sentences) == line


def test_a_tokenizer_that_folds_case_knows_every_case():
    assert told("word", "the dog", ["THE Dog"], lowercase=True) is None


def test_end_tokens_and_padding_do_not_count_and_small_fractions_are_not_zero():
    assert told("word", "a b", ["a b c"]).startswith("33% of the tokens")
    assert told("word", "a b", [*["a b"] * 999, "a c"]).startswith("0.05% of the tokens")


def test_a_critic_tells_of_unknown_tokens_once_for_all_batches(critic):
    sentences = ["a bee can", "a Bee klgk", "do"] * 5
    line = r"^29% of the tokens of your sentences are unknown to this run \(such as 'Bee', 'klgk'\); its training .*"
    for use in (critic, critic.states, critic.features):
        with pytest.warns(Notice, match=line) as caught:
            use(sentences, batch_size=2)
        assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        critic(["a bee", ""])
        critic(critic.tokens(["a bee"]) * 0 + critic.tokenizer.unknown)  # ids are as the user chose them


def test_sentences_of_unknown_tokens_alone_have_scores_and_a_warning(critic):
    with pytest.warns(Notice, match="all tokens of your sentences are unknown"):
        assert critic(["klgk vkdl", "zzz"]).isfinite().all()


def test_a_language_model_tells_of_them_too(model):
    for use in (model.log_likelihood, model.states, model.mask):
        with pytest.warns(Notice, match=r"33% of the tokens .*'Bee'.*lower case") as caught:
            use(["a Bee", "do"])
        assert len(caught) == 1


def test_contexts_have_unknown_tokens_too(tmp_path):
    run = of_contexts(tmp_path / "run")
    generator, critic = Generator.from_pretrained(run), Critic.from_pretrained(run)
    line = "33% of the tokens of your contexts are unknown to this run .*'Bee'.*: put your contexts into lower case"
    for use in (lambda: list(generator.sample(2, given=["a Bee", "do"])), lambda: critic(["a", "do"], ["a Bee", "do"])):
        with pytest.warns(Notice, match=line) as caught:
            use()
        assert len(caught) == 1 and caught[0].filename == __file__


def test_the_command_sample_prints_one_plain_line(tmp_path, capsys):
    run = of_contexts(tmp_path / "run")
    put(tmp_path / "contexts.txt", ["a Bee can", "do"] * 300)
    assert (
        main(["sample", str(run), "--context", str(tmp_path / "contexts.txt"), "--out", str(tmp_path / "s.txt")]) == 0
    )
    said = [line for line in capsys.readouterr().err.splitlines() if "unknown" in line]
    assert len(said) == 1 and said[0].startswith("warning: 25% of the tokens of your contexts are unknown")


def test_commands_print_a_notice_once_and_leave_other_warnings_alone(capsys):
    with pytest.warns(UserWarning, match="another") as others, notices.as_lines():
        for text in ("one", "one", "two"):
            notify(text)
        warnings.warn("another", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: one\nwarning: two\n" and len(others) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with notices.silenced():
            notify("one")


# --- samples beside real text


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "real.txt", [f"the dog {i} sleeps near the river." for i in "abcdefgh"])
    put(tmp_path / "capitals.txt", ["The dog a sleeps near the River.", "The Dog b sleeps."] * 4)
    put(tmp_path / "upper.txt", ["ATGTATGTCACCTACAAGGTCTACGAATCCTACTAA"] * 4)
    put(tmp_path / "lower.txt", ["atgtatgtcacctacaaggtctacgaatcctactaa"] * 4)
    return tmp_path


def case_lines(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if "case" in line]


@pytest.mark.parametrize(
    "command, real, line",
    [
        (
            ["evaluate", "capitals.txt"],
            ["--grammar", "text"],
            "of capitals.txt (such as 'The', 'River', 'Dog') are not in the grammar text, and most are in lower case",
        ),
        (
            ["compare", "real.txt", "capitals.txt", "--rank", "jsd_1"],
            ["--reference", "real.txt"],
            "of capitals.txt (such as 'The', 'River', 'Dog') are not in real.txt, and most are in lower case",
        ),
        (
            ["evaluate", "lower.txt"],
            ["--grammar", "dna"],
            "100% of the characters of lower.txt (such as 'a', 't', 'g') are not in the grammar dna, and most are in "
            "upper case",
        ),
    ],
)
def test_samples_in_another_case_than_real_text_are_named_once(here, capsys, command, real, line):
    assert main([*command, *real, *QUICK, *(["--out", "out"] if command[0] == "compare" else [])]) == 0
    (said,) = case_lines(capsys)
    assert said.startswith("warning: ") and line in said


def test_the_settings_keep_the_line(here, capsys):
    assert main(["evaluate", "capitals.txt", "--reference", "real.txt", *QUICK, "--json", "s.json"]) == 0
    (line,) = [line for line in read(here / "s.json")["settings"]["warnings"] if "case" in line]
    assert "put them into lower case" in line


@pytest.mark.parametrize("real", [["--grammar", "text"], ["--reference", "real.txt"]])
def test_samples_in_the_case_of_real_text_are_not(here, capsys, real):
    put(here / "own.txt", ["the dog a sleeps.", "the dog b sleeps near the river.", "klgk vkdl xx the"] * 3)
    assert main(["evaluate", "own.txt", *real, *QUICK]) == 0
    assert main(["evaluate", "upper.txt", "--grammar", "dna", *QUICK]) == 0
    assert case_lines(capsys) == []


def test_a_few_words_in_another_case_are_not_named(here, capsys):
    put(here / "few.txt", [*["the dog a sleeps near the river."] * 40, "The dog a sleeps."])
    assert main(["evaluate", "few.txt", "--reference", "real.txt", *QUICK]) == 0
    assert case_lines(capsys) == []


def test_a_language_model_of_a_comparison_gives_no_notice_of_words_that_it_never_saw():
    class Model:
        def log_likelihood(self, sentences):
            notify("unknown")
            return np.zeros(len(sentences)), np.ones(len(sentences), dtype=int)

    real = SimpleNamespace(reference=["a"], model=SimpleNamespace(model=Model(), fit=lambda samples: Model()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LanguageModelScores.of(["a"], real)
