"""The database: needs a PostgreSQL server."""

from datetime import date

import pytest

from reservations.database import Database
from reservations.stays import Stay, StayError

WEEK = Stay(1, date(2026, 7, 1), date(2026, 7, 8))


@pytest.fixture
def database():
    connection = Database()
    yield connection
    connection.close()


def test_a_stay_comes_back_as_it_went_in(database):
    database.add(WEEK)

    assert WEEK in database.all()


def test_two_stays_never_share_a_night(database):
    database.add(WEEK)

    with pytest.raises(StayError):
        database.add(WEEK)


def test_a_removed_stay_is_gone(database):
    database.add(WEEK)
    database.remove(WEEK)

    assert WEEK not in database.all(room=1)


def test_what_is_not_there_cannot_be_removed(database):
    with pytest.raises(StayError):
        database.remove(WEEK)


def test_a_room_is_read_alone(database):
    assert {stay.room for stay in database.all(room=1)} <= {1}
