"""Phase judge: own tests and coverage gate, the phase's conditions only answer."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.check import Judgement, reason_of
from reliability.judge.phase import CoverageJudgement, judge_conditions, judge_coverage, judge_phase, may_tighten
from reliability.judge.ratchet import RatchetDecision
from reliability.judge.ratchet_facts import Reason
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


def decided(*codes: str) -> RatchetDecision:
    return RatchetDecision(
        reasons=tuple(Reason(code=code, values={}) for code in codes), from_percent=None, to_percent=None
    )


@pytest.mark.parametrize("code", ["stale-evidence", "stale-source", "dirty-tree"])
@pytest.mark.parametrize(("broken", "percent"), [(0, 99), (1, 99), (0, 10)])
def test_evidence_that_is_not_trusted_neither_passes_nor_fails_anything(code: str, broken: int, percent: int) -> None:
    judged = judge_phase(
        passed_count=9, broken_count=broken, coverage=coverage(percent), decision=decided(code, "tests-failed")
    )

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, code)


@pytest.mark.parametrize("code", ["file-set", "test-files-in-source", "run-incomplete", "suite-not-run"])
def test_a_run_that_is_not_whole_is_no_pass_but_can_fail(code: str) -> None:
    good = judge_phase(passed_count=9, broken_count=0, coverage=coverage(99), decision=decided(code))
    bad = judge_phase(passed_count=9, broken_count=1, coverage=coverage(99), decision=decided(code))

    assert (good.verdict, good.reason) == (Verdict.INCONCLUSIVE, code)
    assert (bad.verdict, bad.reason) == (Verdict.FAIL, "tests-failed")


def test_an_absent_suite_leaves_the_combined_figure_undecided_and_not_without_data() -> None:
    judged = judge_phase(passed_count=9, broken_count=0, coverage=coverage(None), decision=decided("suite-not-run"))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "suite-not-run")
    assert judged.check("floor").reason == "combined-not-measured"


@pytest.mark.parametrize("code", ["not-higher", "unstable", "at-goal", "no-threshold", "definition-changed"])
def test_what_only_holds_the_floor_back_lets_a_release_go_out(code: str) -> None:
    judged = judge_phase(passed_count=9, broken_count=0, coverage=coverage(86), decision=decided(code))

    assert (judged.verdict, judged.reason) == (Verdict.PASS, "goal-reached")


def conditions(*codes: str, percent: int | None = 86, **changed: Any) -> dict[str, bool]:
    found: dict[str, Any] = {
        "requirements": {"locks": (2, 2), "other": (1, 1)},
        "risks": [True, True],
        "module_goals": [True],
        "tasks": [True],
    }
    judged = judge_conditions(coverage=coverage(percent), decision=decided(*codes), **(found | changed))
    return {condition.id: condition.is_met for condition in judged}


def test_every_condition_can_be_met_and_requirements_count_by_component() -> None:
    met = conditions("unstable")

    assert list(met) == [
        "evidence", "suites", "goal", "requirements-locks", "requirements-other", "risks", "module-goals", "tasks",
    ]  # fmt: skip
    assert may_tighten(met.values())


@pytest.mark.parametrize(
    ("codes", "changed", "is_open"),
    [
        (["no-manifest"], {}, {"evidence", "suites"}),
        (["dirty-tree"], {}, {"evidence"}),
        (["file-set"], {}, {"evidence"}),
        (["suite-not-run"], {}, {"suites"}),
        (["fewer-tests"], {}, {"suites"}),
        (["no-data"], {"percent": None}, {"evidence", "suites", "goal"}),
        (["below-goal"], {"percent": 84}, {"goal"}),
        ([], {"requirements": {"locks": (1, 2)}}, {"requirements-locks"}),
        ([], {"risks": [True, False]}, {"risks"}),
        ([], {"module_goals": [False], "tasks": [False]}, {"module-goals", "tasks"}),
    ],
)
def test_each_condition_is_open_for_its_own_cause(codes: list[str], changed: dict[str, Any], is_open: set[str]) -> None:
    assert {name for name, met in conditions(*codes, **changed).items() if not met} == is_open


def test_a_phase_without_risks_goals_and_tasks_has_no_such_conditions() -> None:
    assert list(conditions(requirements={}, risks=[], module_goals=[], tasks=[])) == ["evidence", "suites", "goal"]


def test_the_goal_is_the_first_above_the_floor_in_force() -> None:
    raised = judge_coverage(Fraction(91, 100), goals=[Fraction(85, 100), Fraction(90, 100)], floor=Fraction(85, 100))
    at_last = judge_coverage(Fraction(91, 100), goals=[Fraction(90, 100)], floor=Fraction(90, 100))
    nothing: Any = {"decision": decided(), "requirements": {}, "risks": [], "module_goals": [], "tasks": []}

    goals = [judge_conditions(coverage=found, **nothing)[2] for found in (raised, at_last)]

    assert [goal.values["goal_fraction"] for goal in goals] == [Fraction(90, 100), None]
    assert all(goal.is_met for goal in goals)
