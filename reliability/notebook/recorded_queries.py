"""Plain selectors on recorded samples, answered as a server would: the one query that needs no engine.

Fed with a recorded answer by `reliability.notebook.asking`. Expressions are refused with a cure.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from reliability.errors import SelectorError, UsageError
from reliability.sources.answer import Answer, FloatArray, Series
from reliability.sources.promql import METRIC_NAME, Matcher, parse_matchers
from reliability.window import Window

LOOKBACK_SECONDS: Final = 300.0  # how long a sample stays the present value, as in Prometheus
_SELECTOR: Final = re.compile(
    rf"\s*(?P<name>{METRIC_NAME})?\s*(?P<matchers>\{{.*\}})?\s*(?:\[(?P<range>(?:\d+(?:ms|[smhdw]))+)\])?\s*", re.DOTALL
)
_CURE: Final = (
    "A recording answers a metric name with matchers in braces, and [5m] behind it for a range; "
    "ask a server (source = prometheus), or its stored answers, for expressions."
)
_PART: Final = re.compile(r"(\d+)(ms|[smhdw])")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def answer_selector(recorded: Answer, query: str, *, window: Window, step_seconds: float | None) -> Answer:
    """Answer a plain selector.

    Args:
        recorded: All samples that there are.
        query: For example `up{arm="canary"}`, or with `[5m]` behind it.
        window: Evaluated at its end, or with a step over the whole of it.
        step_seconds: Time between two evaluations; None for one at the end.

    Returns:
        The samples of a range, or the last sample up to five minutes before each evaluation.

    Raises:
        UsageError: The query is more than a plain selector, or the step fits no evaluation.
    """
    matchers, range_seconds = _read(query)
    start, end = window.start.timestamp(), window.end.timestamp()
    chosen = [series for series in recorded.series if all(matcher.matches(series.labels) for matcher in matchers)]
    if range_seconds is not None:
        if step_seconds is not None:
            raise UsageError(f"{query} is a range already; ask it without step_seconds, or without the brackets.")
        found = [_cut(series, end - range_seconds, end) for series in chosen]
    else:
        found = [_at(series, _instants(start, end, step_seconds)) for series in chosen]
    kept = tuple(series for series in found if series.values.size)
    return replace(recorded, series=kept, query=query, evaluated_at=window.end)


def _read(query: str) -> tuple[Sequence[Matcher], float | None]:
    match = _SELECTOR.fullmatch(query)
    if match is None or not (match["name"] or match["matchers"]):
        raise UsageError(f"{query!r} is more than a plain selector. {_CURE}")
    try:
        matchers = parse_matchers(match["matchers"] or "", where="the query")
    except SelectorError as err:
        raise UsageError(f"{err.args[0]} {_CURE}") from err
    name = [Matcher(name="__name__", op="=", value=match["name"])] if match["name"] else []
    parts = _PART.findall(match["range"] or "")
    return [*name, *matchers], sum(int(count) * _SECONDS[unit] for count, unit in parts) if parts else None


def _instants(start: float, end: float, step_seconds: float | None) -> FloatArray:
    if step_seconds is None:
        return np.array([end])
    if not 0 < step_seconds < float("inf"):
        raise UsageError(f"step_seconds is {step_seconds:g}; give a time between evaluations, for example 15.")
    return start + step_seconds * np.arange(int((end - start) / step_seconds + 1e-6) + 1, dtype=np.float64)


def _cut(series: Series, after: float, end: float) -> Series:
    inside = (series.times_seconds > after) & (series.times_seconds <= end)
    return replace(series, times_seconds=series.times_seconds[inside], values=series.values[inside])


def _at(series: Series, instants: FloatArray) -> Series:
    """Take the last sample before each instant, unless it is too old."""
    last = np.searchsorted(series.times_seconds, instants, side="right") - 1
    fresh = (last >= 0) & (series.times_seconds[last] > instants - LOOKBACK_SECONDS)
    return replace(series, times_seconds=instants[fresh], values=series.values[last[fresh]])
