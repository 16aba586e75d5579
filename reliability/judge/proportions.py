"""Score tests of two error fractions against a margin, when errors come in bursts.

Miettinen and Nurminen: the variance is that of the hypothesis, from the fractions that fit the
data best on the margin, so no errors at all are no trouble. What the counts vary beyond the
binomial law is measured as a relative long-run variance and carried over to the hypothesis.
Fed by the error judge; which margins apply does not belong here.
"""

import math
from dataclasses import dataclass

import numpy as np

from reliability.judge.counts import FloatArray
from reliability.judge.intervals import SharedIntervals, effective_count
from reliability.judge.inversion import crossing
from reliability.judge.long_run import cosine_count, cosines, critical_value, upper_tail

_NEARLY_ONE = 1 - 1e-9
_TINY = 1e-100  # its cube must not underflow
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorScoreTest:
    """The tests over one set of intervals.

    Attributes:
        baseline: Baseline arm.
        canary: Canary arm.
        degrees: Degrees of freedom of the t law.
    """

    baseline: ErrorArm
    canary: ErrorArm
    degrees: int

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
        """Return the one-sided limit of `canary / baseline` at level `alpha`, searched from `start`."""
        found = crossing(
            lambda log_ratio: self.ratio_statistic(math.exp(log_ratio)),
            self._level(alpha, upper=upper),
            start=math.log(start),
            step=_FIRST_LOG_STEP,
            low=-_LARGEST_LOG_RATIO,
            high=_LARGEST_LOG_RATIO,
        )
        return None if found is None else math.exp(found)

    def _level(self, alpha: float, *, upper: bool) -> float:
        critical = critical_value(alpha, degrees=self.degrees)
        return -critical if upper else critical

    def _binomial_variance(self, canary: float, baseline: float, *, factor: float) -> float:
        own = canary * (1 - canary) / self.canary.effective_count
        return own + factor**2 * baseline * (1 - baseline) / self.baseline.effective_count

    def _excess_variance(self, canary: float, other: float) -> float:
        """Return what the difference of two fractions varies beyond the binomial law."""
        projections = canary * self.canary.relative_projections - other * self.baseline.relative_projections
        binomial = (
            canary**2 * self.canary.relative_binomial_variance + other**2 * self.baseline.relative_binomial_variance
        )
        return max(0.0, float(np.mean(projections**2)) - binomial)

    def _variance(self, canary: float, baseline: float, *, factor: float) -> float:
        """Return the variance of canary minus factor times baseline when these are the fractions."""
        binomial = self._binomial_variance(canary, baseline, factor=factor)
        return binomial + self._excess_variance(canary, factor * baseline)


def error_score_test(intervals: SharedIntervals) -> ErrorScoreTest:
    """Set up the tests.

    Args:
        intervals: Intervals that both arms share, at least `MIN_INTERVAL_COUNT`.

    Returns:
        Tests of the difference and of the ratio.
    """
    return ErrorScoreTest(
        baseline=_error_arm(intervals.baseline.errors, intervals.baseline_requests, intervals.weights),
        canary=_error_arm(intervals.canary.errors, intervals.canary_requests, intervals.weights),
        degrees=cosine_count(intervals.count),
    )


def _error_arm(errors: FloatArray, requests: FloatArray, weights: FloatArray) -> ErrorArm:
    fractions = np.clip(errors / requests, 0.0, 1.0)
    fraction = min(float(weights @ fractions), 1.0)
    relative = weights * (fractions / fraction - 1.0) if fraction > 0 else np.zeros_like(weights)
    return ErrorArm(
        fraction=fraction,
        effective_count=effective_count(weights, requests),
        relative_projections=cosines(weights.size) @ relative,
    )


def difference_fractions(canary: ErrorArm, baseline: ErrorArm, *, difference: float) -> tuple[float, float]:
    """Find the likeliest fractions with `canary - baseline = difference`.

    Args:
        canary: Canary arm.
        baseline: Baseline arm.
        difference: Difference to hold, in (-1, 1).

    Returns:
        Fractions of canary and baseline on the hypothesis.

    Source:
        Miettinen and Nurminen 1985, Statistics in Medicine 4:213, appendix (root of a cubic).
    """
    total = canary.effective_count + baseline.effective_count
    baseline_failed = baseline.fraction * baseline.effective_count
    failed = canary.fraction * canary.effective_count + baseline_failed
    a = ((total + baseline.effective_count) * difference - total - failed) / total
    b = ((baseline.effective_count * difference - total - 2 * baseline_failed) * difference + failed) / total
    c = baseline_failed * difference * (1 - difference) / total
    shift = a / 3
    q = shift**3 - a * b / 6 + c / 2
    p = math.copysign(math.sqrt(max(shift**2 - b / 3, 0.0)), q)
    cosine = q / p**3 if abs(p) > _TINY else 0.0
    angle = (math.pi + math.acos(min(max(cosine, -1.0), 1.0))) / 3
    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    fraction = min(max(2 * p * math.cos(angle) - shift, low), high)
    return min(max(fraction + difference, 0.0), 1.0), fraction


def ratio_fractions(canary: ErrorArm, baseline: ErrorArm, *, ratio: float) -> tuple[float, float]:
    """Find the likeliest fractions with `canary = ratio * baseline`.

    Args:
        canary: Canary arm.
        baseline: Baseline arm.
        ratio: Ratio to hold, above zero.

    Returns:
        Fractions of canary and baseline on the hypothesis.

    Source:
        Miettinen and Nurminen 1985, Statistics in Medicine 4:213, appendix (root of a quadratic).
    """
    canary_failed = canary.fraction * canary.effective_count
    baseline_failed = baseline.fraction * baseline.effective_count
    a = (canary.effective_count + baseline.effective_count) * ratio
    b = (canary.effective_count + baseline_failed) * ratio + canary_failed + baseline.effective_count
    c = canary_failed + baseline_failed
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    fraction = min(max(2 * c / (b + root), 0.0), 1.0, 1.0 / ratio)
    return min(ratio * fraction, 1.0), fraction


def _in_errors(distance: float, variance: float) -> float:
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0
