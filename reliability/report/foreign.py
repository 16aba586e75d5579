"""Outputs that are not ours, made safe to show: text, pictures and tables of an analyst's cells.

Nothing of theirs runs on a page: text is escaped, pictures become `data:` images, and of
foreign HTML only the tables survive, tag by tag. What had to go is said in a note.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from bs4 import BeautifulSoup
from bs4.element import NavigableString
from markupsafe import Markup

from reliability.report.words import Words

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TABLE_TAGS: Final = frozenset(("table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"))
_WRAPPERS: Final = frozenset(("div", "p", "style", "html", "body"))  # not worth a note
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
    alt = metadata.get("alt") or metadata.get(mime_type, {}).get("alt") or words.plain("frame.no_alt")
    return Markup('<img src="data:{};base64,{}" alt="{}">').format(mime_type, re.sub(r"\s", "", data), alt)


def foreign_html(data: Mapping[str, Any], *, words: Words) -> Markup:
    """Show foreign HTML: its tables by allow-list, else its plain text with a note.

    Args:
        data: Mime bundle with `text/html` and perhaps `text/plain`.
        words: Language of the note.

    Returns:
        Markup of table tags and escaped text only.
    """
    soup = BeautifulSoup("".join(data["text/html"]), "html.parser")
    dropped = {tag.name for tag in soup(True)} - _TABLE_TAGS - _WRAPPERS
    tables = [table for table in soup("table") if not table.find_parent("table")]
    note = Markup('<p class="note">{}</p>').format(words.text("frame.html_dropped"))
    if not tables:
        return plain_output("".join(data.get("text/plain", ""))) + note
    kept = Markup("").join(_clean(table) for table in tables)
    box = Markup('<div class="scroll" role="region" aria-label="{}" tabindex="0">{}</div>')
    return box.format(words.text("frame.table"), kept) + (note if dropped else "")


def _clean(table: Any) -> Markup:
    """Keep the tags of a table and its text; an empty heading becomes an empty cell."""
    for text in table(string=True):
        if type(text) is not NavigableString:  # comments, declarations, scripts and styles
            text.extract()
    for tag in table(True):
        if tag.name not in _TABLE_TAGS:
            tag.unwrap()
        elif tag.name == "th" and not tag.get_text(strip=True):
            tag.name = "td"
    for tag in [table, *table(True)]:
        tag.attrs = {name: value for name, value in tag.attrs.items() if name in _SPANS and value.isdecimal()}
    return Markup(table)  # noqa: S704 -- only allowed tags are left, and the serialiser escapes text
