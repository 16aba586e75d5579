"""Sums the gains of an arm's replicas over the intervals between common scrapes, also by route.

Buckets of different replicas are merged to the bounds that all have. Which intervals
there are and what the sums mean does not belong here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from reliability.judge.counts import ArmCounts, ReplicaTotals
from reliability.judge.routes import OTHER_ROUTES
from reliability.sources.answer import FloatArray
from reliability.sources.metrics import MetricNames
from reliability.sources.replicas import BoolArray, IntArray, Replica
from reliability.sources.scrape_grid import ScrapeGrid

_MOST_ROUTES: Final = 100  # a label with more values holds paths with names and numbers in them


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSplit:
    """How series are filed under routes.

    Attributes:
        label: Label whose values are the routes.
        kept: The busiest values; all others are `OTHER_ROUTES`.
    """

    label: str
    kept: frozenset[str]

    def route_of(self, labels: Mapping[str, str]) -> str:
        """Return the route of a series; empty when it lacks the label."""
        value = labels.get(self.label, "")
        return value if value in self.kept else OTHER_ROUTES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplicaCounts:
    """What one replica counted in the `T` intervals between `T + 1` rounds.

    Attributes:
        replica: Whose counters.
        columns: Column of its last scrape in or before each round, -1 before the first.
        gains: Shape `(R, T)`; zero while the replica was down, not yet born or gone.
        is_sum: Rows that add up latencies, shape `(R,)`.
        is_error: Rows that count failed requests, shape `(R,)`.
        requests: By the histogram, shape `(T,)`.
        counted_requests: By the counter of requests, shape `(T,)`.
        errors: By the counter of requests, shape `(T,)`.
    """

    replica: Replica
    columns: IntArray
    gains: FloatArray
    is_sum: BoolArray
    is_error: BoolArray
    requests: FloatArray
    counted_requests: FloatArray
    errors: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountedArm:
    """The replicas of an arm, counted on a grid of scrapes.

    Attributes:
        parts: Counts of each replica.
        grid: All rounds of scrapes inside the window.
        columns: Of each replica the columns at all rounds of the grid.
        rounds: The rounds that the counts lie between.
    """

    parts: tuple[ReplicaCounts, ...]
    grid: ScrapeGrid
    columns: tuple[IntArray, ...]
    rounds: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmSum:
    """The replicas of an arm added up.

    Attributes:
        total: Counts of the arm.
        routes: The same counts by route; they add up to `total`. A route's errors are NaN
            when there are errors of a route that the histogram does not have, because the two
            metrics name their routes differently.
        replicas: Totals of the replicas that served.
        can_split_errors: The errors of each route are known.
    """

    total: ArmCounts
    routes: Mapping[str, ArmCounts]
    replicas: tuple[ReplicaTotals, ...]
    can_split_errors: bool


def count_arm(replicas: Sequence[Replica], grid: ScrapeGrid, place: int, *, names: MetricNames) -> CountedArm:
    """Count the replicas of an arm between the usable rounds, between all when none can be paired.

    Args:
        replicas: Replicas of the arm.
        grid: Rounds of scrapes.
        place: Which arm of the grid it is.
        names: Names of the metrics.

    Returns:
        The counted arm.
    """
    rounds = np.flatnonzero(grid.usable if grid.can_pair else np.ones_like(grid.usable))
    columns = grid.columns[place]
    parts = [_count_replica(one, found[rounds], names) for one, found in zip(replicas, columns, strict=True)]
    return CountedArm(parts=tuple(parts), grid=grid, columns=columns, rounds=rounds)


def split_routes(arms: Sequence[CountedArm], label: str) -> RouteSplit:
    """Find the busiest routes of both arms together."""
    requests: Counter[str] = Counter()
    for part in (part for arm in arms for part in arm.parts):
        infinite = np.flatnonzero(part.replica.bounds_seconds == np.inf)
        for row, count in zip(infinite.tolist(), part.gains[infinite].sum(axis=1).tolist(), strict=True):
            requests[part.replica.rows[row].get(label, "")] += count
    busiest = sorted(requests, key=lambda route: (-requests[route], route))
    return RouteSplit(label=label, kept=frozenset(busiest[:_MOST_ROUTES]))


def common_bounds(replicas: Iterable[Replica]) -> tuple[FloatArray, int]:
    """Return the bucket bounds that every histogram has, and how many others some have.

    Returns:
        Increasing bounds in seconds, the last one `inf`; only that one when the
        histograms share no other.
    """
    found = Counter(bound for replica in replicas for bound in replica.bounds_seconds.tolist() if bound > -np.inf)
    common = sorted(bound for bound, count in found.items() if count == found[np.inf])
    return np.array(common), len(found) - len(common)


def sum_arm(
    parts: Sequence[ReplicaCounts], *, bounds: FloatArray, names: MetricNames, split: RouteSplit | None = None
) -> ArmSum:
    """Add up the replicas of an arm.

    Args:
        parts: Counts of each replica, at least one.
        bounds: Common bounds in seconds, the last one `inf`.
        names: Names of the metrics.
        split: How series are filed under routes; None for one route of all requests.

    Returns:
        The counts of the arm; without a split it has no routes.
    """
    routes, can_split = _by_route(parts, bounds, names, split)
    total = _added(tuple(routes.values()))
    if not can_split:
        errors = np.sum([part.errors for part in parts], axis=0)
        total = replace(total, errors=_errors_within(errors, total.requests))
        routes = {route: replace(arm, errors=np.full(errors.size, np.nan)) for route, arm in routes.items()}
    return ArmSum(
        total=total,
        routes=routes if split else {},
        replicas=tuple(_totals(part, bounds, names) for part in parts if part.requests.any()),
        can_split_errors=can_split,
    )


def _count_replica(replica: Replica, columns: IntArray, names: MetricNames) -> ReplicaCounts:
    """Sum up what a replica gained between neighbouring rounds; `columns` as in `ReplicaCounts`."""
    totals = np.cumsum(np.insert(replica.gains, 0, 0, axis=1), axis=1)
    gains = np.diff(totals[:, columns + 1], axis=1)
    counted = _mask(labels["__name__"] == names.requests for labels in replica.rows)
    failed = counted & _mask(all(one.matches(labels) for one in names.error_matchers) for labels in replica.rows)
    return ReplicaCounts(
        replica=replica,
        columns=columns,
        gains=gains,
        is_sum=_mask(labels["__name__"] == names.latency_sum for labels in replica.rows),
        is_error=failed,
        requests=gains[replica.bounds_seconds == np.inf].sum(axis=0),
        counted_requests=gains[counted].sum(axis=0),
        errors=gains[failed].sum(axis=0),
    )


def _by_route(
    parts: Sequence[ReplicaCounts], bounds: FloatArray, names: MetricNames, split: RouteSplit | None
) -> tuple[dict[str, ArmCounts], bool]:
    """Add up the rows of each route of the histogram; tell whether all errors belong to these."""
    values = [split.route_of(labels) if split else "" for part in parts for labels in part.replica.rows]
    routes, route_of_row = np.unique(np.array(values, dtype=np.object_), return_inverse=True)
    gains = np.concatenate([part.gains for part in parts])
    bound_of_row = np.concatenate([part.replica.bounds_seconds for part in parts])
    slot_of_row = np.searchsorted(bounds, bound_of_row)
    is_bucket = bounds[np.minimum(slot_of_row, bounds.size - 1)] == bound_of_row
    is_sum, is_error = (np.concatenate([getattr(part, kind) for part in parts]) for kind in ("is_sum", "is_error"))
    infinite, sums, errors = bounds.size - 1, bounds.size, bounds.size + 1  # places behind the finite bounds
    rows = np.concatenate([np.flatnonzero(kind) for kind in (is_bucket, is_sum, is_error)])
    kinds = (slot_of_row[is_bucket], np.full(is_sum.sum(), sums), np.full(is_error.sum(), errors))
    places = route_of_row[rows] * (errors + 1) + np.concatenate(kinds)
    shape = (routes.size, errors + 1, gains.shape[1])
    table = _grouped(gains[rows], places, group_count=shape[0] * shape[1]).reshape(shape)
    row_counts = np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape[:2])
    has_histogram = row_counts[:, infinite] > 0
    table[row_counts[:, sums] < row_counts[:, infinite], sums] = np.nan
    found = {
        str(route): _route(of_route[: bounds.size], of_route[sums] * names.seconds_per_unit, of_route[errors])
        for route, of_route in zip(routes[has_histogram], table[has_histogram], strict=True)
    }
    return found, not table[~has_histogram, errors].any()


def _grouped(values: FloatArray, groups: IntArray, *, group_count: int) -> FloatArray:
    """Sum the rows of each group; shape `(group_count, T)`."""
    order = np.argsort(groups, kind="stable")
    used, starts = np.unique(groups[order], return_index=True)
    sums = np.zeros((group_count, values.shape[1]))
    if used.size:
        sums[used] = np.add.reduceat(values[order], starts, axis=0)
    return sums


def _route(cumulative: FloatArray, sums_seconds: FloatArray, errors: FloatArray) -> ArmCounts:
    # A reset that only some buckets show must not turn their order.
    buckets = np.maximum.accumulate(cumulative.T, axis=1)
    return ArmCounts(
        bucket_counts=buckets,
        requests=buckets[:, -1],
        errors=_errors_within(errors, buckets[:, -1]),
        latency_sum_seconds=sums_seconds,
    )


def _added(routes: Sequence[ArmCounts]) -> ArmCounts:
    buckets = np.sum([route.bucket_counts for route in routes], axis=0)
    return ArmCounts(
        bucket_counts=buckets,
        requests=buckets[:, -1],
        errors=np.sum([route.errors for route in routes], axis=0),
        latency_sum_seconds=np.sum([route.latency_sum_seconds for route in routes], axis=0),
    )


def _totals(part: ReplicaCounts, bounds: FloatArray, names: MetricNames) -> ReplicaTotals:
    whole = replace(part, gains=part.gains.sum(axis=1, keepdims=True))
    (counted,) = _by_route((whole,), bounds, names, None)[0].values()
    errors = min(float(part.errors.sum()), float(counted.requests[0]))
    return ReplicaTotals(instance=part.replica.instance, bucket_counts=counted.bucket_counts[0], errors=errors)


def _mask(chosen: Iterable[bool]) -> BoolArray:
    return np.array(list(chosen), dtype=np.bool_)


def _errors_within(errors: FloatArray, requests: FloatArray) -> FloatArray:
    """Move errors to the first scrape with room for them: their requests may come one scrape later."""
    seen = np.concatenate(([0.0], np.cumsum(requests)))
    ahead = np.concatenate(([0.0], np.cumsum(errors))) - seen
    return np.diff(seen + np.minimum.accumulate(ahead))
