"""Durable storage of the reservation service: one SQLite file per arm, shared by its replicas.

Both arms use it in the same way. Waiting, failing and measuring do not belong here.
"""

import sqlite3
import threading
import uuid
from pathlib import Path
from typing import Final

ROOM_COUNT: Final = 200
_BUSY_SECONDS: Final = 5.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rooms (room_id INTEGER PRIMARY KEY, beds INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS reservations (
    reservation_id TEXT PRIMARY KEY, room_id INTEGER NOT NULL, guest TEXT NOT NULL,
    first_day INTEGER NOT NULL, last_day INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS reservations_by_room ON reservations (room_id, first_day, last_day);
CREATE TABLE IF NOT EXISTS sessions (guest TEXT PRIMARY KEY, token TEXT NOT NULL, opened INTEGER NOT NULL);
"""
_FREE_ROOMS: Final = """
SELECT room_id, beds FROM rooms WHERE NOT EXISTS (
    SELECT 1 FROM reservations WHERE reservations.room_id = rooms.room_id
    AND first_day <= :last_day AND last_day >= :first_day)
LIMIT :limit
"""


class ReservationStore:
    """Rooms, reservations and guest sessions in one SQLite file; one connection per thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        with self._connection() as connection:
            connection.executescript(_SCHEMA)
            connection.executemany(
                "INSERT OR IGNORE INTO rooms VALUES (?, ?)",
                [(room_id, 1 + room_id % 4) for room_id in range(1, ROOM_COUNT + 1)],
            )

    def search(self, *, first_day: int, last_day: int) -> list[dict[str, int]]:
        """Return up to 20 rooms that are free from `first_day` to `last_day`, both included."""
        parameters = {"first_day": first_day, "last_day": last_day, "limit": 20}
        rows = self._connection().execute(_FREE_ROOMS, parameters).fetchall()
        return [{"room_id": room_id, "beds": beds} for room_id, beds in rows]

    def reserve(self, *, guest: str, first_day: int, last_day: int) -> dict[str, str | int] | None:
        """Reserve the first free room durably; None when all rooms are taken."""
        connection = self._connection()
        parameters = {"first_day": first_day, "last_day": last_day, "limit": 1}
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            room = connection.execute(_FREE_ROOMS, parameters).fetchone()
            if room is None:
                return None
            reservation_id = uuid.uuid4().hex
            connection.execute(
                "INSERT INTO reservations VALUES (?, ?, ?, ?, ?)",
                (reservation_id, room[0], guest, first_day, last_day),
            )
        return {"reservation_id": reservation_id, "room_id": room[0]}

    def open_session(self, *, guest: str) -> str:
        """Open a session of `guest`, replacing an earlier one, and return its token."""
        token = uuid.uuid4().hex
        with self._connection() as connection:
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, 1) ON CONFLICT (guest) "
                "DO UPDATE SET token = excluded.token, opened = opened + 1",
                (guest, token),
            )
        return token

    def read_session(self, *, guest: str) -> str | None:
        """Return the token of the guest's session, or None when the guest has none."""
        row = self._connection().execute("SELECT token FROM sessions WHERE guest = ?", (guest,)).fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Close the connection of this thread."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk before the answer
            self._local.connection = connection
        return connection
