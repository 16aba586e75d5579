"""Change of the mean latency: exactly known from `_sum` and `_count`, whatever the buckets.

A companion of the P95 verdict: it cautions, it never decides. Fed by the latency judge.
"""

import math

from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.noise import Noise, widest_law
from reliability.judge.quantile_ratio import ArmTail


def mean_change(baseline: ArmTail, canary: ArmTail, noise: Noise, *, alpha: float) -> tuple[float | None, float | None]:
    """Compare the mean latencies of both arms, weighed as the quantiles are.

    Args:
        baseline: Baseline arm.
        canary: Canary arm.
        noise: How a difference of the arms varies from interval to interval.
        alpha: Level of the one-sided limit.

    Returns:
        Estimate of `canary / baseline - 1`, None when the histogram has no usable `_sum`; and its one-sided lower
        limit, None with too few scrapes.
    """
    baseline_mean, canary_mean = float(baseline.latency_seconds.sum()), float(canary.latency_seconds.sum())
    if not (0 < canary_mean < math.inf and 0 < baseline_mean < math.inf):  # also false for NaN
        return None, None
    log_ratio = math.log(canary_mean / baseline_mean)
    if min(baseline.weights.size, canary.weights.size) < MIN_INTERVAL_COUNT:
        return math.expm1(log_ratio), None
    laws = noise.laws(
        baseline.latency_seconds / baseline_mean - baseline.weights,
        canary.latency_seconds / canary_mean - canary.weights,
    )
    reach = widest_law(laws, alpha=alpha).reach(alpha)
    return math.expm1(log_ratio), math.expm1(log_ratio - reach)
