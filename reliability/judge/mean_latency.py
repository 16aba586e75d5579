"""Change of the mean latency: exactly known from `_sum` and `_count`, whatever the buckets.

A companion of the P95 verdict: it cautions, it never decides. Fed by the latency judge.
"""

import math
from dataclasses import dataclass

import numpy as np

from reliability.judge.counts import FloatArray
from reliability.judge.intervals import SharedIntervals, SuccessiveIntervals
from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.noise import Noise, PairedNoise, UnpairedNoise, widest_law


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanChange:
    """Mean latency of the canary over that of the baseline.

    Attributes:
        increase_fraction: Estimate of `canary / baseline - 1`.
        lower_fraction: One-sided lower limit of it; None with too few scrapes.
    """

    increase_fraction: float
    lower_fraction: float | None


def mean_change(intervals: SharedIntervals | SuccessiveIntervals, *, alpha: float) -> MeanChange | None:
    """Compare the mean latencies of both arms.

    Args:
        intervals: Intervals of both arms.
        alpha: Level of the one-sided limit.

    Returns:
        The change; None when the histogram has no usable `_sum`.
    """
    noise: Noise = PairedNoise()
    if isinstance(intervals, SuccessiveIntervals):
        noise = UnpairedNoise()
        weights = [r / r.sum() for r in (intervals.baseline_requests, intervals.canary_requests)]
    else:
        weights = [intervals.weights, intervals.weights]
    baseline = _means(intervals.baseline.latency_sum_seconds, intervals.baseline_requests)
    canary = _means(intervals.canary.latency_sum_seconds, intervals.canary_requests)
    baseline_mean, canary_mean = float(weights[0] @ baseline), float(weights[1] @ canary)
    if not (0 < canary_mean < math.inf and 0 < baseline_mean < math.inf):  # also false for NaN
        return None
    log_ratio = math.log(canary_mean / baseline_mean)
    if intervals.count < MIN_INTERVAL_COUNT:
        return MeanChange(increase_fraction=math.expm1(log_ratio), lower_fraction=None)
    laws = noise.laws(weights[0] * (baseline / baseline_mean - 1), weights[1] * (canary / canary_mean - 1))
    reach = widest_law(laws, alpha=alpha).reach(alpha)
    return MeanChange(increase_fraction=math.expm1(log_ratio), lower_fraction=math.expm1(log_ratio - reach))


def _means(sums: FloatArray, requests: FloatArray) -> FloatArray:
    """Return the mean latency per interval; 0 where nothing was served."""
    return np.divide(sums, requests, out=np.zeros_like(sums), where=requests > 0)
