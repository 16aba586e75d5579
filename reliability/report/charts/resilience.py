"""The chart of living sessions over a window, shaded while a circuit breaker was not closed.

Sessions are a staircase: each scrape's number stands until the next. The legend is chosen in
`reliability.report.resilience_view`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from reliability.clock import format_instant, parse_instant
from reliability.report.charts.rows import described
from reliability.report.charts.ticks import round_ticks, time_ticks
from reliability.report.resilience_view import LOOKS, drawn_sessions
from reliability.report.svg import COLOURS, FigureSpec, Size, new_axes
from reliability.report.words import Words

Data = Mapping[str, Any]
_TICKS: Final = MappingProxyType({"wide": 8, "narrow": 4})
_MARKERS: Final = MappingProxyType({"base": "o", "cana": "D"})
_ROOM_FRACTION: Final = 0.02
_LEAST_SECONDS: Final = 4.0  # a spell is drawn at least so wide


def draw_resilience(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw living sessions by kind, and when a breaker was not closed."""
    figure, axes = new_axes(size, height_inches=2.3, unit=words.plain("phase.resilience.axis"))
    start, end = _at(data["start"]), _at(data["end"])
    drawn = drawn_sessions(data)
    high = 1.15 * max(1, *(kind["most_count"] for kind in drawn))
    spells = [spell for breaker in data["breakers"] for spell in breaker["not_closed_spells"]]
    for spell in spells:
        first = max(start, _at(spell["start"]))
        last = max(_at(spell["end"]), first + _LEAST_SECONDS)
        axes.fill_between([first, last], 0, high, color=COLOURS["rule"], lw=0)
        axes.plot([first, last], [high, high], color=COLOURS["limit"], lw=6, solid_capstyle="butt")
    for look, kind in zip(LOOKS, drawn, strict=False):
        times = [_at(point["at"]) for point in kind["points"]]
        counts = [point["count"] for point in kind["points"]]
        marked: dict[str, Any] = {"marker": _MARKERS[look], "ms": 5, "markevery": max(1, len(times) // 12)}
        axes.step(times, counts, where="post", color=COLOURS[look], mec=COLOURS["card"], mew=1, **marked)
    ticks = [tick for tick in round_ticks(0, high)[0] if float(tick).is_integer()]
    axes.set_yticks(ticks, [words.formats.number(tick) for tick in ticks])
    axes.set_ylim(0, high)
    instants, are_days = time_ticks(start, end, _TICKS[size])
    write = words.formats.day if are_days else words.formats.clock
    axes.set_xticks(instants, [write(format_instant(datetime.fromtimestamp(at, UTC))) for at in instants])
    axes.set_xlim(start, end + _ROOM_FRACTION * (end - start))  # half of the last label
    most = max(kind["most_count"] for kind in drawn)
    return described(figure, words, "phase.resilience", {**data, "most_count": most, "spells_count": len(spells)})


def _at(instant: str) -> float:
    return parse_instant(instant).timestamp()
