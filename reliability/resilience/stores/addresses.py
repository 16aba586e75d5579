"""From an address to a lock service or a session manager: the scheme chooses the store.

Addresses may hold passwords, so no message repeats one. The module of a store, with the library
that it needs, is loaded only when an address asks for it. Where addresses come from belongs to
`reliability.settings`, what a store does to its module.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from reliability.clock import Clock, SystemClock
from reliability.errors import BackendBrokenError, SettingsError
from reliability.resilience.leases import LeaseStore
from reliability.resilience.lock_service import LockService
from reliability.settings import check_sqlite_address

if TYPE_CHECKING:
    from reliability.resilience.lock_metrics import LockMetrics
    from reliability.resilience.session_manager import SessionManager, SessionStore

SQLITE: Final = "sqlite:///"
_EXTRAS: Final[Mapping[str, str]] = {"postgresql": "postgres", "redis": "redis", "rediss": "redis"}
Store = TypeVar("Store")


def open_lock_service(
    url: str, *, folder: Path = Path(), metrics: "LockMetrics | None" = None, clock: Clock | None = None
) -> LockService:
    """Open the lock service of an address; its tables are made or migrated where they are not there.

    Args:
        url: `sqlite:///relative/file`, `sqlite:////absolute/file` or `postgresql://user:password@host/database`.
        folder: Folder that relative files start from.
        metrics: Counts what the service does; None counts nothing.
        clock: What SQLite takes the time from; PostgreSQL uses its own.

    Returns:
        The service; `close()` ends its connections.

    Raises:
        SettingsError: The address is none of these, or its library is not installed; it is not repeated.
        BackendError: The store cannot be reached or used.
    """
    makers: Mapping[str, Callable[[], LeaseStore]] = {
        "sqlite": lambda: _sqlite_leases(sqlite_file(url, folder=folder), clock or SystemClock()),
        "postgresql": lambda: _postgres_leases(url),
    }
    return LockService(_open(url, makers, kind="locks"), metrics=metrics)


def open_session_manager(
    url: str,
    *,
    folder: Path = Path(),
    ttl_seconds: float = 1800.0,
    max_age_seconds: float = 86400.0,
    largest_bytes: int = 65536,
    touch_step_seconds: float = 0.0,
    durable: bool = False,
    namespace: str = "",
    clock: Clock | None = None,
) -> "SessionManager":
    """Open the session manager of an address; its tables are made or migrated where they are not there.

    Args:
        url: `sqlite:///relative/file`, `sqlite:////absolute/file`, `redis://host` or `rediss://host`.
        folder: Folder that relative files start from.
        ttl_seconds: Life of a session behind its last use.
        max_age_seconds: Life of a session behind its creation, used or not.
        largest_bytes: Largest context, as JSON.
        touch_step_seconds: A touch that gains less than this writes nothing.
        durable: Whether SQLite has an update on the disk before it is answered; Redis keeps as its server is set.
        namespace: In Redis, sessions of another namespace are not seen; SQLite has another file for that.
        clock: What SQLite takes the time from; Redis uses its own.

    Returns:
        The manager; `close()` ends its connections.

    Raises:
        SettingsError: The address is none of these, or its library is not installed; it is not repeated.
        BackendError: The store cannot be reached or used.
    """
    from reliability.resilience.session_manager import SessionManager  # noqa: PLC0415 -- locks need none

    makers: Mapping[str, Callable[[], SessionStore]] = {
        "sqlite": lambda: _sqlite_sessions(sqlite_file(url, folder=folder), clock or SystemClock(), durable=durable),
        "redis": lambda: _redis_sessions(url, namespace),
        "rediss": lambda: _redis_sessions(url, namespace),
    }
    return SessionManager(
        _open(url, makers, kind="sessions"),
        ttl_seconds=ttl_seconds,
        max_age_seconds=max_age_seconds,
        largest_bytes=largest_bytes,
        touch_step_seconds=touch_step_seconds,
    )


def sqlite_file(url: str, *, folder: Path = Path()) -> Path:
    """Return the file of a SQLite address.

    Args:
        url: `sqlite:///relative/file` or `sqlite:////absolute/file`.
        folder: Folder that relative files start from.

    Returns:
        The file, which need not be there.

    Raises:
        SettingsError: It names no file.
    """
    try:
        check_sqlite_address(url)
    except ValueError as err:
        raise SettingsError(f"an address of SQLite names no file: {err}.") from err
    return folder / url.removeprefix(SQLITE)


def _open(url: str, makers: Mapping[str, Callable[[], Store]], *, kind: str) -> Store:
    """Choose the store and open it."""
    scheme, separator, _rest = url.partition("://")
    if not separator or scheme not in makers:
        known = " or ".join(f"{name}://" for name in makers)
        raise SettingsError(f"the address of the {kind} has no scheme that is known; it must begin with {known}.")
    try:
        return makers[scheme]()
    except ImportError as err:
        if scheme not in _EXTRAS or (err.name or "").startswith("reliability"):
            raise
        raise SettingsError(
            f"the address of the {kind} begins with {scheme}://, whose library cannot be loaded ({err}); "
            f"install it with: pip install 'reliability[{_EXTRAS[scheme]}]'."
        ) from err


def _with_folder(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BackendBrokenError(
            f"the folder of {path} cannot be made ({err.strerror}); give yourself the right to write there, "
            "or name another file."
        ) from err
    return path


def _sqlite_leases(path: Path, clock: Clock) -> LeaseStore:
    from reliability.resilience.stores.sqlite_leases import SqliteLeases  # noqa: PLC0415 -- only when asked for

    return SqliteLeases(_with_folder(path), clock=clock)


def _postgres_leases(url: str) -> LeaseStore:
    from reliability.resilience.stores.postgres_leases import PostgresLeases  # noqa: PLC0415 -- needs psycopg

    return PostgresLeases(url)


def _sqlite_sessions(path: Path, clock: Clock, *, durable: bool) -> "SessionStore":
    from reliability.resilience.stores.sqlite_sessions import SqliteSessions  # noqa: PLC0415 -- only when asked for

    return SqliteSessions(_with_folder(path), clock=clock, durable=durable)


def _redis_sessions(url: str, namespace: str) -> "SessionStore":
    from reliability.resilience.stores.redis_sessions import RedisSessions  # noqa: PLC0415 -- needs redis

    return RedisSessions(url, namespace=namespace)
