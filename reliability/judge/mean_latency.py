"""Change of the mean latency: exactly known from `_sum` and `_count`, whatever the buckets.

A companion of the P95 verdict: it cautions, it never decides. Fed by the latency judge.
"""

import math
from dataclasses import dataclass

import numpy as np

from reliability.judge.intervals import SharedIntervals
from reliability.judge.long_run import MIN_INTERVAL_COUNT, cosine_count, critical_value, sum_variance


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanChange:
    """Mean latency of the canary over that of the baseline.

    Attributes:
        increase_fraction: Estimate of `canary / baseline - 1`.
        lower_fraction: One-sided lower limit of it; None with too few scrapes.
    """

    increase_fraction: float
    lower_fraction: float | None


def mean_change(intervals: SharedIntervals, *, alpha: float) -> MeanChange | None:
    """Compare the mean latencies of both arms.

    Args:
        intervals: Intervals that both arms share.
        alpha: Level of the one-sided limit.

    Returns:
        The change; None when the histogram has no usable `_sum`.
    """
    canary = intervals.canary.latency_sum_seconds / intervals.canary_requests
    baseline = intervals.baseline.latency_sum_seconds / intervals.baseline_requests
    canary_mean, baseline_mean = float(intervals.weights @ canary), float(intervals.weights @ baseline)
    if not (0 < canary_mean < math.inf and 0 < baseline_mean < math.inf):  # also false for NaN
        return None
    log_ratio = math.log(canary_mean / baseline_mean)
    if intervals.count < MIN_INTERVAL_COUNT:
        return MeanChange(increase_fraction=math.expm1(log_ratio), lower_fraction=None)
    series = intervals.weights * (canary / canary_mean - baseline / baseline_mean)
    error = float(np.sqrt(sum_variance(series))) * critical_value(alpha, degrees=cosine_count(intervals.count))
    return MeanChange(increase_fraction=math.expm1(log_ratio), lower_fraction=math.expm1(log_ratio - error))
