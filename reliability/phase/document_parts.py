"""Finds the generated parts of a Markdown document between their markers, and puts new ones in their place.

What stands outside the markers is people's: it is kept byte for byte. A document whose markers are
damaged is not touched at all. What a part says is written by `reliability.phase.document`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reliability.errors import DocumentError

_MARKER: Final = re.compile(r"<!-- reliability:(begin|end) ([a-z]+(?:-[a-z]+)*) -->")
_MEANT: Final = re.compile(
    r"<!--\W*reliability\s*(:|\b.*\b(begin|end)\b)", re.IGNORECASE
)  # a marker, or what became of one
_CURE: Final = "Mend that line, or take the part's text and both its markers out; nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Where a generated part stands.

    Attributes:
        name: Its name.
        first: Index of the first line behind its begin marker.
        end: Index of its end marker.
    """

    name: str
    first: int
    end: int


def lines_of(text: str) -> list[str]:
    """Split a document at line feeds only, with their ends."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def find_parts(lines: list[str], *, known: frozenset[str], where: str) -> list[Part]:
    """Find the generated parts of a document.

    Args:
        lines: Lines with their ends.
        known: Names that a part may have.
        where: Names the document in messages.

    Returns:
        The parts in order of the document.

    Raises:
        DocumentError: A marker is damaged, unknown, doubled, nested, or has no partner.
    """
    parts: list[Part] = []
    opened: tuple[str, int] | None = None
    for index, line in enumerate(lines):
        marker = _marker_in(line, number=index + 1, known=known, where=where)
        if marker is None:
            continue
        kind, name = marker
        if kind == "begin":
            _check_begin(name, number=index + 1, opened=opened, parts=parts, where=where)
            opened = (name, index + 1)
        elif opened is None or opened[0] != name:
            raise DocumentError(f"{where}:{index + 1}: part '{name}' ends here, but it did not begin. {_CURE}")
        else:
            parts.append(Part(name=name, first=opened[1], end=index))
            opened = None
    if opened:
        raise DocumentError(f"{where}:{opened[1]}: part '{opened[0]}' begins here and never ends. {_CURE}")
    return parts


def replace_parts(text: str, parts: Mapping[str, str], *, where: str) -> str:
    """Put new text into the generated parts of a document.

    Args:
        text: The document.
        parts: New text of each part, with line feeds; parts that the document does not have are left out.
        where: Names the document in messages.

    Returns:
        The document; outside its parts not a byte is different. Parts take the line ends of their marker.

    Raises:
        DocumentError: The markers are not in order.
    """
    lines = lines_of(text)
    found = find_parts(lines, known=frozenset(parts), where=where)
    if not found:
        raise DocumentError(
            f"{where} has no generated part. Write '<!-- reliability:begin {next(iter(parts))} -->' and its end "
            f"into it, or move the file away, so that a new one is started."
        )
    for part in reversed(found):
        ending = "\r\n" if lines[part.first - 1].endswith("\r\n") else "\n"
        lines[part.first : part.end] = [parts[part.name].replace("\n", ending)]
    return "".join(lines)


def parts_in(text: str, *, known: frozenset[str], where: str) -> dict[str, str]:
    """Return the text of each generated part of a document; see `find_parts`."""
    lines = lines_of(text)
    return {part.name: "".join(lines[part.first : part.end]) for part in find_parts(lines, known=known, where=where)}


def _marker_in(line: str, *, number: int, known: frozenset[str], where: str) -> tuple[str, str] | None:
    stripped = line.strip()
    marker = _MARKER.fullmatch(stripped)
    if marker is None:
        if _MEANT.match(stripped):
            raise DocumentError(f"{where}:{number}: {stripped[:80]!r} looks like a marker and is none. {_CURE}")
        return None
    if marker[2] not in known:
        raise DocumentError(
            f"{where}:{number}: there is no part '{marker[2]}', only {', '.join(sorted(known))}. {_CURE}"
        )
    return marker[1], marker[2]


def _check_begin(name: str, *, number: int, opened: tuple[str, int] | None, parts: list[Part], where: str) -> None:
    if opened:
        raise DocumentError(
            f"{where}:{number}: part '{name}' begins inside part '{opened[0]}' of line {opened[1]}. {_CURE}"
        )
    if name in {part.name for part in parts}:
        raise DocumentError(f"{where}:{number}: part '{name}' is there twice. {_CURE}")
