"""Charts of the rollback page: the steps of a drill on the axis of its limit.

Pale bars are what the runbook plans, solid ones what was measured. A step that is too
short for a bar is still seen as a dot. Legends and tables stand in the block templates.
"""

from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

from reliability.report.svg import COLOURS, DASH, FigureSpec, Size, new_axes
from reliability.report.words import Words

Data = Mapping[str, Any]
_LEFT_INCHES: Final = MappingProxyType({"wide": 2.75, "narrow": 1.65})
_LETTERS: Final = MappingProxyType({"wide": 31, "narrow": 17})
_TICK_MINUTES: Final = MappingProxyType({"wide": 3, "narrow": 5})
_SECONDS: Final = 60


def draw_steps(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw each step from its start to its end, above what was planned for it."""
    steps = data["steps"]
    figure, axes = new_axes(
        size, height_inches=0.75 + 0.38 * len(steps), unit=words.plain("rollback.drill.axis"),
        left_inches=_LEFT_INCHES[size],
    )  # fmt: skip
    planned, measured = (_bars([step[key] for step in steps]) for key in ("budget_seconds", "seconds"))
    places = range(len(steps))
    axes.barh(places, planned[1], left=planned[0], height=0.62, color=COLOURS["bandb"])
    axes.barh(places, measured[1], left=measured[0], height=0.3, color=COLOURS["base"])
    ends = [start + length for start, length in zip(*measured, strict=True)]
    axes.plot(ends, places, ls="none", marker="o", ms=5.5, color=COLOURS["base"], mec=COLOURS["card"], mew=1)
    limit = data["limit_seconds"] / _SECONDS
    axes.axvline(limit, color=COLOURS["limit"], lw=1.6, ls=DASH)
    last = max(limit, *ends, *(start + length for start, length in zip(*planned, strict=True)))
    ticks = range(0, int(last) + 1, _step_minutes(last, size))
    axes.set_xticks(ticks, [words.formats.number(tick) for tick in ticks])
    axes.set_xlim(0, 1.02 * last)
    axes.set_yticks(places, [_name(step, words, size) for step in steps])
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    return FigureSpec(
        figure=figure,
        title=words.plain("rollback.drill.chart_title"),
        description=words.plain("rollback.drill.chart_description", **data),
    )


CHARTS: Final = MappingProxyType({"steps": draw_steps})


def _bars(seconds: list[float]) -> tuple[list[float], list[float]]:
    """Return start and length of consecutive bars, in minutes."""
    minutes = [value / _SECONDS for value in seconds]
    return [end - length for end, length in zip(accumulate(minutes), minutes, strict=True)], minutes


def _step_minutes(last: float, size: Size) -> int:
    """Distance of two ticks; coarser when a drill ran far over its limit."""
    return _TICK_MINUTES[size] * max(1, round(last / 20))


def _name(step: Data, words: Words, size: Size) -> str:
    key = f"rollback.step.{step['id']}"
    name = words.plain(key) if words.knows(key) else str(step["title"])
    short = name if len(name) <= _LETTERS[size] else f"{name[: _LETTERS[size] - 1]}\u2026"
    return short.replace("$", r"\$")
