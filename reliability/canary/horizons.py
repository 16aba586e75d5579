"""What a canary needs before it starts: requests and minutes, from the baseline's own traffic.

Fed with what the baseline counted over a window and with the share that the canary will get; the
formulas stand in `reliability.judge.planning`, where the numbers beside an INCONCLUSIVE come from
too. Queries and words do not belong here.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from reliability.judge.bucket_limits import bucket_ratio, guard_fraction, suggested_bounds
from reliability.judge.counts import FloatArray
from reliability.judge.history import NoiseHistory
from reliability.judge.intervals import scrapes_to_merge
from reliability.judge.latency_evidence import MIN_SLOW_COUNT, MIN_SLOW_COUNT_TO_PASS
from reliability.judge.noise import MANY_DEGREES, SLOW_COUNT
from reliability.judge.planning import planned_seconds, requests_for_errors, requests_for_latency
from reliability.judge.survival import counted_curve, tail_index
from reliability.verdicts import Verdict

_MARGINS_TO_FAIL: Final = (1.5, 2.0)  # true changes that a FAIL is planned for, in margins


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the baseline counted, and what the canary will get.

    Attributes:
        upper_bounds_seconds: Bucket bounds, shape `(K,)`, last `inf`.
        bucket_counts: Requests of the baseline at or below each bound, shape `(K,)`; not all zero.
        error_count: Failed requests of them.
        requests_per_second: Traffic of both arms together.
        canary_share_fraction: Part of it that the canary will get, in (0, 1).
        scrape_interval_seconds: Distance of two scrapes.
    """

    upper_bounds_seconds: FloatArray
    bucket_counts: FloatArray
    error_count: float
    requests_per_second: float
    canary_share_fraction: float
    scrape_interval_seconds: float

    @property
    def request_count(self) -> float:
        """Requests of the baseline that were counted."""
        return float(self.bucket_counts[-1])

    @property
    def error_fraction(self) -> float:
        """Part of them that failed."""
        return min(self.error_count / self.request_count, 1.0)

    @property
    def canary_requests_per_second(self) -> float:
        """Traffic that the canary will get."""
        return self.canary_share_fraction * self.requests_per_second

    @property
    def ratio(self) -> float:
        """Requests of the baseline for one of the canary."""
        return (1 - self.canary_share_fraction) / self.canary_share_fraction

    @property
    def interval_seconds(self) -> float:
        """Length of one compared interval: sparse scrapes are merged."""
        in_a_scrape = min(self.ratio, 1.0) * self.canary_requests_per_second * self.scrape_interval_seconds
        return self.scrape_interval_seconds * scrapes_to_merge(in_a_scrape)

    def latency_variance_seconds(self, tail_index: float, *, slower_share: float = 0.05) -> float:
        """Return the variance of the log ratio of two quantiles, times the seconds it is measured over.

        Of independent requests: a history's `latency_log_variance_seconds` is what noise adds to it.
        `tail_index` is `-d log S / d log x` at the quantile that `slower_share` of the requests exceed.
        """
        odds = (1 - slower_share) / slower_share
        return odds / tail_index**2 * (1 + 1 / self.ratio) / self.canary_requests_per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """How the canary will be judged.

    Attributes:
        margin_fraction: Largest increase of the quantile that still passes.
        error_margin_absolute_fraction: Allowed rise of the error fraction.
        error_margin_relative_fraction: Allowed rise relative to the baseline's fraction.
        alpha_fail: Level of a FAIL.
        alpha_pass: Level of a PASS.
        quantile: Latency quantile in `(0, 1)`.
    """

    margin_fraction: float = 0.10
    error_margin_absolute_fraction: float = 0.005
    error_margin_relative_fraction: float = 0.50
    alpha_fail: float = 0.025
    alpha_pass: float = 0.05
    quantile: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDecision:
    """After how long one decision is reached with the probability `POWER` of `planning`.

    Attributes:
        verdict: The decision: PASS or FAIL.
        change_fraction: True change that it is planned for: of the quantile relative, of the error
            fraction absolute; 0 for a canary that changes nothing.
        seconds: Time behind the warm-up; None when no sensible time suffices.
        request_count: Requests of the canary in this time.
        noise_seconds: Part of the time that the noise between arms asks for.
    """

    verdict: Verdict
    change_fraction: float
    seconds: float | None
    request_count: int | None
    noise_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPlan:
    """The plan for the latency quantile.

    Attributes:
        quantile_seconds: The baseline's quantile; None in the `+Inf` bucket.
        tail_index: How fast the share of slower requests falls there; None where buckets do not tell.
        bucket_ratio: Largest ratio of neighbouring bounds near the quantile and the margin; None: unbounded.
        guard_fraction: Widening of the margin for it; None: unbounded.
        overflows: The quantile with the margin on it lies beyond the last finite bound.
        suggested_bounds_seconds: Bucket bounds that make the guard unnecessary; empty when it is.
        decisions: PASS at no change, then FAIL at larger and larger changes.
    """

    quantile_seconds: float | None
    tail_index: float | None
    bucket_ratio: float | None
    guard_fraction: float | None
    overflows: bool
    suggested_bounds_seconds: tuple[float, ...]
    decisions: tuple[PlannedDecision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPlan:
    """The plan for the error rate.

    Attributes:
        baseline_fraction: Error fraction of the baseline.
        allowed_difference_fraction: Largest rise that still passes.
        decisions: PASS at no change, then FAIL at larger and larger rises.
    """

    baseline_fraction: float
    allowed_difference_fraction: float
    decisions: tuple[PlannedDecision, ...]


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
