"""The forecast of a goal: a range that holds the truth as often as it says, or none at all."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.forecast import MIN_INCREMENT_COUNT, Forecast, forecast_goal
from tests.bench.paths import KINDS, known_path

FIRST_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
GOAL = Fraction(40, 100)

shares = st.lists(st.fractions(0, 1, max_denominator=5000), max_size=14)


def seen(percents, *, every=timedelta(days=7)):
    return [(FIRST_AT + number * every, Fraction(percent) / 100) for number, percent in enumerate(percents)]


def rising(count, *, by=Fraction(1, 4), start=35):
    return [start + by * number for number in range(count)]


def forecast(observations, goal=GOAL, **kwargs) -> Forecast:
    return forecast_goal(observations, goal, seed=1, path_count=200, **kwargs)


@pytest.mark.parametrize("increments_count", [8, 12, 20])
def test_the_range_holds_the_truth_in_at_least_seven_paths_of_ten(increments_count):
    drawn = [
        (kind, known_path(kind, increments_count=increments_count, missing_points=3.0, seed=seed))
        for kind in KINDS
        for seed in range(100)
    ]

    made = [(forecast(path.observations, path.goal), path.met_at) for _, path in drawn]

    ranges = [
        (result.p10_at, met_at, result.p90_at)
        for result, met_at in made
        if met_at and result.p10_at and result.p90_at and result.reason == "ok"
    ]
    assert len(ranges) >= 0.8 * len(made)
    assert sum(early <= met_at <= late for early, met_at, late in ranges) >= 0.7 * len(ranges)


@settings(max_examples=30)
@given(percents=shares, goal=st.fractions(0, 1, max_denominator=100))
def test_a_range_is_given_whole_in_order_and_after_the_last_observation_or_not_at_all(percents, goal):
    observations = [(FIRST_AT + timedelta(days=number), share) for number, share in enumerate(percents)]

    result = forecast(observations, goal)

    assert (result.p90_at is not None) == (result.reason == "ok")
    if result.p10_at and result.p90_at:
        assert observations[-1][0] < result.p10_at <= result.p90_at
    if result.never_fraction is not None:
        assert (result.never_fraction > 0.1) == (result.reason == "never-arrives")


@settings(max_examples=20)
@given(percents=shares)
def test_the_order_of_the_observations_changes_nothing(percents):
    observations = [(FIRST_AT + timedelta(days=number), share) for number, share in enumerate(percents)]

    assert forecast(observations[::-1]) == forecast(observations)


@pytest.mark.parametrize("count", [0, 1, MIN_INCREMENT_COUNT])
def test_fewer_than_eight_increments_give_no_date(count):
    result = forecast(seen(rising(count)))

    assert (result.reason, result.p10_at, result.p90_at) == ("not-enough-data", None, None)
    assert result.increments_count == max(0, count - 1)


def test_eight_equal_increments_give_the_week_in_which_the_next_ones_meet_the_goal():
    result = forecast(seen(rising(MIN_INCREMENT_COUNT + 1)))

    # 37 % was seen last; 3 points are missing, a quarter a week
    assert result.p10_at == result.p90_at == FIRST_AT + timedelta(weeks=8 + 12)


def test_ten_runs_of_one_afternoon_count_as_one_day():
    result = forecast(seen(rising(10), every=timedelta(minutes=20)))

    assert (result.reason, result.observations_count) == ("not-enough-data", 1)


def test_the_last_run_of_a_day_is_that_of_the_day():
    weekly = seen(rising(9))
    earlier = [(at - timedelta(hours=2), Fraction(1, 100)) for at, _ in weekly]

    assert forecast(weekly + earlier) == forecast(weekly)


@pytest.mark.parametrize("last", [40, Fraction("40.01")])
def test_a_goal_that_is_met_needs_no_forecast(last):
    assert forecast(seen([35, last])).reason == "goal-reached"


def test_a_goal_missed_by_a_hair_is_not_met():
    assert forecast(seen([*rising(9), Fraction("39.99")])).reason == "ok"


@pytest.mark.parametrize("step", [0, Fraction(-1, 4)], ids=["standing still", "falling"])
def test_what_does_not_rise_never_arrives(step):
    result = forecast(seen(rising(12, by=step)))

    assert (result.reason, result.never_fraction) == ("never-arrives", 1.0)
    assert (result.p10_at, result.p90_at) == (None, None)


def test_what_rises_and_falls_says_not_before_and_no_late_end():
    result = forecast(seen([35, 36, 35, 36, 35, 36, 35, 36, Fraction("35.2")]))

    assert result.reason == "never-arrives"
    assert result.p10_at is not None
    assert result.p10_at > FIRST_AT + timedelta(weeks=8)


def test_more_than_a_century_is_never():
    result = forecast(seen(rising(9, by=Fraction(1, 100)), every=timedelta(days=365)))

    assert result.reason == "never-arrives"


def test_paths_start_at_the_present_when_nothing_was_observed_for_long():
    observations = seen(rising(9))
    later = FIRST_AT + timedelta(weeks=30)

    assert forecast(observations, as_of=later).p10_at == later + timedelta(weeks=12)
    assert forecast(observations, as_of=FIRST_AT) == forecast(observations)


def test_hundreds_of_observations_say_what_a_few_weeks_of_them_say():
    daily = seen(rising(400, by=Fraction(1, 100)), every=timedelta(days=1))

    result = forecast(daily)

    # 38.99 % was seen last: 101 days to go, in blocks of six or seven days
    assert result.p10_at is not None
    assert result.p90_at is not None
    assert result.p90_at - result.p10_at <= timedelta(days=10)
    assert abs(result.p90_at - daily[-1][0] - timedelta(days=101)) <= timedelta(days=10)


def test_equal_seeds_give_equal_ranges():
    path = known_path("bursts", increments_count=12, missing_points=3.0, seed=3)

    assert forecast(path.observations, path.goal) == forecast(path.observations, path.goal)
