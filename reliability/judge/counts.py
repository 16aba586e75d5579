"""What a canary judge is fed: counts of two arms, on one common grid of scrapes or in two windows.

`reliability.sources.increments` builds these from raw counters; the judges only read
them. Queries, labels and clocks do not belong here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """Increments of one arm between the common scrapes, replicas summed.

    Attributes:
        bucket_counts: Requests at or below each bound within the interval, shape `(T, K)`,
            not decreasing along K; the last column equals `requests`.
        requests: Requests per interval, shape `(T,)`.
        errors: Failed requests per interval, shape `(T,)`.
        latency_sum_seconds: Sum of the latencies per interval, shape `(T,)`; NaN where the
            histogram has no `_sum`.
    """

    bucket_counts: FloatArray
    requests: FloatArray
    errors: FloatArray
    latency_sum_seconds: FloatArray

    def each(self, change: Callable[[FloatArray], FloatArray]) -> "ArmCounts":
        """Return the counts with the same change of each array, whose first axis is time."""
        return ArmCounts(
            bucket_counts=change(self.bucket_counts),
            requests=change(self.requests),
            errors=change(self.errors),
            latency_sum_seconds=change(self.latency_sum_seconds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaTotals:
    """What one replica of an arm counted over the whole window.

    Attributes:
        instance: Name of the replica.
        bucket_counts: Requests at or below each bound, shape `(K,)`; the last one is all of them.
        errors: Failed requests.
    """

    instance: str
    bucket_counts: FloatArray
    errors: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCounts:
    """Both arms of one route, on the intervals of the whole comparison.

    Attributes:
        route: Value of the route label; empty where the series lack it.
        baseline: Counts of the baseline.
        canary: Counts of the canary.
    """

    route: str
    baseline: ArmCounts
    canary: ArmCounts

    def each(self, change: Callable[[FloatArray], FloatArray]) -> "RouteCounts":
        """Return the route with the same change of each array of both arms."""
        return RouteCounts(route=self.route, baseline=self.baseline.each(change), canary=self.canary.each(change))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """Both arms on the same intervals.

    Attributes:
        edges_seconds: Unix instants of the common scrapes, shape `(T + 1,)`, increasing.
        upper_bounds_seconds: Bucket bounds, shape `(K,)`, increasing, last `inf`.
        baseline: Counts of the baseline.
        canary: Counts of the canary.
        scrape_interval_seconds: Usual distance of two scrapes.
        routes: The same counts split by route, in alphabetical order; they add up to the arms.
            Empty when no route label is named.
        baseline_replicas: Totals of the baseline's replicas; empty when unknown.
        canary_replicas: Totals of the canary's replicas.
    """

    edges_seconds: FloatArray
    upper_bounds_seconds: FloatArray
    baseline: ArmCounts
    canary: ArmCounts
    scrape_interval_seconds: float
    routes: tuple[RouteCounts, ...] = ()
    baseline_replicas: tuple[ReplicaTotals, ...] = ()
    canary_replicas: tuple[ReplicaTotals, ...] = ()

    @property
    def arms(self) -> tuple[ArmCounts, ArmCounts]:
        """Counts of baseline and canary."""
        return self.baseline, self.canary

    @property
    def edges(self) -> tuple[FloatArray, FloatArray]:
        """Scrapes of baseline and canary."""
        return self.edges_seconds, self.edges_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCounts:
    """One arm on its own intervals, when the arms were measured at different times.

    Attributes:
        edges_seconds: Unix instants of its scrapes, shape `(T + 1,)`, increasing.
        total: Counts of the arm.
        routes: The same counts by route; they add up to `total`. Empty when no label is named.
        replicas: Totals of its replicas; empty when unknown.
    """

    edges_seconds: FloatArray
    total: ArmCounts
    routes: Mapping[str, ArmCounts] = field(default_factory=dict)
    replicas: tuple[ReplicaTotals, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessiveCounts:
    """Two windows, one after the other: before a change and after it.

    Attributes:
        upper_bounds_seconds: Bucket bounds that both windows have, shape `(K,)`, last `inf`.
        baseline: The earlier window.
        canary: The later window.
        scrape_interval_seconds: Usual distance of two scrapes.
    """

    upper_bounds_seconds: FloatArray
    baseline: WindowCounts
    canary: WindowCounts
    scrape_interval_seconds: float

    @property
    def arms(self) -> tuple[ArmCounts, ArmCounts]:
        """Counts of baseline and canary."""
        return self.baseline.total, self.canary.total

    @property
    def edges(self) -> tuple[FloatArray, FloatArray]:
        """Scrapes of baseline and canary."""
        return self.baseline.edges_seconds, self.canary.edges_seconds


Counts: TypeAlias = PairedCounts | SuccessiveCounts
