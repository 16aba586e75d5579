"""What a lease is, what is asked of a store of leases, and what it answers.

A store decides and keeps; the words of a refusal and the checks of what is asked belong to
`reliability.resilience.lock_service`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A half-open range of a resource that one holder has until it expires.

    Attributes:
        fencing_token: Grows with every grant of the store; the protected side refuses smaller ones.
        resource: What is locked.
        holder: Who holds it.
        start_at: First instant of the range.
        end_at: First instant behind the range.
        acquired_at: When it was granted.
        expires_at: First instant at which it is not held any more, unless it is renewed.
        extension_count: How often its range has grown.
        max_extensions: How often it may grow.
        max_total_seconds: How long the range may become; None sets no limit.
    """

    fencing_token: int
    resource: str
    holder: str
    start_at: datetime
    end_at: datetime
    acquired_at: datetime
    expires_at: datetime
    extension_count: int
    max_extensions: int
    max_total_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """A checked request: instants in UTC, lengths of time in microseconds."""

    resource: str
    holder: str
    start_at: datetime
    end_at: datetime
    ttl: timedelta
    max_extensions: int
    max_total: timedelta | None


class Refusal(StrEnum):
    """Why a store refused."""

    CONFLICT = "conflict"
    NOT_HOLDER = "not_holder"
    EXPIRED = "expired"
    NOT_FORWARD = "not_forward"
    MAX_EXTENSIONS = "max_extensions"
    MAX_TOTAL = "max_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What a store answers when it does not grant.

    Attributes:
        why: The first reason, in the order of `Refusal` but for the conflict, which comes last.
        others: The leases in the way, those with the earliest range first.
    """

    why: Refusal
    others: tuple[Lease, ...] = ()


class LeaseStore(Protocol):
    """Keeps leases; every call is one transaction, serialised with the others on the same resource."""

    def acquire(self, request: LeaseRequest) -> Lease | Refused:
        """Grant the range unless a living lease overlaps it; expired ones in the way are removed."""
        ...

    def extend(self, lease: Lease, *, new_end_at: datetime) -> Lease | Refused:
        """Let the range of a living lease end later, unless another one is in the way."""
        ...

    def renew(self, lease: Lease, *, ttl: timedelta) -> Lease | Refused:
        """Let a living lease expire `ttl` from now."""
        ...

    def release(self, lease: Lease) -> bool:
        """Remove the lease; False when it was not held any more."""
        ...

    def find(self, *, resource: str, fencing_token: int) -> Lease | Refused:
        """Return the living lease with this token."""
        ...

    def list_leases(self, *, resource: str | None, at: datetime | None) -> tuple[Lease, ...]:
        """Return the living leases by resource and start."""
        ...

    def count_leases(self) -> int:
        """Count the living leases."""
        ...

    def close(self) -> None:
        """Close the connections of this thread."""
        ...


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970-01-01 in UTC, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the instant in UTC of microseconds since 1970-01-01."""
    return _EPOCH + timedelta(microseconds=microseconds)


def length_microseconds(length: timedelta | None) -> int | None:
    """Return a length of time in microseconds, exactly; None stays None."""
    return None if length is None else length // _MICROSECOND


def seconds_of(microseconds: int | None) -> float | None:
    """Return microseconds as seconds; None stays None."""
    return None if microseconds is None else microseconds / 1_000_000
