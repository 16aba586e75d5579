"""Executed notebook to pages: one self-contained HTML file per language, by nbconvert.

The page is made from the JSON that our cells left, so every language shows the same
numbers and no kernel is needed. Nothing is fetched, no script runs, foreign markup is
shown as text. Executing belongs to the runner, the index to `reliability.report.index`.
"""

import copy
import itertools
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, pass_context
from jinja2.runtime import Context
from markdown_it import MarkdownIt
from markupsafe import Markup
from nbconvert.exporters.templateexporter import TemplateExporter

from reliability.atomic import write_text_whole
from reliability.report.arrange import MIME_TYPE, arrange_sections
from reliability.report.blocks import knows_block, render_block
from reliability.report.environment import equip
from reliability.report.foreign import foreign_html, picture, plain_output
from reliability.report.frame import page_files, page_frame
from reliability.report.marks import status_of
from reliability.report.words import words_in
from reliability.shipped import shipped_folder

Report = Mapping[str, Any]
_SHOWN_TYPES: Final = (
    MIME_TYPE, "image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "text/latex", "text/plain",
)  # fmt: skip


def export_pages(
    notebook: Any, report: Report, *, main_language: str, siblings: Sequence[str], folder: Path
) -> list[Path]:
    """Write the pages of one report, one per language.

    Args:
        notebook: Executed notebook (an `nbformat` node); it is not changed.
        report: The report's JSON with its run id.
        main_language: Language whose file has no suffix; its page comes first.
        siblings: Reports of the same run, which the page links.
        folder: Folder of the run, two levels below the index.

    Returns:
        The files, main language first.

    Raises:
        WriteError: The disk is full; files that exist are whole.
    """
    files = page_files(report["report"], main_language)
    for language, name in files.items():
        html = render_page(notebook, report, language=language, main_language=main_language, siblings=siblings)
        write_text_whole(folder / name, html)
    return [folder / name for name in files.values()]


def render_page(notebook: Any, report: Report, *, language: str, main_language: str, siblings: Sequence[str]) -> str:
    """Render one page; see `export_pages`. Equal input gives equal bytes."""
    words, node = words_in(language), copy.deepcopy(notebook)
    frame = page_frame(
        report["report"],
        status=status_of(report["verdict"], report["cautions"]),
        language=language,
        main_language=main_language,
        home="../../",
        links={sibling: page_files(sibling, main_language)[language] for sibling in siblings},
        notice=words.plain("frame.sample", at=report["as_of"]) if report["sample"] else "",
    )
    experiment = report.get("experiment")
    page = {
        **frame,
        "report": report,
        "band": render_block("report", report, language=language, uid="band-", heading="h1"),
        "next_steps": render_block("next_steps", report, language=language).strip(),
        "experiment": render_block("experiment", experiment, language=language) if experiment else "",
        "sections": arrange_sections(node, language),
        "block_numbers": itertools.count(1),
    }
    html, _ = _exporter(language).from_notebook_node(node, resources={"page": page})
    return f"{html.strip()}\n"


class PageExporter(TemplateExporter):
    """nbconvert with our template, our filters and escaping switched on."""

    def __init__(self, language: str) -> None:
        self._language = language
        super().__init__(  # type: ignore[no-untyped-call]
            template_name="reliability",
            template_extension=".html.j2",
            extra_template_basedirs=[str(shipped_folder("templates") / "nbconvert")],
            default_preprocessors=["nbconvert.preprocessors.CoalesceStreamsPreprocessor"],
        )

    def _create_environment(self) -> Environment:
        environment: Environment = super()._create_environment()  # type: ignore[no-untyped-call]
        words = words_in(self._language)
        environment.loader = ChoiceLoader([environment.loader, FileSystemLoader(shipped_folder("templates"))])  # type: ignore[list-item]
        environment.autoescape = True
        equip(environment, language=self._language)
        environment.filters.update(
            filter_data_type=_choose_type, prose=_prose, plain_output=plain_output,
            foreign_html=partial(foreign_html, words=words), picture=partial(picture, words=words),
            failed_output=partial(render_block, "error", language=self._language), our_block=_our_block,
        )  # fmt: skip
        return environment


@lru_cache
def _exporter(language: str) -> PageExporter:
    return PageExporter(language)


def _choose_type(data: Mapping[str, Any]) -> list[str]:
    """Pick the best form of an output; nothing foreign that could run is among them."""
    return [next((mime_type for mime_type in _SHOWN_TYPES if mime_type in data), "none of these")]


def _prose(source: str) -> Markup:
    """Render Markdown without raw HTML or pictures; headings go below the section's."""
    parser = MarkdownIt("js-default").disable("image")
    tokens = parser.parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{max(3, int(token.tag[1:]))}"
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 -- the parser escapes HTML


@pass_context
def _our_block(context: Context, output: Mapping[str, Any]) -> Markup:
    """Render one of our results; of a kind that is not known, say so."""
    page = context["resources"]["page"]
    envelope = output["data"].get(MIME_TYPE, {"block": ", ".join(output["data"])})
    if knows_block(envelope["block"]):
        uid = f"b{next(page['block_numbers'])}-"
        return render_block(envelope["block"], envelope["data"], language=page["language"], uid=uid)
    note = words_in(page["language"]).text("frame.unknown_output", kind=envelope["block"])
    return Markup('<div class="output"><p class="note">{}</p></div>').format(note)
