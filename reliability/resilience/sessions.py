"""What a session is, what is asked of a store of sessions, and what it answers.

A store keeps the values of a context as JSON texts that it does not look into, so that all stores
merge alike. The words of a refusal and the checks of what is asked belong to
`reliability.resilience.session_manager`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A living session as it was when the store answered.

    Attributes:
        session_id: Its id; whoever knows it may use the session, so no message repeats it whole.
        kind: What it is of, for example "guest" or "watch"; the label of the gauge.
        context: What it remembers.
        version: 1 when it was made, one more with each update.
        created_at: When it was made.
        expires_at: First instant at which it is over, unless it is used before.
    """

    session_id: str
    kind: str
    context: Mapping[str, Any]
    version: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How long sessions live and how large they may become.

    Attributes:
        ttl_us: Life behind the last use, in microseconds.
        max_age_us: Life behind the creation, used or not.
        touch_step_us: A touch that would move the end by less than this writes nothing.
        largest_bytes: Largest context; see `size_bytes`.
    """

    ttl_us: int
    max_age_us: int
    touch_step_us: int
    largest_bytes: int

    def expires_us(self, *, created_us: int, now_us: int) -> int:
        """Return the first microsecond at which a session is over that is used now."""
        return min(now_us + self.ttl_us, created_us + self.max_age_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A living session in the form in which stores keep it; instants in microseconds since 1970 in UTC."""

    session_id: str
    kind: str
    fields: Mapping[str, str]
    version: int
    created_us: int
    expires_us: int


class Refusal(StrEnum):
    """Why a store refused; the first that holds, in this order."""

    EXISTS = "exists"
    EXPIRED = "expired"
    VERSION = "version"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What a store answers when it does nothing.

    Attributes:
        why: The reason.
        current_version: Version of the session, if that is the reason.
    """

    why: Refusal
    current_version: int = 0


Answer = Stored | Refused


class SessionStore(Protocol):
    """Keeps sessions; every call is done whole or not at all, one after the other on a session."""

    def create(self, session_id: str, *, kind: str, fields: Mapping[str, str], rules: SessionRules) -> Answer:
        """Make a session unless a living one has this id; takes a few dead ones away."""
        ...

    def get(self, session_id: str) -> Answer:
        """Return the living session."""
        ...

    def touch(self, session_id: str, *, rules: SessionRules) -> Answer:
        """Let the session expire later."""
        ...

    def update(
        self, session_id: str, *, changes: Mapping[str, str | None], expected_version: int | None, rules: SessionRules
    ) -> Answer:
        """Replace the named fields, take away those that are None, count the version, let it expire later."""
        ...

    def end(self, session_id: str) -> bool:
        """Remove the session; False when it was not alive."""
        ...

    def count_active(self) -> Mapping[str, int]:
        """Count the living sessions of each kind that has any, by the index of expiry alone."""
        ...

    def trim(self) -> int:
        """Take the dead ones away; return how many."""
        ...

    def close(self) -> None:
        """Close the connections of this thread."""
        ...


def size_bytes(fields: Mapping[str, str | None]) -> int:
    """Return the size of a context: the bytes of its names in UTF-8 and of its values as JSON."""
    return sum(len(name.encode()) + len(value or "") for name, value in fields.items())
