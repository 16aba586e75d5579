"""What an undecided latency comparison still needs: its reason, requests, minutes, bounds.

Fed by the latency judge with evidence that decided nothing.
"""

import math

from reliability.judge.bucket_limits import suggested_bounds
from reliability.judge.intervals import SharedIntervals
from reliability.judge.latency_evidence import MIN_SLOW_COUNT_TO_PASS, LatencyEvidence
from reliability.judge.long_run import MIN_INTERVAL_COUNT
from reliability.judge.noise import MANY_DEGREES, SLOW_COUNT
from reliability.judge.planning import planned_seconds, requests_for_latency
from reliability.judge.quantile_ratio import pooled_tail_index

_LARGEST_EXTENSION = 100  # a run this many times longer is no plan


def open_reason(evidence: LatencyEvidence) -> str:
    """Say what keeps a comparison from a decision."""
    rules, test = evidence.rules, evidence.test
    if evidence.shortage is not None:
        return evidence.shortage
    if test is None or evidence.overflows:
        return "overflow-bucket"
    hopeless = rules.margin_ratio * (1 - evidence.guard) <= 1  # not even an unchanged canary could pass
    if hopeless or test.p_above(rules.margin_ratio) <= rules.alpha_fail:
        return "buckets-too-coarse"
    if not evidence.may_pass:
        return "too-few-requests"
    return "buckets-too-coarse" if test.p_below(rules.margin_ratio) <= rules.alpha_pass else "not-enough-evidence"


def helpful_bounds(evidence: LatencyEvidence) -> tuple[float, ...]:
    """Return bucket bounds that would make the guard unnecessary; none when it is already 0."""
    near = evidence.last_bound_seconds if evidence.test is None else evidence.test.baseline_seconds
    return suggested_bounds(near) if evidence.guard > 0 and near > 0 else ()


def requests_needed(evidence: LatencyEvidence) -> int | None:
    """Plan for a canary that changes nothing; once that is had, for the change seen so far.

    Args:
        evidence: Evidence that decided nothing for lack of requests.

    Returns:
        Canary requests in all; None when no sensible number of requests would decide.
    """
    intervals = evidence.intervals
    had = float(intervals.canary_requests.sum())
    least = had * MIN_SLOW_COUNT_TO_PASS / evidence.slow_count
    unchanged = max(least, _requests_for(0.0, evidence) or 0.0)
    if had < unchanged < math.inf:
        return math.ceil(unchanged)
    if evidence.test is None:
        return None
    seen = _requests_for(max(0.0, math.log(evidence.test.ratio)), evidence)
    return math.ceil(seen) if seen is not None and had < seen < _LARGEST_EXTENSION * had else None


def _requests_for(log_change: float, evidence: LatencyEvidence) -> float | None:
    """Return the requests that decide when the true change is `log_change`; None when none do."""
    test, rules, intervals = evidence.test, evidence.rules, evidence.intervals
    index = pooled_tail_index(evidence.baseline, evidence.canary, slower_share=rules.slower_share)
    if test is None or index is None or evidence.guard >= 1 or intervals.count < MIN_INTERVAL_COUNT:
        return None
    room = math.log(rules.margin_ratio * (1 - evidence.guard)) - log_change
    excess = log_change - math.log(rules.margin_ratio * (1 + evidence.guard))
    if max(room, excess) <= 0:
        return None
    chance, by_interval, *_ = test.score(test.ratio).laws  # replicas that differ are not cured by requests
    noise_factor = max(1.0, by_interval.variance / chance.variance)
    per_second = intervals.canary_requests_per_minute / 60

    def seconds_for(critical: float) -> float:
        needed = requests_for_latency(
            log_distance=max(room, excess),
            tail_index=index,
            traffic_ratio=intervals.traffic_ratio,
            critical=critical,
            slower_share=rules.slower_share,
            noise_factor=noise_factor,
        )
        return needed / per_second

    is_pooled = rules.history is not None and not evidence.noisier_than_history
    known_degrees = rules.history.latency_degrees if rules.history is not None and is_pooled else 0
    return per_second * planned_seconds(
        seconds_for,
        alpha=rules.alpha_pass if room > 0 else rules.alpha_fail,
        interval_seconds=intervals.interval_seconds,
        noise_factor=noise_factor,
        known_degrees=known_degrees,
        slow_count=SLOW_COUNT if known_degrees < MANY_DEGREES else 0,
        tapered=isinstance(intervals, SharedIntervals),
    )
