"""Lock service: at most one holder for overlapping ranges of a resource, for a limited time.

A lock is a lease: it expires, so a holder that was paused may act when its range is somebody
else's already. That is stopped only by the protected side, which asks `guard` with the fencing
token, or stores the token and refuses smaller ones. What is checked and said is decided here;
how leases are kept belongs to `reliability.resilience.stores`.
"""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reliability.clock import format_instant
from reliability.errors import (
    LeaseExpiredError,
    LockError,
    MaxExtensionsError,
    MaxTotalError,
    NotForwardError,
    NotHolderError,
    RangeConflictError,
)
from reliability.resilience.lease_checks import LARGEST_TOKEN, checked_instant, checked_request, checked_ttl
from reliability.resilience.leases import Lease, LeaseStore, Refusal, Refused

if TYPE_CHECKING:
    from reliability.resilience.lock_metrics import LockMetrics

__all__ = ["Lease", "LeaseStore", "LockService"]

_REFUSALS: Final[dict[Refusal, tuple[type[LockError], str]]] = {
    Refusal.NOT_HOLDER: (
        NotHolderError,
        "is not held: it was released, its range was given to somebody else, or it is of another store; take a new one",
    ),
    Refusal.EXPIRED: (LeaseExpiredError, "is over: its time to live has ended; take a new one and renew it in time"),
    Refusal.NOT_FORWARD: (NotForwardError, "does not end later than before; give a later end"),
    Refusal.MAX_EXTENSIONS: (MaxExtensionsError, "was refused: it was extended as often as it may be; release it"),
    Refusal.MAX_TOTAL: (MaxTotalError, "was refused: the range would become longer than it may be; release it"),
}


class LockService:
    """Grants leases of half-open ranges `[start_at, end_at)`, one holder per overlapping range and resource.

    One object serves all threads of a process, and stores serve several processes.

    Args:
        store: Where leases are kept.
        metrics: Counts what is done; None counts nothing.
    """

    def __init__(self, store: LeaseStore, *, metrics: "LockMetrics | None" = None) -> None:
        self._store = store
        self._metrics = metrics
        if metrics is not None:
            metrics.watch(store.count_leases)

    def acquire(
        self,
        resource: str,
        start_at: datetime,
        end_at: datetime,
        *,
        holder: str,
        ttl_seconds: float,
        max_extensions: int = 2,
        max_total_seconds: float | None = None,
    ) -> Lease:
        """Take a range of a resource, if nobody holds a part of it.

        Args:
            resource: What is locked, for example `room-7`.
            start_at: First instant of the range, aware.
            end_at: First instant behind the range, aware.
            holder: Who takes it; others are told so.
            ttl_seconds: How long it is held unless it is renewed.
            max_extensions: How often `extend` may let the range grow.
            max_total_seconds: How long the range may become; None sets no limit.

        Returns:
            The lease, with a fencing token larger than every one granted before.

        Raises:
            RangeConflictError: Somebody holds an overlapping range.
            RangeError: The range, a name or a limit makes no sense.
            BackendError: The store could not be asked; nothing was granted, but that an answer which
                got lost on its way may leave a range taken until its time to live is over.
        """
        request = checked_request(
            resource=resource,
            holder=holder,
            start_at=start_at,
            end_at=end_at,
            ttl_seconds=ttl_seconds,
            max_extensions=max_extensions,
            max_total_seconds=max_total_seconds,
        )
        with self._observed("acquire"):
            return _granted(self._store.acquire(request), f"'{resource}' {_range(request.start_at, request.end_at)}")

    def extend(self, lease: Lease, *, new_end_at: datetime) -> Lease:
        """Let the range of a lease end later; its time to live stays as it is.

        Args:
            lease: The lease as it was granted or as it was last returned.
            new_end_at: The new first instant behind the range, aware.

        Returns:
            The lease as it is now; the token is the same.

        Raises:
            NotHolderError: It is not held any more, or never was here.
            LeaseExpiredError: Its time to live is over.
            NotForwardError: The new end is not later than the end.
            MaxExtensionsError: It was extended as often as it may be.
            MaxTotalError: The range would become too long.
            RangeConflictError: Somebody holds a part of what would be added.
            RangeError: The new end is naive.
            BackendError: The store could not be asked.
        """
        end_at = checked_instant(new_end_at, name="new_end_at")
        with self._observed("extend"):
            return _granted(
                self._store.extend(lease, new_end_at=end_at), f"{_shown(lease)}, until {format_instant(end_at)},"
            )

    def renew(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Let a lease expire `ttl_seconds` from now: a sign of life, not an extension.

        Args:
            lease: The lease as it was granted or as it was last returned.
            ttl_seconds: How long it is held from now on; shorter than before is allowed.

        Returns:
            The lease as it is now.

        Raises:
            NotHolderError: It is not held any more, or never was here.
            LeaseExpiredError: Its time to live is over.
            RangeError: The time to live makes no sense.
            BackendError: The store could not be asked.
        """
        ttl = checked_ttl(ttl_seconds)
        with self._observed("renew"):
            return _granted(self._store.renew(lease, ttl=ttl), _shown(lease))

    def release(self, lease: Lease) -> bool:
        """Give a range back; to do so twice is no error.

        Args:
            lease: The lease.

        Returns:
            Whether it was held until now.

        Raises:
            BackendError: The store could not be asked.
        """
        with self._observed("release"):
            return self._store.release(lease)

    def list_leases(self, resource: str | None = None, *, at: datetime | None = None) -> tuple[Lease, ...]:
        """Return the leases that are held now, by resource and start.

        Args:
            resource: Only those of this resource.
            at: Only those whose range holds this instant, aware.

        Returns:
            The leases.

        Raises:
            RangeError: `at` is naive.
            BackendError: The store could not be asked.
        """
        return self._store.list_leases(resource=resource, at=None if at is None else checked_instant(at, name="at"))

    def guard(self, resource: str, fencing_token: int) -> Lease:
        """Check, on the protected side, that a token is of a lease that is held now.

        A lease may expire right behind the answer: a side that writes should check inside the
        transaction that writes, or store the token and refuse smaller ones.

        Args:
            resource: What is protected.
            fencing_token: The token that was shown.

        Returns:
            The lease.

        Raises:
            NotHolderError: No lease of the resource has this token any more.
            LeaseExpiredError: Its time to live is over.
            BackendError: The store could not be asked.
        """
        answer: Lease | Refused = Refused(why=Refusal.NOT_HOLDER)
        if 1 <= fencing_token <= LARGEST_TOKEN:  # a store cannot even be asked for another one
            answer = self._store.find(resource=resource, fencing_token=fencing_token)
        return _granted(answer, f"the lease {fencing_token} of '{resource}'")

    def close(self) -> None:
        """Close the connections of this thread; the next use opens new ones."""
        self._store.close()

    def _observed(self, operation: str) -> AbstractContextManager[None]:
        return nullcontext() if self._metrics is None else self._metrics.observe(operation)


def _granted(answer: Lease | Refused, asked: str) -> Lease:
    """Return the lease, or raise what a refusal is called.

    Args:
        answer: What the store said.
        asked: What was asked for, in words.
    """
    if isinstance(answer, Lease):
        return answer
    if answer.why is not Refusal.CONFLICT:
        error, words = _REFUSALS[answer.why]
        raise error(f"{asked} {words}")
    first = answer.others[0]
    holders = tuple(dict.fromkeys(other.holder for other in answer.others))
    raise RangeConflictError(
        f"{asked} was refused: '{first.holder}' holds {_range(first.start_at, first.end_at)} since "
        f"{format_instant(first.acquired_at)}; wait until it is released or over at "
        f"{format_instant(first.expires_at)}, or take another range",
        holders=holders,
    )


def _shown(lease: Lease) -> str:
    return f"the lease {lease.fencing_token} of '{lease.resource}' by '{lease.holder}'"


def _range(start_at: datetime, end_at: datetime) -> str:
    return f"[{format_instant(start_at)}, {format_instant(end_at)})"
