import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from reliability.judge.error_arms import error_score_test
from reliability.judge.error_rate import ErrorJudgement, judge_errors
from reliability.judge.intervals import shared_intervals
from reliability.judge.likeliest import difference_fractions, ratio_fractions
from reliability.judge.proportions import ErrorArm
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import known, with_errors

SCRAPES = 40


def steady(baseline_errors, canary_errors, *, requests=500, ratio=1.0):
    """Return two arms with the same number of errors in every scrape."""
    return with_errors(
        np.full(SCRAPES, float(baseline_errors)),
        np.full(SCRAPES, float(canary_errors)),
        baseline_requests=np.full(SCRAPES, requests * ratio),
        canary_requests=np.full(SCRAPES, float(requests)),
    )


def simulated(seed, *, baseline, canary, requests=500, noise_sd=0.0, ratio=1.0):
    rng = np.random.default_rng(seed)

    def drawn(fraction, mean):
        served = rng.poisson(mean, SCRAPES) + 1
        wave = np.exp(noise_sd * rng.standard_normal(SCRAPES) - noise_sd**2 / 2)
        return rng.binomial(served, np.minimum(fraction * wave, 1.0)), served

    (baseline_errors, baseline_served), (canary_errors, canary_served) = (
        drawn(baseline, requests * ratio),
        drawn(canary, requests),
    )
    return with_errors(baseline_errors, canary_errors, baseline_requests=baseline_served, canary_requests=canary_served)


def observed(errors, requests):
    return ErrorArm(fraction=errors / requests, effective_count=float(requests), relative_projections=np.zeros(5))


def log_likelihood(fraction, errors, requests):
    if fraction <= 0 or fraction >= 1:
        return 0.0 if errors == (0 if fraction <= 0 else requests) else -math.inf
    return errors * math.log(fraction) + (requests - errors) * math.log(1 - fraction)


cases = st.builds(
    simulated,
    st.integers(0, 10**6),
    baseline=st.sampled_from([0.0, 0.002, 0.02, 0.2]),
    canary=st.sampled_from([0.0, 0.002, 0.02, 0.04, 0.4]),
    requests=st.sampled_from([5, 50, 500]),
    noise_sd=st.sampled_from([0.0, 0.5]),
    ratio=st.sampled_from([1.0, 10.0]),
)
arms = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


# The likeliest fractions on the margin


@given(canary=arms, baseline=arms, difference=st.floats(-0.95, 0.95))
def test_fractions_at_a_difference_are_those_of_numerical_maximisation(canary, baseline, difference):
    found = difference_fractions(observed(*canary), observed(*baseline), difference=difference)

    def loss(fraction):
        return -log_likelihood(fraction + difference, *canary) - log_likelihood(fraction, *baseline)

    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    assert found[0] - found[1] == pytest.approx(difference, abs=1e-9)
    assert low <= found[1] <= high
    assert -loss(found[1]) >= -best.fun - 1e-6 * (1 + abs(best.fun))


@given(canary=arms, baseline=arms, ratio=st.floats(0.05, 20))
def test_fractions_at_a_ratio_are_those_of_numerical_maximisation(canary, baseline, ratio):
    found = ratio_fractions(observed(*canary), observed(*baseline), ratio=ratio)

    def loss(fraction):
        return -log_likelihood(ratio * fraction, *canary) - log_likelihood(fraction, *baseline)

    best = minimize_scalar(loss, bounds=(0, min(1.0, 1 / ratio)), method="bounded", options={"xatol": 1e-12})
    assert found[0] == pytest.approx(ratio * found[1], abs=1e-9)
    assert -loss(found[1]) >= -best.fun - 1e-6 * (1 + abs(best.fun))


@given(canary=arms, baseline=arms)
def test_no_difference_pools_the_arms(canary, baseline):
    pooled = (canary[0] + baseline[0]) / (canary[1] + baseline[1])

    assert difference_fractions(observed(*canary), observed(*baseline), difference=0.0)[1] == pytest.approx(
        pooled, abs=1e-9
    )
    assert ratio_fractions(observed(*canary), observed(*baseline), ratio=1.0)[1] == pytest.approx(pooled, abs=1e-9)


# Laws


@given(counts=cases)
@settings(max_examples=50)
def test_the_deciding_limits_say_what_the_p_values_say(counts):
    judged, test = judge_errors(counts), error_score_test(shared_intervals(counts, by_histogram=False))
    statistics = (test.difference_statistic(0.005), test.ratio_statistic(1.5))

    broken = max(test.p_above(s) for s in statistics) <= 0.025
    kept = min(test.p_above(-s) for s in statistics) <= 0.05

    assert (judged.verdict is Verdict.FAIL) == broken
    assert (judged.verdict is Verdict.PASS) == kept
    assert (known(judged.fail_p_value) <= 0.025, known(judged.pass_p_value) <= 0.05) == (broken, kept)


@given(counts=cases)
@settings(max_examples=50)
def test_the_likely_range_holds_the_difference(counts):
    judged = judge_errors(counts)

    low, high = judged.interval or (-1.0, 1.0)
    assert low <= known(judged.difference_fraction) <= high
    assert known(judged.allowed_fraction) == pytest.approx(
        max(known(judged.baseline_fraction) + 0.005, known(judged.baseline_fraction) * 1.5)
    )


@given(counts=cases)
@settings(max_examples=30)
def test_an_arm_compared_with_itself_never_fails(counts):
    same = with_errors(
        counts.baseline.errors,
        counts.baseline.errors,
        baseline_requests=counts.baseline.requests,
        canary_requests=counts.baseline.requests,
    )

    assert judge_errors(same).verdict is not Verdict.FAIL


@given(counts=cases)
@settings(max_examples=30)
def test_swapping_the_arms_mirrors_the_likely_range(counts):
    swapped = with_errors(
        counts.canary.errors,
        counts.baseline.errors,
        baseline_requests=counts.canary.requests,
        canary_requests=counts.baseline.requests,
    )

    interval = judge_errors(counts).interval

    assert judge_errors(swapped).interval == (interval and pytest.approx((-interval[1], -interval[0]), abs=1e-7))


@given(counts=cases)
@settings(max_examples=20)
def test_the_direction_of_time_does_not_matter(counts):
    backwards = with_errors(
        counts.baseline.errors[::-1],
        counts.canary.errors[::-1],
        baseline_requests=counts.baseline.requests[::-1],
        canary_requests=counts.canary.requests[::-1],
    )

    there, back = judge_errors(counts), judge_errors(backwards)

    assert back.verdict is there.verdict
    assert (back.fail_p_value, back.pass_p_value) == pytest.approx((there.fail_p_value, there.pass_p_value))


@given(errors=st.tuples(st.integers(0, 20), st.integers(0, 20)), times=st.integers(2, 20))
@example(errors=(0, 0), times=2)
@settings(max_examples=50)
def test_more_of_the_same_traffic_never_turns_a_decision_around(errors, times):
    before = judge_errors(steady(*errors)).verdict
    after = judge_errors(steady(*(times * count for count in errors), requests=500 * times)).verdict

    assert before is after or before is Verdict.INCONCLUSIVE


@given(
    data=st.data(),
    served=st.lists(st.integers(0, 50), min_size=0, max_size=30),
)
@settings(max_examples=60)
def test_no_counts_make_the_judge_stumble_or_say_more_than_a_number(data, served):
    def errors_of(requests):
        return [data.draw(st.integers(0, count)) for count in requests]

    other = data.draw(st.lists(st.integers(0, 50), min_size=len(served), max_size=len(served)))
    judged = judge_errors(
        with_errors(errors_of(served), errors_of(other), baseline_requests=served, canary_requests=other)
    )

    for field in fields(judged):
        value = getattr(judged, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            assert not isinstance(number, float) or math.isfinite(number), field.name
    assert (judged.verdict is Verdict.NO_DATA) == (min(sum(served), sum(other)) == 0)


# Size and power, by simulation with fixed seeds


def shares_of_verdicts(canary, *, runs=80, **options):
    verdicts = [judge_errors(simulated(s, baseline=0.005, canary=canary, **options)).verdict for s in range(runs)]
    return {verdict: verdicts.count(verdict) / runs for verdict in Verdict}


def test_a_canary_that_changes_nothing_passes():
    shares = shares_of_verdicts(0.005)

    assert shares[Verdict.PASS] >= 0.95
    assert shares[Verdict.FAIL] == 0


def test_a_canary_with_twice_the_allowed_rise_fails():
    shares = shares_of_verdicts(0.015)

    assert shares[Verdict.FAIL] >= 0.95
    assert shares[Verdict.PASS] == 0


@pytest.mark.parametrize("noise_sd", [0.0, 0.7])
def test_a_canary_on_the_margin_is_mostly_left_open(noise_sd):
    shares = shares_of_verdicts(0.010, runs=100, noise_sd=noise_sd)

    assert shares[Verdict.FAIL] <= 0.06
    assert shares[Verdict.PASS] <= 0.10


def test_errors_in_bursts_widen_the_likely_range():
    calm = known(judge_errors(simulated(3, baseline=0.01, canary=0.01, requests=5000)).interval)
    bursts = known(judge_errors(simulated(3, baseline=0.01, canary=0.01, requests=5000, noise_sd=1.0)).interval)

    assert bursts[1] - bursts[0] > 1.5 * (calm[1] - calm[0])


# Examples


def test_no_errors_at_all_pass_from_about_eight_hundred_requests_on():
    enough = with_errors(*[np.zeros(12)] * 2, baseline_requests=np.full(12, 68.0), canary_requests=np.full(12, 68.0))
    short = with_errors(*[np.zeros(12)] * 2, baseline_requests=np.full(12, 67.0), canary_requests=np.full(12, 67.0))

    assert judge_errors(enough).reason == "inside-budget"  # 816 requests; the rule asks for 812 with 5 cosines
    assert judge_errors(short).reason == "not-enough-evidence"  # 804
    assert judge_errors(short).requests_needed == 809  # 812 is for 2.015 rounded up to 2.02


def test_nothing_measured_is_not_a_pass():
    nothing, served = np.zeros(20), np.full(20, 100.0)

    def reason(baseline, canary):
        judged = judge_errors(with_errors(nothing, nothing, baseline_requests=baseline, canary_requests=canary))
        assert judged.verdict is Verdict.NO_DATA
        assert judged.baseline_fraction is None
        return judged.reason

    assert reason(nothing, nothing) == "no-traffic"
    assert reason(served, nothing) == "no-traffic-canary"
    assert reason(nothing, served) == "no-traffic-baseline"


def test_seven_scrapes_are_too_few():
    judged = judge_errors(
        with_errors(*[np.zeros(7)] * 2, baseline_requests=np.full(7, 1e4), canary_requests=np.full(7, 1e4))
    )

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "too-few-scrapes")
    assert judged.difference_fraction == 0


def test_a_clear_case_of_each_verdict():
    assert judge_errors(steady(2, 2)).reason == "inside-budget"
    assert judge_errors(steady(2, 20)).reason == "over-budget"
    assert judge_errors(steady(2, 5)).reason == "not-enough-evidence"


def test_errors_that_appear_where_there_were_none_fail():
    judged = judge_errors(steady(0, 10))

    assert judged.verdict is Verdict.FAIL
    assert judged.wider_margin == "absolute"


def test_a_bad_baseline_allows_the_relative_margin():
    judged = judge_errors(steady(100, 120, requests=1000))

    assert judged.wider_margin == "relative"
    assert judged.allowed_difference_fraction == pytest.approx(0.05)
    assert judged.verdict is Verdict.PASS


def test_an_open_question_names_the_requests_it_needs():
    judged = judge_errors(simulated(4, baseline=0.005, canary=0.005, requests=25))

    assert judged.verdict is Verdict.INCONCLUSIVE
    assert 3000 < known(judged.requests_needed) < 30_000
    assert known(judged.minutes_needed) == pytest.approx(known(judged.requests_needed) / 100, rel=0.1)
    assert known(judged.more_requests_needed) == known(judged.requests_needed) - judged.canary_request_count
    assert known(judged.more_minutes_needed) == pytest.approx(known(judged.more_requests_needed) / 100, rel=0.1)


def test_a_rise_right_on_the_margin_asks_for_no_number_of_requests():
    judged = judge_errors(steady(50, 100, requests=10_000))

    assert judged.reason == "not-enough-evidence"
    assert judged.requests_needed is None


def test_the_deciding_limit_is_the_one_to_compare_with_the_allowed_difference():
    passed, failed = judge_errors(steady(2, 2)), judge_errors(steady(2, 20))

    assert passed.deciding_limit_fraction == known(passed.deciding_upper_fraction) <= 0.005
    assert failed.deciding_limit_fraction == known(failed.deciding_lower_fraction) > 0.005


def test_more_errors_than_requests_count_as_all_failed():
    judged = judge_errors(steady(2, 600))

    assert judged.canary_fraction == pytest.approx(1.0)
    assert judged.verdict is Verdict.FAIL


def test_without_counts_the_reason_stands_alone():
    judged = ErrorJudgement(reason="no-traffic", margin_absolute_fraction=0.005, margin_relative_fraction=0.5)

    assert judged.verdict is Verdict.NO_DATA
    assert judged.allowed_difference_fraction == 0.005
    assert judged.allowed_fraction is None
