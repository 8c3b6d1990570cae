"""Test runs with a reviser: their three parts, their checkpoints and samples, and what is refused."""

import shutil
from pathlib import Path

import bars
import numpy as np
import pytest
import torch
import yaml
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from conftest import rows, train
from test_trainer import build

from seqgan_gp import Generator, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.models.relaxations import RELAXATIONS, HardTokens, Relaxation
from seqgan_gp.training.trainer import Trainer

REVISED = ["--revision.passes=2", "--revision.share=0.375", "--revision.substitutions=3"]
# Three steps of the generator's game, three of the reviser's, and two of the reranker.
FEW = [
    *(*REVISED, "--train.steps=8", "--reranking.candidates=3", "--reranking.share=0.25", "--train.average=0.5"),
    *("--train.checkpoint_every=1", "--train.keep=20", "--train.log_every=1", "--evaluation.every=4"),
    *("--train.critic.lr=0.003", "--train.generator.lr=0.006", "--revision.optimizer.lr=0.012", "--train.decay_from=0"),
    *("--relaxation.substitutions=2", "--revision.temperature=0.9"),
]
NOISE, LENGTH = 7, 16


@pytest.fixture(scope="module")
def revised(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "revised"
    assert train(output, *FEW) == 0
    return output


def weights(run: Path) -> dict[int, dict[str, torch.Tensor]]:
    """The weights of each checkpoint, by its step."""
    return {int(c.name[-2:]): artefacts.load_file(c / artefacts.WEIGHTS) for c in artefacts.checkpoints(run)}


def of(part: str, saved: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.partition(".")[2]: value for key, value in saved.items() if key.startswith(f"{part}.")}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def test_each_part_trains_its_own_networks_and_leaves_the_others_alone(revised):
    saved = weights(revised)
    parts = {step: {key.partition(".")[0] for key in w} for step, w in saved.items()}
    assert all(parts[step] == {"generator", "critic"} for step in (1, 2, 3))
    assert all(parts[step] == {"generator", "critic", "reviser"} for step in (4, 5, 6))
    assert all(parts[step] == {"generator", "critic", "reviser", "discriminator"} for step in (7, 8))
    moves = {"generator": range(1, 3), "critic": range(1, 6), "reviser": range(4, 6), "discriminator": range(7, 8)}
    for part, steps in moves.items():
        for step in range(1, 8):
            if part in parts[step]:
                assert same(of(part, saved[step]), of(part, saved[step + 1])) == (step not in steps), (part, step)


def test_rates_of_each_part_fall_to_zero_and_that_of_the_critic_starts_anew(revised):
    found = rows(revised)
    thirds = np.array([1, 2 / 3, 1 / 3])
    for name, rate, steps in (
        ("critic", 0.003, (1, 2, 3)),
        ("critic", 0.003, (4, 5, 6)),
        ("generator", 0.006, (1, 2, 3)),
        ("reviser", 0.012, (4, 5, 6)),
    ):
        logged = [row[f"train/{name}_lr"] for row in found if row["step"] in steps and f"train/{name}_lr" in row]
        assert logged == pytest.approx(rate * thirds), (name, steps)
    named = {row["step"]: {k[6:-3] for k in row if k.endswith("_lr")} for row in found if "train/seconds" in row}
    assert [named[step] for step in (3, 4, 6, 7)] == [
        {"critic", "generator"},
        *[{"critic", "reviser"}] * 2,
        {"discriminator"},
    ]


@pytest.mark.parametrize("stop", [2, 3, 5, 7])
def test_a_run_resumed_in_any_part_ends_like_one_that_never_stopped(revised, tmp_path, stop):
    run = shutil.copytree(revised, tmp_path / "run")
    for later in artefacts.checkpoints(run)[stop:]:
        shutil.rmtree(later)
    for sample in (run / "samples").glob("*8*"):
        sample.unlink()
    assert train(run, *FEW, "--resume") == 0
    whole, parts = weights(revised), weights(run)
    assert whole.keys() == parts.keys() and all(same(whole[step], parts[step]) for step in whole)
    logged = [
        [{k: v for k, v in row.items() if "second" not in k} for row in rows(folder)] for folder in (revised, run)
    ]
    assert logged[0] == logged[1]
    texts = [{p.name: p.read_text() for p in (folder / "samples").iterdir()} for folder in (revised, run)]
    assert texts[0] == texts[1] and len(texts[0]) >= 2


def test_checkpoints_of_the_first_part_sample_drafts_and_later_ones_revisions(revised):
    found = artefacts.checkpoints(revised)
    early, late, last = (Generator.from_pretrained(found[step - 1]) for step in (3, 6, 8))
    saved = weights(revised)[6]
    noise = late.network.sample_noise(9, np.random.default_rng(3))
    assert noise.shape == (9, NOISE + LENGTH + 1)
    latent, chance = noise[:, :NOISE], torch.special.ndtr(noise[:, NOISE:-1])
    with torch.no_grad():
        logits = early(latent)
        for _ in range(2):  # as config.yaml says
            ids = logits.argmax(2)
            if logits.equal(early(latent)):
                ids = ((logits / 0.9).softmax(2).cumsum(2) <= chance[..., None]).sum(2)
            logits = late.network.reviser.revise(ids, latent)
        torch.testing.assert_close(late(noise), logits)
    assert same(dict(late.network.reviser.named_parameters()), of("reviser", saved))
    assert same(dict(late.network.draft.named_parameters()), of("generator", saved))
    plain = list(late.sample(20, seed=3))
    assert plain == list(last.sample(20, seed=3, candidates=1, temperature=0)) != list(early.sample(20, seed=3))
    assert late.reranking is None and last.reranking.candidates == 3


def test_the_samples_of_an_evaluation_are_those_of_the_checkpoint(revised):
    for step in (4, 8):
        lines = (revised / "samples" / f"step-{step:07d}.txt").read_text().splitlines()
        generator = Generator.from_pretrained(artefacts.checkpoints(revised)[step - 1])
        assert lines == list(generator.sample(20, seed=0)), step


def test_noise_of_another_size_is_refused(revised):
    late = Generator.from_pretrained(revised)
    noise = late.network.sample_noise(5, np.random.default_rng(3))
    assert late(noise).shape == (5, LENGTH, late.network.vocabulary)
    torch.testing.assert_close(late(noise[2]), late(noise[2:3]))
    assert late(noise[:0]).shape == (0, LENGTH, late.network.vocabulary)
    with pytest.raises(UserError, match=rf"noise \(B, {NOISE + LENGTH + 1}\) is needed"):
        late(noise[:, :NOISE])


def test_samples_do_not_depend_on_how_they_are_cut_into_batches(revised):
    for checkpoint in (artefacts.checkpoints(revised)[5], revised):
        generator = Generator.from_pretrained(checkpoint)
        samples = list(generator.sample(60, seed=1))
        assert list(generator.sample(60, seed=2)) != samples
        for size in (1, 7, 300):
            assert list(generator.sample(60, seed=1, batch_size=size)) == samples


def test_a_reviser_that_learned_for_too_few_steps_is_told_of(tmp_path, capsys):
    few = "--train.steps=4", "--revision.share=0.5"
    assert train(tmp_path / "a", *few, "--revision.passes=1") == 0
    assert "the reviser learned for 2 steps, and it needs about 2,000" in capsys.readouterr().out
    assert train(tmp_path / "b", *few, "--revision.passes=0") == 0
    assert "the reviser learned" not in capsys.readouterr().out


def test_the_command_samples_revisions(revised, capsys):
    assert main(["sample", str(revised), "--num=5", "--seed=3"]) == 0
    assert capsys.readouterr().out.splitlines() == list(Generator.from_pretrained(revised).sample(5, seed=3))
    assert main(["sample", str(revised), "--num=1", "--passes=1001"]) == 2
    assert capsys.readouterr().err == "error: passes is 1,001: at most 1,000\n"


def test_a_run_of_an_older_version_says_how_it_goes_on(revised, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(revised, run)
    for path in (run, *(run / "checkpoints").iterdir()):
        saved = yaml.safe_load((path / "config.yaml").read_text())
        del saved["reranking"]["passes"]
        (path / "config.yaml").write_text(yaml.safe_dump(saved))
        if path != run:
            (path / "manifest.json").unlink()  # it knows the size of the config
    assert train(run, *FEW, "--resume") == 2
    assert "was trained with reranking.passes=null, not 1: resume with the same value (--reranking.passes null)" in (
        capsys.readouterr().err
    )
    assert train(run, *FEW, "--train.steps=9", "--resume", "--reranking.passes=null") == 0


def test_more_steps_go_back_to_the_generator_and_then_to_the_reviser(revised, tmp_path):
    run = shutil.copytree(revised, tmp_path / "run")
    more = [*FEW, "--train.steps=24", "--train.checkpoint_every=3", "--evaluation.every=12", "--resume"]
    assert train(run, *more) == 0
    saved = weights(run)
    parts = {step: {key.partition(".")[0] for key in saved[step]} for step in (9, 12, 18, 21)}
    assert parts[9] == {"generator", "critic"} and parts[12] == parts[18] == {"generator", "critic", "reviser"}
    assert "discriminator" in parts[21]
    assert not same(of("generator", saved[8]), of("generator", saved[9]))
    assert same(of("generator", saved[9]), of("generator", saved[24]))
    assert not same(of("reviser", saved[8]), of("reviser", saved[12]))
    named = {row["step"]: {k[6:-3] for k in row if k.endswith("_lr")} for row in rows(run) if "train/seconds" in row}
    assert named[9] == {"critic", "generator"} and named[10] == {"critic", "reviser"}


def test_a_reviser_that_starts_anew_after_more_of_the_game_has_moments_of_its_own():
    one = build(["--train.steps=6", "--revision.passes=2", "--revision.share=0.5"])
    for _ in range(6):
        one.step()
    one.config.train.steps = 16  # as a run that is resumed with more of them: the game goes on to the eighth
    for _ in range(2):
        one.step()
        assert "reviser" not in one.networks()
    before = {name: p.detach().clone() for name, p in one.reviser.named_parameters()}
    one.step()
    averaged = dict(one.networks()["reviser"].named_parameters())
    # Adam's first step is as long as its rate, whatever the gradient; old moments would make it another one.
    for name, p in one.reviser.named_parameters():
        moved = (p - before[name]).abs()[p.grad.abs() > 1e-5]
        torch.testing.assert_close(moved, torch.full_like(moved, 2.5e-3), rtol=0.02, atol=1e-6, msg=name)
        assert torch.equal(averaged[name], p)  # and its average begins there


def test_the_reviser_is_averaged_where_it_learns():
    """A type of floats stands in for a device."""

    class Moving(Accelerator):
        def prepare(self, *parts):
            for part in parts:
                if isinstance(part, torch.nn.Module):
                    part.to(torch.bfloat16)
            return super().prepare(*parts)

    one = Trainer(Moving(cpu=True), build(REVISED).task)
    for network in (one.average, one.revised_average):
        assert {p.dtype for p in network.parameters()} == {torch.bfloat16}


def test_every_part_has_its_losses_in_float32_under_mixed_precision():
    AcceleratorState._reset_state(reset_partial_state=True)  # the precision is that of the whole process
    try:
        one = build(FEW, precision="bf16")
        parts = [one.step() for _ in range(8)]
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert {value.dtype for found in parts for value in found.values()} == {torch.float32}
    assert one.networks().keys() == {"generator", "reviser", "critic", "discriminator"}


def test_a_run_with_labels_revises_for_each_label(tmp_path):
    options = ("--corpus.train=grammar:types", "--corpus.label=label", "--condition.features=8")
    assert train(tmp_path / "run", *FEW, *options, "--train.checkpoint_every=8", "--evaluation.every=8") == 0
    generator = Generator.from_pretrained(tmp_path / "run")
    given = ["statement", "question"] * 5
    samples = list(generator.sample(10, seed=1, given=given))
    assert samples == list(generator.sample(10, seed=1, given=given, batch_size=7))
    assert samples != list(generator.sample(10, seed=1, given=given[::-1]))


RERANKED = ["--reranking.candidates=2", "--reranking.share=0.5"]


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--revision.passes=2", "--revision.share=0"], "revision.share is 0: generator and reviser both need some"),
        (["--revision.passes=2", "--revision.share=1"], "revision.share is 1: generator and reviser both need some"),
        (["--revision.passes=2", "--revision.share=0.5", *RERANKED], "revision.share is 0.5 and reranking.share 0.5"),
        (["--revision.passes=2", "--revision.share=0.9", *RERANKED], "nothing is left of the training for the"),
        (["--revision.passes=2", "--revision.share=0.1"], "give at least 10 steps, or revision.passes 0"),
        (["--revision.passes=2", "--revision.share=0.125", *RERANKED], "give at least 8 steps, or revision.passes 0"),
        (["--revision.passes=2", "--revision.share=0.5", *RERANKED, "--reranking.share=0.1"], "for the discriminator"),
        (["--relaxation.substitutions=2", "--relaxation.kind=gumbel"], "relaxation.substitutions is 2 and"),
        (
            ["--revision.passes=2", "--revision.substitutions=1", "--relaxation.kind=softmax"],
            "give revision.substitutions 0, or a straight-through",
        ),
        (["--revision.passes=-1"], "revision.passes"),
        (["--revision.passes=1001"], "revision.passes is 1001: at most 1000"),
        (["--reranking.passes=0"], "reranking.passes: a whole number from 1 to 1000 or null is needed, not 0"),
        (["--revision.substitutions=-1"], "revision.substitutions"),
        (["--relaxation.substitutions=0.5"], "relaxation.substitutions"),
        (["--revision.temperature=-1"], "revision.temperature"),
        (["--revision.copy=-1"], "revision.copy"),
        (["--revision.passes=2", "--revision.optimizer.name=Adamm"], "revision.optimizer.name: no optimiser"),
    ],
)
def test_bad_input_is_one_line_and_nothing_written(tmp_path, capsys, options, complaint):
    assert train(tmp_path / "run", *options) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_images_have_no_reviser(tmp_path, capsys):
    assert bars.train(tmp_path / "run", tmp_path, "--revision.passes=2") == 2
    error = capsys.readouterr().err
    assert "revision.passes" in error and len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "share, reranked, steps", [(0.1, 0, 10), (0.3, 0.7 - 1e-9, 4), (0.2, 0.5, 5), (1 - 2**-30, 0, 2), (0.7, 0.1, 10)]
)
def test_the_fewest_steps_have_one_for_each_part(share, reranked, steps):
    options = [f"--revision.share={share}", "--revision.passes=1", "--relaxation.kind=softmax"]
    options += ["--revision.substitutions=0"]
    options += [f"--reranking.share={reranked}", "--reranking.candidates=2"] if reranked else []
    one = build([*options, f"--train.steps={steps}"])
    one.check(one.task)
    for _ in range(steps):
        one.step()
    assert one.networks().keys() >= {"generator", "reviser", *(["discriminator"] if reranked else [])}


def test_parts_begin_at_the_step_that_their_shares_say():
    """In floats 1 - 0.2 - 0.2 is over 0.6."""
    one = build(["--revision.passes=1", "--revision.share=0.2", "--reranking.candidates=2", "--reranking.share=0.2"])
    assert one.config.ends == (0.6, 0.8)
    one.config.train.steps = 10
    learning = []
    for _ in range(10):
        one.step()
        learning += [name for name in one.learning_rates() if name != "critic_lr"]
    assert learning == ["generator_lr"] * 6 + ["reviser_lr"] * 2 + ["discriminator_lr"] * 2


def test_likelihood_takes_no_notice_of_revisions(tmp_path):
    options = ["--method=likelihood", "--language_model.width=9", "--likelihood.validation=41", *REVISED]
    assert train(tmp_path / "run", *options) == 0
    assert {key.partition(".")[0] for key in weights(tmp_path / "run")[6]} == {"generator"}


def test_a_relaxation_of_ones_own_has_substitutions_where_it_gives_one_hot_tokens(monkeypatch):
    class Soft(Relaxation):
        def parts(self, logits):
            return (logits + torch.randn_like(logits)).softmax(-1)

    class Hard(Soft):
        def parts(self, logits):
            soft = super().parts(logits)
            return HardTokens(soft.argmax(-1), soft)

    monkeypatch.setitem(RELAXATIONS, "my soft one", Soft)
    monkeypatch.setitem(RELAXATIONS, "my hard one", Hard)
    options = [*REVISED, "--relaxation.substitutions=2"]
    before = torch.get_rng_state()
    with pytest.raises(UserError, match=r"relaxation\.kind my soft one: soft tokens have no substitutions"):
        config.parse([*options, "--relaxation.kind=my soft one"])
    config.parse([*options, "--relaxation.kind=my hard one"])
    assert torch.equal(torch.get_rng_state(), before)
    one = build([*options, "--relaxation.kind=my hard one"])
    for _ in range(5):
        assert one.step()["generator_loss"].isfinite()
    assert "reviser" in one.networks()
