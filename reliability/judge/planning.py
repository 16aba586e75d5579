"""How many requests and how much time a comparison needs before it can decide.

Formulas for the day before a canary and for the line beside every INCONCLUSIVE. Fed by the
judges with what they measured; it decides nothing.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.special import chdtri, ndtr, ndtri

from reliability.judge.counts import FloatArray
from reliability.judge.long_run import MIN_INTERVAL_COUNT, cosine_count, critical_value, tapered_degrees

POWER: Final = 0.90
"""Probability to decide that a plan aims at."""
LONGEST_SECONDS: Final = 366 * 24 * 3600.0
"""A plan that takes longer than a year is none."""
_MAX_STEPS: Final = 8
_CLOSE_FRACTION: Final = 0.002
_NEWTON_STEPS: Final = 4
_CHANCES: Final = (np.arange(24) + 0.5) / 24


def planned_seconds(
    seconds_for: Callable[[float], float],
    *,
    alpha: float,
    interval_seconds: float,
    noise_factor: float = 1.0,
    known_degrees: int = 0,
    slow_count: int = 0,
    tapered: bool = False,
) -> float:
    """Find the horizon after which a test decides, with the degrees of freedom that this horizon has.

    Args:
        seconds_for: Horizon that a plan with this critical value asks for, for example the requests of
            `requests_for_latency` over their rate.
        alpha: One-sided level of the test.
        interval_seconds: Length of one compared interval: the scrapes that are merged to one.
        noise_factor: Variance over that of independent requests.
        known_degrees: Degrees of freedom of a measured history that is pooled in.
        slow_count: See `planned_critical`.
        tapered: Whether the test will weigh its cosines, as that of latency side by side does.

    Returns:
        The horizon in seconds, at least `MIN_INTERVAL_COUNT` intervals; `inf` when a year does not do.
    """

    def seconds_at(seconds: float) -> float:
        count = max(MIN_INTERVAL_COUNT, round(min(seconds, LONGEST_SECONDS) / interval_seconds))
        degrees = tapered_degrees(count) if tapered else cosine_count(count)
        critical = planned_critical(
            alpha, degrees=degrees, noise_factor=noise_factor, known_degrees=known_degrees, slow_count=slow_count
        )
        return seconds_for(critical)

    seconds, before = seconds_at(LONGEST_SECONDS), 0.0
    for _ in range(_MAX_STEPS):  # too short and too long by turns, nearer at each step
        before, seconds = seconds, seconds_at(seconds)
        if abs(seconds - before) <= _CLOSE_FRACTION * seconds:
            break
    longest = max(seconds, before, MIN_INTERVAL_COUNT * interval_seconds)
    return longest if longest <= LONGEST_SECONDS else math.inf


@lru_cache(maxsize=1024)
def planned_critical(
    alpha: float,
    *,
    degrees: float,
    noise_factor: float = 1.0,
    known_degrees: int = 0,
    slow_count: int = 0,
) -> float:
    """Return the critical value to plan with when the variance will be an estimate.

    The test divides by an estimated standard error that is never below the one of independent
    requests, so a plan with the plain critical value promises too much over a short horizon.

    Args:
        alpha: One-sided level of the test.
        degrees: Degrees of freedom of the estimate.
        noise_factor: Variance over that of independent requests, at least 1.
        known_degrees: Degrees of freedom of a measured history that is pooled in.
        slow_count: Slowest cosines whose mean square alone bounds the variance too, as a known one; 0: none do.

    Returns:
        The number that, with the normal quantile of `POWER` added, is the distance from the margin in
        assumed standard errors at which the test decides with probability `POWER`.
    """
    total, chance = degrees + known_degrees, 1 / noise_factor
    slow = chdtri(slow_count, _CHANCES)[:, None] if slow_count else np.zeros((1, 1))
    rest = chdtri(degrees - slow_count, _CHANCES)[None, :] if degrees > slow_count else np.zeros((1, 1))
    true = np.ones((1, 1))  # variance over the assumed one: the history is an estimate too
    if known_degrees and not slow_count:
        true = chance + (1 - chance) * known_degrees / chdtri(known_degrees, _CHANCES)[:, None]
    estimated = np.maximum((true * (slow + rest) + known_degrees) / total, chance)
    used: FloatArray = np.sqrt(estimated) * critical_value(alpha, degrees=total)
    if slow_count:
        used = np.maximum(used, -float(ndtri(alpha)) * np.sqrt(slow / slow_count))
    error = np.sqrt(true)
    distance = float(used.mean()) + float(ndtri(POWER))
    for _ in range(_NEWTON_STEPS):
        ahead = (distance - used) / error
        slope = float((np.exp(-(ahead**2) / 2) / error).mean()) / math.sqrt(2 * math.pi)
        distance += (POWER - float(ndtr(ahead).mean())) / slope
    return distance - float(ndtri(POWER))


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
    at_truth = canary_fraction * (1 - canary_fraction) + baseline
    # A test against a canary beyond the margin sees more failures in all, so a larger variance on the margin.
    shift = max(0.0, canary_fraction - limit) / (1 + traffic_ratio)
    fractions = [min(baseline_fraction + shift, 1.0), min(limit + shift, 1.0)]
    at_margin = fractions[1] * (1 - fractions[1]) + fractions[0] * (1 - fractions[0]) / traffic_ratio
    errors = critical * math.sqrt(at_margin) + float(ndtri(POWER)) * math.sqrt(at_truth)
    return (errors / distance) ** 2 * noise_factor
