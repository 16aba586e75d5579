"""Rooms, reservations and sessions of one arm in a schema of a PostgreSQL, shared by its replicas.

Leases of the layers lie in the same schema. What is kept is described in `store`.
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reliability.errors import StagingError
from reliability.resilience.leases import Lease
from reliability.resilience.stores.postgres_database import PostgresDatabase
from reliability.resilience.stores.postgres_leases import find_lease, give_back
from reliability.staging.store import ROOM_COUNT, Reservation, Stay, check_held

_CONNECT_SECONDS: Final = 5
_MIGRATIONS: Final = (
    f"""
    CREATE TABLE rooms (room_id integer PRIMARY KEY, beds integer NOT NULL);
    INSERT INTO rooms SELECT room_id, 1 + room_id % 4 FROM generate_series(1, {ROOM_COUNT}) AS room_id;
    CREATE TABLE reservations (
        reservation_id text PRIMARY KEY, room_id integer NOT NULL, guest text NOT NULL,
        first_day integer NOT NULL, last_day integer NOT NULL);
    CREATE INDEX reservations_by_room ON reservations (room_id, first_day, last_day);
    CREATE TABLE sessions (guest text PRIMARY KEY, token text NOT NULL, opened integer NOT NULL);
    """,  # noqa: S608 -- a number of ours
)
_FREE_ROOMS: Final = """
SELECT room_id, beds FROM rooms WHERE NOT EXISTS (
    SELECT 1 FROM reservations WHERE reservations.room_id = rooms.room_id AND first_day <= %s AND last_day >= %s)
ORDER BY room_id LIMIT %s
"""
_TAKEN: Final = "SELECT 1 FROM reservations WHERE room_id = %s AND first_day <= %s AND last_day >= %s"
_RESERVE: Final = "INSERT INTO reservations VALUES (%s, %s, %s, %s, %s)"
_ONE_AFTER_THE_OTHER: Final = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.reservations', 0))"
_OPEN: Final = """
INSERT INTO sessions VALUES (%s, %s, 1)
ON CONFLICT (guest) DO UPDATE SET token = excluded.token, opened = sessions.opened + 1
"""


class PostgresStore:
    """See `reliability.staging.store.ReservationStore`.

    Args:
        address: Where the arm's schema is; see `in_schema`.

    Raises:
        BackendError: The server cannot be reached or used.
    """

    def __init__(self, address: str) -> None:
        self._database = PostgresDatabase(address, component="staging", migrations=_MIGRATIONS)

    def search(self, stay: Stay, *, limit: int = 20) -> list[dict[str, int]]:
        """Return rooms that are free for the whole stay, those with the lowest number first."""
        rows = self._ask(_FREE_ROOMS, (stay.last_day, stay.first_day, limit))
        return [{"room_id": room_id, "beds": beds} for room_id, beds in rows]

    def is_free(self, room_id: int, stay: Stay) -> bool:
        """Tell whether nobody has reserved the room for a day of the stay."""
        return not self._ask(_TAKEN, (room_id, stay.last_day, stay.first_day))

    def reserve(self, stay: Stay) -> Reservation | None:
        """Reserve the first free room durably; None when all rooms are taken."""
        with self._database.transaction() as connection:
            connection.execute(_ONE_AFTER_THE_OTHER)
            room = connection.execute(_FREE_ROOMS, (stay.last_day, stay.first_day, 1)).fetchone()
            if room is None:
                return None
            made = Reservation(uuid.uuid4().hex, room[0])
            connection.execute(_RESERVE, _row(made, stay))
        return made

    def confirm(self, room_id: int, stay: Stay, lease: Lease) -> Reservation | None:
        """Reserve a room under its lease and give the lease back, in one transaction."""
        made = Reservation(uuid.uuid4().hex, room_id)
        with self._database.transaction() as connection:
            connection.execute(_ONE_AFTER_THE_OTHER)  # a guest without a lease takes this one alone
            check_held(find_lease(connection, resource=lease.resource, fencing_token=lease.fencing_token), lease)
            if connection.execute(_TAKEN, (room_id, stay.last_day, stay.first_day)).fetchone() is not None:
                return None
            connection.execute(_RESERVE, _row(made, stay))
            give_back(connection, fencing_token=lease.fencing_token)
        return made

    def open_session(self, guest: str) -> str:
        """Open a session of the guest, replacing an earlier one, and return its token."""
        token = uuid.uuid4().hex
        with self._database.connection() as connection:
            connection.execute(_OPEN, (guest, token))
        return token

    def read_session(self, guest: str) -> str | None:
        """Return the token of the guest's session, or None when the guest has none."""
        rows = self._ask("SELECT token FROM sessions WHERE guest = %s", (guest,))
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._database.close()

    def _ask(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._database.connection() as connection:
            return connection.execute(query.encode(), values).fetchall()


def in_schema(url: str, schema: str) -> str:
    """Return the address of one schema of a database, in the form that libpq takes.

    Raises:
        StagingError: The address cannot be read; it is not repeated.
    """
    try:
        options = str(conninfo_to_dict(url).get("options") or "")
        return make_conninfo(url, options=f"{options} -c search_path={schema},public".strip())
    except psycopg.Error:
        raise StagingError(
            "the address of the storage cannot be read; write postgresql://user:password@host/database"
        ) from None


def make_fresh_schema(url: str, schema: str) -> None:
    """Empty a schema of an experiment, or make it.

    Raises:
        StagingError: The server did not do it; the address is not repeated.
    """
    name = sql.Identifier(schema)
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
    except psycopg.Error as err:
        raise StagingError(
            f"the PostgreSQL of the storage did not make the schema '{schema}' ({type(err).__name__}, state "
            f"{err.sqlstate or 'none'}); see that it runs, and that its user may make schemas."
        ) from None


def is_durable(url: str) -> bool:
    """Ask whether a commit is on the server's disk before it is answered.

    Raises:
        StagingError: The server did not answer; the address is not repeated.
    """
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            asked = connection.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
            return "off" not in (asked.fetchone() or ("off",))
    except psycopg.Error as err:
        raise StagingError(
            f"the PostgreSQL of the storage did not answer ({type(err).__name__}, state {err.sqlstate or 'none'}); "
            "see that it runs."
        ) from None


def _row(made: Reservation, stay: Stay) -> tuple[str, int, str, int, int]:
    return made.reservation_id, made.room_id, stay.guest, stay.first_day, stay.last_day
