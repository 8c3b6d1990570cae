"""Test which keys a resumed run may ask for anew."""

import dataclasses
from typing import Any

import pytest

from seqgan_gp import artefacts, config
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.images.config import ImageConfig
from seqgan_gp.training import folder

# What a resumed run may ask for anew; everything else describes weights, data or moments that are there already.
FREE = (
    *("imports", "clipping", "trackers", "penalty", "evaluation", "report"),
    *(f"train.{key}" for key in ("steps", "seconds", "decay_from", "average", "log_every", "checkpoint_every")),
    *(f"train.{key}" for key in ("keep", "threads", "cuda_graphs", "critic.lr", "generator.lr")),
    *("likelihood.optimizer.lr", "revision.optimizer.lr", "reranking.optimizer.lr"),
    *(f"likelihood.{key}" for key in ("clip", "validate_every", "patience", "decay", "decays")),
)

SOURCES = ("corpus.train", "corpus.test", "images.train", "images.test")  # compared by the data themselves


def another(value: Any) -> Any:
    """A value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return {None: 7}.get(value, f"{value}x") if value is None or isinstance(value, str) else type(value)()


@pytest.mark.parametrize("kind", [TextConfig, ImageConfig])
def test_only_what_leaves_weights_and_data_alone_may_change_on_resume(tmp_path, monkeypatch, kind):
    saved = kind()
    saved.trackers, saved.train.critic.options = ["tensorboard"], {"eps": 1e-3}
    saved.train.generator.options = {"eps": 1e-3}
    if kind is TextConfig:
        for section in (saved.likelihood, saved.reranking, saved.revision):
            section.optimizer.options = {"eps": 1e-3}
    config.save(saved, tmp_path / artefacts.CONFIG)
    (tmp_path / folder.METRICS).touch()
    folder.check_free(tmp_path, saved, resume=True, overwrite=False)
    monkeypatch.setattr(folder.configs, "load", lambda path: saved)  # reading it a hundred times takes long
    refused = set()
    for key, value in config.flat(saved).items():
        asked = dataclasses.replace(saved)
        *sections, name = key.split(".")
        part = asked
        for section in sections:
            setattr(part, section, dataclasses.replace(getattr(part, section)))
            part = getattr(part, section)
        setattr(part, name, another(value))
        try:
            folder.check_free(tmp_path, asked, resume=True, overwrite=False)
        except UserError as error:
            assert f"{key}=" in str(error) and "\n" not in str(error)
            refused.add(key)
    free = {key for key in config.flat(saved) if any(key == k or key.startswith(f"{k}.") for k in FREE + SOURCES)}
    assert refused == config.flat(saved).keys() - free
