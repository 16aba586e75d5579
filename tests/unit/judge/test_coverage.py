"""Coverage judge: exact fractions, and nothing measured is not a hundred percent."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.phase import judge_coverage
from reliability.verdicts import Verdict

GOALS = (Fraction(35, 100), Fraction(40, 100))
shares = st.fractions(0, 1)


@given(measured=shares, floor=shares)
def test_only_at_or_above_the_floor_is_a_pass(measured: Fraction, floor: Fraction) -> None:
    judged = judge_coverage(measured, goals=GOALS, floor=floor)

    assert (judged.verdict is Verdict.PASS) == (measured >= floor)


@given(measured=shares, goals=st.lists(shares, min_size=1, unique=True))
def test_a_goal_is_reached_or_ahead_never_both(measured: Fraction, goals: list[Fraction]) -> None:
    judged = judge_coverage(measured, goals=goals, floor=Fraction(0))

    assert all(measured >= goal for goal in judged.reached_goals)
    if judged.next_goal_fraction is None:
        assert set(judged.reached_goals) == set(goals)
        assert judged.missing_points is None
    else:
        assert judged.next_goal_fraction == min(g for g in goals if g > measured)
        assert judged.missing_points == 100 * (judged.next_goal_fraction - measured)


@pytest.mark.parametrize("percent", ["34.5", "34.6", "34.999", "34.99999999999999999"])
def test_a_little_less_than_35_is_not_35(percent: str) -> None:
    judged = judge_coverage(Fraction(percent) / 100, goals=GOALS, floor=Fraction(35, 100))

    assert judged.verdict is Verdict.FAIL
    assert judged.reached_goals == ()


@pytest.mark.parametrize(
    ("percent", "reason"),
    [(29, "below-floor"), (30, "above-floor"), (35, "goal-reached"), (40, "last-goal-reached")],
)
def test_the_reason_says_where_a_coverage_stands(percent: int, reason: str) -> None:
    assert judge_coverage(Fraction(percent, 100), goals=GOALS, floor=Fraction(30, 100)).reason == reason


def test_nothing_measured_is_no_data() -> None:
    judged = judge_coverage(None, goals=GOALS, floor=Fraction(0))

    assert (judged.verdict, judged.reason) == (Verdict.NO_DATA, "nothing-measured")
    assert judged.missing_points is None
    assert judged.next_goal_fraction == GOALS[0]
