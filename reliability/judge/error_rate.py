"""Error judge: does the canary fail more often than its margin allows?

Two margins, absolute and relative to the baseline; a canary may use the wider one. So a FAIL must
break both and a PASS need respect one only. Fed with `PairedCounts` or, before and after a change,
with `SuccessiveCounts` by the sources; the tests stand in `proportions`. Queries, words and
pictures do not belong here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from reliability.judge.counts import Counts, PairedCounts
from reliability.judge.error_evidence import ErrorEvidence, error_evidence, late_error_test
from reliability.judge.history import NoiseHistory
from reliability.judge.late_part import LATE_ALPHA_PART
from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.proportions import ErrorScoreTest
from reliability.judge.traffic import NO_DATA_REASONS, no_traffic_reason
from reliability.verdicts import Verdict

Margin = Literal["absolute", "relative"]
_INTERVAL_ALPHA = 0.025  # each side of the 95 % interval
_LARGEST_EXTENSION = 100  # a run this many times longer is no plan
_MOST_FAILING_FRACTION = 0.5  # a baseline that fails more often is no reference


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
        late_lower_fraction: The lower limit of the last third of the window alone, at a stricter level; given
            only when it is above the allowed difference, and then a FAIL.
        fail_p_value: P-value of "the rise is within the wider margin".
        pass_p_value: P-value of "the rise is at least the wider margin".
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
    late_lower_fraction: float | None = None
    fail_p_value: float | None = None
    pass_p_value: float | None = None
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
        if self.reason in NO_DATA_REASONS:
            return Verdict.NO_DATA
        lower, upper = self.deciding_lower_fraction, self.deciding_upper_fraction
        allowed = self.allowed_difference_fraction
        if lower is not None and lower > allowed:
            return Verdict.FAIL
        if upper is not None and upper <= allowed:
            return Verdict.PASS
        return Verdict.INCONCLUSIVE

    @property
    def more_requests_needed(self) -> int | None:
        """Requests of the canary that are still missing, when INCONCLUSIVE."""
        return None if self.requests_needed is None else max(0, self.requests_needed - self.canary_request_count)

    @property
    def more_minutes_needed(self) -> float | None:
        """The same as minutes of the present traffic."""
        if self.more_requests_needed is None or self.minutes_needed is None or not self.requests_needed:
            return None
        return self.minutes_needed * self.more_requests_needed / self.requests_needed

    @property
    def deciding_limit_fraction(self) -> float | None:
        """The limit to compare with the allowed difference: the lower one of a FAIL, else the upper one."""
        return self.deciding_lower_fraction if self.verdict is Verdict.FAIL else self.deciding_upper_fraction


def judge_errors(
    counts: Counts,
    *,
    margin_absolute_fraction: float = 0.005,
    margin_relative_fraction: float = 0.50,
    alpha_fail: float = 0.025,
    alpha_pass: float = 0.05,
    history: NoiseHistory | None = None,
) -> ErrorJudgement:
    """Judge the canary's error fraction against the baseline's.

    Args:
        counts: Counts of both arms, measured at once or one after the other; the warm-up is
            already cut off.
        margin_absolute_fraction: Allowed rise of the fraction, above zero.
        margin_relative_fraction: Allowed rise relative to the baseline's fraction, above zero.
        alpha_fail: Probability to FAIL a canary that sits on the margin.
        alpha_pass: Probability to PASS a canary that sits on the margin.
        history: Noise between two arms of one version, measured before. Two windows ignore it:
            it says nothing of how a service changes over time.

    Returns:
        The judgement.
    """
    baseline, canary = (round(float(arm.requests.sum())) for arm in counts.arms)
    baseline_errors, canary_errors = (round(float(arm.errors.sum())) for arm in counts.arms)
    blank = ErrorJudgement(
        reason=no_traffic_reason(baseline, canary) or "too-few-scrapes",
        margin_absolute_fraction=margin_absolute_fraction,
        margin_relative_fraction=margin_relative_fraction,
        baseline_request_count=baseline,
        canary_request_count=canary,
        baseline_error_count=baseline_errors,
        canary_error_count=canary_errors,
    )
    evidence = error_evidence(counts, history=history)
    if evidence is None:
        shares_none = isinstance(counts, PairedCounts) and counts.routes and blank.verdict is not Verdict.NO_DATA
        return replace(blank, reason="no-shared-route") if shares_none else blank
    described = replace(
        blank,
        scrape_count=evidence.interval_count,
        baseline_fraction=evidence.test.baseline.fraction,
        canary_fraction=evidence.test.canary.fraction,
    )
    if evidence.interval_count < MIN_INTERVAL_COUNT:
        return described
    limited = _limited(described, evidence.test, alpha_fail=alpha_fail, alpha_pass=alpha_pass)
    if evidence.test.baseline.fraction > _MOST_FAILING_FRACTION:
        return replace(described, reason="baseline-failing", interval=limited.interval)
    if limited.verdict is not Verdict.FAIL:
        limited = _vetoed(limited, late_error_test(counts, history=history), alpha_fail=alpha_fail)
    return _explained(limited, evidence, alpha_fail=alpha_fail, alpha_pass=alpha_pass)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MarginTest:
    """One margin: limits in differences of the fraction, and whether the margin is broken or kept."""

    upper: float | None
    lower: float | None
    p_fail: float
    p_pass: float
    kept: bool
    broken: bool


def _limited(
    described: ErrorJudgement, test: ErrorScoreTest, *, alpha_fail: float, alpha_pass: float
) -> ErrorJudgement:
    margin_test = partial(_margin_test, test, alpha_fail=alpha_fail, alpha_pass=alpha_pass)
    absolute = margin_test(test.difference_statistic, test.difference_limit, edge=described.margin_absolute_fraction)
    relative = margin_test(test.ratio_statistic, test.ratio_limit, edge=1 + described.margin_relative_fraction)
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
        pass_p_value=min(absolute.p_pass, relative.p_pass),
    )


def _margin_test(
    test: ErrorScoreTest,
    statistic: Callable[[float], float],
    limit: Callable[..., float | None],
    *,
    edge: float,
    alpha_fail: float,
    alpha_pass: float,
) -> _MarginTest:
    at_edge = statistic(edge)
    p_fail, p_pass = test.p_above(at_edge), test.p_above(-at_edge)
    return _MarginTest(
        upper=limit(alpha_pass, upper=True, start=edge),
        lower=limit(alpha_fail, upper=False, start=edge),
        p_fail=p_fail,
        p_pass=p_pass,
        kept=p_pass <= alpha_pass,
        broken=p_fail <= alpha_fail,
    )


def _vetoed(limited: ErrorJudgement, late: ErrorScoreTest | None, *, alpha_fail: float) -> ErrorJudgement:
    """Let a last third that is clearly over both margins FAIL a canary that fails more often late."""
    if late is None:
        return limited
    at_the_end = _limited(limited, late, alpha_fail=alpha_fail / LATE_ALPHA_PART, alpha_pass=alpha_fail)
    lower, p_value = at_the_end.deciding_lower_fraction, at_the_end.fail_p_value or 0.0
    if p_value > alpha_fail / LATE_ALPHA_PART or lower is None or lower <= limited.allowed_difference_fraction:
        return limited
    return replace(
        limited,
        deciding_lower_fraction=lower,
        deciding_upper_fraction=None,  # that of the whole window says nothing of its end
        late_lower_fraction=lower,
        fail_p_value=LATE_ALPHA_PART * p_value,
        pass_p_value=1.0,
    )


def _explained(
    limited: ErrorJudgement, evidence: ErrorEvidence, *, alpha_fail: float, alpha_pass: float
) -> ErrorJudgement:
    """Add the reason and, when nothing is decided, the requests still needed."""
    if limited.verdict is Verdict.FAIL:
        return replace(limited, reason="over-budget" if limited.late_lower_fraction is None else "over-budget-late")
    if limited.verdict is Verdict.PASS:
        return replace(limited, reason="inside-budget")
    test, had, allowed = evidence.test, evidence.canary_requests, limited.allowed_difference_fraction
    needed = evidence.requests_needed(test.baseline.fraction, margin_fraction=allowed, alpha=alpha_pass)
    if needed <= had:  # enough for a canary that changes nothing: plan for the change seen so far
        seen = max(test.canary.fraction, test.baseline.fraction)
        alpha = alpha_fail if test.difference > allowed else alpha_pass
        needed = evidence.requests_needed(seen, margin_fraction=allowed, alpha=alpha)
        if not had < needed < _LARGEST_EXTENSION * had:
            needed = math.inf
    undecided = replace(limited, reason="not-enough-evidence")
    if math.isinf(needed):
        return undecided
    return replace(
        undecided,
        requests_needed=math.ceil(needed),
        minutes_needed=needed / had * evidence.canary_seconds / 60,
    )
