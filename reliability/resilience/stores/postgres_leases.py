"""Leases in PostgreSQL, for many hosts: by the server's own clock, each call one function of the database.

What the functions do is said in `postgres_leases.sql`; what a refusal is called does not belong here.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from reliability.resilience.leases import Lease, LeaseRequest, Refusal, Refused
from reliability.resilience.stores.postgres_database import PostgresDatabase

_MIGRATIONS: Final = (Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),)
_Row = tuple[Any, ...]  # the driver tells no types


class PostgresLeases:
    """Leases in one schema of one database; see `reliability.resilience.leases.LeaseStore`.

    Args:
        url: `postgresql://user:password@host/database`; a `search_path` in its options chooses the schema.
        busy_seconds: How long a call waits for others.

    Raises:
        SettingsError: The address cannot be read.
        BackendError: The database cannot be used.
    """

    def __init__(self, url: str, *, busy_seconds: float = 10.0) -> None:
        self._database = PostgresDatabase(url, component="leases", migrations=_MIGRATIONS, busy_seconds=busy_seconds)

    def acquire(self, request: LeaseRequest) -> Lease | Refused:
        """Grant the range unless a living lease overlaps it; expired ones in the way are removed."""
        return self._ask(
            "SELECT outcome, (lease).* FROM reliability_lease_acquire(%s, %s, %s, %s, %s, %s, %s)",
            (
                request.resource,
                request.holder,
                request.start_at,
                request.end_at,
                request.ttl,
                request.max_extensions,
                request.max_total,
            ),
        )

    def extend(self, lease: Lease, *, new_end_at: datetime) -> Lease | Refused:
        """Let the range of a living lease end later, unless another one is in the way."""
        return self._ask(
            "SELECT outcome, (lease).* FROM reliability_lease_extend(%s, %s, %s, %s, %s)", (*_mine(lease), new_end_at)
        )

    def renew(self, lease: Lease, *, ttl: timedelta) -> Lease | Refused:
        """Let a living lease expire `ttl` from now."""
        return self._ask(
            "SELECT outcome, (lease).* FROM reliability_lease_renew(%s, %s, %s, %s, %s)", (*_mine(lease), ttl)
        )

    def release(self, lease: Lease) -> bool:
        """Remove the lease; False when it was not held any more."""
        with self._database.connection() as connection:
            row = connection.execute(
                "DELETE FROM reliability_lease WHERE token = %s AND resource = %s AND holder = %s AND acquired_at = %s "
                "RETURNING expires_at > clock_timestamp()",
                _mine(lease),
            ).fetchone()
        return row is not None and bool(row[0])

    def find(self, *, resource: str, fencing_token: int) -> Lease | Refused:
        """Return the living lease with this token."""
        rows = self._database.rows(
            "SELECT expires_at > clock_timestamp(), lease.* FROM reliability_lease AS lease "
            "WHERE token = %s AND resource = %s",
            (fencing_token, resource),
        )
        return _found(rows[0] if rows else None)

    def list_leases(self, *, resource: str | None, at: datetime | None) -> tuple[Lease, ...]:
        """Return the living leases by resource and start."""
        asked = {"resource": resource, "at": at}
        rows = self._database.rows(
            "SELECT * FROM reliability_lease WHERE expires_at > clock_timestamp() "
            "AND (%(resource)s::text IS NULL OR resource = %(resource)s) "
            "AND (%(at)s::timestamptz IS NULL OR start_at <= %(at)s AND end_at > %(at)s) "
            'ORDER BY resource COLLATE "C", start_at',
            asked,
        )
        return tuple(_lease(row) for row in rows)

    def count_leases(self) -> int:
        """Count the living leases, by the index of expiry alone."""
        ((count,),) = self._database.rows(
            "SELECT count(*) FROM reliability_lease WHERE expires_at > clock_timestamp()", ()
        )
        return int(count)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._database.close()

    def _ask(self, statement: str, asked: tuple[object, ...]) -> Lease | Refused:
        with self._database.connection() as connection:
            rows = connection.execute(statement.encode(), asked).fetchall()
        outcome, *first = rows[0]
        if outcome == "ok":
            return _lease(tuple(first))
        if outcome == Refusal.CONFLICT:
            return Refused(why=Refusal.CONFLICT, others=tuple(_lease(row[1:]) for row in rows))
        return Refused(why=Refusal(outcome))


def find_lease(connection: psycopg.Connection, *, resource: str, fencing_token: int) -> Lease | Refused:
    """Look for a living lease in the caller's own transaction, for a protected side in the same schema.

    Its row stays locked until the transaction ends, so that nobody takes the range before and what is
    written is written under the lease.

    Args:
        connection: A connection inside `PostgresDatabase.transaction()`.
        resource: What the lease must be of.
        fencing_token: Its token.

    Returns:
        The lease, or why it is not held.
    """
    return _found(
        connection.execute(
            "SELECT expires_at > clock_timestamp(), lease.* FROM reliability_lease AS lease "
            "WHERE token = %s AND resource = %s FOR UPDATE",
            (fencing_token, resource),
        ).fetchone()
    )


def give_back(connection: psycopg.Connection, *, fencing_token: int) -> None:
    """Release a lease in the caller's own transaction, together with what was written under it.

    Args:
        connection: A connection inside `PostgresDatabase.transaction()`.
        fencing_token: Token of the lease; one that is gone already is no error.
    """
    connection.execute("DELETE FROM reliability_lease WHERE token = %s", (fencing_token,))


def _mine(lease: Lease) -> tuple[int, str, str, datetime]:
    """What names a lease; one of another store has another instant of its grant."""
    return lease.fencing_token, lease.resource, lease.holder, lease.acquired_at


def _found(row: _Row | None) -> Lease | Refused:
    if row is None:
        return Refused(why=Refusal.NOT_HOLDER)
    return _lease(row[1:]) if row[0] else Refused(why=Refusal.EXPIRED)


def _lease(row: _Row) -> Lease:
    token, resource, holder, start_at, end_at, acquired_at, expires_at, extensions, max_extensions, total = row
    return Lease(
        fencing_token=token,
        resource=resource,
        holder=holder,
        start_at=start_at.astimezone(UTC),
        end_at=end_at.astimezone(UTC),
        acquired_at=acquired_at.astimezone(UTC),
        expires_at=expires_at.astimezone(UTC),
        extension_count=extensions,
        max_extensions=max_extensions,
        max_total_seconds=None if total is None else total.total_seconds(),
    )
