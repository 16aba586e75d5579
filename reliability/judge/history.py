"""What two arms of one version say of the noise: measured once, pooled into later comparisons.

A comparison of minutes cannot see a noise with a memory of hours; an earlier recording can. The
numbers are per second, so that traffic and scrape interval of the recording do not matter. Files,
queries and verdicts do not belong here.
"""

from dataclasses import dataclass

import numpy as np

from reliability.judge.counts import PairedCounts
from reliability.judge.error_arms import relative_noise
from reliability.judge.intervals import shared_intervals
from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.quantile_ratio import arm_tails, pooled_tail_index, quantile_ratio_test

_FEWEST_ERRORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseHistory:
    """Noise of one arm against the other that is neither shared nor chance of single requests.

    Attributes:
        latency_log_variance_seconds: Variance of the mean over `tau` seconds of the log ratio of
            the latency quantiles, times `tau`.
        latency_degrees: Degrees of freedom behind it.
        error_relative_variance_seconds: The same of the relative difference of the error
            fractions; None without errors enough.
        error_degrees: Degrees of freedom behind that.
        seconds: Length of the recording.
    """

    latency_log_variance_seconds: float
    latency_degrees: int
    error_relative_variance_seconds: float | None
    error_degrees: int
    seconds: float


def measure_history(counts: PairedCounts, *, quantile: float = 0.95) -> NoiseHistory | None:
    """Measure the noise on two arms of one version.

    Args:
        counts: Counts of both arms, for example two halves of the baseline's replicas.
        quantile: Quantile that will be judged.

    Returns:
        The noise; None when scrapes or buckets do not suffice.
    """
    intervals = shared_intervals(counts, by_histogram=True)
    if intervals.count < MIN_INTERVAL_COUNT:
        return None
    share = 1.0 - quantile
    arms = arm_tails(intervals, counts.upper_bounds_seconds)
    if arms is None:
        return None
    test = quantile_ratio_test(*arms, slower_share=share)
    index = pooled_tail_index(*arms, slower_share=share)
    if test is None or index is None:
        return None
    score = test.score(test.ratio)
    binomial, own = score.chance_law, score.interval_law
    excess = max(0.0, own.variance - binomial.variance)
    error_noise, error_degrees = _error_noise(counts)
    return NoiseHistory(
        latency_log_variance_seconds=excess / (share * index) ** 2 * intervals.effective_seconds,
        latency_degrees=round(own.degrees),
        error_relative_variance_seconds=error_noise,
        error_degrees=error_degrees,
        seconds=float(np.sum(intervals.seconds)),
    )


def _error_noise(counts: PairedCounts) -> tuple[float | None, int]:
    """Measure the noise of the errors; None where an arm had hardly any."""
    intervals = shared_intervals(counts, by_histogram=False)
    fewest = min(float(arm.errors.sum()) for arm in (intervals.baseline, intervals.canary))
    if intervals.count < MIN_INTERVAL_COUNT or fewest < _FEWEST_ERRORS:
        return None, 0
    return relative_noise(intervals)
