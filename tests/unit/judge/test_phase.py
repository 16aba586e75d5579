"""Phase judge: own tests and coverage gate, the phase's conditions only answer."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.check import Judgement, reason_of
from reliability.judge.phase import CoverageJudgement, judge_coverage, judge_phase, may_tighten
from reliability.verdicts import Verdict


def coverage(percent: int | None) -> CoverageJudgement:
    measured = None if percent is None else Fraction(percent, 100)
    return judge_coverage(measured, goals=[Fraction(85, 100), Fraction(90, 100)], floor=Fraction(80, 100))


def judge(*, passed: int = 10, broken: int = 0, percent: int | None = 86) -> Judgement:
    return judge_phase(passed_count=passed, broken_count=broken, coverage=coverage(percent))


@given(passed=st.integers(0, 5), broken=st.integers(0, 5), percent=st.none() | st.integers(0, 100))
def test_only_green_tests_at_or_above_the_floor_are_a_pass(passed: int, broken: int, percent: int | None) -> None:
    judged = judge(passed=passed, broken=broken, percent=percent)

    good = passed > 0 and broken == 0 and percent is not None and percent >= 80
    assert (judged.verdict is Verdict.PASS) == good


@pytest.mark.parametrize(
    ("passed", "broken", "percent", "verdict", "reason"),
    [
        (10, 0, 82, Verdict.PASS, "above-floor"),
        (10, 0, 86, Verdict.PASS, "goal-reached"),
        (10, 0, 90, Verdict.PASS, "last-goal-reached"),
        (10, 0, 79, Verdict.FAIL, "below-floor"),
        (10, 1, 95, Verdict.FAIL, "tests-failed"),
        (10, 1, 79, Verdict.FAIL, "tests-failed"),
        (0, 1, 79, Verdict.FAIL, "tests-failed"),
        (0, 0, 95, Verdict.NO_DATA, "no-test-passed"),
        (0, 0, 79, Verdict.FAIL, "below-floor"),
        (10, 0, None, Verdict.NO_DATA, "nothing-measured"),
    ],
)
def test_each_state_has_its_verdict_and_its_reason(
    passed: int, broken: int, percent: int | None, verdict: Verdict, reason: str
) -> None:
    judged = judge(passed=passed, broken=broken, percent=percent)

    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_an_unreadable_entry_of_the_record_is_a_caution() -> None:
    judged = judge_phase(passed_count=1, broken_count=0, coverage=coverage(86), unreadable_count=1)

    assert (judged.verdict, judged.cautions) == (Verdict.PASS, ("unreadable-record",))


@given(met=st.lists(st.booleans()))
def test_thresholds_are_tightened_only_when_every_condition_is_met(met: list[bool]) -> None:
    assert may_tighten(met) == (bool(met) and all(met))


def test_no_check_has_no_reason() -> None:
    assert reason_of([], Verdict.NO_DATA) == "nothing-checked"
