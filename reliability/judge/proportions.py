"""Score tests of two error fractions against a margin, when errors come in bursts.

Miettinen and Nurminen: the variance is that of the hypothesis, from the fractions that fit the
data best on the margin, so no errors at all are no trouble. What the counts vary beyond the
binomial law is measured as a relative long-run variance and carried over to the hypothesis:
of the difference when both arms were measured at once, of each arm when they were measured one
after the other. Arms come weighed from `error_arms`; which margins apply does not belong here.
"""

import math
from dataclasses import dataclass

import numpy as np

from reliability.judge.counts import FloatArray
from reliability.judge.inversion import crossing
from reliability.judge.likeliest import difference_fractions, ratio_fractions
from reliability.judge.long_run import critical_value, upper_tail
from reliability.judge.noise import Law

_NEARLY_ONE = 1 - 1e-9
_FIRST_DIFFERENCE_STEP = 0.002
_FIRST_LOG_STEP = 0.1
_LARGEST_LOG_RATIO = math.log(1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorArm:
    """One arm as the tests see it.

    Attributes:
        fraction: Weighted share of failed requests.
        effective_count: Requests that would give the share the same binomial variance.
        relative_projections: Cosine projections of the weighted relative deviations.
    """

    fraction: float
    effective_count: float
    relative_projections: FloatArray

    @property
    def relative_binomial_variance(self) -> float:
        """Variance of the fraction over its square, were requests independent; 0 without errors."""
        if self.fraction <= 0:
            return 0.0
        return (1 - self.fraction) / (self.fraction * self.effective_count)

    @property
    def relative_excess_variance(self) -> float:
        """What the fraction varies beyond that, over its square."""
        return max(0.0, self.relative_variance - self.relative_binomial_variance)

    @property
    def relative_variance(self) -> float:
        """Long-run variance of the fraction over its square."""
        return _mean_square(self.relative_projections)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorScoreTest:
    """The tests over one set of intervals.

    Attributes:
        baseline: Baseline arm.
        canary: Canary arm.
        own_degrees: Degrees of freedom of the noise measured here.
        paired: Whether both arms were measured at once, so that noise they share cancels.
        known: What the difference of the fractions varied beyond the binomial law, over the square of
            the fraction, between two arms of one version; None when it was not measured.
    """

    baseline: ErrorArm
    canary: ErrorArm
    own_degrees: int
    paired: bool = True
    known: Law | None = None

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the t law."""
        return self.own_degrees + (0 if self.known is None else int(self.known.degrees))

    @property
    def difference(self) -> float:
        """Error fraction of the canary minus that of the baseline."""
        return self.canary.fraction - self.baseline.fraction

    def difference_statistic(self, difference: float) -> float:
        """Return the statistic of "canary = baseline + difference"; falls in `difference`."""
        null_canary, null_baseline = difference_fractions(self.canary, self.baseline, difference=difference)
        return _in_errors(self.difference - difference, self._variance(null_canary, null_baseline, factor=1.0))

    def ratio_statistic(self, ratio: float) -> float:
        """Return the statistic of "canary = ratio * baseline"; falls in `ratio`."""
        null_canary, null_baseline = ratio_fractions(self.canary, self.baseline, ratio=ratio)
        distance = self.canary.fraction - ratio * self.baseline.fraction
        return _in_errors(distance, self._variance(null_canary, null_baseline, factor=ratio))

    @property
    def relative_excess_variance(self) -> float:
        """What the difference varies beyond the binomial law, were both fractions 1."""
        return self._excess_variance(1.0, 1.0)

    def noise_factor(self) -> float:
        """Return the variance of the difference, as observed, over that of independent requests."""
        canary, baseline = self.canary.fraction, self.baseline.fraction
        binomial = self._binomial_variance(canary, baseline, factor=1.0)
        return 1.0 + self._excess_variance(canary, baseline) / binomial if binomial > 0 else 1.0

    def p_above(self, statistic: float) -> float:
        """Return the p-value against "at most the margin" of a statistic."""
        return upper_tail(statistic, degrees=self.degrees)

    def difference_limit(self, alpha: float, *, upper: bool, start: float) -> float | None:
        """Return the one-sided limit of the difference at level `alpha`, searched from `start`.

        None when no difference is too large for the noise seen: then there is no limit.
        """
        return crossing(
            self.difference_statistic,
            self._level(alpha, upper=upper),
            start=start,
            step=_FIRST_DIFFERENCE_STEP,
            low=-_NEARLY_ONE,
            high=_NEARLY_ONE,
        )

    def ratio_limit(self, alpha: float, *, upper: bool, start: float) -> float | None:
        """Return the limit of `canary / baseline` likewise, told as a difference from the baseline's fraction."""
        found = crossing(
            lambda log_ratio: self.ratio_statistic(math.exp(log_ratio)),
            self._level(alpha, upper=upper),
            start=math.log(start),
            step=_FIRST_LOG_STEP,
            low=-_LARGEST_LOG_RATIO,
            high=_LARGEST_LOG_RATIO,
        )
        return None if found is None else (math.exp(found) - 1) * self.baseline.fraction

    def _level(self, alpha: float, *, upper: bool) -> float:
        critical = critical_value(alpha, degrees=self.degrees)
        return -critical if upper else critical

    def _binomial_variance(self, canary: float, baseline: float, *, factor: float) -> float:
        own = canary * (1 - canary) / self.canary.effective_count
        return own + factor**2 * baseline * (1 - baseline) / self.baseline.effective_count

    def _excess_variance(self, canary: float, other: float) -> float:
        """Return what the difference of two fractions varies beyond the binomial law."""
        if not self.paired:
            own, others = (arm.relative_excess_variance for arm in (self.canary, self.baseline))
            return canary**2 * own + other**2 * others
        binomial = (
            canary**2 * self.canary.relative_binomial_variance + other**2 * self.baseline.relative_binomial_variance
        )
        projections = canary * self.canary.relative_projections - other * self.baseline.relative_projections
        excess = _mean_square(projections) - binomial
        if self.known is not None:
            excess *= self.own_degrees / self.degrees
            excess += max(canary, other) ** 2 * self.known.variance * self.known.degrees / self.degrees
        return max(0.0, excess)

    def _variance(self, canary: float, baseline: float, *, factor: float) -> float:
        """Return the variance of canary minus factor times baseline when these are the fractions."""
        binomial = self._binomial_variance(canary, baseline, factor=factor)
        return binomial + self._excess_variance(canary, factor * baseline)


def _mean_square(projections: FloatArray) -> float:
    return float(np.mean(projections**2))


def _in_errors(distance: float, variance: float) -> float:
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0
