"""Both desks of the reservation service, on real SQLite files and with a payment that does as it is told."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from reliability.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    LeaseExpiredError,
    PaymentFailedError,
    SessionExpiredError,
)
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores.sqlite_database import SqliteDatabase
from reliability.staging.desk import LayeredDesk, refusal_of
from reliability.staging.layers import open_desk
from reliability.staging.sqlite_store import SqliteStore
from reliability.staging.storage import SQLITE_FILES, ArmStorage
from reliability.staging.store import ROOM_COUNT
from tests.fakes import ManualClock
from tests.memory_sessions import MemorySessions
from tests.unit.staging.store_contract import stay

BOUND_SECONDS = 20  # a hang ends the test; nothing waits that long


def paid():
    """Charge with success."""


def failing():
    raise PaymentFailedError("nothing was charged")


@pytest.fixture
def storage(tmp_path):
    made = ArmStorage(arm="canary", folder=tmp_path, choice=SQLITE_FILES)
    made.prepare()
    return made


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture(params=[False, True], ids=["without-layers", "with-layers"])
def desk(request, storage, registry):
    opened = open_desk(storage, layers=request.param, registry=registry)
    yield opened
    opened.close()


@pytest.fixture
def layered(storage, registry):
    opened = open_desk(storage, layers=True, registry=registry)
    yield opened
    opened.close()


@pytest.fixture
def locks(storage):
    opened = storage.open_locks(metrics=None)
    yield opened
    opened.close()


def test_a_paid_stay_is_reserved_and_its_room_is_not_offered_again(desk):
    made = desk.reserve(stay(1), paid)

    offered = [room["room_id"] for room in desk.search(stay(3)).body["rooms"]]

    assert made.status == 201
    assert made.body["room_id"] not in offered


def test_a_stay_that_was_not_paid_reserves_nothing(desk):
    before = desk.search(stay(1)).body

    with pytest.raises(PaymentFailedError):
        desk.reserve(stay(1), failing)

    assert desk.search(stay(1)).body == before


def test_a_full_house_is_a_conflict_and_nobody_is_charged(desk, storage):
    store = storage.open_store()
    for _ in range(ROOM_COUNT):
        store.reserve(stay(1, days=1))
    store.close()

    assert desk.reserve(stay(1), failing).status == 409


def test_a_session_is_told_until_it_begins_anew(desk):
    assert desk.read_session(stay(1)).body == {"token": None}

    first = desk.open_session(stay(1)).body
    again = desk.open_session(stay(2)).body

    assert first != again
    assert desk.read_session(stay(3)).body == again


@pytest.mark.requirement("RES-LOCK-01")
def test_guests_who_want_the_same_days_at_once_get_different_rooms_and_each_pays_once(layered):
    together = threading.Barrier(4, timeout=BOUND_SECONDS)

    with ThreadPoolExecutor(4) as pool:
        made = [
            pool.submit(layered.reserve, stay(1, guest=f"g{n}"), together.wait)  # all four pay at the same time
            for n in range(4)
        ]
        rooms = [future.result(BOUND_SECONDS).body["room_id"] for future in made]

    assert sorted(rooms) == [1, 2, 3, 4]


def test_a_room_whose_lease_somebody_holds_is_passed_over(layered, locks):
    locks.acquire("room-1", stay(1).start_at, stay(1).end_at, holder="slow", ttl_seconds=30)

    assert layered.reserve(stay(2), paid).body["room_id"] == 2


def hold_rooms(locks, numbers):
    for room_id in numbers:
        locks.acquire(f"room-{room_id}", stay(1).start_at, stay(1).end_at, holder="slow", ttl_seconds=30)


def test_a_guest_gets_a_free_room_however_many_are_being_reserved(layered, locks):
    hold_rooms(locks, range(1, 31))

    assert layered.reserve(stay(1), paid).body["room_id"] == 31


def test_a_guest_is_asked_to_come_again_while_every_free_room_is_being_reserved(layered, storage, locks):
    with contextlib.closing(storage.open_store()) as store:
        for _ in range(ROOM_COUNT - 3):
            assert store.reserve(stay(1)) is not None
    hold_rooms(locks, range(ROOM_COUNT - 2, ROOM_COUNT + 1))

    reply = layered.reserve(stay(1), failing)

    assert (reply.status, reply.retry_after_seconds) == (503, 1.0)


@pytest.mark.parametrize("charge", [paid, failing], ids=["paid", "not-paid"])
def test_the_lease_is_given_back_however_it_ends(layered, locks, charge):
    with contextlib.suppress(PaymentFailedError):
        layered.reserve(stay(1), charge)

    assert locks.list_leases() == ()


def test_a_room_that_was_reserved_just_before_its_lease_is_passed_over(storage, locks, tmp_path):
    late = _SeesAnOldHouse(tmp_path / "canary.sqlite3")
    desk = LayeredDesk(late, locks=locks, sessions=storage.open_sessions(), payments=CircuitBreaker("payments"))

    made = desk.reserve(stay(1), paid)

    assert late.taken is not None
    assert late.taken.room_id == 1
    assert made.body["room_id"] == 2
    assert locks.list_leases() == ()
    desk.close()


def test_a_room_that_somebody_reserved_without_a_lease_meanwhile_is_not_reserved_again(layered, storage, locks):
    store = storage.open_store()

    reply = layered.reserve(stay(1), lambda: store.reserve(stay(1)))

    assert reply.status == 409
    assert locks.list_leases() == ()
    store.close()


@pytest.mark.requirement("RES-CB-01")
def test_five_failed_charges_open_the_breaker_and_the_sixth_guest_is_refused_unasked(layered, registry):
    for _ in range(5):
        with pytest.raises(PaymentFailedError):
            layered.reserve(stay(1), failing)

    with pytest.raises(CircuitOpenError) as refused:
        layered.reserve(stay(1), paid)

    assert 3 < refused.value.retry_after_seconds <= 5
    assert registry.get_sample_value("reliability_circuit_state", {"name": "payments", "state": "open"}) == 1


def test_charges_that_fail_for_another_reason_leave_the_breaker_closed(layered):
    def broken():
        raise RuntimeError("a defect of ours, which says nothing about the payment system")

    for _ in range(6):
        with pytest.raises(RuntimeError):
            layered.reserve(stay(1), broken)

    assert layered.reserve(stay(1), paid).status == 201


@pytest.mark.parametrize("layers", [False, True], ids=["without-layers", "with-layers"])
def test_whatever_a_guest_is_told_is_on_the_disk_by_then_in_both_arms(monkeypatch, storage, registry, layers):
    durable = {}
    make = SqliteDatabase.__init__

    def noted(database, path, **options):
        durable[options["component"]] = options["durable"]
        make(database, path, **options)

    monkeypatch.setattr(SqliteDatabase, "__init__", noted)
    open_desk(storage, layers=layers, registry=registry).close()

    assert len(durable) == (3 if layers else 1)
    assert all(durable.values())


def test_a_session_lives_as_long_as_it_is_read_and_ends_when_it_is_not(storage, locks):
    clock = ManualClock()
    sessions = SessionManager(MemorySessions(clock=clock), ttl_seconds=600)
    desk = LayeredDesk(storage.open_store(), locks=locks, sessions=sessions, payments=CircuitBreaker("payments"))
    opened = desk.open_session(stay(1)).body

    for _ in range(3):
        clock.advance(400)
        assert desk.read_session(stay(1)).body == opened
    clock.advance(600)

    assert desk.read_session(stay(1)).body == {"token": None}
    desk.close()


def test_a_desk_closes_everything_that_it_opened(storage, locks):
    closed = []

    class ToldSessions(SessionManager):
        def close(self):
            closed.append("sessions")
            super().close()

    sessions = ToldSessions(MemorySessions())
    desk = LayeredDesk(storage.open_store(), locks=locks, sessions=sessions, payments=CircuitBreaker("payments"))

    desk.close()

    assert closed == ["sessions"]


def test_the_registry_of_a_layered_desk_carries_the_metrics_of_all_three_layers(layered, registry):
    layered.reserve(stay(1), paid)
    layered.open_session(stay(1))

    calls = {"name": "payments", "outcome": "ok"}
    assert registry.get_sample_value("reliability_circuit_calls_total", calls) == 1
    for operation in ("acquire", "release"):
        labels = {"operation": operation, "outcome": "ok"}
        assert registry.get_sample_value("reliability_lock_operations_total", labels) == 1
    assert registry.get_sample_value("reliability_lock_leases") == 0
    assert registry.get_sample_value("session_active_total", {"kind": "guest"}) == 1


def test_a_desk_without_layers_has_no_metrics_of_them(storage, registry):
    open_desk(storage, layers=False, registry=registry).close()

    assert list(registry.collect()) == []


def test_a_session_that_another_replica_opened_in_the_same_instant_is_kept(storage, locks):
    sessions = _MissesOnce(MemorySessions())
    desk = LayeredDesk(storage.open_store(), locks=locks, sessions=sessions, payments=CircuitBreaker("payments"))
    sessions.create({"token": "other", "cart": 1}, session_id="g")

    reply = desk.open_session(stay(1))

    assert sessions.get("g").context == {"token": reply.body["token"], "cart": 1, "day": 1}
    desk.close()


@pytest.mark.parametrize(
    ("err", "status", "retry_after_seconds"),
    [
        (PaymentFailedError("no"), 500, None),
        (CircuitOpenError("open", retry_after_seconds=3.5), 503, 3.5),
        (LeaseExpiredError("late"), 409, None),
        (BackendUnavailableError("gone"), 500, None),
    ],
    ids=["payment", "breaker", "lease", "storage"],
)
def test_what_went_wrong_is_said_in_the_terms_of_http(err, status, retry_after_seconds):
    reply = refusal_of(err)

    assert (reply.status, reply.retry_after_seconds) == (status, retry_after_seconds)


class _SeesAnOldHouse(SqliteStore):
    """A store whose first search is older than a reservation of room 1."""

    def search(self, stay, *, limit=20):
        found = super().search(stay, limit=limit)
        self.taken = self.reserve(stay)
        return found


class _MissesOnce(SessionManager):
    """A session manager whose first update comes before the session of another replica."""

    def __init__(self, store):
        super().__init__(store)
        self._missed = False

    def update(self, session_id, patch, *, expected_version=None):
        if not self._missed:
            self._missed = True
            raise SessionExpiredError("there is none yet")
        return super().update(session_id, patch, expected_version=expected_version)
