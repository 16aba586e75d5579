import itertools

import pytest

from reliability.staging.store import ROOM_COUNT, ReservationStore


@pytest.fixture
def store(tmp_path):
    opened = ReservationStore(tmp_path / "arm.sqlite3")
    yield opened
    opened.close()


def test_no_room_is_ever_reserved_twice_on_one_day(store):
    stays = [(store.reserve(guest="g", first_day=day, last_day=day + 2), day) for day in [0, 1, 2, 3, 1, 0, 2]]

    for (first, a), (second, b) in itertools.combinations(stays, 2):
        if abs(a - b) <= 2:
            assert first["room_id"] != second["room_id"]


def test_a_full_house_takes_no_reservation(store):
    taken = [store.reserve(guest="g", first_day=5, last_day=5) for _ in range(ROOM_COUNT)]

    assert len({stay["room_id"] for stay in taken}) == ROOM_COUNT
    assert store.reserve(guest="late", first_day=4, last_day=6) is None
    assert store.search(first_day=5, last_day=5) == []


def test_search_offers_only_free_rooms(store):
    reserved = store.reserve(guest="g", first_day=1, last_day=3)

    offered = [room["room_id"] for room in store.search(first_day=3, last_day=4)]

    assert reserved["room_id"] not in offered
    assert len(offered) == 20


def test_a_reservation_is_seen_by_another_replica_of_the_arm(store, tmp_path):
    reserved = store.reserve(guest="g", first_day=1, last_day=3)
    other = ReservationStore(tmp_path / "arm.sqlite3")

    offered = [room["room_id"] for room in other.search(first_day=1, last_day=1)]
    other.close()

    assert reserved["room_id"] not in offered


def test_a_guest_has_one_session_and_the_latest_counts(store):
    store.open_session(guest="g")
    latest = store.open_session(guest="g")

    assert store.read_session(guest="g") == latest
    assert store.read_session(guest="stranger") is None
