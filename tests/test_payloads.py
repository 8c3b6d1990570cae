"""Test that no file of a run can run code: a pickle that leaves a mark, in every file, loaded every way there is."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from bars import TINY as IMAGES
from bars import bars
from conftest import TINY, train

from seqgan_gp import Critic, Generator, ImageCritic, ImageGenerator, LanguageModel, artefacts, manifest
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError

TEXT = ["--relaxation.kind=gumbel", "--reranking.candidates=2", "--reranking.share=0.5", "--evaluation.samples=9"]
LABELS = ["--corpus.train=grammar:types", "--corpus.label=label"]
# Names that accelerate and torch once read pickles from.
STRANGE = ["random_states_0.pkl", "custom_checkpoint_0.pkl", "custom_checkpoint_1.pkl", "optimizer.bin", "scaler.pt"]
STRANGE += ["pytorch_model.bin", "model.pt", "scheduler.bin", "sampler.bin", "random_states_0.json"]


class Payload:
    """Whose unpickling makes a file."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def seal(run: Path) -> None:
    """Make every manifest fit what is there, as a stranger would."""
    for folder in (run, *artefacts.checkpoints(run)):
        if (folder / manifest.MANIFEST).is_file():
            kind = "run" if folder == run else "checkpoint"
            try:
                names = [name for name in manifest.read(folder) if (folder / name).is_file()]
            except UserError:
                continue  # it is the payload
            manifest.write(folder, names, kind)


def ways(run: Path, options: list[str], out: Path):
    """Every way to load a run."""
    corpus = run / "corpus"
    yield "resume", lambda: main(["train", *options, f"--output={run}", "--resume", "--train.steps=8"])
    yield "sample", lambda: main(["sample", str(run), "--num=3", f"--out={out / 'samples.png'}"])
    for kind in (Generator, Critic, LanguageModel, ImageGenerator, ImageCritic):
        yield kind.__name__, lambda kind=kind: kind.from_pretrained(run)
    if corpus.exists():
        few = ["--metrics", "ngrams", f"--reference={corpus / 'test.txt'}", f"--train={corpus / 'train.txt'}"]
        yield "evaluate", lambda: main(["evaluate", str(out / "some.txt"), *few])
        swept = ["sweep", str(run), "--num=4", "--temperatures", "1", "--metrics", "ngrams", f"--out={out / 'sweep'}"]
        yield "sweep", lambda: main(swept)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each kind, and the options that train it."""
    out = tmp_path_factory.mktemp("kinds")
    np.savez(out / "bars.npz", images=bars(200).pixels, labels=bars(200).labels)
    kinds = {
        "text": [*TINY, *TEXT, *LABELS],
        "likelihood": [*TINY, "--method=likelihood", "--likelihood.validate_every=2", "--evaluation.samples=9"],
        "images": [*IMAGES, f"--images.train={out / 'bars.npz'}"],
    }
    for name, options in kinds.items():
        assert main(["train", *options, f"--output={out / name}"]) == 0
    return {name: (out / name, options) for name, options in kinds.items()}


def tried(runs, kind, tmp_path, only, sealed, names=None):
    """Load a run with a payload in one file after another, and give the number of loads."""
    whole, options = runs[kind]
    mark, loads = tmp_path / "mark", 0
    payload = pickle.dumps(Payload(mark))
    (tmp_path / "some.txt").write_text("a dog sleeps.\n" * 9)
    last = artefacts.checkpoints(whole)[-1].relative_to(whole)
    files = [path.relative_to(whole) for path in whole.rglob("*") if path.is_file()]
    files += [last / "state" / name for name in STRANGE]
    for file in files if names is None else [file for file in files if file.name in names]:
        run = shutil.copytree(whole, tmp_path / "run")
        (run / file).write_bytes(payload)
        if sealed:
            seal(run)
        for way, load in ways(run, options, tmp_path):
            if only is None or way in only:
                loads += 1
                try:
                    code = load()
                    assert code is None or code in (0, 2) or not isinstance(code, int), (file, way)
                except UserError:
                    pass
                assert not mark.exists(), (file, way)
        shutil.rmtree(run)
    return loads


def test_the_payload_works(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


# Without the seal, the manifest refuses the files before they are read: test_manifests.py has that, too.
@pytest.mark.parametrize("sealed", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_no_file_of_the_training_state_runs_code(runs, tmp_path, sealed, capsys):
    names = {"networks.safetensors", "optimizers.safetensors", "records.json", "manifest.json", *STRANGE}
    assert tried(runs, "text", tmp_path, {"resume"}, sealed, names) > 13
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, sealed", [("text", True), ("text", False), ("likelihood", True), ("images", True)], ids=str
)
def test_no_file_of_a_run_runs_code_whatever_loads_it(runs, kind, tmp_path, sealed, capsys):
    loads = tried(runs, kind, tmp_path, None, sealed)
    said = capsys.readouterr()
    assert loads > 150 and "Traceback" not in said.err + said.out
    with capsys.disabled():
        print(f"{kind}: {loads} loads, no mark")


@pytest.mark.parametrize(
    "records",
    [
        "null",
        "[]",
        "{}",
        '{"records": 1, "optimizers": 2, "random": 3, "scaler": 4}',
        '{"records": {"progress": {"step": "x"}}, "optimizers": {}, "random": [], "scaler": null}',
        "[" * 100_000,
    ],
)
def test_records_of_any_shape_are_one_line(run, tmp_path, capsys, records):
    copy = shutil.copytree(run, tmp_path / "run")
    (artefacts.checkpoints(copy)[-1] / "state" / "records.json").write_text(records)
    seal(copy)
    assert train(copy, "--resume", "--train.steps=7") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "cannot be resumed" in error and "delete this checkpoint" in error


@pytest.mark.parametrize("key", ["step", "seconds", "rng"])
def test_each_record_is_checked(run, tmp_path, capsys, key):
    copy = shutil.copytree(run, tmp_path / "run")
    path = artefacts.checkpoints(copy)[-1] / "state" / "records.json"
    for value in ("x", None, [], {"bit_generator": "os"}):
        records = json.loads(path.read_text())
        records["records"]["progress"][key] = value
        path.write_text(json.dumps(records))
        seal(copy)
        assert train(copy, "--resume", "--train.steps=7") == 2
        assert "cannot be resumed" in capsys.readouterr().err
