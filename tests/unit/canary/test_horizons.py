"""The plan before a canary: laws, published numbers, and whether canaries of that length do decide."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from reliability.canary.calibration import noise_floor_seconds
from reliability.canary.horizons import plan_errors, plan_latency
from reliability.canary.planned import PlanRules, Traffic
from reliability.judge.history import NoiseHistory
from reliability.judge.latency import judge_latency
from reliability.judge.long_run import critical_value
from reliability.judge.planning import planned_critical, planned_seconds, requests_for_latency
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import (
    COARSE_BOUNDS,
    FINE_BOUNDS,
    SCRAPE_SECONDS,
    expected_buckets,
    known,
    simulated,
    steady,
)

RULES = PlanRules()
shares = st.floats(0.02, 0.98)
rates = st.floats(0.5, 2000.0)


def traffic(*, sigma=0.6, errors=0.005, rate=100.0, share=0.5, bounds=FINE_BOUNDS):
    return Traffic(
        upper_bounds_seconds=np.asarray(bounds),
        bucket_counts=np.cumsum(expected_buckets(1e6, sigma=sigma, bounds=bounds)[0]),
        error_count=errors * 1e6,
        requests_per_second=rate,
        canary_share_fraction=share,
        scrape_interval_seconds=15.0,
    )


def noise(*, latency=0.4, errors=5.0, degrees=60):
    return NoiseHistory(
        latency_log_variance_seconds=latency,
        latency_degrees=degrees,
        error_relative_variance_seconds=errors,
        error_degrees=degrees,
        seconds=6 * 3600.0,
    )


def seconds_of(plan):
    return [decision.seconds for decision in plan.decisions]


@pytest.mark.parametrize(("sigma", "published"), [(0.3, 758), (0.6, 3032), (1.0, 8421)])
def test_over_a_long_horizon_the_plan_is_the_published_one_but_for_the_floor_of_slow_noise(sigma, published):
    slow = traffic(sigma=sigma, rate=0.4)  # hours: many degrees of freedom
    pooled = plan_latency(slow, RULES, noise=noise(latency=0.0, degrees=100_000), is_pooled=True)
    unknown = plan_latency(slow, RULES)

    assert pooled.decisions[0].request_count == pytest.approx(published, rel=0.03)
    assert published < unknown.decisions[0].request_count < 1.35 * published


@settings(max_examples=20)
@given(rate=rates, share=shares, sigma=st.floats(0.3, 1.0))
def test_less_traffic_more_noise_and_smaller_margins_take_longer(rate, share, sigma):
    usual = traffic(rate=rate, share=share, sigma=sigma)
    least = seconds_of(plan_latency(usual, RULES))[0] * 1.005

    assert seconds_of(plan_latency(replace(usual, requests_per_second=rate / 2), RULES))[0] >= least / 1.01
    assert seconds_of(plan_latency(usual, RULES, noise=noise()))[0] >= least / 1.01
    assert seconds_of(plan_latency(usual, replace(RULES, margin_fraction=0.05)))[0] >= least / 1.01


@settings(max_examples=20)
@given(rate=st.floats(0.5, 1e7), share=shares)
def test_no_traffic_lowers_the_time_below_what_the_noise_asks_for(rate, share):
    history = noise(latency=2.0)
    floor = noise_floor_seconds(
        2.0, log_distance=math.log(1.1), alpha=0.05, interval_seconds=15.0, known_degrees=history.latency_degrees
    )

    unchanged = plan_latency(traffic(rate=rate, share=share), RULES, noise=history, is_pooled=True).decisions[0]

    assert known(unchanged.seconds) >= floor * 0.99
    assert known(unchanged.noise_seconds) <= known(unchanged.seconds)


def test_a_clear_regression_needs_less_than_one_just_over_the_margin():
    latency, errors = plan_latency(traffic(), RULES), plan_errors(traffic(), RULES)

    assert [d.verdict for d in latency.decisions] == [Verdict.PASS, Verdict.FAIL, Verdict.FAIL]
    assert [d.change_fraction for d in latency.decisions] == pytest.approx([0.0, 0.15, 0.20])
    assert seconds_of(latency)[1] > seconds_of(latency)[2]
    assert [d.change_fraction for d in errors.decisions] == pytest.approx([0.0, 0.0075, 0.01])
    assert seconds_of(errors)[1] > seconds_of(errors)[2]


def test_coarse_buckets_leave_no_plan_but_the_bounds_that_would():
    plan = plan_latency(traffic(bounds=COARSE_BOUNDS), RULES)

    assert seconds_of(plan) == [None, None, None]
    assert known(plan.guard_fraction) > 0.1
    assert min(plan.suggested_bounds_seconds) < known(plan.quantile_seconds) < max(plan.suggested_bounds_seconds)


def test_a_quantile_beyond_the_last_bound_overflows():
    plan = plan_latency(traffic(bounds=np.array([0.01, 0.02, 0.05, np.inf])), RULES)

    assert plan.overflows
    assert (plan.quantile_seconds, plan.bucket_ratio, seconds_of(plan)) == (None, None, [None, None, None])
    assert plan.suggested_bounds_seconds


def test_a_quantile_in_the_first_bucket_has_no_plan():
    plan = plan_latency(traffic(bounds=np.array([1.0, 2.0, 5.0, np.inf])), RULES)

    assert (plan.overflows, plan.bucket_ratio, seconds_of(plan)) == (False, None, [None, None, None])
    assert plan.suggested_bounds_seconds


@pytest.mark.parametrize(("errors", "published"), [(0.005, 4316), (0.0, 538), (0.05, 1467)])
def test_with_a_long_history_error_plans_are_the_published_ones(errors, published):
    history = noise(errors=0.0, degrees=100_000)

    plan = plan_errors(traffic(errors=errors, rate=0.5), RULES, noise=history, is_pooled=True)

    assert plan.decisions[0].request_count == pytest.approx(published, rel=0.01)


def test_where_everything_fails_no_more_can_be_allowed():
    plan = plan_errors(traffic(errors=0.9), RULES)

    assert seconds_of(plan) == [None, None, None]


def test_error_noise_of_a_history_takes_time_too():
    assert seconds_of(plan_errors(traffic(), RULES, noise=noise()))[0] > seconds_of(plan_errors(traffic(), RULES))[0]


@given(degrees=st.integers(5, 80), factor=st.floats(1, 20), known=st.sampled_from([0, 8, 60]))
def test_the_planned_distance_gives_the_power_that_it_promises(degrees, factor, known):
    rng = np.random.default_rng(5)
    critical = planned_critical(0.05, degrees=degrees, noise_factor=factor, known_degrees=known)

    true = 1 / factor + (1 - 1 / factor) * known / rng.chisquare(known, 4000) if known else np.ones(4000)
    estimated = np.maximum((true * rng.chisquare(degrees, 4000) + known) / (degrees + known), 1 / factor)
    statistic = (critical - float(ndtri(0.1)) + np.sqrt(true) * rng.standard_normal(4000)) / np.sqrt(estimated)

    assert np.mean(statistic > critical_value(0.05, degrees=degrees + known)) == pytest.approx(0.90, abs=0.025)


@given(per_second=st.floats(0.01, 1e4))
def test_the_horizon_is_that_of_its_own_degrees(per_second):
    def seconds_for(critical):
        return (
            requests_for_latency(log_distance=math.log(1.1), tail_index=3.4, traffic_ratio=1.0, critical=critical)
            / per_second
        )

    seconds = planned_seconds(seconds_for, alpha=0.05, interval_seconds=15.0)

    assert seconds == 120.0 or seconds >= seconds_for(1.645)


def test_the_plan_says_what_an_open_verdict_says_it_still_needs():
    counts = steady(scrapes=12, per_scrape=60)
    totals = counts.baseline
    counted_traffic = Traffic(
        upper_bounds_seconds=counts.upper_bounds_seconds,
        bucket_counts=totals.bucket_counts.sum(axis=0),
        error_count=0.0,
        requests_per_second=8.0,
        canary_share_fraction=0.5,
        scrape_interval_seconds=15.0,
    )

    judged = judge_latency(counts)

    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.requests_needed == pytest.approx(
        plan_latency(counted_traffic, RULES).decisions[0].request_count, rel=0.02
    )


@pytest.mark.parametrize("own_sd", [0.0, 0.06], ids=["independent requests", "noise of a history"])
def test_nine_of_ten_canaries_of_the_planned_length_decide(own_sd):
    counted = simulated(0, per_scrape=300)
    history = noise(latency=2 * own_sd**2 * SCRAPE_SECONDS) if own_sd else None  # of two arms, each interval anew
    counted_traffic = Traffic(
        upper_bounds_seconds=counted.upper_bounds_seconds,
        bucket_counts=counted.baseline.bucket_counts.sum(axis=0),
        error_count=0.0,
        requests_per_second=40.0,
        canary_share_fraction=0.5,
        scrape_interval_seconds=15.0,
    )
    unchanged = plan_latency(counted_traffic, RULES, noise=history, is_pooled=True).decisions[0]

    scrapes = math.ceil(known(unchanged.seconds) / 15)
    canaries = [simulated(seed, scrapes=scrapes, per_scrape=300, own_sd=own_sd) for seed in range(1000, 1060)]
    verdicts = [judge_latency(counts, history=history).verdict for counts in canaries]

    assert (known(unchanged.noise_seconds) > 0) is (own_sd > 0)
    assert 0.82 <= verdicts.count(Verdict.PASS) / len(verdicts) <= 0.98
