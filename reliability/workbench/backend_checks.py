"""What the doctor looks at in the stores of leases and sessions: can they be reached, read and written?

A lease and a session of the doctor's own are made and given back, which needs all of that. Opening a store
also makes or migrates its tables; a SQLite file that is not there yet is not made.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from reliability.clock import SystemClock
from reliability.credentials import Secret
from reliability.errors import BackendBusyError, BackendError, BackendUnavailableError, SettingsError
from reliability.resilience.configured import open_locks, open_sessions
from reliability.resilience.stores.addresses import SQLITE, sqlite_file
from reliability.settings import ResilienceSettings
from reliability.workbench.finding import RUN_ERROR, SETTINGS, Finding, fault, note, ok
from reliability.workbench.local_checks import check_outputs

_TTL_SECONDS: Final = 10.0  # what a doctor that is killed leaves is over soon


def check_backends(settings: ResilienceSettings, *, project: Path, offline: bool) -> Iterator[Finding]:
    """Check where leases and sessions are kept.

    Args:
        settings: The section of the settings; its secrets can be read.
        project: Folder that relative files start from.
        offline: Ask no server; files are looked at.

    Yields:
        One finding for each.
    """
    for subject, address, probe in (
        ("locks", settings.locks, probe_locks),
        ("sessions", settings.sessions, probe_sessions),
    ):
        url = address.read(project=project, environ=os.environ) if isinstance(address, Secret) else address
        option = address.option if isinstance(address, Secret) else f"resilience.{subject}_url"
        if subject == "locks" and not url.startswith(SQLITE) and settings.service is None:
            yield note(
                subject,
                f"resilience.service is not set, so windows are taken for '{project.resolve().name}', the folder's "
                "name: a clone in a folder of another name does not see them, and another project of this name does",
                cure="set service in [resilience] of reliability.toml",
            )
        if not url.startswith(SQLITE):
            if offline:
                yield note(subject, f"the server of {option} is not asked: offline")
                continue
        elif not os.path.lexists(path := sqlite_file(url, folder=project)):  # a link to nothing is no beginning
            yield _before_the_first(subject, path)
            continue
        yield _probed(subject, option, partial(probe, settings, project))


def probe_locks(settings: ResilienceSettings, project: Path) -> str:
    """Take a lease of the doctor's own and give it back; say so."""
    now = SystemClock().now()
    resource = f"doctor/{uuid.uuid4()}"
    with closing(open_locks(settings, project=project, environ=os.environ)) as locks:
        lease = locks.acquire(resource, now, now + timedelta(seconds=1), holder="doctor", ttl_seconds=_TTL_SECONDS)
        locks.guard(resource, lease.fencing_token)
        locks.release(lease)
    return "a lease was taken and given back"


def probe_sessions(settings: ResilienceSettings, project: Path) -> str:
    """Begin a session of the doctor's own and end it; say so."""
    with closing(open_sessions(settings, project=project, environ=os.environ, ttl_seconds=_TTL_SECONDS)) as sessions:
        session = sessions.create({"by": "doctor"}, kind="doctor")
        sessions.end(session.session_id)
    return "a session was begun and ended"


def _probed(subject: str, option: str, probe: Callable[[], str]) -> Finding:
    try:
        return ok(subject, f"{option}: the store answers, its tables are those of this program; {probe()}")
    except SettingsError as err:
        cure = f"mend {option}, or install what it needs"
        return fault(subject, str(err.args[0]), cure=cure, status=SETTINGS)
    except BackendError as err:
        return fault(subject, f"{option}: {err.args[0]}", cure=_cure(err, option), status=RUN_ERROR)
    except Exception as err:  # noqa: BLE001 -- what is kept there is foreign, and the other checks are to be shown
        # its text may name the address
        cure = f"look at what lies there, or name another store with {option}"
        return fault(subject, f"{option}: the store fails with {type(err).__name__}", cure=cure, status=RUN_ERROR)


def _cure(err: BackendError, option: str) -> str:
    if isinstance(err, BackendUnavailableError):
        return f"see that the server runs and lets you in, and mend {option}"
    if isinstance(err, BackendBusyError):
        return "run the doctor again; when it stays busy, find the process that holds it"
    return f"mend the store as said, or name another one with {option}"


def _before_the_first(subject: str, path: Path) -> Finding:
    found = check_outputs(path.parent, subject=subject)
    return ok(subject, f"{path.name} is made when it is first needed; {found.text}") if not found.status else found
