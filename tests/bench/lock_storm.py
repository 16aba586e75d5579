"""Locks under storms of processes, beside what one would write instead, and beside three broken ways.

Run from the root of the project:
`python -m tests.bench.lock_storm [--seconds 60] [--processes 8] [--postgres-variable NAME]`.

Every process takes random ranges of hours of a few resources and gives back the oldest when it holds
many. What it was granted it notes with the machine's monotonic clock, before it asks and after it was
answered. A double booking is an hour of a resource that two held at the same instant; an inversion is
an hour whose later holder has the smaller token, or a grant that was asked for when a larger token of
the resource had been given already. The broken ways show that the storm finds what is wrong.
"""

import multiprocessing
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol

from reliability.errors import RangeConflictError
from reliability.resilience.lock_service import Lease, LockService

_FORK = multiprocessing.get_context("fork")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_HOLD_AT_MOST = 21
_LONGEST_HOURS = 5


class Way(Protocol):
    """A way to lock a range of hours of a resource."""

    def acquire(self, resource: str, start: int, end: int) -> tuple[int, object] | None:
        """Return a token and what `release` takes, or None when somebody else holds a part."""
        ...

    def release(self, handle: Any) -> None:
        """Give the range back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one process was granted.

    Attributes:
        resource: What.
        start: First hour.
        end: First hour behind the range.
        token: Fencing token.
        asked_at: Monotonic seconds before it was asked for.
        granted_at: Monotonic seconds behind the answer.
        released_at: Monotonic seconds before it was given back.
    """

    resource: str
    start: int
    end: int
    token: int
    asked_at: float
    granted_at: float
    released_at: float


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the processes of a storm saw.

    Attributes:
        holdings: What was granted.
        refused: How often somebody else held a part.
        errors: How often what was raised.
        waits: Seconds of each attempt.
    """

    holdings: list[Holding] = field(default_factory=list)
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """Attempts that were answered, and those that failed."""
        return len(self.holdings) + self.refused + self.errors.total()


class ServiceWay:
    """The lock service."""

    def __init__(self, service: LockService) -> None:
        self._service = service

    def acquire(self, resource: str, start: int, end: int) -> tuple[int, Lease] | None:
        """Take a lease that outlives the storm."""
        begin, finish = _EPOCH + timedelta(hours=start), _EPOCH + timedelta(hours=end)
        try:
            lease = self._service.acquire(resource, begin, finish, holder="storm", ttl_seconds=3600)
        except RangeConflictError:
            return None
        return lease.fencing_token, lease

    def release(self, handle: Lease) -> None:
        """Give it back."""
        self._service.release(handle)


def storm(
    make: Callable[[], Way], *, seconds: float, processes: int = 8, resources: int = 1, hours: int = 60, seed: int = 1
) -> Tally:
    """Let processes take and give back ranges.

    Args:
        make: Makes the way to lock, in each process.
        seconds: How long.
        processes: How many.
        resources: How many resources.
        hours: How many hours each has: few make a hot spot.
        seed: Of what is asked for.

    Returns:
        What they saw.

    Raises:
        RuntimeError: A process ended without telling what it saw.
    """
    start_at = time.monotonic() + 0.3
    workers = []
    for number in range(processes):
        receiver, sender = _FORK.Pipe(duplex=False)
        asks = random.Random(seed * 1000 + number)  # noqa: S311 -- a storm that can be had again
        arguments = (make, sender, asks, start_at, seconds, resources, hours)
        process = _FORK.Process(target=_work, args=arguments)
        process.start()
        sender.close()
        workers.append((process, receiver))
    total = Tally()
    for process, receiver in workers:
        try:
            part: Tally = receiver.recv()
        except EOFError:
            raise RuntimeError("a process of the storm ended without telling what it saw") from None
        process.join()
        total.holdings += part.holdings
        total.refused += part.refused
        total.errors += part.errors
        total.waits += part.waits
    return total


def _work(
    make: Callable[[], Way], sender: Any, asks: random.Random, start_at: float, seconds: float, *shape: int
) -> None:
    resources, hours = shape
    way, tally, held = make(), Tally(), deque[tuple[Any, tuple[Any, ...]]]()
    time.sleep(max(0.0, start_at - time.monotonic()))
    while time.monotonic() < start_at + seconds:
        first = asks.randrange(hours)
        asked = (f"r{asks.randrange(resources)}", first, min(hours, first + asks.randint(1, _LONGEST_HOURS)))
        before = time.monotonic()
        try:
            answer = way.acquire(*asked)
        except Exception as err:  # noqa: BLE001 -- counted by its name
            tally.errors[type(err).__name__] += 1
            answer = None
        else:
            tally.refused += answer is None
        now = time.monotonic()
        tally.waits.append(now - before)
        if answer is not None:
            token, handle = answer
            held.append((handle, (*asked, token, before, now)))
        if len(held) > _HOLD_AT_MOST or (held and (answer is None or asks.random() < 0.5)):
            _give_back(way, tally, held)
    while held:
        _give_back(way, tally, held)
    sender.send(tally)


def _give_back(way: Way, tally: Tally, held: deque[tuple[Any, tuple[Any, ...]]]) -> None:
    handle, (resource, start, end, token, asked_at, granted_at) = held.popleft()
    released_at = time.monotonic()
    tally.holdings.append(
        Holding(
            resource=resource,
            start=start,
            end=end,
            token=token,
            asked_at=asked_at,
            granted_at=granted_at,
            released_at=released_at,
        )
    )
    while True:
        try:
            way.release(handle)
        except Exception as err:  # noqa: BLE001 -- counted by its name, and tried again
            tally.errors[f"release: {type(err).__name__}"] += 1
        else:
            return


def double_bookings(holdings: Iterable[Holding]) -> int:
    """Count pairs that follow each other on an hour of a resource while the first still holds it."""
    return sum(
        later.granted_at < earlier.released_at
        for hours in _by_hour(holdings).values()
        for earlier, later in pairwise(hours)
    )


def inversions(holdings: Iterable[Holding]) -> int:
    """Count holders of an hour with a smaller token than the one before, and grants out of order."""
    kept = list(holdings)
    of_hours = sum(
        later.token <= earlier.token for hours in _by_hour(kept).values() for earlier, later in pairwise(hours)
    )
    return of_hours + sum(_out_of_order(of_one) for of_one in _by_resource(kept).values())


def _by_hour(holdings: Iterable[Holding]) -> dict[tuple[str, int], list[Holding]]:
    hours: dict[tuple[str, int], list[Holding]] = defaultdict(list)
    for holding in sorted(holdings, key=lambda holding: holding.granted_at):
        for hour in range(holding.start, holding.end):
            hours[holding.resource, hour].append(holding)
    return hours


def _by_resource(holdings: Iterable[Holding]) -> dict[str, list[Holding]]:
    resources: dict[str, list[Holding]] = defaultdict(list)
    for holding in holdings:
        resources[holding.resource].append(holding)
    return resources


def _out_of_order(holdings: list[Holding]) -> int:
    """Count those asked for behind the answer of a larger token."""
    granted = sorted(holdings, key=lambda holding: holding.granted_at)
    largest, answered, count = 0, 0, 0
    for holding in sorted(holdings, key=lambda holding: holding.asked_at):
        while answered < len(granted) and granted[answered].granted_at <= holding.asked_at:
            largest = max(largest, granted[answered].token)
            answered += 1
        count += holding.token < largest
    return count
