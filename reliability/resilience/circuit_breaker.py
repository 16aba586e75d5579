"""Circuit breaker: leave a failing dependency alone for a while, then try it with few probes.

CLOSED lets every call through and opens after failures in a row; OPEN refuses; after
`open_seconds` it is HALF_OPEN and lets `probe_count` calls through, whose results close
or open it. What is called, what its errors mean and retries do not belong here.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Literal, ParamSpec, TypeVar

from reliability.errors import CircuitOpenError, ReliabilityError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Outcome = Literal["ok", "failure", "excluded"]
_LOG: Final = logging.getLogger(__name__)


class CircuitState(StrEnum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Guards calls of one dependency; safe for threads, no lock is held during a call.

    Args:
        name: The dependency, for messages.
        failure_threshold: Failures in a row that open it.
        open_seconds: How long it refuses before it lets probes through.
        probe_count: Probes at the same time.
        success_threshold: Successful probes that close it.
        probe_timeout_seconds: Age at which a probe loses its slot and its result is ignored.
        excluded: Errors that count neither as failure nor as success, for example of a
            query that does not parse.
        clock: Seconds that never go back.

    Raises:
        ValueError: A number would never let a call through.
    """

    def __init__(
        self,
        name: str,
        *,
        failure_threshold: int = 5,
        open_seconds: float = 30.0,
        probe_count: int = 1,
        success_threshold: int = 1,
        probe_timeout_seconds: float = 60.0,
        excluded: tuple[type[Exception], ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if min(failure_threshold, probe_count, success_threshold) < 1 or min(open_seconds, probe_timeout_seconds) < 0:
            raise ValueError(f"the breaker '{name}' needs counts of at least 1 and seconds of at least 0")
        self.name = name
        self._failure_threshold = failure_threshold
        self._open_seconds = open_seconds
        self._probe_count = probe_count
        self._success_threshold = success_threshold
        self._probe_timeout_seconds = probe_timeout_seconds
        self._excluded = excluded
        self._clock = clock
        self._lock = threading.Lock()
        self._state = CircuitState.CLOSED
        self._admitted = 0  # calls let through; its value is the permit of each
        self._outdated = 0  # permits up to this one are of an earlier state: their results no longer count
        self._streak = 0  # failures in a row when closed, good probes when half open
        self._opened_at = 0.0
        self._why = ""
        self._probes: dict[int, float] = {}  # start of each probe in flight by its permit

    @property
    def state(self) -> CircuitState:
        """The present state; OPEN becomes HALF_OPEN only when a call comes."""
        with self._lock:
            return self._state

    def call(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Call `function` if the breaker lets it.

        Args:
            function: The protected call.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Returns:
            What it returns; what it raises is raised unchanged.

        Raises:
            CircuitOpenError: It was not called.
        """
        permit = self._admit()
        outcome: Outcome = "excluded"  # an interrupt says nothing about the dependency
        why = ""
        try:
            result = function(*args, **kwargs)
            outcome = "ok"
        except self._excluded:
            raise
        except Exception as err:
            outcome = "failure"
            why = str(err.args[0] if isinstance(err, ReliabilityError) else err) or type(err).__name__
            raise
        finally:
            self._settle(permit, outcome, why)
        return result

    def force_open(self, why: str = "opened by hand") -> None:
        """Open it now; probes start after `open_seconds`."""
        with self._lock:
            self._open(why)
        _LOG.warning("circuit breaker %s was opened: %s", self.name, why)

    def reset(self) -> None:
        """Close it now and forget the failures."""
        with self._lock:
            self._move(CircuitState.CLOSED)
        _LOG.warning("circuit breaker %s was reset", self.name)

    def _admit(self) -> int:
        with self._lock:
            now = self._clock()
            waiting_seconds = self._opened_at + self._open_seconds - now
            if self._state is CircuitState.OPEN:
                if waiting_seconds > 0:
                    raise self._refusal(now, waiting_seconds)
                self._move(CircuitState.HALF_OPEN)
            self._admitted += 1
            if self._state is CircuitState.HALF_OPEN:
                oldest = self._oldest_probe(now)
                self._probes = {number: start for number, start in self._probes.items() if start >= oldest}
                if len(self._probes) >= self._probe_count:
                    raise self._refusal(now, 0.0)
                self._probes[self._admitted] = now
            return self._admitted

    def _settle(self, permit: int, outcome: Outcome, why: str) -> None:
        with self._lock:
            if permit <= self._outdated:
                return
            is_probe = self._state is CircuitState.HALF_OPEN
            if is_probe and self._probes.pop(permit, -math.inf) < self._oldest_probe(self._clock()):
                return  # too late: its slot is or may be given away
            if outcome == "failure":
                self._streak += 1
                if is_probe or self._streak >= self._failure_threshold:
                    self._open(why)
            elif outcome == "ok":
                self._streak = self._streak + 1 if is_probe else 0
                if is_probe and self._streak >= self._success_threshold:
                    self._move(CircuitState.CLOSED)

    def _oldest_probe(self, now: float) -> float:
        return now - self._probe_timeout_seconds

    def _open(self, why: str) -> None:
        self._move(CircuitState.OPEN)
        self._opened_at, self._why = self._clock(), why

    def _move(self, state: CircuitState) -> None:
        """Change the state; results of calls admitted before no longer count."""
        self._state = state
        self._outdated = self._admitted
        self._streak = 0
        self._probes.clear()

    def _refusal(self, now: float, waiting_seconds: float) -> CircuitOpenError:
        then = f"It is tried again in {waiting_seconds:.1f} s" if waiting_seconds else "It is being tried just now"
        return CircuitOpenError(
            f"{self.name} was not asked, because its circuit breaker opened {now - self._opened_at:.1f} s ago "
            f"({self._why.rstrip('.')}). {then}; until then nothing is sent.",
            retry_after_seconds=waiting_seconds,
        )
