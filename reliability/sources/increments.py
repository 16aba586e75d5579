"""From raw counters of two arms to counts, on common scrapes or in two windows, with the health of the data.

Fed with the answers of a capture or a server; the judges read the counts. What a count means
for a release does not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from reliability.errors import SelectorError
from reliability.judge.counts import PairedCounts, RouteCounts, SuccessiveCounts, WindowCounts
from reliability.judge.data_facts import DataFacts
from reliability.judge.data_health import share_error_fraction
from reliability.sources.answer import Answer, FloatArray
from reliability.sources.arm_counts import (
    ArmSum,
    CountedArm,
    common_bounds,
    count_arm,
    split_routes,
    sum_arm,
)  # fmt: skip
from reliability.sources.data_facts import Asked, gather_facts
from reliability.sources.metrics import MetricNames
from reliability.sources.pair_health import PairHealth, describe_health
from reliability.sources.promql import Matcher
from reliability.sources.replicas import read_replicas
from reliability.sources.scrape_grid import ScrapeGrid, build_grid
from reliability.window import Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairing:
    """Counts of two arms, if they can be compared.

    Attributes:
        counts: The counts; None when `health.reason` says why not.
        health: What was found in the data.
        facts: The same as plain numbers, for the checks of the data.
    """

    counts: PairedCounts | None
    health: PairHealth
    facts: DataFacts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Succession:
    """Counts of two windows, if they can be compared; see `Pairing`."""

    counts: SuccessiveCounts | None
    health: PairHealth
    facts: DataFacts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Compared:
    """What pairs and windows have in common; no sums when the arms cannot be compared."""

    arms: Sequence[CountedArm]
    bounds: FloatArray
    sums: Sequence[ArmSum]
    health: PairHealth
    facts: DataFacts


def pair_counts(
    baseline: Answer,
    canary: Answer,
    *,
    names: MetricNames,
    window: Window,
    route_label: str | None = None,
    matchers: tuple[Sequence[Matcher], Sequence[Matcher]] = ((), ()),
    as_of: datetime | None = None,
) -> Pairing:
    """Count requests, errors and buckets of two arms between the scrapes that both have.

    Only increments whose both ends lie inside the window count. A counter that dropped
    began again at zero; one that appeared at a known replica was born at zero; a replica
    that appears inside the window counts from zero only when its process started inside
    the window.

    Args:
        baseline: Raw samples of the baseline.
        canary: Raw samples of the canary.
        names: Names of the metrics.
        window: Time to be judged.
        route_label: Label by whose values the counts are split too; None for none. Routes behind the
            hundred busiest are counted as one.
        matchers: Conditions that chose the series of the baseline and of the canary.
        as_of: Instant at which the comparison is judged, to find clocks that are ahead.

    Returns:
        Counts and health. There are no counts, and `health.reason` says why, when an arm
        had no traffic, when fewer than two scrapes are common, when a metric is missing
        in an arm, or when the histograms share no finite bound.

    Raises:
        SelectorError: A counter belongs to both arms.
        PrometheusAnswerError: A bucket has no bound that can be read.
    """
    _check_apart(baseline, canary, names)
    asked = _asked((baseline, canary), (window, window), matchers, names)
    grid = build_grid([one.replicas for one in asked], window=window)
    found = _compared(asked, (grid, grid), (0, 1), names=names, route_label=route_label, as_of=as_of)
    if grid is None or not found.sums:
        return Pairing(counts=None, health=found.health, facts=found.facts)
    of_baseline, of_canary = found.sums
    counts = PairedCounts(
        edges_seconds=grid.edges_seconds[found.arms[0].rounds],
        upper_bounds_seconds=found.bounds,
        baseline=of_baseline.total,
        canary=of_canary.total,
        scrape_interval_seconds=grid.interval_seconds,
        routes=_paired_routes(of_baseline, of_canary),
        baseline_replicas=of_baseline.replicas,
        canary_replicas=of_canary.replicas,
    )
    facts = replace(found.facts, share_error_fraction=share_error_fraction(counts))
    return Pairing(counts=counts, health=found.health, facts=facts)


def window_counts(
    baseline: Answer,
    canary: Answer,
    *,
    names: MetricNames,
    baseline_window: Window,
    canary_window: Window,
    route_label: str | None = None,
    matchers: tuple[Sequence[Matcher], Sequence[Matcher]] = ((), ()),
    as_of: datetime | None = None,
) -> Succession:
    """Count two windows, each on its own scrapes; see `pair_counts`.

    The same series may stand in both answers: one service before and after a change.
    """
    asked = _asked((baseline, canary), (baseline_window, canary_window), matchers, names)
    grids = [build_grid([one.replicas], window=one.window) for one in asked]
    found = _compared(asked, grids, (0, 0), names=names, route_label=route_label, as_of=as_of)
    if not found.sums:
        return Succession(counts=None, health=found.health, facts=found.facts)
    before, after = map(_window, found.arms, found.sums)
    counts = SuccessiveCounts(
        upper_bounds_seconds=found.bounds,
        baseline=before,
        canary=after,
        scrape_interval_seconds=max(arm.grid.interval_seconds for arm in found.arms),
    )
    return Succession(counts=counts, health=found.health, facts=found.facts)


def _asked(
    answers: tuple[Answer, Answer],
    windows: tuple[Window, Window],
    matchers: tuple[Sequence[Matcher], ...],
    names: MetricNames,
) -> list[Asked]:
    return [
        Asked(
            answer=answer,
            window=window,
            matchers=chosen,
            replicas=read_replicas(answer, names=names, start_seconds=window.start.timestamp()),
        )
        for answer, window, chosen in zip(answers, windows, matchers, strict=True)
    ]


def _compared(
    asked: Sequence[Asked],
    grids: Sequence[ScrapeGrid | None],
    places: Sequence[int],
    *,
    names: MetricNames,
    route_label: str | None,
    as_of: datetime | None,
) -> _Compared:
    """Count both arms on their grids and add them up, if they can be compared."""
    arms = [
        count_arm(one.replicas, grid, place, names=names)
        for one, grid, place in zip(asked, grids, places, strict=True)
        if grid is not None
    ]
    arms = arms if len(arms) == len(asked) else []
    bounds, dropped_count = common_bounds(replica for one in asked for replica in one.replicas)
    health = describe_health(arms, [one.replicas for one in asked], has_bounds=bounds.size > 1)
    split = split_routes(arms, route_label) if route_label else None
    sums = [] if health.reason else [sum_arm(arm.parts, bounds=bounds, names=names, split=split) for arm in arms]
    if split and any(not added.can_split_errors for added in sums):
        health = replace(health, notes=(*health.notes, "route-errors-unknown"))
    facts = gather_facts(
        asked, arms, sums, health, names=names, bounds=bounds, dropped_bound_count=dropped_count, as_of=as_of
    )
    return _Compared(arms=arms, bounds=bounds, sums=sums, health=health, facts=facts)


def _paired_routes(baseline: ArmSum, canary: ArmSum) -> tuple[RouteCounts, ...]:
    return tuple(
        RouteCounts(
            route=route,
            baseline=baseline.routes.get(route) or baseline.total.each(np.zeros_like),
            canary=canary.routes.get(route) or canary.total.each(np.zeros_like),
        )
        for route in sorted({*baseline.routes, *canary.routes})
    )


def _window(arm: CountedArm, added: ArmSum) -> WindowCounts:
    edges = arm.grid.edges_seconds[arm.rounds]
    return WindowCounts(edges_seconds=edges, total=added.total, routes=added.routes, replicas=added.replicas)


def _check_apart(baseline: Answer, canary: Answer, names: MetricNames) -> None:
    seen = {frozenset(series.labels.items()) for series in baseline.series}
    for series in canary.series:
        if series.name in (names.bucket, names.requests) and frozenset(series.labels.items()) in seen:
            raise SelectorError(
                f"the series {dict(series.labels)} belongs to the baseline and to the canary; "
                f"choose matchers that tell the arms apart."
            )
