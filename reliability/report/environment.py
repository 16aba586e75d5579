"""The Jinja environment of all pages: strict names, escaped values, one language.

Templates decide nothing: units live in filters (`reliability.report.formats`), words in
catalogues (`t("canary.latency.title")`), small drawings and charts in globals.

Filters: number(digits) percent(digits) signed_percent(digits) points(digits) ms seconds
duration minutes instant day clock interval plural(one, many).
Globals: t(key, **values), lines(key, **values), knows(key), span(start, end), status(verdict, cautions),
chip(verdict, cautions), icon(name), swatch(kind), gauge(value, limit=, verdict=, limit_label=,
interval=), chart(name, data), language.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from reliability.report.charts import draw_chart
from reliability.report.marks import chip, gauge, icon, status_of, swatch
from reliability.report.words import LANGUAGES, words_in
from reliability.shipped import shipped_folder


@lru_cache(maxsize=len(LANGUAGES))
def page_environment(language: str) -> Environment:
    """Make the environment of one language.

    Args:
        language: A language with a catalogue.

    Returns:
        The shared environment; do not change it.

    Raises:
        KeyError: No such language.
    """
    environment = Environment(
        loader=FileSystemLoader(shipped_folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    equip(environment, language=language)
    return environment


def equip(environment: Environment, *, language: str) -> None:
    """Give an environment our filters and globals in one language."""
    words = words_in(language)

    @pass_context
    def chart(context: Context, name: str, data: Mapping[str, Any]) -> Markup:
        return draw_chart(name, data, words=words, uid=str(context.get("uid", "")))

    environment.filters.update(words.formats.filters())
    environment.globals.update(
        t=words.text, lines=words.lines, knows=words.knows, span=words.formats.span, status=status_of,
        chip=partial(chip, words), icon=icon, swatch=swatch, gauge=gauge, chart=chart, language=language,
    )  # fmt: skip
