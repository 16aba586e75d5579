"""Which cells of an executed notebook a page shows, in which order and under which heading.

A page has sections: a markdown cell that opens with a heading begins one. Cells of other
languages, the title, parameters and cells without a result are left out. How cells look
belongs to the nbconvert template.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final

MIME_TYPE: Final = "application/vnd.reliability+json"
HEADING: Final = re.compile(r"\A\s*(#{1,2})\s+(.+?)\s*#*\s*(?:\n|\Z)")
_HIDDEN_TAGS: Final = frozenset(("hide", "papermill-error-cell-tag"))
_ELSEWHERE: Final = frozenset(("report", "run"))  # blocks that the frame shows, or the notebook only
_TAKEN: Final = ("main", "next", "experiment", "source", "contents")


@dataclass(slots=True, kw_only=True)
class Section:
    """A part of a page.

    Attributes:
        id: Anchor; empty for cells before the first heading.
        title: Heading.
        cells: Its cells in order.
        is_shown: Whether there is anything to read: a shipped question without an answer is left out, an analyst's
            words never.
    """

    id: str = ""
    title: str = ""
    cells: list[Any] = field(default_factory=list)
    is_shown: bool = False


def arrange_sections(notebook: Any, language: str) -> list[Section]:
    """Sort the cells of a notebook into the sections of a page.

    Args:
        notebook: An executed notebook; it is not changed.
        language: Language of the page.

    Returns:
        The sections that have something to show.
    """
    sections = [Section()]
    for cell in notebook.cells:
        if not is_wanted(cell, language):
            continue
        if cell.cell_type == "markdown":
            _place_prose(cell, sections)
        elif outputs := [output for output in cell.get("outputs", []) if not _is_elsewhere(output)]:
            sections[-1].cells.append(_with(cell, outputs=outputs))
            sections[-1].is_shown = True
    return [section for section in sections if section.is_shown]


def is_wanted(cell: Any, language: str) -> bool:
    """Tell whether a cell is for the pages of this language: tags hide it, or limit it to others."""
    tags = cell.metadata.get("tags", [])
    languages = [tag for tag in tags if tag.startswith("lang:")]
    return not _HIDDEN_TAGS.intersection(tags) and (not languages or f"lang:{language}" in languages)


def _place_prose(cell: Any, sections: list[Section]) -> None:
    heading = HEADING.match(cell.source)
    rest = cell.source[heading.end() if heading else 0 :].strip()
    is_title = heading is not None and heading[1] == "#" and len(sections) == 1 and not sections[0].cells
    shipped = cell.metadata.get("reliability", {}).get("section")
    if heading and not is_title:  # a title has no place: the page's main heading is the verdict
        taken = {*_TAKEN, *(section.id for section in sections)}
        anchor = _anchor(str(shipped or heading[2]), taken)
        sections.append(Section(id=anchor, title=re.sub(r"[*`]", "", heading[2]), is_shown=not shipped))
    if rest:
        sections[-1].cells.append(_with(cell, source=rest))
        sections[-1].is_shown = sections[-1].is_shown or not shipped


def _with(cell: Any, **changes: Any) -> Any:
    """Copy a cell with changes, without copying its outputs."""
    return type(cell)({**cell, **changes})


def _is_elsewhere(output: Any) -> bool:
    envelope = output.get("data", {}).get(MIME_TYPE)
    return isinstance(envelope, dict) and envelope.get("block") in _ELSEWHERE


def _anchor(text: str, taken: set[str]) -> str:
    """Make an id of plain letters, unique on the page."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-") or "section"
    stem = stem if stem[0].isalpha() else f"s-{stem}"
    names = [stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
