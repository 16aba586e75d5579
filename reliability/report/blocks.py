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
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from markupsafe import Markup

from reliability.report import canary_view, phase_view, resilience_view, verdict_view, why_view
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
    "checks": why_view.view_checks,
    "experiment": canary_view.view_experiment,
    "routes": why_view.view_routes,
    "modules": phase_view.view_modules,
    "ratchet": phase_view.view_ratchet,
    "record": phase_view.view_record,
    "requirements": phase_view.view_requirements,
    "resilience": resilience_view.view_resilience,
    "tests": phase_view.view_tests,
    "run": verdict_view.view_run,
})  # fmt: skip


def knows_block(kind: str) -> bool:
    """Tell whether there is a template for this kind."""
    return kind in {path.name.removesuffix(".html.j2") for path in (shipped_folder("templates") / "blocks").iterdir()}


def render_block(
    kind: str, data: Mapping[str, Any], *, language: str, uid: str | None = None, heading: str = "h2", **context: Any
) -> Markup:
    """Render one block as HTML that needs the stylesheet around it.

    Args:
        kind: Name of the block.
        data: Its numbers and texts; texts are escaped.
        language: Language of words, numbers and instants.
        uid: Prefix of element ids, unique on the page; by default made from the data.
        heading: Element of the main sentence; `h1` on a page, where the next steps have a section of their own.
        **context: More for the template, for example the `sizes` of its charts.

    Returns:
        The markup; equal input gives equal bytes.

    Raises:
        jinja2.TemplateNotFound: No such block.
    """
    view = VIEWS[kind](data, words_in(language)) if kind in VIEWS else {}
    template = page_environment(language).get_template(f"blocks/{kind}.html.j2")
    uid = uid or f"{kind}-{hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:8]}-"
    return Markup(template.render(d=data, v=view, uid=uid, heading=heading, **context))  # noqa: S704 -- autoescape


def render_for_notebook(kind: str, data: Mapping[str, Any], *, language: str = "en") -> str:
    """Render one block for JupyterLab, with a stylesheet that stays inside the block and charts in one width.

    Args:
        kind: Name of the block.
        data: Its numbers and texts.
        language: Language in which the analyst reads.

    Returns:
        HTML of one element.
    """
    box = Markup('<div class="reliability" lang="{}"><style>{}</style>{}</div>')
    return str(box.format(language, notebook_css(), render_block(kind, data, language=language, sizes=["wide"])))
