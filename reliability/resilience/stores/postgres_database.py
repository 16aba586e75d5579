"""One PostgreSQL database for several threads, processes and hosts: its connections and its schema.

Connections are kept and used again by whichever thread asks next. An address may hold a password,
so no message repeats it, or what the driver said about it. What the tables mean does not belong here.
"""

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reliability.errors import (
    BackendBrokenError,
    BackendBusyError,
    BackendError,
    BackendUnavailableError,
    SettingsError,
)

_PATIENCE: Final = {  # a server that does not answer must become an error; an address may say otherwise
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "reliability",
}
_MIGRATION_LOCK: Final = 7_305_808_869_229_425_012  # any number, the same in every program
_BUSY: Final = frozenset({"55P03", "57014", "40P01", "40001", "23P01"})
_STRANGE: Final = (
    "its tables are not as this program made them: restore them with reliability_schema, or name another schema"
)
_CURES: Final = {
    "42P07": _STRANGE,
    "42703": _STRANGE,
    "42710": _STRANGE,
    "42723": _STRANGE,
    "53100": "its disk is full: free some space and ask again",
    "25006": "it is read-only: name the address of the server that takes writes",
    "42501": "its user may not do this: let an administrator run CREATE EXTENSION btree_gist and grant CREATE "
    "on the schema",
    "3F000": "its schema is not there: create the one that search_path names",
    "42P01": "its tables are gone: start the program again, which makes them",
    "42883": "its functions are gone: start the program again on an empty schema, which makes them",
    "0A000": "it is too old or lacks the extension btree_gist: use PostgreSQL 13 or later with its contrib package",
    "58P01": "it lacks the extension btree_gist: install the contrib package of the server",
}


Params = Sequence[object] | Mapping[str, object]


class PostgresDatabase:
    """Connections of one component to one database, in the schema that its `search_path` names first.

    Args:
        url: `postgresql://user:password@host/database`, or any other form that libpq takes.
        component: Whose tables these are; the name under which their version is kept.
        migrations: SQL that leads from one version to the next, the first from nothing. Only ever
            appended to.
        busy_seconds: How long a call waits for others.

    Raises:
        SettingsError: The address cannot be read.
        BackendUnavailableError: The server cannot be reached.
        BackendBrokenError: It lacks rights or an extension, or the tables are of a newer version.
    """

    def __init__(self, url: str, *, component: str, migrations: Sequence[str], busy_seconds: float = 10.0) -> None:
        self._busy_seconds = busy_seconds
        try:
            parts: dict[str, Any] = {**_PATIENCE, **conninfo_to_dict(url)}
            self._address = make_conninfo("", **parts)
        except psycopg.Error:
            raise SettingsError(
                "the address of a PostgreSQL cannot be read; write it as postgresql://user:password@host/database"
            ) from None
        self._idle: deque[psycopg.Connection] = deque()
        self._process = os.getpid()
        self._left_to_parent: list[deque[psycopg.Connection]] = []
        try:
            self._migrate(component, migrations)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Give a connection on which every statement is its own transaction.

        Raises:
            BackendUnavailableError: The server went away; what was asked may or may not have been done.
            BackendBusyError: Others held what was asked for longer than `busy_seconds`; nothing was changed.
            BackendBrokenError: The disk is full, or tables are gone; nothing was changed.
        """
        with self._explained():
            connection = self._take()
            try:
                yield connection
            finally:
                self._put_back(connection)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """Give a connection inside a transaction: committed at the end, undone by an exception.

        Raises:
            BackendError: As for `connection`.
        """
        with self.connection() as connection, connection.transaction():
            yield connection

    def rows(self, statement: str, asked: Params) -> list[tuple[Any, ...]]:
        """Read; a connection that broke while it lay idle is replaced, since a read may be asked twice.

        Args:
            statement: What is read; nothing that changes anything.
            asked: Its values.

        Returns:
            The rows.

        Raises:
            BackendError: As for `connection`.
        """
        may_be_broken = bool(self._idle)
        try:
            return self._rows(statement, asked)
        except BackendUnavailableError:
            if not may_be_broken:
                raise
        return self._rows(statement, asked)

    def _rows(self, statement: str, asked: Params) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            return connection.execute(statement.encode(), asked).fetchall()

    def close(self) -> None:
        """Close the connections that nobody uses; the next use opens new ones."""
        if self._process == os.getpid():
            while self._idle:
                self._idle.pop().close()

    def _take(self) -> psycopg.Connection:
        if self._process != os.getpid():
            self._left_to_parent.append(self._idle)  # closing them here would end the parent's sessions
            self._idle, self._process = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> psycopg.Connection:
        # no prepared statements: a pooler in between may not keep them
        connection = psycopg.connect(self._address, autocommit=True, prepare_threshold=None)
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{round(self._busy_seconds * 1000)}ms",))
        return connection

    def _put_back(self, connection: psycopg.Connection) -> None:
        if connection.broken or connection.closed:
            connection.close()
            self.close()  # what broke this one most likely broke the others
        else:
            self._idle.append(connection)

    def _migrate(self, component: str, migrations: Sequence[str]) -> None:
        with self.connection() as connection:
            if _version(connection, component) == len(migrations):
                return  # without rights or locks that only a change of the tables needs
        with self.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS reliability_schema (component text PRIMARY KEY, version integer NOT NULL)"
            )
            version = _version(connection, component)
            if version > len(migrations):
                raise BackendBrokenError(
                    f"the PostgreSQL holds '{component}' in version {version}, and this program knows up to "
                    f"{len(migrations)}: use the newer program, or another schema"
                )
            for migration in migrations[version:]:
                connection.execute(migration.encode())
            connection.execute(
                "INSERT INTO reliability_schema VALUES (%s, %s) "
                "ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                (component, len(migrations)),
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as err:
            explained = _explanation(err)
            if explained is None:
                raise
            raise explained from None  # what the driver says may name the address


def _version(connection: psycopg.Connection, component: str) -> int:
    """Return the version of a component's tables in the schema that comes first; 0 when there are none."""
    where = connection.execute("SELECT to_regclass(quote_ident(current_schema()) || '.reliability_schema')").fetchone()
    if where is None or where[0] is None:
        return 0
    row = connection.execute("SELECT version FROM reliability_schema WHERE component = %s", (component,)).fetchone()
    return 0 if row is None else int(row[0])


def _explanation(err: psycopg.Error) -> BackendError | None:
    state = err.sqlstate or ""
    if state in _BUSY:
        return BackendBusyError(
            f"others held the PostgreSQL for longer than a call waits (state {state}): ask again; if it stays so, "
            "see pg_stat_activity for a transaction that is left open"
        )
    if state in _CURES:
        return BackendBrokenError(f"the PostgreSQL cannot be used (state {state}): {_CURES[state]}")
    if isinstance(err, psycopg.OperationalError | psycopg.InterfaceError):
        return BackendUnavailableError(
            f"the PostgreSQL cannot be reached, or went away in mid-call ({type(err).__name__}, "
            f"state {state or 'none'}): see that it runs and that address, user and password are right; ask again"
        )
    return None
