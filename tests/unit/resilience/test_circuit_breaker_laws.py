"""Any order of calls, results, waits and hands: the breaker does what a model without threads does.

Calls overlap as coroutines that the test steps by hand, so that each order is exact and can
be repeated.
"""

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reliability.errors import CircuitOpenError
from tests.unit.resilience.breakers import Seconds, breaker_with

THRESHOLD, SHARE, WINDOW, LEAST, OPEN, PROBES, GOOD, LEASE = 3, 0.5, 6, 4, 10, 2, 2, 25
ENDS: dict[str, BaseException | None] = {
    "ok": None,
    "failure": RuntimeError("down"),
    "excluded": KeyError("bad query"),
    "cancelled": asyncio.CancelledError(),
}


class Model:
    """The table of states, for one caller at a time."""

    def __init__(self) -> None:
        self.now, self.era = 0, 0
        self.enter("closed")

    def enter(self, state: str) -> None:
        self.state, self.since, self.era = state, self.now, self.era + 1
        self.results: list[bool] = []  # of the calls that counted since
        self.probes: list[list[int]] = []  # those that run, by their start

    def ask(self) -> tuple[int, list[int]] | int:
        """Return a permit, else the seconds to wait."""
        if self.state == "open" and self.now >= self.since + OPEN:
            self.enter("half_open")
        self.probes = [probe for probe in self.probes if self.now - probe[0] <= LEASE]
        if self.state == "open" or (self.state == "half_open" and len(self.probes) == PROBES):
            return self.since + OPEN - self.now if self.state == "open" else 0
        probe = [self.now]
        self.probes += [probe] if self.state == "half_open" else []
        return self.era, probe

    def end(self, permit: tuple[int, list[int]], kind: str) -> None:
        era, probe = permit
        is_late = self.state == "half_open" and self.now - probe[0] > LEASE
        self.probes = [other for other in self.probes if other is not probe]
        if era != self.era or is_late or kind in ("excluded", "cancelled"):
            return
        self.results.append(kind == "ok")
        bad, recent = not self.results[-1], self.results[-WINDOW:]
        in_a_row = len(self.results) >= THRESHOLD and not any(self.results[-THRESHOLD:])
        if bad and (
            self.state == "half_open"
            or in_a_row
            or (len(recent) >= LEAST and recent.count(False) >= SHARE * len(recent))
        ):
            self.enter("open")
        elif self.state == "half_open" and len(self.results) >= GOOD:
            self.enter("closed")


class Pause:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def protected() -> str:
    await Pause()
    return "fine"


Flight = tuple[Coroutine[Any, Any, str], tuple[int, list[int]]]


class BreakerAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.seconds, self.model = Seconds(), Model()
        self.seconds.now = 0
        self.breaker = breaker_with(
            self.seconds,
            failure_threshold=THRESHOLD,
            failure_rate=SHARE,
            window_calls=WINDOW,
            min_calls=LEAST,
            open_seconds=OPEN,
            probe_count=PROBES,
            success_threshold=GOOD,
            probe_timeout_seconds=LEASE,
            excluded=(KeyError,),
        )
        self.flights: list[Flight] = []

    @rule()
    def ask(self) -> None:
        call = self.breaker.call_async(protected)
        expected = self.model.ask()
        if isinstance(expected, tuple):
            call.send(None)
            self.flights.append((call, expected))
            return
        with pytest.raises(CircuitOpenError) as caught:
            call.send(None)
        assert caught.value.retry_after_seconds == expected

    @precondition(lambda self: self.flights)
    @rule(number=st.integers(0, 100), kind=st.sampled_from(sorted(ENDS)))
    def end(self, number: int, kind: str) -> None:
        call, permit = self.flights.pop(number % len(self.flights))
        error = ENDS[kind]
        go_on = partial(call.throw, error) if error else partial(call.send, None)
        with pytest.raises(type(error) if error else StopIteration):
            go_on()
        self.model.end(permit, kind)

    @rule(kinds=st.lists(st.sampled_from(["ok", "failure", "failure", "excluded"]), min_size=1, max_size=6))
    def whole_calls(self, kinds: list[str]) -> None:
        for kind in kinds:
            before = len(self.flights)
            self.ask()
            if len(self.flights) > before:
                self.end(before, kind)

    @rule(seconds=st.sampled_from([1, OPEN - 1, OPEN, LEASE, LEASE + 1]))
    def wait(self, seconds: int) -> None:
        self.seconds.now += seconds
        self.model.now += seconds

    @rule(state=st.sampled_from(["open", "closed"]))
    def by_hand(self, state: str) -> None:
        self.breaker.force_open() if state == "open" else self.breaker.reset()
        self.model.enter(state)

    @invariant()
    def states_agree(self) -> None:
        assert self.breaker.state == self.model.state

    def teardown(self) -> None:
        for call, _ in self.flights:
            call.close()


TestBreakerAgainstModel = pytest.mark.requirement("RES-CB-02")(BreakerAgainstModel.TestCase)
TestBreakerAgainstModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
