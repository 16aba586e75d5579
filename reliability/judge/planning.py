"""How many requests a comparison needs before it can decide.

Formulas for the day before a canary and for the line beside every INCONCLUSIVE. Fed by the
judges with what they measured; it decides nothing.
"""

import math

from scipy.special import ndtri

POWER = 0.90
"""Probability to decide that a plan aims at."""


def requests_for_latency(
    *,
    log_distance: float,
    tail_index: float,
    traffic_ratio: float,
    critical: float,
    slower_share: float = 0.05,
    noise_factor: float = 1.0,
) -> float:
    """Compute the canary requests after which a latency test decides.

    Args:
        log_distance: Distance of the true change from the margin, as a log ratio; `ln(1.1)`
            for a canary that changes nothing against a margin of 10 %.
        tail_index: `-d log S / d log x` at the quantile; 2.06 / sigma for a lognormal law.
        traffic_ratio: Requests of the baseline for one of the canary.
        critical: Critical value of the test, one-sided.
        slower_share: Share of requests above the quantile.
        noise_factor: Variance over that of independent requests.

    Returns:
        Requests of the canary for a power of `POWER`.
    """
    odds = (1 - slower_share) / slower_share
    errors = (critical + float(ndtri(POWER))) / log_distance
    return odds / tail_index**2 * (1 + 1 / traffic_ratio) * errors**2 * noise_factor


def requests_for_errors(
    *,
    baseline_fraction: float,
    canary_fraction: float,
    margin_fraction: float,
    traffic_ratio: float,
    critical: float,
    noise_factor: float = 1.0,
) -> float:
    """Compute the canary requests after which an error test decides.

    Args:
        baseline_fraction: Assumed error fraction of the baseline.
        canary_fraction: Assumed true error fraction of the canary.
        margin_fraction: Allowed rise of the error fraction, above zero.
        traffic_ratio: Requests of the baseline for one of the canary.
        critical: Critical value of the test, one-sided.
        noise_factor: Variance over that of independent requests.

    Returns:
        Requests of the canary for a power of `POWER`; `inf` when the canary sits on the margin.
    """
    limit = min(baseline_fraction + margin_fraction, 1.0)
    distance = abs(limit - canary_fraction)
    if distance == 0:
        return math.inf
    baseline = baseline_fraction * (1 - baseline_fraction) / traffic_ratio
    at_margin, at_truth = limit * (1 - limit) + baseline, canary_fraction * (1 - canary_fraction) + baseline
    errors = critical * math.sqrt(at_margin) + float(ndtri(POWER)) * math.sqrt(at_truth)
    return (errors / distance) ** 2 * noise_factor
