"""The lock service on a SQLite file: the contract of every store, and what holds for this one only."""

import resource
import sqlite3
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from reliability.errors import BackendBrokenError, BackendBusyError, LeaseExpiredError, RangeConflictError
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


@pytest.fixture
def other_program(world):
    """A program that holds the file in a transaction of its own."""
    with closing(sqlite3.connect(world.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_a_file_that_others_hold_is_busy_and_nothing_is_granted(world, other_program):
    impatient = LockService(SqliteLeases(world.path, clock=world.clock, busy_seconds=0.05))

    with closing(impatient), pytest.raises(BackendBusyError, match=r"for longer than 0\.05 s"):
        impatient.acquire("room-7", hour(1), hour(2), holder="ana", ttl_seconds=60)

    other_program.execute("ROLLBACK")
    assert world.service.list_leases() == ()


def test_a_refusal_waits_for_nobody(tmp_path):
    world = SqliteWorld(tmp_path / "leases.sqlite3")
    take(world, 1, 2)
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other, closing(world.service):
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(RangeConflictError):
            take(world, 1, 2, holder="eva")


def test_a_grant_is_on_the_disk_before_it_is_answered(world):
    with world.service._store._database.read() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_full_disk_grants_nothing_and_takes_nothing_away(world):
    held = take(world, 1, 2)

    def fill_from(number):
        nonlocal held
        while True:
            held = take(world, number, number + 1)
            number += 1

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (world.path.stat().st_size, hard))
    try:
        with pytest.raises(BackendBrokenError, match="nothing was granted or changed"):
            fill_from(2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert world.service.list_leases()[-1] == held
    assert take(world, 5000, 5001).fencing_token == held.fencing_token + 1


def test_a_damaged_file_grants_nothing(world):
    for number in range(300):
        take(world, number, number + 1)
    world.service.close()
    content = world.path.read_bytes()
    world.path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))

    with pytest.raises(BackendBrokenError, match="put it aside with its -wal and -shm files"):
        take(world, 0, 1)


def test_a_refusal_says_who_holds_what_since_when_and_what_to_do(world):
    lease = take(world, 4, 8)

    with pytest.raises(RangeConflictError) as conflict:
        take(world, 5, 7, holder="eva")
    world.let_pass(60)
    with pytest.raises(LeaseExpiredError) as expired:
        world.service.renew(lease, ttl_seconds=60)
    with pytest.raises(LeaseExpiredError) as guarded:
        world.service.guard("room-7", lease.fencing_token)

    assert str(conflict.value) == (
        "'room-7' [2026-11-27T17:00:00Z, 2026-11-27T19:00:00Z) was refused: 'ana' holds "
        "[2026-11-27T16:00:00Z, 2026-11-27T20:00:00Z) since 2026-11-26T12:00:00Z; wait until it is released or over at "
        "2026-11-26T12:01:00Z, or take another range [range-conflict]"
    )
    assert str(expired.value) == (
        "the lease 1 of 'room-7' by 'ana' is over: its time to live has ended; take a new one and renew it in time "
        "[lease-expired]"
    )
    assert str(guarded.value).startswith("the lease 1 of 'room-7' is over")


def test_a_row_that_somebody_else_damaged_is_told(tmp_path):
    service = LockService(SqliteLeases(tmp_path / "leases.sqlite3", clock=ManualClock()))
    at = ManualClock().now()
    lease = service.acquire("room", at, at + timedelta(hours=1), holder="ana", ttl_seconds=60)
    with closing(sqlite3.connect(tmp_path / "leases.sqlite3")) as connection, connection:
        connection.execute("UPDATE reliability_lease SET acquired_us = 'hunter2'")

    with pytest.raises(BackendBrokenError, match="the table of leases does not hold") as caught:
        service.guard("room", lease.fencing_token)

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
