"""The model card of a checkpoint: metadata for the hub, and a page for people."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .. import __version__
from ..artefacts import step_of
from ..description import Description, escaped, fenced
from ..evaluation.catalogue import describe
from ..training.folder import METRICS, read_metrics
from .origin import Origin

TEMPLATE = Path(__file__).with_name("card.md")
UNCHECKED = (
    "Nobody has checked the samples for bias, insults, or private facts about people. They are like the training "
    "data, and may repeat them."
)


@dataclass(frozen=True)
class Scores:
    """The scores of the last evaluation up to a step, those of as much real data, and the step of the evaluation."""

    samples: Mapping[str, Any]
    real: Mapping[str, Any]
    step: int

    @classmethod
    def read(cls, run: Path, last_step: int) -> Scores | None:
        """Read the scores of a run folder; None if it has none. Damaged lines are left out, as stderr says."""
        file = run / METRICS
        rows = [row for row in read_metrics(file) if row["step"] <= last_step] if file.is_file() else []
        real = [found for row in rows if (found := _under("real/", row))]
        evaluated = [(found, row["step"]) for row in rows if (found := _under("eval/", row))]
        return cls(evaluated[-1][0], real[-1] if real else {}, evaluated[-1][1]) if evaluated else None

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """A row of the table for each score that is known by a meaning."""
        return [
            (escaped(key), _number(value), _number(self.real.get(key)), metric.better, escaped(metric.meaning))
            for key, value in self.samples.items()
            if key != "count" and (metric := describe(key))
        ]

    def results(self, task: str, origin: Origin) -> list[EvalResult]:
        """The scores as the metadata of a card has them."""
        return [
            EvalResult(
                task_type=task,
                dataset_type=origin.kind,
                dataset_name=origin.name,
                metric_type=key,
                metric_value=value,
                metric_name=metric.meaning,
            )
            for key, value in self.samples.items()
            if key != "count" and isinstance(value, int | float) and (metric := describe(key))
        ]


def make(
    repo: str,
    revision: str | None,
    checkpoint: Path,
    run: Path | None,
    described: Description,
    origin: Origin,
    config: str,
    modules: list[str],
    license: str | None,
) -> ModelCard:
    """Make the card of a checkpoint.

    Args:
        repo, revision: where it will be.
        run: the run folder of the checkpoint, which has its scores.
        described: the checkpoint, as its modality describes it.
        origin: of its training data.
        config: its config file.
        modules: of the user's own, which it needs.
        license: its name; None to give none.
    """
    step = step_of(checkpoint) if run else None
    scores = Scores.read(run, step) if run and step is not None else None
    name = repo.partition("/")[2]
    data = ModelCardData(
        library_name="seqgan_gp",
        pipeline_tag=described.task,
        tags=["seqgan_gp", *described.tags],
        license=license,
        language=described.language,
        datasets=[origin.name] if origin.kind == origin.name else None,
        model_name=name,
        eval_results=scores.results(described.task, origin) if scores else None,
    )
    load = json.dumps(repo) + (f", revision={json.dumps(revision)}" if revision else "")
    flags = "".join(f" --import {module}" for module in modules)
    chosen = f" --revision {shlex.quote(revision)}" if revision else ""
    out = f" --out {'samples.png' if described.files else 'samples.txt'}"
    imports = "".join(f"import {module}\n" for module in modules)
    return ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=escaped(name),
        what=described.what,
        data=origin.words,
        code=_code(),
        step=f"{step:,}" if step is not None else None,
        imports=", ".join(modules),
        command=fenced(f"seqgan-gp sample {repo} {described.command}{chosen}{flags}{out}", "sh"),
        python=fenced(imports + described.python.replace("{load}", load), "python"),
        samples=described.samples,
        scores=scores.rows() if scores else [],
        scored=_scored(scores) if scores else "",
        limits=[*described.limits, *_copies(scores), UNCHECKED, origin.missing],
        config=fenced(config, "yaml"),
    )


def _under(prefix: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in row.items() if key.startswith(prefix)}


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}"


def _scored(scores: Scores) -> str:
    """Say which samples the table compares."""
    count, real = (_number(found.get("count")) for found in (scores.samples, scores.real))
    return (
        f"The evaluation at step {scores.step:,} scored {count} samples and {real} real ones, both beside held-out "
        "data. The goal is the better end, or `real` where it is the value of real data."
    )


def _copies(scores: Scores | None) -> list[str]:
    """How many samples repeat a training sentence, where that is known."""
    novel = scores.samples.get("novel") if scores else None
    return [f"{1 - novel:.1%} of the samples of the evaluation were training sentences."] if novel is not None else []


def _code() -> str:
    """The version of this package, with the commit where it stands in a checkout."""
    here = ["git", "-C", str(Path(__file__).parent)]
    try:
        found = subprocess.run([*here, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=5)
        tracked = subprocess.run([*here, "ls-files", "--error-unmatch", __file__], capture_output=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return f"seqgan_gp {__version__}"
    known = found.returncode == tracked.returncode == 0  # a package installed within another project is not that one's
    return f"seqgan_gp {__version__}" + (f" (commit {found.stdout.strip()})" if known else "")
