"""The only room that reads the wall clock.

Everything else takes a `Clock`, so that tests decide what time it is.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant that names its offset.

    Args:
        text: For example `2026-11-26T18:40:00Z`.

    Returns:
        The instant in UTC.

    Raises:
        ValueError: The text is no instant, or it names no offset.
    """
    with suppress(ValueError):
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    raise ValueError(f"'{text}' is no instant with a time zone; write it as 2026-11-26T18:40:00Z")


def format_instant(instant: datetime) -> str:
    """Write an aware instant as ISO 8601 in UTC with `Z`, milliseconds only when needed."""
    utc = instant.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")
