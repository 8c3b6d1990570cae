"""Give odd input to every command, and report each case that ends in anything but success or one clear line.

    python tests/fuzz.py [--only TEXT] [--seed N] [--list]

The cases are: each key of `train --help` and each option of the other commands with each odd value; each name of a file
with odd files; damaged configs; own encoders that fail; and each file of a run, damaged in several ways, and then
resumed, sampled and swept. A case is a process of its own, forked from one that has imported everything, and stands in
a folder of its own. A case fails if

- it ends with an exit code other than 0 and 2, prints a traceback, or takes more than 20 seconds;
- its error is not one line that can be read on a terminal and names the key, the option or the file;
- it touches a file that it was not told to write.

The name of a case says all there is to it, and the seed of its random bits is made from the name: --only repeats it.

Exit code 0: no case fails. 1: some fail. 2: no case has the text of --only in its name.
"""

from __future__ import annotations

import argparse
import collections
import csv
import faulthandler
import gc
import gzip
import importlib
import json
import os
import random
import re
import resource
import shlex
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

LIMIT = 20  # seconds of a case
MEMORY = 3 << 30  # bytes that a case may take, so that one mistake does not end the machine's other work
LONGEST = 700  # characters of a message

# Faults of which somebody knows, as patterns of the names of their cases; each with its reason. Empty is best.
KNOWN: dict[str, str] = {}


class Case(NamedTuple):
    """One command with odd input.

    Args:
        name: says all that is odd.
        arguments: of the program.
        about: texts of which the error must have one.
        writes: paths, from the case's folder, that the command may touch.
        first: what is done to the folder before, in the process of the case.
    """

    name: str
    arguments: list[str]
    about: tuple[str, ...]
    writes: tuple[str, ...] = ("out",)
    first: Callable[[random.Random], None] | None = None


# --- values

ODD = {
    "nothing": "",
    "space": " ",
    "null": "null",
    "not a number": ".nan",
    "over all floats": "1e400",
    "negative": "-1",
    "zero": "0",
    "a whole float": "2e0",
    "400 digits": "9" * 400,
    "ten digits": "9" * 10,
    "2000 brackets": "[" * 2000,
    "a loop": "&a [*a]",
    "a mapping": "{a: 1}",
    "a list": "[1, x]",
    "a date": "2026-11-26",
    "an impossible date": "2026-99-99",
    "5000 letters": "x" * 5000,
    "a byte that is not UTF-8": "\udcff",
    "a zero byte": "a\0b",
    "code": "!!python/object/apply:os.getcwd []",
    "two lines": "a\nb",
    "an escape": "\x1b[31mred",
    "quotes": "'\"",
}

FILES = {
    "a folder": ".",
    "nowhere": "nowhere.txt",
    "below a file": "corpus.txt/x",
    "a link to itself": "loop",
    "a FIFO": "fifo",
    "a device without end": "/dev/zero",
    "an empty device": "/dev/null",
    "an empty file": "empty.txt",
    "random bytes": "noise.bin",
    "half a packed file": "half.txt.gz",
    "rows of null": "null.jsonl",
    "a deep array": "deep.json",
    "a table of another column": "other.csv",
    "no table": "noise.parquet",
    "no archive": "noise.npz",
    "text that is YAML": "list.yaml",
    "the top": "/",
    "a home that is not there": "~nobody-of-that-name/x",
}

FIRST = ("nothing", "not a number", "negative", "zero", "a whole float", "400 digits", "ten digits", "a loop", "a list")


def _some(turn: int) -> dict[str, str]:
    """Twelve odd values: the first ones, and three of the others, which change from turn to turn."""
    others = [name for name in ODD if name not in FIRST]
    return {name: ODD[name] for name in (*FIRST, *(others[(3 * turn + i) % len(others)] for i in range(3)))}


PATHS = {
    *("corpus.train", "corpus.test", "tokenizer.file", "images.train", "images.test"),
    *("--config", "--output", "--out", "--json", "--reference", "--train", "--real", "--grammar", "--context"),
    *("samples", "run", "runs"),
}
OUTPUTS = {"--output", "--out", "--json"}

TINY = [
    "--report=false",
    *("--seed=3", "--train.steps=1", "--train.batch_size=2", "--train.threads=1", "--evaluation.samples=3"),
    *("--generator.noise=3", "--output=out"),
]
TEXT = [
    *("--corpus.holdout=20", "--tokenizer.length=16", "--generator.width=4", "--generator.blocks=1"),
    *("--critic.width=4", "--critic.blocks=1", "--critic.embedding=4", "--critic.windows=0"),
    *("--revision.passes=0", "--reranking.candidates=1"),
]
IMAGES = [
    *("--modality=images", "--images.train=images.npz", "--images.height=8", "--images.width=12"),
    *("--images.holdout=8", "--generator.channels=2", "--critic.channels=2"),
]


def context(key: str, asked_by: str) -> list[str]:
    """Options with which a key matters."""
    section = key.partition(".")[0]
    corpus = "--corpus.train=corpus.txt"
    if key == "corpus.size":
        corpus = "--corpus.train=grammar:text"
    options = [*TINY, *TEXT, corpus]
    if section in ("likelihood", "language_model"):
        options += ["--method=likelihood", "--language_model.width=4", "--language_model.embedding=4"]
    if section == "reranking":
        options += ["--reranking.candidates=2", "--reranking.share=0.5", "--train.steps=2"]
    if section == "condition":
        options += ["--corpus.train=pairs.csv", "--corpus.context=context"]
    if key in ("corpus.label", "corpus.context", "corpus.column"):
        options += ["--corpus.train=pairs.csv"]
    if key == "corpus.label_pattern":
        options += ["--corpus.train=pairs.csv", "--corpus.label=label"]
    if asked_by:
        options += [f"--{asked_by}"]
    return options


def of_keys() -> Iterator[Case]:
    """Each key of training with each odd value, on the command line and in a file."""
    from seqgan_gp.config import parse
    from seqgan_gp.config.schema import keys

    common: set[str] = set()
    for modality in ("text", "images"):
        config = parse([f"--modality={modality}"]).config
        seen: set[str] = set()
        for key in keys(config):
            if key.name in seen or key.name in ("modality", "imports") or (modality == "images" and key.name in common):
                continue
            seen.add(key.name)
            base = context(key.name, key.asked_by) if modality == "text" else [*TINY, *IMAGES]
            about = tuple(filter(None, (key.name, key.name.rpartition(".")[0], "cannot be read")))
            values = {**_some(len(seen)), **{f"file: {n}": v for n, v in FILES.items() if key.name in PATHS}}
            for name, value in values.items():
                known = (*about, _seen(value)) if value else about
                yield Case(f"train --{key.name} {name}", ["train", *base, f"--{key.name}={value}"], known)
                if name == list(_some(len(seen)))[-1]:  # one of them in a file too, whose values have the same checks
                    path = [*key.name.split("."), _quoted(value)]
                    yield Case(
                        f"train --config with {key.name} {name}",
                        ["train", "--config=odd.yaml", *(o for o in base if not o.startswith(f"--{key.name}="))],
                        ("odd.yaml", *known),
                        ("out", "odd.yaml"),
                        _writing("odd.yaml", _nested(path)),
                    )
        if modality == "text":
            common = seen  # images have these too, with the same checks


def _nested(path: list[str]) -> str:
    return path[0] if len(path) == 1 else f"{{{path[0]}: {_nested(path[1:])}}}"


def _quoted(value: str) -> str:
    return json.dumps(value) if "\n" in value or "\0" in value else value


def _writing(path: str, text: str) -> Callable[[random.Random], None]:
    return lambda rng: Path(path).write_text(text, "utf-8", "surrogateescape") and None


REAL = ["--reference=reference.txt", "--metrics=ngrams"]
OPTIONS = {
    "sample": ["run", "--num=3", "--out=out/s.txt"],
    "evaluate": ["samples.txt", *REAL],
    "compare": ["samples.txt", "other.txt", *REAL, "--out=out", "--bootstrap=2"],
    "sweep": ["run", "--num=4", "--temperatures=1", "--metrics=ngrams", "--out=out"],
    "report": ["run", "--out=out/report.html"],
}


def of_options() -> Iterator[Case]:
    """Each option of the commands besides train, and its own, with each odd value."""
    from seqgan_gp.options import new_parser

    turn = 0
    choices = next(a.choices for a in new_parser()._actions if isinstance(a.choices, dict))
    for command, base in OPTIONS.items():
        for action in choices[command]._actions:
            if action.dest in ("help", "version"):
                continue
            option = action.option_strings[-1] if action.option_strings else ""
            name = option or action.dest
            turn += 1
            values = {**_some(turn), **{f"file: {n}": v for n, v in FILES.items() if name in PATHS}}
            for what, value in values.items():
                yield Case(
                    f"{command} {name} {what}",
                    [command, *_with(base, option, value)],
                    (
                        name if option else str(action.metavar or name),
                        *filter(None, (_seen(value), value.split("/")[0])),
                        "is a folder",
                    ),
                    ("out", *(_named(value) if option in OUTPUTS else ())),
                )
    for option in ("--config", "--output", "--import", "--modality", "--resume", "--overwrite", "--help"):
        for what, value in {**ODD, **{f"file: {n}": v for n, v in FILES.items() if option in PATHS}}.items():
            yield Case(
                f"train {option} {what}",
                ["train", *TINY, *TEXT, "--corpus.train=corpus.txt", f"{option}={value}"],
                (option, option[2:], *([_seen(value)] if value else [])),
                ("out", *(_named(value) if option in OUTPUTS else ())),
            )


def _with(base: list[str], option: str, value: str) -> list[str]:
    """The arguments of a command with one value in place of its own; the first argument is the positional one."""
    if not option:
        return [f"./{value}" if value.startswith("-") else value, *base[1:]]
    return [*(o for o in base if not o.startswith(f"{option}=")), f"{option}={value}"]


def _seen(value: str) -> str:
    """The beginning of a value as messages show it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value[:40])


def _named(value: str) -> tuple[str, ...]:
    if value == ".":
        tables = [f"{name}.{suffix}" for name in ("table", "differences") for suffix in ("csv", "tex")]
        return ("table.md", *tables, "scores.json", "frontier.png", "samples")
    return (value.split("/")[0],) if value and not value.startswith("/") else ()


ENCODERS = """
import numpy as np

VALUE = 3
def good(s): return np.ones((len(s), 3)) * np.arange(len(s))[:, None]
def lists(s): return good(s).tolist()
def flat(s): return np.ones(len(s))
def too_few(s): return good(s)[:-1]
def no_columns(s): return np.ones((len(s), 0))
def nan(s): return good(s) * np.nan
def infinite(s): return good(s) / 0
def strings(s): return list(s)
def nothing(s): return None
def ragged(s): return [[1.0] * (i % 3) for i in range(len(s))]
def complex_(s): return good(s) * 1j
def objects(s): return np.array([[None, 1]] * len(s), dtype=object)
def raises(s): raise ZeroDivisionError("two\\nlines")
def exits(s): raise SystemExit(0)
def no_arguments(): return 1
def prints(s): print("words"); return good(s)
def generates(s): yield from good(s)
def huge(s): return good(s) * 1e308
class Kind: pass
"""


def of_encoders() -> Iterator[Case]:
    """Encoders of the user's own, that are no functions or fail."""
    names = re.findall(r"^(?:def |class )?(\w+)(?:\(| =|: pass)", ENCODERS, re.MULTILINE)
    own = [f"own:{name}" for name in [*names, "", "nonesuch", "__name__", "np", "good:x", "good.x"]]
    others = ["os:getcwd", "os:path", ":f", "x:", "x:y", "builtins:len", "builtins:exit", "x", "./own.py:good", "a b:c"]
    for encoder in [*own, *others, "fails:f", "exits:f", "wrong:f", "json:dumps", "builtins:print"]:
        base = [o for o in OPTIONS["evaluate"] if "metrics" not in o]
        name = f"evaluate --encoder {encoder}"
        yield Case(name, ["evaluate", *base, "--metrics=embedding", f"--encoder={encoder}"], ("--encoder",))


def of_places() -> Iterator[Case]:
    """Folders that are odd: no longer there, full of other things, links."""
    train = ["train", *TINY, *TEXT, "--corpus.train=corpus.txt"]

    def away(rng: random.Random) -> None:
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")

    for command, base in {"train": train[1:], **OPTIONS}.items():
        yield Case(f"{command} in a folder that is gone", [command, *base], ("folder", "directory"), first=away)
    for name, output in {
        "the current folder": ".",
        "the folder above": "..",
        "a project": "project",
        "a link to a run": "link",
        "a file": "corpus.txt",
        "below a file": "corpus.txt/x",
        "a link to itself": "loop",
        "the top": "/",
        "a device": "/dev/null",
        "the data": "data",
    }.items():
        writes = ("run",) if output == "link" else ()
        for option in ("--overwrite", "--resume"):
            yield Case(f"train {option} --output {name}", [*train, f"--output={output}", option], (output,), writes)
    for number in ("0000001", "01", "1"):

        def twins(rng: random.Random, number: str = number) -> None:
            for name in {"step-1", "step-01"}:
                shutil.copytree("run/checkpoints/step-0000001", f"run/checkpoints/{name}")

        yield Case(f"sample of two checkpoints of one step {number}", ["sample", "run"], ("step",), ("run",), twins)
    yield Case("sample text as a picture", ["sample", "run", "--out=out/s.png"], ("--out",))
    yield Case("sample images as text", ["sample", "pictures", "--out=out/s.txt"], ("--out",))
    for name in ("corpus.csv", "s.json", "s.parquet", "s.txt.gz", "s.jpg", "s.npz", "a/b/c.txt"):
        yield Case(f"sample --out {name}", ["sample", "run", f"--out=out/{name}"], ("--out", name))


def of_configs(number: int) -> Iterator[Case]:
    """Shipped configs with random damage."""
    root = Path(__file__).parent.parent / "configs"
    for path in sorted(root.glob("*.yaml")):
        for turn in range(number):

            def damage(rng: random.Random, text: bytes = path.read_bytes()) -> None:
                Path("odd.yaml").write_bytes(_damaged(text, rng))

            base = IMAGES if path.stem == "mnist" else [*TEXT, "--corpus.train=corpus.txt"]
            given = ["train", "--config=odd.yaml", *TINY, *base]
            name = f"train --config {path.stem}, damage {turn}"
            yield Case(name, given, ("",), ("out", "odd.yaml"), damage)  # its options may contradict one another


def _damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes with one to three changes."""
    for _ in range(rng.randint(1, 3)):
        at, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        end = min(end, at + 40)
        odd = (b"", b"\0", b"[", b"{", b": ", b"\n", b"\xff", b"&a ", b"*a", b"-", b"\t")
        piece = rng.choice([*odd, data[at:end] * 2])
        data = data[:at] + piece + data[end:]
    return data


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "half": lambda data, rng: data[: len(data) // 2],
    "empty": lambda data, rng: b"",
    "a flipped bit": lambda data, rng: _flipped(data, rng),
    "50 flipped bits": lambda data, rng: _flipped(data, rng, 50),
    "null": lambda data, rng: b"null\n",
    "a list": lambda data, rng: b"[]\n",
    "an empty object": lambda data, rng: b"{}\n",
    "brackets": lambda data, rng: b"[" * 100_000,
    "random bytes": lambda data, rng: rng.randbytes(1000),
    "twice": lambda data, rng: data * 2,
}
USES = {
    "resumed": ["train", "--output=broken", "--resume"],
    "sampled": ["sample", "broken", "--num=3", "--out=out/s.txt"],
    "swept": ["sweep", "broken", "--num=4", "--temperatures=1", "--metrics=ngrams", "--out=out"],
    "reported": ["report", "broken", "--out=out/report.html"],
}


def _flipped(data: bytes, rng: random.Random, number: int = 1) -> bytes:
    changed = bytearray(data)
    for _ in range(number if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def of_runs(tree: Path) -> Iterator[Case]:
    """Each file of a run damaged, and then the run used."""
    for run in ("run", "pictures", "rich"):
        files = sorted(str(p.relative_to(tree / run)) for p in (tree / run).rglob("*") if p.is_file())
        files = [file for file in files if "0000001" not in file or run != "rich"]  # it has a later checkpoint
        for file in files:
            ways: dict[str, Callable[[random.Random], None]] = {
                name: _spoiling(run, file, damage) for name, damage in DAMAGES.items()
            }
            ways["gone"] = _breaking(run, file, lambda path, rng: path.unlink())
            ways["a folder"] = _replacing(run, file, lambda path: path.mkdir())
            ways["a link to itself"] = _replacing(run, file, lambda path: path.symlink_to(path.name))
            ways["another's"] = _swapping(run, file, files)
            for number, (way, first) in enumerate(ways.items()):
                for turn, (use, arguments) in enumerate(USES.items()):
                    loaded = "state" not in file and file.startswith(("checkpoints", "corpus", "config"))
                    if (run == "pictures" and use == "swept") or (not loaded and number % len(USES) != turn):
                        continue  # what only resuming reads is tried in one way
                    given = [*arguments, *([*BASES[run], "--train.steps=3"] if use == "resumed" else [])]
                    if run == "pictures" and use == "sampled":
                        given = [o.replace("s.txt", "s.png") for o in given]
                    about = (file, Path(file).name, "broken")
                    yield Case(f"{run}: {file} {way}, {use}", given, about, ("out", "broken"), first)


def _breaking(run: str, file: str, damage: Callable[[Path, random.Random], None]) -> Callable[[random.Random], None]:
    def first(rng: random.Random) -> None:
        shutil.copytree(run, "broken")
        damage(Path("broken", file), rng)

    return first


def _replacing(run: str, file: str, make: Callable[[Path], None]) -> Callable[[random.Random], None]:
    def damage(path: Path, rng: random.Random) -> None:
        path.unlink()
        make(path)

    return _breaking(run, file, damage)


def _spoiling(run: str, file: str, damage: Callable[[bytes, random.Random], bytes]) -> Callable[[random.Random], None]:
    return _breaking(run, file, lambda path, rng: path.write_bytes(damage(path.read_bytes(), rng)) and None)


def _swapping(run: str, file: str, files: list[str]) -> Callable[[random.Random], None]:
    def swap(path: Path, rng: random.Random) -> None:
        other = Path("broken", rng.choice([name for name in files if name != file]))
        ours, theirs = path.read_bytes(), other.read_bytes()
        path.write_bytes(theirs)
        other.write_bytes(ours)

    return _breaking(run, file, swap)


# --- the folder of the cases

BASES = {
    "run": [*TINY[:-1], *TEXT, "--corpus.train=corpus.txt"],
    "rich": [
        *TINY[:-1],
        *(*TEXT, "--corpus.train=pairs.csv", "--corpus.label=label"),
        *("--reranking.candidates=2", "--reranking.share=0.5"),
    ],
    "pictures": [*TINY[:-1], *IMAGES],
}


def furnish(tree: Path) -> None:
    """Write the files that the cases read, and train the runs that they use."""
    import numpy as np

    from seqgan_gp.cli import train
    from seqgan_gp.text.grammar import Grammar

    rng = random.Random(7)
    stream = Grammar.load("text").sentences(0)
    for name, number in (("corpus", 80), ("samples", 12), ("other", 12), ("reference", 24)):
        (tree / f"{name}.txt").write_text("".join(f"{next(stream)}\n" for _ in range(number)))
    with (tree / "pairs.csv").open("w", newline="") as file:
        rows = ([next(stream), rng.choice(["red", "blue"]), next(stream)] for _ in range(80))
        csv.writer(file).writerows([["text", "label", "context"], *rows])
    pixels = np.random.default_rng(5).integers(0, 256, (40, 8, 12), dtype=np.uint8)
    np.savez(tree / "images.npz", images=pixels)  # with labels, each run would train a classifier
    (tree / "loop").symlink_to("loop")
    os.mkfifo(tree / "fifo")
    for name in ("noise.bin", "noise.parquet", "noise.npz"):
        (tree / name).write_bytes(rng.randbytes(1000))
    (tree / "empty.txt").touch()
    packed = gzip.compress(b"a dog runs\n" * 1000)
    (tree / "half.txt.gz").write_bytes(packed[: len(packed) // 2])
    (tree / "null.jsonl").write_text("null\n" * 9)
    (tree / "deep.json").write_text("[" * 100_000)
    (tree / "other.csv").write_text("a,b\n1,2\n")
    (tree / "list.yaml").write_text("[1, 2]\n")
    (tree / "own.py").write_text(ENCODERS)
    (tree / "fails.py").write_text("1 / 0\n")
    (tree / "exits.py").write_text("raise SystemExit(0)\n")
    (tree / "wrong.py").write_text("def f(\n")
    (tree / "project").mkdir()
    (tree / "project" / "config.yaml").write_text("mine: 1\n")
    (tree / "project" / "metrics.jsonl").write_text('{"loss": 1}\n')
    (tree / "project" / "thesis.txt").write_text("years of work\n")
    (tree / "data").mkdir()
    (tree / "data" / "notes.txt").write_text("more work\n")
    (tree / "link").symlink_to("run")
    os.chdir(tree)
    for run, options in BASES.items():
        steps = ["--train.steps=2", "--train.checkpoint_every=1"] if run == "rich" else []
        if code := train([f"--output={run}", *options, *steps]):
            raise SystemExit(f"the run {run} ends with {code}")


def snapshot(tree: Path) -> dict[str, object]:
    """What each path of a tree is: its kind, and for a file its size and its time."""
    found: dict[str, object] = {}
    for place, folders, files in os.walk(tree):
        for name in [*folders, *files]:
            path = os.path.join(place, name)
            stat = os.lstat(path)
            file = (stat.st_size, stat.st_mtime_ns) if name in files and not name.endswith(".pyc") else ()
            found[os.path.relpath(path, tree)] = stat.st_mode, *file
    return found


# --- cases and their ends


def play(case: Case, seed: int, place: Path) -> tuple[int, float]:
    """Run a case in a process of its own. Returns its exit code, negative for a signal, and its seconds."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            for number, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            faulthandler.dump_traceback_later(LIMIT, exit=True)
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
            resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 20, 100 << 20))
            from seqgan_gp.cli import main

            if case.first:
                case.first(random.Random(f"{seed} {case.name}"))
            code = main(case.arguments)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 98
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except Exception:
                    code = 97
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - began


def complaint(case: Case, code: int, seconds: float, errors: str) -> str | None:
    """Say what is wrong with the end of a case; None if nothing is."""
    if "Timeout (" in errors:
        return f"no end within {LIMIT} s"
    if "Traceback (most recent" in errors:
        return f"a traceback: {errors.strip().splitlines()[-1][:300]}"
    if code not in (0, 2):
        return f"exit code {code}"
    if code == 0:
        return None
    lines = [line for line in errors.split("\n") if line.strip()]
    wrong = [line for line in lines if line.startswith("error: ") or ": error: " in line]
    if len(wrong) != 1 or wrong[0] != lines[-1]:
        return f"no line that begins with error, or text behind it: {lines[-1:]}"
    line = wrong[0]
    if len(line) > LONGEST:
        return f"an error of {len(line):,} characters: {line[:200]}"
    if not line.isprintable():
        return f"an error that cannot be printed: {line[:300]!r}"
    if not any(word in line for word in case.about):
        return f"an error that names none of {', '.join(repr(w[:30]) for w in case.about)}: {line}"
    return None


def touched(case: Case, before: dict[str, object], after: dict[str, object]) -> list[str]:
    """The paths that a case changed though it was not told to write them."""
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    own = (*map(os.path.normpath, case.writes), "__pycache__")
    return sorted(path for path in changed if not any(path == o or path.startswith(f"{o}/") for o in own))


LONG = re.compile(  # what these ask for takes years, or waits for a reader: no fault
    r"(train.(critic_)?steps|corpus.size|evaluation.samples|--num|--bootstrap|candidates) ten digits"
    r"|--(out|json) file: a FIFO"
)


def all_cases(tree: Path) -> Iterator[Case]:
    yield from of_places()
    yield from of_encoders()
    yield from of_options()
    yield from of_keys()
    yield from of_configs(6)
    yield from of_runs(tree)


def prepare(root: Path) -> Path:
    """Make the folders of the cases, and import whatever a command may import."""
    tree = root / "tree"
    tree.mkdir()
    for name, folder in {"HOME": "home", "TMPDIR": "tmp", "HF_HOME": "hub", "MPLCONFIGDIR": "plots"}.items():
        (root / folder).mkdir()
        os.environ[name] = str(root / folder)
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "COLUMNS": "100"}
    os.environ.pop("PYTHONFAULTHANDLER", None)
    tempfile.tempdir = None
    for module in (
        "accelerate",
        "datasets",
        "matplotlib.pyplot",
        "pandas",
        "sklearn.decomposition",
        "sklearn.pipeline",
    ):
        importlib.import_module(module)
    importlib.import_module("sklearn.linear_model")
    from seqgan_gp.evaluation import commands  # noqa: F401
    from seqgan_gp.images import pretrained, scorer, task  # noqa: F401
    from seqgan_gp.pretrained import Generator  # noqa: F401
    from seqgan_gp.training import experiment, likelihood, text, trainer  # noqa: F401

    sys.path.insert(0, str(tree))
    child = os.fork()  # training starts threads and changes modes
    if child == 0:
        try:
            furnish(tree)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise SystemExit("the folder of the cases cannot be made")
    return tree


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name matches this expression")
    parser.add_argument("--seed", type=int, default=1, help="of the random damages (default: 1)")
    parser.add_argument("--show", action="store_true", help="print the output of each case")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent.parent))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        tree = prepare(root)
        os.chdir(tree)
        gc.freeze()  # a collection would copy the memory that the cases share
        pristine = root / "pristine"
        shutil.copytree(tree, pristine, symlinks=True, copy_function=_copy)
        before = snapshot(tree)
        codes: collections.Counter[str] = collections.Counter()
        groups: collections.Counter[str] = collections.Counter()
        failed, times = [], []
        for case in all_cases(tree):
            if LONG.search(case.name) or not re.search(options.only, case.name):
                continue
            if reason := next((r for pattern, r in KNOWN.items() if re.search(pattern, case.name)), None):
                codes[f"known ({reason})"] += 1
                continue
            code, seconds = play(case, options.seed, root)
            times.append((seconds, case.name))
            groups[case.name.split()[0]] += 1
            codes[f"exit code {code}"] += 1
            errors = (root / "stderr").read_bytes().decode("utf-8", "replace").replace("\r", "\n")
            after = snapshot(tree)
            wrong = complaint(case, code, seconds, errors)
            if changed := touched(case, before, after):
                wrong = f"{f'{wrong}; ' if wrong else ''}it touches {', '.join(changed[:5])}"
            if left := [path for path in (root / "tmp").iterdir() if not path.name.startswith("torchinductor")]:
                wrong = wrong or f"it leaves {left[0]}"
                for path in left:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            if options.show:
                print(f"--- {case.name}: {code}\n{(root / 'stdout').read_text(errors='replace')}{errors}", flush=True)
            if wrong:
                failed.append(case.name)
                print(f"FAILS {case.name}: {wrong}\n      {_command(case)}", flush=True)
            if after != before:
                os.chdir(root)
                shutil.rmtree(tree)
                shutil.copytree(pristine, tree, symlinks=True, copy_function=_copy)
                before = snapshot(tree)
                os.chdir(tree)
    if not times:
        print(f"no case has {options.only!r} in its name", file=sys.stderr)
        return 2
    print(f"\n{sum(codes.values()):,} cases in {time.monotonic() - began:.0f} s, {len(failed)} fail")
    print(", ".join(f"{name}: {number:,}" for name, number in sorted(codes.items())))
    print(", ".join(f"{name}: {number:,}" for name, number in groups.items()))
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in sorted(times)[-5:]))
    return 1 if failed else 0


def _copy(source: str, target: str) -> None:
    if Path(source).is_fifo():
        os.mkfifo(target)
    else:
        shutil.copy2(source, target)


def _command(case: Case) -> str:
    given = " ".join(shlex.quote(argument[:80]) for argument in case.arguments)
    repeat = shlex.quote(f"^{re.escape(case.name)}$")
    shown = given.encode("utf-8", "replace").decode()
    return f"repeat: python tests/fuzz.py --show --only {repeat}\n      seqgan-gp {shown}"


if __name__ == "__main__":
    sys.exit(main())
