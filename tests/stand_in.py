"""A stand-in for the package's commands, for tests of code that runs them. It writes the files of training at once.

It trains train.log_every steps of 10 ms each. corpus.column tells it to fail or to diverge.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[2:] if "=" in argument)
run, steps, ending = Path(options["output"]), int(options["train.log_every"]), options.get("corpus.column")
with (run.parent / "started.txt").open("a") as file:
    file.write(f"{run.name} {sys.argv[-1]}\n")
if ending == "fails" and not os.environ.get("MENDED"):
    sys.exit("error: no such column")

asked = []
signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
state = run / "checkpoints" / "state.json"
if "--overwrite" in sys.argv:
    shutil.rmtree(run, ignore_errors=True)
    state.parent.mkdir(parents=True)
    (run / "config.yaml").write_text("seed: 0\n")
    (run / "metrics.jsonl").write_text(json.dumps({"step": 0, "real/unique": 1.0, "real/jsd_4": 0.1}) + "\n")
    state.write_text("0")
step = int(state.read_text())
while step < steps and not asked:
    time.sleep(0.01)
    step += 1
state.write_text(str(step))
if asked:
    time.sleep(0.2)  # saving takes a while, in which a second signal would do harm
    (run / f"interrupted-{len(asked)}-times").touch()
    sys.exit(130)
rows = [{"train/wasserstein": 1.0, "train/seconds": step / 100}, {"eval/unique": 0.9, "eval/jsd_4": 0.5}]
with (run / "metrics.jsonl").open("a") as file:
    file.writelines(json.dumps({"step": step, **row}) + "\n" for row in rows)
if ending == "diverges":
    sys.exit("error: diverged: critic_loss is nan at step 3")
