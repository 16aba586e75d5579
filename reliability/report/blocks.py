"""Blocks: the results of notebook cells, as HTML in one language.

A block has a kind and data of JSON types. `templates/blocks/<kind>.html.j2` says how it
looks, with `d` = the data and `v` = what `VIEWS` derives from it. Numbers are computed
elsewhere.

How to add one: write `templates/blocks/<kind>.html.j2` from the macros in
`parts.html.j2` (figure, table, fold, callout), its words in `templates/i18n/*/<topic>.toml`,
and, when a sentence depends on a comparison, a function for `VIEWS` that computes the
boolean. The same template serves the page and the notebook.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from markupsafe import Markup

from reliability.report import canary_view, verdict_view
from reliability.report.environment import page_environment
from reliability.report.stylesheet import notebook_css
from reliability.report.words import Words, words_in
from reliability.shipped import shipped_folder

View = Callable[[Mapping[str, Any], Words], Mapping[str, object]]
VIEWS: Final[Mapping[str, View]] = MappingProxyType({
    "report": verdict_view.view_report,
    "next_steps": verdict_view.view_report,
    "latency": canary_view.view_latency,
    "errors": canary_view.view_errors,
    "exposure": canary_view.view_exposure,
    "buckets": canary_view.view_buckets,
    "checks": canary_view.view_checks,
    "experiment": canary_view.view_experiment,
    "run": verdict_view.view_run,
})  # fmt: skip
_KIND: Final = re.compile(r"[a-z][a-z0-9_]*")


def knows_block(kind: str) -> bool:
    """Tell whether there is a template for this kind."""
    return bool(_KIND.fullmatch(kind)) and (shipped_folder("templates") / "blocks" / f"{kind}.html.j2").is_file()


def render_block(
    kind: str, data: Mapping[str, Any], *, language: str, uid: str | None = None, heading: str = "h2"
) -> Markup:
    """Render one block as HTML that needs the stylesheet around it.

    Args:
        kind: Name of the block.
        data: Its numbers and texts; texts are escaped.
        language: Language of words, numbers and instants.
        uid: Prefix of element ids, unique on the page; by default made from the data.
        heading: Element of the main sentence; `h1` on a page, where the next steps have a section of their own.

    Returns:
        The markup; equal input gives equal bytes.

    Raises:
        KeyError: No such block or language.
    """
    if not knows_block(kind):
        raise KeyError(f"no template templates/blocks/{kind}.html.j2")
    words = words_in(language)
    view = dict(VIEWS[kind](data, words)) if kind in VIEWS else {}
    template = page_environment(language).get_template(f"blocks/{kind}.html.j2")
    html = template.render(d=data, v=view, uid=uid or _uid(kind, data), heading=heading, hoisted=heading == "h1")
    return Markup(html)  # noqa: S704 -- rendered with autoescape


def render_for_notebook(kind: str, data: Mapping[str, Any], *, language: str = "en") -> str:
    """Render one block for JupyterLab, with a stylesheet that stays inside the block.

    Args:
        kind: Name of the block.
        data: Its numbers and texts.
        language: Language in which the analyst reads.

    Returns:
        HTML of one element.
    """
    box = Markup('<div class="reliability" lang="{}"><style>{}</style>{}</div>')
    return str(box.format(language, notebook_css(), render_block(kind, data, language=language)))


def _uid(kind: str, data: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()
    return f"{kind}-{digest[:8]}-"
