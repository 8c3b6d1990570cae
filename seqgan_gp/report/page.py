"""The page: stories to HTML. What comes from a corpus or a name is text, never markup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..evaluation.catalogue import describe
from .charts import Chart
from .content import number
from .story import Story

LARGEST = 6_000_000  # bytes of a page that people still open


def render(stories: Sequence[Story], title: str) -> str:
    """Make the page, one file with everything inside."""
    from bokeh.core.json_encoder import serialize_json
    from bokeh.embed import json_item
    from bokeh.resources import INLINE
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    items: list[Any] = []

    def place(chart: Chart) -> str:
        target = f"chart-{len(items)}"
        items.append(json_item(chart.figure, target))  # type: ignore[arg-type]
        return target

    environment = Environment(
        loader=PackageLoader("seqgan_gp.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "meaning": lambda key: metric.meaning if (metric := describe(key)) else "",
    }
    templates = Path(__file__).parent / "templates"
    return environment.get_template("page.html").render(
        title=title,
        stories=stories,
        place=place,
        charts=lambda: htmlsafe_json_dumps(items, serialize_json),
        bokeh=Markup(INLINE.js_raw[0]),
        style=Markup((templates / "page.css").read_text(encoding="utf-8")),
        script=Markup((templates / "page.js").read_text(encoding="utf-8")),
    )
