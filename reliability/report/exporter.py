"""Executed notebook to pages: one self-contained HTML file per language, by nbconvert.

The page is made from the JSON that our cells left, so every language shows the same
numbers and no kernel is needed. Nothing is fetched, no script runs, foreign markup is
shown as text. Executing belongs to the runner, the index to `reliability.report.index`.
"""

import copy
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from nbconvert.exporters.html import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from traitlets.config import Config

from reliability.atomic import write_text_whole
from reliability.report.arrange import MIME_TYPE, arrange_sections
from reliability.report.blocks import knows_block, render_block
from reliability.report.environment import equip
from reliability.report.foreign import foreign_html, picture, plain_output
from reliability.report.frame import INDEX, Link, make_frame, page_file, short_name
from reliability.report.marks import status_of
from reliability.report.verdict_view import report_name
from reliability.report.words import words_in
from reliability.shipped import shipped_folder

Report = Mapping[str, Any]
_SHOWN_TYPES: Final = (
    MIME_TYPE, "image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "text/latex", "text/plain",
)  # fmt: skip
_UNKNOWN: Final = "application/x-unknown"


def export_pages(
    notebook: Any,
    report: Report,
    *,
    languages: Sequence[str],
    main_language: str,
    siblings: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Write the pages of one report, one per language.

    Args:
        notebook: Executed notebook (a node or a path); it is not changed.
        report: The report's JSON with its run id.
        languages: Languages to write.
        main_language: Language whose file has no suffix; its page comes first.
        siblings: Reports of the same run, which the page links.
        folder: Folder of the run, two levels below the index.

    Returns:
        The files, main language first.

    Raises:
        WriteError: The disk is full; files that exist are whole.
    """
    node = _read(notebook) if isinstance(notebook, str | os.PathLike) else notebook
    written = []
    for language in sorted(languages, key=lambda code: code != main_language):
        html = render_page(
            node, report, language=language, languages=languages, main_language=main_language, siblings=siblings
        )
        path = folder / page_file(report["report"], language, main_language=main_language)
        write_text_whole(path, html)
        written.append(path)
    return written


def render_page(
    notebook: Any,
    report: Report,
    *,
    language: str,
    languages: Sequence[str],
    main_language: str,
    siblings: Sequence[str],
) -> str:
    """Render one page; see `export_pages`. Equal input gives equal bytes."""
    words, name = words_in(language), report["report"]
    status = status_of(report["verdict"], report["cautions"])
    node = copy.deepcopy(notebook)
    sections = arrange_sections(node, language)
    next_steps = render_block("next_steps", report, language=language).strip()
    frame = make_frame(
        name,
        language=language,
        languages=languages,
        main_language=main_language,
        title=f"{report_name(name, words)}: {words.plain(f'frame.status.{status}')}",
        home=f"../../{page_file(INDEX, language, main_language=main_language)}",
        links=_links(name, siblings, language=language, main_language=main_language),
        notice=words.plain("frame.sample", at=report["as_of"]) if report["sample"] else None,
    )
    contents = [(section.id, section.title) for section in sections if section.id]
    contents = [("next", words.text("frame.next"))] * bool(next_steps) + contents
    experiment = render_block("experiment", report["experiment"], language=language) if report.get("experiment") else ""
    contents += [("experiment", words.text("canary.experiment.title"))] * bool(experiment)
    page = {
        **{key: getattr(frame, key) for key in frame.__dataclass_fields__},
        "report": report,
        "band": render_block("report", report, language=language, uid="band-", heading="h1"),
        "next_steps": next_steps,
        "experiment": experiment,
        "sections": sections,
        "contents": [*contents, ("source", words.text("frame.provenance.title"))],
        "versions": _versions(report),
        "files": [
            Link(href=f"{name}.ipynb", label=words.plain("frame.provenance.notebook")),
            Link(href=f"{name}.json", label=words.plain("frame.provenance.json")),
        ],
    }
    html, _ = PageExporter(language).from_notebook_node(node, resources={"page": page})
    return f"{html.strip()}\n"


class PageExporter(HTMLExporter):
    """nbconvert with our template, our filters and escaping switched on."""

    def __init__(self, language: str) -> None:
        self._language = language
        folder = shipped_folder("templates") / "nbconvert"
        chosen = {
            "template_name": "reliability",
            "extra_template_basedirs": [str(folder)],
            "default_preprocessors": ["nbconvert.preprocessors.CoalesceStreamsPreprocessor"],
        }
        super().__init__(config=Config({"PageExporter": chosen}))  # type: ignore[no-untyped-call]

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:  # type: ignore[override]
        """Convert without the second pass through BeautifulSoup, which changes SVG names."""
        html, resources = TemplateExporter.from_notebook_node(self, nb, resources, **kw)
        return str(html), resources

    def default_filters(self) -> Iterator[tuple[str, Callable[..., object]]]:
        """Add the filters that turn outputs into safe HTML."""
        words, numbers = words_in(self._language), itertools.count(1)
        yield from super().default_filters()  # type: ignore[no-untyped-call]
        yield "filter_data_type", _choose_type
        yield "prose", _prose
        yield "plain_output", plain_output
        yield "foreign_html", lambda data: foreign_html(data, words=words)
        yield "picture", lambda output, mime_type: picture(output, mime_type, words=words)
        yield "failed_output", lambda output: _failed(output, language=self._language)
        yield "our_block", lambda output: _block(output, language=self._language, uid=f"b{next(numbers)}-")

    def _create_environment(self) -> Environment:
        environment: Environment = super()._create_environment()  # type: ignore[no-untyped-call]
        ours = FileSystemLoader(shipped_folder("templates"))
        environment.loader = ChoiceLoader([environment.loader, ours] if environment.loader else [ours])
        environment.autoescape = True
        environment.undefined = StrictUndefined
        equip(environment, language=self._language)
        return environment


def _read(path: str | os.PathLike[str]) -> Any:
    import nbformat  # noqa: PLC0415 -- most callers hold the node already

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def _links(name: str, siblings: Sequence[str], *, language: str, main_language: str) -> list[Link]:
    words = words_in(language)
    overview = page_file(INDEX, language, main_language=main_language)
    return [
        Link(href=f"../../{overview}", label=words.plain("frame.overview")),
        *(
            Link(
                href=page_file(sibling, language, main_language=main_language),
                label=short_name(sibling, words),
                current=sibling == name,
            )
            for sibling in dict.fromkeys([*siblings, *([] if name in siblings else [name])])
        ),
    ]


def _versions(report: Report) -> list[str]:
    """Write name and version of each tool, ours and Python first."""
    versions = report["provenance"]["versions"]
    names = sorted(versions, key=lambda name: (name != "reliability", name != "python", name))
    return [f"{name} {versions[name]}" for name in names]


def _choose_type(data: Mapping[str, Any]) -> list[str]:
    """Pick the best form of an output; nothing foreign that could run is among them."""
    return [next((mime_type for mime_type in _SHOWN_TYPES if mime_type in data), _UNKNOWN)]


def _prose(source: str) -> Markup:
    """Render Markdown without raw HTML or pictures; headings go below the section's."""
    parser = MarkdownIt("js-default").disable("image")
    tokens = parser.parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{max(3, int(token.tag[1:]))}"
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 -- the parser escapes HTML


def _failed(output: Mapping[str, Any], *, language: str) -> Markup:
    data = {"name": output.get("ename", ""), "message": output.get("evalue", "")}
    return render_block("error", data, language=language)


def _block(output: Mapping[str, Any], *, language: str, uid: str) -> Markup:
    """Render one of our results; of a kind that is not known, say so and show its text."""
    envelope = output["data"].get(MIME_TYPE)
    if isinstance(envelope, Mapping) and knows_block(str(envelope.get("block"))):
        return render_block(envelope["block"], envelope["data"], language=language, uid=uid)
    kind = envelope.get("block") if isinstance(envelope, Mapping) else ", ".join(output["data"])
    note = words_in(language).text("frame.unknown_output", kind=kind)
    return Markup('<div class="output"><p class="note">{}</p></div>').format(note)
