"""The front desk: how a guest's wish is served, without the resilience layers and with them.

Both desks find a free room, charge the guest, and reserve durably. The layered one holds a
lease on room and days meanwhile, charges through a circuit breaker, and keeps sessions in the
session manager. Which desk a replica has is decided in `layers`; time is taken in `replica`.
"""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol

from reliability.errors import (
    BackendError,
    CircuitOpenError,
    LockError,
    PaymentFailedError,
    RangeConflictError,
    SessionExistsError,
    SessionExpiredError,
)
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.lock_service import Lease, LockService
from reliability.resilience.session_manager import SessionManager
from reliability.staging.service_model import (
    CONFLICT_STATUS,
    FAILED_STATUS,
    REFUSED_STATUS,
    RESERVE,
    SEARCH,
    SESSION_OPEN,
    SESSION_READ,
)
from reliability.staging.store import ROOM_COUNT, Reservation, ReservationStore, Stay

LEASE_TTL_SECONDS: Final = 15.0
_ROOMS_TRIED: Final = 8  # at first; who finds all of them being reserved looks at the whole house
_AGAIN_SECONDS: Final = 1.0

Charge = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the desk says: status and body of the answer, and when to come again."""

    status: int
    body: Mapping[str, Any]
    retry_after_seconds: float | None = None


_ALL_TAKEN: Final = Reply(CONFLICT_STATUS, {"error": "all rooms are taken on these days"})
_ALL_ASKED_FOR: Final = Reply(
    REFUSED_STATUS, {"error": "every free room is being reserved just now; come again"}, _AGAIN_SECONDS
)


class Desk(Protocol):
    """Serves guests; one object for all threads of a replica."""

    def search(self, stay: Stay) -> Reply:
        """Offer rooms."""
        ...

    def reserve(self, stay: Stay, charge: Charge) -> Reply:
        """Reserve a room for a guest who pays by `charge`."""
        ...

    def open_session(self, stay: Stay) -> Reply:
        """Open the guest's session, or begin it anew."""
        ...

    def read_session(self, stay: Stay) -> Reply:
        """Tell the guest's session."""
        ...

    def close(self) -> None:
        """Close the connections of this thread."""
        ...


class PlainDesk:
    """The desk of today: the store alone."""

    def __init__(self, store: ReservationStore) -> None:
        self._store = store

    def search(self, stay: Stay) -> Reply:
        """Offer rooms."""
        return Reply(SEARCH.success_status, {"rooms": self._store.search(stay)})

    def reserve(self, stay: Stay, charge: Charge) -> Reply:
        """Find a room, charge, reserve; a room that was taken meanwhile is another one then."""
        if not self._store.search(stay, limit=1):
            return _ALL_TAKEN
        charge()
        return _reserved(self._store.reserve(stay))

    def open_session(self, stay: Stay) -> Reply:
        """Open the guest's session, or begin it anew."""
        return Reply(SESSION_OPEN.success_status, {"token": self._store.open_session(stay.guest)})

    def read_session(self, stay: Stay) -> Reply:
        """Tell the guest's session."""
        return Reply(SESSION_READ.success_status, {"token": self._store.read_session(stay.guest)})

    def close(self) -> None:
        """Close the connection of this thread."""
        self._store.close()


class LayeredDesk:
    """The desk with circuit breaker, lock service and session manager.

    Args:
        store: Rooms and reservations.
        locks: Leases of rooms.
        sessions: Sessions of guests.
        payments: Guards the payment system.
        releasing: Surrounds the transaction that reserves and gives the lease back, to count it as a release.
    """

    def __init__(
        self,
        store: ReservationStore,
        *,
        locks: LockService,
        sessions: SessionManager,
        payments: CircuitBreaker,
        releasing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._store = store
        self._locks = locks
        self._sessions = sessions
        self._payments = payments
        self._releasing = releasing

    def search(self, stay: Stay) -> Reply:
        """Offer rooms."""
        return Reply(SEARCH.success_status, {"rooms": self._store.search(stay)})

    def reserve(self, stay: Stay, charge: Charge) -> Reply:
        """Take the lease of a free room, charge through the breaker, reserve under the lease."""
        tried: set[int] = set()
        for limit in (_ROOMS_TRIED, ROOM_COUNT):
            free = {room["room_id"] for room in self._store.search(stay, limit=limit)}
            for room_id in sorted(free - tried):
                lease = self._lease(room_id, stay)
                if lease is not None:
                    return self._reserve_under(lease, room_id, stay, charge)
            tried |= free
        return _ALL_ASKED_FOR if free else _ALL_TAKEN

    def open_session(self, stay: Stay) -> Reply:
        """Open the guest's session, or begin it anew with the rest of its context."""
        token = uuid.uuid4().hex
        patch = {"token": token, "day": stay.first_day}
        try:
            self._sessions.update(stay.guest, patch)
        except SessionExpiredError:
            self._create_session(stay.guest, patch)
        return Reply(SESSION_OPEN.success_status, {"token": token})

    def read_session(self, stay: Stay) -> Reply:
        """Tell the guest's session, which lives longer by it."""
        try:
            token = self._sessions.touch(stay.guest).context.get("token")
        except SessionExpiredError:
            token = None
        return Reply(SESSION_READ.success_status, {"token": token})

    def close(self) -> None:
        """Close the connections of this thread."""
        self._locks.close()
        self._sessions.close()
        self._store.close()

    def _lease(self, room_id: int, stay: Stay) -> Lease | None:
        """Take the lease of a room; None when somebody is reserving it, or has reserved it just now."""
        try:
            lease = self._locks.acquire(
                f"room-{room_id}", stay.start_at, stay.end_at, holder=stay.guest, ttl_seconds=LEASE_TTL_SECONDS
            )
        except RangeConflictError:
            return None
        if self._store.is_free(room_id, stay):
            return lease
        self._locks.release(lease)
        return None

    def _reserve_under(self, lease: Lease, room_id: int, stay: Stay, charge: Charge) -> Reply:
        given_back = False
        try:
            self._payments.call(charge)
            with self._releasing():
                reservation = self._store.confirm(room_id, stay, lease)
            given_back = reservation is not None
            return _reserved(reservation)
        finally:
            if not given_back:
                self._locks.release(lease)

    def _create_session(self, guest: str, context: Mapping[str, Any]) -> None:
        try:
            self._sessions.create(context, session_id=guest)
        except SessionExistsError:  # the guest opened it elsewhere in this instant
            self._sessions.update(guest, context)


def refusal_of(err: PaymentFailedError | CircuitOpenError | LockError | BackendError) -> Reply:
    """Say what went wrong behind the desk in HTTP's terms."""
    body = {"error": str(err)}
    if isinstance(err, CircuitOpenError):
        return Reply(REFUSED_STATUS, body, err.retry_after_seconds)
    return Reply(CONFLICT_STATUS if isinstance(err, LockError) else FAILED_STATUS, body)


def _reserved(reservation: Reservation | None) -> Reply:
    if reservation is None:
        return _ALL_TAKEN
    return Reply(RESERVE.success_status, {"reservation_id": reservation.reservation_id, "room_id": reservation.room_id})
