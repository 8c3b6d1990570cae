"""The alternating loop of WGAN-GP (Gulrajani et al. 2017, algorithm 1) over accelerate."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from .. import config as configs
from .. import pretrained
from ..adversarial import objectives
from ..config import Config, Invocation, TrainConfig
from ..errors import UserError
from ..models.relaxations import relaxation
from ..text.batches import Batches
from ..text.corpus import load_corpus
from ..text.tokenizer import Tokenizer
from . import checkpoint, folder
from .monitor import Evaluator, Monitor
from .setup import StopRequest, check_trackers, keep_memory, make_optimizer, set_threads
from .steps import CriticStep, GeneratorStep


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """1 up to `decay_from`, then linearly down to 0 at the end."""
    done = step / config.steps
    return 1.0 if done <= config.decay_from else (1 - done) / (1 - config.decay_from)


class Trainer:
    """Networks, optimisers and data of one run, and the two updates.

    The batch, the noise and the interpolation of every step are drawn for all processes alike and each takes its
        share: a run does
    not depend on how many processes it is spread over.
    """

    def __init__(self, accelerator: Accelerator, config: Config, tokenizer: Tokenizer, train: list[str]):
        size, share = config.train.batch_size, accelerator.num_processes
        if size % share:
            raise UserError(f"train.batch_size is {size}: it must be a multiple of the {share} processes that share it")
        self.accelerator, self.config, self.tokenizer = accelerator, config, tokenizer
        self.encoded = tokenizer.encode(train, config.tokenizer.length)
        self.batches = Batches(self.encoded.ids, size, config.seed)
        self.mine = slice(accelerator.process_index * size // share, (accelerator.process_index + 1) * size // share)
        self.progress = checkpoint.Progress(config.seed)

        set_seed(config.seed)
        generator = pretrained.build_generator(config, len(tokenizer))
        critic = pretrained.build_critic(config, len(tokenizer))
        self.relaxation = relaxation(config.relaxation.kind, config.relaxation.temperature)
        generator_step = GeneratorStep(generator, self.relaxation)
        critic_step = CriticStep(critic, config.penalty)
        set_seed(config.seed, device_specific=True)  # Gumbel noise differs between processes

        self.generator_step, self.critic_step, self.generator_optimizer, self.critic_optimizer = accelerator.prepare(
            generator_step,
            critic_step,
            make_optimizer("train.generator", config.train.generator, generator.parameters()),
            make_optimizer("train.critic", config.train.critic, critic.parameters()),
        )
        self.generator, self.critic = generator, critic
        self.average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(config.train.average))
        accelerator.register_for_checkpointing(self.average, self.progress)

    def step(self) -> dict[str, Tensor]:
        """`critic_steps` updates of the critic, one of the generator and of its average; the numbers of the last."""
        config, progress = self.config.train, self.progress
        for optimizer, base in (
            (self.critic_optimizer, config.critic.lr),
            (self.generator_optimizer, config.generator.lr),
        ):
            for group in optimizer.param_groups:
                group["lr"] = base * learning_rate_factor(progress.step, config)
        for i in range(config.critic_steps):
            parts = self.update_critic(self.batches[progress.step * config.critic_steps + i])
        parts = parts | self.update_generator()
        self.average.update_parameters(self.generator)
        progress.step += 1
        return parts

    def update_critic(self, ids: Any) -> dict[str, Tensor]:
        """One step of the critic on the real ids (batch_size, L) and as many generated sequences."""
        device = self.accelerator.device
        real = torch.from_numpy(ids[self.mine]).to(device)
        alpha = torch.rand(len(ids), generator=self.progress.rng)[self.mine].to(device)
        noise = self._noise()
        with torch.no_grad(), self.accelerator.autocast():
            fake = self.relaxation.constant(self.generator(noise))
        parts = self.critic_step(real, fake, alpha)
        self.critic_optimizer.zero_grad()
        self.accelerator.backward(parts["critic_loss"])
        self.critic_optimizer.step()
        return {k: v.detach() for k, v in parts.items()}

    def update_generator(self) -> dict[str, Tensor]:
        """One step of the generator against the critic as it is."""
        self.critic.requires_grad_(False)
        fake = self.generator_step(self._noise())
        with self.accelerator.autocast():
            scores = self.critic(fake).float()
        loss = objectives.wasserstein_generator_loss(scores).mean()
        self.generator_optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.generator_optimizer.step()
        self.critic.requires_grad_(True)
        return {"generator_loss": loss.detach()}

    def _noise(self) -> Tensor:
        return self.generator.sample_noise(self.batches.size, self.progress.rng)[self.mine].to(self.accelerator.device)

    def sampler(self) -> pretrained.Generator:
        """What samples: the moving average of the generator."""
        network: Any = self.average.module if self.config.train.average else self.generator
        return pretrained.Generator(network, self.tokenizer, self.relaxation.sampling_temperature)

    def save(self, run: Path) -> Path:
        """Write a checkpoint of this step."""
        parts = self.config, self.tokenizer, self.sampler().network, self.critic
        return checkpoint.save(self.accelerator, run, self.progress.step, self.config.train.keep, *parts)


def train(invocation: Invocation) -> int:
    """Run the experiment; returns the exit code (130 after Ctrl-C).

    Raises:
        UserError: bad input, before anything is written; or the run has diverged.
    """
    config, run = invocation.config, invocation.output
    set_threads(config.train.threads)
    keep_memory()
    check_trackers(config.trackers)
    for key in ("critic", "generator"):
        make_optimizer(f"train.{key}", getattr(config.train, key), [torch.nn.Parameter(torch.zeros(1))])

    accelerator = Accelerator(log_with=config.trackers or None, project_dir=str(run))
    if accelerator.is_main_process:  # the others wait: they must not see a half-made folder, nor take it for an old run
        folder.check_free(invocation)
        if invocation.resume:
            configs.save(config, run / pretrained.CONFIG)
        else:
            prepare(run, config)
    accelerator.wait_for_everyone()
    corpus = folder.read_corpus(run, config)
    tokenizer = Tokenizer.load(run / pretrained.TOKENIZER)
    trainer = Trainer(accelerator, config, tokenizer, corpus.train)
    if invocation.resume:
        checkpoint.load(accelerator, run)
    accelerator.init_trackers("seqgan_gp", config=_flat(config))
    with StopRequest().listening() as stop:
        code = loop(trainer, run, corpus, stop)
    accelerator.end_training()
    return code


def prepare(run: Path, config: Config) -> None:
    """Load the corpus, learn or load the tokenizer, and make the run folder."""
    c, t = config.corpus, config.tokenizer
    corpus = load_corpus(c.train, c.test, c.column, c.size, c.holdout, c.seed)
    if t.file:
        tokenizer = Tokenizer.load(t.file)
        tokenizer.check_size(t.vocabulary)
    else:
        tokenizer = Tokenizer.train(t.kind, corpus.train, t.vocabulary, t.lowercase)
    encoded = tokenizer.encode(corpus.train, t.length)
    folder.create(run, config, corpus, tokenizer)
    print(
        f"{run}: {len(corpus.train):,} training and {len(corpus.test):,} held-out sentences, {len(tokenizer):,} tokens"
    )
    if encoded.truncated:
        print(f"{encoded.truncated:,} training sentences are longer than tokenizer.length={t.length} and were cut")
    if encoded.unknown:
        print(f"{encoded.unknown:.2%} of the training tokens are unknown (tokenizer.vocabulary={t.vocabulary})")


def loop(trainer: Trainer, run: Path, corpus: Any, stop: StopRequest) -> int:
    """Step, log, evaluate and save until the end or until asked to stop."""
    accelerator, config, progress = trainer.accelerator, trainer.config, trainer.progress
    main = accelerator.is_main_process
    steps = config.train.steps
    if main:
        monitor = Monitor(accelerator, run, progress.step)
        evaluator = Evaluator(corpus, config.tokenizer.kind, config.evaluation.samples)
        if progress.step == 0:
            monitor.log(0, "real", evaluator.real)
    # In a log file a line every half minute is enough.
    interval = 0.5 if sys.stderr.isatty() else 30
    bar = tqdm(
        total=steps, initial=progress.step, unit="step", disable=not main, mininterval=interval, dynamic_ncols=True
    )
    window: list[dict[str, Tensor]] = []
    window_start, saved = time.perf_counter(), progress.step
    while progress.step < steps and not _should_stop(accelerator, stop, progress.step):
        window.append(trainer.step())
        bar.update()
        step, last = progress.step, progress.step == steps
        checkpoint_due = last or step % config.train.checkpoint_every == 0
        if last or checkpoint_due or step % config.train.log_every == 0:
            values = _means(accelerator, window)
            values["steps_per_second"] = len(window) / (time.perf_counter() - window_start)
            values["learning_rate"] = config.train.generator.lr * learning_rate_factor(step - 1, config.train)
            _check_finite(values, step, run)
            window.clear()
            if main:
                monitor.log(step, "train", values)
                shown = {"W": "wasserstein", "penalty": "penalty", "|grad|": "gradient_norm"}
                bar.set_postfix({k: f"{values[v]:.3g}" for k, v in shown.items() if v in values}, refresh=False)
        if main and (last or step % config.evaluation.every == 0):
            scores, sentences = evaluator(trainer.sampler())
            monitor.log(step, "eval", scores)
            monitor.samples(step, sentences)
            monitor.draw()
            bar.write(_summary(step, scores, evaluator.real, sentences))
        if checkpoint_due:
            trainer.save(run)
            saved = step
        if not window:
            window_start = time.perf_counter()  # evaluation and saving are not training speed
    bar.close()
    if progress.step == steps:
        if main:
            print(f"done: {run}; sample with: seqgan-gp sample {run} --num 1000 --out samples.txt")
        return 0
    if saved != progress.step:
        trainer.save(run)
    if main:
        print(
            f"\nstopped after step {progress.step}, checkpoint saved; continue with the same command and --resume",
            file=sys.stderr,
        )
    return 130


def _should_stop(accelerator: Accelerator, stop: StopRequest, step: int) -> bool:
    """Whether any process was asked to stop; they have to agree on the step, and ask one another every tenth."""
    if accelerator.num_processes == 1:
        return stop.requested
    if step % 10:
        return False
    return bool(accelerator.reduce(torch.tensor(float(stop.requested), device=accelerator.device)).item())


def _means(accelerator: Accelerator, window: list[dict[str, Tensor]]) -> dict[str, float]:
    """Means over steps and processes."""
    keys = list(window[0])
    table = torch.stack([torch.stack([parts[k].float() for k in keys]) for parts in window]).mean(dim=0)
    return dict(zip(keys, accelerator.reduce(table, reduction="mean").tolist(), strict=True))


def _check_finite(values: dict[str, float], step: int, run: Path) -> None:
    for key, value in values.items():
        if not math.isfinite(value):
            found = pretrained.checkpoints(run)
            last = f"the last good checkpoint is {found[-1]}" if found else "there is no checkpoint yet"
            raise UserError(
                f"diverged: {key} is {value} by step {step}; {last}; lower train.critic.lr and train.generator.lr"
            )


def _summary(step: int, scores: dict[str, Any], real: dict[str, Any], sentences: list[str]) -> str:
    keys = ("jsd_4", "self_bleu_4", "unique", "grammatical")
    numbers = "  ".join(
        f"{k} {scores[k]:.3f} (real {real[k]:.3f})"
        for k in keys
        if scores.get(k) is not None and real.get(k) is not None
    )
    return "\n".join([f"step {step}: {numbers}", *(f"    {s}" for s in sentences[:3])])


def _flat(config: Config) -> dict[str, Any]:
    """Config as trackers take it: one level, numbers and strings."""
    import dataclasses

    def walk(prefix: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return {k: v for name, part in value.items() for k, v in walk(f"{prefix}{name}.", part).items()}
        return {prefix.rstrip("."): value if isinstance(value, int | float | str | bool) else str(value)}

    return walk("", dataclasses.asdict(config))
