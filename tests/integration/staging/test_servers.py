"""The staging service on a real PostgreSQL and a real Redis: the contract of its store, and one desk on both."""

import os
from contextlib import closing

import pytest
from prometheus_client import CollectorRegistry

from reliability.errors import BackendUnavailableError, StagingError
from reliability.staging.layers import open_desk
from reliability.staging.postgres_store import in_schema, is_durable, make_fresh_schema
from reliability.staging.storage import ArmStorage, SessionHome, StorageChoice
from tests.unit.staging.store_contract import StoreContract, stay

pytestmark = pytest.mark.integration


class PostgresPlace:
    def __init__(self, storage):
        self._storage = storage

    def store(self):
        return self._storage.open_store()

    def locks(self):
        return self._storage.open_locks(metrics=None)


@pytest.fixture
def storage(postgres_server, monkeypatch, tmp_path):
    monkeypatch.setenv("STAGING_PG", postgres_server.url)
    made = ArmStorage(arm="canary", folder=tmp_path, choice=StorageChoice(storage_variable="STAGING_PG"))
    made.prepare()
    return made


@pytest.fixture
def place(storage):
    return PostgresPlace(storage)


@pytest.fixture
def store(place):
    with closing(place.store()) as opened:
        yield opened


class TestInPostgres(StoreContract):
    pass


def test_another_experiment_begins_with_an_empty_house(storage, store):
    before = store.search(stay(1))
    store.reserve(stay(1))

    storage.prepare()

    assert store.search(stay(1)) == before


def test_the_arms_of_an_experiment_do_not_see_each_others_reservations(storage, store):
    other = ArmStorage(arm="baseline", folder=storage.folder, choice=storage.choice)
    other.prepare()
    made = store.reserve(stay(1))

    with closing(other.open_store()) as others:
        assert others.is_free(made.room_id, stay(1))


def test_a_desk_on_both_servers_reserves_and_keeps_sessions(storage, redis_server, monkeypatch):
    monkeypatch.setenv("STAGING_REDIS", redis_server.url)
    choice = StorageChoice(storage_variable="STAGING_PG", sessions_variable="STAGING_REDIS")
    both, other = (ArmStorage(arm=arm, folder=storage.folder, choice=choice) for arm in ("canary", "standby"))
    for earlier in (both, other):
        with closing(earlier.open_sessions()) as sessions:
            sessions.create({"experiment": "the one before"})
        earlier.prepare()
    registry = CollectorRegistry()
    choice.check(os.environ)
    homes = choice.find_homes()

    with closing(open_desk(both, layers=True, registry=registry)) as desk:
        reserved = desk.reserve(stay(1, guest="g1"), lambda: None)
        opened = desk.open_session(stay(1, guest="g1"))
        seen = desk.read_session(stay(1, guest="g1"))

        assert homes["plain"] == SessionHome(store="PostgreSQL", durability="each-write")
        assert homes["layers"].store == "Redis"
        assert homes["layers"].durability in {"each-write", "each-second", "none"}
        assert reserved.status == 201
        assert seen.body == opened.body
        assert registry.get_sample_value("session_active_total", {"kind": "guest"}) == 1
        with closing(other.open_sessions()) as sessions:
            assert not sessions.count_active()


@pytest.mark.parametrize(
    "address", ["postgresql://u:hush@127.0.0.1:1/db", "postgresql://u:hush@[::1"], ids=["nobody-listens", "malformed"]
)
def test_an_address_that_leads_nowhere_is_not_repeated(address):
    with pytest.raises((StagingError, BackendUnavailableError)) as refused:
        make_fresh_schema(in_schema(address, "staging"), "staging")

    assert "hush" not in str(refused.value)


def test_a_postgresql_where_nobody_listens_cannot_be_asked_what_it_keeps():
    with pytest.raises(StagingError, match="see that it runs") as refused:
        is_durable("postgresql://u:hush@127.0.0.1:1/db")

    assert "hush" not in str(refused.value)
