"""Locks under storms of processes, beside what one would write instead, and beside three broken ways.

Every process takes random ranges of hours of a few resources and gives back the oldest when it holds
many. What it was granted it notes with the machine's monotonic clock, before it asks and after it was
answered. A double booking is an hour of a resource that two held at the same instant; an inversion is
an hour whose later holder has the smaller token, or a grant that was asked for when a larger token of
the resource had been given already. The broken ways show that the storm finds what is wrong.
"""

import math
import multiprocessing
import random
import threading
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
_SHARE_OF_EXTENSIONS = 0.4
_SHARE_GIVEN_BACK = 0.2  # so that most of what is asked for is held by somebody: a hot spot


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
        released_at: Monotonic seconds before it was given back, or when it had surely not expired yet.
        extension: Whether it is what an extension added, under the token of its lease.
    """

    resource: str
    start: int
    end: int
    token: int
    asked_at: float
    granted_at: float
    released_at: float
    extension: bool = False


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the processes of a storm saw.

    Attributes:
        holdings: What was granted.
        refused: How often somebody else held a part.
        errors: How often what was raised.
        waits: Seconds of each attempt.
        seconds: How long the slowest process was at it; an attempt that began in time is waited for.
    """

    holdings: list[Holding] = field(default_factory=list)
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def attempts(self) -> int:
        """Attempts that were answered, and those that failed."""
        return len(self.holdings) + self.refused + self.errors.total()


class ServiceWay:
    """The lock service, with leases that outlive the storm."""

    ttl_seconds = 3600.0

    def __init__(self, service: LockService) -> None:
        self._service = service

    def acquire(self, resource: str, start: int, end: int) -> tuple[int, Lease] | None:
        """Take a lease."""
        begin, finish = _EPOCH + timedelta(hours=start), _EPOCH + timedelta(hours=end)
        try:
            lease = self._service.acquire(resource, begin, finish, holder="storm", ttl_seconds=self.ttl_seconds)
        except RangeConflictError:
            return None
        return lease.fencing_token, lease

    def release(self, handle: Lease) -> None:
        """Give it back."""
        self._service.release(handle)


class ExtendingWay(ServiceWay):
    """The lock service, with leases that are extended, and that expire in the storm."""

    ttl_seconds = 0.2

    def extend(self, handle: Lease, end: int) -> tuple[int, Lease] | None:
        """Let a range grow; None when somebody else holds a part of what it grows by."""
        try:
            lease = self._service.extend(handle, new_end_at=_EPOCH + timedelta(hours=end))
        except RangeConflictError:
            return None
        return lease.fencing_token, lease


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
        total.seconds = max(total.seconds, part.seconds)
    return total


@dataclass(slots=True)
class _Held:
    handle: Any
    until: float
    parts: list[dict[str, Any]]


def _work(
    make: Callable[[], Way], sender: Any, asks: random.Random, start_at: float, seconds: float, *shape: int
) -> None:
    resources, hours = shape
    worker = _Worker(make(), asks, resources=resources, hours=hours)
    threading.Event().wait(max(0.0, start_at - time.monotonic()))  # all begin at once
    while time.monotonic() < start_at + seconds:
        worker.step()
    worker.tally.seconds = time.monotonic() - start_at
    while worker.held:
        worker.give_back()
    sender.send(worker.tally)


class _Worker:
    """One process of a storm: what it holds, the oldest first, and what it saw."""

    def __init__(self, way: Way, asks: random.Random, *, resources: int, hours: int) -> None:
        self._way, self._asks, self._resources, self._hours = way, asks, resources, hours
        self._extend = getattr(way, "extend", None)
        self.held: deque[_Held] = deque()
        self.tally = Tally()

    def step(self) -> None:
        """Ask once, and give the oldest back when much is held, or at times."""
        if self._extend is not None and self.held and self._asks.random() < _SHARE_OF_EXTENSIONS:
            self._lengthen(self.held[self._asks.randrange(len(self.held))])
        else:
            self._take()
        if self.held and (len(self.held) > _HOLD_AT_MOST or self._asks.random() < _SHARE_GIVEN_BACK):
            self.give_back()

    def give_back(self) -> None:
        """Release the oldest; what was held by then is told."""
        oldest = self.held.popleft()
        released_at = min(time.monotonic(), oldest.until)
        self.tally.holdings += [Holding(**part, released_at=released_at) for part in oldest.parts]
        while True:
            try:
                self._way.release(oldest.handle)
            except Exception as err:  # noqa: BLE001 -- counted by its name, and tried again
                self.tally.errors[f"release: {type(err).__name__}"] += 1
            else:
                return

    def _take(self) -> None:
        first = self._asks.randrange(self._hours)
        last = min(self._hours, first + self._asks.randint(1, _LONGEST_HOURS))
        resource = f"r{self._asks.randrange(self._resources)}"
        answer, times = self._ask(lambda: self._way.acquire(resource, first, last))
        if answer is not None:
            part = {"resource": resource, "start": first, "end": last, "token": answer[0], **times}
            self.held.append(_Held(answer[1], times["asked_at"] + getattr(self._way, "ttl_seconds", math.inf), [part]))

    def _lengthen(self, held: _Held) -> None:
        last = held.parts[-1]
        end = last["end"] + self._asks.randint(1, _LONGEST_HOURS)
        extend = self._extend
        answer, times = self._ask(lambda: extend and extend(held.handle, end))
        if answer is not None:
            held.handle = answer[1]
            held.parts.append({**last, "start": last["end"], "end": end, "extension": True, **times})

    def _ask(self, ask: Callable[[], tuple[int, Any] | None]) -> tuple[tuple[int, Any] | None, dict[str, float]]:
        answer, before = None, time.monotonic()
        try:
            answer = ask()
        except Exception as err:  # noqa: BLE001 -- counted by its name
            self.tally.errors[type(err).__name__] += 1
        else:
            self.tally.refused += answer is None
        now = time.monotonic()
        self.tally.waits.append(now - before)
        return answer, {"asked_at": before, "granted_at": now}


def double_bookings(holdings: Iterable[Holding]) -> int:
    """Count pairs that follow each other on an hour of a resource while the first still holds it."""
    return sum(
        later.granted_at < earlier.released_at
        for hours in _by_hour(holdings).values()
        for earlier, later in pairwise(hours)
    )


def inversions(holdings: Iterable[Holding]) -> int:
    """Count holders of an hour with a smaller token than the one before, and grants out of order."""
    kept = [holding for holding in holdings if not holding.extension]
    of_hours = sum(
        later.token <= earlier.token for hours in _by_hour(kept).values() for earlier, later in pairwise(hours)
    )
    return of_hours + sum(_out_of_order(of_one) for of_one in _by_resource(kept).values())


def _by_hour(holdings: Iterable[Holding]) -> dict[tuple[str, int], list[Holding]]:
    hours: dict[tuple[str, int], list[Holding]] = defaultdict(list)
    # an answer that came when the lease had expired already gave nothing to hold
    kept = [holding for holding in holdings if holding.granted_at < holding.released_at]
    for holding in sorted(kept, key=lambda holding: holding.granted_at):
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
