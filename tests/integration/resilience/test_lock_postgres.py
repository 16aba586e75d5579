"""The lock service on a real PostgreSQL: the contract of every store, and what a server does to it."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta

import psycopg
import pytest

from reliability.errors import (
    BackendBrokenError,
    BackendBusyError,
    BackendUnavailableError,
    RangeConflictError,
    SettingsError,
)
from reliability.resilience.lock_metrics import LockMetrics
from reliability.resilience.lock_service import Lease, LockService
from reliability.resilience.stores.postgres_database import PostgresDatabase
from reliability.resilience.stores.postgres_leases import PostgresLeases, find_lease, give_back
from tests.unit.resilience.lock_contract import LockContract, hour, take

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # of forks from many threads
]


class PostgresWorld:
    """Time passes by letting every lease expire earlier: the server's own clock cannot be set."""

    def __init__(self, url):
        self.url = url
        self.service = LockService(PostgresLeases(url))

    def let_pass(self, seconds):
        self.run("UPDATE reliability_lease SET expires_at = expires_at - %s", timedelta(seconds=seconds))

    def run(self, statement, *values):
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def write_under(self, *, resource, fencing_token):
        database = PostgresDatabase(self.url, component="rooms", migrations=[])
        with closing(database), database.transaction() as connection:
            held = find_lease(connection, resource=resource, fencing_token=fencing_token)
            if isinstance(held, Lease):
                give_back(connection, fencing_token=fencing_token)
            return isinstance(held, Lease)


@pytest.fixture(scope="module")
def schemas(postgres_server):
    """Give addresses of empty schemas of one database, each once."""
    made = 0

    def new_schema():
        nonlocal made
        made += 1
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA locks_{made}".encode())
        return f"{postgres_server.url}?options=-csearch_path%3Dlocks_{made}"

    return new_schema


@pytest.fixture(scope="module")
def shared_world(schemas):
    world = PostgresWorld(schemas())
    with closing(world.service):
        yield world


@pytest.fixture
def world(shared_world):
    shared_world.run("TRUNCATE reliability_lease")
    return shared_world


class TestOnPostgres(LockContract):
    pass


@pytest.mark.requirement("RES-LOCK-01")
def test_of_many_threads_one_gets_the_range(world):
    barrier = threading.Barrier(8)

    def try_to(number):
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
def test_a_writer_that_comes_past_the_functions_is_stopped_by_the_constraint(world):
    take(world, 4, 8)

    with pytest.raises(psycopg.errors.ExclusionViolation):
        world.run(
            "INSERT INTO reliability_lease (resource, holder, start_at, end_at, acquired_at, expires_at, "
            "max_extensions) SELECT resource, 'eva', start_at, end_at, now(), now(), 0 FROM reliability_lease"
        )


def test_starters_at_once_make_the_tables_once(schemas):
    url, barrier = schemas(), threading.Barrier(6)

    def start(number):
        barrier.wait(timeout=10)
        world = PostgresWorld(url)
        with closing(world.service):
            return take(world, number, number + 1).fencing_token

    with ThreadPoolExecutor(6) as pool:
        tokens = list(pool.map(start, range(6)))

    assert sorted(tokens) == [1, 2, 3, 4, 5, 6]


def test_tables_of_a_newer_program_are_left_alone(schemas):
    world = PostgresWorld(schemas())
    world.service.close()
    world.run("UPDATE reliability_schema SET version = 99")

    with pytest.raises(BackendBrokenError, match="holds 'leases' in version 99, and this program knows up to 1"):
        PostgresLeases(world.url)


def test_the_protected_side_keeps_its_range_until_its_transaction_ends(world):
    """A lease that expires in mid-transaction is not given to the next before what is written under it."""
    lease = take(world, 4, 8)
    database = PostgresDatabase(world.url, component="rooms", migrations=[])

    with ThreadPoolExecutor(1) as pool, closing(database):
        with database.transaction() as connection:
            assert find_lease(connection, resource="room-7", fencing_token=lease.fencing_token) == lease
            connection.execute("UPDATE reliability_lease SET expires_at = now()")
            waiting = pool.submit(take, world, 4, 8, holder="eva")
            with pytest.raises(RangeConflictError):
                waiting.result(timeout=10)
        assert take(world, 4, 8, holder="eva").fencing_token > lease.fencing_token


def test_a_connection_that_the_server_ends_in_mid_call_is_an_error_and_the_next_call_goes_on(world):
    """The call waits for the lock of its resource when its connection is ended."""
    with psycopg.connect(world.url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("SELECT pg_advisory_xact_lock(hashtextextended('room-7', 0))")
        waiting = pool.submit(take, world, 1, 2)
        while not world.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory' AND "
            "application_name = 'reliability'"
        ):
            pass

        with pytest.raises(BackendUnavailableError, match="went away in mid-call") as caught:
            waiting.result(timeout=10)

    assert "127.0.0.1" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert world.service.list_leases() == ()
    assert take(world, 1, 2).holder == "ana"


def test_what_others_keep_too_long_is_busy_and_nothing_is_granted(world):
    lease = take(world, 4, 8)
    impatient = LockService(PostgresLeases(world.url, busy_seconds=0.05))
    with closing(impatient), psycopg.connect(world.url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('room-7', 0))")
        other.execute("SELECT * FROM reliability_lease FOR UPDATE")

        for ask in (
            lambda: impatient.acquire("room-7", hour(1), hour(2), holder="eva", ttl_seconds=60),
            lambda: impatient.extend(lease, new_end_at=hour(9)),
            lambda: impatient.release(lease),
        ):
            with pytest.raises(BackendBusyError, match=r"\(state 55P03\): ask again"):
                ask()

        assert impatient.list_leases() == (lease,)
        assert impatient.acquire("another", hour(1), hour(2), holder="eva", ttl_seconds=60).holder == "eva"


def test_a_server_that_stops_and_comes_back_has_lost_and_granted_nothing_twice(postgres_server, world):
    lease = take(world, 1, 2)
    postgres_server.stop()
    try:
        with pytest.raises(BackendUnavailableError):
            take(world, 2, 3)
        with pytest.raises(BackendUnavailableError, match="see that it runs"):
            take(world, 2, 3)
        with pytest.raises(BackendUnavailableError):
            PostgresLeases(world.url)
    finally:
        postgres_server.start()

    assert world.service.list_leases() == (lease,)
    with pytest.raises(RangeConflictError):
        take(world, 1, 2, holder="eva")
    assert world.service.release(lease) is True


def test_tables_that_are_gone_are_said_with_the_cure(schemas):
    world = PostgresWorld(schemas())
    world.run("DROP TABLE reliability_lease CASCADE")

    with closing(world.service), pytest.raises(BackendBrokenError, match=r"\(state 42P01\): its tables are gone"):
        world.service.list_leases()


def test_a_schema_that_is_not_there_is_said_with_the_cure(postgres_server):
    with pytest.raises(BackendBrokenError, match="create the one that search_path names"):
        PostgresLeases(f"{postgres_server.url}?options=-csearch_path%3Dnowhere")


def test_a_user_without_rights_is_told_what_to_ask_for(postgres_server, schemas):
    url = schemas()
    with psycopg.connect(url, autocommit=True) as connection, suppress(psycopg.errors.DuplicateObject):
        connection.execute("CREATE ROLE guest LOGIN")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"GRANT USAGE ON SCHEMA " + url.rpartition("%3D")[2].encode() + b" TO guest")

    with pytest.raises(BackendBrokenError, match=r"\(state 42501\): its user may not do this"):
        PostgresLeases(f"{url}&user=guest")


def test_a_user_who_may_only_use_the_tables_can_when_they_are_made(schemas):
    url = schemas()
    schema = url.rpartition("%3D")[2]
    PostgresLeases(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"CREATE ROLE clerk LOGIN")
        for right in (
            f"USAGE ON SCHEMA {schema}",
            f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}",
            f"USAGE ON ALL SEQUENCES IN SCHEMA {schema}",
        ):
            connection.execute(f"GRANT {right} TO clerk".encode())

    clerk = PostgresWorld(f"{url}&user=clerk")

    with closing(clerk.service):
        assert take(clerk, 1, 2).holder == "ana"


def test_whoever_changes_the_tables_meanwhile_keeps_nobody_from_opening_them(schemas):
    url = schemas()
    PostgresLeases(url).close()
    with psycopg.connect(url) as other:
        other.execute("UPDATE reliability_schema SET version = version")

        leases = PostgresLeases(url, busy_seconds=0.05)

        with closing(leases):
            assert leases.count_leases() == 0


def test_tables_whose_version_was_lost_are_said_with_the_cure(schemas):
    world = PostgresWorld(schemas())
    world.service.close()
    world.run("DELETE FROM reliability_schema")

    with pytest.raises(BackendBrokenError, match="restore them with reliability_schema"):
        PostgresLeases(world.url)


def test_a_server_that_was_away_between_two_reads_is_read_again(world):
    lease = take(world, 1, 2)
    world.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'reliability' AND pid <> pg_backend_pid()"
    )

    assert world.service.guard("room-7", lease.fencing_token) == lease
    assert world.service.list_leases() == (lease,)


@pytest.mark.parametrize("url", ["postgresql://[hunter2", "postgresql://ana:hunter2@h/d?nonsense=1"])
def test_an_address_that_cannot_be_read_is_not_repeated(url):
    with pytest.raises(SettingsError) as caught:
        PostgresLeases(url)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_wrong_password_is_not_repeated(postgres_server):
    with pytest.raises(BackendUnavailableError) as caught:
        PostgresLeases(f"{postgres_server.url}?user=nobody&password=hunter2")

    assert "hunter2" not in str(caught.value)


def test_a_fault_of_the_statement_itself_is_not_hidden(world):
    database = PostgresDatabase(world.url, component="rooms", migrations=[])

    with closing(database), pytest.raises(psycopg.errors.SyntaxError), database.connection() as connection:
        connection.execute("SELEKT")


def test_leases_are_counted_at_scrape_and_a_server_that_is_gone_gives_no_number(world):
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 -- only here

    registry = CollectorRegistry()
    store = PostgresLeases(world.url)
    with closing(LockService(store, metrics=LockMetrics(registry))):
        take(world, 1, 2)
        take(world, 2, 3, ttl_seconds=0.000_001)

        assert registry.get_sample_value("reliability_lock_leases") == 1


def test_a_forked_child_opens_its_own_connections(world):
    lease = take(world, 1, 2)
    child = multiprocessing.get_context("fork").Process(target=_child_reads, args=(world.service, lease))

    child.start()
    child.join(timeout=10)

    assert child.exitcode == 0
    assert world.service.list_leases() == (lease,)


def _child_reads(service, lease):
    seen = service.list_leases()
    service.close()
    os._exit(0 if seen == (lease,) else 1)
