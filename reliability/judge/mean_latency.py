"""Change of the mean latency: exactly known from `_sum` and `_count`, whatever the buckets.

A companion of the P95 verdict: it cautions, it never decides. Fed by the latency judge.
"""

import math
from dataclasses import dataclass

from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.noise import Noise, widest_law
from reliability.judge.quantile_ratio import ArmTail


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanChange:
    """Mean latency of the canary over that of the baseline.

    Attributes:
        increase_fraction: Estimate of `canary / baseline - 1`.
        lower_fraction: One-sided lower limit of it; None with too few scrapes.
    """

    increase_fraction: float
    lower_fraction: float | None


def mean_change(baseline: ArmTail, canary: ArmTail, noise: Noise, *, alpha: float) -> MeanChange | None:
    """Compare the mean latencies of both arms, weighed as the quantiles are.

    Args:
        baseline: Baseline arm.
        canary: Canary arm.
        noise: How a difference of the arms varies from interval to interval.
        alpha: Level of the one-sided limit.

    Returns:
        The change; None when the histogram has no usable `_sum`.
    """
    baseline_mean, canary_mean = float(baseline.latency_seconds.sum()), float(canary.latency_seconds.sum())
    if not (0 < canary_mean < math.inf and 0 < baseline_mean < math.inf):  # also false for NaN
        return None
    log_ratio = math.log(canary_mean / baseline_mean)
    if min(baseline.weights.size, canary.weights.size) < MIN_INTERVAL_COUNT:
        return MeanChange(increase_fraction=math.expm1(log_ratio), lower_fraction=None)
    laws = noise.laws(
        baseline.latency_seconds / baseline_mean - baseline.weights,
        canary.latency_seconds / canary_mean - canary.weights,
    )
    reach = widest_law(laws, alpha=alpha).reach(alpha)
    return MeanChange(increase_fraction=math.expm1(log_ratio), lower_fraction=math.expm1(log_ratio - reach))
