"""The lock service and the session manager that a project's settings name.

Which addresses there are belongs to `reliability.resilience.stores.addresses`, which options to
`reliability.settings`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reliability.credentials import Secret
from reliability.errors import SettingsError
from reliability.resilience.lock_service import LockService
from reliability.resilience.stores.addresses import open_lock_service, open_session_manager
from reliability.settings import ResilienceSettings

if TYPE_CHECKING:
    from reliability.resilience.session_manager import SessionManager


def open_locks(settings: ResilienceSettings, *, project: Path, environ: Mapping[str, str]) -> LockService:
    """Open the lock service of a project.

    Args:
        settings: Its section of the settings.
        project: Folder that relative files start from.
        environ: Environment variables.

    Returns:
        The service; `close()` ends its connections.

    Raises:
        SettingsError: There is no address where the settings say, or no store for it; it is not repeated.
        BackendError: The store cannot be reached or used.
    """
    url = _address(settings.locks, project=project, environ=environ)
    try:
        return open_lock_service(url, folder=project)
    except SettingsError as err:
        raise _placed(err, settings.locks) from err


def open_sessions(
    settings: ResilienceSettings, *, project: Path, environ: Mapping[str, str], ttl_seconds: float = 1800.0
) -> "SessionManager":
    """Open the session manager of a project.

    Args:
        settings: Its section of the settings.
        project: Folder that relative files start from.
        environ: Environment variables.
        ttl_seconds: Life of a session behind its last use.

    Returns:
        The manager; `close()` ends its connections.

    Raises:
        SettingsError: There is no address where the settings say, or no store for it; it is not repeated.
        BackendError: The store cannot be reached or used.
    """
    url = _address(settings.sessions, project=project, environ=environ)
    try:
        return open_session_manager(url, folder=project, ttl_seconds=ttl_seconds)
    except SettingsError as err:
        raise _placed(err, settings.sessions) from err


def _address(address: str | Secret, *, project: Path, environ: Mapping[str, str]) -> str:
    return address if isinstance(address, str) else address.read(project=project, environ=environ)


def _placed(err: SettingsError, address: str | Secret) -> SettingsError:
    """Say where an address stands that is refused; one in the settings themselves was checked as they were read."""
    return SettingsError(f"{address.option}: {err.args[0]}") if isinstance(address, Secret) else err
