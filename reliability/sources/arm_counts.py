"""Sums the gains of an arm's replicas over the intervals between common scrapes.

Buckets of different replicas are merged to the bounds that all have. Which intervals
there are and what the sums mean does not belong here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reliability.judge.counts import ArmCounts
from reliability.sources.answer import FloatArray
from reliability.sources.metrics import MetricNames
from reliability.sources.replicas import BoolArray, IntArray, Replica


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplicaCounts:
    """What one replica counted in the `T` intervals between `T + 1` rounds.

    Attributes:
        replica: Whose counters.
        columns: Column of its last scrape in or before each round, -1 before the first.
        gains: Shape `(R, T)`; zero while the replica was down, not yet born or gone.
        requests: By the histogram, shape `(T,)`.
        counted_requests: By the counter of requests, shape `(T,)`.
        errors: By the counter of requests, shape `(T,)`.
    """

    replica: Replica
    columns: IntArray
    gains: FloatArray
    requests: FloatArray
    counted_requests: FloatArray
    errors: FloatArray


def count_replica(replica: Replica, columns: IntArray, *, names: MetricNames) -> ReplicaCounts:
    """Sum up what a replica gained between neighbouring rounds; `columns` as in `ReplicaCounts`."""
    totals = np.cumsum(np.insert(replica.gains, 0, 0, axis=1), axis=1)
    gains = np.diff(totals[:, columns + 1], axis=1)
    counted = _mask(labels["__name__"] == names.requests for labels in replica.rows)
    failed = _mask(all(matcher.matches(labels) for matcher in names.error_matchers) for labels in replica.rows)
    return ReplicaCounts(
        replica=replica,
        columns=columns,
        gains=gains,
        requests=gains[replica.bounds_seconds == np.inf].sum(axis=0),
        counted_requests=gains[counted].sum(axis=0),
        errors=gains[counted & failed].sum(axis=0),
    )


def common_bounds(replicas: Iterable[Replica]) -> tuple[FloatArray, bool]:
    """Return the bucket bounds that every histogram has, and whether some have others too.

    Returns:
        Increasing bounds in seconds, the last one `inf`; only that one when the
        histograms share no other.
    """
    found = Counter(bound for replica in replicas for bound in replica.bounds_seconds.tolist() if bound > -np.inf)
    common = sorted(bound for bound, count in found.items() if count == found[np.inf])
    return np.array(common), len(common) < len(found)


def sum_arm(parts: Sequence[ReplicaCounts], *, bounds: FloatArray, names: MetricNames) -> ArmCounts:
    """Add up the replicas of an arm.

    Args:
        parts: Counts of each replica, at least one.
        bounds: Common bounds in seconds, the last one `inf`.
        names: Names of the metrics.

    Returns:
        The counts of the arm.
    """
    rows = [labels for part in parts for labels in part.replica.rows]
    gains = np.concatenate([part.gains for part in parts])
    bound_of_row = np.concatenate([part.replica.bounds_seconds for part in parts])
    buckets = np.stack([gains[bound_of_row == bound].sum(axis=0) for bound in bounds], axis=1)
    buckets = np.maximum.accumulate(buckets, axis=1)  # a reset that only some buckets show must not turn the order
    sums = gains[_mask(labels["__name__"] == names.latency_sum for labels in rows)]
    requests = buckets[:, -1]
    return ArmCounts(
        bucket_counts=buckets,
        requests=requests,
        errors=_errors_within(np.sum([part.errors for part in parts], axis=0), requests),
        latency_sum_seconds=sums.sum(axis=0) * names.seconds_per_unit if sums.size else np.full(requests.size, np.nan),
    )


def _mask(chosen: Iterable[bool]) -> BoolArray:
    return np.array(list(chosen), dtype=np.bool_)


def _errors_within(errors: FloatArray, requests: FloatArray) -> FloatArray:
    """Move errors to the first scrape with room for them: their requests may come one scrape later."""
    seen = np.concatenate(([0.0], np.cumsum(requests)))
    ahead = np.concatenate(([0.0], np.cumsum(errors))) - seen
    return np.diff(seen + np.minimum.accumulate(ahead))
