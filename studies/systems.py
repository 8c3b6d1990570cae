"""The systems that the field compares, as options of the training command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from seqgan_gp.errors import UserError

BARE = ("--penalty.weight=0",)
R1 = ("--penalty.sided=zero", "--penalty.at=[real]", "--penalty.weight=5")
SPECTRAL = (*BARE, "--critic.parametrization=spectral")

SYSTEMS: dict[str, tuple[str, ...]] = {
    "wgan-gp": (),
    "wgan-gp-one-sided": ("--penalty.sided=one",),
    "wgan-clipping": (
        *BARE,
        "--clipping=0.01",
        "--train.critic_steps=5",
        "--train.critic={name: RMSprop, lr: 5.0e-5}",
        "--train.generator={name: RMSprop, lr: 5.0e-5}",
        "--train.decay_from=1",
    ),
    "wgan-spectral": SPECTRAL,
    "gan": (*BARE, "--objective=non-saturating"),
    "gan-r1": (*R1, "--objective=non-saturating"),
    "gan-gp": ("--objective=non-saturating",),
    "minimax": (*BARE, "--objective=minimax"),
    "lsgan": (*BARE, "--objective=least-squares"),
    "lsgan-gp": ("--objective=least-squares",),
    "hinge-spectral": (*SPECTRAL, "--objective=hinge"),
    "r3gan": (
        "--objective=relativistic",
        "--penalty.sided=zero",
        "--penalty.at=[real, generated]",
        "--penalty.weight=0.5",
    ),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--systems",
        nargs="+",
        metavar="NAME",
        default=list(SYSTEMS),
        help=f"some of {', '.join(SYSTEMS)} (default: all)",
    )


def chosen(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The systems of these names.

    Raises:
        UserError: there is no such system.
    """
    for name in names:
        if name not in SYSTEMS:
            raise UserError(f"--systems: there is no {name}; there are {', '.join(SYSTEMS)}")
    return {name: SYSTEMS[name] for name in names}
