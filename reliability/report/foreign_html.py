"""Foreign HTML made safe: text, lists, links, tables and pictures that the page carries itself.

nh3 keeps allowed tags, attributes and addresses; all that follows works on what it returns
and adds nothing but our own attributes. Styles become classes of the page
(`reliability.report.analyst_styles`). Tables become readable by everyone: numbers to the
right, headings with their scope, each in a labelled region that scrolls. Markdown takes the
same way after it was rendered. Size limits belong to the caller.
"""

import itertools
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import nh3
from bs4 import BeautifulSoup
from markupsafe import Markup
from soupsieve import SelectorSyntaxError

from reliability.report.analyst_styles import Styles, read_declarations, read_stylesheet
from reliability.report.words import Words

_TAGS: Final = set(
    "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img kbd"  # noqa: SIM905 -- easier to read
    " li mark ol p pre s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul".split()
)
_LOST: Final = set(
    "audio button canvas embed iframe input math noscript object script select svg template textarea video".split()  # noqa: SIM905
)
_ATTRIBUTES: Final = {
    "*": {"class", "hidden", "id", "style"}, "a": {"href"}, "img": {"alt", "src"}, "ol": {"start"},
    "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"},
}  # fmt: skip
_PICTURE: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml)[;,]")
_NUMBER: Final = re.compile(r"[-+\u2212]?(?:\d[\d.,'\u00a0\u202f]*(?:e[-+]?\d+)?\s?%?|inf)")
_NOTHING: Final = frozenset(("", "nan", "none", "<na>", "nat", "-", "\u2013", "\u2014"))


class Cleaner:
    """Makes the foreign HTML of one page safe.

    Attributes:
        styles: The classes of the page.
    """

    def __init__(self, words: Words) -> None:
        self.styles = Styles()
        self._words, self._numbers = words, itertools.count(1)

    def clean(self, html: str, *, caption: str = "", instead: Markup | None = None) -> Markup:
        """Return what is safe of some HTML.

        Args:
            html: Any text.
            caption: What a table without a caption shows.
            instead: What stands in place of HTML of which nothing is left to read.

        Returns:
            Markup of allowed tags, with a note for what a reader would miss.
        """
        lost = {tag for tag in re.findall(r"<([a-z]+)", html.lower()) if tag in _LOST}
        safe = nh3.clean(
            html,
            tags=_TAGS,
            clean_content_tags={*_LOST, "style", "title"},
            attributes=_ATTRIBUTES,
            attribute_filter=_allowed_value,
            url_schemes={"data", "http", "https", "mailto"},
            link_rel=None,
        )
        soup: Any = BeautifulSoup(safe, "html.parser")
        self._use_classes(soup, html)
        _place_headings(soup)
        for link in soup("a", href=False):
            link.unwrap()
        for picture in soup("img"):
            picture["alt"] = picture.get("alt") or self._words.plain("frame.no_alt")
            if not picture.has_attr("src"):
                picture.replace_with(picture["alt"])
                lost.add("img")
        for block in soup("pre"):
            block["tabindex"] = "0"  # it scrolls
        for table in soup("table"):
            if not table.table:  # a table of tables is no more than a layout
                self._frame_table(soup, table, caption)
        made = Markup(soup.decode()) if soup.get_text(strip=True) or soup.img else instead or Markup("")  # noqa: S704 -- allowed tags only
        return made + (self.note("html_dropped", kind=", ".join(sorted(lost))) if lost else "")

    def label(self, title: str, *, key: str = "frame.table") -> str:
        """Name a region that scrolls, by its number on the page and its title."""
        return f"{self._words.plain(key)} {next(self._numbers)}{title and ': '}{title[:80]}"

    def note(self, key: str, **values: object) -> Markup:
        """Tell the reader what is not shown, in the words of `frame.<key>`."""
        return Markup('<p class="note">{}</p>').format(self._words.text(f"frame.{key}", **values))

    def _use_classes(self, soup: Any, html: str) -> None:
        """Put classes in the place of the styles of elements and of style elements."""
        named = {f"#{tag['id']}": [tag] for tag in soup(id=True)}
        looks: dict[int, dict[str, str]] = {}
        for selector, look in read_stylesheet(_style_text(html)):
            with suppress(SelectorSyntaxError, NotImplementedError, ValueError):
                for tag in named.get(selector) or soup.select(selector):
                    looks.setdefault(id(tag), {}).update(look)
        for tag in soup(True):
            given = {name: tag.attrs.pop(name, "") for name in ("class", "id", "style")}
            whole: Mapping[str, str] = {**looks.get(id(tag), {}), **read_declarations(given["style"])}
            if whole:
                tag["class"] = [self.styles.class_for(whole)]

    def _frame_table(self, soup: Any, table: Any, caption: str) -> None:
        _mark_cells(table)
        if caption and not table.caption:
            table.insert(0, soup.new_tag("caption", string=caption))
        label = self.label(table.caption.get_text(" ", strip=True) if table.caption else "")
        box = {"class": "scroll fit", "role": "region", "aria-label": label, "tabindex": "0"}
        table.wrap(soup.new_tag("div", attrs=box))


def _allowed_value(_: str, name: str, value: str) -> str | None:
    """Keep pictures that the page carries itself, and links that lead to a page."""
    if name == "src":
        return value if _PICTURE.match(value) else None
    return None if name == "href" and "".join(value.split()).lower().startswith("data:") else value


def _style_text(html: str) -> str:
    """Return what style elements hold; pandas marks its own, for tables in JupyterLab, as scoped."""
    parts = (part.partition(">") for part in html.split("<style")[1:])
    return "\n".join(css.partition("</style")[0] for opening, _, css in parts if "scoped" not in opening)


def _place_headings(soup: Any) -> None:
    """Put headings below the section's, without leaving out a level."""
    level = 2
    for tag in soup(re.compile(r"^h[1-6]$")):
        level = max(3, min(int(tag.name[1]), level + 1))
        tag.name = f"h{level}"


def _mark_cells(table: Any) -> None:
    """Give headings their scope, and columns of numbers a class; columns count from the right, where none is joined."""
    columns: dict[int, list[Any]] = {}
    for row in table("tr"):
        scope = "row" if row.td else "col"
        for place, cell in enumerate(reversed(row(("td", "th"), recursive=False))):
            columns.setdefault(place, []).append(cell)
            if cell.name == "th" and cell.get_text(strip=True):
                cell["scope"] = scope
            elif cell.name == "th":
                cell.name = "td"
    for cells in columns.values():
        texts = {cell.get_text(strip=True).lower() for cell in cells if cell.name == "td"} - _NOTHING
        if texts and all(_NUMBER.fullmatch(text) for text in texts):
            for cell in cells:
                cell["class"] = ["n", *cell.get("class", [])]
