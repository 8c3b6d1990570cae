"""Test push and pull with the real client of the hub, against a hub on this machine."""

import hashlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time

import pytest
import torch
import untrained
from conftest import ROOT, rows
from hub_server import OTHER, TOKEN, serving
from huggingface_hub import ModelCard, constants
from huggingface_hub.utils import close_session
from untrained import checkpoint, choosing, of_contexts, of_labels

from seqgan_gp import Critic, Discriminator, Generator, ImageCritic, ImageGenerator, LanguageModel, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.description import fenced
from seqgan_gp.errors import UserError
from seqgan_gp.images.pretrained import build_critic, build_generator

PUSHED = {"README.md", "config.yaml", "manifest.json", "model.safetensors", "tokenizer.json"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub where the user `me` is logged in, with a cache of its own."""
    with serving() as hub:
        visit(monkeypatch, hub.address)
        for name, value in {
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_TOKEN_PATH": str(tmp_path / "no token"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        yield hub
        close_session()


def visit(monkeypatch, address):
    """Let the client take this address for the hub, as HF_ENDPOINT does when it starts."""
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def waits(monkeypatch):
    """The whole seconds that the client would wait before it tries again."""
    seconds = []
    monkeypatch.setattr(time, "sleep", lambda given: seconds.append(given) if given >= 1 else None)
    return seconds


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("untrained") / "words")


def of_images(folder):
    c = config.parse(["--modality=images", "--images.height=8", "--images.width=12", "--generator.noise=5"]).config
    torch.manual_seed(4)
    artefacts.save(folder, c, {"generator": build_generator(c), "critic": build_critic(c)})
    return folder


def a_language_model(folder):
    return checkpoint(folder, "--method=likelihood", networks=("generator",))


def one_line(capsys, *arguments):
    """The line of a command that fails."""
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if not re.search("asking the hub$|^probing ", line)]
    assert len(lines) == 1 and lines[0].startswith("error: "), said.err
    return lines[0]


# --- there and back


@pytest.mark.parametrize("large", [(), (".safetensors", ".json")])
def test_a_pushed_checkpoint_samples_and_scores_as_it_did(hub, words, tmp_path, capsys, large):
    hub.large = large
    assert main(["push", str(words), "me/words", "--message", "my words"]) == 0
    assert capsys.readouterr().out == f"{hub.address}/me/words/commit/{hub.repos['me/words'].branches['main']}\n"
    repo = hub.repos["me/words"]
    assert set(repo.files("main")) == PUSHED and repo.titles[1:] == ["my words"] and not repo.private
    assert len(hub.objects) == (3 if large else 0)
    generator, critic = Generator.from_pretrained("me/words"), Critic.from_pretrained("me/words")
    sentences = list(Generator.from_pretrained(words).sample(7))
    assert list(generator.sample(7)) == sentences
    torch.testing.assert_close(critic(sentences), Critic.from_pretrained(words)(sentences))
    assert main(["sample", "me/words", "--num", "7", "--out", str(tmp_path / "s.txt")]) == 0
    assert (tmp_path / "s.txt").read_text().splitlines() == sentences


def test_the_commands_speak_to_the_hub_of_the_environment(hub, words, tmp_path):
    program = (
        "import sys; from seqgan_gp.cli import main; main(['push', sys.argv[1], 'me/a']); main(['sample', 'me/a'])"
    )
    environment = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    ended = subprocess.run([sys.executable, "-c", program, words], env=environment, capture_output=True, text=True)
    sampled = "".join(f"{sentence}\n" for sentence in Generator.from_pretrained(words).sample(10))
    assert re.fullmatch(rf"{hub.address}/me/a/commit/\w+\n{re.escape(sampled)}", ended.stdout), ended
    assert ended.stderr == "me/a: no such folder here, asking the hub\n"


def test_large_files_go_to_xet_where_it_is_installed(hub, words, tmp_path, monkeypatch, capsys):
    pytest.importorskip("hf_xet")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub.large = (".safetensors",)
    said = one_line(capsys, "push", words, "me/words")
    assert "or set HF_HUB_DISABLE_XET=1 for a hub without xet" in said and hub.repos["me/words"].files("main") == {}
    hub.cas = tmp_path / "xet"
    hub.cas.mkdir()
    weights = (words / artefacts.WEIGHTS).read_bytes()
    hub.objects[hashlib.sha256(weights).hexdigest()] = weights  # the hub's own way to them is not the client's
    assert main(["push", str(words), "me/words"]) == 0
    stored = sum(path.stat().st_size for path in hub.cas.rglob("default.*"))
    assert stored > len(weights) / 2 and not any("lfs" in line for line in hub.asked)
    assert next(Generator.from_pretrained("me/words").sample(1))


def test_a_branch_and_a_commit_are_revisions(hub, words, tmp_path, capsys):
    other = checkpoint(tmp_path / "other", "--generator.width=14")
    assert main(["push", str(words), "me/words"]) == main(["push", str(other), "me/words", "--revision", "wide"]) == 0
    one, wide = (list(Generator.from_pretrained(folder).sample(5)) for folder in (words, other))
    repo = hub.repos["me/words"]
    for revision, expected in {"wide": wide, "main": one, repo.branches["wide"]: wide, None: one}.items():
        assert list(Generator.from_pretrained("me/words", revision=revision).sample(5)) == expected
    assert main(["sample", "me/words", "--revision", "wide", "--num", "5", "--out", str(tmp_path / "s.txt")]) == 0
    assert (tmp_path / "s.txt").read_text().splitlines() == wide
    card = repo.files("wide")["README.md"].decode()
    assert 'from_pretrained("me/words", revision="wide")' in card and "--revision wide" in card
    assert "has no revision 'none'" in one_line(capsys, "sample", "me/words", "--revision", "none")
    said = one_line(capsys, "sample", words, "--revision", "wide")
    assert "is a folder here, which has no revision 'wide'" in said


def test_a_download_is_kept_for_days_without_a_network(hub, words, tmp_path, monkeypatch, capsys, waits):
    Generator.from_pretrained(words).push_to_hub("me/words")
    with pytest.raises(UserError, match="there is no earlier download: leave out local_files_only"):
        Generator.from_pretrained("me/words", local_files_only=True)
    Generator.from_pretrained("me/words", cache_dir=tmp_path / "mine")
    asked = len(hub.asked)
    kept = Generator.from_pretrained("me/words", cache_dir=tmp_path / "mine", local_files_only=True)
    assert list(kept.sample(5)) == list(Generator.from_pretrained(words).sample(5)) and len(hub.asked) == asked
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    visit(monkeypatch, f"http://127.0.0.1:{port}")  # nobody listens there now
    for arguments in (("sample", "me/words"), ("push", words, "me/words")):
        said = one_line(capsys, *arguments)
        assert "the hub cannot be reached" in said and "check the network" in said
    assert next(Generator.from_pretrained("me/words", cache_dir=tmp_path / "mine").sample(1))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    for arguments in (("sample", "me/words"), ("push", words, "me/words")):
        assert "HF_HUB_OFFLINE forbids to ask the hub" in one_line(capsys, *arguments)
    assert waits == []


# --- who may do what


def test_a_private_repository_is_for_its_owner(hub, words, capsys, monkeypatch):
    assert main(["push", str(words), "me/words", "--private"]) == 0
    assert hub.repos["me/words"].private and next(Generator.from_pretrained("me/words").sample(1))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", constants.HF_HUB_CACHE + "2")
    hidden = ": neither a folder here nor a repository that you may see on the hub: check the name, or log in"
    monkeypatch.setenv("HF_TOKEN", OTHER)
    assert hidden in one_line(capsys, "sample", "me/words")
    monkeypatch.delenv("HF_TOKEN")
    assert hidden in (said := one_line(capsys, "sample", "me/words")) and "`hf auth login`, or set HF_TOKEN" in said
    assert next(Generator.from_pretrained("me/words", token=TOKEN).sample(1))
    assert hidden in one_line(capsys, "sample", "me/nothing")


def test_nothing_private_goes_to_a_public_repository(hub, words, capsys):
    assert main(["push", str(words), "me/words"]) == 0
    asked = len(hub.asked)
    assert "me/words is public: make it private in its settings" in one_line(
        capsys, "push", words, "me/words", "--private"
    )
    assert not any("POST" in line for line in hub.asked[asked:])


def test_who_has_no_token_learns_how_to_log_in(hub, words, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    said = one_line(capsys, "push", words, "me/words")
    assert "me/words: nothing can be pushed without a token: log in with `hf auth login`, or set HF_TOKEN" in said
    with pytest.raises(UserError, match="without a token"):
        Critic.from_pretrained(words).push_to_hub("me/words", token=False)
    assert hub.asked == []
    assert Critic.from_pretrained(words).push_to_hub("me/words", token=TOKEN).startswith(f"{hub.address}/me/words")


def test_a_token_that_is_wrong_or_not_enough_is_told_apart(hub, words, capsys, monkeypatch):
    assert main(["push", str(words), "me/words"]) == 0
    before = hub.repos["me/words"].files("main")
    monkeypatch.setenv("HF_TOKEN", OTHER)
    for repo in ("me/words", "me/new"):
        assert "your token does not allow pushing to it" in one_line(capsys, "push", words, repo)
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    assert "the hub does not know your token: log in" in one_line(capsys, "push", words, "me/words")
    assert hub.repos.keys() == {"me/words"} and hub.repos["me/words"].files("main") == before


# --- what goes wrong


PLACES = ("POST .*/create", "POST .*/preupload/", "POST .*/batch", "PUT /lfs", "POST .*/commit/")


def test_an_upload_that_breaks_off_leaves_the_repository_as_it_was(hub, words, tmp_path, capsys, waits):
    hub.large = (".safetensors",)
    for hub.breaking in PLACES:
        said = one_line(capsys, "push", words, "me/words")
        assert "me/words: pushing to it failed" in said and "check the network, and try again" in said
        assert "me/words" not in hub.repos or hub.repos["me/words"].files("main") == {}
    hub.breaking = None
    assert main(["push", str(words), "me/words"]) == 0
    before = hub.repos["me/words"].files("main")
    other = checkpoint(tmp_path / "other", "--generator.width=14")
    for hub.breaking in PLACES[1:]:
        one_line(capsys, "push", other, "me/words")
        assert hub.repos["me/words"].files("main") == before
    hub.breaking = None
    assert main(["push", str(other), "me/words"]) == 0
    assert list(Generator.from_pretrained("me/words").sample(5)) == list(Generator.from_pretrained(other).sample(5))


def test_a_download_that_breaks_off_goes_on_the_next_time(hub, words, capsys, waits):
    assert main(["push", str(words), "me/words"]) == 0
    hub.breaking = "GET .*safetensors"
    assert "the hub cannot be reached" in one_line(capsys, "sample", "me/words")
    hub.breaking = None
    assert list(Generator.from_pretrained("me/words").sample(5)) == list(Generator.from_pretrained(words).sample(5))


def test_a_cache_that_cannot_be_written_is_named(hub, words, tmp_path, capsys, monkeypatch):
    assert main(["push", str(words), "me/words"]) == 0
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "cache"))
    assert f"{tmp_path}/file" in (said := one_line(capsys, "sample", "me/words")) and "Not a directory" in said


@pytest.mark.parametrize(
    "name", ["words", "me/words/more", "me/a b", "me/", "/words", "me/a--b", "../words", "-", "é/é"]
)
def test_a_name_that_is_none_is_refused_before_the_hub_is_asked(hub, words, capsys, name):
    assert "is no name of a repository: give NAME/REPO" in one_line(capsys, "push", words, name)
    assert hub.asked == []


def test_a_run_without_a_checkpoint_is_not_pushed(hub, run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("step-*"))
    assert "has no checkpoint yet" in one_line(capsys, "push", tmp_path / "run", "me/words")
    assert "no such run folder" in one_line(capsys, "push", tmp_path / "none", "me/words")
    shutil.copytree(run, tmp_path / "damaged")
    weights = artefacts.checkpoints(tmp_path / "damaged")[-1] / artefacts.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    assert "is damaged" in one_line(capsys, "push", tmp_path / "damaged", "me/words")
    assert hub.repos == {}


def test_the_hub_may_refuse_a_card(hub, words, capsys):
    hub.refusing = '"license" must be one of apache-2.0, mit'
    said = one_line(capsys, "push", words, "me/words", "--license", "MITT")
    assert hub.refusing in said and hub.repos["me/words"].files("main") == {}


def test_other_weights_than_those_of_the_checkpoint_are_not_pushed(hub, words):
    critic = Critic.from_pretrained(words)
    with torch.no_grad():
        critic.network.bias.add_(1) if hasattr(critic.network, "bias") else next(critic.parameters()).add_(1)
    with pytest.raises(UserError, match="the weights of this Critic are no longer those of"):
        critic.push_to_hub("me/words")
    generator = Generator.from_pretrained(words)
    with pytest.raises(UserError, match="this Generator was not loaded from a checkpoint"):
        Generator(generator.network, generator.tokenizer).push_to_hub("me/words")
    assert hub.asked == []


# --- the files that are pushed


def test_the_card_of_a_run_has_its_scores_samples_and_config(hub, run):
    assert main(["push", str(run), "me/tiny", "--license", "mit"]) == 0
    files = hub.repos["me/tiny"].files("main")
    assert set(files) == PUSHED  # and no corpus, no state of the training
    page = files["README.md"].decode()
    card = ModelCard(page)
    evaluated = [row for row in rows(run) if any(key.startswith("eval/") for key in row)][-1]
    real = next(row for row in rows(run) if "real/jsd_4" in row)
    assert {r.metric_type: r.metric_value for r in card.data.eval_results} == {
        key.removeprefix("eval/"): value
        for key, value in evaluated.items()
        if key.startswith("eval/") and value is not None and key != "eval/count"
    }
    data = card.data
    assert (data.license, data.library_name, data.language, data.model_name) == ("mit", "seqgan_gp", "en", "tiny")
    assert f"| jsd\\_4 | {evaluated['eval/jsd_4']:.4f} | {real['real/jsd_4']:.4f} | lower |" in page
    assert "the checkpoint after 6 steps" in page and "at step 6 scored 20 samples and 20 real ones" in page
    for sentence in Generator.from_pretrained(run).sample(10):
        assert f"\n{sentence}\n" in page
    assert files["config.yaml"].decode() in page
    assert "at most 16 tokens" in page and "of the training sentences were longer and were cut" in page
    assert "Nobody has checked the samples for bias" in page


def test_an_earlier_checkpoint_has_the_scores_of_its_own_step(hub, run):
    assert main(["push", str(artefacts.checkpoints(run)[0]), "me/tiny"]) == 0
    page = hub.repos["me/tiny"].files("main")["README.md"].decode()
    assert "the checkpoint after 3 steps" in page and "at step 3 scored" in page


@pytest.mark.parametrize(
    "make, kinds",
    [
        (choosing, (Generator, Critic, Discriminator)),
        (of_labels, (Generator, Critic)),
        (of_contexts, (Generator, Critic)),
        (a_language_model, (LanguageModel, Generator)),
        (of_images, (ImageGenerator, ImageCritic)),
    ],
)
def test_the_code_on_a_card_runs(hub, tmp_path, monkeypatch, make, kinds, capsys):
    """What the page says works for whoever has the repository alone."""
    monkeypatch.chdir(tmp_path)
    for kind in kinds:
        kind.from_pretrained(make(tmp_path / "made")).push_to_hub("me/made")
    shutil.rmtree("made")
    page = hub.repos["me/made"].files("main")["README.md"].decode()
    assert "seqgan_gp" in ModelCard(page).data.tags
    assert all(isinstance(kind.from_pretrained("me/made"), kind) for kind in kinds)
    (command,) = re.findall(r"```sh\n(.*)\n```", page)
    (tmp_path / "FILE").write_text("do bees sleep?\n")
    assert main(shlex.split(command)[1:]) == 0
    (code,) = re.findall(r"```python\n(.*?)\n```", page, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out


def test_no_folder_and_no_name_of_a_private_corpus_is_pushed(hub, tmp_path):
    options = ("--corpus.train=/home/somebody/secret/mine.txt", "--corpus.test=secret/test.csv")
    folder = checkpoint(tmp_path / "made", *options, "--tokenizer.file=/home/somebody/secret/tokenizer.json")
    assert main(["push", str(folder), "me/made"]) == 0
    files = hub.repos["me/made"].files("main")
    for name, content in files.items():
        assert b"secret" not in content and b"somebody" not in content, name
    assert (
        "train: mine.txt" in files["config.yaml"].decode()
        and "a data set that is not named here" in files["README.md"].decode()
    )
    assert next(Generator.from_pretrained("me/made").sample(1))  # its manifest is that of the config without folders


def test_a_data_set_of_the_hub_is_named(hub, tmp_path):
    hub.data = {"them/captions"}
    for source, named in {"them/captions": ["them/captions"], "them/nothing": None}.items():
        folder = checkpoint(tmp_path / source, f"--corpus.train={source}")
        assert main(["push", str(folder), "me/made"]) == 0
        files = hub.repos["me/made"].files("main")
        card = ModelCard(files["README.md"].decode())
        assert card.data.datasets in (named, named and named[0])
        assert ("them" in files["config.yaml"].decode()) == (named is not None)


def test_samples_stand_on_the_card_as_they_are(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(untrained, "WORDS", ["<", "script", ">", "|", "---", "{", "}", "`", "*"])
    folder = untrained.checkpoint(tmp_path / "odd")
    sentences = list(Generator.from_pretrained(folder).sample(10))
    assert main(["push", str(folder), "me/odd"]) == 0
    page = hub.repos["me/odd"].files("main")["README.md"].decode()
    block = "```\n" + "\n".join(sentences) + "\n```"
    assert block in page and "<" in block and "|" in block
    assert fenced("a\n```\n`````\n") == "``````\na\n```\n`````\n``````"  # a fence that no line of the text ends


def test_a_run_with_a_damaged_or_missing_file_of_its_own_is_pushed_without_it(hub, run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "eval/jsd_4"\n')
    shutil.rmtree(tmp_path / "run" / "corpus")
    assert main(["push", str(tmp_path / "run"), "me/tiny"]) == 0
    assert "1 damaged line was left out" in capsys.readouterr().err
    page = hub.repos["me/tiny"].files("main")["README.md"].decode()
    assert "at step 6 scored 20 samples" in page and "longer and were cut" not in page
    (tmp_path / "run" / "metrics.jsonl").unlink()
    assert main(["push", str(tmp_path / "run"), "me/tiny"]) == 0
    page = hub.repos["me/tiny"].files("main")["README.md"].decode()
    assert "No scores are known" in page and ModelCard(page).data.eval_results is None


def test_probes_of_a_repository_need_real_text_of_yours(hub, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = checkpoint(tmp_path / "made", "--corpus.train=mine.txt")
    assert main(["push", str(folder), "me/made"]) == 0
    assert "pass --reference FILE" in one_line(capsys, "probe", "me/made", "--parts", "scores")
    assert "pass --reference FILE" in one_line(capsys, "sweep", "me/made")
    with pytest.raises(UserError, match="give real sentences as `real`"):
        Critic.from_pretrained("me/made").percentiles(["a bee can"])
    (tmp_path / "mine.txt").write_text("a bee can do\neven fine jobs\n" * 20)
    options = ("--reference", "mine.txt", "--metrics", "ngrams", "--num", "20", "--temperatures", "1")
    assert main(["sweep", "me/made", *options]) == 0
    assert json.loads((tmp_path / "sweep" / "scores.json").read_text())["settings"]["runs"]


def test_the_page_on_sharing_works_as_it_is_printed(hub, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(words, "runs/text")
    page = (ROOT / "docs" / "sharing.md").read_text().replace("NAME/REPO", "me/it")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {})
    assert hub.repos["me/it"].private and (tmp_path / "downloads").is_dir()
    for command in re.findall("^seqgan-gp (.*?)(?: +#.*)?$", page, re.MULTILINE):
        assert main(shlex.split(command)) == 0
    assert len((tmp_path / "samples.txt").read_text().splitlines()) == 100
