"""Matplotlib figure to inline SVG that follows the page: its colours, its text, its name.

A chart is drawn with the colours of `COLOURS`, which stand for names and leave as CSS
classes, so that one drawing serves light, dark, forced colours and print. The result has
no style attribute, no fixed size, unique ids, a title and a description, and the same
bytes for the same data. What a chart shows belongs to `reliability.report.charts`.

Matplotlib is imported when the first chart is drawn, not with this module.
"""

import io
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Size = Literal["wide", "narrow"]
SIZES: Final[tuple[Size, ...]] = ("wide", "narrow")
WIDTH_INCHES: Final = MappingProxyType({"wide": 8.6, "narrow": 4.0})
DASH: Final = (0, (2.2, 2.2))  # how limits and goals are drawn
_NAMES: Final = ("ink", "soft", "rule", "card", "base", "cana", "limit", "pass", "warn", "fail", "bandb", "bandc")
COLOURS: Final = MappingProxyType({n: f"#{i:02x}{i + 1:02x}{i + 2:02x}" for i, n in enumerate(_NAMES, start=1)})
_CLASS_OF: Final = {colour: name for name, colour in COLOURS.items()}
_SVG: Final = Markup(
    '<svg viewBox="{box}" class="plot {size}" role="img" aria-labelledby="{uid}t {uid}d" stroke-linejoin="round" '
    'stroke-linecap="butt"><title id="{uid}t">{title}</title><desc id="{uid}d">{description}</desc>{drawing}</svg>'
)


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


def theme() -> AbstractContextManager[None]:
    """Set the look of every figure made inside the block."""
    import matplotlib as mpl  # noqa: PLC0415 -- the command line starts without it

    soft, rule = COLOURS["soft"], COLOURS["rule"]
    settings: dict[Any, Any] = {
        "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 10.5,
        "text.color": COLOURS["ink"], "axes.edgecolor": soft, "axes.labelcolor": soft, "xtick.color": soft,
        "ytick.color": soft, "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": rule, "grid.linewidth": 0.8, "axes.axisbelow": True,
        "ytick.major.size": 0, "xtick.major.size": 3.5,
        "lines.linewidth": 2.0, "lines.solid_capstyle": "round", "path.simplify": True, "text.parse_math": False,
    }  # fmt: skip
    return mpl.rc_context(settings)


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
    figure = Figure(figsize=(width, height_inches), frameon=False)
    left, right, bottom, top = left_inches / width, 0.16 / width, 0.33 / height_inches, 0.34 / height_inches
    axes = figure.add_axes((left, bottom, 1 - left - right, 1 - bottom - top))
    axes.patch.set_visible(False)
    axes.set_title(unit, loc="left", fontsize=10, color=COLOURS["soft"], pad=6, x=0)
    return figure, axes


def to_svg(spec: FigureSpec, *, uid: str, size: Size) -> Markup:
    """Turn a figure into one inline SVG element.

    Args:
        spec: The chart; call this inside the same `theme()`.
        uid: Makes all ids, unique on the page.
        size: Class that decides on which screens it is shown.

    Returns:
        The element; equal input gives equal bytes.
    """
    import matplotlib as mpl  # noqa: PLC0415 -- as in `theme`
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415

    buffer = io.StringIO()
    canvas: Any = FigureCanvasSVG(spec.figure)
    with mpl.rc_context({"svg.hashsalt": uid}):  # matplotlib hashes it into the ids that it refers to
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    head, drawing = buffer.getvalue().split("</defs>", 1)  # the first definition is matplotlib's own stylesheet
    box = re.findall(r'viewBox="([^"]+)"', head)[0]
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', drawing))
    drawing = re.sub(r"<[^>]+>", lambda tag: _themed(tag[0], used), drawing.removesuffix("</svg>\n"))
    drawing = re.sub(r"<(g|defs)>\s*</\1>|<(g|defs) ?/>", "", re.sub(r">\s+<", "><", drawing)).strip()
    return _SVG.format(
        box=box, size=size, uid=uid, title=spec.title, description=spec.description,
        drawing=Markup(drawing),  # noqa: S704 -- matplotlib escapes the texts
    )  # fmt: skip


def _themed(tag: str, used: set[str]) -> str:
    """Rewrite one tag: style to classes and attributes, short numbers, only the ids that something refers to."""
    tag = re.sub(r' style="([^"]*)"', _attributes, tag)
    tag = re.sub(r' id="([^"]*)"', lambda own: own[0] if own[1] in used else "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag).replace("xlink:href", "href")
    tag = re.sub(r"-?\d+\.\d+", lambda number: f"{round(float(number[0]), 1) + 0:g}", tag)  # + 0 turns -0 into 0
    return " ".join(tag.split()).replace(' "', '"')


def _attributes(style: re.Match[str]) -> str:
    """Write the declarations of a style attribute as classes for our colours and presentation attributes."""
    classes, attributes = [], []
    for declaration in style[1].split("; "):
        name, value = declaration.split(": ", 1)
        if value in _CLASS_OF:
            classes.append(f"{name[0]}-{_CLASS_OF[value]}")
        elif name in ("font", "font-size"):
            attributes.append(f' font-size="{re.findall(r"([0-9.]+)px", value)[0]}"')
        elif name != "font-family":
            attributes.append(f' {name}="{value}"')
    return "".join(attributes) + (f' class="{" ".join(classes)}"' if classes else "")
