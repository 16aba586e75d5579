"""How good the data of two arms is: replicas, restarts, missed scrapes, what stays unknown.

Fed by `reliability.sources.increments`; whether the data is good enough for a verdict is
decided by the judges.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.sources.arm_counts import ReplicaCounts
from reliability.sources.replicas import IntArray
from reliability.sources.scrape_grid import ScrapeGrid

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
    """

    instance: str
    requests: int
    errors: int
    restarts: int
    gap_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairHealth:
    """Health of the data of both arms; the defaults are for data without two rounds of scrapes.

    Attributes:
        reason: Why there are no counts; None when there are.
        baseline: Replicas of the baseline.
        canary: Replicas of the canary.
        scrape_interval_seconds: Distance of two scrapes; None when it is not known.
        expected_scrapes: Rounds of scrapes inside the window.
        used_scrapes: Rounds at which both arms could be compared.
        lost_requests_at_most: Requests that restarts and vanished replicas may have taken
            with them: those of the busiest scrape interval for each.
        notes: Codes of what a reader should know.
    """

    reason: str | None
    baseline: tuple[ReplicaHealth, ...] = ()
    canary: tuple[ReplicaHealth, ...] = ()
    scrape_interval_seconds: float | None = None
    expected_scrapes: int = 0
    used_scrapes: int = 0
    lost_requests_at_most: int = 0
    notes: tuple[str, ...] = ()

    @property
    def missing_fraction(self) -> float:
        """Share of the expected rounds that could not be used; 1 when none was expected."""
        return 1 - self.used_scrapes / self.expected_scrapes if self.expected_scrapes else 1.0

    @property
    def restarts(self) -> int:
        """Restarts of all replicas."""
        return sum(replica.restarts for replica in (*self.baseline, *self.canary))


def describe_health(
    arms: Sequence[Sequence[ReplicaCounts]],
    *,
    grid: ScrapeGrid,
    rounds: IntArray,
    has_bounds: bool,
    bounds_merged: bool,
) -> PairHealth:
    """Describe the data behind the counts.

    Args:
        arms: Counts of the baseline's and of the canary's replicas.
        grid: Common scrapes.
        rounds: The rounds that the counts lie between.
        has_bounds: The histograms share a finite bound.
        bounds_merged: Bounds were given up to merge histograms.

    Returns:
        The health.
    """
    by_histogram = [float(sum(part.requests.sum() for part in arm)) for arm in arms]
    by_counter = [float(sum(part.counted_requests.sum() for part in arm)) for arm in arms]
    silent = silent_arm([a + b > 0 for a, b in zip(by_histogram, by_counter, strict=True)])
    reasons = {
        silent: silent is not None,
        "buckets-missing": min(by_histogram) == 0,
        "too-few-scrapes": not grid.can_pair,
        "requests-missing": min(by_counter) == 0,
        "bounds-differ": not has_bounds,
    }
    everyone = [part for arm in arms for part in arm]
    columns = [found for arm in grid.columns for found in arm]
    baseline, canary = (tuple(_replica(part) for part in arm) for arm in arms)
    gone, born = _gone(everyone, columns), [bool(found[0] < 0 <= found[-1]) for found in columns]
    notes = {
        "restart": any(replica.restarts for replica in (*baseline, *canary)),
        "replica-born": any(born),
        "replica-gone": any(gone),
        "birth-uncounted": any(
            is_born and not part.replica.counts_from_zero for part, is_born in zip(everyone, born, strict=True)
        ),
        "missed-scrapes": grid.missed,
        "bounds-merged": bounds_merged,
        "requests-differ": any(map(_differ, by_histogram, by_counter)),
        "metrics-route": any("/metrics" in labels.values() for part in everyone for labels in part.replica.rows),
    }
    return PairHealth(
        reason=next((reason for reason, holds in reasons.items() if holds), None),
        baseline=baseline,
        canary=canary,
        scrape_interval_seconds=grid.interval_seconds,
        expected_scrapes=grid.usable.size,
        used_scrapes=int(grid.usable.sum()),
        lost_requests_at_most=sum(
            (replica.restarts + is_gone) * _busiest_interval(part, rounds)
            for part, replica, is_gone in zip(everyone, (*baseline, *canary), gone, strict=True)
        ),
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


def _replica(part: ReplicaCounts) -> ReplicaHealth:
    times, restarted = part.replica.times_seconds, part.replica.restarted.copy()
    restarted[: part.columns[0] + 1] = False
    restarted[part.columns[-1] + 1 :] = False
    return ReplicaHealth(
        instance=part.replica.instance,
        requests=round(float(part.requests.sum())),
        errors=round(float(part.errors.sum())),
        restarts=int(restarted.sum()),
        gap_seconds=round(float(np.diff(times, prepend=times[0])[restarted].sum()), 3),
    )


def _gone(parts: Sequence[ReplicaCounts], columns: Sequence[IntArray]) -> list[bool]:
    """Tell which replicas were scraped no more while others were; the last scrape may only be late."""
    last_rounds = [int(np.searchsorted(found, found[-1])) for found in columns]
    return [
        bool(found[-1] == part.replica.times_seconds.size - 1) and last < max(last_rounds) - 1
        for part, found, last in zip(parts, columns, last_rounds, strict=True)
    ]


def _busiest_interval(part: ReplicaCounts, rounds: IntArray) -> int:
    return math.ceil(float((part.requests / np.diff(rounds)).max(initial=0.0)))


def _differ(by_histogram: float, by_counter: float) -> bool:
    allowed = max(_REQUESTS_DIFFER_COUNT, _REQUESTS_DIFFER_FRACTION * max(by_histogram, by_counter))
    return abs(by_histogram - by_counter) > allowed
