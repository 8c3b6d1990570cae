"""Test training, sampling and probing with labels and with contexts."""

import collections
import csv
import json
import re
import shutil

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import train
from safetensors.torch import load_file

from seqgan_gp import Critic, Generator, artefacts
from seqgan_gp import config as configs
from seqgan_gp.cli import main
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.evaluation.catalogue import describe
from seqgan_gp.training.folder import read_metrics
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

LABELS = ("--corpus.train=grammar:types", "--corpus.label=label", "--condition.features=8")
CONTEXTS = ("--corpus.train=grammar:dialogue", "--corpus.context=context", "--condition.features=8")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "labelled"
    assert train(output, *LABELS) == 0
    return output


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "answering"
    assert train(output, *CONTEXTS) == 0
    return output


def weights(run):
    return load_file(artefacts.checkpoints(run)[-1] / artefacts.WEIGHTS)


def test_a_run_with_labels_keeps_them_with_its_sentences_and_its_weights(labelled):
    task = TextTask.read(artefacts.read_config(labelled, TextConfig), labelled)
    training = task.corpus.train
    own = task.corpus.grammar.label_probability(training.given[:50], training.text[:50])
    np.testing.assert_allclose(own, 1, atol=1e-6)
    counts = json.loads((labelled / "labels.json").read_text())
    assert counts == {name: training.given.count(name) for name in counts} and sum(counts.values()) == 400
    for checkpoint in artefacts.checkpoints(labelled):
        assert (checkpoint / "labels.json").read_text() == (labelled / "labels.json").read_text()
    shapes = {name: tuple(tensor.shape) for name, tensor in weights(labelled).items()}
    assert shapes["generator.encoder.embedding"] == shapes["critic.encoder.embedding"] == (4, 8)


def test_evaluations_measure_obedience_beside_real_sentences(labelled, answering):
    for run in (labelled, answering):
        keys = {key for row in read_metrics(run / "metrics.jsonl") for key in row if key.startswith(("eval/", "real/"))}
        assert [key for key in keys if describe(key.partition("/")[2]) is None] == []
    rows = {key: value for row in read_metrics(labelled / "metrics.jsonl") for key, value in row.items()}
    assert rows["real/obedience"] == rows["real/obedience_question"] == rows["real/obedient"] == 1
    assert 0 <= rows["eval/obedient"] <= 1
    rows = {key: value for row in read_metrics(answering / "metrics.jsonl") for key, value in row.items()}
    assert rows["real/agreement"] == rows["real/grammatical"] == 1
    assert rows["eval/agreement"] + rows["eval/wrong_grammar"] <= 1
    for run in (labelled, answering):  # what each sample was given stands in the same line
        given, sentences = (run / "samples" / f"step-0000006{suffix}" for suffix in (".given.txt", ".txt"))
        held_out = set((run / "corpus" / "test.given.txt").read_text().splitlines())
        assert len(given.read_text().splitlines()) == len(sentences.read_text().splitlines()) == 20
        assert set(given.read_text().splitlines()) <= held_out


@pytest.mark.parametrize("options", [LABELS, CONTEXTS], ids=["labels", "contexts"])
@pytest.mark.parametrize("objective", ["wasserstein", "relativistic"])
def test_real_and_generated_sentences_are_given_the_same(options, objective):
    """Each row that the critic scores is a sentence of the corpus, with what belongs to it, or one
    that the generator has just written, with what that was given; or it lies between the two.
    """
    sizes = ("--corpus.size=40", "--corpus.holdout=10", "--train.batch_size=6", "--generator.width=12")
    config = configs.parse([*options, *sizes, f"--objective={objective}", "--train.critic_steps=2"]).config
    task = TextTask.load(config)
    trainer = Trainer(Accelerator(cpu=True), task)
    # Each row of the corpus is given what belongs to it, as the grammar says.
    values = task.adherence()(task.corpus.train.given, task.tokenizer.decode(task.real[:]))
    assert values.get("obedient", values.get("agreement")) == 1
    given = torch.from_numpy(task.condition_rows[:])
    assert torch.equal(given, torch.from_numpy(task.condition.encode(task.corpus.train.given)))
    written, points, scored = [], [], []

    def writes(player, inputs, tokens):
        ids = tokens if isinstance(tokens, torch.Tensor) else tokens.ids
        written.append((ids, inputs[1]))

    def sees(layer, inputs):
        points.append(inputs[0].detach().clone())

    def is_told(encoder, inputs):
        """Sort the rows of a pass: do they stand in the corpus, or in the batch written last?"""
        ids, told = written[-1]
        with torch.no_grad():
            real, fake = trainer.critic.embed(torch.from_numpy(task.real[:])), trainer.critic.embed(ids)
        kinds = []
        for point, condition in zip(points[-1], inputs[0], strict=True):
            in_corpus, in_batch = ((e - point).abs().amax(dim=(1, 2)) < 1e-6 for e in (real, fake))
            conditions = {"real": given[in_corpus], "generated": told[in_batch]}
            kinds.append([kind for kind, c in conditions.items() if len(c)])
            for kind in kinds[-1]:
                assert any(torch.equal(c, condition) for c in conditions[kind]), kind
        scored.append([kind for row in kinds for kind in row or ["between"]])

    trainer.game.generator.register_forward_hook(writes)
    trainer.critic.input_projection.register_forward_pre_hook(sees)
    trainer.critic.encoder.register_forward_pre_hook(is_told)
    before = {name: p.detach().clone() for name, p in trainer.generator.named_parameters()}
    trainer.step()
    first, second = (given[trainer.batches[t]] for t in range(2))
    assert not torch.equal(first, second)
    # Two steps of the critic and one of the generator, which is given what the critic's last batch was.
    assert [torch.equal(c, d) for (_, c), d in zip(written, (first, second, second), strict=True)] == [True] * 3
    counts = collections.Counter(kind for kinds in scored for kind in kinds)
    paired = 6 if objective == "relativistic" else 0  # whose generator compares with real sentences
    assert counts == {"real": 12 + paired, "generated": 12 + 6, "between": 12}
    trainer.step()
    moved = [name for name, p in trainer.generator.named_parameters() if not torch.equal(p, before[name])]
    assert any(name.startswith("modulations") for name in moved) and any(name.startswith("encoder") for name in moved)
    averages = dict(trainer.average.module.named_parameters())
    assert all(not torch.equal(averages[name], before[name]) for name in moved)


def test_a_resumed_conditional_run_is_the_run(tmp_path, capsys):
    options = (*LABELS, "--train.decay_from=1")  # else the rate would fall with the steps asked for
    assert train(tmp_path / "whole", *options) == 0
    assert train(tmp_path / "halves", *options, "--train.steps=3") == 0
    assert train(tmp_path / "halves", *options, "--resume") == 0
    whole, halves = weights(tmp_path / "whole"), weights(tmp_path / "halves")
    assert whole.keys() == halves.keys() and all(torch.equal(whole[name], halves[name]) for name in whole)
    assert train(tmp_path / "halves", *options, "--resume", "--condition.features=16") == 2
    assert "was trained with condition.features=8, not 16" in capsys.readouterr().err


def test_sampling_takes_a_label(labelled, capsys):
    assert main(["sample", str(labelled), "--num", "3", "--label", "question"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["sample", str(labelled), "--label", "quest"]) == 2
    message = capsys.readouterr().err
    assert "no label 'quest'" in message and "statement" in message and message.count("\n") == 1
    assert main(["sample", str(labelled), "--context", "questions.txt"]) == 2
    assert "takes no context: leave out --context" in capsys.readouterr().err


def test_sampling_answers_every_line_of_a_file(answering, run, tmp_path, capsys):
    questions, answers = tmp_path / "questions.txt", tmp_path / "answers.txt"
    questions.write_text("does anna sleep?\nwhat do you see?\ndo i sing?\n")
    assert main(["sample", str(answering), "--context", str(questions), "--out", str(answers)]) == 0
    assert len(answers.read_text().splitlines()) == 3
    assert "were cut" not in capsys.readouterr().err
    # The columns of a table are those of its training.
    (tmp_path / "q.csv").write_text('id,context\n1,"does anna\nsleep?"\n2,what do you see?\n3,do i sing?\n')
    (tmp_path / "r.csv").write_text("question\ndoes anna sleep?\nwhat do you see?\ndo i sing?\n")
    for table in (["q.csv"], ["r.csv", "--column=question"]):
        given = [f"--context={tmp_path / table[0]}", *table[1:]]
        assert main(["sample", str(answering), *given, f"--out={tmp_path / 'again.txt'}"]) == 0
        assert (tmp_path / "again.txt").read_text() == answers.read_text()
    assert main(["sample", str(answering), f"--context={tmp_path / 'r.csv'}"]) == 2
    assert "no column 'context'; pass --column with one of: question" in capsys.readouterr().err
    questions.write_text("does anna sleep?\n" + "do i sing? " * 9 + "\n")
    assert main(["sample", str(answering), "--context", str(questions)]) == 0
    assert "1 lines of " in capsys.readouterr().err
    for options, message in (
        ((str(answering), "--num", "2"), "this run answers what it is given: seqgan-gp sample RUN --context FILE"),
        ((str(answering), "--label", "question"), "takes no label: leave out --label"),
        ((str(answering), "--context", str(questions), "--fix=i", "--fix-by=draw"), "--fix-by draw cannot wait for"),
        ((str(run), "--fix-by", "draw"), "pass --fix PATTERN with it"),
        (
            (str(run), "--label", "question"),
            "takes no label: leave out --label, or give a run trained with corpus.label",
        ),
        ((str(answering), "--context", str(tmp_path / "none.txt")), "no such file"),
    ):
        assert main(["sample", *options]) == 2
        assert message in capsys.readouterr().err
    questions.write_text("does anna sleep?\nwhat do you see?\ndo i sing?\n")
    given = [f"--context={questions}", f"--out={tmp_path / 'again.txt'}"]
    assert main(["sample", str(answering), *given, "--num=2"]) == 0
    assert (tmp_path / "again.txt").read_text() == answers.read_text()
    assert "--num has no effect: --context writes an answer to each of its 3 lines" in capsys.readouterr().err
    with pytest.raises(UserError, match="context 2 is empty: give a sentence to answer"):
        list(Generator.from_pretrained(answering).sample(2, given=["do i sing?", " "]))
    questions.write_text("does anna sleep?\n\ndo i sing?\n")
    assert main(["sample", str(answering), "--context", str(questions)]) == 2
    assert "questions.txt, line 2: empty" in capsys.readouterr().err


def test_a_sweep_of_answers_or_of_one_temperature_twice_is_refused(answering, tmp_path, capsys):
    sweep = ["sweep", str(answering), "--num=4", f"--out={tmp_path / 'sweep'}"]
    assert main([*sweep, "--temperatures", "1", "0.5", "1.0"]) == 2
    assert "--temperatures has 1 twice" in capsys.readouterr().err
    assert main([*sweep, "--temperatures=1"]) == 2
    assert f"{answering} answers contexts, and sweep has none to give" in capsys.readouterr().err
    assert main(["sweep", str(answering), f"{answering}/", "--num=4", f"--out={tmp_path / 'sweep'}"]) == 2
    assert f"{answering} is given twice: give each system once" in capsys.readouterr().err


@pytest.mark.parametrize(
    "pattern, missing",
    [
        ((), "there is no label 'of three': the training sentences have 'of one', 'of two'"),
        ((r"--corpus.label_pattern=(one|two|three)",), "there is no label 'three': the training sentences have "),
        ((r"--corpus.label_pattern=(one|two)",), "--corpus.label_pattern '(one|two)' finds no label in column 'which'"),
    ],
)
def test_score_finds_labels_as_training_does(tmp_path, capsys, pattern, missing):
    source, cells = tmp_path / "c.jsonl", ["  of one ", "of two"]
    lines = [
        json.dumps({"text": f"{word} sings.", "which": cells[i % 2]}) for i, word in enumerate(["anna", "tom"] * 60)
    ]
    source.write_text("\n".join(lines))
    run, options = (
        tmp_path / "run",
        [f"--corpus.train={source}", "--corpus.label=which", "--corpus.holdout=12", *pattern],
    )
    assert train(run, *options) == 0
    score = ["score", str(run), str(source), "--given=which"]
    assert main([*score, f"--out={tmp_path / 's.csv'}"]) == 0
    rows = list(csv.DictReader((tmp_path / "s.csv").open()))
    assert len(rows) == len(lines)
    for row in rows:  # each keeps its number in the file, and its label
        number = int(row["id"].removeprefix("candidate-"))
        given = json.loads(lines[number - 1])
        assert row["text"] == given["text"] and row["label"] in given["which"]
    assert main([*score, f"--out={tmp_path / 's.fasta'}", "--valid=anna.*"]) == 0
    headers = [line for line in (tmp_path / "s.fasta").read_text().splitlines() if line.startswith(">")]
    assert len(headers) == 60 and all(re.match(r">candidate-\d*[13579] label=", line) for line in headers)
    capsys.readouterr()
    source.write_text("\n".join([*lines[:3], json.dumps({"text": "tom sings.", "which": "of three"})]))
    assert main(score) == 2
    told = capsys.readouterr().err
    assert f"{source}, row 4" in told and missing in told and told.count("\n") == 1


def hot(source):
    """A generator whose modulations have learnt something, so that what it is given matters."""
    generator = Generator.from_pretrained(source)
    torch.manual_seed(0)
    for modulation in generator.network.modulations:
        torch.nn.init.normal_(modulation.linear.weight)
    return generator


def test_samples_depend_on_what_is_given_and_not_on_batches(labelled, answering):
    generator = hot(labelled)
    questions, commands = (list(generator.sample(20, given=label)) for label in ("question", "command"))
    assert questions != commands
    mixed = list(generator.sample(20, given=["question", "command"] * 10, batch_size=7))
    assert mixed[::2] == questions[::2] and mixed[1::2] == commands[1::2]
    drawn = generator.condition.draw(2000, np.random.default_rng(0))
    assert abs(drawn.count("statement") / 2000 - generator.condition.counts["statement"] / 400) < 0.05
    assert len(set(generator.sample(20))) > 1  # with labels of its own
    generator = hot(answering)
    contexts = ["do i sing?"] * 20, ["what does the young king see?"] * 20
    assert list(generator.sample(20, given=contexts[0])) != list(generator.sample(20, given=contexts[1]))


def test_the_critic_scores_under_a_label(labelled, answering, run):
    critic, sentences = Critic.from_pretrained(labelled), ["who sleeps?", "anna sleeps."]
    scores = critic(sentences, given=["question", "statement"])
    assert scores.shape == (2,)
    torch.testing.assert_close(critic(sentences, given="question")[0], scores[0])
    assert not torch.equal(critic(sentences, given="question"), critic(sentences, given="command"))
    torch.testing.assert_close(critic.score(critic.embed(sentences), given=["question", "statement"]), scores)
    assert critic.features(sentences).shape[0] == 2  # which no label enters
    for given, message in (
        (None, "this run is conditional: give a label"),
        ("quest", "no label 'quest'"),
        (["question"], "1 labels or contexts are given for 2 sentences"),
    ):
        with pytest.raises(UserError, match=message):
            critic(sentences, given=given)
    with pytest.raises(UserError, match="no labels and no contexts: leave out"):
        Critic.from_pretrained(run)(sentences, given="question")
    with pytest.raises(UserError, match="no labels and no contexts: leave out"):
        list(Generator.from_pretrained(run).sample(1, given=["question"]))
    critic = Critic.from_pretrained(answering)
    assert not torch.equal(critic(sentences, given="do i sing?"), critic(sentences, given="what does anna see?"))


def test_a_checkpoint_without_its_labels_says_so(labelled, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(artefacts.checkpoints(labelled)[-1], copy)
    (copy / "labels.json").unlink()
    with pytest.raises(UserError, match=r"labels.json: not a file of labels"):
        Generator.from_pretrained(copy)


def test_any_two_columns_make_a_run_with_labels_or_with_contexts(tmp_path):
    rows = [{"text": f"answer {i % 7} to it", "kind": i % 3, "question": f"is it {i % 5} ?"} for i in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for key, column in (("label", "kind"), ("context", "question")):
        output = tmp_path / key
        corpus = f"--corpus.train={tmp_path / 'a.jsonl'}", "--corpus.holdout=9"
        assert train(output, *corpus, f"--corpus.{key}={column}") == 0
        assert "eval/obedience" not in read_metrics(output / "metrics.jsonl")[-1]  # there is no grammar to ask
    assert len(list(Generator.from_pretrained(tmp_path / "label").sample(4, given=["0", "1", "2", "0"]))) == 4


@pytest.mark.parametrize("form", ["csv", "jsonl", "fasta", "txt"])
def test_samples_stand_beside_their_labels(labelled, tmp_path, form):
    out = tmp_path / f"s.{form}"
    assert main(["sample", str(labelled), "--num=40", "--seed=3", "--batch-size=16", f"--out={out}"]) == 0
    generator = Generator.from_pretrained(labelled)
    sentences, labels = list(generator.sample(40, 3, batch_size=16)), generator.draw_conditions(40, 3)
    assert len(set(labels)) > 1 and sentences == list(generator.sample(40, 3, batch_size=16, given=labels))
    text, pairs = out.read_text(), list(zip(sentences, labels, strict=True))
    if form == "csv":
        assert [(row["text"], row["label"]) for row in csv.DictReader(text.splitlines())] == pairs
    elif form == "jsonl":
        assert [tuple(json.loads(line).values()) for line in text.splitlines()] == pairs
    elif form == "fasta":
        headers = [line for line in text.splitlines() if line.startswith(">")]
        assert headers == [f">sample-{i} {label}" for i, label in enumerate(labels, 1)]
    else:
        assert text.splitlines() == sentences


@pytest.mark.parametrize(
    "options, message",
    [
        (("--corpus.label=kind", "--corpus.context=text2"), "corpus.label and corpus.context are both given"),
        (("--corpus.label=text",), "must name a column other than corpus.column"),
        (("--corpus.label=label", "--method=likelihood"), "method likelihood takes no corpus.label"),
        (("--corpus.context=context",), "the grammar has no column 'context'"),
        (("--corpus.label=sort",), "the grammar has no column 'sort': what it tells of its sentences is label"),
        (("--corpus.label=label", "--condition.kernel=2"), "condition.kernel is 2: it must be odd"),
        ((*CONTEXTS, "--condition.heads=3"), "the heads share the features, so"),
    ],
)
def test_conditions_that_cannot_be_are_refused_before_anything_is_written(options, message, tmp_path, capsys):
    assert train(tmp_path / "run", *options) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "rows, options, message",
    [
        ("text,kind\na b,1\nc d,\ne f,1\ng h,2\n", ("--corpus.label=kind",), "column 'kind' is empty in 1 of 4 rows"),
        ("text,kind\n" + "a b,1\n" * 30 + "c d,2\n", ("--corpus.label=kind",), "has the label '2'|the label '2' is in"),
        ("text,kind\n" + "a b,1\n" * 30, ("--corpus.label=kind",), "all training sentences have the label '1'"),
        (
            "text,q\na,b\n,c\nd,e\nf,g\n",
            ("--corpus.context=q",),
            "column 'text' is empty in 1 of 4 rows, first in row 2",
        ),
        ("text,q\na,b\nc,\nd,e\nf,g\n", ("--corpus.context=q",), "column 'q' is empty in 1 of 4 rows, first in row 2"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_named(rows, options, message, tmp_path, capsys):
    (tmp_path / "a.csv").write_text(rows)
    assert train(tmp_path / "run", f"--corpus.train={tmp_path / 'a.csv'}", "--corpus.holdout=2", *options) == 2
    error = capsys.readouterr().err
    assert re.search(message, error) and error.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "run").exists()
