"""How good the data of two arms is: replicas, restarts, missed scrapes, what stays unknown.

Fed by `reliability.sources.increments`; whether the data is good enough for a verdict is
decided by the judges.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.sources.arm_counts import ReplicaGains
from reliability.sources.metrics import MetricNames
from reliability.sources.replicas import BoolArray, IntArray
from reliability.sources.scrape_grid import ScrapeGrid, arm_interval, intervals_differ

NOTES: Final[Mapping[str, str]] = {
    "restart": "a replica restarted; what it served after its last scrape is unknown",
    "replica-born": "a replica appeared inside the window",
    "replica-gone": "a replica was scraped no more before the window ended",
    "birth-uncounted": "a replica appeared, but it is not known that it started inside the window; "
    "what it counted before its first scrape is left out",
    "missed-scrapes": "a replica missed scrapes; the intervals around them are longer",
    "bounds-merged": "histograms have different bounds; only the common ones are used",
    "requests-differ": "the counter of requests and the histogram disagree by more than 1 %",
    "errors-exceed-requests": "more errors were counted than requests in the histogram",
    "intervals-differ": "the arms are scraped at different intervals; the longer one is used",
    "metrics-route": "requests for /metrics are counted too; exclude them with a matcher",
}
_REQUESTS_DIFFER_FRACTION: Final = 0.01
_REQUESTS_DIFFER_COUNT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaHealth:
    """One replica inside the judged window.

    Attributes:
        instance: Label `instance`.
        requests: Requests between the first and the last common scrape.
        errors: Failed requests of them.
        restarts: How often the process was started anew.
        gap_seconds: Time between the last scrape before and the first after each restart.
        born: It appeared inside the window.
        gone: It was not scraped up to the end.
    """

    instance: str
    requests: int
    errors: int
    restarts: int
    gap_seconds: float
    born: bool
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PairHealth:
    """Health of the data of both arms.

    Attributes:
        baseline: Replicas of the baseline.
        canary: Replicas of the canary.
        scrape_interval_seconds: Distance of two scrapes; None when it is not known.
        expected_scrapes: Rounds of scrapes inside the window.
        used_scrapes: Rounds at which both arms could be compared.
        lost_requests_at_most: Requests that restarts and vanished replicas may have taken
            with them: those of the busiest scrape interval for each.
        notes: Codes, keys of `NOTES`.
        reason: Why there are no counts; None when there are.
    """

    baseline: tuple[ReplicaHealth, ...]
    canary: tuple[ReplicaHealth, ...]
    scrape_interval_seconds: float | None
    expected_scrapes: int
    used_scrapes: int
    lost_requests_at_most: int
    notes: tuple[str, ...]
    reason: str | None

    @property
    def missing_fraction(self) -> float:
        """Share of the expected rounds that could not be used; 1 when none was expected."""
        return 1 - self.used_scrapes / self.expected_scrapes if self.expected_scrapes else 1.0

    @property
    def restarts(self) -> int:
        """Restarts of all replicas."""
        return sum(replica.restarts for replica in (*self.baseline, *self.canary))


def describe_health(
    baseline: Sequence[ReplicaGains],
    canary: Sequence[ReplicaGains],
    *,
    grid: ScrapeGrid,
    points: IntArray,
    names: MetricNames,
    has_other_bounds: bool,
    reason: str | None,
) -> PairHealth:
    """Describe the data behind the counts.

    Args:
        baseline: Gains of the baseline's replicas.
        canary: Gains of the canary's replicas.
        grid: Common scrapes.
        points: The points that the gains lie between.
        names: Names of the metrics.
        has_other_bounds: Bounds were given up to merge histograms.
        reason: Why there are no counts, else None.

    Returns:
        The health.
    """
    everyone = [*baseline, *canary]
    latest = max(int(part.scrapes.points[-1]) for part in everyone)
    arms = [
        tuple(_replica(part, grid, points, min(latest, grid.last_point)) for part in arm) for arm in (baseline, canary)
    ]
    lost = sum(
        (replica.restarts + replica.gone) * _busiest_interval(part, points)
        for part, replica in zip(everyone, [*arms[0], *arms[1]], strict=True)
    )
    found = {
        "restart": any(replica.restarts for arm in arms for replica in arm),
        "replica-born": any(replica.born for arm in arms for replica in arm),
        "replica-gone": any(replica.gone for arm in arms for replica in arm),
        "birth-uncounted": any(_is_born(part, grid) and not part.born_at_zero for part in everyone),
        "missed-scrapes": grid.missed,
        "bounds-merged": has_other_bounds,
        "requests-differ": any(_requests_differ(arm) for arm in (baseline, canary)),
        "errors-exceed-requests": any(_errors_exceed(arm) for arm in (baseline, canary)),
        "intervals-differ": intervals_differ(
            *(arm_interval([part.replica for part in arm]) for arm in (baseline, canary))
        ),
        "metrics-route": any(_counts_metrics_route(part, names) for part in everyone),
    }
    return PairHealth(
        baseline=arms[0],
        canary=arms[1],
        scrape_interval_seconds=grid.interval_seconds,
        expected_scrapes=grid.expected,
        used_scrapes=int(grid.usable_points.size),
        lost_requests_at_most=lost,
        notes=tuple(code for code in NOTES if found[code]),
        reason=reason,
    )


def unknown_health(reason: str) -> PairHealth:
    """Describe data in which nothing was scraped twice."""
    return PairHealth(
        baseline=(),
        canary=(),
        scrape_interval_seconds=None,
        expected_scrapes=0,
        used_scrapes=0,
        lost_requests_at_most=0,
        notes=(),
        reason=reason,
    )


def _replica(part: ReplicaGains, grid: ScrapeGrid, points: IntArray, latest: int) -> ReplicaHealth:
    restarted = _restarts_inside(part, points)
    waits = np.diff(part.replica.times_seconds, prepend=part.replica.times_seconds[0])
    return ReplicaHealth(
        instance=part.replica.instance,
        requests=round(float(part.requests.sum())),
        errors=round(float(part.errors.sum())),
        restarts=int(restarted.sum()),
        gap_seconds=round(float(waits[restarted].sum()), 3),
        born=_is_born(part, grid),
        gone=int(part.scrapes.points[-1]) < latest - 1,  # the last scrape may only be late
    )


def _restarts_inside(part: ReplicaGains, points: IntArray) -> BoolArray:
    if not points.size:
        return np.zeros(part.replica.restarted.shape, dtype=np.bool_)
    at = part.scrapes.points_of_scrapes
    inside: BoolArray = part.replica.restarted & (at > points[0]) & (at <= points[-1])
    return inside


def _is_born(part: ReplicaGains, grid: ScrapeGrid) -> bool:
    return bool(grid.first_point < part.scrapes.points[0] <= grid.last_point)


def _busiest_interval(part: ReplicaGains, points: IntArray) -> int:
    return math.ceil(float((part.requests / np.diff(points)).max(initial=0.0))) if points.size > 1 else 0


def _requests_differ(arm: Sequence[ReplicaGains]) -> bool:
    by_histogram = sum(float(part.requests.sum()) for part in arm)
    by_counter = sum(float(part.counted_requests.sum()) for part in arm)
    allowed = max(_REQUESTS_DIFFER_COUNT, _REQUESTS_DIFFER_FRACTION * max(by_histogram, by_counter))
    return abs(by_histogram - by_counter) > allowed


def _errors_exceed(arm: Sequence[ReplicaGains]) -> bool:
    return sum(float(part.errors.sum()) - float(part.requests.sum()) for part in arm) > 0


def _counts_metrics_route(part: ReplicaGains, names: MetricNames) -> bool:
    return any(
        labels["__name__"] in (names.bucket, names.requests) and "/metrics" in labels.values()
        for labels in part.replica.rows
    )
