"""Circuit breaker: leave a failing dependency alone for a while, then try it with few probes.

CLOSED lets every call through and opens after failures in a row, or at a share of failures
among the last calls; OPEN refuses; after `open_seconds` it is HALF_OPEN and lets
`probe_count` calls through, whose results close or open it. What is called, what its errors
mean, retries and Prometheus do not belong here.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, ParamSpec, TypeAlias, TypeVar

from reliability.errors import CircuitOpenError, ReliabilityError
from reliability.resilience.circuits import CircuitChange, CircuitRecorders, CircuitState, Listener, Outcome

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_LOG: Final = logging.getLogger(__name__)
_LONGEST_WORDS: Final = 300  # of an error that is repeated in every refusal


_Permit: TypeAlias = tuple[int, float, CircuitChange | None]  # its number, when it was given, what it changed


class CircuitBreaker:
    """Guards calls of one dependency, plain and asyncio alike; safe for threads, no lock is held during a call.

    The error of a call is raised unchanged, also that of the call which opens the breaker.
    An error that does not count is neither failure nor success: it changes no count and
    gives a probe's slot back. So do `KeyboardInterrupt`, `CancelledError` and their kind.

    Args:
        name: The dependency, for messages and metrics.
        failure_threshold: Failures in a row that open it.
        failure_rate: Share of failures among the last `window_calls` that opens it as well, at most 1; None: none does.
        window_calls: Calls that the share is taken of.
        min_calls: Calls below which the share says nothing.
        open_seconds: How long it refuses before it lets probes through.
        probe_count: Probes at the same time.
        success_threshold: Successful probes that close it.
        probe_timeout_seconds: Age past which a probe loses its slot and its result is ignored.
        counted: Errors that count as failures.
        excluded: Errors among those that do not, for example of a query that does not parse.
        listeners: Called after each change of the state, outside the lock; one that raises is counted and logged.
        metrics: Where calls and changes are counted.
        clock: Seconds that never go back.

    Raises:
        ValueError: A number would never let a call through, or never open it.
    """

    def __init__(
        self,
        name: str,
        *,
        failure_threshold: int = 5,
        failure_rate: float | None = None,
        window_calls: int = 20,
        min_calls: int = 10,
        open_seconds: float = 30.0,
        probe_count: int = 1,
        success_threshold: int = 1,
        probe_timeout_seconds: float = 60.0,
        counted: tuple[type[Exception], ...] = (Exception,),
        excluded: tuple[type[Exception], ...] = (),
        listeners: Sequence[Listener] = (),
        metrics: CircuitRecorders | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check(name, "failure_threshold", failure_threshold, 1)
        _check(name, "min_calls", min_calls, 1, window_calls)
        if failure_rate is not None:
            _check(name, "failure_rate", failure_rate, 1 / window_calls, 1.0)
        _check(name, "probe_count", probe_count, 1)
        _check(name, "success_threshold", success_threshold, 1)
        _check(name, "open_seconds", open_seconds, 0)
        _check(name, "probe_timeout_seconds", probe_timeout_seconds, 0)
        self.name = name
        self._failure_threshold, self._failure_rate, self._min_calls = failure_threshold, failure_rate, min_calls
        self._open_seconds, self._probe_timeout_seconds = open_seconds, probe_timeout_seconds
        self._probe_count, self._success_threshold = probe_count, success_threshold
        self._counted, self._excluded = counted, excluded
        self._listeners = tuple(listeners)
        self._clock = clock
        self._lock = threading.Lock()
        self._state = CircuitState.CLOSED
        self._admitted = 0  # calls that asked; its value is the permit of each
        self._outdated = 0  # permits up to this one are of an earlier state: their results no longer count
        self._changes = 0
        self._streak = 0  # failures in a row when closed, good probes when half open
        self._recent: deque[bool] = deque(maxlen=window_calls)  # whether each of the last calls failed
        self._opened_at, self._why = 0.0, ""
        self._probes: dict[int, float] = {}  # start of each probe in flight by its permit
        self._recorder = metrics.recorder(name, lambda: self.state) if metrics else None

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
        try:
            if permit[2]:
                self._tell(permit[2])
            result = function(*args, **kwargs)
        except BaseException as err:
            self._settle(permit, err)
            raise
        self._settle(permit, None)
        return result

    async def call_async(
        self, function: Callable[Arguments, Awaitable[Result]], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Call `function` and await it if the breaker lets it; a task that is cancelled gives its slot back.

        Args:
            function: The protected call, for example a coroutine function.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Returns:
            What its awaitable returns; what it raises is raised unchanged.

        Raises:
            CircuitOpenError: It was not called.
        """
        permit = self._admit()
        try:
            if permit[2]:
                self._tell(permit[2])
            result = await function(*args, **kwargs)
        except BaseException as err:
            self._settle(permit, err)
            raise
        self._settle(permit, None)
        return result

    def force_open(self, why: str = "opened by hand") -> None:
        """Open it now; probes start after `open_seconds`.

        Args:
            why: For the messages of the calls that it refuses.
        """
        with self._lock:
            change = self._open(why)
        _LOG.warning("circuit breaker %s was opened: %s", self.name, why)
        self._tell(change)

    def reset(self) -> None:
        """Close it now and forget the failures."""
        with self._lock:
            change = self._move(CircuitState.CLOSED, "reset by hand")
        _LOG.warning("circuit breaker %s was reset", self.name)
        self._tell(change)

    def _admit(self) -> _Permit:
        with self._lock:
            now = self._clock()
            change = refusal = None
            self._admitted = number = self._admitted + 1
            if self._state is not CircuitState.CLOSED:
                if self._state is CircuitState.OPEN and now >= self._opened_at + self._open_seconds:
                    change = self._move(CircuitState.HALF_OPEN, self._why)
                    self._outdated = number - 1  # its own result counts
                refusal = self._refusal_of(number, now)
        if refusal:
            if self._recorder:
                self._recorder.rejected()
            raise refusal
        return number, now, change

    def _refusal_of(self, number: int, now: float) -> CircuitOpenError | None:
        """Make the call a probe, or return why it cannot be one."""
        waiting_seconds = self._opened_at + self._open_seconds - now
        if self._state is CircuitState.HALF_OPEN:
            oldest = self._oldest_probe(now)
            self._probes = {probe: start for probe, start in self._probes.items() if start >= oldest}
            if len(self._probes) < self._probe_count:
                self._probes[number] = now
                return None
            waiting_seconds = 0.0
        then = f"It is tried again in {waiting_seconds:.1f} s" if waiting_seconds else "It is being tried just now"
        return CircuitOpenError(
            f"{self.name} was not asked, because its circuit breaker opened {now - self._opened_at:.1f} s ago "
            f"({self._why.rstrip('.')}). {then}; until then nothing is sent.",
            retry_after_seconds=waiting_seconds,
        )

    def _settle(self, permit: _Permit, error: BaseException | None) -> None:
        """Count the result of a call that was let through."""
        outcome: Outcome = "ok"
        why = ""
        if error is not None:
            is_counted = isinstance(error, self._counted) and not isinstance(error, self._excluded)
            outcome = "failure" if is_counted and isinstance(error, Exception) else "excluded"
            why = _words_of(error) if outcome == "failure" else ""
        number, started, _ = permit
        with self._lock:
            change = self._count(number, outcome, why) if number > self._outdated else None
        if self._recorder:
            self._recorder.called(outcome, self._clock() - started)
        if change:
            self._tell(change)

    def _count(self, number: int, outcome: Outcome, why: str) -> CircuitChange | None:
        is_probe = self._state is CircuitState.HALF_OPEN
        if is_probe and self._probes.pop(number, -math.inf) < self._oldest_probe(self._clock()):
            return None  # too late: its slot is or may be given away
        if outcome == "excluded":
            return None
        has_failed = outcome == "failure"
        self._streak = self._streak + 1 if has_failed is not is_probe else 0
        self._recent.append(has_failed)
        if has_failed and (is_probe or self._streak >= self._failure_threshold or self._fails_too_often()):
            return self._open(why)
        if is_probe and self._streak >= self._success_threshold:
            return self._move(CircuitState.CLOSED, "its probes succeeded")
        return None

    def _fails_too_often(self) -> bool:
        calls = len(self._recent)
        return (
            self._failure_rate is not None
            and calls >= self._min_calls
            and (sum(self._recent) >= self._failure_rate * calls)
        )

    def _oldest_probe(self, now: float) -> float:
        return now - self._probe_timeout_seconds

    def _open(self, why: str) -> CircuitChange:
        self._opened_at, self._why = self._clock(), why
        return self._move(CircuitState.OPEN, why)

    def _move(self, state: CircuitState, why: str) -> CircuitChange:
        """Change the state; results of calls admitted before no longer count."""
        before, self._state = self._state, state
        self._outdated = self._admitted
        self._changes += 1
        self._streak = 0
        self._recent.clear()
        self._probes.clear()
        return CircuitChange(name=self.name, before=before, after=state, why=why, number=self._changes)

    def _tell(self, change: CircuitChange) -> None:
        """Tell of a change, outside the lock; no listener may change what a call returns."""
        _LOG.info("circuit breaker %s went from %s to %s: %s", self.name, change.before, change.after, change.why)
        if self._recorder:
            self._recorder.changed(change)
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:  # noqa: BLE001 -- whatever it is, it must not reach who asked the dependency
                _LOG.warning("a listener of the circuit breaker %s failed", self.name, exc_info=True)
                if self._recorder:
                    self._recorder.listener_failed()


def _check(name: str, option: str, value: float, least: float, most: float = math.inf) -> None:
    if not least <= value <= most:
        limits = f"at least {least:g}" if most == math.inf else f"{least:g} to {most:g}"
        raise ValueError(f"the breaker '{name}' needs {option} of {limits}, not {value:g}")


def _words_of(error: BaseException) -> str:
    """Return what an error says, without its slug; its class where it says nothing or cannot."""
    try:
        words = str(error.args[0]) if isinstance(error, ReliabilityError) and error.args else str(error)
    except Exception:  # noqa: BLE001 -- a foreign error that cannot be printed must still be raised unchanged
        words = ""
    return words.strip()[:_LONGEST_WORDS] or type(error).__name__
