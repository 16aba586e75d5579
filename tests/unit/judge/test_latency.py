import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.counts import PairedCounts
from reliability.judge.latency import LatencyJudgement, judge_latency
from reliability.judge.latency_evidence import LatencyRules, latency_evidence
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import COARSE_BOUNDS, FINE_BOUNDS, arm, known, paired, simulated, steady


def evidence_of(counts):
    rules = LatencyRules(margin_fraction=0.10, alpha_fail=0.025, alpha_pass=0.05, slower_share=0.05, policy="guard")
    return known(latency_evidence(counts, rules))


def cases():
    return st.builds(
        simulated,
        st.integers(0, 10**6),
        increase=st.floats(-0.2, 0.6),
        scrapes=st.sampled_from([12, 40]),
        per_scrape=st.sampled_from([20, 200]),
        ratio=st.sampled_from([1.0, 4.0]),
        bounds=st.sampled_from([FINE_BOUNDS, COARSE_BOUNDS]),
        own_sd=st.sampled_from([0.0, 0.05]),
    )


# Laws


@given(counts=cases(), factor=st.floats(1e-3, 1e3))
@settings(max_examples=15)
def test_the_unit_of_time_changes_no_ratio_and_no_verdict(counts, factor):
    scaled = replace(counts, upper_bounds_seconds=counts.upper_bounds_seconds * factor)

    plain, other = judge_latency(counts), judge_latency(scaled)

    assert other.verdict is plain.verdict
    assert other.increase_fraction == pytest.approx(plain.increase_fraction, rel=1e-6, abs=1e-6)
    limits = (
        [one.deciding_lower_fraction for one in (plain, other)],
        [one.deciding_upper_fraction for one in (plain, other)],
    )
    for ours, theirs in limits:
        assert theirs == (None if ours is None else pytest.approx(ours, rel=1e-5, abs=1e-5))


@given(counts=cases())
@settings(max_examples=20)
def test_the_likely_range_holds_the_estimate_and_lies_around_the_deciding_limits(counts):
    judged = judge_latency(counts)

    low, high = judged.increase_interval or (-math.inf, math.inf)
    lower, upper = judged.deciding_lower_fraction, judged.deciding_upper_fraction
    assert low <= known(judged.increase_fraction) <= high
    assert (-math.inf if lower is None else lower) <= (math.inf if upper is None else upper)


@given(counts=cases())
@settings(max_examples=20)
def test_the_deciding_limits_say_what_the_p_values_say(counts):
    fine = counts if counts.upper_bounds_seconds.size > 20 else simulated(0, scrapes=40)

    evidence, judged = evidence_of(fine), judge_latency(fine)

    test = known(evidence.test)
    assert (judged.verdict is Verdict.FAIL) == (evidence.is_enough and test.p_above(1.10) <= 0.025)
    assert (judged.verdict is Verdict.PASS) == (evidence.may_pass and test.p_below(1.10) <= 0.05)


@given(counts=cases())
@settings(max_examples=15)
def test_the_guard_only_takes_decisions_away(counts):
    test, judged = known(evidence_of(counts).test), judge_latency(counts)

    may_pass, may_fail = test.p_below(1.10) <= 0.05, test.p_above(1.10) <= 0.025
    assert judged.verdict in {
        Verdict.INCONCLUSIVE, *([Verdict.PASS] if may_pass else []), *([Verdict.FAIL] if may_fail else [])
    }  # fmt: skip


@given(counts=cases(), ratio=st.floats(0.8, 1.3))
@settings(max_examples=10)
def test_swapping_the_arms_mirrors_the_p_values(counts, ratio):
    swapped = replace(counts, baseline=counts.canary, canary=counts.baseline)

    forth, back = evidence_of(counts).test, evidence_of(swapped).test

    assert forth is not None
    assert back is not None
    assert back.ratio == pytest.approx(1 / forth.ratio)
    assert back.p_above(1 / ratio) == pytest.approx(forth.p_below(ratio), rel=1e-4, abs=1e-9)


@given(counts=cases())
@settings(max_examples=15)
def test_an_interval_is_given_whatever_the_verdict_or_its_absence_has_a_reason(counts):
    judged = judge_latency(counts)

    assert (judged.increase_interval is None) == (judged.no_interval_reason is not None)
    assert judged.increase_interval is not None or judged.verdict is Verdict.INCONCLUSIVE
    p_values = (judged.fail_p_value, judged.pass_p_value)
    assert p_values == (None, None) or sum(map(known, p_values)) >= 0.99


@given(counts=cases())
@settings(max_examples=10)
def test_an_arm_compared_with_itself_never_fails(counts):
    judged = judge_latency(replace(counts, canary=counts.baseline))

    assert judged.verdict is not Verdict.FAIL
    assert judged.increase_fraction is None or abs(judged.increase_fraction) < 1e-6


@given(increase=st.floats(-0.3, 0.6), times=st.integers(2, 10))
@settings(max_examples=15)
def test_more_of_the_same_traffic_never_turns_a_decision_around(increase, times):
    once = steady(increase=increase, per_scrape=100)
    more = steady(increase=increase, per_scrape=100 * times)

    before, after = judge_latency(once).verdict, judge_latency(more).verdict

    assert before is after or before is Verdict.INCONCLUSIVE


@given(seed=st.integers(0, 10**6), increase=st.floats(-0.3, 0.1), wider=st.floats(1.0, 4.0))
@settings(max_examples=15)
def test_a_wider_margin_never_undoes_a_pass(seed, increase, wider):
    counts = simulated(seed, increase=increase, scrapes=40)
    narrow = known(judge_latency(counts).deciding_upper_fraction) + 1e-3

    verdicts = [judge_latency(counts, margin_fraction=abs(narrow) * part).verdict for part in (1.0, wider)]

    assert verdicts == [Verdict.PASS, Verdict.PASS]


@given(counts=cases())
@settings(max_examples=15)
def test_an_open_question_names_its_cure(counts):
    judged = judge_latency(counts)

    of_buckets, of_requests = {"buckets-too-coarse", "overflow-bucket"}, {"not-enough-evidence", "too-few-requests"}
    is_open, needed = judged.verdict is Verdict.INCONCLUSIVE, judged.requests_needed
    assert is_open == (judged.reason in of_buckets | of_requests)
    assert len(judged.suggested_bounds_seconds) == (8 if is_open and judged.guard_fraction != 0 else 0)
    assert needed is None or judged.reason in of_requests
    assert needed is None or needed > judged.canary_request_count * 0.9  # shared scrapes only are counted


def test_the_cases_of_these_laws_hold_every_verdict_and_every_guard():
    options = [(i, b, n) for i in (0.0, 0.1, 0.6) for b in (FINE_BOUNDS, COARSE_BOUNDS) for n in (20, 200)]
    judged = [judge_latency(simulated(1, increase=i, scrapes=40, bounds=b, per_scrape=n)) for i, b, n in options]

    assert {one.verdict for one in judged} == {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE}
    assert {one.reason for one in judged} >= {"not-enough-evidence", "buckets-too-coarse"}
    assert any(one.requests_needed for one in judged)


@given(
    rows=st.integers(1, 30),
    data=st.data(),
    bounds=st.sampled_from(
        [
            [np.inf],
            [0.0, np.inf],
            [0.0, 0.1, 0.2, np.inf],
            [0.1, np.inf],
            [0.1, 0.2, 0.5, np.inf],
            [0.1, 0.11, 0.12, 0.13, 0.14, np.inf],
        ]
    ),
)
@settings(max_examples=30)
def test_no_counts_make_the_judge_stumble_or_say_more_than_a_number(rows, data, bounds):
    cell = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 10**6))
    table = st.lists(st.lists(cell, min_size=len(bounds), max_size=len(bounds)), min_size=rows, max_size=rows)
    arms = [arm(data.draw(table), bounds=np.asarray(bounds)) for _ in range(2)]

    judged = judge_latency(paired(*arms, bounds=bounds))

    for field in fields(judged):
        value = getattr(judged, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            assert not isinstance(number, float) or math.isfinite(number), field.name
    if min(a.requests.sum() for a in arms) == 0:
        assert judged.verdict is Verdict.NO_DATA


# Size and power, by simulation with fixed seeds


def shares_of_verdicts(increase, *, runs=40, **options):
    verdicts = [judge_latency(simulated(seed, increase=increase, **options)).verdict for seed in range(runs)]
    return {verdict: verdicts.count(verdict) / runs for verdict in Verdict}


def test_a_canary_that_changes_nothing_passes():
    shares = shares_of_verdicts(0.0)

    assert shares[Verdict.PASS] >= 0.95
    assert shares[Verdict.FAIL] == 0


def test_a_canary_twenty_percent_slower_fails():
    shares = shares_of_verdicts(0.20)

    assert shares[Verdict.FAIL] >= 0.95
    assert shares[Verdict.PASS] == 0


def test_a_canary_on_the_margin_is_mostly_left_open():
    shares = shares_of_verdicts(0.10, runs=80)

    assert shares[Verdict.FAIL] <= 0.07
    assert shares[Verdict.PASS] <= 0.11


def test_the_likely_range_covers_the_truth():
    ranges = [known(judge_latency(simulated(seed, increase=0.10, own_sd=0.05)).increase_interval) for seed in range(80)]

    assert sum(low <= 0.10 <= high for low, high in ranges) >= 70  # 94.3 % of 300 runs


def test_noise_of_an_arm_widens_the_likely_range():
    calm = known(judge_latency(simulated(1, per_scrape=5000)).increase_interval)
    noisy = known(judge_latency(simulated(1, per_scrape=5000, own_sd=0.10)).increase_interval)

    assert noisy[1] - noisy[0] > 2 * (calm[1] - calm[0])


def test_a_change_of_the_traffic_split_does_not_pass_for_a_change_of_the_release():
    slow_half = np.where(np.arange(80) < 40, 1.0, 1.4)
    rng = np.random.default_rng(5)

    def drawn(rates):
        rows = [
            simulated(int(rng.integers(10**6)), scrapes=1, per_scrape=rate).canary.bucket_counts[0] for rate in rates
        ]
        return np.diff(np.column_stack([np.zeros(len(rows)), rows]), axis=1)

    fast, slow = np.full(40, 900.0), np.full(40, 100.0)
    baseline, canary = drawn(np.append(fast, slow)), drawn(np.append(slow, fast))
    shift = (slow_half > 1).astype(int) * 4  # the second half is 1.1 ** 4 slower for both arms
    moved = [np.array([np.roll(row, s) for row, s in zip(rows, shift, strict=True)]) for rows in (baseline, canary)]

    judged = judge_latency(paired(arm(moved[0]), arm(moved[1])))

    assert judged.verdict is Verdict.PASS
    assert abs(known(judged.increase_fraction)) < 0.05


# Examples


def test_nothing_measured_is_not_a_pass():
    nothing = np.zeros((20, FINE_BOUNDS.size))
    something = steady(scrapes=20).baseline

    assert judge_latency(paired(arm(nothing), arm(nothing))).reason == "no-traffic"
    assert judge_latency(paired(something, arm(nothing))).reason == "no-traffic-canary"
    assert judge_latency(paired(arm(nothing), something)).reason == "no-traffic-baseline"
    assert judge_latency(paired(arm(nothing), arm(nothing))).verdict is Verdict.NO_DATA


def test_no_scrape_at_all_is_no_data():
    empty = arm(np.zeros((0, FINE_BOUNDS.size)))

    judged = judge_latency(paired(empty, empty))

    assert judged.verdict is Verdict.NO_DATA


def test_a_clear_case_of_each_verdict():
    assert judge_latency(steady()).reason == "inside-budget"
    assert judge_latency(steady(increase=0.25)).reason == "over-budget"
    assert judge_latency(simulated(4, increase=0.08, scrapes=20)).reason == "not-enough-evidence"


def test_seven_scrapes_are_too_few():
    judged = judge_latency(steady(scrapes=7))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "too-few-scrapes")
    assert judged.canary_seconds == pytest.approx(0.188, rel=0.02)


def test_arms_that_never_serve_at_the_same_time_cannot_be_compared():
    rows = steady(scrapes=20).baseline.bucket_counts
    rows = np.diff(np.column_stack([np.zeros(20), rows]), axis=1)
    early = (np.arange(20) < 10)[:, None]

    judged = judge_latency(paired(arm(rows * early), arm(rows * ~early)))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "too-few-scrapes")


def test_scrapes_in_which_one_arm_rests_are_left_out():
    counts = simulated(4, increase=0.25)
    rests = (np.arange(120) % 2 == 0)[:, None]
    rows = np.diff(np.column_stack([np.zeros(120), counts.canary.bucket_counts]), axis=1)

    judged = judge_latency(replace(counts, canary=arm(rows * rests)))

    assert judged.scrape_count == 60
    assert judged.verdict is Verdict.FAIL


def test_fewer_than_twenty_slow_requests_decide_nothing():
    judged = judge_latency(simulated(5, scrapes=19, per_scrape=10))

    assert judged.reason == "too-few-requests"
    assert judged.increase_interval is None
    assert known(judged.requests_needed) >= 200
    assert judged.minutes_needed == pytest.approx(known(judged.requests_needed) / 40, rel=0.2)


def test_a_pass_needs_forty_slow_requests_a_fail_twenty():
    fast = [judge_latency(steady(increase=-0.6, per_scrape=n, scrapes=40)) for n in (8, 12)]  # 32 and 48 slow ones
    failed = judge_latency(steady(increase=3.0, per_scrape=8, scrapes=40))

    assert [(one.verdict, one.reason) for one in fast] == [
        (Verdict.INCONCLUSIVE, "too-few-requests"), (Verdict.PASS, "inside-budget"),
    ]  # fmt: skip
    assert known(fast[0].requests_needed) >= 400
    assert failed.verdict is Verdict.FAIL


@given(bounds=st.sampled_from([[0.0, np.inf], [-1.0, 0.0, np.inf], [0.0, 0.1, np.inf], [0.0, 0.05, 0.1, 0.11, np.inf]]))
@settings(max_examples=4)
def test_a_bound_at_zero_tells_nothing(bounds):
    bounds = np.array(bounds)
    positive = np.append(False, bounds[1:] > 0)
    counts = steady(bounds=bounds[bounds > 0], increase=0.1)

    def with_zero(one):
        cumulative = np.zeros((40, bounds.size))
        cumulative[:, bounds > 0] = one.bucket_counts
        return replace(one, bucket_counts=cumulative)

    widened = replace(
        counts,
        upper_bounds_seconds=bounds,
        baseline=with_zero(counts.baseline),
        canary=with_zero(counts.canary),
    )

    assert positive.any()
    assert judge_latency(widened) == judge_latency(counts)


def test_a_handful_of_requests_per_scrape_is_merged():
    judged = judge_latency(simulated(6, scrapes=240, per_scrape=2, increase=1.0))

    assert 75 <= judged.scrape_count <= 80  # three scrapes make one interval
    assert judged.verdict is Verdict.FAIL


def test_the_requests_needed_are_about_those_of_the_plan():
    judged = judge_latency(simulated(7, scrapes=40, per_scrape=25))

    assert judged.reason == "not-enough-evidence"
    assert (
        2000 < known(judged.requests_needed) < 9000
    )  # 3032 for independent requests; noise estimated from few scrapes


def test_default_buckets_are_too_coarse_for_ten_percent():
    judged = judge_latency(simulated(8, bounds=COARSE_BOUNDS))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "buckets-too-coarse")
    assert judged.bucket_ratio == pytest.approx(2.5)
    assert judged.guard_fraction == pytest.approx(0.168, abs=0.001)
    assert any(0.17 < bound < 0.21 for bound in judged.suggested_bounds_seconds)


def test_default_buckets_see_a_canary_that_is_much_slower():
    judged = judge_latency(simulated(8, increase=0.8, bounds=COARSE_BOUNDS))

    assert judged.verdict is Verdict.FAIL


def test_the_first_bucket_is_too_coarse_for_anything():
    rows = np.tile([500.0, 0, 0, 0], (20, 1))
    bounds = np.array([0.1, 0.11, 0.12, np.inf])

    judged = judge_latency(paired(arm(rows, bounds=bounds), arm(rows, bounds=bounds), bounds=bounds))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "buckets-too-coarse")
    assert judged.guard_fraction is None
    assert judged.increase_interval is not None


def test_leaving_the_first_bucket_by_far_is_a_fail_without_any_curve():
    bounds = np.array([0.005, 0.01, 0.025, 0.05, 0.1, np.inf])
    fast, slow = np.tile([500.0, 0, 0, 0, 0, 0], (20, 1)), np.tile([0, 0, 0, 0, 500.0, 0], (20, 1))

    judged = judge_latency(paired(arm(fast, bounds=bounds), arm(slow, bounds=bounds), bounds=bounds))

    assert judged.verdict is Verdict.FAIL
    assert judged.deciding_lower_fraction == pytest.approx(0.05 / 0.005 - 1)


def test_a_p95_beyond_the_last_bound_is_not_judged():
    bounds = np.array([0.1, 0.11, np.inf])
    rows = np.tile([400.0, 50, 50], (20, 1))

    judged = judge_latency(paired(arm(rows, bounds=bounds), arm(rows, bounds=bounds), bounds=bounds))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "overflow-bucket")
    assert judged.canary_seconds is None
    assert judged.canary_bucket_seconds == (0.11, None)


def test_a_canary_in_the_last_bucket_fails_against_a_fast_baseline():
    bounds = np.array([0.1, 0.11, 1.0, 10.0, np.inf])
    fast, lost = np.tile([300.0, 200, 0, 0, 0], (20, 1)), np.tile([300.0, 100, 0, 0, 100], (20, 1))

    judged = judge_latency(paired(arm(fast, bounds=bounds), arm(lost, bounds=bounds), bounds=bounds))

    assert judged.verdict is Verdict.FAIL


def test_a_histogram_without_a_finite_bound_tells_nothing():
    rows = np.full((20, 1), 500.0)
    bounds = np.array([np.inf])

    judged = judge_latency(paired(arm(rows, bounds=[1.0, np.inf]), arm(rows, bounds=[1.0, np.inf]), bounds=bounds))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "overflow-bucket")
    assert judged.suggested_bounds_seconds == ()


def test_both_arms_in_one_narrow_bucket_pass():
    bounds = np.array([0.1, 0.109, 0.119, 0.13, np.inf])
    rows = np.tile([0, 500.0, 0, 0, 0], (20, 1))

    judged = judge_latency(paired(arm(rows, bounds=bounds), arm(rows, bounds=bounds), bounds=bounds))

    assert judged.verdict is Verdict.PASS
    assert judged.bounds_interval == pytest.approx((0.1 / 0.109 - 1, 0.109 / 0.1 - 1))


def test_the_strict_policy_trusts_counts_at_the_bounds_only():
    assert judge_latency(steady(per_scrape=5000), bucket_policy="strict").verdict is Verdict.INCONCLUSIVE
    assert judge_latency(steady(increase=0.5, per_scrape=5000), bucket_policy="strict").verdict is Verdict.FAIL
    assert judge_latency(steady(increase=-0.3, per_scrape=5000), bucket_policy="strict").verdict is Verdict.PASS


def test_a_canary_that_settles_late_is_judged_by_what_follows():
    settling = (np.arange(120) < 12)[:, None]

    def settles(seed):
        counts, slow = simulated(seed, per_scrape=800), simulated(seed, increase=1.5, per_scrape=800).canary
        cumulative = np.where(settling, slow.bucket_counts, counts.canary.bucket_counts)
        return judge_latency(replace(counts, canary=arm(np.diff(cumulative, axis=1, prepend=0.0))))

    judged = [settles(seed) for seed in range(8)]

    assert {one.verdict for one in judged} == {Verdict.PASS}
    assert min(one.settling_seconds for one in judged) == 180  # all of the slow start, by chance some more
    assert np.median([one.settling_seconds for one in judged]) <= 240


@pytest.mark.parametrize(("scrapes", "verdict"), [(240, Verdict.FAIL), (60, Verdict.INCONCLUSIVE)])
def test_a_canary_that_slows_down_at_the_end_fails_when_the_end_is_long_enough(scrapes, verdict):
    counts = simulated(10, per_scrape=400, scrapes=scrapes)
    slow = simulated(10, increase=0.25, per_scrape=400, scrapes=scrapes).canary
    late = (np.arange(scrapes) >= scrapes * 2 // 3)[:, None]
    cumulative = np.where(late, slow.bucket_counts, counts.canary.bucket_counts)
    rows = np.diff(np.column_stack([np.zeros(scrapes), cumulative]))

    judged = judge_latency(replace(counts, canary=arm(rows)))

    assert judged.verdict is verdict
    assert (judged.late_lower_fraction is not None) == (judged.reason == "over-budget-late")
    assert (judged.deciding_upper_fraction is None) == (judged.verdict is Verdict.FAIL)


def test_a_histogram_without_sums_has_no_mean():
    counts = simulated(11)
    silent = replace(counts.canary, latency_sum_seconds=np.full(120, np.nan))

    judged = judge_latency(replace(counts, canary=silent))

    assert judged.mean_increase_fraction is None
    assert judged.verdict is Verdict.PASS


def test_the_mean_is_compared_beside_the_p95():
    judged = judge_latency(simulated(12, increase=0.25))

    assert judged.mean_increase_fraction == pytest.approx(0.25, abs=0.03)
    assert known(judged.mean_lower_fraction) > 0.10


def test_the_deciding_limit_is_the_one_to_compare_with_the_margin():
    passed, failed = judge_latency(steady()), judge_latency(steady(increase=0.3))

    assert passed.deciding_limit_fraction == known(passed.deciding_upper_fraction) <= 0.10
    assert failed.deciding_limit_fraction == known(failed.deciding_lower_fraction) > 0.10


def test_without_counts_the_reason_stands_alone():
    judged = LatencyJudgement(reason="bounds-differ", margin_fraction=0.10)

    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged == LatencyJudgement(reason="bounds-differ", margin_fraction=0.10)


def test_the_inputs_are_left_as_they_were():
    counts = simulated(13, per_scrape=3)
    before = counts.canary.bucket_counts.copy()

    judge_latency(counts)

    assert isinstance(counts, PairedCounts)
    assert np.array_equal(before, counts.canary.bucket_counts)
