"""Half-open windows of time, always aware and in UTC.

What is measured inside a window does not belong here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reliability.clock import format_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The instants from `start`, included, to `end`, excluded.

    Attributes:
        start: First instant, aware.
        end: First instant after the window, aware.

    Raises:
        ValueError: An instant is naive, or the window is empty.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse naive instants and empty windows; normalise to UTC."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs instants with a time zone, for example 2026-11-26T18:40:00Z")
        if self.start >= self.end:
            raise ValueError(f"the window {self.start} / {self.end} is empty; its end must come after its start")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()

    def without_head(self, *, seconds: float) -> "Window | None":
        """Cut `seconds` off the start; None when nothing is left."""
        start = self.start + timedelta(seconds=seconds)
        return Window(start=start, end=self.end) if start < self.end else None

    def __str__(self) -> str:
        """Write the window as an ISO 8601 interval."""
        return f"{format_instant(self.start)} / {format_instant(self.end)}"
