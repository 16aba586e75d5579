"""Window leases: over which windows canaries of a service run or will run, and whose they are.

They are leases of the lock service that the settings name, so that two people or pipelines never judge
overlapping windows of one service. Keeping one while a canary is judged belongs to
`reliability.canary.window_lease`, words and options to `reliability.canary.window_commands`.
"""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from reliability.clock import format_instant
from reliability.errors import LeaseExpiredError, NotHolderError, RangeConflictError, RangeError
from reliability.resilience.configured import open_locks
from reliability.resilience.lease_checks import LONGEST_TTL_SECONDS
from reliability.resilience.leases import Lease
from reliability.resilience.lock_service import LockService
from reliability.settings import Settings
from reliability.window import Window

GRACE_SECONDS: Final = 1800.0  # a reserved window may be judged for as long behind its end


class Windows:
    """The window leases of one service.

    Args:
        locks: Where they are held; `close` closes it.
        service: Name of the service.
    """

    def __init__(self, locks: LockService, *, service: str) -> None:
        self._locks = locks
        self._service = service
        self._resource = f"canary-window/{service}"

    def take(self, window: Window, *, holder: str, ttl_seconds: float) -> Lease:
        """Take a window.

        Args:
            window: The window.
            holder: Whose it is, as others are told.
            ttl_seconds: When it is free again unless it is renewed.

        Returns:
            The lease.

        Raises:
            RangeConflictError: An overlapping window is taken; says by whom, which, and since when.
            BackendError: The store cannot be reached or used.
        """
        with self._telling_holders(window):
            return self._locks.acquire(self._resource, window.start, window.end, holder=holder, ttl_seconds=ttl_seconds)

    def reserve(self, window: Window, *, holder: str, now: datetime) -> Lease:
        """Take a window for as long as it lasts, and `GRACE_SECONDS` more; see `take`."""
        return self.take(window, holder=holder, ttl_seconds=_seconds_to(window.end, now))

    def extend(self, token: int, *, end_at: datetime, now: datetime) -> Lease:
        """Let a reserved window end later.

        Args:
            token: Fencing token of the reservation.
            end_at: The new end.
            now: The present instant.

        Returns:
            The lease as it is now.

        Raises:
            RangeConflictError: Somebody has taken a part of what is added.
            LockError: It is not held, or cannot be extended like this.
            RangeError: The end is too far away; nothing was changed.
            BackendError: The store cannot be reached or used.
        """
        held = self.held(token)
        end = max(end_at, held.end_at)
        # renewed first: whatever ends the program in between leaves no window that is free before it is over
        held = self.renew(held, ttl_seconds=_seconds_to(end, now))
        with self._telling_holders(Window(start=held.start_at, end=end), own=token):
            return self._locks.extend(held, new_end_at=end_at)

    def renew(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Keep a lease for longer; see `LockService.renew`."""
        return self._locks.renew(lease, ttl_seconds=ttl_seconds)

    def held(self, token: int) -> Lease:
        """Return the lease of a token.

        Raises:
            NotHolderError: No window of this service is held with it.
            LeaseExpiredError: Its time to live is over.
        """
        return self._locks.guard(self._resource, token)

    def release(self, token: int) -> bool:
        """Give a window back; False when it was not held any more."""
        try:
            return self._locks.release(self.held(token))
        except (NotHolderError, LeaseExpiredError):
            return False

    def held_now(self) -> tuple[Lease, ...]:
        """List the windows that are taken."""
        return self._locks.list_leases(self._resource)

    def close(self) -> None:
        """End the connections."""
        self._locks.close()

    @contextmanager
    def _telling_holders(self, window: Window, *, own: int | None = None) -> Iterator[None]:
        """Say of a conflict what helps to solve it."""
        try:
            yield
        except RangeConflictError as err:
            others = [one for one in self.held_now() if one.fencing_token != own and _overlaps(one, window)]
            listed = "; ".join(map(told, others)) or "somebody who has just given it back"
            raise RangeConflictError(
                f"the window {window} of '{self._service}' overlaps one that is taken: {listed}. Wait for it, choose "
                "another window_end, or give its token with --lease if it is yours.",
                holders=err.holders,
            ) from err


def open_windows(settings: Settings, *, project: Path) -> Windows:
    """Open the window leases of a project's service.

    Args:
        settings: The project's settings.
        project: Its folder; its name is that of the service when the settings name none.

    Returns:
        The leases; `close()` ends their connections.

    Raises:
        SettingsError: The settings name no usable store.
        BackendError: The store cannot be reached or used.
    """
    service = settings.resilience.service or project.resolve().name or "project"
    return Windows(open_locks(settings.resilience, project=project, environ=os.environ), service=service)


def this_process() -> str:
    """Name this process, so that others know whom to ask."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} pid {os.getpid()}"


def told(lease: Lease) -> str:
    """Tell in words whose a window is."""
    window = Window(start=lease.start_at, end=lease.end_at)
    since, until = format_instant(lease.acquired_at), format_instant(lease.expires_at)
    return f"{lease.holder} holds {window} since {since}, until {until} at the latest"


def _overlaps(lease: Lease, window: Window) -> bool:
    return lease.start_at < window.end and lease.end_at > window.start


def _seconds_to(end_at: datetime, now: datetime) -> float:
    seconds = max(0.0, (end_at - now).total_seconds()) + GRACE_SECONDS
    if seconds > LONGEST_TTL_SECONDS:
        raise RangeError(
            f"the window would end at {format_instant(end_at)}, and none may be taken for longer than "
            f"{LONGEST_TTL_SECONDS / 86400:g} days from now; give an earlier end"
        )
    return seconds
