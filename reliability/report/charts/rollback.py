"""Charts of the rollback page: the steps of a drill on the axis of its limit.

Pale bars are what the runbook plans, solid ones what was measured. A step that is too
short for a bar is still seen as a dot. Legends and tables stand in the block templates.
"""

from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

from reliability.report.charts.rows import NAME_LETTERS, described, row_axes
from reliability.report.svg import COLOURS, DASH, FigureSpec, Size
from reliability.report.words import Words

Data = Mapping[str, Any]
_TICK_MINUTES: Final = MappingProxyType({"wide": 3, "narrow": 5})


def draw_steps(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw each step from its start to its end, above what was planned for it."""
    steps = data["steps"]
    names = [_name(step, words, size) for step in steps]
    figure, axes = row_axes(names, size, unit=words.plain("rollback.drill.axis"), row_inches=0.38)
    last = limit = data["limit_seconds"] / 60
    for key, height, colour in (("budget_seconds", 0.62, "bandb"), ("seconds", 0.3, "base")):
        minutes = [step[key] / 60 for step in steps]
        ends = list(accumulate(minutes))
        starts = [end - length for end, length in zip(ends, minutes, strict=True)]
        axes.barh(range(len(steps)), minutes, left=starts, height=height, color=COLOURS[colour])
        last = max(last, *ends)
    axes.plot(ends, range(len(steps)), ls="none", marker="o", ms=5.5, color=COLOURS["base"], mec=COLOURS["card"], mew=1)
    axes.axvline(limit, color=COLOURS["limit"], lw=1.6, ls=DASH)
    step_minutes = _TICK_MINUTES[size] * max(1, round(last / 20))  # coarser when a drill ran far over its limit
    ticks = range(0, int(last) + 1, step_minutes)
    axes.set_xticks(ticks, [words.formats.number(tick) for tick in ticks])
    axes.set_xlim(0, 1.02 * last)
    return described(figure, words, "rollback.drill", data)


CHARTS: Final = MappingProxyType({"steps": draw_steps})


def _name(step: Data, words: Words, size: Size) -> str:
    key, letters = f"rollback.step.{step['id']}", NAME_LETTERS[size]
    name = words.plain(key) if words.knows(key) else str(step["title"])
    return name if len(name) <= letters else f"{name[: letters - 1]}\u2026"
