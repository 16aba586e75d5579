"""Raw counters of one arm, turned into gains per replica: restarts and births repaired.

Fed with an `Answer` by `reliability.sources.increments`. Grids, arms and windows of
scrapes do not belong here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from reliability.sources.answer import Answer, FloatArray, Series
from reliability.sources.metrics import PROCESS_START, UP, MetricNames

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.intp]
_START_TOLERANCE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replica:
    """One scraped process of an arm.

    Attributes:
        instance: Label `instance`; empty when the series have none.
        times_seconds: Unix instants of its successful scrapes, shape `(S,)`, increasing.
        tried_seconds: Unix instants of all scrapes that are known of, increasing.
        restarted: The process was started anew since the scrape before, shape `(S,)`.
        started_seconds: Unix instant at which the process started, shape `(S,)`; NaN where
            that is not known.
        rows: Labels of its counters, `R` of them, in a fixed order.
        gains: What each counter gained since the scrape before, shape `(R, S)`. The first
            scrape gains nothing.
        first_values: What each counter showed at the first scrape, shape `(R,)`; zero for
            counters that were born later.
    """

    instance: str
    times_seconds: FloatArray
    tried_seconds: FloatArray
    restarted: BoolArray
    started_seconds: FloatArray
    rows: tuple[Mapping[str, str], ...]
    gains: FloatArray
    first_values: FloatArray


def read_replicas(answer: Answer, *, names: MetricNames) -> tuple[Replica, ...]:
    """Split an answer into replicas and repair their counters.

    A counter that drops began again at zero, and with it all buckets of its histogram;
    when the process started anew, so did all its counters. A counter that appears at a
    replica that was scraped before was born at zero.

    Args:
        answer: Series of one arm.
        names: Names of the metrics that count.

    Returns:
        The replicas that were scraped at least once, by job and instance.
    """
    by_replica: dict[tuple[str, str], list[Series]] = {}
    for series in answer.series:
        key = (series.labels.get("job", ""), series.labels.get("instance", ""))
        by_replica.setdefault(key, []).append(series)
    replicas = (_replica(key[1], by_replica[key], names) for key in sorted(by_replica))
    return tuple(replica for replica in replicas if replica.times_seconds.size)


def _replica(instance: str, members: list[Series], names: MetricNames) -> Replica:
    finite = [_finite(series) for series in members]
    counting = {names.bucket, names.total, names.latency_sum, names.requests}
    counters = sorted(
        (series for series in finite if series.name in counting and series.values.size),
        key=lambda series: sorted(series.labels.items()),
    )
    starts = [series for series in finite if series.name == PROCESS_START]
    ups = [series for series in finite if series.name == UP]
    times = _instants([*counters, *starts, *(_successful(up) for up in ups)])
    values = _table(counters, times)
    started = _started(starts, times)
    groups = _groups(counters, names)
    counts = np.array([series.name != names.latency_sum for series in counters], dtype=np.bool_)
    drops = _drops(values) & counts[:, np.newaxis]  # a falling sum of latencies is no sure sign
    restarted = _restarts(started, drops[counts], values[counts])
    resets = _resets_by_group(drops, groups) | restarted
    return Replica(
        instance=instance,
        times_seconds=times,
        tried_seconds=_instants([*counters, *starts, *ups]),
        restarted=restarted,
        started_seconds=started,
        rows=tuple(series.labels for series in counters),
        gains=_gains(values, resets[groups]),
        first_values=np.nan_to_num(values[:, 0]) if times.size else np.zeros(len(counters)),
    )


def _finite(series: Series) -> Series:
    return _only(series, np.isfinite(series.values))


def _successful(up: Series) -> Series:
    return _only(up, up.values == 1)


def _only(series: Series, chosen: BoolArray) -> Series:
    return replace(series, times_seconds=series.times_seconds[chosen], values=series.values[chosen])


def _instants(series: Sequence[Series]) -> FloatArray:
    return np.unique(np.concatenate([one.times_seconds for one in series])) if series else np.empty(0)


def _table(series: list[Series], times: FloatArray) -> FloatArray:
    """Put series on the scrapes, one a row; NaN where a series has no sample."""
    table = np.full((len(series), times.size), np.nan)
    for row, one in enumerate(series):
        table[row, np.searchsorted(times, one.times_seconds)] = one.values
    return table


def _started(starts: list[Series], times: FloatArray) -> FloatArray:
    table = _table(starts[:1], times)  # one process has one start; a second series says nothing more
    return table[0] if starts else np.full(times.size, np.nan)


def _groups(counters: list[Series], names: MetricNames) -> IntArray:
    """Number the counters so that those which can only begin anew together share a number."""
    histogram = {names.bucket, names.total, names.latency_sum}
    numbers: dict[object, int] = {}
    found = []
    for series in counters:
        in_histogram = series.name in histogram
        hidden = {"le", "__name__"} if in_histogram else set()
        key = frozenset(item for item in series.labels.items() if item[0] not in hidden)
        found.append(numbers.setdefault((in_histogram, key), len(numbers)))
    return np.array(found, dtype=np.intp)


def _last_sample(values: FloatArray) -> IntArray:
    """Return the column of each cell's last sample before it, -1 where there is none."""
    columns = np.where(np.isnan(values), -1, np.arange(values.shape[1]))
    before = np.full(values.shape, -1, dtype=np.intp)
    before[:, 1:] = np.maximum.accumulate(columns, axis=1)[:, :-1]
    return before


def _before(values: FloatArray) -> FloatArray:
    """Return each cell's last sample before it, NaN where there is none."""
    last = _last_sample(values)
    return np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=1), np.nan)


def _drops(values: FloatArray) -> BoolArray:
    """Tell where a counter fell."""
    if not values.size:
        return np.zeros(values.shape, dtype=np.bool_)
    fell: BoolArray = values < _before(values)
    return fell


def _restarts(started: FloatArray, drops: BoolArray, values: FloatArray) -> BoolArray:
    """Tell at which scrapes the process was a new one, by its start, else by falling counters.

    Without a start most of what was counted must have fallen: a single label that the
    service removed is no restart.
    """
    before = _before(started[np.newaxis])[0] if started.size else started
    known = np.isfinite(started) & np.isfinite(before)
    by_start = known & (np.abs(started - np.where(known, before, started)) > _START_TOLERANCE_SECONDS)
    if not values.size:
        return by_start
    had = np.where(np.isnan(values), 0, np.nan_to_num(_before(values)))
    by_fall = (had * drops).sum(axis=0) * 2 > had.sum(axis=0)
    return np.where(known, by_start, by_fall)


def _resets_by_group(drops: BoolArray, groups: IntArray) -> BoolArray:
    resets = np.zeros((int(groups.max(initial=-1)) + 1, drops.shape[1]), dtype=np.bool_)
    np.logical_or.at(resets, groups, drops)
    return resets


def _gains(values: FloatArray, resets: BoolArray) -> FloatArray:
    """Return the gain of each cell over its last sample; after a reset, or at birth, all of it."""
    if not values.size:
        return np.zeros(values.shape)
    last = _last_sample(values)
    reset_count: IntArray = np.cumsum(resets, axis=1)
    since = reset_count - np.take_along_axis(reset_count, np.maximum(last, 0), axis=1)
    anew = (last < 0) | (since > 0)
    before = np.where(anew, 0, np.take_along_axis(values, np.maximum(last, 0), axis=1))
    gains = np.nan_to_num(values - before)
    gains[:, 0] = 0
    return gains
