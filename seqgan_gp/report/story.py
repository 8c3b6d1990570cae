"""The sections of a report, in their order: each is a function from a run to what its template shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..modality import TEXT
from . import curves, scores, setup, several
from .content import LeftOut
from .runs import Run


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        title: its heading.
        template: the name of its template.
        tell: from a run to the content of the template. It raises `LeftOut` where there is nothing to show.
    """

    title: str
    template: str
    tell: Callable[[Run], Any]


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


def sections_of(modality: str) -> tuple[Section, ...]:
    """The sections of a run of a modality, the first one first."""
    own: dict[str, tuple[Section, ...]] = {}
    if modality == TEXT:
        from . import critic, sentences, walk

        own = {
            "first": (Section("Samples through time", "through_time", sentences.through_time),),
            "last": (
                Section("Beside the nearest training sentence", "nearest", sentences.nearest),
                Section("Where the critic looks", "tokens", critic.tokens),
                Section("What the critic says of real and generated text", "chart", critic.histogram),
                Section("A walk between two noises", "walk", walk.walk),
            ),
        }
    elif modality == "images":
        from . import pictures

        own = {
            "first": (Section("Samples through time", "pictures", pictures.through_time),),
            "last": (
                Section("What the critic says of real and generated images", "chart", pictures.histogram),
                Section("A walk between two noises", "picture", pictures.walk),
            ),
        }
    return (
        Section("What was run", "setup", setup.what_was_run),
        *own.get("first", ()),
        Section("Curves", "charts", curves.curves),
        Section("Scores beside real samples", "scores", scores.table),
        *own.get("last", ()),
    )


def tell(run: Run) -> Story:
    """The story of one run.

    Raises:
        UserError: a file of the run is damaged.
    """
    unit = run.unit if run.config.modality == TEXT else ""
    story = Story(run.name, setup.about(run), unit, run.shown(run.evaluator.HEADLINE)[:4])
    for section in sections_of(run.config.modality):
        try:
            story.told.append(Told(section.title, section.template, section.tell(run)))
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
