"""What the latency judge looks at: both arms over the settled intervals, ready to be tested.

Built from the shared intervals; a head in which the canary was still settling is set aside here.
Verdicts and reasons belong to `latency`.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from reliability.judge.bucket_limits import bucket_ratio, guard_fraction
from reliability.judge.counts import FloatArray
from reliability.judge.intervals import SharedIntervals
from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.quantile_ratio import ArmTail, QuantileRatioTest, arm_tails, quantile_ratio_test
from reliability.judge.settling import settling_cut
from reliability.judge.survival import tail_index

BucketPolicy = Literal["guard", "strict"]
MIN_SLOW_COUNT: Final = 20
"""Fewer slow requests than this in both arms together decide nothing."""
_FEWEST_LATE_INTERVALS: Final = 20  # a shorter last third says little about a late change


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRules:
    """How a latency comparison is judged.

    Attributes:
        margin_fraction: Largest increase that still passes.
        alpha_fail: Level of a FAIL.
        alpha_pass: Level of a PASS.
        slower_share: Share of requests above the quantile: 0.05 for P95.
        policy: `guard` trusts the curve between bounds up to a guard; `strict` does not.
    """

    margin_fraction: float
    alpha_fail: float
    alpha_pass: float
    slower_share: float
    policy: BucketPolicy

    @property
    def margin_ratio(self) -> float:
        """Largest `canary / baseline` that still passes."""
        return 1 + self.margin_fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyEvidence:
    """Both arms over one set of intervals.

    Attributes:
        rules: How they will be judged.
        intervals: Intervals that both arms share, the settling head cut off.
        upper_bounds_seconds: Bucket bounds, last `inf`.
        baseline: Baseline arm.
        canary: Canary arm.
        test: Score test of the ratio; None when a quantile lies in the `+Inf` bucket.
        bucket_ratio: Largest ratio of neighbouring bounds near the quantiles.
        guard: Widening of the margin for it.
        settling_seconds: Length of the head that was cut off.
    """

    rules: LatencyRules
    intervals: SharedIntervals
    upper_bounds_seconds: FloatArray
    baseline: ArmTail
    canary: ArmTail
    test: QuantileRatioTest | None
    bucket_ratio: float
    guard: float
    settling_seconds: float = 0.0

    @property
    def slow_count(self) -> float:
        """Slow requests expected in both arms together."""
        return self.rules.slower_share * (self.baseline.effective_count + self.canary.effective_count)

    @property
    def overflows(self) -> bool:
        """Whether a latency that matters lies beyond the last finite bound."""
        return self.test is None or self.rules.margin_ratio * self.test.baseline_seconds > self.last_bound_seconds

    @property
    def last_bound_seconds(self) -> float:
        """Largest finite bound; 0 when there is none."""
        return float(self.baseline.curve.edges_seconds[-2])

    @property
    def is_enough(self) -> bool:
        """Whether there are scrapes and slow requests enough to rest a decision on."""
        return self.intervals.count >= MIN_INTERVAL_COUNT and self.slow_count >= MIN_SLOW_COUNT

    @property
    def curve_decides(self) -> bool:
        """Whether the curve between the bounds may be used at all."""
        return self.test is not None and math.isfinite(self.guard) and self.rules.policy == "guard"


def settled_evidence(
    intervals: SharedIntervals, upper_bounds_seconds: FloatArray, rules: LatencyRules
) -> LatencyEvidence:
    """Prepare both arms and set a settling head aside.

    Args:
        intervals: Intervals that both arms share, at least one.
        upper_bounds_seconds: Bucket bounds, last `inf`.
        rules: How they will be judged.

    Returns:
        The evidence.
    """
    whole = _evidence(intervals, upper_bounds_seconds, rules)
    cut = _settling_intervals(whole)
    if not cut:
        return whole
    settled = _evidence(intervals.part(slice(cut, None)), upper_bounds_seconds, rules)
    return replace(settled, settling_seconds=float(intervals.seconds[:cut].sum()))


def last_third(evidence: LatencyEvidence) -> LatencyEvidence | None:
    """Return the evidence of the last third of the intervals; None when that is too short to tell."""
    late_count = evidence.intervals.count // 3
    if late_count < _FEWEST_LATE_INTERVALS:
        return None
    late = evidence.intervals.part(slice(-late_count, None))
    return _evidence(late, evidence.upper_bounds_seconds, evidence.rules)


def _evidence(intervals: SharedIntervals, bounds: FloatArray, rules: LatencyRules) -> LatencyEvidence:
    baseline, canary = arm_tails(intervals, bounds)
    test = quantile_ratio_test(baseline, canary, intervals.weights, slower_share=rules.slower_share)
    ratio = math.inf
    if test is not None:
        places = (test.baseline_seconds, test.canary_seconds, rules.margin_ratio * test.baseline_seconds)
        ratio = max(bucket_ratio(baseline.curve.bucket(place)) for place in places)
    return LatencyEvidence(
        rules=rules,
        intervals=intervals,
        upper_bounds_seconds=bounds,
        baseline=baseline,
        canary=canary,
        test=test,
        bucket_ratio=ratio,
        guard=guard_fraction(ratio),
    )


def _settling_intervals(evidence: LatencyEvidence) -> int:
    """Count the intervals at the start that a settling canary spoils."""
    test, intervals, share = evidence.test, evidence.intervals, evidence.rules.slower_share
    index = tail_index(evidence.baseline.curve, slower_share=share)
    if test is None or index is None or intervals.count < MIN_INTERVAL_COUNT:
        return 0
    threshold = test.threshold_seconds(1.0)
    excess = evidence.canary.above(threshold) - evidence.baseline.above(threshold)
    return settling_cut(
        excess / (share * index),  # to first order the log ratio of the quantiles
        intervals.weights,
        intervals.seconds,
        margin=math.log(evidence.rules.margin_ratio),
    )
