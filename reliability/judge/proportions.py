"""Score tests of two error fractions against a margin, when errors come in bursts.

Miettinen and Nurminen: the variance is that of the hypothesis, from the fractions that fit the
data best on the margin, so no errors at all are no trouble. What the counts vary beyond the
binomial law is measured as a relative long-run variance and carried over to the hypothesis:
of the difference when both arms were measured at once, of each arm when they were measured one
after the other. Fed by the error judge; which margins apply does not belong here.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from reliability.judge.counts import ArmCounts, FloatArray, RouteCounts, SuccessiveCounts
from reliability.judge.intervals import SharedIntervals, effective_count
from reliability.judge.inversion import crossing
from reliability.judge.likeliest import difference_fractions, ratio_fractions
from reliability.judge.long_run import MIN_INTERVAL_COUNT, cosine_count, cosines, critical_value, upper_tail
from reliability.judge.memory import lasting_projections
from reliability.judge.noise import Law, summed
from reliability.judge.strata import WeighedArm, weighed_arms

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
        return max(0.0, _mean_square(self.relative_projections) - self.relative_binomial_variance)


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


def error_score_test(
    intervals: SharedIntervals, *, relative_variance_seconds: float | None = None, known_degrees: int = 0
) -> ErrorScoreTest:
    """Set up the tests of two arms that were measured at once.

    Args:
        intervals: Intervals that both arms share, at least `MIN_INTERVAL_COUNT`; their routes are not looked at.
        relative_variance_seconds: Noise as `relative_noise` measures it on two arms of one version.
        known_degrees: Degrees of freedom of that measurement.

    Returns:
        Tests of the difference and of the ratio.
    """
    known = None
    if relative_variance_seconds is not None:
        seconds = effective_count(intervals.weights, intervals.seconds)
        known = Law(variance=relative_variance_seconds / seconds, degrees=known_degrees)
    return ErrorScoreTest(
        baseline=_error_arm(intervals.baseline.errors, intervals.baseline_requests, intervals.weights),
        canary=_error_arm(intervals.canary.errors, intervals.canary_requests, intervals.weights),
        own_degrees=cosine_count(intervals.count),
        known=known,
    )


def stratified(test: ErrorScoreTest, intervals: SharedIntervals) -> ErrorScoreTest | None:
    """Weigh both arms by route and time, as latency is weighed, so that a changed mix passes for no change.

    Args:
        test: Test of the same intervals.
        intervals: Intervals whose routes know their errors.

    Returns:
        The test at one mix of both arms; None when they share no route at any time.
    """
    weighed = weighed_arms(
        replace(
            intervals,
            baseline=_failed_above(intervals.baseline),
            canary=_failed_above(intervals.canary),
            routes=tuple(
                RouteCounts(route=r.route, baseline=_failed_above(r.baseline), canary=_failed_above(r.canary))
                for r in intervals.routes
            ),
        )
    )
    return None if weighed is None else replace(test, baseline=_of_strata(weighed[0]), canary=_of_strata(weighed[1]))


def relative_noise(intervals: SharedIntervals) -> tuple[float, int]:
    """Measure what the errors of two arms of one version vary beyond the binomial law.

    Args:
        intervals: Intervals that both arms share, at least `MIN_INTERVAL_COUNT`.

    Returns:
        Long-run variance per second of the relative difference (the mean over tau seconds varies
        by this over tau), not negative; and its degrees of freedom.
    """
    test = error_score_test(intervals)
    seconds = effective_count(intervals.weights, intervals.seconds)
    return test.relative_excess_variance * seconds, test.own_degrees


def successive_error_test(counts: SuccessiveCounts) -> ErrorScoreTest:
    """Set up the tests of two windows, one after the other.

    Routes, where counted, enter with one mix for both windows, so that a changed mix cannot pass
    for a change of the service. Each window has noise of its own.

    Args:
        counts: Counts of both windows, each with requests.

    Returns:
        Tests of the difference and of the ratio.
    """
    windows = (counts.baseline, counts.canary)
    names = [
        name
        for name in sorted(set(counts.baseline.routes) & set(counts.canary.routes))
        if not any(np.isnan(window.routes[name].errors).any() for window in windows)
    ]
    arms = [[window.routes[name] for name in names] or [window.total] for window in windows]
    served = np.array([[route.requests.sum() for route in routes] for routes in arms])
    mix = served[0] * served[1] / np.maximum(served[0] + served[1], 1.0)
    if not mix.any():  # no route served in both windows
        arms = [[window.total] for window in windows]
        served, mix = np.array([[window.total.requests.sum()] for window in windows]), np.ones(1)
    shares = mix / mix.sum() / np.maximum(served, 1.0)
    baseline, canary = (
        _error_arm(
            np.array([route.errors for route in routes]),
            np.array([route.requests for route in routes]),
            share[:, None] * np.array([route.requests for route in routes]),
            alone=True,
        )
        for routes, share in zip(arms, shares, strict=True)
    )
    return ErrorScoreTest(baseline=baseline, canary=canary, own_degrees=_joint_degrees(canary, baseline), paired=False)


def _joint_degrees(canary: ErrorArm, baseline: ErrorArm) -> int:
    """Return Satterthwaite's degrees of freedom of a difference of two independent fractions."""
    laws = [
        Law(
            variance=max(_mean_square(arm.relative_projections), arm.relative_binomial_variance),
            degrees=arm.relative_projections.size,
        )
        for arm in (canary, baseline)
    ]
    if min(law.variance for law in laws) <= 0:  # an arm without errors tells nothing about its noise
        return int(min(law.degrees for law in laws))
    return int(summed(laws).degrees)


def _failed_above(arm: ArmCounts) -> ArmCounts:
    """Return counts with the failed requests above the first bound, their usual number above the second."""
    served = arm.bucket_counts[:, -1]
    failed = np.minimum(arm.errors, served)
    usual = served * (failed.sum() / max(float(served.sum()), 1.0))
    return replace(
        arm,
        bucket_counts=np.column_stack([served - failed, served - usual, served]),
        latency_sum_seconds=np.zeros(served.size),
    )


def _of_strata(weighed: WeighedArm) -> ErrorArm:
    _, failed, usual, _ = weighed.mass
    fraction = min(float(failed.sum()), 1.0)
    projections = cosines(failed.size) @ (failed - usual)
    return ErrorArm(
        fraction=fraction,
        effective_count=weighed.effective_count,
        relative_projections=projections / (fraction if fraction > 0 else 1.0),
    )


def _error_arm(errors: FloatArray, requests: FloatArray, weights: FloatArray, *, alone: bool = False) -> ErrorArm:
    """Weigh the errors of intervals `(T,)`, or of routes and intervals `(R, T)`; `alone`: nothing will cancel."""
    errors, requests, weights = (np.atleast_2d(array) for array in (errors, requests, weights))
    fractions = np.clip(np.divide(errors, requests, out=np.zeros_like(weights), where=requests > 0), 0.0, 1.0)
    fraction = min(float(np.sum(weights * fractions)), 1.0)
    by_route = np.sum(weights * fractions, axis=1) / weights.sum(axis=1).clip(1e-300)
    series = np.sum(weights * (fractions - by_route[:, None]), axis=0)
    if series.size < MIN_INTERVAL_COUNT:
        projections = np.zeros(1)  # so few tell nothing of their noise, and nothing is tested
    else:
        projections = lasting_projections(series) if alone else cosines(series.size) @ series
    used = weights > 0
    return ErrorArm(
        fraction=fraction,
        effective_count=effective_count(weights[used], requests[used]),
        relative_projections=projections / (fraction if fraction > 0 else 1.0),
    )


def _mean_square(projections: FloatArray) -> float:
    return float(np.mean(projections**2))


def _in_errors(distance: float, variance: float) -> float:
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0
