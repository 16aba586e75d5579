"""What an analyst's cells show, made safe: prose, text, tables, pictures, each in its place.

Nothing of theirs runs on a page: text is escaped, pictures become `data:` images, HTML goes
through `reliability.report.foreign_html`. What is too big for a page is cut or left out with
a note that says so; the executed notebook keeps all of it. Our own results belong to
`reliability.report.cells`.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from reliability.report.foreign_html import Cleaner
from reliability.report.words import Words

_UNSEEN: Final = re.compile(  # terminal escapes, controls, halves of characters
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])"
    r"|[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
)
_FORMS: Final = (  # the best one first; plain text stands in for all others
    "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp", "text/html", "text/markdown", "text/latex",
)  # fmt: skip
_MOST_OF_PICTURE, _MOST_OF_MARKUP = 5_000_000, 1_000_000
_MOST_TEXT, _TAIL_OF_TEXT = 64_000, 16_000
_MOST_OF_PAGE: Final = 14_000_000
_PICTURE: Final = Markup(
    '<figure class="picture"><div class="scroll" role="region" aria-label="{}" tabindex="0">'
    '<img src="data:{};base64,{}" alt="{}"{}></div>{}</figure>'
)


class ForeignOutputs:
    """The foreign outputs of one page.

    Attributes:
        cleaner: Makes HTML safe and collects its styles.
    """

    def __init__(self, words: Words) -> None:
        self.cleaner = Cleaner(words)
        self._words, self._room = words, _MOST_OF_PAGE

    def prose(self, source: str, attachments: Mapping[str, Mapping[str, str]] | None = None) -> Markup:
        """Render Markdown; headings go below the section's, pictures are those that the cell carries."""
        html = MarkdownIt("js-default", {"html": True}).render(tidy(source))
        for name, forms in (attachments or {}).items():
            for kind, data in forms.items():
                html = html.replace(f'src="attachment:{name}"', f'src="data:{kind};base64,{data}"')
        return self.cleaner.clean(html)

    def output(self, output: Mapping[str, Any], *, caption: str = "") -> Markup:
        """Show one output of a cell in its best form that fits.

        Args:
            output: A stream or data, not ours.
            caption: Words of the analyst for a picture or table.

        Returns:
            Its markup, with a note for what has no room; empty on a page that is full.
        """
        if self._room <= 0:
            return Markup("")
        made = self.text(output["text"]) if output["output_type"] == "stream" else self._data(output, caption)
        self._room -= len(made)
        full = self.cleaner.note("page_full", megabytes=_MOST_OF_PAGE / 1e6) if self._room <= 0 else ""
        return Markup('<div class="output">{}{}</div>').format(made, full)

    def text(self, text: str) -> Markup:
        """Show text as it is, without terminal colours; of a long one the beginning and the end."""
        note = ""
        if len(text) > _MOST_TEXT:
            note = self.cleaner.note("text_cut", megabytes=len(text) / 1e6)
            text = f"{text[: _MOST_TEXT - _TAIL_OF_TEXT]}\n\n\u2026\n\n{text[-_TAIL_OF_TEXT:]}"
        shown = tidy(text).strip("\n")
        return Markup('<pre tabindex="0"><code>{}</code></pre>{}').format(shown, note) if shown else Markup("")

    def _data(self, output: Mapping[str, Any], caption: str) -> Markup:
        data, notes = output["data"], Markup("")
        for kind in (kind for kind in _FORMS if kind in data):
            if len(data[kind]) <= (_MOST_OF_PICTURE if kind.startswith("image/") else _MOST_OF_MARKUP):
                return self._form(kind, output, caption) + notes
            notes += self.cleaner.note("left_out", kind=kind, megabytes=len(data[kind]) / 1e6)
        unknown = ", ".join(kind for kind in data if kind not in ("text/plain", *_FORMS))
        notes += self.cleaner.note("unknown_output", kind=unknown) if unknown else ""
        return self.text(data.get("text/plain", "")) + notes

    def _form(self, kind: str, output: Mapping[str, Any], caption: str) -> Markup:
        data = output["data"]
        if kind.startswith("image/"):
            return self._picture(kind, data[kind], output.get("metadata", {}).get(kind, {}), caption)
        if kind == "text/html":
            return self.cleaner.clean(tidy(data[kind]), caption=caption, instead=self.text(data.get("text/plain", "")))
        return self.prose(data[kind]) if kind == "text/markdown" else self.text(data[kind])

    def _picture(self, kind: str, value: str, metadata: Mapping[str, Any], caption: str) -> Markup:
        """Show a picture as a `data:` image with its description, in a region that scrolls on a phone."""
        encoded = base64.b64encode(value.encode()).decode() if kind == "image/svg+xml" else "".join(value.split())
        alt = tidy(str(metadata.get("alt") or caption or self._words.plain("frame.no_alt")))
        width = Markup(' width="{}"').format(metadata["width"]) if isinstance(metadata.get("width"), int) else ""
        below = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
        label = self.cleaner.label(caption, key="frame.picture")
        return _PICTURE.format(label, kind, encoded, alt, width, below)


def tidy(text: str) -> str:
    """Return a foreign text without terminal colours and control characters."""
    return _UNSEEN.sub("", text)
