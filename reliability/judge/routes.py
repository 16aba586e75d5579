"""Routes judge: which routes are slower, each on its own traffic?

A route with enough requests to be decided is judged as the whole canary is; its FAIL must stand
after Holm's correction for all routes judged. The others are named with what they would need.
Whether routes gate is up to `canary`; words do not belong here.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np

from reliability.judge.counts import Counts, PairedCounts, WindowCounts
from reliability.judge.error_rate import ErrorJudgement
from reliability.judge.holm import NOT_AFTER_HOLM, holm_adjusted
from reliability.judge.latency import LatencyJudgement, judge_latency
from reliability.judge.latency_evidence import MIN_SLOW_COUNT_TO_PASS, BucketPolicy
from reliability.judge.long_run import MIN_INTERVAL_COUNT, cosine_count, critical_value
from reliability.judge.planning import requests_for_latency
from reliability.judge.simpson import Simpson, compare_pooled
from reliability.judge.survival import counted_curve, tail_index
from reliability.judge.traffic import no_traffic_reason
from reliability.verdicts import Verdict

OTHER_ROUTES: Final = "(other routes)"
"""Name under which sources sum up the routes that are too many to tell apart; no route of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteJudgement:
    """One route that was judged.

    Attributes:
        route: Value of the route label.
        latency: Its own judgement, as if it were the only one.
        adjusted_p_value: P-value of its FAIL after Holm's correction.
        alpha_fail: Level that the adjusted p-value must reach.
    """

    route: str
    latency: LatencyJudgement
    adjusted_p_value: float
    alpha_fail: float

    @property
    def verdict(self) -> Verdict:
        """Its own verdict; a FAIL only when it stands after the correction."""
        stands = self.adjusted_p_value <= self.alpha_fail
        return Verdict.INCONCLUSIVE if self.latency.verdict is Verdict.FAIL and not stands else self.latency.verdict

    @property
    def reason(self) -> str:
        """Code of its verdict."""
        return self.latency.reason if self.verdict is self.latency.verdict else NOT_AFTER_HOLM

    def to_json(self) -> dict[str, object]:
        """Return the row of the table with JSON types only."""
        judged = self.latency
        return {
            "route": self.route,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "baseline_count": judged.baseline_request_count,
            "canary_count": judged.canary_request_count,
            "baseline_seconds": judged.baseline_seconds,
            "canary_seconds": judged.canary_seconds,
            "increase_fraction": judged.increase_fraction,
            "increase_interval": judged.increase_interval,
            "deciding_upper_fraction": judged.deciding_upper_fraction,
            "deciding_lower_fraction": judged.deciding_lower_fraction,
            "p_value_fraction": judged.fail_p_value,
            "adjusted_p_value_fraction": self.adjusted_p_value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class UnjudgedRoute:
    """One route that was not judged.

    Attributes:
        route: Value of the route label.
        reason: Why not: a code of `NO_TRAFFIC_REASONS`, `too-few-requests`, or `other-routes` for a rest of many.
        baseline_count: Requests of the baseline.
        canary_count: Requests of the canary.
        needed_count: Requests of the canary from which on it would be judged; None where none would do.
    """

    route: str
    reason: str
    baseline_count: int
    canary_count: int
    needed_count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesJudgement:
    """All routes of one comparison.

    Attributes:
        label: Label that names the route.
        judged: Routes with enough traffic, the most suspicious first.
        not_judged: The others, those with most requests of the canary first.
        simpson: Pooled beside stratified change; None where a quantile is unknown.
    """

    label: str
    judged: tuple[RouteJudgement, ...]
    not_judged: tuple[UnjudgedRoute, ...]
    simpson: Simpson | None

    @property
    def over_budget(self) -> tuple[str, ...]:
        """Routes whose FAIL stands."""
        return tuple(route.route for route in self.judged if route.verdict is Verdict.FAIL)

    @property
    def undecided(self) -> tuple[str, ...]:
        """Judged routes that neither pass nor fail."""
        return tuple(r.route for r in self.judged if r.verdict not in (Verdict.PASS, Verdict.FAIL))

    @property
    def nearest(self) -> UnjudgedRoute | None:
        """The route that lacks the fewest requests to be judged; None where requests would not do."""
        known = [(r.needed_count - r.canary_count, r) for r in self.not_judged if r.needed_count is not None]
        return min(known, key=lambda pair: pair[0])[1] if known else None

    def adjusted(self, p_values: tuple[float, ...]) -> "RoutesJudgement":
        """Return the routes with other adjusted p-values, in the order of `judged`."""
        pairs = zip(self.judged, p_values, strict=True)
        return replace(self, judged=tuple(replace(route, adjusted_p_value=p) for route, p in pairs))

    def to_json(self, *, gates: bool) -> dict[str, object]:
        """Return the table with JSON types only."""
        return {
            "label": self.label,
            "gates": gates,
            "judged": [route.to_json() for route in self.judged],
            "not_judged": [asdict(route) for route in self.not_judged],
            "simpson": None if self.simpson is None else asdict(self.simpson),
        }


def judge_routes(
    counts: Counts,
    latency: LatencyJudgement,
    *,
    label: str,
    alpha_fail: float = 0.025,
    alpha_pass: float = 0.05,
    quantile: float = 0.95,
    bucket_policy: BucketPolicy = "guard",
) -> RoutesJudgement:
    """Judge each route with enough traffic on its own.

    A noise history is of a whole arm and says nothing of one route, so none is taken. Where no
    series carries the label there is no route: nothing is judged.

    Args:
        counts: Counts of both arms with their routes; the warm-up is already cut off.
        latency: Judgement of the same counts, all routes together; sets the margin.
        label: Label that names the route.
        alpha_fail: Probability to FAIL any route when all sit on the margin.
        alpha_pass: Probability to PASS a route that sits on the margin.
        quantile: Quantile in `(0, 1)`.
        bucket_policy: As for `judge_latency`.

    Returns:
        The judgement.
    """
    margin, slower = latency.margin_fraction, 1.0 - quantile
    judged: list[tuple[str, LatencyJudgement]] = []
    not_judged: list[UnjudgedRoute] = []
    for route, own in _by_route(counts):
        if not route and _is_only(counts):
            continue
        missing = _not_enough(route, own, margin_fraction=margin, alpha_pass=alpha_pass, slower_share=slower)
        if missing is not None:
            not_judged.append(missing)
            continue
        found = judge_latency(
            own, margin_fraction=margin, alpha_fail=alpha_fail, alpha_pass=alpha_pass, quantile=quantile,
            bucket_policy=bucket_policy,
        )  # fmt: skip
        judged.append((route, found))
    judged.sort(key=lambda pair: (p_of_fail(pair[1]), pair[0]))
    adjusted = holm_adjusted([p_of_fail(own) for _, own in judged])
    return RoutesJudgement(
        label=label,
        judged=tuple(
            RouteJudgement(route=route, latency=own, adjusted_p_value=p, alpha_fail=alpha_fail)
            for (route, own), p in zip(judged, adjusted, strict=True)
        ),
        not_judged=tuple(sorted(not_judged, key=lambda route: (-route.canary_count, route.route))),
        simpson=compare_pooled(counts, latency, slower_share=slower) if judged or not_judged else None,
    )


def p_of_fail(judged: LatencyJudgement | ErrorJudgement) -> float:
    """Return the p-value of a FAIL for Holm's correction: 1 where nothing was tested."""
    return 1.0 if judged.fail_p_value is None else judged.fail_p_value


def _by_route(counts: Counts) -> Iterator[tuple[str, Counts]]:
    """Yield the counts of each route, as if there were no other."""
    if isinstance(counts, PairedCounts):
        alone = replace(counts, routes=(), baseline_replicas=(), canary_replicas=())
        for own in counts.routes:
            yield own.route, replace(alone, baseline=own.baseline, canary=own.canary)
        return
    for route in sorted({*counts.baseline.routes, *counts.canary.routes}):
        yield route, replace(counts, baseline=_window(counts.baseline, route), canary=_window(counts.canary, route))


def _is_only(counts: Counts) -> bool:
    """Tell whether there is a single route, as of series that do not carry the label."""
    if isinstance(counts, PairedCounts):
        return len(counts.routes) == 1
    return len({*counts.baseline.routes, *counts.canary.routes}) == 1


def _window(window: WindowCounts, route: str) -> WindowCounts:
    total = window.routes.get(route) or window.total.each(np.zeros_like)
    return WindowCounts(edges_seconds=window.edges_seconds, total=total)


def _not_enough(
    route: str, own: Counts, *, margin_fraction: float, alpha_pass: float, slower_share: float
) -> UnjudgedRoute | None:
    """Say why a route is not judged; None when it is.

    The floor looks at traffic and at the shape of both arms together, never at their difference: a
    choice by the outcome would spoil the p-values.
    """
    baseline, canary = (float(arm.bucket_counts[:, -1].sum()) for arm in own.arms)
    reason = no_traffic_reason(baseline, canary) or ("other-routes" if route == OTHER_ROUTES else None)
    needed = None
    if reason is None:
        needed = _floor(own, margin_fraction=margin_fraction, alpha_pass=alpha_pass, slower_share=slower_share)
        if canary >= needed:
            return None
    return UnjudgedRoute(
        route=route,
        reason=reason or "too-few-requests",
        baseline_count=round(baseline),
        canary_count=round(canary),
        needed_count=needed,
    )


def _floor(own: Counts, *, margin_fraction: float, alpha_pass: float, slower_share: float) -> int:
    """Return the canary requests that let an unchanged route pass, were they independent."""
    baseline, canary = (arm.bucket_counts.sum(axis=0) for arm in own.arms)
    ratio = float(baseline[-1] / canary[-1])
    least = MIN_SLOW_COUNT_TO_PASS / slower_share / (1 + ratio)
    index = tail_index(counted_curve(own.upper_bounds_seconds, baseline + canary), slower_share=slower_share)
    if index is None:  # the judge itself says that buckets hide the quantile
        return math.ceil(least)
    degrees = cosine_count(max(MIN_INTERVAL_COUNT, min(arm.requests.size for arm in own.arms)))
    planned = requests_for_latency(
        log_distance=math.log1p(margin_fraction), tail_index=index, traffic_ratio=ratio,
        critical=critical_value(alpha_pass, degrees=degrees), slower_share=slower_share,
    )  # fmt: skip
    return math.ceil(max(least, planned))
