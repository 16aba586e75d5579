"""Leases in a SQLite file, for the processes of one machine: durable, each grant in one write transaction.

The time is read inside the transaction, so that waiting for others makes no lease older. Instants
are integers, microseconds since 1970 in UTC. What a refusal is called does not belong here.
"""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from reliability.clock import Clock, SystemClock
from reliability.resilience.leases import (
    Lease,
    LeaseRequest,
    Refusal,
    Refused,
    from_microseconds,
    length_microseconds,
    seconds_of,
    to_microseconds,
)
from reliability.resilience.stores.sqlite_database import SqliteDatabase, damaged

_COLUMNS: Final = (
    "token, resource, holder, start_us, end_us, acquired_us, expires_us, extension_count, max_extensions, max_total_us"
)
# AUTOINCREMENT: a plain rowid is used again when the largest was deleted, and a token must not be
_MIGRATIONS: Final = (
    (
        """CREATE TABLE reliability_lease (
            token INTEGER PRIMARY KEY AUTOINCREMENT,
            resource TEXT NOT NULL,
            holder TEXT NOT NULL,
            start_us INTEGER NOT NULL,
            end_us INTEGER NOT NULL CHECK (end_us > start_us),
            acquired_us INTEGER NOT NULL,
            expires_us INTEGER NOT NULL,
            extension_count INTEGER NOT NULL DEFAULT 0 CHECK (extension_count <= max_extensions),
            max_extensions INTEGER NOT NULL,
            max_total_us INTEGER CHECK (end_us - start_us <= max_total_us))""",
        "CREATE INDEX reliability_lease_by_range ON reliability_lease (resource, end_us)",
        "CREATE INDEX reliability_lease_by_expiry ON reliability_lease (expires_us)",
    ),
)
_OVERLAPPING: Final = "resource = :resource AND end_us > :start_us AND start_us < :end_us"
_IN_THE_WAY: Final = (
    f"SELECT {_COLUMNS} FROM reliability_lease WHERE {_OVERLAPPING} AND expires_us > :now_us ORDER BY start_us"  # noqa: S608
)
_REAP: Final = (
    f"DELETE FROM reliability_lease WHERE {_OVERLAPPING} AND expires_us <= :now_us "  # noqa: S608
    "OR expires_us <= :now_us - 86400000000"  # long dead ones of any resource: housekeeping
)
_GRANT: Final = (
    f"INSERT INTO reliability_lease ({_COLUMNS}) VALUES "  # noqa: S608
    "(NULL, :resource, :holder, :start_us, :end_us, :now_us, :now_us + :ttl_us, 0, :max_extensions, :max_total_us) "
    f"RETURNING {_COLUMNS}"
)
_EXTEND: Final = (
    "UPDATE reliability_lease SET end_us = ?, extension_count = extension_count + 1 "  # noqa: S608
    f"WHERE token = ? RETURNING {_COLUMNS}"
)
_RENEW: Final = f"UPDATE reliability_lease SET expires_us = ? WHERE token = ? RETURNING {_COLUMNS}"  # noqa: S608
_MINE: Final = f"SELECT {_COLUMNS} FROM reliability_lease WHERE token = ? AND resource = ?"  # noqa: S608
_LIVING: Final = (
    f"SELECT {_COLUMNS} FROM reliability_lease WHERE expires_us > :now_us "  # noqa: S608
    "AND (:resource IS NULL OR resource = :resource) AND (:at_us IS NULL OR start_us <= :at_us AND end_us > :at_us) "
    "ORDER BY resource, start_us"
)

_Asked = dict[str, str | int | None]


class SqliteLeases:
    """Leases in one file; see `reliability.resilience.leases.LeaseStore`.

    Args:
        path: The file; made when it is not there. Never on a network disk.
        clock: The time by which leases expire; all processes on the file must agree on it.
        busy_seconds: How long a call waits for others.

    Raises:
        BackendError: The file cannot be used.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None, busy_seconds: float = 10.0) -> None:
        self._clock = clock or SystemClock()
        self._database = SqliteDatabase(
            path, component="leases", migrations=_MIGRATIONS, durable=True, busy_seconds=busy_seconds
        )

    def acquire(self, request: LeaseRequest) -> Lease | Refused:
        """Grant the range unless a living lease overlaps it; expired ones in the way are removed.

        Looks for others without the write lock first, so that a refusal makes nobody wait.
        """
        asked: _Asked = {
            "resource": request.resource,
            "holder": request.holder,
            "start_us": to_microseconds(request.start_at),
            "end_us": to_microseconds(request.end_at),
            "ttl_us": length_microseconds(request.ttl),
            "max_extensions": request.max_extensions,
            "max_total_us": length_microseconds(request.max_total),
        }
        with self._database.read() as connection:
            others = _in_the_way(connection, asked, self._clock.now())
        if others:
            return others
        with self._database.write() as connection:
            others = _in_the_way(connection, asked, self._clock.now())
            if others:
                return others
            connection.execute(_REAP, asked)
            return _lease(connection.execute(_GRANT, asked).fetchone())

    def extend(self, lease: Lease, *, new_end_at: datetime) -> Lease | Refused:
        """Let the range of a living lease end later, unless another one is in the way."""
        new_end_us = to_microseconds(new_end_at)
        with self._database.write() as connection:
            held = self._held(connection, lease)
            if isinstance(held, Refused):
                return held
            refusal = _limit(held, new_end_at)
            if refusal is not None:
                return Refused(why=refusal)
            # from its own end on: the lease itself is not in its way
            asked: _Asked = {
                "resource": held.resource,
                "start_us": to_microseconds(held.end_at),
                "end_us": new_end_us,
            }
            others = _in_the_way(connection, asked, self._clock.now())
            if others:
                return others
            connection.execute(_REAP, asked)
            return _changed(connection, _EXTEND, new_end_us, lease)

    def renew(self, lease: Lease, *, ttl: timedelta) -> Lease | Refused:
        """Let a living lease expire `ttl` from now."""
        with self._database.write() as connection:
            held = self._held(connection, lease)
            if isinstance(held, Refused):
                return held
            return _changed(connection, _RENEW, to_microseconds(self._clock.now() + ttl), lease)

    def release(self, lease: Lease) -> bool:
        """Remove the lease; False when it was not held any more."""
        with self._database.write() as connection:
            held = self._held(connection, lease)
            if isinstance(held, Refused) and held.why is Refusal.NOT_HOLDER:
                return False
            give_back(connection, fencing_token=lease.fencing_token)
            return not isinstance(held, Refused)

    def find(self, *, resource: str, fencing_token: int) -> Lease | Refused:
        """Return the living lease with this token."""
        with self._database.read() as connection:
            return find_lease(connection, resource=resource, fencing_token=fencing_token, now=self._clock.now())

    def list_leases(self, *, resource: str | None, at: datetime | None) -> tuple[Lease, ...]:
        """Return the living leases by resource and start."""
        asked = {
            "now_us": to_microseconds(self._clock.now()),
            "resource": resource,
            "at_us": None if at is None else to_microseconds(at),
        }
        with self._database.read() as connection:
            return tuple(_lease(row) for row in connection.execute(_LIVING, asked))

    def count_leases(self) -> int:
        """Count the living leases, by the index of expiry alone."""
        now_us = to_microseconds(self._clock.now())
        with self._database.read() as connection:
            row = connection.execute("SELECT count(*) FROM reliability_lease WHERE expires_us > ?", (now_us,))
            return int(row.fetchone()[0])

    def close(self) -> None:
        """Close the connection of this thread."""
        self._database.close()

    def _held(self, connection: sqlite3.Connection, lease: Lease) -> Lease | Refused:
        """Return the lease as it is now; one of another store has another instant of its grant."""
        held = find_lease(connection, resource=lease.resource, fencing_token=lease.fencing_token, now=self._clock.now())
        if isinstance(held, Lease) and (held.holder, held.acquired_at) != (lease.holder, lease.acquired_at):
            return Refused(why=Refusal.NOT_HOLDER)
        return held


def find_lease(connection: sqlite3.Connection, *, resource: str, fencing_token: int, now: datetime) -> Lease | Refused:
    """Look for a living lease in the caller's own transaction, for a protected side in the same file.

    Inside `SqliteDatabase.write()` nobody can take the range before the transaction ends, so that what
    is written there is written under the lease.

    Args:
        connection: A connection to the file of the leases.
        resource: What the lease must be of.
        fencing_token: Its token.
        now: The present instant.

    Returns:
        The lease, or why it is not held.
    """
    row = connection.execute(_MINE, (fencing_token, resource)).fetchone()
    if row is None:
        return Refused(why=Refusal.NOT_HOLDER)
    held = _lease(row)
    return Refused(why=Refusal.EXPIRED) if held.expires_at <= now else held


def give_back(connection: sqlite3.Connection, *, fencing_token: int) -> None:
    """Release a lease in the caller's own transaction, together with what was written under it.

    Args:
        connection: A connection to the file of the leases, inside `SqliteDatabase.write()`.
        fencing_token: Token of the lease; one that is gone already is no error.
    """
    connection.execute("DELETE FROM reliability_lease WHERE token = ?", (fencing_token,))


def _in_the_way(connection: sqlite3.Connection, asked: _Asked, now: datetime) -> Refused | None:
    asked["now_us"] = to_microseconds(now)
    others = tuple(_lease(row) for row in connection.execute(_IN_THE_WAY, asked))
    return Refused(why=Refusal.CONFLICT, others=others) if others else None


def _limit(held: Lease, new_end_at: datetime) -> Refusal | None:
    if new_end_at <= held.end_at:
        return Refusal.NOT_FORWARD
    if held.extension_count >= held.max_extensions:
        return Refusal.MAX_EXTENSIONS
    longest = held.max_total_seconds
    if longest is not None and (new_end_at - held.start_at).total_seconds() > longest:
        return Refusal.MAX_TOTAL
    return None


def _changed(connection: sqlite3.Connection, statement: str, value: int, lease: Lease) -> Lease:
    return _lease(connection.execute(statement, (value, lease.fencing_token)).fetchone())


def _lease(row: tuple[int, str, str, int, int, int, int, int, int, int | None]) -> Lease:
    try:
        return _read(row)
    except (TypeError, ValueError, OverflowError) as err:
        raise damaged("the table of leases", err) from None


def _read(row: tuple[int, str, str, int, int, int, int, int, int, int | None]) -> Lease:
    token, resource, holder, start_us, end_us, acquired_us, expires_us, extension_count, max_extensions, total_us = row
    return Lease(
        fencing_token=token,
        resource=resource,
        holder=holder,
        start_at=from_microseconds(start_us),
        end_at=from_microseconds(end_us),
        acquired_at=from_microseconds(acquired_us),
        expires_at=from_microseconds(expires_us),
        extension_count=extension_count,
        max_extensions=max_extensions,
        max_total_seconds=seconds_of(total_us),
    )
