"""How much the sum of a series would vary from run to run, when its terms depend on their neighbours.

Equal-weighted-cosine (EWC) estimator: the series is projected on the first few cosines, which
have mean zero, so no trend of the mean leaks in; the mean square of the projections is the
variance of the sum, with as many degrees of freedom as cosines. The judges of latency and of
errors feed it; what the series means does not belong here.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from reliability.judge.counts import FloatArray

MIN_INTERVAL_COUNT = 8
"""Fewer intervals than this carry no usable estimate of the noise."""


def cosine_count(interval_count: int) -> int:
    """Choose the number of cosines, which is also the degrees of freedom of the t law.

    Args:
        interval_count: Length of the series, at least `MIN_INTERVAL_COUNT`.

    Returns:
        `max(5, round(0.4 T^(2/3)))`, at most `T - 2`.

    Source:
        Lazarus, Lewis, Stock and Watson 2018, JBES 36:541 (rule for the number of cosines).
    """
    by_rule = round(0.4 * math.pow(interval_count, 2 / 3))
    return min(max(5, by_rule), interval_count - 2)


@lru_cache(maxsize=32)
def cosines(interval_count: int) -> FloatArray:
    """Return the cosines to project on.

    Args:
        interval_count: Length of the series.

    Returns:
        Array of shape `(cosine_count, interval_count)`; each row has mean square 1. Read only.
    """
    j = np.arange(1, cosine_count(interval_count) + 1)[:, None]
    t = np.arange(interval_count)[None, :] + 0.5
    basis: FloatArray = np.sqrt(2.0) * np.cos(np.pi * j * t / interval_count)
    basis.flags.writeable = False
    return basis


def projected(series: FloatArray) -> FloatArray:
    """Project a series on its cosines; each projection has the variance of `series.sum()`.

    Args:
        series: One number per interval, shape `(T,)`.

    Returns:
        Projections, slowest first, shape `(cosine_count,)`.
    """
    projections: FloatArray = cosines(series.size) @ series
    return projections


def sum_variance(series: FloatArray) -> float:
    """Estimate the long-run variance of `series.sum()`.

    Args:
        series: One number per interval, shape `(T,)`.

    Returns:
        The variance, never negative.
    """
    projections = projected(series)
    return float(projections @ projections) / projections.size


def upper_tail(statistic: float, *, degrees: int) -> float:
    """Return `P(t > statistic)` for Student's t with `degrees` degrees of freedom."""
    return float(stdtr(degrees, -statistic))


def critical_value(alpha: float, *, degrees: float) -> float:
    """Return the point that Student's t exceeds with probability `alpha`; normal at `inf` degrees."""
    return float(-stdtrit(degrees, alpha)) if math.isfinite(degrees) else float(-ndtri(alpha))
