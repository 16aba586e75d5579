"""Matplotlib figure to inline SVG that follows the page: its colours, its text, its name.

A chart is drawn with the colours of `COLOURS`, which stand for names and leave as CSS
classes, so that one drawing serves light, dark, forced colours and print. The result has
no style attribute, no fixed size, unique ids, a title and a description, and the same
bytes for the same data. What a chart shows belongs to `reliability.report.charts`.

Matplotlib is imported when the first chart is drawn, not with this module.
"""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal
from xml.etree.ElementTree import Element, register_namespace, tostring

from defusedxml.ElementTree import fromstring
from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Size = Literal["wide", "narrow"]
SIZES: Final[tuple[Size, Size]] = ("wide", "narrow")
WIDTH_INCHES: Final = MappingProxyType({"wide": 8.6, "narrow": 4.0})
DASH: Final = (0, (2.2, 2.2))  # how limits and goals are drawn
_NAMES: Final = (
    "ink",
    "soft",
    "rule",
    "card",
    "base",
    "cana",
    "limit",
    "pass",
    "warn",
    "fail",
    "bandb",
    "bandc",
)
COLOURS: Final = MappingProxyType({n: f"#{i:02x}{i + 1:02x}{i + 2:02x}" for i, n in enumerate(_NAMES, start=1)})
_CLASS_OF: Final = {colour: name for name, colour in COLOURS.items()}
_SVG: Final = "http://www.w3.org/2000/svg"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_KEPT: Final = frozenset(
    ("stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "opacity",
     "fill-opacity", "stroke-opacity", "text-anchor", "font-size", "font-weight")
)  # fmt: skip
_ROUNDED: Final = (
    "d",
    "transform",
    "x",
    "y",
    "width",
    "height",
    "points",
    "stroke-width",
    "stroke-dasharray",
)
_EMPTY: Final = re.compile(r"<g>\s*</g>|<g\s*/>|<defs\s*/>|<defs></defs>")


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSpec:
    """A drawn chart with its words.

    Attributes:
        figure: The figure, drawn inside `theme()`.
        title: What it shows, for assistive technology.
        description: Kind of chart, range and message; same reader.
    """

    figure: "Figure"
    title: str
    description: str


@contextmanager
def theme() -> Iterator[None]:
    """Set the look of every figure made inside the block."""
    import matplotlib as mpl  # noqa: PLC0415 -- the command line starts without it

    soft, rule = COLOURS["soft"], COLOURS["rule"]
    settings: dict[str, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": "reliability", "font.family": "DejaVu Sans", "font.size": 10.5,
        "text.color": COLOURS["ink"], "axes.edgecolor": soft, "axes.labelcolor": soft, "xtick.color": soft,
        "ytick.color": soft, "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": rule, "grid.linewidth": 0.8, "axes.axisbelow": True,
        "figure.facecolor": "none", "axes.facecolor": "none", "ytick.major.size": 0, "xtick.major.size": 3.5,
        "lines.linewidth": 2.0, "lines.solid_capstyle": "round", "path.simplify": True, "text.parse_math": False,
    }  # fmt: skip
    with mpl.rc_context(settings):  # type: ignore[arg-type] # its keys are a very long Literal
        yield


def new_axes(size: Size, *, height_inches: float, unit: str, left_inches: float = 0.5) -> "tuple[Figure, Axes]":
    """Make a figure with one pair of axes and fixed margins, so that it is drawn once.

    Args:
        size: Which of the two widths.
        height_inches: Height of the whole figure.
        unit: What the vertical axis counts, written above the plot.
        left_inches: Room for the tick labels.

    Returns:
        The figure, without any window or global state, and its axes.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- the command line starts without it

    width = WIDTH_INCHES[size]
    figure = Figure(figsize=(width, height_inches))
    left, right, bottom, top = left_inches / width, 0.16 / width, 0.33 / height_inches, 0.34 / height_inches
    axes = figure.add_axes((left, bottom, 1 - left - right, 1 - bottom - top))
    axes.set_title(unit, loc="left", fontsize=10, color=COLOURS["soft"], pad=6, x=0)
    return figure, axes


def to_svg(spec: FigureSpec, *, uid: str, size: Size) -> Markup:
    """Turn a figure into one inline SVG element.

    Args:
        spec: The chart; call this inside the same `theme()`.
        uid: Prefix of all ids, unique on the page.
        size: Class that decides on which screens it is shown.

    Returns:
        The element; equal input gives equal bytes.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 -- as in `theme`

    buffer = io.BytesIO()
    canvas: Any = FigureCanvasSVG(spec.figure)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    raw = buffer.getvalue()
    root = fromstring(raw)
    _drop(root, ("metadata", "style"))
    used = dict.fromkeys(re.findall(r'(?:url\(|xlink:href=")#([^)"]+)[)"]', raw.decode()))
    names = {old: f"{uid}{place}" for place, old in enumerate(used)}
    for element in root.iter():
        _restyle(element)
        _rename(element, names)
        _shorten(element)
    _drop_invisible(root)
    return Markup(_serialise(_named(root, spec, uid=uid, size=size)))  # noqa: S704 -- all text left ElementTree escaped


def _drop(root: Element, tags: tuple[str, ...]) -> None:
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag.rsplit("}", 1)[-1] in tags]:
            parent.remove(child)


def _restyle(element: Element) -> None:
    """Move declarations of the style attribute into classes and presentation attributes."""
    pairs = (part.split(":", 1) for part in element.attrib.pop("style", "").split(";") if ":" in part)
    style = {name.strip(): value.strip() for name, value in pairs}
    font = re.search(r"(?:(bold|[5-9]00)\s+)?([\d.]+)px", style.pop("font", ""))
    if font:
        style["font-size"] = font[2]
        style.update({"font-weight": font[1]} if font[1] else {})
    classes = []
    for name, letter in (("fill", "f"), ("stroke", "s")):
        colour = (style.pop(name, None) or element.attrib.pop(name, "")).lower()
        if colour in _CLASS_OF:
            classes.append(f"{letter}-{_CLASS_OF[colour]}")
        elif colour:
            element.set(name, colour)
    for name in _KEPT & style.keys():
        element.set(name, style[name].replace("px", ""))
    if classes:
        element.set("class", " ".join(classes))


def _drop_invisible(root: Element) -> None:
    """Remove background patches that neither fill nor stroke."""
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag == f"{{{_SVG}}}path" and c.get("fill") == "none"]:
            if "class" not in child.attrib and "stroke" not in child.attrib:
                parent.remove(child)


def _rename(element: Element, names: Mapping[str, str]) -> None:
    """Give the ids that something refers to their new names and drop the others."""
    target = element.attrib.pop(_HREF, None)
    if target is not None:
        element.set("href", f"#{names[target.removeprefix('#')]}")
    own = element.attrib.pop("id", "")
    if own in names:
        element.set("id", names[own])
    for name in ("clip-path", "fill", "stroke"):
        reference = re.fullmatch(r"url\(#(.+)\)", element.get(name, ""))
        if reference:
            element.set(name, f"url(#{names[reference[1]]})")


def _shorten(element: Element) -> None:
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    for name in _ROUNDED:
        if name in element.attrib:
            text = re.sub(r"\s+", " ", element.attrib[name]).strip()
            element.set(name, re.sub(r"-?\d+\.\d+", _tenth, text))


def _tenth(match: re.Match[str]) -> str:
    text = f"{float(match.group()):.1f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _named(root: Element, spec: FigureSpec, *, uid: str, size: Size) -> Element:
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update({
        "viewBox": box, "class": f"plot {size}", "role": "img", "aria-labelledby": f"{uid}t {uid}d",
        "stroke-linejoin": "round", "stroke-linecap": "butt",
    })  # fmt: skip
    for tag, text in (("desc", spec.description), ("title", spec.title)):
        element = Element(f"{{{_SVG}}}{tag}", {"id": uid + tag[0]})
        element.text = text
        root.insert(0, element)
    return root


def _serialise(root: Element) -> str:
    register_namespace("", _SVG)
    text = re.sub(r">\s+<", "><", tostring(root, encoding="unicode")).replace(f' xmlns="{_SVG}"', "", 1)
    previous = ""
    while previous != text:
        previous, text = text, _EMPTY.sub("", text)
    return text
