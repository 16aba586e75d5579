"""How good the data of two arms is: replicas, restarts, missed scrapes, what stays unknown.

Fed by `reliability.sources.increments`; whether the data is good enough for a verdict is
decided by the judges.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.sources.arm_counts import CountedArm, ReplicaCounts
from reliability.sources.replicas import IntArray, Replica

_REQUESTS_DIFFER_FRACTION: Final = 0.01
_REQUESTS_DIFFER_COUNT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaHealth:
    """One replica inside the judged window.

    Attributes:
        instance: Label `instance`.
        requests: Requests between the first and the last common scrape.
        errors: Failed requests of them; None when its counter of requests is absent or stands still.
        restarts: How often the process was started anew.
        gap_seconds: Time between the last scrape before and the first after each restart.
        lost_requests_at_most: Requests that its restarts and its end may have taken with them:
            those of the busiest scrape interval for each.
    """

    instance: str
    requests: int
    errors: int | None
    restarts: int
    gap_seconds: float
    lost_requests_at_most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairHealth:
    """Health of the data of both arms; the defaults are for data without two rounds of scrapes.

    Attributes:
        reason: Why there are no counts; None when there are.
        baseline: Replicas of the baseline.
        canary: Replicas of the canary.
        scrape_interval_seconds: Distance of two scrapes; None when it is not known.
        expected_scrapes: Rounds of scrapes inside the window, or inside both windows.
        used_scrapes: Rounds at which both arms could be compared, or whole rounds of each.
        missing_fraction: Share of the expected rounds that could not be used; 1 when none was
            expected, the larger one of two windows.
        notes: Codes of what a reader should know.
    """

    reason: str | None
    baseline: tuple[ReplicaHealth, ...] = ()
    canary: tuple[ReplicaHealth, ...] = ()
    scrape_interval_seconds: float | None = None
    expected_scrapes: int = 0
    used_scrapes: int = 0
    missing_fraction: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def restarts(self) -> int:
        """Restarts of all replicas."""
        return sum(replica.restarts for replica in (*self.baseline, *self.canary))

    @property
    def lost_requests_at_most(self) -> int:
        """Requests that restarts and vanished replicas may have taken with them."""
        return sum(replica.lost_requests_at_most for replica in (*self.baseline, *self.canary))


def describe_health(
    counted: Sequence[CountedArm], replicas: Sequence[Sequence[Replica]], *, has_bounds: bool
) -> PairHealth:
    """Describe the data behind the counts.

    Args:
        counted: The baseline and the canary; nothing when one has not two rounds of scrapes.
        replicas: The replicas of both.
        has_bounds: The histograms share a finite bound.

    Returns:
        The health.
    """
    if not counted:
        has_rows = [any(replica.rows for replica in arm) for arm in replicas]
        return PairHealth(reason=silent_arm(has_rows) or "too-few-scrapes")
    by_histogram = [float(sum(part.requests.sum() for part in arm.parts)) for arm in counted]
    by_counter = [float(sum(part.counted_requests.sum() for part in arm.parts)) for arm in counted]
    silent = silent_arm([a + b > 0 for a, b in zip(by_histogram, by_counter, strict=True)])
    grids = list({id(arm.grid): arm.grid for arm in counted}.values())
    reasons = {
        silent: silent is not None,
        "buckets-missing": min(by_histogram) == 0,
        "too-few-scrapes": not all(grid.can_pair for grid in grids),
        "requests-missing": min(by_counter) == 0,
        "bounds-differ": not has_bounds,
    }
    gone = [_gone(arm, counted) for arm in counted]
    baseline, canary = (
        tuple(_replica(part, arm.rounds, is_gone=is_gone) for part, is_gone in zip(arm.parts, of_arm, strict=True))
        for arm, of_arm in zip(counted, gone, strict=True)
    )
    rows = [labels for arm in counted for part in arm.parts for labels in part.replica.rows]
    notes = {
        "replica-gone": any(any(of_arm) for of_arm in gone),
        "requests-differ": any(map(_differ, by_histogram, by_counter)),
        "metrics-route": any("/metrics" in labels.values() for labels in rows),
    }
    return PairHealth(
        reason=next((reason for reason, holds in reasons.items() if holds), None),
        baseline=baseline,
        canary=canary,
        scrape_interval_seconds=max(grid.interval_seconds for grid in grids),
        expected_scrapes=sum(grid.usable.size for grid in grids),
        used_scrapes=sum(int(grid.usable.sum()) for grid in grids),
        missing_fraction=max(1 - float(grid.usable.mean()) for grid in grids),
        notes=tuple(code for code, holds in notes.items() if holds),
    )


def silent_arm(has_traffic: Sequence[bool]) -> str | None:
    """Name the arm without traffic, None when baseline and canary have some."""
    match has_traffic:
        case [True, True]:
            return None
        case [False, True]:
            return "no-traffic-baseline"
        case [True, False]:
            return "no-traffic-canary"
    return "no-traffic"


def _replica(part: ReplicaCounts, rounds: IntArray, *, is_gone: bool) -> ReplicaHealth:
    times, restarted = part.replica.times_seconds, part.replica.restarted.copy()
    restarted[: part.columns[0] + 1] = False
    restarted[part.columns[-1] + 1 :] = False
    restarts = int(restarted.sum())
    is_counted = part.counted_requests.any() or not part.requests.any()
    return ReplicaHealth(
        instance=part.replica.instance,
        requests=round(float(part.requests.sum())),
        errors=round(float(part.errors.sum())) if is_counted else None,
        restarts=restarts,
        gap_seconds=round(float(np.diff(times, prepend=times[0])[restarted].sum()), 3),
        lost_requests_at_most=math.ceil((restarts + is_gone) * busiest_interval(part, rounds)),
    )


def busiest_interval(part: ReplicaCounts, rounds: IntArray) -> float:
    """Return the most requests that a replica served between two rounds of scrapes."""
    return float(np.ceil((part.requests / np.diff(rounds)).max(initial=0.0)))


def _gone(arm: CountedArm, counted: Sequence[CountedArm]) -> list[bool]:
    """Tell which replicas were scraped no more while others were; the last scrape may only be late."""
    others = [found for other in counted if other.grid is arm.grid for found in other.columns]
    last_round = max((_last_round(found) for found in others), default=0)
    return [
        bool(found[-1] == part.replica.times_seconds.size - 1) and _last_round(found) < last_round - 1
        for part, found in zip(arm.parts, arm.columns, strict=True)
    ]


def _last_round(columns: IntArray) -> int:
    """Return the round at which a replica was scraped last."""
    return int(np.searchsorted(columns, columns[-1]))


def _differ(by_histogram: float, by_counter: float) -> bool:
    allowed = max(_REQUESTS_DIFFER_COUNT, _REQUESTS_DIFFER_FRACTION * max(by_histogram, by_counter))
    return abs(by_histogram - by_counter) > allowed
