"""Test the task of text: it loads a corpus, writes and reads a run folder, and serves the loop."""

import json
import shlex

import numpy as np
import pytest
from conftest import TINY, rows, train

from seqgan_gp import Generator, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training import trainer
from seqgan_gp.training.text import TextTask


def task_of(*options: str) -> TextTask:
    return TextTask.load(config.parse([*TINY, *options]).config)


def test_the_tokenizer_knows_the_words_of_contexts_and_none_of_held_out_sentences(tmp_path):
    pairs = [{"text": f"answer{i} yes", "context": f"question{i} what"} for i in range(30)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    task = task_of(f"--corpus.train={tmp_path / 'a.jsonl'}", "--corpus.holdout=10", "--corpus.context=context")
    words = set(task.tokenizer.backend.get_vocab())
    known = {word.strip("▁") for word in words}
    for part, training in ((task.corpus.train, True), (task.corpus.test, False)):
        for sentence, context in zip(part.text, part.given, strict=True):
            assert sentence.split()[0].removeprefix("answer") == context.split()[0].removeprefix("question")
            assert (sentence.split()[0] in known) == (context.split()[0] in known) == training


def test_every_key_of_the_corpus_and_the_tokenizer_has_its_effect_and_the_seed_has_none(tmp_path):
    lines = [{"text": f"The {i} dog sees {i % 7} CATS", "other": f"a bird {i}"} for i in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "b.txt").write_text("one more\nand another\n")
    options = [f"--corpus.train={tmp_path / 'a.jsonl'}", "--corpus.holdout=8", "--tokenizer.length=9"]

    def seen(*more: str) -> tuple:
        task = task_of(*options, *more)
        return [*task.corpus.train.text], [*task.corpus.test.text], task.real[:].tolist(), task.tokenizer.tokens

    plain = seen()
    assert seen("--seed=8") == plain
    changes = ["corpus.seed=8", "corpus.holdout=9", "corpus.column=other", f"corpus.test={tmp_path / 'b.txt'}"]
    changes += ["corpus.uppercase=true", "corpus.split=words:3"]
    changes += [f"tokenizer.{change}" for change in ("lowercase=true", "kind=character", "length=4", "vocabulary=20")]
    for change in changes:
        assert seen(f"--{change}") != plain, change
    assert all(token == token.lower() for token in seen("--tokenizer.lowercase=true")[3])


def test_a_tokenizer_of_ones_own_is_taken_and_must_fit(tmp_path, capsys):
    Tokenizer.train("character", ["the dog", "sleeps."], 50).save(tmp_path / "mine.json")
    own = f"--tokenizer.file={tmp_path / 'mine.json'}"
    task = task_of(own, "--tokenizer.length=9")
    assert task.tokenizer.unit == "character" and task.real.shape == (400, 9)
    assert train(tmp_path / "run", own, "--tokenizer.vocabulary=9") == 2
    assert "more than tokenizer.vocabulary=9" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind, passes", [("word", 3), ("character", 3), ("bpe", 0)])
def test_a_tokenizer_of_ones_own_tells_its_kind(tmp_path, kind, passes):
    Tokenizer.train(kind, ["the dog sleeps.", "the dogs sleep."], 50).save(tmp_path / "mine.json")
    open_ = ("--tokenizer.kind=null", "--revision.passes=null")
    config = task_of(f"--tokenizer.file={tmp_path / 'mine.json'}", *open_).config
    assert config.tokenizer.kind == kind and config.passes == passes


def test_the_user_is_told_how_much_was_read_cut_and_unknown(tmp_path, capsys):
    lines = [f"word{i % 7} word{i % 5} rare{i}" + " more" * (i % 4) for i in range(40)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    options = [f"--corpus.train={tmp_path / 'a.txt'}", "--corpus.holdout=8", "--tokenizer.vocabulary=12"]
    assert train(tmp_path / "run", *options, "--tokenizer.length=4", "--train.steps=1") == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path / 'run'}: 32 training and 8 held-out sentences, 12 tokens, from step 0"
    kept = [line.split() for line in (tmp_path / "run" / "corpus" / "train.txt").read_text().splitlines()]
    cut = sum(len(words) == 4 for words in kept)  # four words fill the positions, and the end does not fit
    assert 0 < cut < 32
    assert others[0] == f"{cut} training sentences are longer than tokenizer.length=4 and were cut"
    assert "of the training tokens are unknown (tokenizer.vocabulary=12)" in others[1]
    assert float(others[1].partition("%")[0]) > 10


def test_what_a_run_wrote_is_what_it_reads(tmp_path):
    options = ["--corpus.train=grammar:dialogue", "--corpus.context=context", "--corpus.size=30", "--corpus.holdout=8"]
    task = task_of(*options)
    task.write(tmp_path)
    again = TextTask.read(task.config, tmp_path)
    assert (again.corpus.train, again.corpus.test) == (task.corpus.train, task.corpus.test)
    assert again.corpus.train.given is not None
    assert len(again.corpus.train) == 30 and len(again.corpus.test) == 8
    np.testing.assert_array_equal(again.real[:], task.real[:])
    np.testing.assert_array_equal(again.condition_rows[:], task.condition_rows[:])
    assert again.corpus.grammar is not None and again.adherence() is not None


@pytest.mark.parametrize(
    "options", [[], ["--corpus.train=grammar:types", "--corpus.label=label"], ["--relaxation.kind=gumbel"]], ids=str
)
def test_an_evaluation_draws_as_the_command_sample_does_of_the_same_checkpoint(tmp_path, options):
    reranked = ["--reranking.candidates=3", "--reranking.temperature=0.8", "--reranking.share=0.4"]
    assert train(tmp_path / "run", *options, *reranked) == 0
    drawn = (tmp_path / "run" / "samples" / "step-0000006.txt").read_text().splitlines()
    given = None
    if "--corpus.label=label" in options:
        given = (tmp_path / "run" / "samples" / "step-0000006.given.txt").read_text().splitlines()
    generator = Generator.from_pretrained(tmp_path / "run")
    assert drawn == list(generator.sample(20, seed=0, given=given))
    # Before the reranker, tokens are drawn as the relaxation drew them.
    early = Generator.from_pretrained(artefacts.checkpoints(tmp_path / "run")[0])
    assert early.temperature == (1.0 if "--relaxation.kind=gumbel" in options else 0.0)
    before = (tmp_path / "run" / "samples" / "step-0000003.txt").read_text().splitlines()
    if given is None:
        assert before == list(early.sample(20, seed=0)) != drawn


@pytest.mark.parametrize(
    "options, example",
    [
        (["--corpus.train=grammar:types", "--corpus.label=label"], "--label NAME --num 1000 --out samples.txt"),
        (["--corpus.train=grammar:dialogue", "--corpus.context=context"], "--context questions.txt --out answers.txt"),
        ([], "--num 1000 --out samples.txt"),
    ],
)
def test_the_end_says_how_to_sample_and_that_works(tmp_path, capsys, monkeypatch, options, example):
    run = tmp_path / "my run"
    assert train(run, *options, "--train.steps=1") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"done: {run}; sample with: seqgan-gp sample '{run}' {example}"
    (tmp_path / "questions.txt").write_text("do i sing?\n")
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(last.partition("seqgan-gp ")[2].replace("NAME", "question"))) == 0
    assert len((tmp_path / example.split()[-1]).read_text().splitlines()) == (1 if "answers" in example else 1000)


def test_a_finished_run_that_is_resumed_does_nothing_more(tmp_path):
    assert train(tmp_path / "run") == 0
    before = rows(tmp_path / "run")
    assert train(tmp_path / "run", "--resume") == 0
    assert rows(tmp_path / "run") == before


def test_the_two_optimisers_have_the_options_that_each_is_given(tmp_path, monkeypatch):
    options = ["--train.critic.options={weight_decay: 0.5}", "--train.generator.options={weight_decay: 0.25}"]
    step, seen = trainer.Trainer.step, []

    def watched(self):
        optimizers = (self.game.generator_optimizer, self.game.critic_optimizer)
        seen.append([optimizer.param_groups[0]["weight_decay"] for optimizer in optimizers])
        return step(self)

    monkeypatch.setattr(trainer.Trainer, "step", watched)
    assert train(tmp_path / "run", *options, "--train.steps=1") == 0
    assert train(tmp_path / "run", *options, "--train.steps=2", "--resume") == 0
    assert seen == [[0.25, 0.5]] * 2
