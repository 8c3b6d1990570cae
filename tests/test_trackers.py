"""Test that each tracker, in its offline form, shows a run whole: its name, config, numbers, sentences and pictures."""

import json
import shutil
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from accelerate import PartialState
from conftest import rows, train
from PIL import Image

from seqgan_gp.training.tracker import MLflow
from seqgan_gp.training.trackers import Trackers

NAME = "a run"
TRACKED = ["tensorboard", "wandb", "mlflow", "trackio"]


def tensorboard(run: Path) -> dict:
    found = _events(run)
    tags = found.Tags()
    assert all(len({e.step for e in found.Scalars(tag)}) == len(found.Scalars(tag)) for tag in tags["scalars"])
    hparams = [yaml.safe_load(file.read_text()) for file in sorted((run / "seqgan_gp").rglob("hparams.yml"))]
    return {
        "name": run.name,
        "config": hparams[-1],
        "numbers": {tag: {e.step: e.value for e in found.Scalars(tag)} for tag in tags["scalars"]},
        "texts": {e.step: e.tensor_proto.string_val[0].decode() for e in found.Tensors("samples/text_summary")},
        "pictures": {e.step for e in found.Images("curves")},
    }


def _events(run: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run / "seqgan_gp"), size_guidance={"images": 0, "tensors": 0, "scalars": 0}).Reload()


def wandb(run: Path) -> dict:
    """Read all files of the run in order, as they would be uploaded."""
    pytest.importorskip("wandb").teardown()  # its service may still be writing
    from wandb.proto.wandb_internal_pb2 import Record

    files = sorted(Path("wandb").glob("offline-run-*/*.wandb"))
    assert len({file.name for file in files}) == 1  # one run, by its id
    shown: dict = {"config": {}, "numbers": {}, "texts": {}, "pictures": set()}
    for file in files:
        for data in _leveldb(file.read_bytes()):
            record = Record.FromString(data)
            if record.WhichOneof("record_type") == "run":
                shown["name"] = record.run.display_name
                assert record.run.project == "seqgan_gp"
            for update in (*record.config.update, *record.run.config.update):
                shown["config"][update.key or ".".join(update.nested_key)] = json.loads(update.value_json)
            row = {".".join(item.nested_key or [item.key]): json.loads(item.value_json) for item in record.history.item}
            for key, value in row.items():
                if key == "samples.path":
                    table = json.loads((file.parent / "files" / value).read_text())
                    shown["texts"][row["step"]] = "\n".join(line for (line,) in table["data"])
                elif key == "curves.path":
                    assert (file.parent / "files" / value).read_bytes().startswith(b"\x89PNG")
                    shown["pictures"].add(row["step"])
                elif isinstance(value, int | float):
                    shown["numbers"].setdefault(key, {})[row["step"]] = value
    return shown


def _leveldb(data: bytes):
    """The records of a LevelDB log, in blocks of 32 KiB, each piece with its checksum, length and kind."""
    at, parts = 7, b""  # the file's own header
    while at + 7 <= len(data):
        if 2**15 - at % 2**15 < 7:
            at += 2**15 - at % 2**15
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield parts
            parts = b""


def mlflow(run: Path) -> dict:
    client = pytest.importorskip("mlflow").MlflowClient()
    (experiment,) = client.search_experiments(filter_string="name = 'seqgan_gp'")
    (found,) = client.search_runs([experiment.experiment_id])
    identity = found.info.run_id
    assert found.info.status == "FINISHED"
    histories = {key: client.get_metric_history(identity, key) for key in found.data.metrics}
    files = {int(f.path[-11:-4]): f.path for f in client.list_artifacts(identity, "samples")}
    pictures = [f.path for f in client.list_artifacts(identity, "curves")]
    return {
        "name": found.info.run_name,
        "config": found.data.params,
        "numbers": {key: {m.step: m.value for m in history} for key, history in histories.items()},
        "texts": {step: Path(client.download_artifacts(identity, path)).read_text() for step, path in files.items()},
        "pictures": {6} if pictures == ["curves/curves.png"] else set(),
    }


def trackio(run: Path) -> dict:
    from trackio.sqlite_storage import SQLiteStorage

    (found,) = pytest.importorskip("trackio").Api().runs("seqgan_gp")
    shown: dict = {"name": found.name, "config": found.config, "numbers": {}, "texts": {}, "pictures": set()}
    for row in SQLiteStorage.get_logs("seqgan_gp", found.name):
        for key, value in row.items():
            if key == "samples":
                shown["texts"][row["step"]] = "\n".join(line["samples"] for line in value["_value"])
            elif key == "curves":
                shown["pictures"].add(row["step"])
            elif isinstance(value, int | float):
                shown["numbers"].setdefault(key, {})[row["step"]] = value
    return shown


READERS = {"tensorboard": tensorboard, "wandb": wandb, "mlflow": mlflow, "trackio": trackio}


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The working directory, where trackers write, and a user without a login or a setting."""
    PartialState(cpu=True)  # trackers of accelerate ask which process they are in
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_MODE", "WANDB_API_KEY", "MLFLOW_TRACKING_URI", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for module in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
        monkeypatch.delitem(sys.modules, module)  # it looks for its folder when it is imported
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # its home is huggingface_hub's, set at import
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    return tmp_path


@pytest.mark.parametrize("name", TRACKED)
def test_a_tracker_shows_a_run_whole_though_it_was_resumed(places, name):
    pytest.importorskip(name)
    run = places / NAME
    options = [f"--trackers=[{name}]"]
    assert train(run, *options, "--train.steps=4") == 0
    shutil.rmtree(run / "checkpoints" / "step-0000004")  # as after a kill: the trackers are ahead of the checkpoint
    assert train(run, *options, "--resume") == 0
    shown = READERS[name](run)
    assert shown["name"] == NAME
    assert float(shown["config"]["train.critic.lr"]) == 1.5e-3 and str(shown["config"]["seed"]) == "3"
    for row in rows(run):
        step = row.pop("step")
        for key, value in row.items():
            if value is not None:
                assert shown["numbers"][key][step] == pytest.approx(value, rel=1e-5), (key, step)
    for step in (3, 6):
        sentences = (run / "samples" / f"step-{step:07d}.txt").read_text().splitlines()
        assert [line.strip() for line in shown["texts"][step].splitlines()] == [line.strip() for line in sentences]
    assert 6 in shown["pictures"]


@pytest.mark.parametrize("method", ["start", "log", "finish"])
def test_a_tracker_that_fails_is_left_out_and_the_run_goes_on(places, monkeypatch, capsys, method):
    pytest.importorskip("tensorboard")
    from accelerate.tracking import TensorBoardTracker

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoardTracker, method, fail)
    assert train(places / "run", "--trackers=[tensorboard]") == 0
    said = capsys.readouterr()
    told = [line for line in said.err.splitlines() if "tracker" in line]
    assert len(told) == 1 and told[0].startswith("warning: the tracker tensorboard has failed, the run goes on")
    assert "No space left on device" in told[0]
    assert rows(places / "run")[-1]["step"] == 6


def test_sentences_stand_beside_their_conditions_and_grids_are_pictures(places):
    pytest.importorskip("tensorboard")
    for name, text in ((".txt", "<b>a *dog*</b>\n\n"), (".given.txt", "question\nother\n")):
        (places / f"step-0000007{name}").write_text(text)
    Image.new("L", (6, 4), 99).save(places / "step-0000007.png")
    (places / "step-00000070.txt").write_text("of another step\n")
    with Trackers(places, ["tensorboard"], {}, 0, resumed=False) as trackers:
        trackers.samples(places / "step-0000007", 7)
    found = _events(places)
    texts = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]}
    assert texts["samples/text_summary"].splitlines() == ["    <b>a *dog*</b>", "    "]
    assert texts["samples_given/text_summary"].splitlines() == ["    question", "    other"]
    (picture,) = found.Images("samples")
    assert (picture.step, picture.width, picture.height) == (7, 6, 4)


def test_labels_of_any_spelling_are_numbers_in_mlflow():
    validation = pytest.importorskip("mlflow.utils.validation")
    logged = {}
    tracker = MLflow("run", None)
    tracker.own = SimpleNamespace(log=lambda values, step: logged.update(values))
    tracker.numbers({"eval/obedience_c++ (é)": 0.5, "eval/jsd_4": 0.25}, 3)
    assert logged == {"eval/obedience_c__ ___": 0.5, "eval/jsd_4": 0.25}
    for name in logged:
        validation._validate_metric_name(name)


@pytest.mark.slow
def test_wandb_logs_offline_where_its_server_does_not_answer(places, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    with Trackers(places, ["wandb"], {"seed": 3}, 0, resumed=False) as trackers:
        trackers.numbers({"train/loss": 0.5}, 7)
    shown = wandb(places)
    assert shown["config"]["seed"] == 3 and shown["numbers"]["train/loss"] == {7: 0.5}
    identity = json.loads((places / "trackers.json").read_text())["wandb"]
    assert len(list((places / "wandb").glob(f"offline-run-*-{identity}"))) == 1


@pytest.mark.parametrize("name", ["tensorbord", "comet_ml"])
def test_a_tracker_that_is_unknown_or_missing_is_refused_before_anything_is_written(places, capsys, name):
    assert train(places / "run", f"--trackers=[{name}]") == 2
    said = capsys.readouterr().err
    remedy = {"tensorbord": "did you mean tensorboard?", "comet_ml": "comet_ml is not installed: pip install comet_ml"}
    assert said.startswith("error: trackers: ") and remedy[name] in said and said.count("\n") == 1
    assert not (places / "run").exists()


def test_a_new_run_forgets_the_trackers_of_the_one_that_it_replaces(run, places):
    shutil.copytree(run, places / "run")
    (places / "run" / "trackers.json").write_text('{"wandb": "abc"}')
    assert train(places / "run", "--overwrite", "--train.steps=2") == 0
    assert not (places / "run" / "trackers.json").exists()
