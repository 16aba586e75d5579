"""One SQLite file for several threads and processes: its connections, write transactions and schema.

Locks, sessions and the staging service keep their tables with it, each under the name of its
component, in one file or in several. What the tables mean does not belong here.
"""

import os
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reliability.errors import BackendBrokenError, BackendBusyError, BackendError

Migration = str | tuple[str, ...]

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_CURES: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space and ask again",
    sqlite3.SQLITE_READONLY: "it cannot be written: see who owns it and how the disk is mounted",
    sqlite3.SQLITE_PERM: "it may not be opened: see who owns it",
    sqlite3.SQLITE_IOERR: "the disk refused to read or write: see its free space, its limits and its health",
    sqlite3.SQLITE_CORRUPT: "it is damaged: put it aside with its -wal and -shm files and start with a new one",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: name another file, or put this one aside",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: see that it was not removed, and that its folder is there "
    "and may be written",
}
_OWN_FAULTS: Final = (sqlite3.ProgrammingError, sqlite3.IntegrityError)  # a defect of the caller, not of the file
_RETRY_SECONDS: Final = (0.000_2, 0.004)  # about one commit; jittered, so that no process always loses
_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS reliability_schema (component TEXT PRIMARY KEY, version INTEGER NOT NULL)"


class _Turns:
    """Lets the threads of one process write one after the other, in the order in which they came."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def take(self, seconds: float) -> bool:
        """Wait for the turn, at most so long; False when it did not come."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        came = False
        try:
            came = mine.acquire(timeout=max(seconds, 0))
        finally:
            if not came:
                came = not self._leave(mine)  # it came in the last instant
        return came

    def give(self) -> None:
        """Hand the turn to the thread that waits longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False

    def _leave(self, mine: threading.Lock) -> bool:
        with self._guard:
            if mine not in self._waiting:
                return False
            self._waiting.remove(mine)
            return True


_TURNS: dict[tuple[int, Path], _Turns] = {}  # by process: a forked child must not inherit a taken turn


class SqliteDatabase:
    """Connections of one component to one file: one per thread, WAL, made again after a fork.

    Args:
        path: The file; made when it is not there. Its folder must be there. Never on a network disk.
        component: Whose tables these are; the name under which their version is kept.
        migrations: Statements that lead from one version to the next, the first from nothing. Only
            ever appended to.
        durable: Whether a commit is on the disk before it is answered (`synchronous = FULL`);
            otherwise a power loss may forget the last ones, a crash of the program does not.
        busy_seconds: How long a write waits for others.

    Raises:
        BackendBrokenError: The file is damaged, read-only, or made by a newer version.
        BackendBusyError: Others held the file for longer than `busy_seconds`.
    """

    def __init__(
        self, path: Path, *, component: str, migrations: Sequence[Migration], durable: bool, busy_seconds: float = 10.0
    ) -> None:
        self._path = path.resolve()
        self._durable = durable
        self._busy_seconds = busy_seconds
        self._local = threading.local()
        self._left_to_parent: list[sqlite3.Connection] = []
        self._mode = "rwc"
        self._identity: tuple[int, int] | None = None
        try:
            self._migrate(component, migrations)
            with self._explained():
                self._identity = self._identity_now()
        except BaseException:
            self.close()
            raise
        self._mode = "rw"  # a file that was removed is an error, not an empty one in its place

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open the only write transaction on the file: committed at the end, undone by an exception.

        Keep it short: every other writer waits. It must not be opened inside another one.

        Yields:
            The connection of this thread, inside `BEGIN IMMEDIATE`.

        Raises:
            BackendBusyError: Others held the file for longer than `busy_seconds`.
            BackendBrokenError: The disk is full, or the file is damaged, was removed or replaced; nothing was changed.
        """
        deadline = time.monotonic() + self._busy_seconds
        turns = _TURNS.setdefault((os.getpid(), self._path), _Turns())
        if not turns.take(self._busy_seconds):
            raise self._busy()
        try:
            with self._explained():
                connection = self._connection()
                self._begin(connection, deadline)
                try:
                    yield connection
                    self._check_same()
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.rollback()
        finally:
            turns.give()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give the connection of this thread for reading: no writer blocks it, and it blocks none.

        Every statement sees its own snapshot.

        Raises:
            BackendBrokenError: The file is damaged, was removed or replaced.
        """
        with self._explained():
            yield self._connection()

    def close(self) -> None:
        """Close the connection of this thread; the next use opens a new one."""
        if getattr(self._local, "process", None) == os.getpid():
            self._local.connection.close()
            self._local.process = None

    def _connection(self) -> sqlite3.Connection:
        self._check_same()
        process = getattr(self._local, "process", None)
        if process != os.getpid():
            if process is not None:
                self._left_to_parent.append(self._local.connection)  # closing it here would disturb the parent
            self._local.connection = self._connect()
            self._local.process = os.getpid()
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _check_same(self) -> None:
        """Refuse a file that was removed or replaced: an open connection would go on with what nobody else sees."""
        if self._identity is not None and self._identity_now() != self._identity:
            raise BackendBrokenError(
                f"{self._path} was removed or replaced while it was in use: nothing was granted or changed. Put it "
                "back, or start the program anew with the file that is there"
            )

    def _identity_now(self) -> tuple[int, int] | None:
        """Return which file the path names now; None when there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        address = f"{self._path.as_uri()}?mode={self._mode}"
        connection = sqlite3.connect(address, uri=True, timeout=self._busy_seconds, isolation_level=None)
        try:
            self._patiently(connection, "PRAGMA journal_mode = WAL", time.monotonic() + self._busy_seconds)
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin(self, connection: sqlite3.Connection, deadline: float) -> None:
        connection.execute("PRAGMA busy_timeout = 0")  # SQLite's own waiting lets late comers pass
        try:
            self._patiently(connection, "BEGIN IMMEDIATE", deadline)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(self._busy_seconds * 1000)}")

    def _patiently(self, connection: sqlite3.Connection, statement: str, deadline: float) -> None:
        while True:
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as err:
                if err.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(random.uniform(*_RETRY_SECONDS))  # noqa: S311  # no secret, a pause
            else:
                return

    def _migrate(self, component: str, migrations: Sequence[Migration]) -> None:
        with self.read() as connection:
            if _version(connection, component) == len(migrations):
                return  # without waiting for a writer
        with self.write() as connection:
            connection.execute(_SCHEMA)
            version = _version(connection, component)
            if version > len(migrations):
                raise BackendBrokenError(
                    f"{self._path} holds '{component}' in version {version}, and this program knows up to "
                    f"{len(migrations)}: use the newer program, or another file"
                )
            for migration in migrations[version:]:
                for statement in (migration,) if isinstance(migration, str) else migration:
                    connection.execute(statement)
            connection.execute(
                "INSERT INTO reliability_schema VALUES (?, ?) "
                "ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                (component, len(migrations)),
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as err:
            code = getattr(err, "sqlite_errorcode", 0) & 0xFF
            if code in _BUSY:
                raise self._busy() from err
            if code in _CURES:
                raise self._broken(code) from err
            if isinstance(err, _OWN_FAULTS):
                raise
            raise damaged(str(self._path), err) from None  # its words may repeat what is kept

    def _busy(self) -> BackendError:
        return BackendBusyError(
            f"others wrote to {self._path} for longer than {self._busy_seconds:g} s: ask again; "
            "if it stays so, see which program holds a transaction open"
        )

    def _broken(self, code: int) -> BackendError:
        return BackendBrokenError(f"{self._path}: {_CURES[code]}; nothing was granted or changed")


def _version(connection: sqlite3.Connection, component: str) -> int:
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'reliability_schema'").fetchone() is None:
        return 0
    row = connection.execute("SELECT version FROM reliability_schema WHERE component = ?", (component,)).fetchone()
    try:
        return 0 if row is None else int(row[0])
    except (TypeError, ValueError):
        raise sqlite3.DatabaseError("the version of the tables is no number") from None


def damaged(place: str, err: Exception) -> BackendBrokenError:
    """Say that a store does not hold what belongs there, without the words of the error, which may repeat it."""
    return BackendBrokenError(
        f"{place} does not hold what this program keeps there ({type(err).__name__}): put it aside and start with a "
        "new one, or name another"
    )
