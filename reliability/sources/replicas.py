"""Raw counters of one arm, turned into gains per replica: restarts and births repaired.

Fed with an `Answer` by `reliability.sources.increments`. Grids, arms and windows of
scrapes do not belong here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from reliability.errors import PrometheusAnswerError
from reliability.sources.answer import Answer, FloatArray, Series
from reliability.sources.metrics import PROCESS_START, UP, MetricNames

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.intp]
_START_TOLERANCE_SECONDS: Final = 0.5
_LARGEST_COUNT: Final = 2.0**53  # beyond it a float cannot be counted up by one
_BOUND_DIGITS: Final = 12  # "0.1" and "0.10" are one bound, also after milliseconds became seconds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replica:
    """One scraped process of an arm.

    Attributes:
        instance: Label `instance`; empty when the series have none.
        times_seconds: Unix instants of its successful scrapes, shape `(S,)`, increasing.
        restarted: The process was started anew since the scrape before, shape `(S,)`.
        counts_from_zero: Its process is known to have started inside the window, so that
            the first scrape's values were gained there.
        first_requests: Requests that it had counted, by the histogram, when it was first scraped.
        rows: Labels of its counters, `R` of them.
        bounds_seconds: Bucket bound of each row, shape `(R,)`; NaN for other counters.
        gains: What each counter gained since the scrape before, shape `(R, S)`. The first
            scrape gains nothing unless `counts_from_zero`.
    """

    instance: str
    times_seconds: FloatArray
    restarted: BoolArray
    counts_from_zero: bool
    first_requests: float
    rows: tuple[Mapping[str, str], ...]
    bounds_seconds: FloatArray
    gains: FloatArray


def read_replicas(answer: Answer, *, names: MetricNames, start_seconds: float) -> tuple[Replica, ...]:
    """Split an answer into replicas and repair their counters.

    A counter that drops began again at zero; when the process started anew, so did all
    its counters. A counter that appears at a replica that was scraped before was born at
    zero.

    Args:
        answer: Series of one arm.
        names: Names of the metrics that count.
        start_seconds: Unix instant at which the window begins.

    Returns:
        The replicas that were scraped at least once, by job and instance.

    Raises:
        PrometheusAnswerError: A bucket has no bound that can be read, a series is there twice, or a
            count is below zero or too large to be counted by ones.
    """
    by_replica: dict[tuple[str, str], list[Series]] = {}
    for series in answer.series:
        key = (series.labels.get("job", ""), series.labels.get("instance", ""))
        by_replica.setdefault(key, []).append(series)
    found = (_replica(key[1], by_replica[key], names, start_seconds) for key in sorted(by_replica))
    return tuple(replica for replica in found if replica.times_seconds.size)


def _replica(instance: str, members: Sequence[Series], names: MetricNames, start_seconds: float) -> Replica:
    counting = (names.bucket, names.latency_sum, names.requests)
    counters = sorted((one for one in members if one.name in counting), key=lambda one: sorted(one.labels.items()))
    _refuse_impossible(counters, names)
    starts = [one for one in members if one.name == PROCESS_START]
    ups = [one for one in members if one.name == UP]
    seen = [one.times_seconds[np.isfinite(one.values)] for one in [*counters, *starts]]
    times = np.unique(np.concatenate([*seen, *(up.times_seconds[up.values == 1] for up in ups), np.empty(0)]))
    values, started = _table(counters, times), _table(starts[:1], times)
    values[:, :1] = np.nan_to_num(values[:, :1])  # what is not there yet stands at zero
    restarted = _restarts(_carried(started), values)
    values[:, restarted] = np.nan_to_num(values[:, restarted])
    standing = _carried(values)
    steps = np.diff(standing, axis=1, prepend=0)
    gains = np.where((steps < 0) | restarted, standing, steps)
    counts_from_zero = bool((started[:, :1] >= start_seconds).any())
    if not counts_from_zero:
        gains[:, :1] = 0
    bounds_seconds = np.array([_bound(one.labels, names) for one in counters], dtype=np.float64)
    return Replica(
        instance=instance,
        times_seconds=times,
        restarted=restarted,
        counts_from_zero=counts_from_zero,
        first_requests=float(standing[bounds_seconds == np.inf, :1].sum()),
        rows=tuple(one.labels for one in counters),
        bounds_seconds=bounds_seconds,
        gains=gains,
    )


def _refuse_impossible(counters: Sequence[Series], names: MetricNames) -> None:
    """Raise `PrometheusAnswerError` for what no counter can be; holes are not finite and are left alone."""
    for one, other in pairwise(counters):
        if one.labels == other.labels:
            raise PrometheusAnswerError(f"the series {dict(one.labels)} is there twice; it would be counted twice.")
    for one in counters:
        counts = one.values[np.isfinite(one.values)]
        if one.name != names.latency_sum and counts.size and not 0 <= counts.min() <= counts.max() <= _LARGEST_COUNT:
            raise PrometheusAnswerError(
                f"the counter {dict(one.labels)} stands at {counts.min():g} to {counts.max():g}, which no count can."
            )


def _table(series: Sequence[Series], times: FloatArray) -> FloatArray:
    """Put series on the scrapes, one a row; NaN where a series has no finite sample."""
    table = np.full((len(series), times.size), np.nan)
    for row, one in enumerate(series):
        finite = np.isfinite(one.values)
        table[row, np.searchsorted(times, one.times_seconds[finite])] = one.values[finite]
    return table


def _carried(table: FloatArray) -> FloatArray:
    """Fill each hole with the last sample before it."""
    columns = np.where(np.isnan(table), 0, np.arange(table.shape[1]))
    return np.take_along_axis(table, np.maximum.accumulate(columns, axis=1), axis=1)


def _restarts(started: FloatArray, values: FloatArray) -> BoolArray:
    """Tell at which scrapes the process was a new one, by its start, else by falling counters.

    Without a start most of what was counted must have fallen: a single label that the
    service removed is no restart.
    """
    before = _carried(values)[:, :-1]
    now = values[:, 1:]
    by_fall = 2 * np.where(now < before, before, 0).sum(axis=0) > np.where(np.isnan(now), 0, before).sum(axis=0)
    moved = np.abs(np.diff(started, axis=1)).sum(axis=0) if started.size else np.full(by_fall.size, np.nan)
    known = np.where(np.isnan(moved), by_fall, moved > _START_TOLERANCE_SECONDS)
    return np.concatenate([[False], known])[: values.shape[1]].astype(np.bool_)


def _bound(labels: Mapping[str, str], names: MetricNames) -> float:
    """Read `le` as a number: servers write 1, 1.0 or 1e0 for the same bound."""
    if labels["__name__"] != names.bucket:
        return np.nan
    text = labels.get("le", "")
    try:
        bound = float(text)
    except ValueError:
        bound = np.nan
    if np.isnan(bound):
        raise PrometheusAnswerError(
            f"a series of {names.bucket} has the bound le='{text}', which is no number; histograms need le "
            f"(VictoriaMetrics' own vmrange must be converted with prometheus_buckets)."
        )
    return float(f"{bound * names.seconds_per_unit:.{_BOUND_DIGITS}g}")
