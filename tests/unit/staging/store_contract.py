"""What every store of the reservation service does alike: the suite that each runs.

A subclass gives the fixtures `place` (opens stores and lock services on one arm) and `store`.
"""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from reliability.errors import NotHolderError
from reliability.staging.store import ROOM_COUNT, Stay


def stay(day, *, guest="g", days=3):
    return Stay(guest=guest, first_day=day, last_day=day + days - 1)


def leased(locks, room_id, wanted, *, ttl_seconds=30):
    return locks.acquire(
        f"room-{room_id}", wanted.start_at, wanted.end_at, holder=wanted.guest, ttl_seconds=ttl_seconds
    )


def test_a_stay_is_half_open_and_counts_whole_days():
    assert stay(1, days=3).end_at - stay(1).start_at == timedelta(days=3)
    assert stay(1, days=3).end_at == stay(4).start_at


class StoreContract:
    def test_no_room_is_ever_reserved_twice_on_one_day(self, store):
        stays = [(store.reserve(stay(day)), day) for day in [0, 1, 2, 3, 1, 0, 2]]

        for (first, a), (second, b) in itertools.combinations(stays, 2):
            if abs(a - b) <= 2:
                assert first.room_id != second.room_id

    def test_a_full_house_takes_no_reservation(self, store):
        taken = [store.reserve(stay(5, days=1)) for _ in range(ROOM_COUNT)]

        assert len({made.room_id for made in taken}) == ROOM_COUNT
        assert store.reserve(stay(4)) is None
        assert store.search(stay(5, days=1)) == []

    def test_search_offers_only_free_rooms(self, store):
        made = store.reserve(stay(1))

        offered = [room["room_id"] for room in store.search(stay(3, days=2))]

        assert made.room_id not in offered
        assert len(offered) == 20

    def test_a_reservation_is_seen_by_another_replica_of_the_arm(self, store, place):
        made = store.reserve(stay(1))
        other = place.store()

        free = other.is_free(made.room_id, stay(1, days=1))
        other.close()

        assert not free

    def test_a_reservation_under_a_lease_gives_the_lease_back(self, store, place):
        locks = place.locks()
        lease = leased(locks, 7, stay(1))

        made = store.confirm(7, stay(1), lease)

        assert made.room_id == 7
        assert not store.is_free(7, stay(3))
        assert locks.list_leases() == ()
        locks.close()

    def test_a_lease_that_was_given_back_reserves_nothing(self, store, place):
        locks = place.locks()
        lease = leased(locks, 7, stay(1))
        locks.release(lease)
        locks.close()

        with pytest.raises(NotHolderError):
            store.confirm(7, stay(1), lease)

        assert store.is_free(7, stay(1))

    def test_a_lease_of_another_room_reserves_nothing(self, store, place):
        locks = place.locks()
        of_another = leased(locks, 8, stay(1))
        forged = type(of_another)(**{f: getattr(of_another, f) for f in of_another.__slots__} | {"resource": "room-7"})
        locks.close()

        with pytest.raises(NotHolderError):
            store.confirm(7, stay(1), forged)

    def test_a_room_that_was_reserved_without_a_lease_is_not_reserved_again(self, store, place):
        taken = store.reserve(stay(1))
        locks = place.locks()
        lease = leased(locks, taken.room_id, stay(2))
        locks.close()

        assert store.confirm(taken.room_id, stay(2), lease) is None

    def test_no_room_is_reserved_twice_by_guests_with_and_without_a_lease_at_once(self, store, place):
        locks = place.locks()
        meet = threading.Barrier(2)

        def plain(wanted):
            meet.wait()
            return store.reserve(wanted)

        def layered(wanted, lease):
            meet.wait()
            return store.confirm(1, wanted, lease)

        with ThreadPoolExecutor(2, initializer=lambda: store.read_session("g")) as pool:
            for round_number in range(25):
                wanted = stay(10 * round_number)  # on each of these days room 1 is the first free one
                waiting = pool.submit(layered, wanted, leased(locks, 1, wanted)), pool.submit(plain, wanted)
                made = [future.result() for future in waiting]
                assert {each.room_id for each in made if each} in ({1}, {1, 2})
                assert len({each.room_id for each in made if each}) == len([each for each in made if each])
        locks.close()

    def test_a_guest_has_one_session_and_the_latest_counts(self, store):
        store.open_session("g")
        latest = store.open_session("g")

        assert store.read_session("g") == latest
        assert store.read_session("stranger") is None
