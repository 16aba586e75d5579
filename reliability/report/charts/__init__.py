"""The charts of the pages, by name: `canary.latency`, `phase.coverage`, `rollback.steps`.

How to add one: in `charts/<topic>.py` write a function that takes the block's data, the
words and the size, draws on `new_axes(...)` with the colours of `svg.COLOURS` and returns
a `FigureSpec` with title and description; put it into that module's `CHARTS` under its
short name. A template shows it with `{{ chart("<topic>.<name>", d) }}`. The legend is
HTML above the plot, the data table a folded `<details class="keep">` below it.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from markupsafe import Markup

from reliability.report.svg import SIZES, FigureSpec, Size, theme, to_svg
from reliability.report.words import Words

Drawer = Callable[[Mapping[str, Any], Words, Size], FigureSpec]


def draw_chart(name: str, data: Mapping[str, Any], *, words: Words, uid: str, sizes: Sequence[Size] = SIZES) -> Markup:
    """Draw one chart in both widths; the page shows the one that fits.

    Args:
        name: Topic and short name, joined by a dot.
        data: Data of the block that shows it.
        words: Language of all text in it.
        uid: Prefix of ids, unique on the page.
        sizes: Widths to draw; one alone is shown on every screen.

    Returns:
        One SVG element for each width.

    Raises:
        KeyError: No chart has this name.
    """
    topic, short_name = name.split(".", 1)
    drawers: Mapping[str, Drawer] = import_module(f"reliability.report.charts.{topic}").CHARTS
    with theme():
        drawings = [
            to_svg(drawers[short_name](data, words, size), uid=f"{uid}{short_name}-{size[0]}-", size=size)
            for size in sizes
        ]
    return Markup("").join(drawings)
