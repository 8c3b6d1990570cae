"""Test the lines of a file that are read when they are needed, and the corpora that are prepared on disk."""

import gzip
import json
import os
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from conftest import TINY, train
from corpora import load

from seqgan_gp import config as configs
from seqgan_gp import sources
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.text import cache, corpus, lines, prepared
from seqgan_gp.text.lines import Lines
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training import text_evaluator
from seqgan_gp.training.text import TextTask

TEXTS = ["one", "", "zwei ä", "three\u2028and more", "四"] * 3


@pytest.fixture
def stored(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BATCH", 4)
    monkeypatch.setattr(lines, "BLOCK", 7)
    (tmp_path / "a.txt").write_text("".join(f"{line}\n" for line in TEXTS), newline="\n")
    return Lines(tmp_path / "a.txt")


def test_lines_of_a_file_are_a_sequence_of_texts(stored):
    assert len(stored) == 15 and list(stored) == TEXTS and stored == TEXTS
    assert stored[3] == TEXTS[3] and stored[-1] == "四" and stored[2:9:3] == TEXTS[2:9:3] and stored[20:] == []
    assert stored != TEXTS[:-1] and stored != [*TEXTS[:-1], "五"]
    with pytest.raises(IndexError):
        stored[15]


def test_a_damaged_file_is_named(stored):
    stored.path.write_bytes(b"fine\n\x80\n")
    with pytest.raises(UserError, match=r"a\.txt is damaged: it is not UTF-8 text"):
        list(Lines(stored.path))


@pytest.mark.parametrize("rows", [[2, 3, 4], [0, 14], [14, 0, 7, 7], []])
def test_some_lines_are_chosen_without_reading_the_others(stored, rows):
    some = stored.take(rows)
    assert len(some) == len(rows) and list(some) == [TEXTS[row] for row in rows]
    assert list(some.take(np.arange(len(rows))[::-1])) == [TEXTS[row] for row in rows[::-1]]


@pytest.mark.parametrize("size, number, seed", [(10, 3, 0), (1000, 100, 1), (1000, 1000, 2), (5, 1, 3)])
def test_the_held_out_rows_are_the_first_of_a_shuffle_of_all(size, number, seed):
    assert corpus._draw(size, number, random.Random(seed)) == random.Random(seed).sample(range(size), size)[:number]


def test_numbers_take_as_few_bytes_as_they_need_and_rows_of_them_are_int64(tmp_path):
    for values, dtype in ((256, np.uint8), (257, np.uint16), (65537, np.uint32)):
        table = np.arange(6).reshape(3, 2) * ((values - 1) // 5)
        with prepared.Numbers(tmp_path / "a.npy", values, (3, 2)) as numbers:
            numbers.append(table[:1])
            numbers.append(table[1:])
        stored = np.load(tmp_path / "a.npy", mmap_mode="r")
        assert stored.dtype == dtype
        rows = prepared.Rows(stored)
        assert rows.shape == (3, 2) and len(rows) == 3
        assert rows[np.array([2, 0])].dtype == np.int64 and (rows[[2, 0]] == table[[2, 0]]).all()


LONG = [f"{i} " + f"word{i % 97} " * 100 for i in range(20_000)]


@pytest.mark.parametrize("form", ["txt", "txt.gz", "csv", "jsonl", "fasta", "parquet"])
def test_no_file_of_sentences_is_in_memory_as_a_whole(tmp_path, monkeypatch, form):
    monkeypatch.setattr(sources, "BATCH", 100)
    monkeypatch.setattr(lines, "BATCH", 100)
    path = tmp_path / f"a.{form}"
    write = {
        "csv": lambda: path.write_text("text\n" + "\n".join(LONG)),
        "jsonl": lambda: path.write_text("\n".join(json.dumps({"text": line}) for line in LONG)),
        "fasta": lambda: path.write_text("".join(f">{i}\n{line}\n" for i, line in enumerate(LONG))),
        "parquet": lambda: pyarrow.parquet.write_table(pyarrow.table({"text": LONG}), path, row_group_size=500),
        "txt.gz": lambda: path.write_bytes(gzip.compress("\n".join(LONG).encode(), 1)),
        "txt": lambda: path.write_text("\n".join(LONG)),
    }
    write[form]()
    config = configs.parse([f"--corpus.train={path}", "--corpus.holdout=10"]).config.corpus
    tracemalloc.start()
    try:
        read = corpus.load_corpus(config, tmp_path / "folder")
        assert len(read.train) == 19_990
        assert tracemalloc.get_traced_memory()[1] < sum(map(len, LONG)) / 4
    finally:
        tracemalloc.stop()


def options_of(path, *options):
    return configs.parse([*TINY, f"--corpus.train={path}", *options]).config


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A file, and a cache that keeps a corpus of any size."""
    monkeypatch.setenv("SEQGAN_GP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LARGE", 1)
    path = tmp_path / "a.txt"
    path.write_text("".join(f"the dog {i} sees the cat {i % 7}\n" for i in range(300)))
    return path


def seen(task):
    return (
        [*task.corpus.train.text],
        [*task.corpus.test.text],
        task.real[:].tolist(),
        task.tokenizer.tokens,
        task.config,
    )


def test_a_large_corpus_is_prepared_once(kept, monkeypatch):
    first = seen(TextTask.load(options_of(kept)))
    copy = kept.with_name("b.txt")
    copy.write_bytes(kept.read_bytes())
    monkeypatch.setattr(Tokenizer, "train", lambda *_: pytest.fail("it is prepared anew"))
    *again, config = seen(TextTask.load(options_of(copy, "--seed=8", "--train.batch_size=2")))
    assert again == list(first[:-1]) and config.tokenizer == first[-1].tokenizer


@pytest.mark.parametrize(
    "change", ["corpus.seed=8", "corpus.holdout=9", "tokenizer.length=4", "tokenizer.kind=character", "line"]
)
def test_another_text_or_another_preparation_is_another_one(kept, change):
    first = seen(TextTask.load(options_of(kept)))
    if change == "line":
        kept.write_text(kept.read_text().replace("dog 7 ", "dog 8 "))
        other = seen(TextTask.load(options_of(kept)))
    else:
        other = seen(TextTask.load(options_of(kept, f"--{change}")))
    assert other[:3] != first[:3]
    assert seen(TextTask.load(options_of(kept, *([] if change == "line" else [f"--{change}"])))) == other


def test_a_kept_corpus_that_somebody_has_changed_is_not_used(kept):
    first = seen(TextTask.load(options_of(kept)))
    (stored,) = (cache.root()).glob("*/corpus/train.txt")
    stored.write_text(stored.read_text().replace("dog", "cow"))
    assert seen(TextTask.load(options_of(kept))) == first
    (stored,) = (cache.root()).glob("*/corpus/train.ids.npy")
    stored.unlink()
    assert seen(TextTask.load(options_of(kept))) == first


def test_nothing_but_kept_corpora_stays_in_the_cache(kept, tmp_path, monkeypatch):
    task = TextTask.load(options_of(kept))
    del task
    assert [path.name for path in cache.root().iterdir() if path.name.startswith("scratch")] == []
    with pytest.raises(UserError, match="holdout"):
        TextTask.load(options_of(kept, "--corpus.holdout=200"))
    assert len(list(cache.root().iterdir())) == 1
    monkeypatch.setattr(cache, "LARGE", 10**9)
    monkeypatch.setenv("SEQGAN_GP_CACHE", str(tmp_path / "other"))
    task = TextTask.load(options_of(kept))
    task.write(tmp_path / "run")
    assert len(list((tmp_path / "other").iterdir())) == 1
    del task
    assert not list((tmp_path / "other").iterdir())
    assert (tmp_path / "run" / "corpus" / "train.txt").read_text().startswith("the dog")


def test_what_a_killed_run_has_left_is_deleted_and_nothing_else(kept):
    script = (
        "import os, signal, sys\nfrom seqgan_gp.text import cache\nscratch = cache.Scratch()\n"
        "(scratch.path / 'source').mkdir()\nprint(scratch.path, flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    one, other = (subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2))
    left, used = (Path(process.stdout.readline().strip()) for process in (one, other))
    yours = cache.root() / f"{cache.Scratch.PREFIX}thesis"
    yours.mkdir()
    one.kill()
    one.wait()
    TextTask.load(options_of(kept))
    assert not left.exists() and used.exists() and yours.exists()
    other.communicate()


def test_a_run_has_its_own_copy_of_a_kept_corpus(kept, tmp_path):
    for name in ("one", "two"):
        TextTask.load(options_of(kept)).write(tmp_path / name)
    for path in (tmp_path / "one" / "corpus").iterdir():
        path.write_bytes(b"")
    assert all(path.stat().st_size for path in (tmp_path / "two" / "corpus").iterdir())
    assert all(path.stat().st_size for path in cache.root().glob("*/corpus/*"))


def test_without_a_cache_that_can_be_written_to_a_run_is_prepared_elsewhere(kept, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEQGAN_GP_CACHE", str(tmp_path / "file" / "cache"))
    assert len(TextTask.load(options_of(kept)).corpus.train) == 200


def test_two_runs_of_one_prepared_corpus_are_equal(kept, tmp_path, capsys):
    for name in ("one", "two"):
        assert train(tmp_path / name, f"--corpus.train={kept}", "--corpus.holdout=30") == 0
    rows = [
        [
            {k: v for k, v in json.loads(line).items() if "second" not in k}
            for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        ]
        for name in ("one", "two")
    ]
    assert rows[0] == rows[1]
    assert train(tmp_path / "one", f"--corpus.train={kept}", "--corpus.holdout=30", "--train.steps=8", "--resume") == 0


def test_a_run_says_whether_it_holds_out_what_it_trains_on(kept):
    line = "every held-out sentence is a training sentence: the scores do not tell learning from copying"
    assert line not in TextTask.load(options_of(kept)).describe()
    kept.write_text("the dog sleeps\na cat runs\nsome birds fly\n" * 300)
    assert line in TextTask.load(options_of(kept)).describe()


def test_evaluations_compare_with_a_sample_of_fixed_size(kept, monkeypatch):
    monkeypatch.setattr(text_evaluator, "COMPARED", 50)
    task = TextTask.load(options_of(kept, "--corpus.holdout=100"))
    yardstick = task.evaluator().yardstick
    assert yardstick.training == [*task.corpus.train.text][::4] and yardstick.reference == [*task.corpus.test.text][::2]
    assert "the scores during training look at 50 of the sentences, evenly spaced" in task.describe()


def test_a_data_set_of_the_hub_is_read_as_a_stream_and_no_further_than_asked(monkeypatch):
    read = []

    def rows():
        for i in range(10**9):
            read.append(i)
            yield {"text": f"line {i}", "topic": f"t{i % 3}"}

    asked = {}

    def stand_in(source, streaming):
        asked["streaming"] = streaming
        return datasets.IterableDatasetDict({"train": datasets.IterableDataset.from_generator(rows)})

    monkeypatch.setattr(datasets, "load_dataset", stand_in)
    found = load("some/set", given="topic", streaming=20)
    assert asked["streaming"] and len(read) < 100
    texts = sorted([*found.train.text, *found.test.text], key=lambda line: int(line.split()[1]))
    assert texts == [f"line {i}" for i in range(20)] and set(found.train.given) <= {"t0", "t1", "t2"}
    with pytest.raises(UserError, match=r"no column 'words'; pass --corpus.column with one of: text, topic"):
        load("some/set", column="words", streaming=20)


def test_a_stream_that_breaks_off_is_one_line(monkeypatch):
    def rows():
        yield {"text": "a"}
        raise ConnectionError("the network\nis gone")

    splits = datasets.IterableDatasetDict({"train": datasets.IterableDataset.from_generator(rows)})
    monkeypatch.setattr(datasets, "load_dataset", lambda source, streaming: splits)
    with pytest.raises(UserError, match=r"'some/set' cannot be loaded \(.*the network is gone"):
        load("some/set", streaming=20)


@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "/dev/tty"])
def test_a_named_pipe_or_a_device_is_refused_at_once(tmp_path, capsys, name):
    if name == "fifo":
        os.mkfifo(tmp_path / name)
    path = str(tmp_path / name) if name == "fifo" else name
    kind = "named pipe" if name == "fifo" else "device"
    assert train(tmp_path / "run", f"--corpus.train={path}") == 2
    assert f"{path}: it is a {kind}, which may never end: write its contents to a file" in capsys.readouterr().err
    for options in ([path, "--grammar=text"], ["x.txt", f"--reference={path}"], ["x.txt", f"--train={path}"]):
        (tmp_path / "x.txt").write_text("a b\nc d\n")
        arguments = [str(tmp_path / "x.txt") if option == "x.txt" else option for option in options]
        assert main(["evaluate", *arguments]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no /dev/fd")
def test_a_pipe_that_a_shell_makes_is_read(tmp_path):
    command = f"{sys.executable} -m seqgan_gp evaluate <(seq 1 9) --reference <(seq 3 9) "
    done = subprocess.run(["bash", "-c", command + "--metrics ngrams"], capture_output=True, text=True)
    assert done.returncode == 0 and "bleu_2" in done.stdout, done.stderr
