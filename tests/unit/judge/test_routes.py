"""Routes, each judged on its own traffic, and the mix of routes that deceives."""

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from reliability.judge.counts import PairedCounts, SuccessiveCounts, WindowCounts
from reliability.judge.latency import judge_latency
from reliability.judge.routes import OTHER_ROUTES, RoutesJudgement, judge_routes
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import by_route, known, simulated, steady


def judged(counts: PairedCounts | SuccessiveCounts) -> RoutesJudgement:
    return judge_routes(counts, judge_latency(counts), label="route")


def service(seed: int, *, increases=(0.0, 0.3), per_scrape=(400, 100), scrapes=20) -> PairedCounts:
    """Draw a service whose routes have changed by `increases`."""
    return by_route({
        f"/{n}": simulated(seed + n, increase=increase, per_scrape=rate, scrapes=scrapes)
        for n, (increase, rate) in enumerate(zip(increases, per_scrape, strict=True))
    })  # fmt: skip


@lru_cache
def drawn(seed: int) -> tuple[PairedCounts, RoutesJudgement]:
    """Draw a service of four routes, some slower and some with few requests, and judge it."""
    rng = np.random.default_rng(seed)
    increases, rates = rng.choice([0.0, 0.12, 0.5], 4), rng.choice([2, 40, 400], 4)
    counts = service(10 * seed, increases=tuple(increases), per_scrape=tuple(rates), scrapes=12)
    return counts, judged(counts)


services = st.integers(0, 7).map(drawn)


# Laws


@given(made=services)
def test_each_route_is_named_once_and_judged_as_if_it_were_alone(made):
    counts, found = made

    names = [route.route for route in found.judged] + [route.route for route in found.not_judged]
    assert sorted(names) == [route.route for route in counts.routes]
    own = {route.route: route for route in counts.routes}
    for route in found.judged[:1]:
        alone = replace(counts, baseline=own[route.route].baseline, canary=own[route.route].canary, routes=())
        assert route.latency == judge_latency(alone)


@given(made=services)
def test_the_correction_only_takes_fails_away_and_the_most_suspicious_stands_first(made):
    _, found = made

    adjusted = [route.adjusted_p_value for route in found.judged]
    assert adjusted == sorted(adjusted)
    for route in found.judged:
        fails = route.latency.verdict is Verdict.FAIL and route.adjusted_p_value <= 0.025
        assert route.adjusted_p_value >= known(route.latency.fail_p_value)
        assert (route.verdict is Verdict.FAIL) == fails
        assert route.verdict is route.latency.verdict or route.reason == "not-enough-evidence"


def test_the_order_of_the_routes_matters_to_nothing():
    counts, found = drawn(1)

    turned = judged(replace(counts, routes=counts.routes[::-1]))

    assert [route.route for route in turned.judged] == [route.route for route in found.judged]
    assert turned.not_judged == found.not_judged


@pytest.mark.parametrize("increase", [0.0, 0.3, 3.0])
def test_the_floor_does_not_look_at_the_difference_of_the_arms(increase):
    counts = by_route({"/a": steady(increase=increase, per_scrape=10), "/b": steady()})

    swapped = replace(counts, routes=tuple(replace(r, baseline=r.canary, canary=r.baseline) for r in counts.routes))

    assert judged(swapped).not_judged == judged(counts).not_judged


@given(rate=st.integers(1, 60), sigma=st.floats(0.3, 0.9))
@settings(max_examples=5)
def test_a_route_with_the_requests_it_needs_is_judged(rate, sigma):
    few = by_route({"/a": steady(per_scrape=rate, sigma=sigma), "/b": steady()})

    missing = {route.route: route for route in judged(few).not_judged}
    if "/a" not in missing:
        assert rate * 40 >= 400  # never below twenty slow requests in both arms
        return
    needed = known(missing["/a"].needed_count)
    assert missing["/a"].canary_count < needed
    enough = by_route({"/a": steady(per_scrape=needed / 40 * 1.01, sigma=sigma), "/b": steady()})
    assert not judged(enough).not_judged


# Examples


def test_the_floor_is_that_of_the_published_plan_but_for_the_critical_value():
    (route,) = judged(by_route({"/a": steady(per_scrape=10), "/b": steady()})).not_judged

    normal = -float(ndtri(0.05)) - float(ndtri(0.10))
    student = 2.015 - float(ndtri(0.10))  # five cosines of forty scrapes
    assert route.needed_count == pytest.approx(3032 * (student / normal) ** 2, rel=0.04)
    assert (route.reason, route.canary_count) == ("too-few-requests", 400)


def test_one_slow_route_among_many_is_found_though_the_whole_passes():
    counts = service(1, increases=(0.0, 0.0, 0.0, 0.5), per_scrape=(900, 900, 900, 300), scrapes=40)

    latency, found = judge_latency(counts), judged(counts)

    assert latency.verdict is Verdict.PASS
    assert found.over_budget == ("/3",)
    assert found.judged[0].route == "/3"


def test_a_route_without_traffic_in_one_arm_is_named():
    idle = steady()
    idle = replace(idle, canary=replace(
        idle.canary, bucket_counts=0 * idle.canary.bucket_counts, requests=0 * idle.canary.requests
    ))  # fmt: skip

    (route,) = judged(by_route({"/a": idle, "/b": steady()})).not_judged

    assert (route.route, route.reason, route.needed_count) == ("/a", "no-traffic-canary", None)


def test_a_rest_of_many_routes_is_named_and_not_judged_as_one():
    (rest,) = judged(by_route({OTHER_ROUTES: steady(increase=0.5), "/b": steady()})).not_judged

    assert (rest.route, rest.reason, rest.needed_count) == (OTHER_ROUTES, "other-routes", None)


@pytest.mark.parametrize("routes", [{}, {"": steady()}], ids=["no routes", "one without a name"])
def test_a_label_that_no_series_carries_tells_no_route_apart(routes):
    counts = by_route(routes) if routes else steady()

    found = judged(counts)

    assert (found.judged, found.not_judged, found.simpson) == ((), (), None)


def test_a_mix_that_differs_between_the_arms_does_not_pass_for_a_change():
    fast, slow = (simulated(seed, per_scrape=1000, scrapes=40) for seed in (1, 2))
    bounds = fast.upper_bounds_seconds.size

    def part(counts, baseline, canary, *, shift=0):
        def thinned(arm, share):
            rows = np.diff(arm.bucket_counts, axis=1, prepend=0.0) * share
            rows = np.roll(rows, shift, axis=1) if shift else rows
            buckets = np.cumsum(rows, axis=1)
            return replace(arm, bucket_counts=buckets, requests=buckets[:, bounds - 1])

        return replace(counts, baseline=thinned(counts.baseline, baseline), canary=thinned(counts.canary, canary))

    same = by_route({"/fast": part(fast, 0.8, 0.8), "/slow": part(slow, 0.2, 0.2, shift=12)})
    mixed = by_route({"/fast": part(fast, 0.8, 0.5), "/slow": part(slow, 0.2, 0.5, shift=12)})

    level, deceiving = known(judged(same).simpson), known(judged(mixed).simpson)

    assert not level.differs
    assert deceiving.differs
    assert deceiving.pooled_increase_fraction > 0.2
    assert abs(deceiving.stratified_increase_fraction) < 0.05


def test_routes_of_two_windows_are_judged_too_and_one_that_came_later_is_named():
    counts = service(3, increases=(0.0, 0.5), per_scrape=(400, 400), scrapes=40)
    a, b = counts.routes
    successive = SuccessiveCounts(
        upper_bounds_seconds=counts.upper_bounds_seconds,
        baseline=WindowCounts(
            edges_seconds=counts.edges_seconds, total=counts.baseline, routes={"/0": a.baseline, "/1": b.baseline}
        ),
        canary=WindowCounts(
            edges_seconds=counts.edges_seconds + 86_400,
            total=counts.canary,
            routes={"/0": a.canary, "/1": b.canary, "/new": b.canary},
        ),
        scrape_interval_seconds=counts.scrape_interval_seconds,
    )

    found = judged(successive)

    assert found.over_budget == ("/1",)
    assert [(route.route, route.reason) for route in found.not_judged] == [("/new", "no-traffic-baseline")]


def test_the_table_is_json():
    table = judged(service(4)).to_json(gates=True)

    read = json.loads(json.dumps(table))
    assert read["gates"] is True
    assert {"route", "verdict", "adjusted_p_value_fraction"} <= set(read["judged"][0])
