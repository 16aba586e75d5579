"""Strings of PromQL (those of Go): read them, quote them.

`reliability.sources.promql` uses this; matchers and selectors do not belong here.
"""

import re
from typing import Final

from reliability.errors import SelectorError

_SIMPLE: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}
_NUMERIC: Final = re.compile(r"x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<o>[0-7]{3})")
_PLAIN: Final = re.compile(r"[^\\\"'\n]+")
_ASCII_END: Final = 0x80
_QUOTED: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(value: str) -> str:
    r"""Quote a text so that PromQL reads exactly this text back.

    Args:
        value: Any text, also with quotes, backslashes and line ends.

    Returns:
        The text in double quotes.

    Raises:
        SelectorError: The text holds a lone surrogate, which no UTF-8 can carry.
    """
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as err:
        raise SelectorError(f"{value!r} is no UTF-8; remove character {err.start + 1}.") from err
    return f'"{"".join(_quoted_character(character) for character in value)}"'


def read_string(text: str, at: int) -> tuple[str, int]:
    """Read one string that begins at `at`.

    Args:
        text: Text that holds the string in double, single or back quotes.
        at: Place of the opening quote.

    Returns:
        The value and the place behind the closing quote.

    Raises:
        SelectorError: There is no string, it does not end, or an escape is unknown.
    """
    mark = text[at : at + 1]
    if mark == "`":
        end = text.find("`", at + 1)
        if end < 0:
            raise SelectorError(f"The string that begins at character {at + 1} has no closing `.")
        return text[at + 1 : end], end + 1
    if mark not in ('"', "'") or not mark:
        raise SelectorError(f'A value in quotes is expected at character {at + 1}, for example "canary".')
    return _read_escaped(text, at + 1, mark)


def _read_escaped(text: str, start: int, mark: str) -> tuple[str, int]:
    parts: list[str] = []
    at = start
    while at < len(text) and text[at] not in (mark, "\n"):
        if text[at] == "\\":
            part, at = _read_escape(text, at, mark)
        else:
            plain = _PLAIN.match(text, at)
            part = plain.group() if plain else text[at]
            at += len(part)
        parts.append(part)
    if not text.startswith(mark, at):
        raise SelectorError(f"The string that begins at character {start} has no closing {mark} on its line.")
    return "".join(parts), at + 1


def _read_escape(text: str, at: int, mark: str) -> tuple[str, int]:
    letter = text[at + 1 : at + 2]
    if letter in _SIMPLE and letter not in {'"', "'"} - {mark}:
        return _SIMPLE[letter], at + 2
    numeric = _NUMERIC.match(text, at + 1)
    if numeric is None:
        raise SelectorError(
            f"The escape \\{letter} at character {at + 1} is unknown; write a backslash as \\\\, "
            f"or put the value in back quotes."
        )
    kind = str(numeric.lastgroup)
    code = int(numeric.group(kind), 8 if kind == "o" else 16)
    if not _is_character(code, kind):
        raise SelectorError(f"The escape {text[at : numeric.end()]} at character {at + 1} is no character.")
    return chr(code), numeric.end()


def _is_character(code: int, kind: str) -> bool:
    if kind in "xo":  # these name bytes, and a byte above ASCII is no character of UTF-8
        return code < _ASCII_END
    return code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF  # noqa: PLR2004 -- the limits of Unicode


def _quoted_character(character: str) -> str:
    if character in _QUOTED:
        return _QUOTED[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"
