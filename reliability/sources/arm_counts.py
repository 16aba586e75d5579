"""Sums the gains of an arm's replicas over the intervals between common scrapes.

Fed with `Replica` and `Placed`; buckets of different replicas are merged to the bounds
that all have. Which intervals there are and what the sums mean does not belong here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.errors import PrometheusAnswerError
from reliability.judge.counts import ArmCounts
from reliability.sources.answer import FloatArray
from reliability.sources.metrics import MetricNames
from reliability.sources.replicas import IntArray, Replica
from reliability.sources.scrape_grid import Placed

_BOUND_DIGITS: Final = 12  # "0.1" and "0.10" are one bound, also after milliseconds became seconds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplicaGains:
    """What the counters of one replica gained between points.

    Attributes:
        replica: Whose counters.
        scrapes: Its scrapes on the grid.
        born_at_zero: Its first scrape's values were gained inside the window.
        gains: Shape `(R, T)` for `T + 1` points.
        requests: By the histogram, shape `(T,)`.
        counted_requests: By the counter of requests, shape `(T,)`.
        errors: By the counter of requests, shape `(T,)`.
    """

    replica: Replica
    scrapes: Placed
    born_at_zero: bool
    gains: FloatArray
    requests: FloatArray
    counted_requests: FloatArray
    errors: FloatArray


def gains_between(
    replica: Replica, scrapes: Placed, *, points: IntArray, born_at_zero: bool, names: MetricNames
) -> ReplicaGains:
    """Sum up what a replica gained between each two neighbouring points.

    Args:
        replica: The replica.
        scrapes: Its scrapes on the grid.
        points: Grid points, increasing, `T + 1` of them.
        born_at_zero: The first scrape's values were gained inside the window.
        names: Names of the metrics.

    Returns:
        The gains; zero while the replica was down, not yet born or gone.
    """
    first = replica.first_values if born_at_zero else np.zeros(replica.first_values.shape)
    totals = np.cumsum(replica.gains, axis=1) + first[:, np.newaxis]
    columns = scrapes.columns_at(points)
    at_points = np.where(columns >= 0, totals[:, np.maximum(columns, 0)], 0.0)
    gains = np.diff(at_points, axis=1)
    counted = [labels["__name__"] == names.requests for labels in replica.rows]
    failed = [
        is_counter and all(matcher.matches(labels) for matcher in names.error_matchers)
        for labels, is_counter in zip(replica.rows, counted, strict=True)
    ]
    return ReplicaGains(
        replica=replica,
        scrapes=scrapes,
        born_at_zero=born_at_zero,
        gains=gains,
        requests=_sum(gains, _request_rows(replica.rows, names)),
        counted_requests=_sum(gains, counted),
        errors=_sum(gains, failed),
    )


def common_bounds(replicas: Iterable[Replica], *, names: MetricNames) -> FloatArray | None:
    """Return the bucket bounds that every histogram of every replica has, in seconds.

    Args:
        replicas: Replicas of both arms.
        names: Names of the metrics.

    Returns:
        Increasing bounds, the last one `inf`; None when the histograms share no finite
        bound. Without any histogram it is None too.

    Raises:
        PrometheusAnswerError: A bucket has no bound that can be read.
    """
    shared: set[float] | None = None
    for replica in replicas:
        for bounds in _bounds_by_histogram(replica.rows, names).values():
            shared = bounds if shared is None else shared & bounds
    finite = sorted(bound for bound in shared or () if np.isfinite(bound))
    return np.array([*finite, np.inf]) if finite else None


def has_other_bounds(replicas: Iterable[Replica], bounds: FloatArray, *, names: MetricNames) -> bool:
    """Tell whether a histogram has bounds that were given up in the merge."""
    shared = set(bounds.tolist())
    return any(found - shared for replica in replicas for found in _bounds_by_histogram(replica.rows, names).values())


def sum_arm(parts: Sequence[ReplicaGains], *, bounds: FloatArray, names: MetricNames) -> ArmCounts:
    """Add up the replicas of an arm.

    An error is counted at the first scrape that has room for it: counter and histogram
    of one request may fall into neighbouring scrapes.

    Args:
        parts: Gains of each replica, at least one.
        bounds: Common bounds in seconds, the last one `inf`.
        names: Names of the metrics.

    Returns:
        The counts of the arm.
    """
    length = parts[0].requests.size
    buckets, latency_sum = np.zeros((length, bounds.size)), np.zeros(length)
    position = {bound: column for column, bound in enumerate(bounds.tolist())}
    has_sum = False
    for part in parts:
        for labels, gain in zip(part.replica.rows, part.gains, strict=True):
            if labels["__name__"] == names.bucket and (bound := _bound(labels, names)) in position:
                buckets[:, position[bound]] += gain
            elif labels["__name__"] == names.latency_sum:
                latency_sum += gain * names.seconds_per_unit
                has_sum = True
    requests = np.sum([part.requests for part in parts], axis=0)
    buckets[:, -1] = requests
    return ArmCounts(
        bucket_counts=buckets,
        requests=requests,
        errors=_errors_within(np.sum([part.errors for part in parts], axis=0), requests),
        latency_sum_seconds=latency_sum if has_sum else np.full(length, np.nan),
    )


def _errors_within(errors: FloatArray, requests: FloatArray) -> FloatArray:
    """Move errors that came before their requests to the scrapes of those requests."""
    seen = np.concatenate(([0.0], np.cumsum(requests)))
    ahead = np.concatenate(([0.0], np.cumsum(errors))) - seen
    return np.diff(seen + np.minimum.accumulate(ahead))


def _request_rows(rows: Sequence[Mapping[str, str]], names: MetricNames) -> list[bool]:
    """Choose the `+Inf` buckets, or `_count` where a histogram has no such bucket."""
    infinite = {
        _histogram(labels) for labels in rows if labels["__name__"] == names.bucket and np.isinf(_bound(labels, names))
    }
    return [
        (labels["__name__"] == names.bucket and np.isinf(_bound(labels, names)))
        or (labels["__name__"] == names.total and _histogram(labels) not in infinite)
        for labels in rows
    ]


def _bounds_by_histogram(
    rows: Sequence[Mapping[str, str]], names: MetricNames
) -> dict[frozenset[tuple[str, str]], set[float]]:
    found: dict[frozenset[tuple[str, str]], set[float]] = {}
    for labels in rows:
        if labels["__name__"] == names.bucket:
            found.setdefault(_histogram(labels), set()).add(_bound(labels, names))
    return found


def _histogram(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in labels.items() if item[0] not in ("le", "__name__"))


def _bound(labels: Mapping[str, str], names: MetricNames) -> float:
    """Read `le` as a number: servers write 1, 1.0 or 1e0 for the same bound."""
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


def _sum(gains: FloatArray, chosen: list[bool]) -> FloatArray:
    total: FloatArray = gains[np.array(chosen, dtype=np.bool_)].sum(axis=0)
    return total
