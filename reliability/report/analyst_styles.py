"""Styles that an analyst's outputs bring, as classes of the page: an allow-list of properties with checked values.

A page forbids `style` attributes and admits one style element by its hash, so what pandas'
Styler and friends write is read and written anew, value by value. An output with colours of
its own is shown in the light theme, for which they were chosen (`templates/report.css`); text
that does not stand out from its background is moved until it does. Which element has which
style belongs to `reliability.report.foreign_html`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import tinycss2
from tinycss2.color3 import parse_color

Declarations = Mapping[str, str]
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text-align": ("left", "right", "center"),
    "vertical-align": ("top", "middle", "bottom"),
    "font-style": ("normal", "italic"),
    "font-weight": ("normal", "bold", *(str(weight) for weight in range(100, 1000, 100))),
    "text-decoration": ("underline", "line-through"),
    "white-space": ("nowrap", "pre", "pre-wrap"),
    "display": ("none",),
}
_COLOURS: Final = ("color", "background", "background-color")
_INK, _PAPER = "#16202a", "#ffffff"  # of the light theme
_LEAST_CONTRAST: Final = 4.5  # WCAG 2, level AA


class Styles:
    """The classes of one page, in the order in which they were needed."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def class_for(self, declarations: Declarations) -> str:
        """Return the class for these declarations, the same one for equal looks; with colours it begins with `hue`."""
        look = dict(declarations)
        kind = "hue" if look.keys() & set(_COLOURS) else "own"
        if kind == "hue":
            look["color"] = _readable(look.get("color", _INK), look.get("background-color", _PAPER))
        rule = ";".join(f"{name}:{value}" for name, value in sorted(look.items()))
        return self._names.setdefault(rule, f"{kind}{len(self._names) + 1}")

    def css(self) -> str:
        """Return the rules of all classes; they hold no text that came from outside."""
        return "".join(f".body .{name}{{{rule}}}" for rule, name in self._names.items())


def read_stylesheet(css: str) -> Iterator[tuple[str, Declarations]]:
    """Read the rules of a style element.

    Args:
        css: Its text.

    Yields:
        Selectors, one by one, with the declarations that are allowed; at-rules are left out.
    """
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        declarations = read_declarations(rule.content) if rule.type == "qualified-rule" else {}
        if declarations:
            yield from ((part.strip(), declarations) for part in tinycss2.serialize(rule.prelude).split(","))


def read_declarations(source: str | Sequence[Any]) -> Declarations:
    """Read declarations; those that are unknown or not exactly understood are left out.

    Args:
        source: Text of a `style` attribute, or the tokens of a rule.

    Returns:
        Values by property; colours as `#rrggbb`.
    """
    found: dict[str, str] = {}
    for item in tinycss2.parse_blocks_contents(source, skip_comments=True, skip_whitespace=True):
        if item.type != "declaration":
            continue
        name, value = item.lower_name, tinycss2.serialize(item.value).strip().lower()
        if value in _WORDS.get(name, ()):
            found[name] = value
        elif name in _COLOURS and (colour := _colour(value)):
            found["color" if name == "color" else "background-color"] = colour
    return found


def _colour(value: str) -> str:
    """Write a colour as it looks on paper; a transparent one, and what is no colour, is empty."""
    colour = parse_color(value)
    if colour is None or isinstance(colour, str) or colour.alpha <= 0:
        return ""
    return _hex([1 - colour.alpha * (1 - part) for part in colour[:3]])


def _readable(text: str, ground: str) -> str:
    """Move a colour towards black or white, whichever is farther from its ground, until it stands out."""
    goal = max((0.0, 1.0), key=lambda end: _contrast(_hex([end] * 3), ground))
    shades = (_hex([part + (goal - part) * step / 10 for part in _rgb(text)]) for step in range(11))
    return next(shade for shade in shades if _contrast(shade, ground) >= _LEAST_CONTRAST)


def _contrast(first: str, second: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    low, high = sorted(_luminance(colour) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _rgb(colour)]  # noqa: PLR2004 -- sRGB
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(colour: str) -> list[float]:
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def _hex(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, part))):02x}" for part in parts)
