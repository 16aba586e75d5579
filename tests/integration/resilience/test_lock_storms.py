"""Processes fight for ranges: nothing is held twice, and the same storm finds what is broken in other ways."""

import multiprocessing
import signal
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from reliability.errors import RangeConflictError
from reliability.resilience.lock_service import LockService
from reliability.resilience.stores.postgres_leases import PostgresLeases
from reliability.resilience.stores.sqlite_leases import SqliteLeases
from tests.bench.lock_controls import (
    PostgresNotExists,
    SqliteDeferred,
    SqliteSelectThenInsert,
    make_postgres_control,
)
from tests.bench.lock_storm import ExtendingWay, ServiceWay, double_bookings, inversions, storm
from tests.unit.resilience.lock_contract import hour

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # of forks from many threads
]

TRIES = 8


@pytest.fixture(scope="module")
def storm_url(postgres_server):
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS storms CASCADE; CREATE SCHEMA storms")
    return f"{postgres_server.url}?options=-csearch_path%3Dstorms"


@pytest.fixture(params=["sqlite", "postgres"])
def open_service(request, tmp_path):
    if request.param == "sqlite":
        return lambda: LockService(SqliteLeases(tmp_path / "leases.sqlite3"))
    url = request.getfixturevalue("storm_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS reliability_schema")
        connection.execute("DROP TABLE IF EXISTS reliability_lease CASCADE")
        for name in ("others", "reap", "acquire", "extend", "renew"):
            connection.execute(f"DROP FUNCTION IF EXISTS reliability_lease_{name} CASCADE".encode())
    return lambda: LockService(PostgresLeases(url))


@pytest.mark.requirement("RES-LOCK-01")
def test_eight_processes_book_nothing_twice_and_tokens_are_granted_in_order(open_service):
    seen = storm(lambda: ServiceWay(open_service()), seconds=0.7)

    assert (double_bookings(seen.holdings), inversions(seen.holdings)) == (0, 0)
    assert dict(seen.errors) == {}
    assert min(len(seen.holdings), seen.refused) > 20


@pytest.mark.requirement("RES-LOCK-01")
@pytest.mark.requirement("RES-LOCK-02")
def test_extensions_and_leases_that_expire_book_nothing_twice(open_service):
    seen = storm(lambda: ExtendingWay(open_service()), seconds=0.7, resources=2, hours=120)

    assert (double_bookings(seen.holdings), inversions(seen.holdings)) == (0, 0)
    assert set(seen.errors) <= {"MaxExtensionsError", "LeaseExpiredError", "NotHolderError"}
    assert any(holding.extension for holding in seen.holdings)


def test_the_storm_finds_double_bookings_of_a_select_before_the_insert(tmp_path):
    found = until_found(lambda: SqliteSelectThenInsert(tmp_path / "control.sqlite3"))

    assert double_bookings(found) > 0


def test_the_storm_finds_double_bookings_of_not_exists_in_read_committed(storm_url):
    make_postgres_control(storm_url, exclude=False)

    assert double_bookings(until_found(lambda: PostgresNotExists(storm_url))) > 0


def test_the_storm_finds_that_a_deferred_transaction_is_refused_for_nothing(tmp_path):
    seen = storm(lambda: SqliteDeferred(tmp_path / "control.sqlite3"), seconds=0.4)

    assert seen.errors["OperationalError"] > 0
    assert double_bookings(seen.holdings) == 0


def until_found(make):
    for attempt in range(TRIES):
        seen = storm(make, seconds=0.4, seed=attempt)
        if double_bookings(seen.holdings):
            break
    return seen.holdings


@pytest.mark.requirement("RES-LOCK-01")
def test_the_range_of_a_killed_holder_is_free_when_its_time_to_live_is_over(open_service, record_property):
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    holder = multiprocessing.get_context("fork").Process(target=_hold, args=(open_service, sender))
    holder.start()
    dead = receiver.recv()
    holder.kill()
    holder.join(timeout=10)
    service = open_service()

    with closing(service):
        while True:
            try:
                lease = service.acquire("room-7", hour(4), hour(8), holder="eva", ttl_seconds=60)
            except RangeConflictError:
                continue
            else:
                break

    late = lease.acquired_at - dead.expires_at
    record_property("said", f"the range of a killed holder was free {late.total_seconds() * 1000:.0f} ms late")
    assert timedelta(0) <= late < timedelta(seconds=0.1)
    assert lease.fencing_token > dead.fencing_token


def _hold(open_service, sender):
    sender.send(open_service().acquire("room-7", hour(5), hour(7), holder="ana", ttl_seconds=0.5))
    signal.pause()


@pytest.mark.requirement("RES-LOCK-01")
def test_a_writer_killed_in_mid_transaction_keeps_nobody_out(tmp_path):
    store = SqliteLeases(tmp_path / "leases.sqlite3")
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    writer = multiprocessing.get_context("fork").Process(target=_stop_inside, args=(store, sender))
    writer.start()
    receiver.recv()
    writer.kill()
    writer.join(timeout=10)

    with closing(LockService(store)) as service:
        lease = service.acquire("room-7", hour(4), hour(8), holder="eva", ttl_seconds=60)

        assert service.list_leases() == (lease,)


def _stop_inside(store, sender):
    with store._database.write() as connection:
        connection.execute(
            "INSERT INTO reliability_lease VALUES (NULL, 'room-7', 'ana', 0, 9000000000000000, 0, 9000000000000000, 0, "
            "0, NULL)"
        )
        sender.send("inside")
        signal.pause()
