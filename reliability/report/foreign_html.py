"""Foreign HTML made safe, tag by tag: text, lists, links, tables and pictures that the page carries itself.

Only allowed tags with allowed attributes come out; styles become classes of the page
(`reliability.report.analyst_styles`). Tables become readable by everyone: numbers to the
right, headings with their scope, each in a labelled region of its own that scrolls.
Markdown takes the same way after it was rendered. Size limits belong to the caller.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bs4 import BeautifulSoup
from bs4.element import NavigableString
from markupsafe import Markup
from soupsieve import SelectorSyntaxError

from reliability.report.analyst_styles import Declarations, Styles, inherited, read_declarations, read_stylesheet
from reliability.report.words import Words

_CELLS: Final = ("td", "th")
_TABLE: Final = frozenset(("table", "thead", "tbody", "tfoot", "tr", "caption", *_CELLS))
_ALLOWED: Final = _TABLE | frozenset((
    "p", "br", "hr", "b", "strong", "i", "em", "u", "s", "del", "code", "pre", "kbd", "samp", "sub", "sup", "small",
    "mark", "span", "div", "ul", "ol", "li", "blockquote", "a", "img", "h3", "h4", "h5", "h6",
))  # fmt: skip
_BLOCKS: Final = frozenset((
    "address", "article", "aside", "center", "dd", "details", "dl", "dt", "fieldset", "figcaption", "figure",
    "footer", "form", "header", "main", "nav", "section", "summary",
))  # fmt: skip
_LOST: Final = frozenset((
    "applet", "audio", "button", "canvas", "embed", "frame", "frameset", "iframe", "input", "math", "noscript",
    "object", "script", "select", "svg", "template", "textarea", "video",
))  # fmt: skip
_SILENT: Final = frozenset(("style", "head", "title", "link", "meta", "base", "colgroup", "col"))
_KEPT: Final = {
    "a": ("href",),
    "img": ("src", "alt"),
    "ol": ("start",),
    **dict.fromkeys(_CELLS, ("colspan", "rowspan")),
}
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)|<[!?][^<>]*>", re.DOTALL)
_NO_TAG: Final = re.compile(r"""<(?!/?[a-z](?:[^<>"']|"[^"<]*"|'[^'<]*')*+>)""", re.IGNORECASE)
_SAFE_LINK: Final = re.compile(r"(?:https?:|mailto:|#|(?![a-z][a-z0-9+.-]*:))", re.IGNORECASE)
_SAFE_PICTURE: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
_NUMBER: Final = re.compile(
    r"[-+\u2212]?(?:[\d][\d.,\u00a0\u202f']*(?:e[-+]?\d+)?(?:\s?[%x\u00d7])?|inf)", re.IGNORECASE
)
_NOTHING: Final = frozenset(("", "nan", "none", "<na>", "nat", "-", "\u2013", "\u2014"))
_MOST_SELECTORS, _MOST_COLUMNS, _MOST_LEVELS = 200, 200, 200


@dataclass(slots=True, kw_only=True)
class Cleaner:
    """Makes the foreign HTML of one page safe.

    Attributes:
        words: Language of what is added.
        styles: Collects the classes of the page.
        dropped: What the last piece of HTML lost, by tag.
    """

    words: Words
    styles: Styles = field(default_factory=Styles)
    dropped: list[str] = field(default_factory=list)
    _labels: set[str] = field(default_factory=set)

    def clean(self, html: str, *, caption: str = "", pictures: Mapping[str, str] | None = None) -> Markup:
        """Return what is safe of some HTML.

        Args:
            html: Any text.
            caption: What a table without a caption shows.
            pictures: Address of the picture by the address that the HTML uses, for attachments of a cell.

        Returns:
            Markup of allowed tags; empty when nothing is left to read.
        """
        html = _NO_TAG.sub("&lt;", _COMMENT.sub("", html))  # what is no whole tag would take the parser very long
        soup: Any = BeautifulSoup(html, "html.parser")
        if _is_too_deep(soup):
            self.dropped = [f"> {_MOST_LEVELS}"]
            return Markup("")
        for tag in soup("img"):
            tag["src"] = (pictures or {}).get(tag.get("src", ""), tag.get("src", ""))
        classes = self._classes(soup) if "style" in html.lower() or "hidden" in html.lower() else {}
        self.dropped = _drop(soup)
        _mend_blocks(soup)
        _mend_links(soup, no_alt=self.words.plain("frame.no_alt"))
        tables = [table for table in soup("table") if not table.find_parent("table")]
        marks = {id(tag): mark for table in tables for tag, mark in _table_marks(table)}
        for tag in soup(True):
            _set_attributes(tag, class_name=classes.get(id(tag), ""), marks=marks.get(id(tag), {}))
        for table in tables:
            self._frame_table(soup, table, caption)
        return Markup(soup.decode()) if soup.get_text(strip=True) or soup.img else Markup("")  # noqa: S704 -- allowed tags only

    def _classes(self, soup: Any) -> dict[int, str]:
        """Choose a class for each element that has a look of its own; what is hidden goes."""
        declared = _declared(soup)
        whole: dict[int, Declarations] = {}
        classes, hidden = {}, []
        for tag in soup(True):
            own = {**declared.get(id(tag), {}), **read_declarations(tag.get("style", ""))}
            if own.get("display") == "none" or tag.has_attr("hidden"):
                hidden.append(tag)
            if tag.name not in _CELLS:
                own.pop("width", None)
            look = {**inherited(whole.get(id(tag.parent), {})), **own}
            whole[id(tag)] = look
            if look and (tag.name in _CELLS or (own and tag.name not in _TABLE - {"caption"})):
                classes[id(tag)] = self.styles.class_for(look)
        for tag in hidden:
            tag.extract()
        return classes

    def _frame_table(self, soup: Any, table: Any, caption: str) -> None:
        if caption and not table.caption:
            table.insert(0, soup.new_tag("caption", string=caption))
        label = self.label(table.caption.get_text(" ", strip=True) if table.caption else "")
        box = {"class": "scroll fit", "role": "region", "aria-label": label, "tabindex": "0"}
        table.wrap(soup.new_tag("div", attrs=box))

    def label(self, title: str, *, key: str = "frame.table") -> str:
        """Name a region that scrolls, by its title or its number; no two on a page have the same name."""
        word = self.words.plain(key)
        wanted = f"{word}: {title[:80]}" if title else f"{word} {len(self._labels) + 1}"
        label = wanted if wanted not in self._labels else f"{wanted} ({len(self._labels) + 1})"
        self._labels.add(label)
        return label


def _is_too_deep(soup: Any) -> bool:
    """Tell whether elements stand inside each other so deep that reading their texts would take very long."""
    depth = {id(soup): 0}
    for tag in soup(True):
        depth[id(tag)] = depth[id(tag.parent)] + 1
    return max(depth.values()) > _MOST_LEVELS


def _declared(soup: Any) -> dict[int, Declarations]:
    """Find what the style elements say about each element; a selector of one id wins over all others."""
    rules = [
        rule for style in soup("style") if not style.has_attr("scoped") for rule in read_stylesheet(style.get_text())
    ]
    by_id: dict[str, list[Any]] = {}
    for tag in soup(True, id=True):
        by_id.setdefault(f"#{tag['id']}", []).append(tag)
    broad = [rule for rule in rules if not re.fullmatch(r"#[\w-]+", rule[0])][:_MOST_SELECTORS]
    found: dict[int, dict[str, str]] = {}
    for selector, declarations in [*broad, *(rule for rule in rules if rule[0] in by_id)]:
        for tag in by_id.get(selector) or _select(soup, selector):
            found.setdefault(id(tag), {}).update(declarations)
    return dict(found)


def _select(soup: Any, selector: str) -> list[Any]:
    try:
        return list(soup.select(selector))
    except (SelectorSyntaxError, NotImplementedError, ValueError):
        return []


def _drop(soup: Any) -> list[str]:
    """Remove what is not allowed; unknown tags leave their text. Return the tags whose loss a reader should know."""
    for text in soup(string=True):
        if type(text) is not NavigableString:  # comments, declarations, scripts, styles
            text.extract()
    dropped = set()
    for tag in soup(True):
        if tag.name in _LOST | _SILENT:
            dropped.add(tag.extract().name)
        elif tag.name in _BLOCKS:
            tag.name = "div"
        elif tag.name not in _ALLOWED | {"h1", "h2"}:
            tag.unwrap()
    return sorted(dropped & _LOST)


def _mend_blocks(soup: Any) -> None:
    """Put headings below the section's without leaving out a level, and give lists items and items a list."""
    level = 2
    for tag in soup(re.compile(r"^h[1-6]$")):
        level = max(3, min(int(tag.name[1]), level + 1))
        tag.name = f"h{level}" if tag.get_text(strip=True) else "div"
    for tag in soup(("ul", "ol")):
        if any(child.name != "li" and str(child).strip() for child in tag.children):
            tag.name = "div"
    for tag in soup("li"):
        if tag.parent.name not in ("ul", "ol"):
            tag.name = "div"


def _mend_links(soup: Any, *, no_alt: str) -> None:
    """Keep pictures that the page can carry and links that lead to a page; other pictures become links."""
    for tag in soup("img"):
        tag["alt"] = tag.get("alt", "").strip() or no_alt
        if not _SAFE_PICTURE.match(tag["src"]):
            tag.name, tag["href"], tag.string = "a", tag["src"], tag["alt"]
    for tag in soup("a"):
        tag["href"] = re.sub(r"[\x00-\x20]", "", tag.get("href", ""))
        if not (tag["href"] and _SAFE_LINK.match(tag["href"]) and (tag.get_text(strip=True) or tag.img)):
            tag.unwrap()


def _set_attributes(tag: Any, *, class_name: str, marks: Mapping[str, str]) -> None:
    """Leave a tag the attributes that are allowed, and ours."""
    kept = {name: str(tag[name]) for name in _KEPT.get(tag.name, ()) if tag.has_attr(name)}
    kept = {name: value for name, value in kept.items() if name in ("href", "src", "alt") or value.isdecimal()}
    names = " ".join(filter(None, (marks.get("class", ""), class_name)))
    tag.attrs = {
        **kept, **{name: value for name, value in marks.items() if name != "class"},
        **({"class": names} if names else {}), **({"tabindex": "0"} if tag.name == "pre" else {}),
    }  # fmt: skip


def _table_marks(table: Any) -> Iterator[tuple[Any, dict[str, str]]]:
    """Say for each cell of a table whether it stands in a column of numbers, and what a heading is the heading of."""
    places = list(_places(table))
    body = [(cell, column) for cell, column, is_head in places if not is_head and cell.name == "td"]
    texts: dict[int, set[str]] = {}
    for cell, column in body:
        texts.setdefault(column, set()).add(cell.get_text(strip=True).lower())
    numeric = {
        column
        for column, found in texts.items()
        if found - _NOTHING and all(_NUMBER.fullmatch(text) for text in found - _NOTHING)
    }
    for cell, column, is_head in places:
        mark = {"class": "n"} if column in numeric and _span(cell, "colspan") == 1 else {}
        if cell.name == "th" and not cell.get_text(strip=True):
            cell.name = "td"
        if cell.name == "th":
            way, span = ("col", "colspan") if is_head else ("row", "rowspan")
            mark["scope"] = f"{way}group" if _span(cell, span) > 1 else way
        yield cell, mark


def _places(table: Any) -> Iterator[tuple[Any, int, bool]]:
    """Walk over the cells of a table with the column in which each begins and whether it is a heading of columns."""
    below: dict[int, int] = {}  # rows that a cell above still covers, by column
    for place, row in enumerate(table("tr")):
        cells, column, covered = [cell for cell in row.children if cell.name in _CELLS], 0, below
        below = {at: rows - 1 for at, rows in covered.items() if rows > 1}
        is_head = row.parent.name == "thead" or (place == 0 and all(cell.name == "th" for cell in cells))
        for cell in cells:
            while covered.get(column, 0):
                column += 1
            yield cell, column, is_head
            rows = _span(cell, "rowspan")
            for _ in range(min(_span(cell, "colspan"), max(0, _MOST_COLUMNS - column))):
                below.update({column: rows - 1} if rows > 1 else {})
                column += 1


def _span(cell: Any, name: str) -> int:
    value = str(cell.get(name, "1"))
    return max(1, int(value)) if value.isdecimal() and len(value) < 6 else 1  # noqa: PLR2004 -- no table is larger
