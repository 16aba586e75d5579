"""Strata: what a request weighs, by instant and by route."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.counts import PairedCounts, SuccessiveCounts, WindowCounts
from reliability.judge.intervals import effective_count, shared_intervals, successive_intervals
from reliability.judge.latency import judge_latency
from reliability.judge.strata import weighed_arms
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import arm, by_route, expected_buckets, known, paired, simulated, steady

FEW_BOUNDS = np.append(0.1 * 1.1 ** np.arange(14), np.inf)


def many_routes(seed, *, names=50, scrapes=120, per_scrape=75.0, increase=0.0, skew=0.0):
    """Return two arms whose requests are spread over many routes; `skew` 1 is Zipf's law."""
    rng = np.random.default_rng(seed)
    parts = np.arange(1, names + 1) ** -skew
    rates = np.repeat(per_scrape * parts / parts.sum(), scrapes)
    rows = [
        rng.poisson(expected_buckets(rates, median_seconds=0.07 * change, bounds=FEW_BOUNDS)).reshape(
            names, scrapes, -1
        )
        for change in (1.0, 1.0 + increase)
    ]
    return by_route(
        {
            f"r{i:03d}": paired(arm(b, bounds=FEW_BOUNDS), arm(c, bounds=FEW_BOUNDS), bounds=FEW_BOUNDS)
            for i, (b, c) in enumerate(zip(*rows, strict=True))
        }
    )


def effective(counts: PairedCounts) -> float:
    baseline, canary = known(weighed_arms(shared_intervals(counts, by_histogram=True)))
    return 1 / (1 / baseline.effective_count + 1 / canary.effective_count)


@given(seed=st.integers(0, 10**6), names=st.integers(1, 6), rate=st.sampled_from([0.5, 3.0, 40.0]))
@settings(max_examples=15, deadline=None)
def test_the_weights_of_each_arm_add_up_to_one(seed, names, rate):
    counts = many_routes(seed, names=names, scrapes=30, per_scrape=rate * names)

    for weighed in known(weighed_arms(shared_intervals(counts, by_histogram=True))):
        assert weighed.mass[0].sum() == pytest.approx(1)
        assert np.all(np.diff(weighed.mass, axis=0) <= 1e-12)
        assert np.all(np.abs(weighed.mass[-1]) < 1e-12)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_a_single_route_is_judged_like_no_route(seed):
    counts = simulated(seed, scrapes=40)

    assert judge_latency(by_route({"only": counts})) == judge_latency(counts)


def test_without_routes_each_interval_weighs_as_before():
    intervals = shared_intervals(simulated(1, scrapes=40), by_histogram=True)

    baseline, canary = known(weighed_arms(intervals))

    assert baseline.mass[0] == pytest.approx(intervals.weights)
    assert canary.mass[0] == pytest.approx(intervals.weights)
    assert baseline.effective_count == pytest.approx(effective_count(intervals.weights, intervals.baseline_requests))


@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_many_sparse_routes_cost_little_of_the_data(skew):
    counts = many_routes(1, skew=skew)

    kept = effective(counts) / effective(replace(counts, routes=()))

    assert kept > 0.85


def test_routes_that_hardly_serve_are_compared_together():
    counts = many_routes(2, names=200, scrapes=40, per_scrape=20.0)

    kept = effective(counts) / effective(replace(counts, routes=()))

    assert kept > 0.85


def shifted_mix(*, scrapes=60):
    """Return two arms of one version, of which the canary serves more of the slow route."""
    fast = steady(scrapes=scrapes, per_scrape=300, ratio=2.0)
    slow = steady(scrapes=scrapes, per_scrape=200, ratio=0.5, median_seconds=0.2)
    return by_route({"/fast": fast, "/slow": slow})


def test_a_shifted_mix_of_routes_is_no_change_of_the_release():
    counts = shifted_mix()

    pooled, stratified = judge_latency(replace(counts, routes=())), judge_latency(counts)

    assert pooled.verdict is Verdict.FAIL
    assert stratified.verdict is Verdict.PASS
    assert stratified.increase_fraction == pytest.approx(0.0, abs=1e-3)


def test_the_order_of_routes_does_not_matter():
    counts = many_routes(3, names=6, scrapes=40)

    mirrored = judge_latency(replace(counts, routes=counts.routes[::-1]))

    assert mirrored.increase_fraction == pytest.approx(judge_latency(counts).increase_fraction)
    assert mirrored.verdict is judge_latency(counts).verdict


def test_a_slower_canary_fails_over_many_routes():
    assert judge_latency(many_routes(4, increase=0.5)).verdict is Verdict.FAIL


def windows(counts: PairedCounts) -> SuccessiveCounts:
    """Return both arms as two windows, one after the other."""
    later = counts.edges_seconds + counts.edges_seconds[-1]
    return SuccessiveCounts(
        upper_bounds_seconds=counts.upper_bounds_seconds,
        baseline=WindowCounts(
            edges_seconds=counts.edges_seconds,
            total=counts.baseline,
            routes={r.route: r.baseline for r in counts.routes},
        ),
        canary=WindowCounts(
            edges_seconds=later, total=counts.canary, routes={r.route: r.canary for r in counts.routes}
        ),
        scrape_interval_seconds=counts.scrape_interval_seconds,
    )


def test_two_windows_are_brought_to_one_mix_of_routes():
    pooled = judge_latency(windows(replace(shifted_mix(), routes=())))
    standardised = judge_latency(windows(shifted_mix()))

    assert pooled.verdict is Verdict.FAIL
    assert standardised.verdict is Verdict.PASS


def test_a_route_of_one_window_only_is_left_out():
    counts = windows(shifted_mix())
    before = replace(counts.baseline, routes={"/fast": counts.baseline.routes["/fast"]})

    after = replace(counts.canary, routes={"/fast": counts.canary.routes["/fast"]})

    one_side, both_sides = (replace(counts, baseline=before, canary=c) for c in (counts.canary, after))

    assert judge_latency(one_side).increase_fraction == judge_latency(both_sides).increase_fraction


def only_of_one_arm(counts: PairedCounts, *, route: str, served_by: str) -> PairedCounts:
    """Return the same arms, of which one alone serves the route."""
    idle = "canary" if served_by == "baseline" else "baseline"
    own = {r.route: replace(counts, routes=(), baseline=r.baseline, canary=r.canary) for r in counts.routes}
    nothing = getattr(own[route], idle).each(np.zeros_like)
    return by_route({**own, route: replace(own[route], **{idle: nothing})})


def test_routes_that_only_one_arm_serves_are_not_compared_with_each_other():
    slow = steady(scrapes=60, per_scrape=200, median_seconds=0.2)
    own = {"/shared": steady(scrapes=60), "/old": steady(scrapes=60, per_scrape=200), "/new": slow}

    counts = only_of_one_arm(by_route(own), route="/old", served_by="baseline")
    counts = only_of_one_arm(counts, route="/new", served_by="canary")

    assert judge_latency(counts).verdict is Verdict.PASS
    assert judge_latency(counts).increase_fraction == pytest.approx(0.0, abs=1e-6)


def test_arms_that_share_no_route_cannot_be_compared():
    counts = only_of_one_arm(shifted_mix(), route="/fast", served_by="baseline")
    counts = only_of_one_arm(counts, route="/slow", served_by="canary")

    for given_counts in (counts, windows(counts)):
        judged = judge_latency(given_counts)
        assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "no-shared-route")


@pytest.mark.parametrize(("scrapes", "verdict"), [(19, Verdict.INCONCLUSIVE), (20, Verdict.PASS)])
def test_two_windows_need_twenty_intervals_each(scrapes, verdict):
    judged = judge_latency(windows(steady(scrapes=scrapes, per_scrape=2000)))

    assert (judged.verdict, judged.reason == "too-few-scrapes") == (verdict, scrapes < 20)


def test_every_request_of_a_window_weighs_alike():
    counts = paired(
        arm([[90.0, 10.0], [10.0, 90.0]], bounds=[0.1, np.inf]),
        arm([[50.0, 50.0]] * 2, bounds=[0.1, np.inf]),
        bounds=[0.1, np.inf],
    )

    baseline, _ = known(weighed_arms(successive_intervals(windows(counts))))

    assert baseline.mass[1] == pytest.approx([10 / 200, 90 / 200])
    assert baseline.effective_count == pytest.approx(200)
