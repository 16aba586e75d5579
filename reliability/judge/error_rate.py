"""Error judge: does the canary fail more often than its margin allows?

Two margins, absolute and relative to the baseline; a canary may use the wider one. So a FAIL must
break both and a PASS need respect one only. Fed with `PairedCounts` by the sources; the tests stand
in `proportions`. Queries, words and pictures do not belong here.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reliability.judge.counts import FloatArray, PairedCounts
from reliability.judge.intervals import SharedIntervals, shared_intervals
from reliability.judge.long_run import MIN_INTERVAL_COUNT, critical_value
from reliability.judge.planning import requests_for_errors
from reliability.judge.proportions import ErrorScoreTest, error_score_test
from reliability.judge.traffic import NO_TRAFFIC_REASONS, no_traffic_reason
from reliability.verdicts import Verdict

Margin = Literal["absolute", "relative"]
_INTERVAL_ALPHA = 0.025  # each side of the 95 % interval
_LARGEST_EXTENSION = 100  # a run this many times longer is no plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorJudgement:
    """Error fractions of the two arms over one window, and what they show.

    Attributes:
        reason: Code that says why the verdict is what it is.
        margin_absolute_fraction: Allowed rise; 0.005 is half a percentage point.
        margin_relative_fraction: Allowed rise relative to the baseline; 0.50 is half as many again.
        baseline_request_count: Requests of the baseline.
        canary_request_count: Requests of the canary.
        baseline_error_count: Failed requests of the baseline.
        canary_error_count: Failed requests of the canary.
        scrape_count: Intervals compared, after merging sparse scrapes.
        baseline_fraction: Error fraction of the baseline, weighted as the comparison is.
        canary_fraction: Error fraction of the canary, weighted alike.
        interval: 95 % two-sided interval of the difference; None when a few errors in bursts set no limit.
        deciding_upper_fraction: One-sided upper limit of the difference: PASS when it is at most
            the allowed difference.
        deciding_lower_fraction: One-sided lower limit: FAIL when it is above.
        fail_p_value: P-value of "the rise is within the wider margin".
        requests_needed: Canary requests after which a decision is likely, when INCONCLUSIVE.
        minutes_needed: The same as minutes of the present traffic.
    """

    reason: str
    margin_absolute_fraction: float
    margin_relative_fraction: float
    baseline_request_count: int = 0
    canary_request_count: int = 0
    baseline_error_count: int = 0
    canary_error_count: int = 0
    scrape_count: int = 0
    baseline_fraction: float | None = None
    canary_fraction: float | None = None
    interval: tuple[float, float] | None = None
    deciding_upper_fraction: float | None = None
    deciding_lower_fraction: float | None = None
    fail_p_value: float | None = None
    requests_needed: int | None = None
    minutes_needed: float | None = None

    @property
    def difference_fraction(self) -> float | None:
        """Error fraction of the canary minus that of the baseline."""
        if self.canary_fraction is None or self.baseline_fraction is None:
            return None
        return self.canary_fraction - self.baseline_fraction

    @property
    def wider_margin(self) -> Margin:
        """The margin that allows more at the baseline's fraction."""
        relative = self.margin_relative_fraction * (self.baseline_fraction or 0.0)
        return "relative" if relative > self.margin_absolute_fraction else "absolute"

    @property
    def allowed_difference_fraction(self) -> float:
        """Largest rise that still passes."""
        return max(self.margin_absolute_fraction, self.margin_relative_fraction * (self.baseline_fraction or 0.0))

    @property
    def allowed_fraction(self) -> float | None:
        """Largest error fraction of the canary that still passes."""
        return None if self.baseline_fraction is None else self.baseline_fraction + self.allowed_difference_fraction

    @property
    def verdict(self) -> Verdict:
        """PASS or FAIL only when a deciding limit lies on its side of the allowed difference."""
        if self.reason in NO_TRAFFIC_REASONS:
            return Verdict.NO_DATA
        lower, upper, allowed = (
            self.deciding_lower_fraction,
            self.deciding_upper_fraction,
            self.allowed_difference_fraction,
        )
        if lower is not None and lower > allowed:
            return Verdict.FAIL
        if upper is not None and upper <= allowed:
            return Verdict.PASS
        return Verdict.INCONCLUSIVE

    @property
    def deciding_limit_fraction(self) -> float | None:
        """The limit to compare with the allowed difference: the lower one of a FAIL, else the upper one."""
        return self.deciding_lower_fraction if self.verdict is Verdict.FAIL else self.deciding_upper_fraction


def judge_errors(
    counts: PairedCounts,
    *,
    margin_absolute_fraction: float = 0.005,
    margin_relative_fraction: float = 0.50,
    alpha_fail: float = 0.025,
    alpha_pass: float = 0.05,
) -> ErrorJudgement:
    """Judge the canary's error fraction against the baseline's.

    Args:
        counts: Counts of both arms; the warm-up is already cut off.
        margin_absolute_fraction: Allowed rise of the fraction, above zero.
        margin_relative_fraction: Allowed rise relative to the baseline's fraction, above zero.
        alpha_fail: Probability to FAIL a canary that sits on the margin.
        alpha_pass: Probability to PASS a canary that sits on the margin.

    Returns:
        The judgement.
    """
    arms = (counts.baseline, counts.canary)
    baseline, canary = (round(float(arm.requests.sum())) for arm in arms)
    blank = ErrorJudgement(
        reason=no_traffic_reason(baseline, canary) or "too-few-scrapes",
        margin_absolute_fraction=margin_absolute_fraction,
        margin_relative_fraction=margin_relative_fraction,
        baseline_request_count=baseline,
        canary_request_count=canary,
        baseline_error_count=round(float(counts.baseline.errors.sum())),
        canary_error_count=round(float(counts.canary.errors.sum())),
    )
    intervals = shared_intervals(counts, by_histogram=False)
    if not intervals.count:
        return blank
    described = replace(
        blank,
        scrape_count=intervals.count,
        baseline_fraction=_weighted_fraction(intervals.baseline.errors, intervals.baseline_requests, intervals),
        canary_fraction=_weighted_fraction(intervals.canary.errors, intervals.canary_requests, intervals),
    )
    if intervals.count < MIN_INTERVAL_COUNT:
        return described
    test = error_score_test(intervals)
    limited = _limited(described, test, alpha_fail=alpha_fail, alpha_pass=alpha_pass)
    return _explained(limited, test, intervals, alpha_fail=alpha_fail, alpha_pass=alpha_pass)


def unjudged_errors(reason: str, *, margin_absolute_fraction: float, margin_relative_fraction: float) -> ErrorJudgement:
    """Return the judgement when no counts could be paired."""
    return ErrorJudgement(
        reason=reason,
        margin_absolute_fraction=margin_absolute_fraction,
        margin_relative_fraction=margin_relative_fraction,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MarginTest:
    """One margin: limits in differences of the fraction, and whether the margin is broken or kept."""

    upper: float | None
    lower: float | None
    p_fail: float
    kept: bool
    broken: bool


def _limited(
    described: ErrorJudgement, test: ErrorScoreTest, *, alpha_fail: float, alpha_pass: float
) -> ErrorJudgement:
    absolute = _absolute_margin(described.margin_absolute_fraction, test, alpha_fail=alpha_fail, alpha_pass=alpha_pass)
    relative = _relative_margin(
        1 + described.margin_relative_fraction, test, alpha_fail=alpha_fail, alpha_pass=alpha_pass
    )
    wide, narrow = (absolute, relative) if described.wider_margin == "absolute" else (relative, absolute)
    low = test.difference_limit(_INTERVAL_ALPHA, upper=False, start=test.difference)
    high = test.difference_limit(_INTERVAL_ALPHA, upper=True, start=test.difference)
    return replace(
        described,
        interval=None if low is None or high is None else (low, high),
        # The wider margin speaks, unless only the narrower one keeps a canary (PASS) or spares it (no FAIL).
        deciding_upper_fraction=narrow.upper if narrow.kept and not wide.kept else wide.upper,
        deciding_lower_fraction=narrow.lower if wide.broken and not narrow.broken else wide.lower,
        fail_p_value=max(absolute.p_fail, relative.p_fail),
    )


def _absolute_margin(margin: float, test: ErrorScoreTest, *, alpha_fail: float, alpha_pass: float) -> _MarginTest:
    statistic = test.difference_statistic(margin)
    return _MarginTest(
        upper=test.difference_limit(alpha_pass, upper=True, start=margin),
        lower=test.difference_limit(alpha_fail, upper=False, start=margin),
        p_fail=test.p_above(statistic),
        kept=test.p_above(-statistic) <= alpha_pass,
        broken=test.p_above(statistic) <= alpha_fail,
    )


def _relative_margin(ratio: float, test: ErrorScoreTest, *, alpha_fail: float, alpha_pass: float) -> _MarginTest:
    statistic, baseline = test.ratio_statistic(ratio), test.baseline.fraction
    upper = test.ratio_limit(alpha_pass, upper=True, start=ratio)
    lower = test.ratio_limit(alpha_fail, upper=False, start=ratio)
    return _MarginTest(
        upper=None if upper is None else (upper - 1) * baseline,
        lower=None if lower is None else (lower - 1) * baseline,
        p_fail=test.p_above(statistic),
        kept=test.p_above(-statistic) <= alpha_pass,
        broken=test.p_above(statistic) <= alpha_fail,
    )


def _explained(
    limited: ErrorJudgement,
    test: ErrorScoreTest,
    intervals: SharedIntervals,
    *,
    alpha_fail: float,
    alpha_pass: float,
) -> ErrorJudgement:
    """Add the reason and, when nothing is decided, the requests still needed."""
    if limited.verdict is Verdict.FAIL:
        return replace(limited, reason="over-budget")
    if limited.verdict is Verdict.PASS:
        return replace(limited, reason="inside-budget")
    had = float(intervals.canary_requests.sum())
    needed = _requests_for(test.baseline.fraction, limited, test, intervals, alpha=alpha_pass)
    if needed <= had:  # enough for a canary that changes nothing: plan for the change seen so far
        broken = test.difference > limited.allowed_difference_fraction
        seen = max(test.canary.fraction, test.baseline.fraction)
        needed = _requests_for(seen, limited, test, intervals, alpha=alpha_fail if broken else alpha_pass)
        if not had < needed < _LARGEST_EXTENSION * had:
            return replace(limited, reason="not-enough-evidence")
    return replace(
        limited,
        reason="not-enough-evidence",
        requests_needed=math.ceil(needed),
        minutes_needed=needed / intervals.canary_requests_per_minute,
    )


def _requests_for(
    canary_fraction: float, limited: ErrorJudgement, test: ErrorScoreTest, intervals: SharedIntervals, *, alpha: float
) -> float:
    return requests_for_errors(
        baseline_fraction=test.baseline.fraction,
        canary_fraction=canary_fraction,
        margin_fraction=limited.allowed_difference_fraction,
        traffic_ratio=intervals.traffic_ratio,
        critical=critical_value(alpha, degrees=test.degrees),
        noise_factor=test.noise_factor(),
    )


def _weighted_fraction(errors: FloatArray, requests: FloatArray, intervals: SharedIntervals) -> float:
    return float(intervals.weights @ np.clip(errors / requests, 0.0, 1.0))
