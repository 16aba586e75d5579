"""Between which ratios the truth lies: limits by the curve, by the counts at the bounds, and the 95 % interval.

Every limit is the inversion of a test, so that it agrees with its p-value. Fed by the latency judge
with evidence that is enough to rest limits on; verdicts and reasons belong to `latency`.
"""

from dataclasses import dataclass, replace
from typing import Final

from reliability.judge import bucket_limits
from reliability.judge.bucket_limits import BoundTests
from reliability.judge.latency_evidence import LatencyEvidence
from reliability.judge.quantile_ratio import ArmTail

_INTERVAL_ALPHA: Final = 0.025  # each side of the 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One-sided limits of the ratio, and the p-values that agree with them."""

    lowest: float | None = None
    highest: float | None = None
    p_fail: float = 1.0
    p_pass: float = 1.0

    def or_better(self, other: "Limits") -> "Limits":
        """Take from either what says more."""
        return Limits(
            lowest=max((x for x in (self.lowest, other.lowest) if x is not None), default=None),
            highest=min((x for x in (self.highest, other.highest) if x is not None), default=None),
            p_fail=min(self.p_fail, other.p_fail),
            p_pass=min(self.p_pass, other.p_pass),
        )


def curve_limits(evidence: LatencyEvidence) -> Limits:
    """Return what the curve between the bounds says, the guard folded in."""
    rules, guard, test, margin_ratio = evidence.rules, evidence.guard, evidence.test, evidence.rules.margin_ratio
    if test is None or not evidence.curve_decides:
        return Limits()
    lowest = test.lower_limit(rules.alpha_fail, start=margin_ratio * (1 + guard))
    limits = Limits(
        lowest=None if lowest is None else lowest / (1 + guard), p_fail=test.p_above(margin_ratio * (1 + guard))
    )
    if guard >= 1:
        return limits
    edge = margin_ratio * (1 - guard)
    highest = test.upper_limit(rules.alpha_pass, start=edge)
    return replace(limits, highest=None if highest is None else highest / (1 - guard), p_pass=test.p_below(edge))


def bound_limits(evidence: LatencyEvidence) -> Limits:
    """Return what the counts at the bounds alone say."""
    rules = evidence.rules
    baseline, canary = (_bound_tests(arm, evidence) for arm in (evidence.baseline, evidence.canary))
    return Limits(
        lowest=bucket_limits.lowest_ratio(baseline, canary, alpha=rules.alpha_fail),
        highest=bucket_limits.highest_ratio(baseline, canary, alpha=rules.alpha_pass),
        p_fail=bucket_limits.p_ratio_above(baseline, canary, ratio=rules.margin_ratio),
        p_pass=bucket_limits.p_ratio_below(baseline, canary, ratio=rules.margin_ratio),
    )


def _bound_tests(arm: ArmTail, evidence: LatencyEvidence) -> BoundTests:
    share, noise = evidence.rules.slower_share, evidence.plain_noise
    return bucket_limits.bound_tests(arm, slower_share=share, projections=noise.projections)


def increase_interval(evidence: LatencyEvidence, known: Limits) -> tuple[float, float] | None:
    """Return the 95 % interval without the guard, searched from the limits that are known already."""
    test, guard = evidence.test, evidence.guard
    if test is None:
        return None
    low = None if known.lowest is None else known.lowest * (1 + guard)
    if low is None or evidence.rules.alpha_fail != _INTERVAL_ALPHA:
        low = test.lower_limit(_INTERVAL_ALPHA, start=low or test.ratio)
    start = test.ratio if known.highest is None else known.highest * (1 - guard)
    high = test.upper_limit(_INTERVAL_ALPHA, start=start)
    return None if low is None or high is None else (low - 1, high - 1)
