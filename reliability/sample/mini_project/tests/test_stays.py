"""Stays: what overlaps and what does not."""

from datetime import date

import pytest

from reservations.stays import Stay, StayError

WEEK = Stay(1, date(2026, 7, 1), date(2026, 7, 8))


def test_a_stay_has_nights():
    assert WEEK.nights == 7


def test_a_stay_without_a_night_is_refused():
    with pytest.raises(StayError, match="no night"):
        Stay(1, date(2026, 7, 1), date(2026, 7, 1))


@pytest.mark.parametrize(("begin", "end", "overlaps"), [(7, 9, True), (8, 9, False), (2, 3, True)])
def test_the_day_of_leaving_is_free_again(begin, end, overlaps):
    assert WEEK.overlaps(Stay(1, date(2026, 7, begin), date(2026, 7, end))) is overlaps


def test_other_rooms_never_overlap():
    assert not WEEK.overlaps(Stay(2, WEEK.begin, WEEK.end))


def test_a_stay_is_extended_until_a_night_is_taken():
    next_guest = Stay(1, date(2026, 7, 9), date(2026, 7, 10))

    assert WEEK.extended(1, taken=[WEEK, next_guest]).nights == 8
    with pytest.raises(StayError, match="taken"):
        WEEK.extended(2, taken=[next_guest])
