"""Outputs that are not ours, made safe to show: text, pictures and tables of an analyst's cells.

Nothing of theirs runs on a page: text is escaped, pictures become `data:` images, and of
foreign HTML only the tables survive, tag by tag. What had to go is said in a note.
"""

import base64
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, Final

from markupsafe import Markup, escape

from reliability.report.words import Words

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TABLE_TAGS: Final = frozenset(("table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"))
_WRAPPERS: Final = frozenset(("div", "p", "style", "html", "body"))
_SILENT: Final = frozenset(("style", "script", "template", "noscript"))
_SPANS: Final = ("colspan", "rowspan")


def plain_output(text: str) -> Markup:
    """Show text as it is, without terminal colours."""
    return Markup('<pre tabindex="0"><code>{}</code></pre>').format(_ANSI.sub("", text).strip("\n"))


def picture(output: Mapping[str, Any], mime_type: str, *, words: Words) -> Markup:
    """Show a picture as a `data:` image with its description.

    Args:
        output: Output of a cell with `data` and `metadata`.
        mime_type: Key of the picture in its data.
        words: Language of the note for a picture without a description.

    Returns:
        One image.
    """
    data = "".join(output["data"][mime_type])
    if mime_type == "image/svg+xml":
        data = base64.b64encode(data.encode()).decode()
    metadata = output.get("metadata", {})
    alt = metadata.get("alt") or dict(metadata.get(mime_type, {})).get("alt") or words.plain("frame.no_alt")
    return Markup('<img src="data:{};base64,{}" alt="{}">').format(mime_type, re.sub(r"\s", "", data), alt)


def foreign_html(data: Mapping[str, Any], *, words: Words) -> Markup:
    """Show foreign HTML: its tables by allow-list, else its plain text with a note.

    Args:
        data: Mime bundle with `text/html` and perhaps `text/plain`.
        words: Language of the note.

    Returns:
        Markup of table tags and escaped text only.
    """
    reader = _TableReader()
    reader.feed("".join(data["text/html"]))
    reader.close()
    note = Markup('<p class="note">{}</p>').format(words.text("frame.html_dropped"))
    if not reader.has_table:
        return plain_output("".join(data.get("text/plain", ""))) + note
    label = words.text("frame.table")
    table = Markup('<div class="scroll" role="region" aria-label="{}" tabindex="0">{}</div>').format(
        label, reader.markup
    )
    return table + (note if reader.dropped else Markup(""))


class _TableReader(HTMLParser):
    """Keeps the tags of tables, closes what was left open, escapes all text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.has_table = False
        self.dropped = False
        self._parts: list[Markup] = []
        self._open: list[str] = []
        self._silent = 0

    @property
    def markup(self) -> Markup:
        """The tables, well-formed; an empty heading becomes an empty cell."""
        ends = [Markup("</{}>").format(tag) for tag in reversed(self._open)]
        whole = Markup("").join([*self._parts, *ends])
        return Markup(re.sub(r"<th>\s*</th>", "<td></td>", whole))  # noqa: S704 -- built from allowed tags and escaped text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _TABLE_TAGS and (tag == "table" or self._open):
            self.has_table = True
            self._open.append(tag)
            spans = [Markup(' {}="{}"').format(n, v) for n, v in attrs if n in _SPANS and v and v.isdecimal()]
            self._parts.append(Markup("<{}{}>").format(tag, Markup("").join(spans)))
            return
        self._silent += tag in _SILENT
        self.dropped = self.dropped or tag not in _WRAPPERS

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        while tag in self._open:
            last = self._open.pop()
            self._parts.append(Markup("</{}>").format(last))
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._open and not self._silent:
            self._parts.append(escape(data))
