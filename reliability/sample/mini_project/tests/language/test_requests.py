"""Requests in plain words: needs spaCy, and cannot even be imported without it."""

import pytest

from reservations.requests import Reader


@pytest.fixture(scope="module")
def reader():
    return Reader()


def test_rooms_and_nights_are_counted(reader):
    assert reader.read("I need two rooms for three nights")["rooms"] == 2


def test_dates_are_found(reader):
    assert reader.read("A room on 3 July, please")["dates"] == ["3 July"]


def test_one_room_is_meant_when_nobody_counts(reader):
    assert reader.read("Is there a room?")["rooms"] == 1
