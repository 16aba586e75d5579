from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.increments import Due, Point, due_entries

BEGUN = datetime(2026, 11, 27, tzinfo=UTC)
GOALS = (Fraction(35, 100), Fraction(40, 100))


def point(percent, kind="observation", *, definition="a", state=None, at=None):
    fraction = None if percent is None else Fraction(percent) / 100
    return Point(kind=kind, at=at, fraction=fraction, definition_digest=definition, state=state)


def due(run, *record, observed=False):
    """Judge a run; entries without a time of their own are an hour apart."""
    timed = [replace(entry, at=entry.at or BEGUN + timedelta(hours=n)) for n, entry in enumerate(record)]
    return due_entries(run, timed, goals=GOALS, increment_points=Fraction(2), is_observed=observed)


def kinds(run, *record, observed=False):
    return [entry.kind for entry in due(run, *record, observed=observed)]


START = point(33, "baseline", state={})


def test_the_first_run_is_a_baseline():
    assert kinds(point(33)) == ["baseline"]


@pytest.mark.parametrize(
    ("percent", "expected"),
    [("34.9", []), ("34.99999", []), ("35", ["increment", "goal"]), ("37", ["increment", "goal"])],
)
def test_two_points_are_two_points(percent, expected):
    assert kinds(point(percent), START) == expected


def test_points_are_counted_from_the_last_increment_not_from_the_last_run():
    record = (START, point("35.0", "increment"), point(35, "goal"), point("36.9"))

    assert kinds(point("36.99"), *record) == []
    assert due(point(37), *record) == (Due(kind="increment", from_fraction=Fraction(35, 100)),)


def test_a_drop_and_a_rise_back_is_no_increment():
    assert kinds(point(36), START, point(37, "increment"), point(37, "goal"), point(30)) == []


@given(rises=st.lists(st.integers(-30, 60).map(lambda tenths: Fraction(tenths, 1000)), max_size=30))
def test_increments_of_a_walk_are_never_closer_than_two_points(rises):
    record, share = [START], Fraction(33, 100)
    for rise in rises:
        share = min(max(share + rise, Fraction(0)), Fraction(1))
        run = point(100 * share, state={})
        record += [replace(run, kind=entry.kind) for entry in due(run, *record)]
        assert due(run, *record) == ()

    steps = [entry.fraction for entry in record if entry.kind in ("baseline", "increment")]
    assert all(100 * (later - earlier) >= 2 for earlier, later in pairwise(steps))


def test_a_goal_is_an_entry_once_even_when_it_is_only_one_point():
    record = (START, point("39.5", "increment"), point("39.5", "goal"))

    assert due(point(40), *record) == (Due(kind="goal", goal_fractions=(Fraction(40, 100),)),)
    assert kinds(point(40), *record, point(40, "goal")) == []


def test_two_goals_at_once_are_one_entry():
    assert due(point(41), START)[1].goal_fractions == GOALS


def test_another_definition_is_a_baseline_and_never_an_increment():
    assert kinds(point(60, definition="b"), point(33, "baseline"), point(60, "goal")) == ["baseline"]
    assert kinds(point(61, definition="b"), START, point(60, "goal"), point(60, "baseline", definition="b")) == []


def test_two_definitions_at_one_commit_are_both_known_in_whatever_order_they_stand():
    both = [replace(point(33, "baseline", definition=name), at=BEGUN) for name in "ab"]

    for record in (both, both[::-1]):
        assert kinds(point(34, definition="a"), *record) == []
        assert kinds(point("35", definition="b"), *record) == ["increment", "goal"]


def test_going_back_to_an_earlier_definition_is_a_baseline_again():
    assert kinds(point(33), START, point(60, "baseline", definition="b")) == ["baseline"]
    assert kinds(point(34), START, point(60, "baseline", definition="b"), point(33, "baseline")) == []


def test_imported_history_is_no_reference():
    assert kinds(point(33), point(30, "imported", definition=None)) == ["baseline"]


def test_a_change_of_state_is_a_milestone_that_names_it():
    before = point(33, "baseline", state={"RES-CB-01": "untested", "runbook": "1"})
    now = point(33, state={"RES-CB-01": "verified", "drill": "PASS"})

    (milestone,) = due(now, before)

    assert milestone.kind == "milestone"
    assert milestone.changes == {
        "RES-CB-01": ("untested", "verified"), "drill": (None, "PASS"), "runbook": ("1", None),
    }  # fmt: skip


def test_a_state_that_was_never_written_down_did_not_change():
    assert kinds(point(33, state={"RES-CB-01": "verified"}), point(33, "baseline")) == []


def test_every_observed_run_is_an_observation():
    assert kinds(point(33), START, point(33), observed=True) == ["observation"]


def test_a_run_without_a_figure_gives_nothing():
    assert due(point(None), START, observed=True) == ()
