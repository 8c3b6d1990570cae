"""Two hosts with torchrun, each in a network namespace of its own, joined by a pair of virtual network cards.

The first argument is a JSON list of two commands, one for each host, which differ in their folders. It runs as

    unshare --user --map-root-user --net python network_hosts.py COMMANDS

and writes a JSON list with the exit code, stdout and stderr of each host. `{python}` in a command is torchrun's start.
"""

import json
import os
import subprocess
import sys

ADDRESSES, CARDS = ("10.7.0.1", "10.7.0.2"), ("card0", "card1")


def ip(*arguments: str, inside: tuple[str, ...] = ()) -> None:
    subprocess.run([*inside, "ip", *arguments], check=True)


def main() -> None:
    other = subprocess.Popen(
        ["unshare", "--net", "--uts", "sh", "-c", "hostname other && echo ready && cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"ready\n"
    there = ("nsenter", f"--target={other.pid}", "--net", "--uts")
    ip("link", "add", CARDS[0], "type", "veth", "peer", "name", CARDS[1], "netns", str(other.pid))
    for inside, card, address in zip(((), there), CARDS, ADDRESSES, strict=True):
        ip("link", "set", "lo", "up", inside=inside)
        ip("address", "add", f"{address}/24", "dev", card, inside=inside)
        ip("link", "set", card, "up", inside=inside)
    started = []
    for rank, command in enumerate(json.loads(sys.argv[1])):
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=1"]
        torchrun += [f"--node_rank={rank}", f"--master_addr={ADDRESSES[0]}", "--master_port=29511"]
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | {
            "GLOO_SOCKET_IFNAME": CARDS[rank]
        }
        started.append(
            subprocess.Popen(
                [*(there if rank else ()), *torchrun, *command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                text=True,
            )
        )
    ended = []
    for process in started:
        out, err = process.communicate()
        ended.append((process.returncode, out, err))
    other.kill()
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
