"""The Jinja environment of all pages: strict names, escaped values, one language.

Templates decide nothing: units live in filters (`reliability.report.formats`), words in
catalogues (`t("canary.latency.title")`), small drawings and charts in globals.

Filters: number(digits) percent(digits) level exact signed_percent(digits) points(digits) ms seconds
duration minutes instant day clock interval plural(one, many).
Globals: t(key, **values), told(data, path, **values), knows(key), span(start, end), status(verdict, cautions),
chart(name, data), language, figures_of(report), and the macros of `templates/marks.html.j2`: chip, icon, swatch, gauge.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from reliability.report.arm_words import told
from reliability.report.charts import draw_chart
from reliability.report.marks import gauge_places, status_of
from reliability.report.svg import SIZES
from reliability.report.words import words_in
from reliability.shipped import shipped_folder


@lru_cache
def page_environment(language: str) -> Environment:
    """Make the environment of one language.

    Args:
        language: A language with a catalogue.

    Returns:
        The shared environment; do not change it.
    """
    loader = FileSystemLoader(shipped_folder("templates"))
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    equip(environment, language=language)
    return environment


def equip(environment: Environment, *, language: str) -> None:
    """Give an environment that finds our templates our filters and globals in one language."""
    words = words_in(language)

    @pass_context
    def chart(context: Context, name: str, data: Mapping[str, Any]) -> Markup:
        uid, sizes = str(context.get("uid", "")), context.get("sizes", SIZES)
        return draw_chart(name, data, words=words, uid=uid, sizes=sizes)

    def said(data: Mapping[str, Any], path: str, **values: object) -> Markup:
        return told(data, path, words, **values)

    def figures_of(topic: str) -> Template:
        return environment.select_template([f"figures/{topic}.html.j2", "figures/default.html.j2"])

    environment.undefined = StrictUndefined
    environment.filters.update(words.formats.filters(), named=words.named, source=words.source)
    environment.globals.update(
        t=words.text, told=said, knows=words.knows, span=words.formats.span, status=status_of, chart=chart,
        gauge_places=gauge_places, figures_of=figures_of, language=language,
    )  # fmt: skip
    marks = environment.get_template("marks.html.j2").module
    environment.globals.update({name: getattr(marks, name) for name in ("chip", "icon", "swatch", "gauge")})
