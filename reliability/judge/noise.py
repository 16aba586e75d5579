"""By which laws a difference of two arms varies, and what the least favourable of them says of it.

Each law is a variance with its degrees of freedom. A statistic is as extreme as the least extreme
of its laws calls it, on the common scale of a normal deviate: every law alone keeps the level, so
all of them together do. Judges of latency and errors feed it; what is compared does not belong here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy.special import fdtrc, ndtri, stdtr

from reliability.judge.counts import FloatArray
from reliability.judge.long_run import cosines, critical_value, projected, tapered_degrees, tapered_weights
from reliability.judge.memory import lasting_projections

SLOW_COUNT = 5
"""Cosines that stand for the slowest movements."""
MANY_DEGREES = 20  # a history this long knows slow movements better than the terms at hand
_NOISIER_ALPHA = 0.01
_SMALLEST_PROBABILITY = 1e-300  # its normal deviate, 37, is the largest there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """How one source of noise moves the difference.

    Attributes:
        variance: Variance of the difference, never negative.
        degrees: Degrees of freedom behind the variance; `inf` when it is known.
    """

    variance: float
    degrees: float

    def normal_deviate(self, difference: float) -> float:
        """Return the normal deviate with the p-value that this law gives to `difference`."""
        if difference == 0:
            return 0.0
        deviate = math.inf if self.variance <= 0 else abs(difference) / math.sqrt(self.variance)
        if math.isfinite(self.degrees) and math.isfinite(deviate):
            deviate = -float(ndtri(max(stdtr(self.degrees, -deviate), _SMALLEST_PROBABILITY)))
        return math.copysign(deviate, difference)

    def reach(self, alpha: float) -> float:
        """Return the difference that this law exceeds with probability `alpha`."""
        return critical_value(alpha, degrees=self.degrees) * math.sqrt(self.variance)


def weakest_deviate(difference: float, laws: Sequence[Law]) -> float:
    """Return the least extreme normal deviate that the laws give to a difference."""
    largest: dict[float, Law] = {}
    for law in laws:  # of laws with the same degrees the larger variance is the less extreme
        other = largest.setdefault(law.degrees, law)
        if law.variance > other.variance:
            largest[law.degrees] = law
    return min((law.normal_deviate(difference) for law in largest.values()), key=abs)


def widest_law(laws: Sequence[Law], *, alpha: float) -> Law:
    """Return the law that lets the difference reach furthest at level `alpha`."""
    return max(laws, key=lambda law: law.reach(alpha))


def pooled(laws: Sequence[Law]) -> Law:
    """Pool several estimates of one variance, weighted by their degrees of freedom."""
    degrees = sum(law.degrees for law in laws)
    return Law(variance=sum(law.degrees * law.variance for law in laws) / degrees, degrees=degrees)


def is_noisier(own: Law, known: Law) -> bool:
    """Tell whether a variance is clearly larger than one measured before, beyond what both estimates allow."""
    if own.variance <= 0:
        return False
    return bool(fdtrc(own.degrees, known.degrees, own.variance / known.variance) <= _NOISIER_ALPHA)


def summed(laws: Sequence[Law]) -> Law:
    """Add independent variances; the degrees are those of Welch and Satterthwaite."""
    variance = sum(law.variance for law in laws)
    spread = sum(law.variance**2 / law.degrees for law in laws)
    return Law(variance=variance, degrees=variance**2 / spread if spread > 0 else min(law.degrees for law in laws))


class Noise(Protocol):
    """What is known of the noise of a comparison."""

    def projections(self, series: FloatArray) -> FloatArray:
        """Return numbers whose mean square is the variance of the sum of one arm's series."""
        ...

    def laws(self, baseline: FloatArray, canary: FloatArray) -> tuple[Law, ...]:
        """Estimate the laws of `canary.sum() - baseline.sum()` from the terms of both sums; the best one first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedNoise:
    """Both arms at the same instants: what they share cancels term by term.

    Attributes:
        history: Law of the same difference, measured on two arms of one version.
        borrowed: Law of the same difference, from a longer stretch that these terms are a part of.
    """

    history: Law | None = None
    borrowed: Law | None = None

    def projections(self, series: FloatArray) -> FloatArray:
        """Project one arm's series, shape `(T,)`."""
        return projected(series)

    def laws(self, baseline: FloatArray, canary: FloatArray) -> tuple[Law, ...]:
        """Estimate from the differences, shape `(T,)` both; a history is pooled in."""
        projections, own = _tapered_law(canary - baseline)
        if self.history is not None:
            own = pooled((own, self.history))
        slow = () if self.history is not None and self.history.degrees >= MANY_DEGREES else (_slow_floor(projections),)
        return (own, *slow, *(() if self.borrowed is None else (self.borrowed,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpairedNoise:
    """Two arms at different times: nothing cancels, each window brings its own noise.

    Attributes:
        history: Law measured on two arms of one version side by side. It lacks what arms of one time
            share, so that it is a law of its own, no estimate of the same variance.
        memories: Correlation of neighbours in either window; None: estimated from the terms at hand.
            Known once for all ratios, it keeps the statistic from jumping with them.
    """

    history: Law | None = None
    memories: tuple[float | None, float | None] = (None, None)

    def projections(self, series: FloatArray) -> FloatArray:
        """Project one arm's series, shape `(T,)`, its memory taken out."""
        return lasting_projections(series)

    def laws(self, baseline: FloatArray, canary: FloatArray) -> tuple[Law, ...]:
        """Estimate window by window, shapes `(T_b,)` and `(T_c,)`."""
        windows = zip((baseline, canary), self.memories, strict=True)
        own = summed([_law(lasting_projections(series, memory=memory)) for series, memory in windows])
        return (own,) if self.history is None else (own, self.history)


def _tapered_law(series: FloatArray) -> tuple[FloatArray, Law]:
    """Estimate the law of `series.sum()`; return the projections too, slowest first."""
    weights = tapered_weights(series.size)
    projections: FloatArray = cosines(series.size, weights.size) @ series
    return projections, Law(variance=float(weights @ projections**2), degrees=tapered_degrees(series.size))


def _law(projections: FloatArray) -> Law:
    return Law(variance=float(projections @ projections) / projections.size, degrees=projections.size)


def _slow_floor(projections: FloatArray) -> Law:
    """Take the slowest movements alone as a floor under the variance, like chance.

    A noise with a long memory moves slowly; an estimate from all the cosines is then too small. The
    few slowest ones are too few for an estimate of their own, so that they bound it without degrees.
    """
    slow = projections[:SLOW_COUNT]
    return Law(variance=float(slow @ slow) / slow.size, degrees=math.inf)
