"""The trackers that show a run: what each is told, and how. See `trackers` for what follows a run."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Options: TypeAlias = dict[str, Any]


class Tracker:
    """A tracker that shows the config and the numbers of a run, as accelerate logs them.

    Args:
        name: of the run.
        known: the name by which the tracker knows the run that is resumed, if it does.
    """

    package = ""
    """The name of the package for pip."""

    def __init__(self, name: str, known: str | None):
        self.name, self.known = name, known
        self.own: Any = None  # the object of accelerate

    def attempts(self, step: int) -> Iterator[Options]:
        """Options to start with after `step`, each for the case that the one before fails."""
        yield {}

    @property
    def identity(self) -> str | None:
        """The name by which the tracker knows the run; None if it needs none."""
        return None

    def configure(self, config: Mapping[str, Any]) -> None:
        """Show the config."""
        self.own.store_init_configuration(config)

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Show numbers."""
        self.own.log(values, step=step)

    def texts(self, columns: Mapping[str, Sequence[str]], step: int) -> None:
        """Show a table of texts, such as sentences and their conditions."""

    def picture(self, name: str, path: Path, step: int) -> None:
        """Show a PNG."""

    def finish(self, failed: bool) -> None:
        """Close the tracker's run."""
        self.own.finish()


class TensorBoard(Tracker):
    """Writes into the run folder, so that `tensorboard --logdir runs` shows its name."""

    package = "tensorboard"

    def attempts(self, step: int) -> Iterator[Options]:
        yield {"purge_step": step + 1}  # of an earlier start, which came further than its last checkpoint

    def texts(self, columns: Mapping[str, Sequence[str]], step: int) -> None:
        for name, lines in columns.items():
            self.own.tracker.add_text(name, "\n".join(f"    {line}" for line in lines), step)  # literal, in Markdown
        self.own.tracker.flush()

    def picture(self, name: str, path: Path, step: int) -> None:
        import numpy as np
        from PIL import Image

        with Image.open(path) as image:
            self.own.tracker.add_image(name, np.asarray(image.convert("RGB")), step, dataformats="HWC")
        self.own.tracker.flush()


class WandB(Tracker):
    """Logs offline, into ./wandb, where the user has not logged in: a run must not wait for an answer."""

    package = "wandb"

    def attempts(self, step: int) -> Iterator[Options]:
        import wandb

        options = {"name": self.name, "id": self.known or secrets.token_hex(4), "resume": "allow"}
        if "WANDB_MODE" not in os.environ and not wandb.login(prompt=False, verify=False):
            print("wandb: nobody is logged in, so this run is logged offline; `wandb login` before the next one")
        else:
            yield options
            wandb.teardown()  # its server has not answered, and its service holds the id
        yield options | {"mode": "offline"}

    @property
    def identity(self) -> str:
        return self.own.tracker.id

    def configure(self, config: Mapping[str, Any]) -> None:
        super().configure(config)
        # Its own steps only grow, while a resumed run goes back to its last checkpoint.
        self.own.tracker.define_metric("step")
        self.own.tracker.define_metric("*", step_metric="step")

    def numbers(self, values: Mapping[str, Any], step: int) -> None:
        self.own.log({"step": step, **values})

    def texts(self, columns: Mapping[str, Sequence[str]], step: int) -> None:
        import wandb

        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        self.numbers({"samples": wandb.Table(columns=list(columns), data=rows)}, step)

    def picture(self, name: str, path: Path, step: int) -> None:
        import wandb

        self.numbers({name: wandb.Image(str(path))}, step)

    def finish(self, failed: bool) -> None:
        self.own.tracker.finish(exit_code=int(failed))


class MLflow(Tracker):
    """Logs to MLFLOW_TRACKING_URI, or into ./mlflow.db and ./mlruns."""

    package = "mlflow"

    def attempts(self, step: int) -> Iterator[Options]:
        if self.known:
            yield {"run_id": self.known}
        self.known = None
        yield {"run_name": self.name}

    @property
    def identity(self) -> str:
        return self.own.tracker.info.run_id

    def configure(self, config: Mapping[str, Any]) -> None:
        import mlflow

        known = mlflow.get_run(self.identity).data.params  # MLflow allows no changes of these
        super().configure({key: value for key, value in config.items() if key not in known})

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        super().numbers({re.sub(r"[^\w\-. :/]", "_", key, flags=re.ASCII): v for key, v in values.items()}, step)

    def texts(self, columns: Mapping[str, Sequence[str]], step: int) -> None:
        import mlflow

        for name, lines in columns.items():
            mlflow.log_text("".join(f"{line}\n" for line in lines), f"{name}/step-{step:07d}.txt")

    def picture(self, name: str, path: Path, step: int) -> None:
        import mlflow

        mlflow.log_artifact(str(path), name)

    def finish(self, failed: bool) -> None:
        import mlflow

        mlflow.end_run("FAILED" if failed else "FINISHED")


class Trackio(Tracker):
    """Logs to TRACKIO_DIR, or into the cache of Hugging Face; `trackio show` opens it."""

    package = "trackio"

    def attempts(self, step: int) -> Iterator[Options]:
        yield {"name": self.identity, "resume": "allow" if self.known else "never", "embed": False}

    @property
    def identity(self) -> str:
        return self.known or self.name

    def texts(self, columns: Mapping[str, Sequence[str]], step: int) -> None:
        import pandas as pd
        import trackio

        self.own.log({"samples": trackio.Table(dataframe=pd.DataFrame(columns))}, step=step)

    def picture(self, name: str, path: Path, step: int) -> None:
        import trackio

        self.own.log({name: trackio.Image(str(path))}, step=step)


def _plain(pip: str) -> type[Tracker]:
    return type(pip, (Tracker,), {"package": pip})


TRACKERS: dict[str, type[Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "mlflow": MLflow,
    "trackio": Trackio,
    **{name: _plain(name) for name in ("aim", "clearml", "comet_ml", "dvclive", "swanlab")},
}
