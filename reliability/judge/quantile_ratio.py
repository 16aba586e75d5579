"""Score test for the ratio of two quantiles, scrape by scrape.

Under the hypothesis "the canary's quantile is r times the baseline's" the canary's survival
curve, shifted by r, meets the baseline's at a common threshold. The test compares the shares of
requests above it, interval by interval, so that noise which both arms share cancels; its
variance is a long-run variance, never below the binomial one. No density is estimated. Fed by
the latency judge; margins, buckets and verdicts do not belong here.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from reliability.judge.counts import FloatArray
from reliability.judge.intervals import SharedIntervals, effective_count
from reliability.judge.inversion import crossing
from reliability.judge.long_run import cosine_count, critical_value, sum_variance, upper_tail
from reliability.judge.survival import SurvivalCurve, survival_curve

_LARGEST_LOG_RATIO = math.log(1000.0)
_FIRST_LOG_STEP = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTail:
    """One arm as the test sees it.

    Attributes:
        curve: Survival curve of the weighted intervals.
        shares: Share of requests above each edge of the curve, per interval: shape `(K + 1, T)`.
        effective_count: Requests that would give the weighted share the same variance.
    """

    curve: SurvivalCurve
    shares: FloatArray
    effective_count: float

    def above(self, seconds: float) -> FloatArray:
        """Return the share slower than `seconds` per interval, split as the curve splits its bucket."""
        i, faster = self.curve.position(seconds)
        part: FloatArray = self.shares[i] + faster * (self.shares[i + 1] - self.shares[i])
        return part


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The statistic at one ratio.

    Attributes:
        difference: Share of slow canary requests minus that of the baseline, at the common threshold.
        long_run_variance: Variance of `difference`, estimated from the intervals.
        binomial_variance: The same if requests were independent.
        degrees: Degrees of freedom of the t law.
    """

    difference: float
    long_run_variance: float
    binomial_variance: float
    degrees: int

    @property
    def variance(self) -> float:
        """The larger of the two variances."""
        return max(self.long_run_variance, self.binomial_variance)

    @property
    def statistic(self) -> float:
        """`difference` in standard errors."""
        return self.difference / math.sqrt(self.variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRatioTest:
    """The test over one set of intervals.

    Attributes:
        baseline: Baseline arm; its quantile lies in a finite bucket.
        canary: Canary arm; its quantile lies in a finite bucket.
        weights: Share of each interval, sums to 1.
        slower_share: Share of requests above the quantile: 0.05 for P95.
        baseline_seconds: Quantile of the baseline.
        canary_seconds: Quantile of the canary.
    """

    baseline: ArmTail
    canary: ArmTail
    weights: FloatArray
    slower_share: float
    baseline_seconds: float
    canary_seconds: float

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the t law."""
        return cosine_count(self.weights.size)

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
        if excess(low) <= 0 or low == high:
            return low
        if excess(high) >= 0:
            return high
        return float(brentq(excess, low, high, xtol=1e-12 * high, rtol=1e-10))

    def score(self, ratio: float) -> Score:
        """Compute the statistic at `ratio` (above zero)."""
        threshold = self.threshold_seconds(ratio)
        series = self.weights * (self.canary.above(ratio * threshold) - self.baseline.above(threshold))
        spread = 1.0 / self.baseline.effective_count + 1.0 / self.canary.effective_count
        return Score(
            difference=float(series.sum()),
            long_run_variance=sum_variance(series),
            binomial_variance=self.slower_share * (1.0 - self.slower_share) * spread,
            degrees=self.degrees,
        )

    def p_above(self, ratio: float) -> float:
        """Return the p-value of "the true ratio is at most `ratio`"."""
        return upper_tail(self.score(ratio).statistic, degrees=self.degrees)

    def p_below(self, ratio: float) -> float:
        """Return the p-value of "the true ratio is at least `ratio`"."""
        return upper_tail(-self.score(ratio).statistic, degrees=self.degrees)

    def lower_limit(self, alpha: float, *, start: float) -> float | None:
        """Return the largest ratio that the test at level `alpha` calls too small."""
        return self._limit(critical_value(alpha, degrees=self.degrees), start)

    def upper_limit(self, alpha: float, *, start: float) -> float | None:
        """Return the smallest ratio that the test at level `alpha` calls too large."""
        return self._limit(-critical_value(alpha, degrees=self.degrees), start)

    def _limit(self, level: float, start: float) -> float | None:
        found = crossing(
            lambda log_ratio: self.score(math.exp(log_ratio)).statistic,
            level,
            start=math.log(start),
            step=_FIRST_LOG_STEP,
            low=-_LARGEST_LOG_RATIO,
            high=_LARGEST_LOG_RATIO,
        )
        return None if found is None else math.exp(found)


def arm_tails(intervals: SharedIntervals, upper_bounds_seconds: FloatArray) -> tuple[ArmTail, ArmTail]:
    """Prepare both arms.

    Args:
        intervals: Intervals that both arms share, at least one.
        upper_bounds_seconds: Bucket bounds, shape `(K,)`, last `inf`.

    Returns:
        Baseline and canary: curve, and shares per interval.
    """
    return (
        _arm_tail(intervals.baseline.bucket_counts, intervals.baseline_requests, intervals, upper_bounds_seconds),
        _arm_tail(intervals.canary.bucket_counts, intervals.canary_requests, intervals, upper_bounds_seconds),
    )


def _arm_tail(
    bucket_counts: FloatArray, requests: FloatArray, intervals: SharedIntervals, upper_bounds_seconds: FloatArray
) -> ArmTail:
    above = 1.0 - bucket_counts.T / requests
    shares = np.vstack([np.ones(requests.size), above])
    shares[-1] = 0.0
    worth = effective_count(intervals.weights, requests)
    curve = survival_curve(upper_bounds_seconds, above @ intervals.weights, request_count=worth)
    return ArmTail(curve=curve, shares=shares, effective_count=worth)


def quantile_ratio_test(
    baseline: ArmTail, canary: ArmTail, weights: FloatArray, *, slower_share: float
) -> QuantileRatioTest | None:
    """Set up the test.

    Args:
        baseline: Baseline arm.
        canary: Canary arm.
        weights: Share of each interval, shape `(T,)`, sums to 1.
        slower_share: Share of requests above the quantile.

    Returns:
        The test; None when a quantile lies in the `+Inf` bucket.
    """
    quantiles = [arm.curve.quantile_seconds(slower_share) for arm in (baseline, canary)]
    if any(math.isinf(q) for q in quantiles):
        return None
    return QuantileRatioTest(
        baseline=baseline,
        canary=canary,
        weights=weights,
        slower_share=slower_share,
        baseline_seconds=quantiles[0],
        canary_seconds=quantiles[1],
    )
