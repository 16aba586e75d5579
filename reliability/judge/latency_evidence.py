"""What the latency judge looks at: both arms over the settled intervals, ready to be tested.

Built from the counts of both arms; a head in which the canary was still settling is set aside here,
and what is known of the noise is put together. Verdicts and reasons belong to `latency`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np

from reliability.judge.bucket_limits import bucket_ratio, guard_fraction
from reliability.judge.counts import Counts, FloatArray, ReplicaTotals, SuccessiveCounts
from reliability.judge.history import NoiseHistory
from reliability.judge.intervals import SharedIntervals, SuccessiveIntervals, shared_intervals, successive_intervals
from reliability.judge.late_part import SCRAPES_SHORT_OF_IT, last_third
from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.memory import memory_of
from reliability.judge.noise import Law, Noise, PairedNoise, UnpairedNoise, is_noisier
from reliability.judge.quantile_ratio import (
    ArmTail,
    QuantileRatioTest,
    arm_tails,
    pooled_tail_index,
    quantile_ratio_test,
)
from reliability.judge.settling import settling_cut
from reliability.judge.survival import tail_index

BucketPolicy = Literal["guard", "strict"]
ArmReplicas: TypeAlias = tuple[Sequence[ReplicaTotals], Sequence[ReplicaTotals]]
MIN_SLOW_COUNT: Final = 20
"""Fewer slow requests than this in both arms together decide nothing."""
MIN_SLOW_COUNT_TO_PASS: Final = 40
"""Fewer than this pass nothing: at 30 a test at 5 % still passed a canary 15 % slower in 0.8 % of simulated runs."""
MIN_WINDOW_COUNT: Final = 20
"""Fewer intervals than this in one of two windows say too little of its memory."""
_LATE_PART_ALONE_SECONDS: Final = 1200.0  # a shorter last third says little of its own noise


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRules:
    """How a latency comparison is judged.

    Attributes:
        margin_fraction: Largest increase that still passes.
        alpha_fail: Level of a FAIL.
        alpha_pass: Level of a PASS.
        slower_share: Share of requests above the quantile: 0.05 for P95.
        policy: `guard` trusts the curve between bounds up to a guard; `strict` does not.
        history: Noise measured before on two arms of one version; None when there is none.
    """

    margin_fraction: float
    alpha_fail: float
    alpha_pass: float
    slower_share: float
    policy: BucketPolicy
    history: NoiseHistory | None = None

    @property
    def margin_ratio(self) -> float:
        """Largest `canary / baseline` that still passes."""
        return 1 + self.margin_fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyEvidence:
    """Both arms over one set of intervals.

    Attributes:
        rules: How they will be judged.
        intervals: Intervals that both arms share, the settling head cut off; or those of two windows.
        upper_bounds_seconds: Bucket bounds, last `inf`.
        replicas: Totals of the replicas of baseline and canary, as far as known.
        baseline: Baseline arm.
        canary: Canary arm.
        test: Score test of the ratio; None when a quantile lies in the `+Inf` bucket.
        bucket_ratio: Largest ratio of neighbouring bounds near the quantiles.
        guard: Widening of the margin for it.
        noisier_than_history: Whether the run is clearly noisier than the history, which is then not used.
        settling_seconds: Length of the head that was cut off.
    """

    rules: LatencyRules
    intervals: SharedIntervals | SuccessiveIntervals
    upper_bounds_seconds: FloatArray
    replicas: ArmReplicas
    baseline: ArmTail
    canary: ArmTail
    test: QuantileRatioTest | None
    bucket_ratio: float
    guard: float
    noisier_than_history: bool = False
    settling_seconds: float = 0.0

    @property
    def plain_noise(self) -> Noise:
        """How any difference of the arms varies, by this window alone."""
        return UnpairedNoise() if isinstance(self.intervals, SuccessiveIntervals) else PairedNoise()

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
    def shortage(self) -> str | None:
        """Code of what there is too little of to rest a decision on; None when there is enough."""
        fewest = MIN_WINDOW_COUNT if isinstance(self.intervals, SuccessiveIntervals) else MIN_INTERVAL_COUNT
        if self.intervals.count < fewest:
            return "too-few-scrapes"
        return "too-few-requests" if self.slow_count < MIN_SLOW_COUNT else None

    @property
    def may_pass(self) -> bool:
        """Whether a PASS may rest on it; a FAIL, clear of the margin by more, needs less."""
        return self.is_enough and self.slow_count >= MIN_SLOW_COUNT_TO_PASS

    @property
    def is_enough(self) -> bool:
        """Whether a decision may rest on it."""
        return self.shortage is None

    @property
    def curve_decides(self) -> bool:
        """Whether the curve between the bounds may be used at all."""
        return self.test is not None and math.isfinite(self.guard) and self.rules.policy == "guard"


def latency_evidence(counts: Counts, rules: LatencyRules) -> LatencyEvidence | None:
    """Prepare both arms.

    Args:
        counts: Counts of both arms; the warm-up is already cut off.
        rules: How they will be judged.

    Returns:
        The evidence; None when no cell of time and route holds requests of both arms. Of arms side by
        side a settling head is set aside; of two windows no head is cut.
    """
    bounds = counts.upper_bounds_seconds
    if isinstance(counts, SuccessiveCounts):
        windows = successive_intervals(counts)
        if min(windows.baseline_requests.sum(), windows.canary_requests.sum()) <= 0:
            return None
        return _evidence(windows, bounds, rules, (counts.baseline.replicas, counts.canary.replicas))
    intervals = shared_intervals(counts, by_histogram=True)
    if not intervals.count:
        return None
    replicas = (counts.baseline_replicas, counts.canary_replicas)
    whole = _evidence(intervals, bounds, rules, replicas)
    cut = 0 if whole is None else _settling_intervals(whole, intervals)
    settled = _evidence(intervals.part(slice(cut, None)), bounds, rules, replicas) if cut else None
    if settled is None:
        return whole
    return replace(settled, settling_seconds=float(intervals.seconds[:cut].sum()))


def late_evidence(evidence: LatencyEvidence, *, scrape_interval_seconds: float) -> LatencyEvidence | None:
    """Return the evidence of the last third of the time; None when the window is too short, or there are two."""
    intervals = evidence.intervals
    if isinstance(intervals, SuccessiveIntervals) or evidence.test is None:
        return None
    late = last_third(intervals, scrape_interval_seconds=scrape_interval_seconds)
    if late is None:
        return None
    borrowed, third = None, float(intervals.seconds.sum()) / 3
    if third < _LATE_PART_ALONE_SECONDS - SCRAPES_SHORT_OF_IT * scrape_interval_seconds:
        whole = evidence.test.score(evidence.test.ratio).interval_law
        growth = float(late.weights @ late.weights) / float(intervals.weights @ intervals.weights)
        borrowed = Law(variance=growth * whole.variance, degrees=whole.degrees)
    return _evidence(late, evidence.upper_bounds_seconds, evidence.rules, evidence.replicas, borrowed=borrowed)


def _evidence(
    intervals: SharedIntervals | SuccessiveIntervals,
    bounds: FloatArray,
    rules: LatencyRules,
    replicas: ArmReplicas,
    *,
    borrowed: Law | None = None,
) -> LatencyEvidence | None:
    arms = arm_tails(intervals, bounds, replicas=replicas)
    if arms is None:
        return None
    baseline, canary = arms
    known = _known_law(arms, intervals, rules)
    noisier = known is not None and isinstance(intervals, SharedIntervals) and _is_noisier(arms, known, rules)
    noise = _noise(arms, intervals, rules, history=None if noisier else known, borrowed=borrowed)
    test = quantile_ratio_test(baseline, canary, slower_share=rules.slower_share, noise=noise)
    ratio = math.inf
    if test is not None:
        places = (test.baseline_seconds, test.canary_seconds, rules.margin_ratio * test.baseline_seconds)
        ratio = max(bucket_ratio(baseline.curve.bucket(place)) for place in places)
    return LatencyEvidence(
        rules=rules,
        intervals=intervals,
        upper_bounds_seconds=bounds,
        replicas=replicas,
        baseline=baseline,
        canary=canary,
        test=test,
        bucket_ratio=ratio,
        guard=guard_fraction(ratio),
        noisier_than_history=noisier,
    )


def _known_law(
    arms: tuple[ArmTail, ArmTail], intervals: SharedIntervals | SuccessiveIntervals, rules: LatencyRules
) -> Law | None:
    """Say how the difference would vary by the history; None without one."""
    share, history = rules.slower_share, rules.history
    index = None if history is None else pooled_tail_index(*arms, slower_share=share)
    if history is None or index is None:
        return None
    chance = share * (1 - share) * sum(1 / arm.effective_count for arm in arms)
    beyond = (share * index) ** 2 * history.latency_log_variance_seconds / intervals.effective_seconds
    return Law(variance=chance + beyond, degrees=history.latency_degrees)


def _is_noisier(arms: tuple[ArmTail, ArmTail], known: Law, rules: LatencyRules) -> bool:
    """Tell whether the run is clearly noisier than its history, at the ratio that was estimated."""
    test = quantile_ratio_test(*arms, slower_share=rules.slower_share)
    return (
        test is not None
        and arms[0].weights.size >= MIN_INTERVAL_COUNT
        and is_noisier(test.score(test.ratio).interval_law, known)
    )


def _noise(
    arms: tuple[ArmTail, ArmTail],
    intervals: SharedIntervals | SuccessiveIntervals,
    rules: LatencyRules,
    *,
    history: Law | None,
    borrowed: Law | None,
) -> Noise:
    """Say how the difference varies, with what an earlier recording adds."""
    share = rules.slower_share
    if isinstance(intervals, SuccessiveIntervals):
        return UnpairedNoise(history=history, memories=(_memory(arms[0], share), _memory(arms[1], share)))
    return PairedNoise(history=history, borrowed=borrowed)


def _memory(arm: ArmTail, share: float) -> float | None:
    """Return the memory of an arm's slow share at its own quantile; None when that lies beyond the buckets."""
    seconds = arm.curve.quantile_seconds(share)
    if math.isinf(seconds) or arm.weights.size < MIN_INTERVAL_COUNT:
        return None
    return memory_of(arm.excess(seconds, slower_share=share))


def _settling_intervals(evidence: LatencyEvidence, intervals: SharedIntervals) -> int:
    """Count the intervals at the start that a settling canary spoils."""
    test, share = evidence.test, evidence.rules.slower_share
    index = tail_index(evidence.baseline.curve, slower_share=share)
    if test is None or index is None or intervals.count < MIN_INTERVAL_COUNT:
        return 0
    threshold = test.threshold_seconds(1.0)
    excess = _per_weight(evidence.canary, threshold, share) - _per_weight(evidence.baseline, threshold, share)
    return settling_cut(
        excess / (share * index),  # to first order the log ratio of the quantiles
        intervals.weights,
        intervals.seconds,
        margin=math.log(evidence.rules.margin_ratio),
    )


def _per_weight(arm: ArmTail, threshold_seconds: float, share: float) -> FloatArray:
    """Return the slow share of each interval, beyond the usual one."""
    excess, weights = arm.excess(threshold_seconds, slower_share=share), arm.weights
    return np.divide(excess, weights, out=np.zeros_like(excess), where=weights > 0)
