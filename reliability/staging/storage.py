"""Where an arm keeps what it must not lose: SQLite files in the experiment's folder, or given servers.

Both arms always use the same kind for rooms and reservations; where they do not for sessions, the
manifest says so. Addresses of servers come from environment variables,
which replicas inherit, so that no password stands on a command line. What is kept is the
business of `store` and of the resilience layers.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from reliability.errors import StagingError, UsageError
from reliability.resilience.lock_service import LeaseStore, LockService
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores.addresses import open_session_manager
from reliability.resilience.stores.sqlite_leases import SqliteLeases
from reliability.staging.sqlite_store import SqliteStore
from reliability.staging.store import ReservationStore

if TYPE_CHECKING:
    from reliability.resilience.lock_metrics import LockMetrics

SESSION_TTL_SECONDS: Final = 600.0
_TOUCH_STEP_SECONDS: Final = 60.0  # a touch that gains less than this writes nothing
_SCHEMA_PREFIX: Final = "reliability_staging_"


Durability = Literal["each-write", "each-second", "none", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHome:
    """Where the sessions of an arm lie.

    Attributes:
        store: Name of the program.
        durability: What is on the disk for certain: each write before its answer, all but those of the last
            second, none; or nobody could tell.
    """

    store: str
    durability: Durability


IN_FILES: Final = {kind: SessionHome(store="SQLite", durability="each-write") for kind in ("plain", "layers")}


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageChoice:
    """Which servers an experiment uses; both arms the same.

    Attributes:
        storage_variable: Environment variable with a `postgresql://` address for rooms, reservations,
            leases and the sessions of an arm without layers; None keeps them in one SQLite file per arm.
        sessions_variable: Environment variable with a `redis://` address for the sessions of the
            layers, which have no store in PostgreSQL; None keeps them in the arm's SQLite file.
    """

    storage_variable: str | None = None
    sessions_variable: str | None = None

    @property
    def words(self) -> str:
        """Say it for the manifest."""
        store = "one SQLite file per arm, WAL, synchronous=FULL"
        if self.storage_variable:
            store = "one schema per arm in the same PostgreSQL"
        return store + ("; sessions of the layers in Redis" if self.sessions_variable else "")

    def check(self, environ: Mapping[str, str]) -> None:
        """Refuse variables that do not hold what they should, or that would part the arms unseen.

        Raises:
            UsageError: A variable is not set, or holds another kind of address, which is not repeated; or
                the sessions of the layers would stay in a file beside a baseline on a server.
        """
        if self.storage_variable is not None and self.sessions_variable is None:
            raise UsageError(
                "with --storage-variable alone the baseline's sessions would lie on a server and the canary's in a "
                "file, which is no comparison; give --sessions-variable too, or neither."
            )
        wanted = {self.storage_variable: ("postgresql://",), self.sessions_variable: ("redis://", "rediss://")}
        for name, schemes in wanted.items():
            if name is not None and not environ.get(name, "").startswith(schemes):
                raise UsageError(f"the environment variable {name} must hold an address that begins with {schemes[0]}.")

    def find_homes(self) -> Mapping[str, SessionHome]:
        """Ask where the sessions of an arm without layers and of one with them lie, and what a crash may lose there.

        Returns:
            By `plain` and `layers`.

        Raises:
            StagingError: A server did not answer.
            SettingsError: An address cannot be understood; it is not repeated.
        """
        homes = dict(IN_FILES)
        if self.storage_variable is not None:
            from reliability.staging import postgres_store  # noqa: PLC0415 -- needs psycopg

            durable = postgres_store.is_durable(_read(self.storage_variable))
            homes["plain"] = SessionHome(store="PostgreSQL", durability="each-write" if durable else "none")
        if self.sessions_variable is not None:
            from reliability.staging import redis_server  # noqa: PLC0415 -- needs redis

            durability = redis_server.ask_durability(_read(self.sessions_variable))
            homes["layers"] = SessionHome(store="Redis", durability=durability)
        return homes


SQLITE_FILES: Final = StorageChoice()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStorage:
    """The storage of one arm.

    Attributes:
        arm: Name of the arm.
        folder: Working folder of the experiment, for SQLite files.
        choice: Which servers are used instead.
    """

    arm: str
    folder: Path
    choice: StorageChoice

    def prepare(self) -> None:
        """Make everything once, empty, before the replicas share it.

        Raises:
            StagingError: A server did not do what was asked.
            BackendError: The store cannot be reached or used.
        """
        if self.choice.storage_variable is not None:
            from reliability.staging.postgres_store import make_fresh_schema  # noqa: PLC0415 -- needs psycopg

            make_fresh_schema(_read(self.choice.storage_variable), self._schema)
        self.open_store().close()
        self.open_locks(metrics=None).close()
        sessions = self.open_sessions()  # names a library that is missing
        if self.choice.sessions_variable is not None:
            from reliability.staging.redis_server import forget_sessions  # noqa: PLC0415 -- needs redis

            forget_sessions(_read(self.choice.sessions_variable), self._namespace)
        sessions.close()

    def open_store(self) -> ReservationStore:
        """Open rooms and reservations."""
        if self.choice.storage_variable is None:
            return SqliteStore(self._file)
        from reliability.staging.postgres_store import PostgresStore, in_schema  # noqa: PLC0415 -- needs psycopg

        return PostgresStore(in_schema(_read(self.choice.storage_variable), self._schema))

    def open_locks(self, *, metrics: "LockMetrics | None") -> LockService:
        """Open the leases of the arm's rooms, beside its reservations."""
        store: LeaseStore
        if self.choice.storage_variable is None:
            store = SqliteLeases(self._file)
        else:
            from reliability.resilience.stores.postgres_leases import PostgresLeases  # noqa: PLC0415 -- needs psycopg
            from reliability.staging.postgres_store import in_schema  # noqa: PLC0415 -- needs psycopg

            store = PostgresLeases(in_schema(_read(self.choice.storage_variable), self._schema))
        return LockService(store, metrics=metrics)

    def open_sessions(self) -> SessionManager:
        """Open the sessions of the arm's guests, as durable as its reservations."""
        variable = self.choice.sessions_variable
        return open_session_manager(
            f"sqlite:///{self._file.absolute()}" if variable is None else _read(variable),
            ttl_seconds=SESSION_TTL_SECONDS,
            touch_step_seconds=_TOUCH_STEP_SECONDS,
            durable=True,
            namespace=self._namespace,
        )

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.arm}.sqlite3"

    @property
    def _namespace(self) -> str:
        return f"staging-{self.arm}"

    @property
    def _schema(self) -> str:
        return _SCHEMA_PREFIX + self.arm


def _read(variable: str) -> str:
    address = os.environ.get(variable)
    if not address:
        raise StagingError(f"the environment variable {variable} is not set; set it to the server's address.")
    return address
