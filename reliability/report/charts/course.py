"""The chart of coverage over time: the course of accepted runs, and the floor as a staircase.

Points stand at the time of their commit. No line crosses a new rule of counting; a run that was
not accepted is a hollow point beside the course. The legend stands in the block's template.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reliability.clock import format_instant, parse_instant
from reliability.report.charts.rows import described
from reliability.report.charts.ticks import round_ticks, time_ticks
from reliability.report.svg import COLOURS, DASH, FigureSpec, Size, new_axes
from reliability.report.words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Data = Mapping[str, Any]
Point = Mapping[str, Any]
_TICKS: Final = MappingProxyType({"wide": 6, "narrow": 3})
_LEAST_SECONDS: Final = 7200.0  # width of an axis whose points stand at one instant
_ROOM_POINTS: Final = 2.0
_MOST_DOTS: Final = 40  # of a longer course only the line is drawn, which keeps the page small
_GOAL: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["pass"], "lw": 1.5, "ls": DASH})
_CUT: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["soft"], "lw": 1.2, "ls": (0, (1.2, 2.4))})
_UNIT: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["cana"], "marker": "D", "ms": 4.4, "lw": 1.6})
_COURSE: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["base"], "marker": "o", "ms": 5, "lw": 2})


def draw_course(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the coverage of accepted runs over time with floor, goals, increments and milestones."""
    points = [point for point in data["points"] if point["shown_fraction"] is not None]
    figure, axes = new_axes(size, height_inches=3.4, unit=words.plain("phase.record.axis"))
    start, end = _span(points)
    low, high = _range(data, points)
    for stretch in _stretches(points):
        _draw_stretch(axes, stretch, low)
    for point in points[1:]:
        if point["begins_anew"]:
            axes.axvline(_at(point), **_CUT)
    _draw_floor(axes, data["floors"], start, end)
    for goal in data["goal_fractions"]:
        axes.axhline(100 * goal, **_GOAL)
    _draw_marks(axes, points, low)
    ticks, digits = round_ticks(low, high)
    axes.set_yticks(ticks, [words.formats.number(tick, digits) for tick in ticks])
    axes.set_ylim(low, high)
    times, are_days = time_ticks(start, end, _TICKS[size])
    write = words.formats.day if are_days else words.formats.clock
    axes.set_xticks(times, [write(format_instant(datetime.fromtimestamp(time, UTC))) for time in times])
    axes.set_xlim(start, end)
    return described(figure, words, "phase.record", data)


def _draw_stretch(axes: "Axes", points: Sequence[Point], low: float) -> None:
    """Draw the accepted points between two changes of the rule, with the unit suite and imports alone."""
    imports = [point for point in points if point["imports_fraction"] is not None]
    if imports:
        shares = [100 * point["imports_fraction"] for point in imports]
        axes.fill_between([_at(point) for point in imports], low, shares, color=COLOURS["rule"], lw=0)
    for name, look in (("unit_fraction", _UNIT), ("shown_fraction", _COURSE)):
        known = [point for point in points if point[name] is not None]
        shares = [100 * point[name] for point in known]
        dots = {} if len(known) <= _MOST_DOTS else {"marker": None}
        axes.plot([_at(point) for point in known], shares, mec=COLOURS["card"], mew=1.2, **{**look, **dots})


def _draw_floor(axes: "Axes", floors: Sequence[Data], start: float, end: float) -> None:
    """Draw the floor as a staircase from the first instant shown to the last."""
    times = [start if floor["at"] is None else min(max(start, _at(floor)), end) for floor in floors]
    shares = [100 * floor["fraction"] for floor in floors]
    axes.step([*times, end], [*shares, shares[-1]], where="post", color=COLOURS["limit"], lw=1.6)


def _draw_marks(axes: "Axes", points: Sequence[Point], low: float) -> None:
    """Draw increments as large dots, milestones at the foot, and a run that was not accepted hollow."""
    looks: Mapping[str, Mapping[str, Any]] = {
        "increment": {"marker": "o", "ms": 10, "color": COLOURS["base"], "mec": COLOURS["card"], "mew": 1.4},
        "not-accepted": {"marker": "o", "ms": 8, "mfc": COLOURS["card"], "mec": COLOURS["base"], "mew": 2},
    }
    for point in points:
        if point["kind"] in looks:
            axes.plot([_at(point)], [100 * point["shown_fraction"]], ls="none", zorder=5, **looks[point["kind"]])
        if point["kind"] == "milestone":
            axes.plot([_at(point)], [low], ls="none", marker="^", ms=8, color=COLOURS["ink"], clip_on=False, zorder=5)


def _stretches(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Part the accepted points where a new rule of counting begins."""
    stretch: list[Point] = []
    for point in points:
        if point["begins_anew"] and stretch:
            yield stretch
            stretch = []
        if point["kind"] != "not-accepted":
            stretch.append(point)
    if stretch:
        yield stretch


def _span(points: Sequence[Point]) -> tuple[float, float]:
    times = [_at(point) for point in points]
    room = max(0.03 * (max(times) - min(times)), (_LEAST_SECONDS - max(times) + min(times)) / 2)
    return min(times) - room, max(times) + room


def _range(data: Data, points: Sequence[Point]) -> tuple[float, float]:
    """Return the percentages shown: whatever is drawn, with room, inside 0 and 100."""
    names = ("shown_fraction", "unit_fraction", "imports_fraction")
    shares = [point[name] for point in points for name in names if point[name] is not None]
    shares += [*data["goal_fractions"], *(floor["fraction"] for floor in data["floors"])]
    room = max(_ROOM_POINTS, 12 * (max(shares) - min(shares)))
    return max(0.0, 100 * min(shares) - room), min(100.0, 100 * max(shares) + _ROOM_POINTS)


def _at(point: Data) -> float:
    return parse_instant(point["at"]).timestamp()
