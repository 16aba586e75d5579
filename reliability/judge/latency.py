"""Latency judge: is the canary's P95 at most the margin above the baseline's?

Fixed horizon: one look at the end of a declared window. PASS and FAIL are each shown at a level
of their own; whatever is shown neither way is INCONCLUSIVE, with the requests still needed.
Fed by the sources with `PairedCounts`, or with the `SuccessiveCounts` of before and after; the
statistics stand in `quantile_ratio`, what buckets hide in `bucket_limits`. Queries, words and
pictures do not belong here.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from reliability.judge.counts import Counts, PairedCounts
from reliability.judge.history import NoiseHistory
from reliability.judge.late_part import LATE_ALPHA_PART
from reliability.judge.latency_evidence import (
    BucketPolicy,
    LatencyEvidence,
    LatencyRules,
    late_evidence,
    latency_evidence,
)
from reliability.judge.latency_limits import bound_limits, curve_limits, increase_interval
from reliability.judge.latency_outlook import helpful_bounds, open_reason, requests_needed
from reliability.judge.mean_latency import mean_change
from reliability.judge.traffic import NO_DATA_REASONS, no_traffic_reason
from reliability.verdicts import Verdict

_CURABLE_BY_REQUESTS: Final = frozenset({"too-few-requests", "not-enough-evidence"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyJudgement:
    """P95 latency of the two arms over one window, and what it shows.

    Attributes:
        reason: Code that says why the verdict is what it is.
        margin_fraction: Largest increase that still passes; 0.10 is 10 %.
        baseline_request_count: Requests of the baseline in the histogram.
        canary_request_count: Requests of the canary in the histogram.
        scrape_count: Intervals compared, after merging sparse scrapes.
        settling_seconds: Head set aside because the canary was still settling.
        noisier_than_history: Whether the noise measured before was not used, because this run is clearly noisier.
        baseline_seconds: P95 of the baseline; None in the `+Inf` bucket or without requests.
        canary_seconds: P95 of the canary.
        increase_fraction: Estimate of `canary / baseline - 1`.
        increase_interval: 95 % two-sided interval of the increase, without the bucket guard.
        no_interval_reason: Code that says why there is none; None when there is one.
        deciding_upper_fraction: One-sided upper limit, bucket guard folded in: PASS when it is
            at most the margin. None: no limit can be given.
        deciding_lower_fraction: One-sided lower limit, bucket guard folded in: FAIL when it is
            above the margin.
        late_lower_fraction: The same for the last third of the window alone, at a stricter
            level; given only when it is above the margin, and then a FAIL.
        fail_p_value: P-value of "the increase is at most the margin", bucket guard included.
        pass_p_value: P-value of "the increase is at least the margin", bucket guard included.
        bucket_ratio: Largest ratio of neighbouring bounds near the quantiles; None: unbounded.
        guard_fraction: Widening of the margin for coarse buckets; None: unbounded.
        baseline_bucket_seconds: Bucket of the baseline's P95; no upper bound: None.
        canary_bucket_seconds: Bucket of the canary's P95.
        bounds_interval: Increases that the two buckets allow, whatever the shape inside.
        mean_increase_fraction: Change of the mean latency, from `_sum`.
        mean_lower_fraction: One-sided lower limit of that change.
        requests_needed: Canary requests after which a decision is likely, when INCONCLUSIVE.
        minutes_needed: The same as minutes of the present traffic.
        suggested_bounds_seconds: Bucket bounds that would help.
    """

    reason: str
    margin_fraction: float
    baseline_request_count: int = 0
    canary_request_count: int = 0
    scrape_count: int = 0
    settling_seconds: float = 0.0
    noisier_than_history: bool = False
    baseline_seconds: float | None = None
    canary_seconds: float | None = None
    increase_fraction: float | None = None
    increase_interval: tuple[float, float] | None = None
    no_interval_reason: str | None = None
    deciding_upper_fraction: float | None = None
    deciding_lower_fraction: float | None = None
    late_lower_fraction: float | None = None
    fail_p_value: float | None = None
    pass_p_value: float | None = None
    bucket_ratio: float | None = None
    guard_fraction: float | None = None
    baseline_bucket_seconds: tuple[float, float | None] | None = None
    canary_bucket_seconds: tuple[float, float | None] | None = None
    bounds_interval: tuple[float, float | None] | None = None
    mean_increase_fraction: float | None = None
    mean_lower_fraction: float | None = None
    requests_needed: int | None = None
    minutes_needed: float | None = None
    suggested_bounds_seconds: tuple[float, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """PASS or FAIL only when a deciding limit lies on its side of the margin; no PASS over a clear mean."""
        if self.reason in NO_DATA_REASONS:
            return Verdict.NO_DATA
        if self.deciding_lower_fraction is not None and self.deciding_lower_fraction > self.margin_fraction:
            return Verdict.FAIL
        if self.keeps_margin and not self.mean_breaks_margin:
            return Verdict.PASS
        return Verdict.INCONCLUSIVE

    @property
    def keeps_margin(self) -> bool:
        """Whether the quantile is shown to stay within the margin."""
        return self.deciding_upper_fraction is not None and self.deciding_upper_fraction <= self.margin_fraction

    @property
    def mean_breaks_margin(self) -> bool:
        """Whether the mean latency, exactly known from `_sum`, is shown to exceed the margin."""
        return self.mean_lower_fraction is not None and self.mean_lower_fraction > self.margin_fraction

    @property
    def more_requests_needed(self) -> int | None:
        """Canary requests still to come before a decision is likely."""
        return None if self.requests_needed is None else max(self.requests_needed - self.canary_request_count, 0)

    @property
    def more_minutes_needed(self) -> float | None:
        """The same as minutes of the present traffic."""
        if self.minutes_needed is None or not self.requests_needed:
            return None
        return self.minutes_needed * (self.more_requests_needed or 0) / self.requests_needed

    @property
    def deciding_limit_fraction(self) -> float | None:
        """The limit to compare with the margin: the lower one of a FAIL, else the upper one."""
        return self.deciding_lower_fraction if self.verdict is Verdict.FAIL else self.deciding_upper_fraction


def judge_latency(
    counts: Counts,
    *,
    margin_fraction: float = 0.10,
    alpha_fail: float = 0.025,
    alpha_pass: float = 0.05,
    quantile: float = 0.95,
    bucket_policy: BucketPolicy = "guard",
    history: NoiseHistory | None = None,
) -> LatencyJudgement:
    """Judge the canary's latency quantile against the baseline's.

    Args:
        counts: Counts of both arms; the warm-up is already cut off.
        margin_fraction: Largest increase that still passes.
        alpha_fail: Probability to FAIL a canary that sits on the margin.
        alpha_pass: Probability to PASS a canary that sits on the margin.
        quantile: Quantile in `(0, 1)`.
        bucket_policy: `guard` trusts the curve between bounds up to a guard; `strict` uses counts
            at the bounds only.
        history: Noise measured before on two arms of one version.

    Returns:
        The judgement.
    """
    rules = LatencyRules(
        margin_fraction=margin_fraction,
        alpha_fail=alpha_fail,
        alpha_pass=alpha_pass,
        slower_share=1.0 - quantile,
        policy=bucket_policy,
        history=history,
    )
    baseline, canary = (round(float(arm.bucket_counts[:, -1].sum())) for arm in counts.arms)
    blank = LatencyJudgement(
        reason=no_traffic_reason(baseline, canary) or ("no-shared-route" if _has_routes(counts) else "too-few-scrapes"),
        margin_fraction=margin_fraction,
        baseline_request_count=baseline,
        canary_request_count=canary,
    )
    evidence = latency_evidence(counts, rules)
    if evidence is None:
        return blank
    limited = _limited(_described(blank, evidence), evidence)
    late = late_evidence(evidence, scrape_interval_seconds=counts.scrape_interval_seconds)
    return _explained(limited if late is None else _vetoed(limited, late), evidence)


def _has_routes(counts: Counts) -> bool:
    return bool(counts.routes if isinstance(counts, PairedCounts) else {*counts.baseline.routes, *counts.canary.routes})


def _described(blank: LatencyJudgement, evidence: LatencyEvidence) -> LatencyJudgement:
    """Fill in what holds whatever the verdict: estimates, buckets, means."""
    share = evidence.rules.slower_share
    quantiles = [arm.curve.quantile_seconds(share) for arm in (evidence.baseline, evidence.canary)]
    buckets = [evidence.baseline.curve.bucket(q) for q in quantiles]
    (baseline_low, baseline_high), (canary_low, canary_high) = buckets
    noise, alpha = evidence.plain_noise, evidence.rules.alpha_fail
    mean_increase, mean_lower = mean_change(evidence.baseline, evidence.canary, noise, alpha=alpha)
    return replace(
        blank,
        scrape_count=evidence.intervals.count,
        settling_seconds=evidence.settling_seconds,
        noisier_than_history=evidence.noisier_than_history,
        baseline_seconds=_finite(quantiles[0]),
        canary_seconds=_finite(quantiles[1]),
        increase_fraction=None if evidence.test is None else evidence.test.ratio - 1,
        bucket_ratio=_finite(evidence.bucket_ratio),
        guard_fraction=_finite(evidence.guard),
        baseline_bucket_seconds=(baseline_low, _finite(baseline_high)),
        canary_bucket_seconds=(canary_low, _finite(canary_high)),
        bounds_interval=(
            canary_low / baseline_high - 1,
            _finite(canary_high / baseline_low - 1) if baseline_low > 0 else None,
        ),
        mean_increase_fraction=mean_increase,
        mean_lower_fraction=mean_lower,
    )


def _limited(described: LatencyJudgement, evidence: LatencyEvidence) -> LatencyJudgement:
    """Add the limits, provided there is enough to rest them on."""
    if not evidence.is_enough:
        return replace(described, no_interval_reason=evidence.shortage)
    by_curve = limits = curve_limits(evidence)
    if evidence.guard > 0 or evidence.rules.policy == "strict":
        limits = by_curve.or_better(bound_limits(evidence))
    if not evidence.may_pass:
        limits = replace(limits, highest=None, p_pass=1.0)
    interval = increase_interval(evidence, by_curve)
    missing = "overflow-bucket" if evidence.test is None else "no-limit"
    return replace(
        described,
        increase_interval=interval,
        no_interval_reason=missing if interval is None else None,
        deciding_lower_fraction=None if limits.lowest is None else limits.lowest - 1,
        deciding_upper_fraction=None if limits.highest is None else limits.highest - 1,
        fail_p_value=limits.p_fail,
        pass_p_value=limits.p_pass,
    )


def _vetoed(limited: LatencyJudgement, late: LatencyEvidence) -> LatencyJudgement:
    """Let a last third that is clearly over the margin FAIL a canary that slows down late."""
    if limited.fail_p_value is None or limited.verdict is Verdict.FAIL:
        return limited
    if late.test is None or not (late.is_enough and late.curve_decides):
        return limited
    rules = late.rules
    edge, alpha = rules.margin_ratio * (1 + late.guard), rules.alpha_fail / LATE_ALPHA_PART
    p_value = late.test.p_above(edge)
    lowest = late.test.lower_limit(alpha, start=edge) if p_value <= alpha else None
    if lowest is None:
        return limited
    lower = lowest / (1 + late.guard) - 1
    return replace(
        limited,
        deciding_lower_fraction=lower,
        deciding_upper_fraction=None,  # that of the whole window says nothing of its end
        late_lower_fraction=lower,
        fail_p_value=LATE_ALPHA_PART * p_value,
        pass_p_value=1.0,
    )


def _explained(limited: LatencyJudgement, evidence: LatencyEvidence) -> LatencyJudgement:
    """Add the reason and, when nothing is decided, what is still needed."""
    if limited.verdict is Verdict.FAIL:
        return replace(limited, reason="over-budget" if limited.late_lower_fraction is None else "over-budget-late")
    if limited.verdict is Verdict.PASS:
        return replace(limited, reason="inside-budget")
    reason = "mean-over-budget" if limited.keeps_margin else open_reason(evidence)
    needed = requests_needed(evidence) if reason in _CURABLE_BY_REQUESTS else None
    return replace(
        limited,
        reason=reason,
        suggested_bounds_seconds=helpful_bounds(evidence),
        requests_needed=needed,
        minutes_needed=None if needed is None else needed / evidence.intervals.canary_requests_per_minute,
    )


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
