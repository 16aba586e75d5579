"""Prices: seasons and long stays."""

from datetime import date

import pytest

from reservations.prices import discount_percent, night_cents


@pytest.mark.parametrize(
    ("day", "cents"), [(date(2026, 3, 2), 9_000), (date(2026, 3, 6), 9_900), (date(2026, 8, 3), 13_500)]
)
def test_a_night_costs_what_its_season_says(day, cents):
    assert night_cents(day) == cents


@pytest.mark.parametrize(("nights", "percent"), [(6, 0), (7, 10), (27, 10), (28, 30)])
def test_long_stays_cost_less(nights, percent):
    assert discount_percent(nights) == percent
