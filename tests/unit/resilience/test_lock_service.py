"""The lock service on a SQLite file: the contract of every store, and what holds for this one only."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from reliability.errors import RangeConflictError
from reliability.resilience.lock_service import Lease, LockService
from reliability.resilience.stores.sqlite_database import SqliteDatabase
from reliability.resilience.stores.sqlite_leases import SqliteLeases, find_lease, give_back
from tests.fakes import ManualClock
from tests.unit.resilience.lock_contract import LockContract, hour, take


class SqliteWorld:
    def __init__(self, path):
        self.path = path
        self.clock = ManualClock()
        self.service = LockService(SqliteLeases(path, clock=self.clock))

    def let_pass(self, seconds):
        self.clock.advance(seconds)

    def write_under(self, *, resource, fencing_token):
        database = SqliteDatabase(self.path, component="rooms", migrations=[], durable=True)
        with closing(database), database.write() as connection:
            held = find_lease(connection, resource=resource, fencing_token=fencing_token, now=self.clock.now())
            if isinstance(held, Lease):
                give_back(connection, fencing_token=fencing_token)
            return isinstance(held, Lease)


@pytest.fixture
def world(tmp_path):
    world = SqliteWorld(tmp_path / "leases.sqlite3")
    with closing(world.service):
        yield world


class TestOnSqlite(LockContract):
    pass


def test_expiry_is_exact_to_the_microsecond_and_equality_is_expired(world):
    lease = take(world, 4, 8, ttl_seconds=60)
    world.let_pass(59.999_999)
    assert world.service.guard("room-7", lease.fencing_token) == lease

    world.let_pass(0.000_001)

    assert take(world, 4, 8, holder="eva").holder == "eva"


def test_a_renewed_lease_expires_so_long_behind_now(world):
    lease = take(world, 4, 8)
    world.let_pass(59)

    renewed = world.service.renew(lease, ttl_seconds=1.5)

    assert (renewed.expires_at - world.clock.now()).total_seconds() == 1.5


@pytest.mark.requirement("RES-LOCK-01")
def test_of_many_threads_one_gets_the_range(world):
    barrier = threading.Barrier(8)

    def try_to(number):
        with closing(world.service):
            barrier.wait(timeout=10)
            try:
                return take(world, 1, 2, holder=f"thread {number}").holder
            except RangeConflictError as err:
                return err.holders

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(try_to, range(8)))

    (winner,) = [answer for answer in answers if isinstance(answer, str)]
    assert [answer for answer in answers if answer != winner] == [(winner,)] * 7


@pytest.mark.requirement("RES-LOCK-01")
def test_who_decided_on_an_old_view_is_refused_in_the_transaction(world, monkeypatch):
    """The look without the lock saw nobody, and somebody was granted before the lock came."""
    rival = SqliteWorld(world.path)
    store = world.service._store
    begin = store._database.write

    def late_write():
        monkeypatch.setattr(store._database, "write", begin)
        take(rival, 1, 2, holder="eva")
        return begin()

    monkeypatch.setattr(store._database, "write", late_write)

    with closing(rival.service), pytest.raises(RangeConflictError) as caught:
        take(world, 1, 2)

    assert caught.value.holders == ("eva",)
    assert [lease.end_at for lease in world.service.list_leases()] == [hour(2)]
