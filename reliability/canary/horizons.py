"""What a canary needs before it starts: requests and minutes, from the baseline's own traffic.

Fed with what the baseline counted over a window and with the share that the canary will get; the
formulas stand in `reliability.judge.planning`, where the numbers beside an INCONCLUSIVE come from
too. Queries and words do not belong here.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from reliability.canary.planned import ErrorPlan, LatencyPlan, PlannedDecision, PlanRules, Traffic
from reliability.judge.bucket_limits import bucket_ratio, guard_fraction, suggested_bounds
from reliability.judge.history import NoiseHistory
from reliability.judge.latency_evidence import MIN_SLOW_COUNT, MIN_SLOW_COUNT_TO_PASS
from reliability.judge.noise import MANY_DEGREES, SLOW_COUNT
from reliability.judge.planning import planned_seconds, requests_for_errors, requests_for_latency
from reliability.judge.survival import counted_curve, tail_index
from reliability.verdicts import Verdict

_MARGINS_TO_FAIL: Final = (1.5, 2.0)  # true changes that a FAIL is planned for, in margins


def plan_latency(
    traffic: Traffic, rules: PlanRules, *, noise: NoiseHistory | None = None, is_pooled: bool = False
) -> LatencyPlan:
    """Plan the comparison of the latency quantile.

    Args:
        traffic: What the baseline counted.
        rules: How the canary will be judged.
        noise: Noise between arms of one version; None when it is not known.
        is_pooled: The verdict will know this noise as its history.

    Returns:
        The plan.
    """
    share, ratio = 1 - rules.quantile, 1 + rules.margin_fraction
    curve = counted_curve(traffic.upper_bounds_seconds, traffic.bucket_counts)
    at, last = curve.quantile_seconds(share), curve.edges_seconds[-2]
    overflows = ratio * at > last
    width = math.inf if overflows else max(bucket_ratio(curve.bucket(place)) for place in (at, ratio * at))
    guard, index = guard_fraction(width), tail_index(curve, slower_share=share)
    decisions = tuple(
        _latency_decision(traffic, rules, target, guard=guard, tail_index=index, noise=noise, is_pooled=is_pooled)
        for target in _targets(rules, margin=rules.margin_fraction)
    )
    return LatencyPlan(
        quantile_seconds=_finite(at),
        tail_index=index,
        bucket_ratio=_finite(width),
        guard_fraction=_finite(guard),
        overflows=overflows,
        suggested_bounds_seconds=suggested_bounds(min(at, last)) if guard > 0 and last > 0 else (),
        decisions=decisions,
    )


def plan_errors(
    traffic: Traffic, rules: PlanRules, *, noise: NoiseHistory | None = None, is_pooled: bool = False
) -> ErrorPlan:
    """Plan the comparison of the error rate; arguments as for `plan_latency`."""
    usual = traffic.error_fraction
    allowed = max(rules.error_margin_absolute_fraction, rules.error_margin_relative_fraction * usual)
    decisions = tuple(
        _error_decision(traffic, target, allowed=allowed, noise=noise, is_pooled=is_pooled)
        for target in _targets(rules, margin=allowed)
    )
    return ErrorPlan(baseline_fraction=usual, allowed_difference_fraction=allowed, decisions=decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One decision to plan for, at a true change, with the level of its test."""

    verdict: Verdict
    change: float
    alpha: float


def _targets(rules: PlanRules, *, margin: float) -> Iterator[_Target]:
    yield _Target(verdict=Verdict.PASS, change=0.0, alpha=rules.alpha_pass)
    for times in _MARGINS_TO_FAIL:
        yield _Target(verdict=Verdict.FAIL, change=times * margin, alpha=rules.alpha_fail)


def _latency_decision(
    traffic: Traffic,
    rules: PlanRules,
    target: _Target,
    *,
    guard: float,
    tail_index: float | None,
    noise: NoiseHistory | None,
    is_pooled: bool,
) -> PlannedDecision:
    side = -1 if target.verdict is Verdict.PASS else 1
    edge = (1 + rules.margin_fraction) * (1 + side * guard)
    distance = side * math.log((1 + target.change) / edge) if 0 < edge < math.inf else 0.0
    if tail_index is None or distance <= 0:
        return _never(target)
    share, rate = 1 - rules.quantile, traffic.canary_requests_per_second
    independent = traffic.latency_variance_seconds(tail_index, slower_share=share)
    factor = 1 + (noise.latency_log_variance_seconds / independent if noise else 0.0)
    degrees = noise.latency_degrees if noise and is_pooled else 0
    least_slow_count = MIN_SLOW_COUNT_TO_PASS if target.verdict is Verdict.PASS else MIN_SLOW_COUNT
    least_count = least_slow_count / share / (1 + traffic.ratio)

    def seconds_for(critical: float) -> float:
        count = requests_for_latency(
            log_distance=distance,
            tail_index=tail_index,
            traffic_ratio=traffic.ratio,
            critical=critical,
            slower_share=share,
            noise_factor=factor,
        )
        return max(count, least_count) / rate

    slow = SLOW_COUNT if degrees < MANY_DEGREES else 0
    return _decision(
        traffic, target, seconds_for, noise_factor=factor, known_degrees=degrees, slow_count=slow, tapered=True
    )


def _error_decision(
    traffic: Traffic, target: _Target, *, allowed: float, noise: NoiseHistory | None, is_pooled: bool
) -> PlannedDecision:
    usual, rate = traffic.error_fraction, traffic.canary_requests_per_second
    if usual + target.change > 1 or usual + allowed >= 1:
        return _never(target)
    shift = max(0.0, target.change - allowed) / (1 + traffic.ratio)  # see `requests_for_errors`
    low = min(usual + shift, 1.0)
    high = min(low + allowed, 1.0)
    independent = (high * (1 - high) + low * (1 - low) / traffic.ratio) / rate  # as of `latency_variance_seconds`
    relative = noise.error_relative_variance_seconds if noise else None
    factor = 1 + (relative or 0.0) * (usual + shift + allowed) ** 2 / independent
    degrees = noise.error_degrees if noise and is_pooled and relative is not None else 0

    def seconds_for(critical: float) -> float:
        count = requests_for_errors(
            baseline_fraction=usual,
            canary_fraction=usual + target.change,
            margin_fraction=allowed,
            traffic_ratio=traffic.ratio,
            critical=critical,
            noise_factor=factor,
        )
        return count / rate

    return _decision(traffic, target, seconds_for, noise_factor=factor, known_degrees=degrees)


def _decision(
    traffic: Traffic,
    target: _Target,
    seconds_for: Callable[[float], float],
    *,
    noise_factor: float,
    known_degrees: int,
    slow_count: int = 0,
    tapered: bool = False,
) -> PlannedDecision:
    seconds = planned_seconds(
        seconds_for,
        alpha=target.alpha,
        interval_seconds=traffic.interval_seconds,
        noise_factor=noise_factor,
        known_degrees=known_degrees,
        slow_count=slow_count,
        tapered=tapered,
    )
    if math.isinf(seconds):
        return _never(target)
    return PlannedDecision(
        verdict=target.verdict,
        change_fraction=target.change,
        seconds=seconds,
        request_count=math.ceil(seconds * traffic.canary_requests_per_second),
        noise_seconds=seconds * (1 - 1 / noise_factor),
    )


def _never(target: _Target) -> PlannedDecision:
    return PlannedDecision(
        verdict=target.verdict, change_fraction=target.change, seconds=None, request_count=None, noise_seconds=None
    )


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
