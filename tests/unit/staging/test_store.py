"""The reservation service's store in a SQLite file."""

import pytest

from reliability.errors import LeaseExpiredError
from reliability.resilience.lock_service import LockService
from reliability.resilience.stores.sqlite_leases import SqliteLeases
from reliability.staging.sqlite_store import SqliteStore
from tests.fakes import ManualClock
from tests.unit.staging.store_contract import StoreContract, leased, stay


class SqlitePlace:
    def __init__(self, path):
        self.path = path
        self.clock = ManualClock()

    def store(self):
        return SqliteStore(self.path, clock=self.clock)

    def locks(self):
        return LockService(SqliteLeases(self.path, clock=self.clock))


@pytest.fixture
def place(tmp_path):
    return SqlitePlace(tmp_path / "arm.sqlite3")


@pytest.fixture
def store(place):
    opened = place.store()
    yield opened
    opened.close()


class TestInSqlite(StoreContract):
    pass


def test_an_expired_lease_reserves_nothing(place, store):
    locks = place.locks()
    lease = leased(locks, 7, stay(1), ttl_seconds=30)
    locks.close()
    place.clock.advance(30)

    with pytest.raises(LeaseExpiredError):
        store.confirm(7, stay(1), lease)

    assert store.is_free(7, stay(1))
