"""Stays: half-open ranges of nights."""

from dataclasses import dataclass, replace
from datetime import date, timedelta


class StayError(ValueError):
    """A stay that cannot be."""


@dataclass(frozen=True)
class Stay:
    """A room from one day up to another, which is free again."""

    room: int
    begin: date
    end: date

    def __post_init__(self):
        if self.end <= self.begin:
            raise StayError(f"{self.begin} to {self.end} has no night")

    @property
    def nights(self):
        """How many nights it has."""
        return (self.end - self.begin).days

    def overlaps(self, other):
        """Tell whether two stays want the same night of the same room."""
        return self.room == other.room and self.begin < other.end and other.begin < self.end

    def extended(self, nights, *, taken=()):
        """Make it longer, unless a night is taken."""
        longer = replace(self, end=self.end + timedelta(days=nights))
        for other in taken:
            if other != self and longer.overlaps(other):
                raise StayError(f"room {self.room} is taken from {other.begin}")
        return longer


def free_rooms(rooms, stays, *, begin, end):
    """Find rooms that are free on every night of a range."""
    free = []
    for room in rooms:
        wanted = Stay(room, begin, end)
        if not any(wanted.overlaps(stay) for stay in stays):
            free.append(room)
    return free


def longest_gap(stays, *, room):
    """Find the longest run of free nights between two stays of a room."""
    own = sorted((stay for stay in stays if stay.room == room), key=lambda stay: stay.begin)
    gaps = [(later.begin - earlier.end).days for earlier, later in zip(own, own[1:], strict=False)]
    return max(gaps, default=0)
