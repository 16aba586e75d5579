"""What the error judge looks at: the tests of both arms, how much traffic stands behind them, what is still missing.

Built from counts of two arms, measured at once or one after the other. Verdicts and reasons belong
to `error_rate`.
"""

from dataclasses import dataclass

import numpy as np

from reliability.judge.counts import Counts, PairedCounts, SuccessiveCounts
from reliability.judge.error_arms import error_score_test, stratified, successive_error_test
from reliability.judge.history import NoiseHistory
from reliability.judge.intervals import SharedIntervals, shared_intervals
from reliability.judge.late_part import last_third
from reliability.judge.long_run import critical_value
from reliability.judge.planning import planned_seconds, requests_for_errors
from reliability.judge.proportions import ErrorScoreTest


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvidence:
    """Both arms over one set of intervals.

    Attributes:
        test: Score tests of the difference and of the ratio.
        interval_count: Intervals compared; of two windows those of the shorter one.
        canary_requests: Requests of the canary in them.
        canary_seconds: Their length, of the canary.
        traffic_ratio: Requests of the baseline for one of the canary.
    """

    test: ErrorScoreTest
    interval_count: int
    canary_requests: float
    canary_seconds: float
    traffic_ratio: float

    def requests_needed(self, canary_fraction: float, *, margin_fraction: float, alpha: float) -> float:
        """Return the canary requests after which a decision is likely.

        Args:
            canary_fraction: Assumed true error fraction of the canary.
            margin_fraction: Allowed rise of the error fraction, above zero.
            alpha: Level of the decision.

        Returns:
            The number; `inf` when a year of this traffic would not do.
        """
        rate = self.canary_requests / self.canary_seconds
        factor = self.test.noise_factor()

        def seconds_for(critical: float) -> float:
            requests = requests_for_errors(
                baseline_fraction=self.test.baseline.fraction,
                canary_fraction=canary_fraction,
                margin_fraction=margin_fraction,
                traffic_ratio=self.traffic_ratio,
                critical=critical,
                noise_factor=factor,
            )
            return requests / rate

        if max(self.test.baseline.fraction, canary_fraction) == 0:  # nothing that a plan must leave room for
            return rate * seconds_for(critical_value(alpha, degrees=self.test.degrees))
        return rate * planned_seconds(
            seconds_for,
            alpha=alpha,
            interval_seconds=self.canary_seconds / self.interval_count,
            noise_factor=factor,
            known_degrees=self.test.degrees - self.test.own_degrees,
        )


def error_evidence(counts: Counts, *, history: NoiseHistory | None) -> ErrorEvidence | None:
    """Prepare both arms.

    Args:
        counts: Counts of both arms; the warm-up is already cut off.
        history: Noise between two arms of one version. Two windows ignore it: it says nothing of
            how a service changes over time.

    Returns:
        The evidence; None when an arm has no requests, or when the arms share no route.
    """
    if isinstance(counts, SuccessiveCounts):
        return _successive_evidence(counts)
    intervals = _paired_intervals(counts)
    test = _paired_test(intervals, history) if intervals.count else None
    if test is None:
        return None
    return ErrorEvidence(
        test=test,
        interval_count=intervals.count,
        canary_requests=float(intervals.canary_requests.sum()),
        canary_seconds=float(intervals.seconds.sum()),
        traffic_ratio=intervals.traffic_ratio,
    )


def late_error_test(counts: Counts, *, history: NoiseHistory | None) -> ErrorScoreTest | None:
    """Prepare the last third of the time.

    Args:
        counts: Counts of both arms; the warm-up is already cut off.
        history: Noise between two arms of one version.

    Returns:
        Its tests; None when the window is too short, or there are two.
    """
    if isinstance(counts, SuccessiveCounts):
        return None
    intervals = _paired_intervals(counts)
    late = last_third(intervals, scrape_interval_seconds=counts.scrape_interval_seconds)
    return None if late is None else _paired_test(late, history)


def _paired_intervals(counts: PairedCounts) -> SharedIntervals:
    """Take the intervals by route where the routes know their errors; these are routes of the histogram."""
    by_route = bool(counts.routes) and not any(
        np.isnan(arm.errors).any() for route in counts.routes for arm in (route.baseline, route.canary)
    )
    return shared_intervals(counts, by_histogram=by_route)


def _paired_test(intervals: SharedIntervals, history: NoiseHistory | None) -> ErrorScoreTest | None:
    known = None if history is None else history.error_relative_variance_seconds
    degrees = 0 if history is None else history.error_degrees
    test = error_score_test(intervals, relative_variance_seconds=known, known_degrees=degrees)
    return stratified(test, intervals) if intervals.routes else test


def _successive_evidence(counts: SuccessiveCounts) -> ErrorEvidence | None:
    windows = (counts.baseline, counts.canary)
    baseline, canary = (float(window.total.requests.sum()) for window in windows)
    if min(baseline, canary) <= 0:
        return None
    return ErrorEvidence(
        test=successive_error_test(counts),
        interval_count=min(window.total.requests.size for window in windows),
        canary_requests=canary,
        canary_seconds=float(np.ptp(counts.canary.edges_seconds)),
        traffic_ratio=baseline / canary,
    )
