"""Score test for the ratio of two quantiles, scrape by scrape.

Under the hypothesis "the canary's quantile is r times the baseline's" the canary's survival
curve, shifted by r, meets the baseline's at a common threshold. The test compares the shares of
requests above it, interval by interval, so that noise which both arms share cancels. How the
difference varies is said by several laws (`noise`); the least extreme of them counts. No density
is estimated. Fed by the latency judge; margins, buckets and verdicts do not belong here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from reliability.judge.counts import FloatArray, ReplicaTotals
from reliability.judge.data_health import MIN_EFFECTIVE_REPLICAS
from reliability.judge.intervals import SharedIntervals, SuccessiveIntervals
from reliability.judge.inversion import crossing, root
from reliability.judge.long_run import critical_value
from reliability.judge.noise import Law, Noise, PairedNoise, summed, weakest_deviate
from reliability.judge.strata import WeighedArm, weighed_arms
from reliability.judge.survival import SurvivalCurve, survival_curve, tail_index

MIN_CLUSTER_COUNT = 3
"""Fewer replicas of an arm say nothing of how replicas differ; nor do `MIN_EFFECTIVE_REPLICAS`, by their requests."""
_LARGEST_LOG_RATIO = math.log(1000.0)
_FIRST_LOG_STEP = 0.03
_SHORTEST_LOG_STEP = 1e-4
_THRESHOLD_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTail:
    """One arm as the test sees it.

    Attributes:
        curve: Survival curve of the weighed requests.
        mass: Weight of the requests above each edge of the curve, per interval: shape `(K + 1, T)`;
            the first row sums to 1.
        latency_seconds: Weighed latencies per interval, shape `(T,)`; their sum is the mean latency.
        effective_count: Requests that would give the weighed share the same variance.
        replicas: Share of the arm's requests that each replica served above each edge, shape
            `(K + 1, P)`; None when the replicas are unknown or too few to compare.
    """

    curve: SurvivalCurve
    mass: FloatArray
    latency_seconds: FloatArray
    effective_count: float
    replicas: FloatArray | None = None

    @property
    def weights(self) -> FloatArray:
        """Weight of each interval, sums to 1."""
        weights: FloatArray = self.mass[0]
        return weights

    def excess(self, seconds: float, *, slower_share: float) -> FloatArray:
        """Return per interval the weight of requests slower than `seconds`, beyond `slower_share` of all."""
        return self._above(self.mass, seconds) - slower_share * self.weights

    def cluster_law(self, seconds: float) -> Law | None:
        """Return how the share above `seconds` varies by replica; None when that is unknown."""
        if self.replicas is None:
            return None
        slow, part = self._above(self.replicas, seconds), self.replicas[0]
        deviations = slow - float(slow.sum()) * part
        count = part.size
        return Law(variance=float(deviations @ deviations) * count / (count - 1), degrees=count - 1)

    def _above(self, table: FloatArray, seconds: float) -> FloatArray:
        """Read a table by edge between its rows, split as the curve splits its bucket."""
        i, faster = self.curve.position(seconds)
        part: FloatArray = table[i] + faster * (table[i + 1] - table[i])
        return part


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The statistic at one ratio.

    Attributes:
        difference: Share of slow canary requests minus that of the baseline, at the common threshold.
        laws: How it varies: by chance of single requests first, then from interval to interval,
            then from replica to replica where those are known.
    """

    difference: float
    laws: tuple[Law, ...]

    @property
    def chance_law(self) -> Law:
        """How single requests let it vary, were they independent."""
        return self.laws[0]

    @property
    def interval_law(self) -> Law:
        """How it varies from interval to interval."""
        return self.laws[1]

    @property
    def statistic(self) -> float:
        """`difference` as a normal deviate, by the least extreme law."""
        return weakest_deviate(self.difference, self.laws)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRatioTest:
    """The test over one set of intervals.

    Attributes:
        baseline: Baseline arm; its quantile lies in a finite bucket.
        canary: Canary arm; its quantile lies in a finite bucket.
        noise: How the difference varies from interval to interval.
        slower_share: Share of requests above the quantile: 0.05 for P95.
        baseline_seconds: Quantile of the baseline.
        canary_seconds: Quantile of the canary.
    """

    baseline: ArmTail
    canary: ArmTail
    noise: Noise
    slower_share: float
    baseline_seconds: float
    canary_seconds: float

    @property
    def ratio(self) -> float:
        """Estimate of `canary / baseline`."""
        return self.canary_seconds / self.baseline_seconds

    def threshold_seconds(self, ratio: float) -> float:
        """Return the threshold that both arms together exceed with `slower_share`."""

        def excess(seconds: float) -> float:
            baseline = self.baseline.curve.above(seconds) - self.slower_share
            canary = self.canary.curve.above(ratio * seconds) - self.slower_share
            return self.baseline.effective_count * baseline + self.canary.effective_count * canary

        low, high = sorted((self.baseline_seconds, self.canary_seconds / ratio))
        at_low, at_high = excess(low), excess(high)
        if at_low <= 0 or low == high:
            return low
        if at_high >= 0:
            return high
        return root(excess, (low, at_low), (high, at_high), tolerance=_THRESHOLD_TOLERANCE * high)

    def score(self, ratio: float) -> Score:
        """Compute the statistic at `ratio` (above zero)."""
        threshold = self.threshold_seconds(ratio)
        baseline = self.baseline.excess(threshold, slower_share=self.slower_share)
        canary = self.canary.excess(ratio * threshold, slower_share=self.slower_share)
        spread = 1.0 / self.baseline.effective_count + 1.0 / self.canary.effective_count
        by_interval = self.noise.laws(baseline, canary)
        chance = Law(
            variance=self.slower_share * (1.0 - self.slower_share) * spread,
            degrees=by_interval[0].degrees,  # a floor under the estimate, so that it keeps its degrees
        )
        clusters = self.baseline.cluster_law(threshold), self.canary.cluster_law(ratio * threshold)
        by_replica = () if clusters[0] is None or clusters[1] is None else (summed((clusters[0], clusters[1])),)
        return Score(
            difference=float(canary.sum() - baseline.sum()),
            laws=(chance, *by_interval, *by_replica),
        )

    def p_above(self, ratio: float) -> float:
        """Return the p-value of "the true ratio is at most `ratio`"."""
        return float(ndtr(-self.score(ratio).statistic))

    def p_below(self, ratio: float) -> float:
        """Return the p-value of "the true ratio is at least `ratio`"."""
        return float(ndtr(self.score(ratio).statistic))

    def lower_limit(self, alpha: float, *, start: float) -> float | None:
        """Return the largest ratio that the test at level `alpha` calls too small."""
        return self._limit(critical_value(alpha, degrees=math.inf), start)

    def upper_limit(self, alpha: float, *, start: float) -> float | None:
        """Return the smallest ratio that the test at level `alpha` calls too large."""
        return self._limit(-critical_value(alpha, degrees=math.inf), start)

    def _limit(self, level: float, start: float) -> float | None:
        @lru_cache(maxsize=2)
        def statistic(log_ratio: float) -> float:
            return self.score(math.exp(log_ratio)).statistic

        step = self._first_step(statistic(math.log(start)), level, math.log(start))
        edge = _LARGEST_LOG_RATIO
        found = crossing(statistic, level, start=math.log(start), step=step, low=-edge, high=edge)
        return None if found is None else math.exp(found)

    def _first_step(self, at_start: float, level: float, start: float) -> float:
        """Guess how far the limit lies from `start`: the statistic is 0 at the estimate and nearly straight."""
        distance = start - math.log(self.ratio)
        if abs(distance) < _SHORTEST_LOG_STEP:
            return _FIRST_LOG_STEP
        slope = at_start / distance
        if slope >= 0:
            return _FIRST_LOG_STEP
        return min(max(1.1 * abs(level / slope - distance), _SHORTEST_LOG_STEP), _FIRST_LOG_STEP)


def arm_tails(
    intervals: SharedIntervals | SuccessiveIntervals,
    upper_bounds_seconds: FloatArray,
    *,
    replicas: tuple[Sequence[ReplicaTotals], Sequence[ReplicaTotals]] = ((), ()),
) -> tuple[ArmTail, ArmTail] | None:
    """Prepare both arms.

    Args:
        intervals: Intervals of both arms, at least one each.
        upper_bounds_seconds: Bucket bounds, shape `(K,)`, last `inf`.
        replicas: Totals of the replicas of baseline and canary, as far as known.

    Returns:
        Baseline and canary: curve, and mass per interval; None when they share no cell, see `weighed_arms`.
    """
    tables = [_by_replica(arm) for arm in replicas]
    if any(table is None for table in tables):
        tables = [None, None]
    arms = weighed_arms(intervals)
    if arms is None:
        return None
    return (
        _arm_tail(arms[0], tables[0], upper_bounds_seconds),
        _arm_tail(arms[1], tables[1], upper_bounds_seconds),
    )


def _arm_tail(arm: WeighedArm, replicas: FloatArray | None, upper_bounds_seconds: FloatArray) -> ArmTail:
    curve = survival_curve(upper_bounds_seconds, arm.mass[1:].sum(axis=1), request_count=arm.effective_count)
    edges = np.append(True, upper_bounds_seconds > 0)  # those of the curve
    return ArmTail(
        curve=curve,
        mass=arm.mass[edges],
        latency_seconds=arm.latency_seconds,
        effective_count=arm.effective_count,
        replicas=None if replicas is None else replicas[edges],
    )


def _by_replica(replicas: Sequence[ReplicaTotals]) -> FloatArray | None:
    served = [replica.bucket_counts for replica in replicas if replica.bucket_counts[-1] > 0]
    if len(served) < MIN_CLUSTER_COUNT:
        return None
    counts = np.column_stack(served)
    table: FloatArray = np.vstack([counts[-1], counts[-1] - counts]) / counts[-1].sum()
    return table if 1.0 / float(table[0] @ table[0]) >= MIN_EFFECTIVE_REPLICAS else None


def quantile_ratio_test(
    baseline: ArmTail, canary: ArmTail, *, slower_share: float, noise: Noise | None = None
) -> QuantileRatioTest | None:
    """Set up the test.

    Args:
        baseline: Baseline arm.
        canary: Canary arm.
        slower_share: Share of requests above the quantile.
        noise: How the difference varies; by default as two arms side by side do.

    Returns:
        The test; None when a quantile lies in the `+Inf` bucket.
    """
    quantiles = [arm.curve.quantile_seconds(slower_share) for arm in (baseline, canary)]
    if any(math.isinf(q) for q in quantiles):
        return None
    return QuantileRatioTest(
        baseline=baseline,
        canary=canary,
        noise=noise or PairedNoise(),
        slower_share=slower_share,
        baseline_seconds=quantiles[0],
        canary_seconds=quantiles[1],
    )


def pooled_tail_index(baseline: ArmTail, canary: ArmTail, *, slower_share: float) -> float | None:
    """Measure how fast the share falls at the quantile, from both arms together."""
    counts = np.array([baseline.effective_count, canary.effective_count])
    shares = np.array([baseline.curve.shares[1:], canary.curve.shares[1:]])
    total = float(counts.sum())
    bounds = np.array(baseline.curve.edges_seconds[1:])
    pooled = survival_curve(bounds, counts @ shares / total, request_count=total)
    return tail_index(pooled, slower_share=slower_share)
