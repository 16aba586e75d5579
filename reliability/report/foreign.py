"""What an analyst's cells show, made safe: prose, text, tables, pictures, each in its place.

Nothing of theirs runs on a page: text is escaped, pictures become `data:` images, HTML goes
through `reliability.report.foreign_html`. What is too big for a page is cut or left out with
a note that says how much; the executed notebook keeps all of it. Our own results belong to
`reliability.report.cells`.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from reliability.report.foreign_html import Cleaner
from reliability.report.words import Words

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_PICTURES: Final = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
_TYPES: Final = (*_PICTURES, "text/html", "text/markdown", "text/latex", "text/plain")
_MOST_OF_TYPE: Final = {**dict.fromkeys(_PICTURES, 5_000_000), "text/html": 1_000_000, "text/markdown": 1_000_000}
_NAME: Final = re.compile(r"\s*<[^\n]*>\s*")  # what Python shows of an object that has a better form
_MOST_TEXT, _TAIL_OF_TEXT = 64_000, 16_000
_MOST_OUTPUTS: Final = 200  # of one cell
_MOST_OF_PAGE: Final = 20_000_000
_IMAGE: Final = Markup('<img src="{}" alt="{}"{}>')
_BROAD: Final = Markup('<div class="scroll" role="region" aria-label="{}" tabindex="0">{}</div>')
_FIGURE: Final = Markup('<figure class="picture">{}{}</figure>')
_SVG_WIDTH: Final = re.compile(r'<svg[^>]*\swidth="([0-9.]+)pt"')
_BROAD_POINTS: Final = 520  # wider figures scroll on a phone, else their text could not be read


class ForeignOutputs:
    """The foreign outputs of one page.

    Attributes:
        cleaner: Makes HTML safe and collects its styles.
    """

    def __init__(self, words: Words) -> None:
        self.cleaner = Cleaner(words=words)
        self._words, self._room = words, _MOST_OF_PAGE

    def prose(self, source: str, attachments: Mapping[str, Mapping[str, str]] | None = None) -> Markup:
        """Render Markdown; headings go below the section's, pictures are those that the cell carries."""
        pictures = {
            f"attachment:{name}": f"data:{mime_type};base64,{data}"
            for name, forms in (attachments or {}).items()
            for mime_type, data in list(forms.items())[:1]
        }
        html = MarkdownIt("js-default", {"html": True}).render(_tidy(source))
        return self.cleaner.clean(html, pictures=pictures)

    def outputs(self, outputs: Sequence[Mapping[str, Any]], *, caption: str = "") -> Markup:
        """Show outputs of one cell, in order.

        Args:
            outputs: Streams and data, none of them ours.
            caption: Words of the analyst for the first picture or table.

        Returns:
            Their markup, with a note for what has no room.
        """
        shown, missed, missed_bytes = Markup(""), 0, 0
        for place, output in enumerate(outputs):
            size = _size(output)
            if place >= _MOST_OUTPUTS or min(size, _MOST_TEXT) > self._room:
                missed, missed_bytes = missed + 1, missed_bytes + size
                continue
            made = self._output(output, caption)
            caption = caption if "<figure" not in made and "<table" not in made else ""
            self._room -= len(made)
            shown += Markup('<div class="output">{}</div>').format(made)
        return shown + (self.note("outputs_left_out", count=missed, megabytes=missed_bytes / 1e6) if missed else "")

    def text(self, text: str) -> Markup:
        """Show text as it is, without terminal colours; of a long one the beginning and the end."""
        note = Markup("")
        if len(text) > _MOST_TEXT:
            note = self.note("text_cut", megabytes=len(text) / 1e6)
            text = f"{text[: _MOST_TEXT - _TAIL_OF_TEXT]}\n\n\u2026\n\n{text[-_TAIL_OF_TEXT:]}"
        lines = _tidy(text).strip("\n").split("\n")
        drawn = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)  # progress bars draw over themselves
        return (Markup('<pre tabindex="0"><code>{}</code></pre>').format(drawn) if drawn.strip() else Markup("")) + note

    def _output(self, output: Mapping[str, Any], caption: str) -> Markup:
        """Show one output in its best form that fits."""
        if output["output_type"] == "stream":
            return self.text(_whole(output["text"]))
        data, notes = output["data"], Markup("")
        for mime_type in (name for name in _TYPES if name in data):
            value = _whole(data[mime_type])
            if len(value) > min(_MOST_OF_TYPE.get(mime_type, len(value)), self._room):
                notes += self.note("left_out", kind=mime_type, megabytes=len(value) / 1e6)
                continue
            if mime_type == "text/plain" and len(data) > 1 and _NAME.fullmatch(value):
                break
            return self._form(output, mime_type, value, caption) + notes
        return notes or self.note("unknown_output", kind=", ".join(name for name in data if name != "text/plain"))

    def _form(self, output: Mapping[str, Any], mime_type: str, value: str, caption: str) -> Markup:
        if mime_type in _PICTURES:
            return self._picture(output, mime_type, value, caption)
        if mime_type == "text/html":
            return self._html(output["data"], value, caption)
        return self.prose(value) if mime_type == "text/markdown" else self.text(value)

    def _picture(self, output: Mapping[str, Any], mime_type: str, value: str, caption: str) -> Markup:
        """Show a picture as a `data:` image with its description."""
        encoded = (
            base64.b64encode(value.encode()).decode() if mime_type == "image/svg+xml" else re.sub(r"\s", "", value)
        )
        metadata = output.get("metadata", {})
        own = {**metadata, **metadata.get(mime_type, {})}
        alt = str(own.get("alt") or caption or self._words.plain("frame.no_alt"))
        sizes = {name: own[name] for name in ("width", "height") if isinstance(own.get(name), int)}
        size = Markup("").join(Markup(' {}="{}"').format(*pair) for pair in sizes.items())
        image = _IMAGE.format(f"data:{mime_type};base64,{encoded}", _tidy(alt), size)
        width = _SVG_WIDTH.search(value, 0, 2000)
        if width and float(width[1]) > _BROAD_POINTS:
            image = _BROAD.format(self.cleaner.label(caption, key="frame.picture"), image)
        below = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
        return _FIGURE.format(image, below)

    def _html(self, data: Mapping[str, Any], value: str, caption: str) -> Markup:
        """Show HTML by allow-list; when nothing of it is left, the plain text."""
        made = self.cleaner.clean(_tidy(value), caption=caption)
        dropped = self.cleaner.dropped
        note = self.note("html_dropped", kind=", ".join(dropped)) if dropped else Markup("")
        plain = _whole(data.get("text/plain", ""))
        return (made or (Markup("") if dropped and _NAME.fullmatch(plain) else self.text(plain))) + note

    def note(self, key: str, **values: object) -> Markup:
        """Tell the reader what is not shown, in the words of `frame.<key>`."""
        return Markup('<p class="note">{}</p>').format(self._words.text(f"frame.{key}", **values))


def merge_streams(outputs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Join texts that were printed one after the other to the same stream."""
    merged: list[Any] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["parts"].append(_whole(output["text"]))
        elif output["output_type"] == "stream":
            merged.append({"output_type": "stream", "name": output["name"], "parts": [_whole(output["text"])]})
        else:
            merged.append(output)
    return [{**output, "text": "".join(output["parts"])} if "parts" in output else output for output in merged]


def plain_text(text: str) -> str:
    """Return the beginning of a foreign text without terminal colours and control characters."""
    return _tidy(text[:_MOST_TEXT])


def _tidy(text: str) -> str:
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def _whole(value: Any) -> str:
    """Return a text that a notebook may hold as a list of lines."""
    return value if isinstance(value, str) else "".join(map(str, value))


def _size(output: Mapping[str, Any]) -> int:
    """Return the characters that an output would bring."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    return max((len(_whole(value)) for name, value in data.items() if name in _TYPES), default=0)
