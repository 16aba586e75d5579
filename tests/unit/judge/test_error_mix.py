"""Errors by route and by time: what a changed mix, a late rise and a broken baseline say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.counts import ArmCounts, PairedCounts
from reliability.judge.error_rate import judge_errors
from reliability.judge.load import compare_load
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import by_route, known, with_errors
from tests.unit.judge.windows import requests_only, successive, window

SCRAPES = 40


def mixed(seed, *, baseline_rates, canary_rates, baseline_share=0.8, canary_share=0.2, per_scrape=500) -> PairedCounts:
    """Draw a service of the routes a and b; the shares are those of a."""
    rng = np.random.default_rng(seed)

    def drawn(share, rate):
        served = rng.poisson(per_scrape * share, SCRAPES)
        return rng.binomial(served, rate), served

    def route(baseline, canary):
        (failed, served), (canary_failed, canary_served) = baseline, canary
        return with_errors(failed, canary_failed, baseline_requests=served, canary_requests=canary_served)

    return by_route({
        "a": route(drawn(baseline_share, baseline_rates[0]), drawn(canary_share, canary_rates[0])),
        "b": route(drawn(1 - baseline_share, baseline_rates[1]), drawn(1 - canary_share, canary_rates[1])),
    })  # fmt: skip


def late_rise(seed, *, late, scrapes=240, usual=0.005) -> PairedCounts:
    """Draw two arms, the canary's errors rising in the last third; 240 scrapes are an hour."""
    rng = np.random.default_rng(seed)
    served, rates = np.full(scrapes, 500), np.full(scrapes, usual)
    rates[-scrapes // 3 :] = late
    failed = rng.binomial(served, usual), rng.binomial(served, rates)
    return with_errors(*failed, baseline_requests=served, canary_requests=served)


# Mixes of routes


@pytest.mark.parametrize("shares", [(0.8, 0.2), (0.2, 0.8)])
def test_another_mix_of_the_same_rates_is_no_change(shares):
    found = [
        judge_errors(mixed(
            seed, baseline_rates=(0.002, 0.05), canary_rates=(0.002, 0.05), baseline_share=shares[0],
            canary_share=shares[1],
        ))
        for seed in range(20)
    ]  # fmt: skip

    verdicts = [judged.verdict for judged in found]
    assert Verdict.FAIL not in verdicts
    assert verdicts.count(Verdict.PASS) >= 15
    assert np.mean([known(judged.difference_fraction) for judged in found]) == pytest.approx(0.0, abs=0.001)


def test_a_mix_that_hides_worse_routes_does_not_pass():
    worse = mixed(1, baseline_rates=(0.002, 0.05), canary_rates=(0.03, 0.12), baseline_share=0.2, canary_share=0.8)

    assert judge_errors(replace(worse, routes=())).verdict is Verdict.PASS
    assert judge_errors(worse).verdict is Verdict.FAIL


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_equal_mixes_say_the_same_with_and_without_routes(seed):
    counts = mixed(
        seed, baseline_rates=(0.01, 0.01), canary_rates=(0.01, 0.01), baseline_share=0.6, canary_share=0.6
    )  # fmt: skip

    by_strata, plain = judge_errors(counts), judge_errors(replace(counts, routes=()))

    assert known(by_strata.difference_fraction) == pytest.approx(known(plain.difference_fraction), abs=5e-4)
    assert {by_strata.verdict, plain.verdict} != {Verdict.PASS, Verdict.FAIL}


def test_routes_that_do_not_know_their_errors_change_nothing():
    counts = mixed(3, baseline_rates=(0.002, 0.05), canary_rates=(0.002, 0.05))

    def unknown(arm: ArmCounts) -> ArmCounts:
        return replace(arm, errors=np.full(SCRAPES, np.nan))

    routes = tuple(replace(r, baseline=unknown(r.baseline), canary=unknown(r.canary)) for r in counts.routes)

    assert judge_errors(replace(counts, routes=routes)) == judge_errors(replace(counts, routes=()))


def test_arms_without_a_common_route_are_not_compared():
    judged = judge_errors(
        mixed(4, baseline_rates=(0.01, 0.01), canary_rates=(0.01, 0.01), baseline_share=1.0, canary_share=0.0)
    )

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "no-shared-route")


# The last third


def test_a_late_rise_fails_although_the_whole_window_would_not():
    judged = [judge_errors(late_rise(seed, late=0.016)) for seed in range(5)]

    late = [each for each in judged if each.reason == "over-budget-late"]
    assert len(late) >= 4
    for each in late:
        assert each.verdict is Verdict.FAIL
        assert each.deciding_upper_fraction is None
        assert known(each.late_lower_fraction) > each.allowed_difference_fraction
        assert known(each.fail_p_value) <= 0.025


def test_a_steady_canary_or_a_short_window_has_no_late_rule():
    assert judge_errors(late_rise(1, late=0.005)).reason == "inside-budget"
    assert judge_errors(late_rise(1, late=0.016, scrapes=100)).late_lower_fraction is None


# A broken baseline


@pytest.mark.parametrize("canary_errors", [300, 495, 500])
def test_a_baseline_that_fails_most_requests_is_no_reference(canary_errors):
    served = np.full(SCRAPES, 500.0)

    judged = judge_errors(
        with_errors(
            np.full(SCRAPES, 350.0), np.full(SCRAPES, canary_errors), baseline_requests=served, canary_requests=served
        )
    )

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "baseline-failing")
    assert judged.deciding_upper_fraction is judged.fail_p_value is None


# Two windows of few rounds


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scrapes", range(1, 9))
@pytest.mark.parametrize("failed", [0.0, 3.0])
def test_windows_of_few_scrapes_decide_nothing_and_do_not_stumble(scrapes, failed):
    short, long = (requests_only(np.full(n, 200.0), np.full(n, failed)) for n in (scrapes, SCRAPES))

    for pair in ((short, long), (long, short), (short, short)):
        counts = successive(*(window(total, routes={"a": total}) for total in pair))

        judged = judge_errors(counts)

        assert (judged.verdict is Verdict.INCONCLUSIVE and judged.reason == "too-few-scrapes") == (scrapes < 8)
        assert [check.id for check in compare_load(counts).checks] == ["load", "mix"]
