"""What the buckets of a histogram allow one to say: the guard, and limits that assume no shape.

A quantile is known to lie in its bucket; where inside, the curve guesses. The guard widens the
margin by twice the error seen of that guess when neighbouring bounds lie far apart. The limits
of this module use counts at the bounds only. Fed by the latency judge; the score test itself
belongs to `quantile_ratio`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from reliability.judge.counts import FloatArray
from reliability.judge.long_run import projected
from reliability.judge.quantile_ratio import ArmTail

_FINE_RATIO = 1.10 * (1 + 1e-9)  # a ladder of 1.1 is fine; rounding must not make it coarse
_GUARD_FACTOR = 0.2
_LADDER_RATIO = 1.1
_LADDER_STEPS = range(-3, 5)


def guard_fraction(bucket_ratio: float) -> float:
    """Return by how much coarse buckets widen the margin, both ways.

    Args:
        bucket_ratio: Largest ratio of neighbouring bounds near the quantiles.

    Returns:
        0 up to 1.10, else `0.2 (ln f)^2`: 0.01 at 1.25, 0.033 at 1.5, 0.096 at 2; `inf` when
        a quantile lies in the first or in the last bucket.
    """
    if bucket_ratio <= _FINE_RATIO:
        return 0.0
    return _GUARD_FACTOR * math.log(bucket_ratio) ** 2 if math.isfinite(bucket_ratio) else math.inf


def bucket_ratio(bounds: tuple[float, float]) -> float:
    """Return upper over lower bound of a bucket; `inf` when it starts at 0 or ends nowhere."""
    low, high = bounds
    return high / low if low > 0 else math.inf


def suggested_bounds(quantile_seconds: float) -> tuple[float, ...]:
    """Return bucket bounds that would let the judge see a 10 % change of this quantile."""
    return tuple(float(f"{quantile_seconds * _LADDER_RATIO**k:.3g}") for k in _LADDER_STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundTests:
    """One arm's quantile against every bucket bound, without a curve.

    Attributes:
        edges_seconds: 0, then the bucket bounds, last `inf`; shape `(K + 1,)`.
        p_beyond: P-value of "the quantile is at most this edge", shape `(K + 1,)`; 0 at 0.
        p_within: P-value of "the quantile is above this edge", shape `(K + 1,)`; 0 at `inf`.
    """

    edges_seconds: FloatArray
    p_beyond: FloatArray
    p_within: FloatArray

    def lower_seconds(self, alpha: float) -> float:
        """Return the largest edge that the quantile is shown to exceed."""
        return float(self.edges_seconds[self.p_beyond <= alpha].max())

    def upper_seconds(self, alpha: float) -> float:
        """Return the smallest edge that the quantile is shown not to exceed."""
        return float(self.edges_seconds[self.p_within <= alpha].min())


def bound_tests(
    arm: ArmTail, *, slower_share: float, projections: Callable[[FloatArray], FloatArray] = projected
) -> BoundTests:
    """Test an arm's quantile against every bucket bound.

    Args:
        arm: One arm of the comparison.
        slower_share: Share of requests above the quantile.
        projections: Numbers whose mean square is the variance of the sum of a series.

    Returns:
        P-values at each edge.
    """
    by_edge = np.array([projections(row) for row in arm.mass - slower_share * arm.weights])
    long_run = np.mean(by_edge**2, axis=1)
    binomial = slower_share * (1 - slower_share) / arm.effective_count
    difference = arm.mass.sum(axis=1) - slower_share
    statistic = difference / np.sqrt(np.maximum(long_run, binomial))
    p_beyond, p_within = (stdtr(by_edge.shape[1], sign * statistic) for sign in (-1, 1))
    p_beyond[0], p_beyond[-1], p_within[0], p_within[-1] = 0.0, 1.0, 1.0, 0.0
    return BoundTests(edges_seconds=np.array(arm.curve.edges_seconds), p_beyond=p_beyond, p_within=p_within)


def lowest_ratio(baseline: BoundTests, canary: BoundTests, *, alpha: float) -> float | None:
    """Return a lower limit of `canary / baseline` that assumes no shape; None when there is none."""
    high = baseline.upper_seconds(alpha / 2)
    return canary.lower_seconds(alpha / 2) / high if math.isfinite(high) else None


def highest_ratio(baseline: BoundTests, canary: BoundTests, *, alpha: float) -> float | None:
    """Return an upper limit of `canary / baseline` that assumes no shape; None when there is none."""
    low, high = baseline.lower_seconds(alpha / 2), canary.upper_seconds(alpha / 2)
    return high / low if low > 0 and math.isfinite(high) else None


def p_ratio_above(baseline: BoundTests, canary: BoundTests, *, ratio: float) -> float:
    """Return the p-value of "the true ratio is at most `ratio`", by the bounds alone.

    Args:
        baseline: Tests of the baseline.
        canary: Tests of the canary.
        ratio: Ratio above zero.

    Returns:
        Twice the smallest, over the edges, of the larger p-value of "the baseline is above the
        edge" and "the canary is at most `ratio` times the edge"; at most 1.
    """
    reached = np.searchsorted(canary.edges_seconds, ratio * baseline.edges_seconds, side="right")
    inside = np.isfinite(baseline.edges_seconds)
    both = np.maximum(baseline.p_within[inside], canary.p_beyond[reached[inside]])
    return float(min(1.0, 2 * both.min()))


def p_ratio_below(baseline: BoundTests, canary: BoundTests, *, ratio: float) -> float:
    """Return the p-value of "the true ratio is at least `ratio`", by the bounds alone.

    Args:
        baseline: Tests of the baseline.
        canary: Tests of the canary.
        ratio: Ratio above zero.

    Returns:
        Twice the smallest, over the edges, of the larger p-value of "the baseline is at most the
        edge" and "the canary is above `ratio` times the edge"; at most 1.
    """
    reached = np.searchsorted(canary.edges_seconds, ratio * baseline.edges_seconds, side="right") - 1
    inside = np.isfinite(baseline.edges_seconds) & (baseline.edges_seconds > 0)
    both = np.maximum(baseline.p_beyond[inside], canary.p_within[reached[inside]])
    return float(min(1.0, 2 * both.min(initial=1.0)))
