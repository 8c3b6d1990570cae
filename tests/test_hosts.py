"""Two hosts, each in a network namespace of its own: equal weights, one line for what one of them lacks."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, TINY, train, weights

UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--uts"]
STEADY = [f"--{key}.options={{eps: 1.e-4}}" for key in ("train.critic", "train.generator")]  # see two_processes.py


def _refused() -> str:
    """Why this machine makes no network namespaces; empty if it does."""
    missing = [name for name in ("unshare", "nsenter", "ip", "hostname") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} is not installed"
    tried = [*UNSHARE, "ip", "link", "add", "card0", "type", "veth", "peer", "name", "card1"]
    done = subprocess.run(tried, capture_output=True, text=True)
    return f"no network namespaces here: {done.stderr.strip()}" if done.returncode else ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_refused()), reason=_refused() or "none")]


def on_two_hosts(*commands: list[str]) -> list[tuple[int, str, str]]:
    """Run a command on each host; the exit code, stdout and stderr of each."""
    start = [*UNSHARE, sys.executable, str(ROOT / "tests" / "network_hosts.py"), json.dumps(commands)]
    done = subprocess.run(start, capture_output=True, text=True, timeout=400, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def command(output: object, *options: str) -> list[str]:
    return [str(ROOT / "run.py"), *TINY, *STEADY, f"--output={output}", *options]


def errors(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("error: ")]


def test_two_hosts_with_one_folder_give_the_weights_of_one_process(tmp_path):
    soft = "--relaxation.kind=softmax"
    ended = on_two_hosts(*[command(tmp_path / "two", soft)] * 2)
    assert [code for code, *_ in ended] == [0, 0], ended
    assert "done: " in ended[0][1] and ended[1][1] == ""
    assert "this run has" not in ended[0][1]  # one thread, as asked: no advice to ask for one
    assert train(tmp_path / "one", *STEADY, soft) == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, weight in one.items():
        if name == "critic.output.bias":  # it cancels in D(x) - D(G(z)): its gradient is nothing but rounding
            continue
        torch.testing.assert_close(two[name], weight, atol=1e-6, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


def test_hosts_with_folders_of_their_own_say_so_in_one_line_each(tmp_path):
    (tmp_path / "b").mkdir()
    ended = on_two_hosts(*[command(tmp_path / name / "run") for name in "ab"])
    for code, _, stderr in ended:
        (line,) = errors(stderr)
        assert code != 0 and "process 1 on other: " in line and "one folder that all of them share" in line
    assert not list((tmp_path / "a").iterdir()) and not list((tmp_path / "b").iterdir())


def test_a_folder_of_its_own_with_an_older_run_does_not_deceive_a_host(tmp_path):
    assert train(tmp_path / "a" / "run") == 0
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    ended = on_two_hosts(*[command(tmp_path / name / "run", "--resume", "--train.steps=9") for name in "ab"])
    assert ["one folder that all of them share" in stderr for *_, stderr in ended] == [True, True]


def test_what_one_host_lacks_is_said_on_both_and_nobody_waits(tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: 5\n")
    ended = on_two_hosts(
        *[command(tmp_path / "run", f"--config={tmp_path / name}") for name in ("mine.yaml", "theirs.yaml")]
    )
    for code, _, stderr in ended:
        (line,) = errors(stderr)
        assert code != 0 and "process 1 on other: " in line and "theirs.yaml" in line
    assert not (tmp_path / "run").exists()
