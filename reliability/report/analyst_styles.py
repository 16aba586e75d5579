"""Styles that an analyst's outputs bring, as classes of the page: an allow-list of properties with checked values.

A page forbids `style` attributes and admits one style element by its hash, so what pandas'
Styler and friends write is parsed, checked value by value and written anew. Colours stay
readable in both themes: a background gets a text colour that stands out from it, a text
colour alone gets one shade for light and one for dark. Nothing else of foreign CSS
survives. Which element has which style belongs to `reliability.report.foreign_html`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import tinycss2
from tinycss2.color3 import parse_color

Declarations = Mapping[str, str]
_INHERITED: Final = frozenset(("color", "background-color", "font-weight", "font-style", "font-size", "white-space"))
_MOST_CLASSES: Final = 2000
_LEAST_CONTRAST: Final = 4.5  # WCAG 2, level AA
_GROUNDS: Final = ("#eef1f4", "#222a32")  # the least light and the least dark one that text stands on
_INK: Final = ("#000000", "#ffffff")  # one of them stands out from any colour
_BAR_OPACITY: Final = 0.33  # text over a bar stays readable in both themes
_PIXELS: Final = MappingProxyType({"px": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "ch": 8.0})
_WORDS: Final = MappingProxyType({
    "text-align": frozenset(("left", "right", "center", "start", "end", "justify")),
    "vertical-align": frozenset(("top", "middle", "bottom", "baseline")),
    "font-style": frozenset(("normal", "italic", "oblique")),
    "font-weight": frozenset(("normal", "bold", "bolder", "lighter", *(str(n) for n in range(100, 1000, 100)))),
    "text-decoration": frozenset(("none", "underline", "line-through")),
    "white-space": frozenset(("normal", "nowrap", "pre", "pre-wrap", "pre-line")),
    "display": frozenset(("none",)),
})  # fmt: skip


class Styles:
    """The classes of one page, in the order in which they were needed."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def class_for(self, declarations: Declarations) -> str:
        """Return the class for these declarations, the same one for equal looks; empty when there are too many."""
        rule = _rule(declarations)
        if not rule or (rule not in self._names and len(self._names) >= _MOST_CLASSES):
            return ""
        return self._names.setdefault(rule, f"own{len(self._names) + 1}")

    def css(self) -> str:
        """Return the rules of all classes; they hold no text that came from outside."""
        return "".join(f".body .{name}{{{rule}}}" for rule, name in self._names.items())


def read_stylesheet(css: str) -> list[tuple[str, Declarations]]:
    """Read the rules of a style element.

    Args:
        css: Its text.

    Returns:
        Selectors, one by one, with the declarations that are allowed; at-rules are left out.
    """
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    found = []
    for rule in rules:
        declarations = read_declarations(rule.content) if rule.type == "qualified-rule" else {}
        if declarations:
            found += [(selector.strip(), declarations) for selector in tinycss2.serialize(rule.prelude).split(",")]
    return found


def read_declarations(source: str | Sequence[Any]) -> Declarations:
    """Read declarations; those that are unknown or not exactly understood are left out.

    Args:
        source: Text of a `style` attribute, or the tokens of a rule.

    Returns:
        Values written anew, by property; colours as `#rrggbb`.
    """
    found: dict[str, str] = {}
    for item in tinycss2.parse_blocks_contents(source, skip_comments=True, skip_whitespace=True):
        if item.type == "declaration":
            tokens = [token for token in item.value if token.type not in ("whitespace", "comment")]
            found.update(_READERS.get(item.lower_name, _read_word)(item.lower_name, tokens))
    return found


def inherited(declarations: Declarations) -> dict[str, str]:
    """Return what passes on to the elements inside; a background counts, for it shows through."""
    return {name: value for name, value in declarations.items() if name in _INHERITED}


def _read_word(name: str, tokens: Sequence[Any]) -> Declarations:
    value = tinycss2.serialize(tokens).lower()
    return {name: value} if value in _WORDS.get(name, ()) else {}


def _read_colour(name: str, tokens: Sequence[Any]) -> Declarations:
    colour = _colour(tokens[0]) if len(tokens) == 1 else None
    return {} if colour is None else {name: colour}


def _read_background(name: str, tokens: Sequence[Any]) -> Declarations:
    """Read a colour or one gradient, as Styler's bars have; anything else voids the declaration."""
    found = {"background-color": "", "background-image": ""}
    for token in tokens:
        colour, gradient = _colour(token), _gradient(token)
        if gradient:
            found["background-image"] = gradient
        elif colour is not None:
            found["background-color"] = colour
        elif token.type != "ident" or token.lower_value not in ("no-repeat", "center", "none"):
            return {}
    return found if name == "background" else {"background-image": found["background-image"]}


def _read_length(name: str, tokens: Sequence[Any]) -> Declarations:
    token = tokens[0] if len(tokens) == 1 else None
    if token is None or token.type != "dimension" or token.lower_unit not in _PIXELS:
        return {}
    low, high = (0.75, 2.0) if name == "font-size" else (0.0, 30.0)
    return {name: f"{min(high, max(low, token.value * _PIXELS[token.lower_unit] / 16)):.4g}rem"}


def _read_size(name: str, tokens: Sequence[Any]) -> Declarations:
    shares = [f"{token.value:.4g}%" for token in tokens if token.type == "percentage"]
    return {name: " ".join(shares)} if len(tokens) == len(shares) == 2 else {}  # noqa: PLR2004 -- width and height


_READERS: Final[Mapping[str, Callable[[str, Sequence[Any]], Declarations]]] = MappingProxyType({
    "color": _read_colour, "background-color": _read_colour, "background": _read_background,
    "background-image": _read_background, "background-size": _read_size,
    "font-size": _read_length, "width": _read_length, "min-width": _read_length,
})  # fmt: skip


def _colour(token: Any) -> str | None:
    """Write a colour as it looks on white; a transparent one is empty, what is no colour is None."""
    value = parse_color(token)
    if value is None or isinstance(value, str):
        return None
    return _hex([1 - value.alpha + value.alpha * part for part in value[:3]]) if value.alpha > 0 else ""


def _gradient(token: Any) -> str:
    """Write a linear gradient anew, in pale colours; empty when it is anything else."""
    if token.type != "function" or token.lower_name != "linear-gradient":
        return ""
    written = []
    for place, part in enumerate(_parts(token.arguments)):
        stop = _stop(part) or (_direction(part) if place == 0 else "")
        if not stop:
            return ""
        written.append(stop)
    return f"linear-gradient({','.join(written)})"


def _parts(tokens: Sequence[Any]) -> Iterator[list[Any]]:
    """Split at the commas."""
    part: list[Any] = []
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            yield part
            part = []
        elif token.type != "whitespace":
            part.append(token)
    yield part


def _direction(part: Sequence[Any]) -> str:
    if len(part) == 1 and part[0].type == "dimension" and part[0].lower_unit == "deg":
        return f"{part[0].value:.4g}deg"
    text = tinycss2.serialize(part).lower()
    return {"toright": "to right", "toleft": "to left"}.get(text, "")


def _stop(part: Sequence[Any]) -> str:
    value = parse_color(part[0]) if part else None
    if value is None or isinstance(value, str) or any(token.type != "percentage" for token in part[1:3]) or part[3:]:
        return ""
    red, green, blue = (round(255 * channel) for channel in value[:3])
    colour = f"rgba({red},{green},{blue},{value.alpha * _BAR_OPACITY:.3g})" if value.alpha > 0 else "transparent"
    return " ".join([colour, *(f"{token.value:.4g}%" for token in part[1:])])


def _rule(declarations: Declarations) -> str:
    """Write declarations for the page, colours so that both themes can be read."""
    given = {name: value for name, value in sorted(declarations.items()) if value and name != "display"}
    text, fill = given.pop("color", ""), given.pop("background-color", "")
    rest = ";".join(f"{name}:{value}" for name, value in given.items())
    colours = ""
    if fill:
        best = max(_INK, key=lambda ink: _contrast(ink, fill))
        text = text if text and _contrast(text, fill) >= _LEAST_CONTRAST else best
        colours = f"background-color:{fill};color:{text}"
    elif text:
        light, dark = (_moved(text, ground, to) for ground, to in zip(_GROUNDS, ("#000000", "#ffffff"), strict=True))
        colours = f"color:{light};color:light-dark({light},{dark})"
    exact = "print-color-adjust:exact" if fill or "background-image" in given else ""
    return ";".join(part for part in (colours, exact, rest) if part)


def _moved(text: str, ground: str, to: str) -> str:
    """Move a colour towards black or white until it stands out from its ground."""
    for share in range(0, 101, 5):
        mixed = _hex([(a * (100 - share) + b * share) / 100 for a, b in zip(_rgb(text), _rgb(to), strict=True)])
        if _contrast(mixed, ground) >= _LEAST_CONTRAST:
            return mixed
    return to


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
