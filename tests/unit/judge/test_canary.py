from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.canary import judge_canary
from reliability.judge.error_rate import ErrorJudgement
from reliability.judge.latency import LatencyJudgement
from reliability.verdicts import Verdict

LATENCY = LatencyJudgement(
    reason="inside-budget",
    margin_fraction=0.10,
    baseline_request_count=1000,
    canary_request_count=900,
    increase_fraction=0.03,
    deciding_upper_fraction=0.05,
    deciding_lower_fraction=0.01,
    fail_p_value=0.9,
)
SLOW = replace(
    LATENCY, reason="over-budget", deciding_lower_fraction=0.12, deciding_upper_fraction=0.3, fail_p_value=0.001
)
OPEN_LATENCY = replace(LATENCY, reason="not-enough-evidence", deciding_upper_fraction=0.2, requests_needed=3000)
NO_LATENCY = LatencyJudgement(reason="no-traffic-canary", margin_fraction=0.10, baseline_request_count=1000)
ERRORS = ErrorJudgement(
    reason="inside-budget",
    margin_absolute_fraction=0.005,
    margin_relative_fraction=0.5,
    baseline_request_count=1000,
    canary_request_count=900,
    baseline_fraction=0.001,
    canary_fraction=0.001,
    deciding_upper_fraction=0.002,
    deciding_lower_fraction=-0.002,
    fail_p_value=0.95,
)
FAILING = replace(
    ERRORS, reason="over-budget", deciding_lower_fraction=0.01, deciding_upper_fraction=0.03, fail_p_value=0.001
)
OPEN_ERRORS = replace(ERRORS, reason="not-enough-evidence", deciding_upper_fraction=0.01, requests_needed=5000)
NO_ERRORS = replace(
    ErrorJudgement(reason="no-traffic-canary", margin_absolute_fraction=0.005, margin_relative_fraction=0.5),
    baseline_request_count=1000,
)

latencies = st.sampled_from([LATENCY, SLOW, OPEN_LATENCY, NO_LATENCY])
errors = st.sampled_from([ERRORS, FAILING, OPEN_ERRORS, NO_ERRORS])
gaps = st.one_of(st.none(), st.floats(0, 1))
warnings = st.lists(st.text(min_size=1), max_size=2)


# Laws


@given(latency=latencies, errors=errors, texts=warnings, gap=gaps)
def test_a_pass_needs_both_measures_and_data_that_can_be_trusted(latency, errors, texts, gap):
    judged = judge_canary(latency, errors, warnings=texts, missing_scrapes_fraction=gap)

    wanted = latency is LATENCY and errors is ERRORS and not texts and (gap is None or gap <= 0.20)
    assert (judged.verdict is Verdict.PASS) == wanted


@given(latency=latencies, errors=errors, gap=gaps)
def test_a_warning_of_the_server_leaves_nothing_decided(latency, errors, gap):
    judged = judge_canary(latency, errors, warnings=["partial response"], missing_scrapes_fraction=gap)

    assert judged.verdict in {Verdict.INCONCLUSIVE, Verdict.NO_DATA}
    if judged.verdict is Verdict.INCONCLUSIVE:
        assert judged.reason == "server-warning"


@given(latency=latencies, errors=errors, texts=warnings, gap=gaps)
def test_every_check_is_there_and_the_reason_is_a_word(latency, errors, texts, gap):
    judged = judge_canary(latency, errors, warnings=texts, missing_scrapes_fraction=gap)

    assert [check.id for check in judged.checks] == ["traffic", "scrapes", "warnings", "latency", "errors"]
    assert judged.reason
    assert judged.reason != "nothing-checked"


# The fold


@pytest.mark.parametrize(
    ("latency", "errors", "verdict", "reason"),
    [
        (LATENCY, ERRORS, Verdict.PASS, "inside-budget"),
        (SLOW, ERRORS, Verdict.FAIL, "over-budget-latency"),
        (LATENCY, FAILING, Verdict.FAIL, "over-budget-errors"),
        (SLOW, FAILING, Verdict.FAIL, "over-budget-both"),
        (SLOW, OPEN_ERRORS, Verdict.FAIL, "over-budget-latency"),
        (SLOW, NO_ERRORS, Verdict.FAIL, "over-budget-latency"),
        (replace(SLOW, reason="over-budget-late"), ERRORS, Verdict.FAIL, "over-budget-late"),
        (OPEN_LATENCY, ERRORS, Verdict.INCONCLUSIVE, "not-enough-evidence"),
        (LATENCY, OPEN_ERRORS, Verdict.INCONCLUSIVE, "not-enough-evidence"),
        (LATENCY, NO_ERRORS, Verdict.NO_DATA, "no-traffic-canary"),
        (NO_LATENCY, NO_ERRORS, Verdict.NO_DATA, "no-traffic-canary"),
        (replace(OPEN_LATENCY, reason="buckets-too-coarse"), OPEN_ERRORS, Verdict.INCONCLUSIVE, "buckets-too-coarse"),
        (OPEN_LATENCY, replace(OPEN_ERRORS, reason="too-few-scrapes"), Verdict.INCONCLUSIVE, "too-few-scrapes"),
    ],
)
def test_two_measures_fold_into_one_verdict(latency, errors, verdict, reason):
    judged = judge_canary(latency, errors)

    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_more_than_a_fifth_of_the_scrapes_missing_leaves_nothing_decided():
    assert judge_canary(LATENCY, ERRORS, missing_scrapes_fraction=0.20).verdict is Verdict.PASS
    for latency in (LATENCY, SLOW):
        judged = judge_canary(latency, ERRORS, missing_scrapes_fraction=0.21)
        assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "data-gap")


def test_a_single_fail_must_stand_after_the_correction_for_two_looks():
    barely = replace(SLOW, fail_p_value=0.02)

    judged = judge_canary(barely, ERRORS)

    assert barely.verdict is Verdict.FAIL
    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "not-enough-evidence")
    assert judged.check("latency").verdict is Verdict.INCONCLUSIVE


def test_one_fail_that_stands_lets_the_other_stand_at_the_full_level():
    judged = judge_canary(SLOW, replace(FAILING, fail_p_value=0.02))

    assert judged.reason == "over-budget-both"


def test_the_checks_carry_numbers_for_the_page():
    judged = judge_canary(
        OPEN_LATENCY,
        ERRORS,
        warnings=["w"],
        missing_scrapes_fraction=0.1,
        used_scrape_count=90,
        expected_scrape_count=100,
    )

    assert judged.check("traffic").values == {"baseline_count": 1000, "canary_count": 900, "needed_count": 3000}
    assert judged.check("scrapes").values == {"missing_fraction": 0.1, "used_count": 90, "expected_count": 100}
    assert judged.check("warnings").values == {"count": 1}
    assert judged.check("latency").values["deciding_fraction"] == 0.2
    assert judged.check("errors").values["allowed_difference_fraction"] == 0.005


def test_an_arm_without_traffic_shows_in_the_traffic_check():
    assert judge_canary(NO_LATENCY, NO_ERRORS).check("traffic").verdict is Verdict.NO_DATA


def test_too_few_slow_requests_show_in_the_traffic_check():
    judged = judge_canary(replace(OPEN_LATENCY, reason="too-few-requests"), ERRORS)

    assert judged.check("traffic").verdict is Verdict.INCONCLUSIVE
    assert judged.reason == "too-few-requests"


# Cautions


@pytest.mark.parametrize(
    ("latency", "cautions"),
    [
        (LATENCY, ()),
        (replace(LATENCY, deciding_upper_fraction=0.095), ("little-room",)),
        (replace(LATENCY, mean_lower_fraction=0.15), ("mean-over-budget",)),
        (replace(LATENCY, settling_seconds=120.0), ("late-ramp",)),
        (replace(SLOW, mean_lower_fraction=0.15), ()),
    ],
)
def test_cautions_leave_a_pass_a_pass(latency, cautions):
    judged = judge_canary(latency, ERRORS)

    assert judged.cautions == cautions
    assert judged.verdict is latency.verdict
