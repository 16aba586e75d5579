"""Charts with one named row per thing, and the words that every chart carries.

The rows run from top to bottom beside their names. What stands in a row is drawn by the
topic's own chart.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reliability.report.svg import FigureSpec, Size, new_axes
from reliability.report.words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_LETTERS: Final = MappingProxyType({"wide": 31, "narrow": 17})
_NAME_INCHES: Final = MappingProxyType({"wide": 2.75, "narrow": 1.65})
_FRAME_INCHES: Final = 0.75


def row_axes(names: Sequence[str], size: Size, *, unit: str, row_inches: float = 0.29) -> "tuple[Figure, Axes]":
    """Make a figure with a named row for each thing and a grid across the rows.

    Args:
        names: Names from top to bottom, short enough for `NAME_LETTERS`.
        size: Which of the two widths.
        unit: What the horizontal axis counts.
        row_inches: Height of a row.

    Returns:
        The figure and its axes; row `n` is drawn at height `n`.
    """
    height = _FRAME_INCHES + row_inches * len(names)
    figure, axes = new_axes(size, height_inches=height, unit=unit, left_inches=_NAME_INCHES[size])
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    grid_across(axes)
    return figure, axes


def grid_across(axes: "Axes") -> None:
    """Draw the grid at the ticks of the horizontal axis only."""
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")


def described(figure: "Figure", words: Words, section: str, data: Mapping[str, Any]) -> FigureSpec:
    """Give a drawn figure the title and description of its section.

    Args:
        figure: The drawing.
        words: Language of the texts.
        section: Table of the catalogue with `chart_title` and `chart_description`.
        data: Values for these texts.

    Returns:
        The chart.
    """
    title, description = (words.plain(f"{section}.chart_{part}", **data) for part in ("title", "description"))
    return FigureSpec(figure=figure, title=title, description=description)
