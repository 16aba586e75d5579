"""Reads a phase document that people keep by hand into lines: each with its number, its section and its text.

A section is told by the words of its heading, in English or Spanish. What a line states is read by
`reliability.phase.stated_facts`.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

TITLE: Final = "title"
OPENING: Final = "opening"  # between title and first section
OTHER: Final = "other"
_SECTIONS: Final = {
    "risks": r"riesgos?|risks?",
    "steps": r"(proximos|siguientes) pasos|next steps",
    "record": r"registro|avances|record|progress|log",
    "scope": r"alcances?|scope",
    "goals": r"metas|objetivos|goals|targets",
}
_SPANISH: Final = re.compile(r"riesgo|pasos|registro|avances|alcance|metas|objetivo")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLine:
    """One heading, paragraph or item of a list.

    Attributes:
        number: Its first line in the file, from 1.
        section: `title`, `opening`, `goals`, `scope`, `risks`, `steps`, `record` or `other`.
        is_item: It is an item of a list.
        text: Its words, without markup.
    """

    number: int
    section: str
    is_item: bool
    text: str

    @property
    def folded(self) -> str:
        """The text in small letters without accents, to look for words in."""
        return fold(self.text)


def fold(text: str) -> str:
    """Write text in small letters without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def read_lines(text: str) -> list[StatedLine]:
    """Read the lines of a document.

    Args:
        text: Markdown.

    Returns:
        Headings that open a known section are not among them: they say nothing else. Everything
        else that has words is, so that what nobody can place can be reported.
    """
    lines: list[StatedLine] = []
    section = OTHER
    for number, kind, words in _blocks(MarkdownIt("commonmark").parse(text)):
        if kind != "heading":
            lines.append(StatedLine(number=number, section=section, is_item=kind == "item", text=words))
        elif not any(line.section == TITLE for line in lines):
            lines.append(StatedLine(number=number, section=TITLE, is_item=False, text=words))
            section = OPENING
        else:
            section = _section(words)
            if section == OTHER:
                lines.append(StatedLine(number=number, section=OTHER, is_item=False, text=words))
    return lines


def language_of(text: str) -> str:
    """Tell whether the headings and labels of a document are Spanish or English."""
    return "es" if _SPANISH.search(fold(text)) else "en"


def _section(heading: str) -> str:
    folded = fold(heading)
    return next((name for name, words in _SECTIONS.items() if re.search(rf"\b({words})\b", folded)), OTHER)


def _blocks(tokens: list[Token]) -> Iterator[tuple[int, str, str]]:
    """Yield line number, kind and words of everything that has words."""
    depth, in_heading, is_after_rule = 0, False, False
    for token in tokens:
        depth += {"list_item_open": 1, "list_item_close": -1}.get(token.type, 0)
        in_heading = token.type == "heading_open" or (in_heading and token.type != "heading_close")
        is_after_rule = (is_after_rule or token.type == "hr") and not in_heading
        has_words = token.type in {"inline", "fence", "code_block", "html_block"}
        words = unicodedata.normalize("NFC", _plain(token)) if has_words else ""
        if words:
            kind = "heading" if in_heading else "closing" if is_after_rule else "item" if depth else "paragraph"
            yield (token.map or [0])[0] + 1, kind, words


def _plain(token: Token) -> str:
    breaks = {"softbreak", "hardbreak"}
    parts = [" " if child.type in breaks else child.content for child in token.children or [token]]
    return " ".join("".join(parts).split())
