"""Rooms, reservations and sessions of one arm in a SQLite file, durable and shared by its replicas.

Leases and sessions of the layers may lie in the same file. What is kept is described in `store`.
"""

import uuid
from pathlib import Path
from typing import Final

from reliability.clock import Clock, SystemClock
from reliability.resilience.leases import Lease
from reliability.resilience.stores.sqlite_database import SqliteDatabase
from reliability.resilience.stores.sqlite_leases import find_lease, give_back
from reliability.staging.store import ROOMS, Reservation, Stay, check_held

_MIGRATIONS: Final = (
    (
        "CREATE TABLE rooms (room_id INTEGER PRIMARY KEY, beds INTEGER NOT NULL)",
        f"INSERT INTO rooms VALUES {', '.join(map(str, ROOMS))}",  # noqa: S608 -- numbers of ours
        """CREATE TABLE reservations (
            reservation_id TEXT PRIMARY KEY, room_id INTEGER NOT NULL, guest TEXT NOT NULL,
            first_day INTEGER NOT NULL, last_day INTEGER NOT NULL)""",
        "CREATE INDEX reservations_by_room ON reservations (room_id, first_day, last_day)",
        "CREATE TABLE sessions (guest TEXT PRIMARY KEY, token TEXT NOT NULL, opened INTEGER NOT NULL)",
    ),
)
_FREE_ROOMS: Final = """
SELECT room_id, beds FROM rooms WHERE NOT EXISTS (
    SELECT 1 FROM reservations WHERE reservations.room_id = rooms.room_id AND first_day <= ? AND last_day >= ?)
ORDER BY room_id LIMIT ?
"""
_TAKEN: Final = "SELECT 1 FROM reservations WHERE room_id = ? AND first_day <= ? AND last_day >= ?"
_RESERVE: Final = "INSERT INTO reservations VALUES (?, ?, ?, ?, ?)"
_OPEN: Final = """
INSERT INTO sessions VALUES (?, ?, 1)
ON CONFLICT (guest) DO UPDATE SET token = excluded.token, opened = opened + 1
"""


class SqliteStore:
    """See `reliability.staging.store.ReservationStore`.

    Args:
        path: The file of the arm; made when it is not there.
        clock: The time by which leases expire.

    Raises:
        BackendError: The file cannot be used.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._database = SqliteDatabase(path, component="staging", migrations=_MIGRATIONS, durable=True)

    def search(self, stay: Stay, *, limit: int = 20) -> list[dict[str, int]]:
        """Return rooms that are free for the whole stay, those with the lowest number first."""
        with self._database.read() as connection:
            rows = connection.execute(_FREE_ROOMS, (stay.last_day, stay.first_day, limit)).fetchall()
        return [{"room_id": room_id, "beds": beds} for room_id, beds in rows]

    def is_free(self, room_id: int, stay: Stay) -> bool:
        """Tell whether nobody has reserved the room for a day of the stay."""
        with self._database.read() as connection:
            return connection.execute(_TAKEN, (room_id, stay.last_day, stay.first_day)).fetchone() is None

    def reserve(self, stay: Stay) -> Reservation | None:
        """Reserve the first free room durably; None when all rooms are taken."""
        with self._database.write() as connection:
            room = connection.execute(_FREE_ROOMS, (stay.last_day, stay.first_day, 1)).fetchone()
            if room is None:
                return None
            made = Reservation(uuid.uuid4().hex, room[0])
            connection.execute(_RESERVE, _row(made, stay))
        return made

    def confirm(self, room_id: int, stay: Stay, lease: Lease) -> Reservation | None:
        """Reserve a room under its lease and give the lease back, in one transaction."""
        made = Reservation(uuid.uuid4().hex, room_id)
        with self._database.write() as connection:
            found = find_lease(
                connection, resource=lease.resource, fencing_token=lease.fencing_token, now=self._clock.now()
            )
            check_held(found, lease)
            if connection.execute(_TAKEN, (room_id, stay.last_day, stay.first_day)).fetchone() is not None:
                return None
            connection.execute(_RESERVE, _row(made, stay))
            give_back(connection, fencing_token=lease.fencing_token)
        return made

    def open_session(self, guest: str) -> str:
        """Open a session of the guest, replacing an earlier one, and return its token."""
        token = uuid.uuid4().hex
        with self._database.write() as connection:
            connection.execute(_OPEN, (guest, token))
        return token

    def read_session(self, guest: str) -> str | None:
        """Return the token of the guest's session, or None when the guest has none."""
        with self._database.read() as connection:
            row = connection.execute("SELECT token FROM sessions WHERE guest = ?", (guest,)).fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Close the connection of this thread."""
        self._database.close()


def _row(made: Reservation, stay: Stay) -> tuple[str, int, str, int, int]:
    return made.reservation_id, made.room_id, stay.guest, stay.first_day, stay.last_day
