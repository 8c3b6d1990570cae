"""The sections of a report, in their order: each is a function from a run to the content of its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any

from ..modality import TEXT
from . import curves, setup, several
from .content import LeftOut
from .runs import Run


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        title: its heading.
        template: the name of its template.
        tell: the name of the function from a run to the content of the template, so that a page imports nothing of
            other modalities. It raises `LeftOut` where there is nothing to show.
    """

    title: str
    template: str
    tell: str


@dataclass(frozen=True)
class Told:
    """A section with its content."""

    title: str
    template: str
    content: Any


@dataclass
class Story:
    """All about one run, or about several together.

    Args:
        name: of the run.
        about: a line about it.
        unit: of its text, "word" or "character"; empty for other samples.
        tiles: the scores to begin with: name, value, and value of real samples.
        left_out: the titles of sections that the run has not, with the reasons.
    """

    name: str
    about: str = ""
    unit: str = ""
    tiles: Sequence[tuple[str, Any, Any]] = ()
    told: list[Told] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


SETUP = Section("What was run", "setup", "seqgan_gp.report.setup:what_was_run")
CURVES = Section("Curves", "charts", "seqgan_gp.report.curves:curves")
SCORES = Section("Scores beside real samples", "scores", "seqgan_gp.report.scores:table")
COMMON = (SETUP, CURVES, SCORES)  # of samples of any kind

SECTIONS: dict[str, tuple[Section, ...]] = {
    TEXT: (
        SETUP,
        Section("Samples through time", "through_time", "seqgan_gp.report.sentences:through_time"),
        CURVES,
        SCORES,
        Section("Beside the nearest training sentence", "nearest", "seqgan_gp.report.sentences:nearest"),
        Section("Where the critic looks", "tokens", "seqgan_gp.report.critic:tokens"),
        Section("The critic's scores of real and generated text", "chart", "seqgan_gp.report.critic:histogram"),
        Section("A walk between two noises", "walk", "seqgan_gp.report.walk:walk"),
    ),
    "images": (
        SETUP,
        Section("Samples through time", "pictures", "seqgan_gp.report.pictures:through_time"),
        CURVES,
        SCORES,
        Section("The critic's scores of real and generated images", "chart", "seqgan_gp.report.pictures:histogram"),
        Section("A walk between two noises", "picture", "seqgan_gp.report.pictures:walk"),
    ),
}
"""The sections of each modality; one that is not here has those of COMMON."""


def tell(run: Run) -> Story:
    """The story of one run.

    Raises:
        UserError: a file of the run is damaged.
    """
    unit = run.unit if run.config.modality == TEXT else ""
    story = Story(run.name, setup.about(run), unit, run.shown(run.evaluator.HEADLINE)[:4])
    for section in SECTIONS.get(run.config.modality, COMMON):
        try:
            story.told.append(Told(section.title, section.template, resolve_name(section.tell)(run)))
        except LeftOut as reason:
            story.left_out.append((section.title, str(reason)))
    return story


def compare(runs: Sequence[Run]) -> Story:
    """The story of several runs side by side."""
    story = Story(f"{len(runs)} runs", ", ".join(run.name for run in runs))
    for title, template, function in (
        ("Quality and diversity", "charts", several.frontier),
        ("Scores of all runs", "seeds", several.table),
        ("Curves of all runs", "charts", curves.together),
    ):
        try:
            story.told.append(Told(title, template, function(runs)))
        except LeftOut as reason:
            story.left_out.append((title, str(reason)))
    return story
