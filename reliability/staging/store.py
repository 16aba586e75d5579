"""What the reservation service keeps, whatever keeps it: rooms, reservations, sessions of guests.

Both arms use the same storage. The baseline uses all of it; the canary takes leases and
sessions from the resilience layers and confirms a reservation under its lease. Waiting,
failing and measuring do not belong here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from reliability.errors import LeaseExpiredError, LockError, NotHolderError
from reliability.resilience.leases import Lease, Refusal, Refused

ROOM_COUNT: Final = 200
ROOMS: Final = tuple((room_id, 1 + room_id % 4) for room_id in range(1, ROOM_COUNT + 1))
_OPENING_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)  # day 0 of the house


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Who wants to stay, and when.

    Attributes:
        guest: Name of the guest.
        first_day: First day, counted from the opening day.
        last_day: Last day, which is included.
    """

    guest: str
    first_day: int
    last_day: int

    @property
    def start_at(self) -> datetime:
        """First instant of the stay."""
        return _OPENING_DAY + timedelta(days=self.first_day)

    @property
    def end_at(self) -> datetime:
        """First instant behind the stay."""
        return _OPENING_DAY + timedelta(days=self.last_day + 1)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A room that is reserved durably."""

    reservation_id: str
    room_id: int


class ReservationStore(Protocol):
    """Rooms, reservations and sessions of one arm, shared by its replicas."""

    def search(self, stay: Stay, *, limit: int = 20) -> list[dict[str, int]]:
        """Return rooms that are free for the whole stay, those with the lowest number first."""
        ...

    def is_free(self, room_id: int, stay: Stay) -> bool:
        """Tell whether nobody has reserved the room for a day of the stay."""
        ...

    def reserve(self, stay: Stay) -> Reservation | None:
        """Reserve the first free room durably; None when all rooms are taken."""
        ...

    def confirm(self, room_id: int, stay: Stay, lease: Lease) -> Reservation | None:
        """Reserve a room under its lease and give the lease back, in one transaction.

        Returns:
            The reservation; None when somebody had reserved the room without a lease.

        Raises:
            LockError: The lease is not held any more; nothing was reserved.
        """
        ...

    def open_session(self, guest: str) -> str:
        """Open a session of the guest, replacing an earlier one, and return its token."""
        ...

    def read_session(self, guest: str) -> str | None:
        """Return the token of the guest's session, or None when the guest has none."""
        ...

    def close(self) -> None:
        """Close the connection of this thread."""
        ...


def check_held(found: Lease | Refused, lease: Lease) -> None:
    """Refuse a reservation whose lease is not held any more.

    Raises:
        LeaseExpiredError: Its time to live is over.
        NotHolderError: The range was given to somebody else.
    """
    if isinstance(found, Refused):
        error: type[LockError] = LeaseExpiredError if found.why is Refusal.EXPIRED else NotHolderError
        raise error(f"the lease {lease.fencing_token} of '{lease.resource}' is not held any more; reserve again")
