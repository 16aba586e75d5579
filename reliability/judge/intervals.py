"""Which intervals take part in a comparison, and with what weight.

Only intervals in which both arms served requests count, weighted as Mantel and Haenszel do,
so that a change of load or of the traffic split cannot pass for a change of the release. Sparse
scrapes are merged first. Of two windows, one after the other, all intervals count. Fed by
`PairedCounts` and `SuccessiveCounts`; tests and verdicts do not belong here.
"""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from reliability.judge.counts import ArmCounts, FloatArray, PairedCounts, RouteCounts, SuccessiveCounts

Choice: TypeAlias = slice | npt.NDArray[np.bool_]

_FEW_REQUESTS_PER_SCRAPE = 5
_MAX_MERGED_SCRAPES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedIntervals:
    """The intervals in which both arms served requests.

    Attributes:
        baseline: Counts of the baseline, length `count`.
        canary: Counts of the canary, length `count`.
        baseline_requests: Requests of the baseline per interval, all above zero.
        canary_requests: Requests of the canary per interval, all above zero.
        seconds: Length of each interval.
        routes: The same counts by route; empty when no route label is named.
        weights: Share of each interval in the comparison, sums to 1.
    """

    baseline: ArmCounts
    canary: ArmCounts
    baseline_requests: FloatArray
    canary_requests: FloatArray
    seconds: FloatArray
    routes: tuple[RouteCounts, ...] = ()
    weights: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        """Derive the weights."""
        both = self.baseline_requests + self.canary_requests
        harmonic = self.baseline_requests * self.canary_requests / np.maximum(both, 1.0)
        total = float(harmonic.sum())
        object.__setattr__(self, "weights", harmonic / total if total > 0 else harmonic)

    @property
    def count(self) -> int:
        """Number of intervals."""
        return int(self.seconds.size)

    @property
    def traffic_ratio(self) -> float:
        """Requests of the baseline for one request of the canary."""
        return float(self.baseline_requests.sum() / self.canary_requests.sum())

    @property
    def canary_requests_per_minute(self) -> float:
        """Traffic of the canary."""
        return float(60.0 * self.canary_requests.sum() / self.seconds.sum())

    @property
    def interval_seconds(self) -> float:
        """Mean length of an interval."""
        return float(self.seconds.mean())

    @property
    def effective_seconds(self) -> float:
        """Time that would give a noise with short memory the same variance, were all weights equal."""
        return float(1.0 / np.sum(self.weights**2 / self.seconds))

    def part(self, chosen: Choice) -> "SharedIntervals":
        """Return some of the intervals, with weights of their own."""

        def rows(counts: FloatArray) -> FloatArray:
            return counts[chosen]

        return SharedIntervals(
            baseline=self.baseline.each(rows),
            canary=self.canary.each(rows),
            baseline_requests=self.baseline_requests[chosen],
            canary_requests=self.canary_requests[chosen],
            seconds=self.seconds[chosen],
            routes=tuple(route.each(rows) for route in self.routes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessiveIntervals:
    """The intervals of two windows, one after the other; their numbers may differ.

    Attributes:
        baseline: Counts of the earlier window.
        canary: Counts of the later window.
        baseline_seconds: Length of each interval of the earlier window.
        canary_seconds: Length of each interval of the later window.
        routes: The same counts by route; empty when no route label is named.
    """

    baseline: ArmCounts
    canary: ArmCounts
    baseline_seconds: FloatArray
    canary_seconds: FloatArray
    routes: tuple[RouteCounts, ...] = ()

    @property
    def baseline_requests(self) -> FloatArray:
        """Requests of the earlier window per interval."""
        return self.baseline.bucket_counts[:, -1]

    @property
    def canary_requests(self) -> FloatArray:
        """Requests of the later window per interval."""
        return self.canary.bucket_counts[:, -1]

    @property
    def count(self) -> int:
        """Number of intervals of the window that has fewer."""
        return min(self.baseline_seconds.size, self.canary_seconds.size)

    @property
    def traffic_ratio(self) -> float:
        """Requests of the baseline for one request of the canary."""
        return float(self.baseline_requests.sum() / self.canary_requests.sum())

    @property
    def canary_requests_per_minute(self) -> float:
        """Traffic of the later window."""
        return float(60.0 * self.canary_requests.sum() / self.canary_seconds.sum())

    @property
    def interval_seconds(self) -> float:
        """Mean length of an interval of the later window."""
        return float(self.canary_seconds.mean())

    @property
    def effective_seconds(self) -> float:
        """Time that gives the mean over both windows the variance of a difference side by side."""
        return float(1.0 / (0.5 / self.baseline_seconds.sum() + 0.5 / self.canary_seconds.sum()))


def successive_intervals(counts: SuccessiveCounts) -> SuccessiveIntervals:
    """Take all intervals of both windows, by the histogram.

    Args:
        counts: Counts of both windows; the warm-up is already cut off.

    Returns:
        The intervals. A route that one window did not see stands with zeros there.
    """
    baseline, canary = counts.baseline, counts.canary
    nothing = baseline.total.each(np.zeros_like), canary.total.each(np.zeros_like)
    return SuccessiveIntervals(
        baseline=baseline.total,
        canary=canary.total,
        baseline_seconds=np.diff(baseline.edges_seconds),
        canary_seconds=np.diff(canary.edges_seconds),
        routes=tuple(
            RouteCounts(route=r, baseline=baseline.routes.get(r, nothing[0]), canary=canary.routes.get(r, nothing[1]))
            for r in sorted({*baseline.routes, *canary.routes})
        ),
    )


def effective_count(weights: FloatArray, requests: FloatArray) -> float:
    """Return the requests that would give a weighted share the same binomial variance.

    Args:
        weights: Share of each interval, shape `(T,)`, sums to 1.
        requests: Requests per interval, shape `(T,)`, all above zero.

    Returns:
        The number, at most the sum of `requests`.
    """
    return float(1.0 / np.sum(weights**2 / requests))


def shared_intervals(counts: PairedCounts, *, by_histogram: bool) -> SharedIntervals:
    """Pick the intervals that both arms share and merge sparse ones.

    Args:
        counts: Counts of both arms; the warm-up is already cut off.
        by_histogram: Count requests by the histogram (latency) instead of by the request
            counter (errors); the two may come from different metrics.

    Returns:
        The intervals; possibly none.
    """
    baseline, canary, seconds = counts.baseline, counts.canary, np.diff(counts.edges_seconds)
    routes = counts.routes if by_histogram else ()
    fewest = min(float(_requests(arm, by_histogram=by_histogram).sum()) for arm in (baseline, canary))
    size = min(scrapes_to_merge(fewest / seconds.size), seconds.size) if fewest > 0 else 1
    if size > 1:
        starts = np.arange(0, seconds.size, size)
        merged = partial(np.add.reduceat, indices=starts, axis=0)
        baseline, canary, seconds = baseline.each(merged), canary.each(merged), merged(seconds)
        routes = tuple(route.each(merged) for route in routes)
    baseline_requests, canary_requests = (_requests(arm, by_histogram=by_histogram) for arm in (baseline, canary))
    every = SharedIntervals(
        baseline=baseline,
        canary=canary,
        baseline_requests=baseline_requests,
        canary_requests=canary_requests,
        seconds=seconds,
        routes=routes,
    )
    return every.part((baseline_requests > 0) & (canary_requests > 0))


def _requests(arm: ArmCounts, *, by_histogram: bool) -> FloatArray:
    return arm.bucket_counts[:, -1] if by_histogram else arm.requests


def scrapes_to_merge(requests_per_scrape: float) -> int:
    """Return how many scrapes make one interval.

    Args:
        requests_per_scrape: Mean of the arm that serves fewer, above zero.

    Returns:
        1 to 8.
    """
    return min(math.ceil(_FEW_REQUESTS_PER_SCRAPE / requests_per_scrape), _MAX_MERGED_SCRAPES)
