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
def cosines(interval_count: int, count: int | None = None) -> FloatArray:
    """Return the cosines to project on.

    Args:
        interval_count: Length of the series.
        count: How many, slowest first; by default `cosine_count`.

    Returns:
        Array of shape `(count, interval_count)`; each row has mean square 1. Read only.
    """
    j = np.arange(1, (cosine_count(interval_count) if count is None else count) + 1)[:, None]
    t = np.arange(interval_count)[None, :] + 0.5
    basis: FloatArray = np.sqrt(2.0) * np.cos(np.pi * j * t / interval_count)
    basis.flags.writeable = False
    return basis


@lru_cache(maxsize=32)
def tapered_weights(interval_count: int) -> FloatArray:
    """Return the weights of the slowest cosines, the slower the heavier.

    Half as many cosines again as `cosine_count`, under a quadratic window: their weighted mean square
    has the bias of `cosine_count` equal ones and a quarter more degrees of freedom.

    Args:
        interval_count: Length of the series, at least `MIN_INTERVAL_COUNT`.

    Returns:
        Weights that sum to 1. Read only.

    Source:
        Priestley 1962, Technometrics 4:551 (the quadratic spectral window).
    """
    count = min(round(1.5 * cosine_count(interval_count)), interval_count - 2)
    falling = 1.0 - (np.arange(1, count + 1) / (count + 1)) ** 2
    weights: FloatArray = falling / falling.sum()
    weights.flags.writeable = False
    return weights


def tapered_degrees(interval_count: int) -> float:
    """Return the degrees of freedom of a mean square with `tapered_weights`."""
    weights = tapered_weights(interval_count)
    return float(1.0 / (weights @ weights))


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
