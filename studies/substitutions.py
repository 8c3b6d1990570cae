"""The worth of substitutions: does the slope of the critic say which token would make a sentence better?

Straight-through training takes from the critic's slope what another token would be worth. This study takes sentences as
a run writes them, without reranking, and tries every substitution of one token. It compares the critic's score of each
with the prediction of the slope. It makes the best substitution by either, and the grammar says how many of the
sentences are grammatical then.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from seqgan_gp.adversarial.substitutions import substitute
from seqgan_gp.artefacts import read_config
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.models.sequence import finish
from seqgan_gp.pretrained import Critic, Generator
from seqgan_gp.text.corpus import load_grammar

AT_ONCE = 1024


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder or checkpoint, trained on a grammar")
    parser.add_argument("--num", type=int, default=100, help="sentences of either kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sentences (default: %(default)s)")
    parser.add_argument("--passes", type=int, metavar="N", help="revisions of each sentence (default: as trained)")


class Judge:
    """The grammar's word on ids (N, L): bool (N,)."""

    def __init__(self, generator: Generator, config: TextConfig):
        self.tokenizer, self.grammar = generator.tokenizer, load_grammar(config.corpus.train)
        if self.grammar is None or generator.condition:
            raise UserError("a run without conditions on a grammar is needed, such as that of configs/text.yaml")

    def __call__(self, ids: Tensor) -> np.ndarray:
        assert self.grammar
        return np.isfinite(self.grammar.parse(self.tokenizer.decode(ids.numpy()))[0])


def worths(critic: Critic, ids: Tensor) -> tuple[Tensor, Tensor]:
    """The worth of every substitution, (N, L, V): by the critic's scores, and by its slope."""
    num, length = ids.shape
    vocabulary = critic.network.vocabulary
    tokens = F.one_hot(ids, vocabulary).float().requires_grad_()
    scores = critic(tokens)
    (slope,) = torch.autograd.grad(scores.sum(), tokens)
    places = torch.arange(length * vocabulary).unsqueeze(0)
    exact = []
    for row in tqdm(range(num), unit="sentence", leave=False):
        others = substitute(ids[row : row + 1], places, vocabulary).squeeze(1)
        exact.append(torch.cat([critic(part) for part in others.split(AT_ONCE)]) - scores[row].detach())
    return torch.stack(exact).view(slope.shape), slope - slope.gather(2, ids.unsqueeze(-1))


def study(critic: Critic, right: Judge, ids: Tensor) -> dict[str, float]:
    """The numbers of the table for sentences of ids (N, L)."""
    exact, slope = (worth.flatten(1) for worth in worths(critic, ids))
    numbers = {}
    for name, worth in (("score", exact), ("slope", slope)):
        predicted, best = worth.max(dim=1, keepdim=True)
        numbers[f"gain predicted by the {name}"] = predicted.mean().item()
        numbers[f"gain of the choice by the {name}"] = exact.gather(1, best).mean().item()
        changed = substitute(ids, best, critic.network.vocabulary)[0]
        numbers[f"grammatical after the choice by the {name}"] = float(right(changed).mean())
    places = torch.arange(exact.shape[1]).unsqueeze(0)
    repairable = [right(substitute(row[None], places, critic.network.vocabulary).squeeze(1)).any() for row in ids]
    numbers["grammatical after some substitution"] = float(np.mean(repairable))
    numbers["correlation of score and slope"] = float(np.corrcoef(exact.flatten(), slope.flatten())[0, 1])
    return numbers


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    generator, critic = Generator.from_pretrained(options.run), Critic.from_pretrained(options.run)
    right = Judge(generator, read_config(options.run, TextConfig))
    drawn = generator.sample_ids(20 * options.num, options.seed, candidates=1, passes=options.passes)
    ids = torch.from_numpy(np.concatenate(list(drawn)))
    ids = finish(ids, generator.tokenizer.end, generator.tokenizer.pad)
    known = torch.from_numpy(right(ids))
    kinds = {"wrong": ids[~known][: options.num], "grammatical": ids[known][: options.num]}
    if few := [name for name, rows in kinds.items() if len(rows) < 2]:
        raise UserError(f"{options.run} writes no {few[0]} sentences: give a higher --num")
    results = {name: {"sentences": len(rows), **study(critic, right, rows)} for name, rows in kinds.items()}
    return results, table(results)


def table(results: dict[str, dict[str, float]]) -> str:
    names = list(results)
    lines = [f"| | {' | '.join(f'{name} sentences' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for key in results[names[0]]:
        cells = [f"{results[name][key]:,}" if key == "sentences" else f"{results[name][key]:.3f}" for name in names]
        lines.append(f"| {key} | {' | '.join(cells)} |")
    return "\n".join(lines)
