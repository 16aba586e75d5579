"""Charts of the canary page: latency by minute, errors by step, requests by bucket.

Series differ by colour and by marker (circle for the baseline, diamond for the canary);
limits are dashed. Legends and tables stand in the block templates.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from reliability.report.canary_view import bound_text, filled_span
from reliability.report.charts.ticks import round_ticks, thinned
from reliability.report.svg import COLOURS, DASH, FigureSpec, Size, new_axes
from reliability.report.words import Words

Data = Mapping[str, Any]
_ARMS: Final = (("baseline", "base", "o", -0.14), ("canary", "cana", "D", 0.14))
_LABELS: Final = MappingProxyType({"wide": 8, "narrow": 4})
_MARK: Final[Mapping[str, Any]] = MappingProxyType({"mec": COLOURS["card"], "mew": 1})


def draw_latency(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw P95 by minute of both arms against the limit."""
    series = data["by_minute"]
    figure, axes = new_axes(size, height_inches=3.35, unit=words.plain("canary.latency.axis"))
    minutes = range(len(series["starts"]))
    shown: list[float] = []
    for arm, colour, marker, _ in _ARMS:
        values = [None if v is None else 1000 * v for v in series[f"{arm}_seconds"]]
        axes.plot(
            minutes, [float("nan") if v is None else v for v in values], marker=marker, color=COLOURS[colour],
            lw=2, ms=5, markevery=_every(len(values)), **_MARK,
        )  # fmt: skip
        shown += [v for v in values if v is not None]
    if data["limit_seconds"] is not None:
        axes.axhline(1000 * data["limit_seconds"], color=COLOURS["limit"], lw=1.4, ls=DASH)
        shown.append(1000 * data["limit_seconds"])
    _vertical(axes, shown, words, from_zero=False)
    _times(axes, series["starts"], words, size)
    return FigureSpec(
        figure=figure,
        title=words.plain("canary.latency.chart_title", **_ends(series["starts"])),
        description=words.plain("canary.latency.chart_description", **data),
    )


def draw_errors(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the error rate by step with 95 % Wilson intervals against the limit."""
    steps = data["by_step"]
    figure, axes = new_axes(size, height_inches=2.8, unit=words.plain("canary.errors.axis"))
    shown = [0.0]
    for arm, colour, marker, offset in _ARMS:
        points = [(place + offset, step) for place, step in enumerate(steps[arm]) if step["requests"]]
        lows, highs = ([100 * step[f"{end}_fraction"] for _, step in points] for end in ("low", "high"))
        places = [place for place, _ in points]
        axes.vlines(places, lows, highs, color=COLOURS[colour], lw=1.8)
        rates = [100 * step["errors"] / step["requests"] for _, step in points]
        axes.plot(places, rates, ls="none", marker=marker, color=COLOURS[colour], ms=5.5, **_MARK)
        shown += highs
    if data["allowed_fraction"] is not None:
        axes.axhline(100 * data["allowed_fraction"], color=COLOURS["limit"], lw=1.4, ls=DASH)
        shown.append(100 * data["allowed_fraction"])
    _vertical(axes, shown, words, from_zero=True)
    _times(axes, steps["starts"], words, size)
    axes.set_xlim(-0.6, len(steps["starts"]) - 0.4)
    return FigureSpec(
        figure=figure,
        title=words.plain("canary.errors.chart_title", **_ends(steps["starts"])),
        description=words.plain("canary.errors.chart_description", **data),
    )


def draw_buckets(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the share of requests by bucket, and where each arm's P95 falls."""
    first, last = filled_span(data)
    figure, axes = new_axes(size, height_inches=2.9, unit=words.plain("canary.buckets.axis"))
    shown = [0.0]
    for arm, colour, marker, offset in _ARMS:
        shares = [100 * share for share in data[f"{arm}_share"][first:last]]
        places = [place + offset for place in range(len(shares))]
        axes.vlines(places, 0, shares, color=COLOURS[colour], lw=3 if size == "wide" else 2)
        axes.plot(places, shares, ls="none", marker=marker, color=COLOURS[colour], ms=5.5, **_MARK)
        shown += shares
        place = _place(data[f"{arm}_p95_seconds"], data["upper_bounds_seconds"], first)
        if place is not None:
            axes.axvline(place, color=COLOURS[colour], lw=1.6, ls=(0, (4, 2)) if arm == "canary" else (0, (1, 1.4)))
    _vertical(axes, shown, words, from_zero=True)
    labels = bucket_labels(data["upper_bounds_seconds"], words)[first:last]
    kept = thinned(len(labels), 10 if size == "wide" else 5)
    axes.set_xticks(kept, [labels[place] for place in kept])
    axes.set_xlim(-0.6, len(labels) - 0.4)
    return FigureSpec(
        figure=figure,
        title=words.plain("canary.buckets.chart_title"),
        description=words.plain("canary.buckets.chart_description", **data),
    )


CHARTS: Final = MappingProxyType({"latency": draw_latency, "errors": draw_errors, "buckets": draw_buckets})


def _every(count: int) -> int:
    return max(1, count // 15)


def _vertical(axes: Any, shown: Sequence[float], words: Words, *, from_zero: bool) -> None:
    """Set explicit ticks and their labels, with as many decimals as the steps need."""
    low, high = (0.0, max([*shown, 0.0])) if from_zero else (min(shown, default=0.0), max(shown, default=1.0))
    ticks, digits = round_ticks(low, high)
    axes.set_yticks(ticks, [words.formats.number(tick, digits) for tick in ticks])
    room = 0.08 * ((high - low) or 1.0)
    axes.set_ylim(0 if from_zero else min(low - room, ticks[0]), max(high + room, ticks[-1]))


def _times(axes: Any, starts: Sequence[str], words: Words, size: Size) -> None:
    kept = thinned(len(starts), _LABELS[size])
    axes.set_xticks(kept, [words.formats.clock(starts[place]) for place in kept])
    axes.set_xlim(-0.4, max(len(starts) - 0.6, 0.6))


def _ends(starts: Sequence[str]) -> dict[str, object]:
    return {"first": starts[0] if starts else None, "last": starts[-1] if starts else None}


def _place(seconds: float | None, bounds: Sequence[float | None], first: int) -> float | None:
    """Return where a latency falls on the axis of buckets: bucket number, then the part of it."""
    if seconds is None:
        return None
    lower = 0.0
    for place, bound in enumerate(bounds):
        if bound is None or seconds <= bound:
            part = 0.5 if bound is None else (seconds - lower) / (bound - lower)
            return place - first - 0.5 + part
        lower = bound
    return None


def bucket_labels(bounds: Sequence[float | None], words: Words) -> list[str]:
    """Write each bucket's upper bound in milliseconds; the last is open."""
    written = [None if bound is None else bound_text(bound, words) for bound in bounds]
    return [
        f"\u2264 {text}" if text else f"> {before or 0}"
        for text, before in zip(written, [None, *written], strict=False)
    ]
