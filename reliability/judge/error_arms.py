"""Counts of two arms weighed into error fractions, ready to be tested.

Arms side by side weigh by instant, and by route where the routes know their errors; two windows weigh
by route alone, and each keeps its own noise. Fed with counts by the error judge; the tests stand in
`proportions`.
"""

from dataclasses import replace

import numpy as np

from reliability.judge.counts import ArmCounts, FloatArray, RouteCounts, SuccessiveCounts
from reliability.judge.intervals import SharedIntervals, effective_count
from reliability.judge.long_run import MIN_INTERVAL_COUNT, cosine_count, cosines
from reliability.judge.memory import lasting_projections
from reliability.judge.noise import Law, summed
from reliability.judge.proportions import ErrorArm, ErrorScoreTest
from reliability.judge.strata import WeighedArm, weighed_arms


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
            variance=max(arm.relative_variance, arm.relative_binomial_variance),
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
