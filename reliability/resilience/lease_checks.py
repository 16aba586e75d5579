"""Checks of what is asked of the lock service, before any store is asked.

What a store must decide, because it depends on other leases, does not belong here.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from reliability.clock import format_instant
from reliability.errors import RangeError
from reliability.resilience.leases import LeaseRequest

LONGEST_NAME: Final = 200
LARGEST_TOKEN: Final = 2**63 - 1  # what stores keep it in
LARGEST_COUNT: Final = 1_000_000
LONGEST_TTL_SECONDS: Final = 366 * 86400.0
LONGEST_TOTAL_SECONDS: Final = 366_000 * 86400.0
_SHORTEST_SECONDS: Final = 0.000_001


def checked_request(
    *,
    resource: str,
    holder: str,
    start_at: datetime,
    end_at: datetime,
    ttl_seconds: float,
    max_extensions: int,
    max_total_seconds: float | None,
) -> LeaseRequest:
    """Check everything that `LockService.acquire` takes.

    Returns:
        The request, its instants in UTC.

    Raises:
        RangeError: The range, a name or a limit makes no sense.
    """
    start, end = checked_instant(start_at, name="start_at"), checked_instant(end_at, name="end_at")
    if end <= start:
        raise RangeError(
            f"the range of '{resource}' ends at {format_instant(end)}, not after its start at "
            f"{format_instant(start)}; give an end that is later"
        )
    longest = None
    if max_total_seconds is not None:
        longest = _length(max_total_seconds, name="max_total_seconds", longest=LONGEST_TOTAL_SECONDS)
        if end - start > longest:
            raise RangeError(
                f"the range of '{resource}' lasts {(end - start).total_seconds():g} s, and max_total_seconds is "
                f"{max_total_seconds:g}; ask for a shorter range or allow a longer one"
            )
    if isinstance(max_extensions, bool) or not 0 <= max_extensions <= LARGEST_COUNT:
        raise RangeError(f"max_extensions is {max_extensions!r}; give a whole number from 0 to {LARGEST_COUNT}")
    return LeaseRequest(
        resource=_name(resource, name="resource"),
        holder=_name(holder, name="holder"),
        start_at=start,
        end_at=end,
        ttl=checked_ttl(ttl_seconds),
        max_extensions=max_extensions,
        max_total=longest,
    )


def checked_instant(instant: datetime, *, name: str) -> datetime:
    """Return an aware instant in UTC.

    Raises:
        RangeError: It names no time zone, or is no instant in UTC.
    """
    if instant.utcoffset() is None:
        raise RangeError(f"{name} is {instant.isoformat()}, without a time zone; give an aware datetime")
    try:
        return instant.astimezone(UTC)
    except OverflowError as err:
        raise RangeError(f"{name} is {instant.isoformat()}, which has no date in UTC; give another") from err


def checked_ttl(ttl_seconds: float) -> timedelta:
    """Return a time to live.

    Raises:
        RangeError: It is no positive length, or longer than a year.
    """
    return _length(ttl_seconds, name="ttl_seconds", longest=LONGEST_TTL_SECONDS)


def _length(seconds: float, *, name: str, longest: float) -> timedelta:
    if not math.isfinite(seconds) or not _SHORTEST_SECONDS <= seconds <= longest:
        raise RangeError(f"{name} is {seconds:g}; give seconds above 0, at most {longest:g}")
    return timedelta(seconds=seconds)


def _name(text: str, *, name: str) -> str:
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        raise RangeError(f"{name} is {text[:LONGEST_NAME]!r}; give 1 to {LONGEST_NAME} printable characters")
    return text
