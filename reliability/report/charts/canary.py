"""Charts of the canary page: latency by minute, errors by step, requests by bucket, change by route.

Series differ by colour and by marker (circle for the baseline, diamond for the canary);
limits are dashed. Legends and tables stand in the block templates.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from reliability.report.arm_words import key_of
from reliability.report.canary_view import bound_text, filled_span, moment
from reliability.report.charts.rows import NAME_LETTERS, described, row_axes
from reliability.report.charts.ticks import round_ticks, thinned
from reliability.report.svg import COLOURS, DASH, FigureSpec, Size, new_axes
from reliability.report.why_view import MOST_ROUTES_DRAWN
from reliability.report.words import Words

Data = Mapping[str, Any]
_ARMS: Final = (("baseline", "base", "o", -0.14), ("canary", "cana", "D", 0.14))
_MARK: Final[Mapping[str, Any]] = MappingProxyType({"mec": COLOURS["card"], "mew": 1})
_POINTS: Final[Mapping[str, Any]] = MappingProxyType({"ls": "none", "ms": 5.5, **_MARK})


def draw_latency(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw P95 by minute of both arms against the limit."""
    series, starts = data["by_minute"], data["by_minute"]["starts"]
    figure, axes = new_axes(size, height_inches=3.35, unit=words.plain("canary.latency.axis"))
    shown: list[float] = []
    for arm, colour, marker, _ in _ARMS:
        values = np.array(series[f"{arm}_seconds"], dtype=float) * 1000
        every = max(1, len(values) // 15)
        axes.plot(range(len(values)), values, marker=marker, color=COLOURS[colour], ms=5, markevery=every, **_MARK)
        shown += values[np.isfinite(values)].tolist()
    shown += _limit(axes, data["limit_seconds"], 1000)
    _vertical(axes, min(shown, default=0.0), max(shown, default=1.0), words)
    _times(axes, starts, words, size)
    axes.set_xlim(-0.4, max(len(starts) - 0.6, 0.6))
    return described(figure, words, _section(data, "latency", words), {**data, **_ends(starts)})


def draw_errors(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the error rate by step with 95 % Wilson intervals against the limit."""
    steps, starts = data["by_step"], data["by_step"]["starts"]
    figure, axes = new_axes(size, height_inches=2.8, unit=words.plain("canary.errors.axis"))
    shown = [0.0]
    for arm, colour, marker, offset in _ARMS:
        points = [(place + offset, step) for place, step in enumerate(steps[arm]) if step["requests"]]
        places = [place for place, _ in points]
        lows, highs = ([100 * step[f"{end}_fraction"] for _, step in points] for end in ("low", "high"))
        rates = [100 * step["errors"] / step["requests"] for _, step in points]
        axes.vlines(places, lows, highs, color=COLOURS[colour], lw=1.8)
        axes.plot(places, rates, marker=marker, color=COLOURS[colour], **_POINTS)
        shown += highs
    shown += _limit(axes, data["allowed_fraction"], 100)
    _vertical(axes, 0, max(shown), words)
    _times(axes, starts, words, size)
    axes.set_xlim(-0.6, len(starts) - 0.4)
    return described(figure, words, _section(data, "errors", words), {**data, **_ends(starts)})


def draw_buckets(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the share of requests by bucket, and where each arm's P95 falls."""
    first, last = filled_span(data)
    figure, axes = new_axes(size, height_inches=2.9, unit=words.plain("canary.buckets.axis"))
    shown = [0.0]
    bounds = [0.0, *(bound for bound in data["upper_bounds_seconds"] if bound is not None)]
    for arm, colour, marker, offset in _ARMS:
        shares = [100 * share for share in data[f"{arm}_share"][first:last]]
        places = [place + offset for place in range(len(shares))]
        axes.vlines(places, 0, shares, color=COLOURS[colour], lw=3 if size == "wide" else 2)
        axes.plot(places, shares, marker=marker, color=COLOURS[colour], **_POINTS)
        shown += shares
        if data[f"{arm}_p95_seconds"] is not None:  # bucket n reaches from n - 0.5 to n + 0.5
            place = np.interp(data[f"{arm}_p95_seconds"], bounds, np.arange(len(bounds)) - 0.5 - first)
            axes.axvline(place, color=COLOURS[colour], lw=1.6, ls=(0, (4, 2)) if arm == "canary" else (0, (1, 1.4)))
    _vertical(axes, 0, max(shown), words)
    labels = _bucket_labels(data["upper_bounds_seconds"], words)[first:last]
    kept = thinned(len(labels), 10 if size == "wide" else 5)
    axes.set_xticks(kept, [labels[place] for place in kept])
    axes.set_xlim(-0.6, len(labels) - 0.4)
    return described(figure, words, _section(data, "buckets", words), data)


def draw_routes(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the change of each judged route with its likely range against the limit."""
    rows = data["routes"]["judged"][:MOST_ROUTES_DRAWN]
    names = [_cut(words.named(row["route"]), NAME_LETTERS[size]) for row in rows]
    figure, axes = row_axes(names, size, unit=words.plain("canary.routes.axis"))
    shown = [0.0, 100 * data["margin_fraction"]]
    for place, row in enumerate(rows):
        low, high = (100 * end for end in row["increase_interval"] or [row["increase_fraction"] or 0.0] * 2)
        axes.hlines(place, low, high, color=COLOURS["cana"], lw=1.8)
        shown += [low, high]
    changes = [math.nan if row["increase_fraction"] is None else 100 * row["increase_fraction"] for row in rows]
    axes.plot(changes, range(len(rows)), marker="D", color=COLOURS["cana"], **_POINTS)
    axes.axvline(shown[1], color=COLOURS["limit"], lw=1.4, ls=DASH)
    axes.axvline(0, color=COLOURS["soft"], lw=0.8)
    ticks, digits = round_ticks(min(shown), max(shown))
    axes.set_xticks(ticks, [words.formats.number(tick, digits) for tick in ticks])
    return described(figure, words, "canary.routes", data)


CHARTS: Final = MappingProxyType({
    "latency": draw_latency, "errors": draw_errors, "buckets": draw_buckets, "routes": draw_routes,
})  # fmt: skip


def _section(data: Data, part: str, words: Words) -> str:
    """Return the table of the catalogue whose title and description fit arms of this kind."""
    return (key_of(data, f"{part}.chart_title", words) or "").removesuffix(".chart_title")


def _cut(name: str, letters: int) -> str:
    """Cut the middle out of a long name: routes tend to begin alike."""
    head = letters // 2
    return name if len(name) <= letters else f"{name[:head]}\u2026{name[head + 1 - letters :]}"


def _bucket_labels(bounds: Sequence[float | None], words: Words) -> list[str]:
    """Write each bucket's upper bound in milliseconds; the last is open."""
    written = [bound_text(bound, words) for bound in bounds if bound is not None]
    return [*(f"\u2264 {text}" for text in written), f"> {written[-1] if written else 0}"]


def _limit(axes: Any, limit: float | None, scale: float) -> list[float]:
    """Draw the limit, if there is one, and return where it lies."""
    lines = [] if limit is None else [scale * limit]
    for line in lines:
        axes.axhline(line, color=COLOURS["limit"], lw=1.4, ls=DASH)
    return lines


def _vertical(axes: Any, low: float, high: float, words: Words) -> None:
    """Set explicit ticks, with as many decimals as their steps need, and some room; below zero there is none."""
    ticks, digits = round_ticks(low, high)
    axes.set_yticks(ticks, [words.formats.number(tick, digits) for tick in ticks])
    room = 0.08 * ((high - low) or 1.0)
    axes.set_ylim(low and low - room, high + room)


def _times(axes: Any, starts: Sequence[str | float], words: Words, size: Size) -> None:
    kept = thinned(len(starts), 8 if size == "wide" else 4)
    axes.set_xticks(kept, [moment(starts[place], words) for place in kept])


def _ends(starts: Sequence[str | float]) -> dict[str, object]:
    return {"first": starts[0] if starts else None, "last": starts[-1] if starts else None}
