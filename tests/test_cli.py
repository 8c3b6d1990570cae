"""Test the commands as a user types them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqgan_gp.cli import command, main
from seqgan_gp.errors import LOWER, UserError

ROOT = Path(__file__).parent.parent


def test_sample_streams_the_same_file_for_the_same_seed(run, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        command = [
            "sample",
            str(run),
            "--num",
            "3000",
            "--out",
            str(tmp_path / name),
            "--seed",
            str(seed),
            "--batch-size",
            "500",
        ]
        assert main(command) == 0
    a, b, c = ((tmp_path / name).read_text() for name in "abc")
    assert len(a.splitlines()) == 3000
    assert a == b != c


def test_sample_to_the_terminal_and_at_another_temperature(run, capsys):
    assert main(["sample", str(run), "--num", "4"]) == 0
    cold = capsys.readouterr().out
    assert main(["sample", str(run), "--num", "4", "--temperature", "3"]) == 0
    hot = capsys.readouterr().out
    assert len(cold.splitlines()) == len(hot.splitlines()) == 4
    assert cold != hot


@pytest.mark.parametrize(
    "option, value",
    [
        *(("--num", "0"), ("--num", "2.5"), ("--batch-size", "x"), ("--batch-size", "0"), ("--seed", "-1")),
        *(("--temperature", "-1"), ("--temperature", "nan"), ("--temperature", "inf"), ("--candidates", "0")),
    ],
)
def test_sample_refuses_senseless_numbers(run, option, value, capsys):
    assert main(["sample", str(run), option, value]) == 2
    message = capsys.readouterr().err
    assert option in message and repr(value) in message


def test_sample_leaves_nothing_half_written(run, tmp_path, capsys, monkeypatch):
    assert main(["sample", str(tmp_path / "none"), "--out", str(tmp_path / "samples.txt")]) == 2
    assert "no such run" in capsys.readouterr().err

    def broken(self, ids):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqgan_gp.text.tokenizer.Tokenizer.decode", broken)
    assert main(["sample", str(run), "--out", str(tmp_path / "samples.txt")]) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_devices_pipes_and_links_are_written_to_and_not_replaced(run, tmp_path, capsys):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    assert main(["sample", str(run), "--num", "3", "--out", str(tmp_path / "link.txt")]) == 0
    assert (tmp_path / "link.txt").is_symlink() and len((tmp_path / "real.txt").read_text().splitlines()) == 3
    assert main(["sample", str(run), "--num", "3", "--out", "/dev/null"]) == 0
    assert not Path("/dev/null").is_file()
    assert main(["sample", str(run), "--num", "3", "--out", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_help_is_quick_to_import():
    # Nothing heavy before it is needed: torch alone takes two seconds.
    heavy = "{'torch', 'nltk', 'datasets', 'tokenizers', 'matplotlib', 'numpy', 'sklearn'}"
    code = f"import sys; from seqgan_gp.options import new_parser; new_parser(); assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("program", ["studies", "benchmarks"])
def test_lists_of_studies_and_benchmarks_are_quick_to_import(program):
    heavy = "{'torch', 'nltk', 'datasets', 'tokenizers', 'matplotlib', 'sklearn', 'scipy'}"
    code = f"import sys; from {program}.__main__ import main\ntry: main(['--help'])\n"
    code += f"finally: assert not {heavy} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n    ") > 6  # names with their first sentence


BEFORE_TORCH = """
import sys
class Stop:
    def find_spec(self, name, *_):
        if name == "torch":
            sys.stdout.flush()
            sys.exit(7)
sys.meta_path.insert(0, Stop())
sys.stderr.isatty = lambda: {terminal}
from seqgan_gp.cli import main
main({arguments})
"""


@pytest.mark.parametrize(
    "arguments, terminal, rank, said",
    [
        (["train"], False, "0", (1, 0)),
        (["train"], True, "0", (1, 0)),
        (["train"], True, "1", (0, 0)),
        (["train", "--help"], True, "0", (0, 0)),
        (["sample", "runs/none"], True, "0", (0, 1)),
        (["sample", "runs/none"], False, "0", (0, 0)),
    ],
)
def test_a_command_says_that_it_loads_before_it_imports_torch(arguments, terminal, rank, said):
    code = BEFORE_TORCH.format(arguments=arguments, terminal=terminal)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"RANK": rank}, capture_output=True, text=True
    )
    assert done.returncode == 7
    assert (done.stdout.count("loading ...\n"), done.stderr.count("loading ...\n")) == said


@pytest.mark.parametrize(
    "arguments",
    [[c, "--help"] for c in ("sample", "evaluate", "compare", "sweep", "train")] + [["--help"], ["--version"]],
)
def test_help_of_every_command(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert "seqgan-gp" in capsys.readouterr().out


def test_unknown_attributes_of_the_package():
    import seqgan_gp

    with pytest.raises(AttributeError, match="nonesuch"):
        seqgan_gp.nonesuch  # noqa: B018


@pytest.mark.parametrize(
    "command, promises",
    [
        (
            "sample",
            ["samples to write (default: 10)", "equal samples (default: 0)", "samples at a time (default: 256)"],
        ),
        (
            "evaluate",
            ["0 for none (default: 0)", "(default: word)", "vectors (default: lsa)", "run (default: 1000003)"],
        ),
        (
            "compare",
            ["0 for none (default: 100)", "says of each score (default: f_bleu_4)", "write (default: comparison)"],
        ),
        ("sweep", ["0 for none (default: 0)", "each temperature (default: 5000)", "where to write (default: sweep)"]),
    ],
)
def test_help_says_the_defaults(command, promises, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert [promise for promise in promises if promise not in text] == []


def test_what_help_says_of_samples_is_so(run, capsys):
    assert main(["sample", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert main(["sample", str(run), "--seed", "0", "--num", "10", "--batch-size", "256"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


# --- how commands end


def ending_in(error: BaseException) -> int:
    """The exit code of a command that an error ends."""

    def work() -> int:
        raise error

    return command(work)()


@pytest.mark.parametrize(
    "error, line",
    [
        (UserError("no such run: give another one"), "error: no such run: give another one"),
        (FileNotFoundError(2, "No such file or directory", "a.txt"), "error: a.txt: No such file or directory"),
        (OSError(28, "No space left on device"), "error: input or output: No space left on device"),
        (OSError("the socket is gone"), "error: input or output: the socket is gone"),
        (MemoryError(), f"error: not enough memory: {LOWER}"),
        (
            RuntimeError("[enforce] can't allocate memory: you tried to allocate 9 bytes. Error code 12"),
            f"error: not enough memory (tried to allocate 9 bytes): {LOWER}",
        ),
        (
            RuntimeError("could not create a primitive"),
            f"error: not enough memory (could not create a primitive): {LOWER}",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 9.00 GiB."),
            f"error: not enough memory (Tried to allocate 9.00 GiB): {LOWER}",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_2(error, line, capsys):
    assert ending_in(error) == 2
    assert capsys.readouterr() == ("", f"{line}\n")


def test_an_error_is_said_once_on_each_host_however_many_processes(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "3")
    for rank, lines in (("0", 1), ("1", 0), ("10", 0)):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert ending_in(UserError("no such run")) == 2
        assert capsys.readouterr().err.count("no such run") == lines


def test_ctrl_c_is_one_line_and_exit_code_130(capsys):
    assert ending_in(KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "interrupted\n")
    assert ending_in(KeyboardInterrupt("stopped at step 7: go on with --resume")) == 130
    assert capsys.readouterr() == ("", "stopped at step 7: go on with --resume\n")


def test_a_mistake_of_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        ending_in(ZeroDivisionError())


def test_a_command_gives_its_exit_code():
    assert [command(lambda code: code)(code) for code in (0, 1)] == [0, 1]
    assert command(lambda *, code: code)(code=1) == 1


def test_a_reader_that_has_enough_ends_a_command_quietly():
    """Like head -1: it takes a line and goes."""
    code = (
        "import sys\nfrom seqgan_gp.cli import command\n"
        "sys.exit(command(lambda: [print('a line', flush=True) for _ in range(100_000)] and 1)())"
    )
    # A line that is left in the buffer would be written at exit, and fail once more.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=buffered, **pipes)
    assert process.stdout.readline() == "a line\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0
    process.stderr.close()


def test_the_program_ends_with_the_exit_code_of_its_command():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "seqgan_gp", "train", "--config", "nonesuch"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "loading ...\n"
    assert done.stderr.startswith("error: ") and "nonesuch" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["sample", "run", "--output", "a.txt"], "--output is no option of seqgan-gp sample; did you mean --out?"),
        (["sample", "run", "--numm=3"], "--numm is no option of seqgan-gp sample; did you mean --num?"),
        (
            ["sample", "run", "--", "-x", "--num", "2"],
            "--num stands behind --, where no option is read: move it before --",
        ),
        (["compare", "a", "--refrnce", "b"], "--refrnce is no option of seqgan-gp compare; did you mean --reference?"),
        (["sample", "run", "--zzz"], "--zzz is no option of seqgan-gp sample; seqgan-gp sample --help lists"),
        (["score", "run", "file", "more"], "more is one argument too many; seqgan-gp score --help lists"),
    ],
)
def test_an_unknown_option_is_told_with_its_command_and_the_nearest_one(arguments, line, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {line}") and printed.count("\n") == 1
