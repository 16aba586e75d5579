"""Executed notebook to pages: one self-contained HTML file per language, by nbconvert.

The page is made from the JSON that our cells left, so every language shows the same
numbers and no kernel is needed. Nothing is fetched, no script runs; cells are rendered
first, because the policy names the styles that they need. Executing belongs to the
runner, the index to `reliability.report.index`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from nbconvert.exporters.templateexporter import TemplateExporter
from nbformat.v4 import new_notebook

from reliability.atomic import write_text_whole
from reliability.report.arrange import arrange_sections
from reliability.report.blocks import render_block
from reliability.report.cells import PageCells
from reliability.report.environment import equip
from reliability.report.frame import Titles, page_files, page_frame
from reliability.report.marks import status_of
from reliability.report.words import words_in
from reliability.shipped import shipped_folder

Report = Mapping[str, Any]


def export_pages(notebook: Any, report: Report, *, main_language: str, folder: Path, **links: Any) -> list[Path]:
    """Write the pages of one report, one per language.

    Args:
        notebook: Executed notebook (an `nbformat` node); it is not changed.
        report: The report's JSON with its run id.
        main_language: Language whose file has no suffix; its page comes first.
        folder: Folder of the run, two levels below the index.
        **links: `siblings` and `titles` of `render_page`.

    Returns:
        The files, main language first.

    Raises:
        WriteError: The disk is full; files that exist are whole.
    """
    files = page_files(report["report"], main_language)
    for language, name in files.items():
        html = render_page(notebook, report, language=language, main_language=main_language, **links)
        write_text_whole(folder / name, html)
    return [folder / name for name in files.values()]


def render_page(
    notebook: Any,
    report: Report,
    *,
    language: str,
    main_language: str,
    siblings: Sequence[str],
    titles: Titles = MappingProxyType({}),
) -> str:
    """Render one page; equal input gives equal bytes.

    Args:
        notebook: Executed notebook; it is not changed.
        report: The report's JSON with its run id.
        language: Language of the page.
        main_language: Language whose file has no suffix.
        siblings: Reports of the same run, which the page links.
        titles: What those of the project's own call themselves, by name and language.

    Returns:
        The whole file.
    """
    words, cells = words_in(language), PageCells(language)
    sections = arrange_sections(notebook, language)
    for section in sections:
        section.cells = [cells.render(cell) for cell in section.cells]
    frame = page_frame(
        report["report"],
        status=status_of(report["verdict"], report["cautions"]),
        language=language,
        main_language=main_language,
        home="../../",
        links={sibling: page_files(sibling, main_language)[language] for sibling in siblings},
        notice=words.plain("frame.sample", at=report["as_of"]) if report["sample"] else "",
        css=cells.css(),
        titles=titles,
    )
    experiment = report.get("experiment")
    page = {
        **frame,
        "report": report,
        "band": render_block("report", report, language=language, uid="band-", heading="h1"),
        "next_steps": render_block("next_steps", report, language=language).strip(),
        "experiment": render_block("experiment", experiment, language=language) if experiment else "",
        "sections": sections,
    }
    empty = new_notebook()  # type: ignore[no-untyped-call] # its cells are in the sections; nbconvert would copy them twice
    html, _ = _exporter(language).from_notebook_node(empty, resources={"page": page})
    return f"{html.strip()}\n"


class PageExporter(TemplateExporter):
    """nbconvert with our template and escaping switched on."""

    def __init__(self, language: str) -> None:
        self._language = language
        super().__init__(  # type: ignore[no-untyped-call]
            template_name="reliability",
            template_extension=".html.j2",
            extra_template_basedirs=[str(shipped_folder("templates") / "nbconvert")],
            default_preprocessors=[],
        )

    def _create_environment(self) -> Environment:
        environment: Environment = super()._create_environment()  # type: ignore[no-untyped-call]
        environment.loader = ChoiceLoader([environment.loader, FileSystemLoader(shipped_folder("templates"))])  # type: ignore[list-item]
        environment.autoescape = True
        equip(environment, language=self._language)
        return environment


_exporter = lru_cache(PageExporter)  # one a language
