"""Ways to lock that one would write first: three are broken, one is slow, one only writes as fast as a disk allows.

The storm must find what is wrong with the broken ones; the others stand beside the lock service in the bench.
"""

import sqlite3
from pathlib import Path

import psycopg

_SQLITE = "CREATE TABLE IF NOT EXISTS lease (token INTEGER PRIMARY KEY AUTOINCREMENT, resource, s INTEGER, e INTEGER)"
_SQLITE_OTHERS = "SELECT 1 FROM lease WHERE resource = ? AND s < ? AND e > ?"
_SQLITE_INSERT = "INSERT INTO lease (resource, s, e) VALUES (?, ?, ?)"
_POSTGRES = """
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
DROP TABLE IF EXISTS control_lease;
CREATE TABLE control_lease (token bigserial PRIMARY KEY, resource text, during int4range{constraint})
"""
_EXCLUDE = ", EXCLUDE USING gist (resource WITH =, during WITH &&)"


class SqliteSelectThenInsert:
    """BROKEN: looks in one transaction and inserts in the next."""

    begin = ""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_SQLITE)

    def acquire(self, resource: str, start: int, end: int) -> tuple[int, int] | None:
        """Take a range."""
        if self.begin:
            self._connection.execute(self.begin)
        try:
            token = self._insert(resource, start, end)
        except BaseException:
            self._end("ROLLBACK")
            raise
        self._end("COMMIT")
        return None if token is None else (token, token)

    def release(self, handle: int) -> None:
        """Give it back."""
        self._connection.execute("DELETE FROM lease WHERE token = ?", (handle,))

    def _insert(self, resource: str, start: int, end: int) -> int | None:
        if self._connection.execute(_SQLITE_OTHERS, (resource, end, start)).fetchone() is not None:
            return None
        return self._connection.execute(_SQLITE_INSERT, (resource, start, end)).lastrowid

    def _end(self, how: str) -> None:
        if self._connection.in_transaction:
            self._connection.execute(how)


class SqliteDeferred(SqliteSelectThenInsert):
    """BROKEN: a deferred transaction, which fails with SQLITE_BUSY when another one wrote behind its look."""

    begin = "BEGIN"


class SqlitePlainInsert(SqliteSelectThenInsert):
    """NO LOCK: inserts on the disk, whoever else is there: what durable writes cost on this machine."""

    begin = "BEGIN IMMEDIATE"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._connection.execute("PRAGMA synchronous = FULL")

    def _insert(self, resource: str, start: int, end: int) -> int | None:
        return self._connection.execute(_SQLITE_INSERT, (resource, start, end)).lastrowid


class PostgresNotExists:
    """BROKEN: one INSERT with NOT EXISTS in READ COMMITTED, which does not see what others have not committed."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def acquire(self, resource: str, start: int, end: int) -> tuple[int, int] | None:
        """Take a range."""
        row = self._connection.execute(
            "INSERT INTO control_lease (resource, during) SELECT %(resource)s, int4range(%(start)s, %(end)s) "
            "WHERE NOT EXISTS (SELECT 1 FROM control_lease WHERE resource = %(resource)s "
            "AND during && int4range(%(start)s, %(end)s)) RETURNING token",
            {"resource": resource, "start": start, "end": end},
        ).fetchone()
        return None if row is None else (row[0], row[0])

    def release(self, handle: int) -> None:
        """Give it back."""
        self._connection.execute("DELETE FROM control_lease WHERE token = %s", (handle,))


class PostgresExcludeAndCatch(PostgresNotExists):
    """SLOW: the exclusion constraint, and a refusal is the error that it raises."""

    def acquire(self, resource: str, start: int, end: int) -> tuple[int, int] | None:
        """Take a range."""
        try:
            row = self._connection.execute(
                "INSERT INTO control_lease (resource, during) VALUES (%s, int4range(%s, %s)) RETURNING token",
                (resource, start, end),
            ).fetchone()
        except psycopg.errors.ExclusionViolation:
            return None
        return None if row is None else (row[0], row[0])


def make_postgres_control(url: str, *, exclude: bool) -> None:
    """Make the table of the two ways in PostgreSQL anew.

    Args:
        url: Address of the database.
        exclude: With the exclusion constraint or without.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_POSTGRES.format(constraint=_EXCLUDE if exclude else "").encode())
