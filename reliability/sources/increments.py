"""From raw counters of two arms to counts on common scrapes, with the health of the data.

Fed with the answers of a `MetricsSource`; the judges read the counts. What a count means
for a release does not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.errors import SelectorError
from reliability.judge.counts import PairedCounts
from reliability.sources.answer import Answer
from reliability.sources.arm_counts import (
    ReplicaGains,
    common_bounds,
    gains_between,
    has_other_bounds,
    sum_arm,
)
from reliability.sources.metrics import MetricNames
from reliability.sources.pair_health import PairHealth, ReplicaHealth, describe_health, unknown_health
from reliability.sources.replicas import IntArray, Replica, read_replicas
from reliability.sources.scrape_grid import Placed, ScrapeGrid, build_grid
from reliability.window import Window

__all__ = ["REASONS", "PairHealth", "Pairing", "ReplicaHealth", "pair_counts"]

NO_TRAFFIC: Final = "no-traffic"
NO_TRAFFIC_BASELINE: Final = "no-traffic-baseline"
NO_TRAFFIC_CANARY: Final = "no-traffic-canary"
TOO_FEW_SCRAPES: Final = "too-few-scrapes"
BUCKETS_MISSING: Final = "buckets-missing"
REQUESTS_MISSING: Final = "requests-missing"
BOUNDS_DIFFER: Final = "bounds-differ"
REASONS: Final = (
    NO_TRAFFIC,
    NO_TRAFFIC_BASELINE,
    NO_TRAFFIC_CANARY,
    TOO_FEW_SCRAPES,
    BUCKETS_MISSING,
    REQUESTS_MISSING,
    BOUNDS_DIFFER,
)
_EDGES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairing:
    """Counts of two arms, if they can be compared.

    Attributes:
        counts: The counts; None when `health.reason` says why not.
        health: What was found in the data.
    """

    counts: PairedCounts | None
    health: PairHealth


def pair_counts(baseline: Answer, canary: Answer, *, names: MetricNames, window: Window) -> Pairing:
    """Count requests, errors and buckets of two arms between the scrapes that both have.

    Only increments whose both ends lie inside the window count. A counter that dropped
    began again at zero; one that appeared at a known replica was born at zero; a replica
    that appears inside the window counts from zero only when its process started inside
    the window.

    Args:
        baseline: Raw samples of the baseline.
        canary: Raw samples of the canary.
        names: Names of the metrics.
        window: Time to be judged.

    Returns:
        Counts and health. There are no counts, and `health.reason` is one of `REASONS`,
        when an arm had no traffic, when fewer than two scrapes are common, when a metric
        is missing in an arm, or when the histograms share no finite bound.

    Raises:
        SelectorError: A counter belongs to both arms.
        PrometheusAnswerError: A bucket has no bound that can be read.
    """
    _check_apart(baseline, canary, names)
    replicas = read_replicas(baseline, names=names), read_replicas(canary, names=names)
    grid = build_grid(*replicas, window=window)
    if grid is None:
        return Pairing(counts=None, health=unknown_health(_without_counters(*replicas) or TOO_FEW_SCRAPES))
    everyone = [*replicas[0], *replicas[1]]
    bounds = common_bounds(everyone, names=names)
    points = _points(grid)
    arms = (
        _arm_gains(replicas[0], grid.baseline, points, names=names, window=window),
        _arm_gains(replicas[1], grid.canary, points, names=names, window=window),
    )
    reason = _reason(*arms, grid=grid, points=points, names=names)
    if reason is None and bounds is None:
        reason = BOUNDS_DIFFER
    health = describe_health(
        *arms,
        grid=grid,
        points=points,
        names=names,
        has_other_bounds=bounds is not None and has_other_bounds(everyone, bounds, names=names),
        reason=reason,
    )
    if reason or bounds is None:
        return Pairing(counts=None, health=health)
    counts = PairedCounts(
        edges_seconds=np.asarray(grid.zero_seconds + points * grid.interval_seconds, dtype=np.float64),
        upper_bounds_seconds=bounds,
        baseline=sum_arm(arms[0], bounds=bounds, names=names),
        canary=sum_arm(arms[1], bounds=bounds, names=names),
        scrape_interval_seconds=grid.interval_seconds,
    )
    return Pairing(counts=counts, health=health)


def _check_apart(baseline: Answer, canary: Answer, names: MetricNames) -> None:
    counting = {names.bucket, names.total, names.requests}
    seen = {frozenset(series.labels.items()) for series in baseline.series if series.name in counting}
    for series in canary.series:
        if frozenset(series.labels.items()) in seen:
            raise SelectorError(
                f"the series {dict(series.labels)} belongs to the baseline and to the canary; "
                f"choose matchers that tell the arms apart."
            )


def _points(grid: ScrapeGrid) -> IntArray:
    """Return the usable points, or both ends of the window when there are too few of them."""
    if grid.usable_points.size >= _EDGES:
        return grid.usable_points
    return np.unique([grid.first_point, grid.last_point]) if grid.expected else grid.usable_points


def _arm_gains(
    replicas: Sequence[Replica],
    placed: Sequence[Placed],
    points: IntArray,
    *,
    names: MetricNames,
    window: Window,
) -> list[ReplicaGains]:
    start = window.start.timestamp()
    return [
        gains_between(
            replica,
            scrapes,
            points=points,
            born_at_zero=bool(replica.started_seconds[0] >= start),
            names=names,
        )
        for replica, scrapes in zip(replicas, placed, strict=True)
    ]


def _without_counters(baseline: Sequence[Replica], canary: Sequence[Replica]) -> str | None:
    return _without_traffic(any(replica.rows for replica in baseline), any(replica.rows for replica in canary))


def _without_traffic(baseline: bool, canary: bool) -> str | None:
    """Name the arm for which there is none, None when both have some."""
    if baseline and canary:
        return None
    if canary:
        return NO_TRAFFIC_BASELINE
    return NO_TRAFFIC_CANARY if baseline else NO_TRAFFIC


def _reason(
    baseline: Sequence[ReplicaGains],
    canary: Sequence[ReplicaGains],
    *,
    grid: ScrapeGrid,
    points: IntArray,
    names: MetricNames,
) -> str | None:
    """Say why the arms cannot be compared, None when they can."""
    silent = _without_counters([part.replica for part in baseline], [part.replica for part in canary])
    if silent or points.size < _EDGES:
        return silent or TOO_FEW_SCRAPES
    arms = baseline, canary
    silent = _without_traffic(*(_requests(arm) + _counted_requests(arm) > 0 for arm in arms))
    if silent:
        return silent
    if not all(_has(arm, names.bucket) for arm in arms):
        return BUCKETS_MISSING
    silent = _without_traffic(*(_requests(arm) > 0 for arm in arms))
    if silent or grid.usable_points.size < _EDGES:
        return silent or TOO_FEW_SCRAPES
    return None if all(_has(arm, names.requests) for arm in arms) else REQUESTS_MISSING


def _requests(arm: Sequence[ReplicaGains]) -> float:
    return sum(float(part.requests.sum()) for part in arm)


def _counted_requests(arm: Sequence[ReplicaGains]) -> float:
    return sum(float(part.counted_requests.sum()) for part in arm)


def _has(arm: Sequence[ReplicaGains], name: str) -> bool:
    return any(labels["__name__"] == name for part in arm for labels in part.replica.rows)
