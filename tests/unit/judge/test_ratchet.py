from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.ratchet import ACTION_BY_CODE, WITHOUT_MANIFEST, Action, judge_ratchet
from reliability.judge.ratchet_facts import HiddenThreshold, RatchetFacts, Reason, SuiteFacts
from reliability.verdicts import Verdict

GREEN = SuiteFacts(
    name="unit",
    has_run=True,
    exit_code=0,
    has_counts=True,
    collected_count=50,
    passed_count=48,
    broken_count=0,
    skipped_count=2,
    outside_count=0,
    ended_count=50,
    accepted_passed_count=48,
)


def facts(*percents, **changed):
    """Return the facts of a green run; `percents` are the accepted runs, this one last."""
    recent = tuple(Fraction(str(percent)) / 100 for percent in percents or (41, 41, 41))
    usual = RatchetFacts(
        distrust=(),
        suites=(GREEN,),
        measured_fraction=recent[-1],
        unmeasured_paths=(),
        test_like_paths=(),
        changed_tool=None,
        regressed_globs=(),
        unreadable_names=(),
        recent_fractions=recent,
        threshold_percent=Decimal(35),
        hidden_threshold=None,
        floor_percent=Decimal(30),
        goals_percent=(Decimal(35), Decimal(40)),
        step_points=Decimal(1),
        stable_runs=3,
    )
    return replace(usual, **changed)


@pytest.mark.parametrize(
    ("percents", "to"),
    [
        pytest.param((38.2, 37.4, 39), "37", id="the lowest of the last three, rounded down to the step"),
        pytest.param((10, 38, 38, 38), "38", id="only the last three"),
        pytest.param((41, 45, 60), "40", id="never above the last goal"),
        pytest.param((36, 36, 36), "36", id="exactly the step"),
    ],
)
def test_a_green_run_raises_to_what_the_last_three_runs_hold(percents, to):
    decision = judge_ratchet(facts(*percents))

    assert (decision.action, decision.from_percent, decision.to_percent) == (Action.RAISE, Decimal(35), Decimal(to))
    assert decision.floor_verdict is Verdict.PASS


def test_a_goal_between_two_steps_is_a_step_too():
    decision = judge_ratchet(facts(38, 38, 38, step_points=Decimal(5), goals_percent=(Decimal("37.5"), Decimal(40))))

    assert decision.to_percent == Decimal("37.5")


def test_half_a_point_may_be_a_step():
    assert judge_ratchet(facts(36.9, 36.9, 36.9, step_points=Decimal("0.5"))).to_percent == Decimal("36.5")


PERCENTS = st.fractions(min_value=0, max_value=1, max_denominator=2000)


@given(
    recent=st.lists(PERCENTS, min_size=1, max_size=6),
    threshold=st.decimals(0, 100, places=1),
    goal=st.decimals(1, 100, places=1),
    step=st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(3)]),
)
def test_a_raise_goes_up_and_never_past_a_deciding_run_or_the_goal(recent, threshold, goal, step):
    asked = facts(
        threshold_percent=threshold, goals_percent=(goal,), step_points=step, recent_fractions=tuple(recent),
        measured_fraction=recent[-1], floor_percent=Decimal(0),
    )  # fmt: skip

    decision = judge_ratchet(asked)

    assert (decision.action is Action.RAISE) == (decision.to_percent is not None) == (not decision.reasons)
    if decision.to_percent is not None:
        assert threshold < decision.to_percent <= goal
        assert len(recent) >= 3
        assert all(Fraction(decision.to_percent) <= 100 * share for share in recent[-3:])


REASONS: dict[str, dict[str, Any]] = {
    "stale-evidence": {"distrust": (Reason(code="stale-evidence", values={"values": ["junit-unit.xml"]}),)},
    "stale-source": {"distrust": (Reason(code="stale-source", values={"values": ["a.py"]}),)},
    "dirty-tree": {"distrust": (Reason(code="dirty-tree", values={}),)},
    "tests-failed": {"suites": (replace(GREEN, exit_code=1, broken_count=1, passed_count=48, skipped_count=1),)},
    "run-incomplete": {"suites": (replace(GREEN, exit_code=2, has_counts=False),)},
    "suite-not-run": {"suites": (replace(GREEN, has_run=False, exit_code=None, has_counts=False),)},
    "fewer-tests": {"suites": (replace(GREEN, accepted_passed_count=49),)},
    "no-data": {"measured_fraction": None},
    "file-set": {"unmeasured_paths": ("a.py",)},
    "test-files-in-source": {"test_like_paths": ("src/test_a.py",)},
    "definition-changed": {"changed_tool": ("coverage 7.6.1", "coverage 7.6.3")},
    "module-goal": {"regressed_globs": ("breaker.py",)},
    "unreadable-record": {"unreadable_names": ("x.json",)},
    "threshold-conflict": {"hidden_threshold": HiddenThreshold(percent=Decimal(90), file="pyproject.toml", line=3)},
    "no-threshold": {"threshold_percent": None},
    "at-goal": {"threshold_percent": Decimal(40)},
}


@pytest.mark.parametrize("code", REASONS)
def test_one_thing_wrong_is_one_reason_and_no_raise(code):
    decision = judge_ratchet(facts(**REASONS[code]))

    assert decision.codes == (code,)
    assert decision.action is ACTION_BY_CODE[code] is not Action.RAISE
    assert decision.to_percent is None


def test_everything_wrong_at_once_is_all_listed():
    together = {name: value for code in ("stale-source", "tests-failed", "file-set", "definition-changed")
                for name, value in REASONS[code].items()}  # fmt: skip

    decision = judge_ratchet(facts(34, 34, 34, **together))

    assert decision.codes == (
        "stale-source", "tests-failed", "file-set", "definition-changed", "below-floor", "below-goal",
    )  # fmt: skip
    assert decision.action is Action.REFUSE


@pytest.mark.parametrize(
    ("percents", "threshold", "codes"),
    [
        pytest.param((34.6,) * 3, "34", ("below-goal",), id="34.6 is not 35"),
        pytest.param((34.999,) * 3, "34", ("below-goal",), id="34.999 is not 35"),
        pytest.param((34.6,) * 3, "35", ("below-floor", "below-goal"), id="and not the 35 in force either"),
        pytest.param((35.9,) * 3, "35", ("not-higher",), id="not a whole step"),
        pytest.param((36, 36), "35", ("unstable",), id="only two runs"),
        pytest.param((36, 35.9, 36), "35", ("unstable",), id="one of three below"),
        pytest.param((50,) * 3, "45", ("at-goal",), id="above the last goal already"),
    ],
)
def test_a_value_that_does_not_reach_the_next_step_says_what_is_missing(percents, threshold, codes):
    assert judge_ratchet(facts(*percents, threshold_percent=Decimal(threshold))).codes == codes


def test_the_phases_own_floor_holds_where_no_threshold_does():
    decision = judge_ratchet(facts(29, 29, 29, threshold_percent=None))

    assert decision.codes == ("no-threshold", "below-floor")
    assert decision.floor_verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("suite", "codes"),
    [
        pytest.param({"exit_code": 5, "has_counts": False}, ("run-incomplete",), id="nothing collected"),
        pytest.param({"exit_code": -9, "has_counts": False}, ("run-incomplete",), id="killed"),
        pytest.param({"exit_code": None}, ("run-incomplete",), id="exit status not known"),
        pytest.param({"exit_code": 1}, ("run-incomplete",), id="status 1 that no failed test explains"),
        pytest.param({"broken_count": 1}, ("tests-failed",), id="a failure hidden by status 0"),
        pytest.param({"collected_count": 51}, ("run-incomplete",), id="a test that never ended"),
        pytest.param(
            {"passed_count": 0, "skipped_count": 50, "accepted_passed_count": None},
            ("suite-not-run",),
            id="all skipped",
        ),
        pytest.param({"outside_count": 1}, ("suite-not-run",), id="a service was absent"),
        pytest.param({"accepted_passed_count": None, "collected_count": None}, (), id="the first run"),
    ],
)
def test_a_suite_counts_only_when_it_ran_whole_and_green(suite, codes):
    assert judge_ratchet(facts(suites=(replace(GREEN, **suite),))).codes == codes


def test_a_run_that_left_no_figure_is_not_called_empty_as_well():
    decision = judge_ratchet(facts(measured_fraction=None, **REASONS["run-incomplete"]))

    assert decision.codes == ("run-incomplete",)
    assert decision.action is Action.HOLD


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("stale-evidence", Verdict.INCONCLUSIVE),
        ("dirty-tree", Verdict.INCONCLUSIVE),
        ("run-incomplete", Verdict.INCONCLUSIVE),
        ("suite-not-run", Verdict.INCONCLUSIVE),
        ("file-set", Verdict.INCONCLUSIVE),
        ("tests-failed", Verdict.FAIL),
        ("no-data", Verdict.NO_DATA),
        ("fewer-tests", Verdict.PASS),
        ("definition-changed", Verdict.PASS),
        ("at-goal", Verdict.PASS),
    ],
)
def test_the_floor_holds_only_on_trusted_evidence(code, verdict):
    assert judge_ratchet(facts(**REASONS[code])).floor_verdict is verdict


def test_local_changes_alone_leave_the_local_floor_as_it_is_and_allow_no_raise():
    clean = judge_ratchet(facts(**REASONS["dirty-tree"]))
    stale = judge_ratchet(facts(**REASONS["stale-evidence"]))
    red = judge_ratchet(facts(**REASONS["dirty-tree"], **REASONS["tests-failed"]))

    assert (clean.floor_verdict, clean.local_floor_verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    assert clean.action is Action.REFUSE
    assert stale.local_floor_verdict is Verdict.INCONCLUSIVE
    assert red.local_floor_verdict is Verdict.FAIL


def test_stale_evidence_of_a_failure_is_not_believed_either():
    decision = judge_ratchet(facts(**REASONS["tests-failed"], **REASONS["stale-evidence"]))

    assert decision.floor_verdict is Verdict.INCONCLUSIVE


def test_without_a_manifest_nothing_is_raised():
    assert (WITHOUT_MANIFEST.action, WITHOUT_MANIFEST.codes) == (Action.HOLD, ("no-manifest",))
    assert WITHOUT_MANIFEST.floor_verdict is Verdict.NO_DATA


def test_a_shown_share_is_rounded_down():
    reason = judge_ratchet(facts(34.999, threshold_percent=Decimal(34))).reasons[0]

    assert reason.values == {"shown_fraction": 0.3499, "goal_fraction": 0.35}
