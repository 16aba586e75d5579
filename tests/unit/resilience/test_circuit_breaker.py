import inspect
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
import pytest

from reliability.errors import CircuitOpenError, PrometheusUnreachableError, SourceError
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuits import CircuitState
from tests.unit.resilience.breakers import (
    BOUND_SECONDS,
    OPEN_SECONDS,
    Seconds,
    breaker_with,
    fail,
    opened,
    refused,
)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@dataclass
class Blocked:
    """A call that stands inside the protected function until the test lets it go."""

    error: Exception | None = None
    entered: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> str:
        self.entered.set()
        assert self.go.wait(BOUND_SECONDS)
        if self.error:
            raise self.error
        return "late"

    @contextmanager
    def inside(self, breaker: CircuitBreaker) -> Iterator[Callable[[], Future[str]]]:
        """Enter the call; the block gets a function that ends it."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(breaker.call, self)
            assert self.entered.wait(BOUND_SECONDS)

            def end() -> Future[str]:
                self.go.set()
                with suppress(RuntimeError):
                    future.result(BOUND_SECONDS)
                return future

            try:
                yield end
            finally:
                self.go.set()


@pytest.mark.requirement("RES-CB-01")
def test_it_opens_at_exactly_the_threshold(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=3)

    states = []
    for _ in range(3):
        fail(breaker)
        states.append(breaker.state)

    assert states == [CircuitState.CLOSED, CircuitState.CLOSED, CircuitState.OPEN]


@pytest.mark.requirement("RES-CB-01")
def test_a_success_starts_the_count_anew(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=2)

    fail(breaker)
    assert breaker.call(lambda: "fine") == "fine"
    fail(breaker)

    assert breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize("error", [KeyError("bad query"), KeyboardInterrupt()], ids=["excluded", "interrupt"])
def test_excluded_errors_and_interrupts_neither_count_nor_start_the_count_anew(seconds: Seconds, error: BaseException):
    breaker = breaker_with(seconds, failure_threshold=2, excluded=(KeyError,))

    fail(breaker)
    for _ in range(5):
        fail(breaker, error)
    states = [breaker.state]
    fail(breaker)

    assert [*states, breaker.state] == [CircuitState.CLOSED, CircuitState.OPEN]


def test_it_refuses_just_before_its_time_is_over_and_probes_at_that_instant(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=1)
    fail(breaker)

    seconds.now += 29.99
    assert refused(breaker).retry_after_seconds == pytest.approx(0.01)
    seconds.now = 1000.0 + OPEN_SECONDS

    assert breaker.call(lambda: breaker.state) is CircuitState.HALF_OPEN
    assert breaker.state is CircuitState.CLOSED


def test_a_refusal_says_since_when_and_why(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=1)
    fail(breaker, PrometheusUnreachableError("Prometheus cannot be reached: connection refused. Check the address."))
    seconds.now += 12.5

    error = refused(breaker)

    assert isinstance(error, SourceError)
    assert str(error) == (
        "Prometheus was not asked, because its circuit breaker opened 12.5 s ago (Prometheus cannot be reached: "
        "connection refused. Check the address). It is tried again in 17.5 s; until then nothing is sent. "
        "[breaker-open]"
    )


def test_a_refusal_during_a_probe_says_so(seconds: Seconds):
    breaker = opened(seconds)

    with Blocked().inside(breaker) as end:
        seconds.now += 1
        words = str(refused(breaker))
        end()

    assert "opened 31.0 s ago (connection refused). It is being tried just now; until then nothing is sent." in words


def test_arguments_arrive_as_they_were_given(seconds: Seconds):
    assert breaker_with(seconds).call(dict, [("a", 1)], b=2) == {"a": 1, "b": 2}


def test_the_defaults_are_those_of_the_table():
    options = inspect.signature(CircuitBreaker).parameters
    numbers = {name: each.default for name, each in options.items() if isinstance(each.default, (int, float))}

    assert numbers == {
        "failure_threshold": 5, "window_calls": 20, "min_calls": 10, "open_seconds": 30, "probe_count": 1,
        "success_threshold": 1, "probe_timeout_seconds": 60,
    }  # fmt: skip
    assert [options[name].default for name in ("failure_rate", "counted", "excluded")] == [None, (Exception,), ()]


def test_a_failed_probe_opens_it_again_for_the_whole_time(seconds: Seconds):
    breaker = opened(seconds)

    fail(breaker)

    assert breaker.state is CircuitState.OPEN
    assert refused(breaker).retry_after_seconds == OPEN_SECONDS


@pytest.mark.requirement("RES-CB-02")
def test_it_closes_after_as_many_good_probes_as_asked_for(seconds: Seconds):
    breaker = opened(seconds, success_threshold=2)

    states = []
    for _ in range(2):
        breaker.call(int)
        states.append(breaker.state)

    assert states == [CircuitState.HALF_OPEN, CircuitState.CLOSED]


@pytest.mark.parametrize("error", [KeyError("bad query"), KeyboardInterrupt()], ids=["excluded", "interrupt"])
def test_a_probe_without_a_result_returns_its_slot(seconds: Seconds, error: BaseException):
    breaker = opened(seconds, excluded=(KeyError,))

    fail(breaker, error)

    assert breaker.state is CircuitState.HALF_OPEN
    assert breaker.call(lambda: "next probe") == "next probe"


@pytest.mark.requirement("RES-CB-03")
def test_sixteen_threads_at_once_send_one_probe(seconds: Seconds):
    breaker = opened(seconds)
    start, all_refused, probe = threading.Barrier(16), threading.Event(), Blocked()
    refusals: list[float] = []

    def one() -> str | None:
        start.wait(BOUND_SECONDS)
        try:
            return breaker.call(probe)
        except CircuitOpenError as err:
            refusals.append(err.retry_after_seconds)
            if len(refusals) == 15:
                all_refused.set()
            return None

    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(one) for _ in range(16)]
        assert all_refused.wait(BOUND_SECONDS)
        probe.go.set()
        results = [future.result(BOUND_SECONDS) for future in futures]

    assert results.count("late") == 1
    assert refusals == [0.0] * 15
    assert breaker.state is CircuitState.CLOSED


def test_no_lock_is_held_during_the_protected_call(seconds: Seconds):
    breaker = breaker_with(seconds)
    inside = threading.Barrier(8)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(breaker.call, inside.wait, BOUND_SECONDS) for _ in range(8)]
        places = sorted(future.result(BOUND_SECONDS) for future in futures)

    assert places == list(range(8))  # all eight stood inside together, else the barrier breaks


@pytest.mark.requirement("RES-CB-02")
def test_a_success_from_before_it_opened_does_not_close_it(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=1)

    with Blocked().inside(breaker) as end:
        fail(breaker)
        assert end().result() == "late"

    assert breaker.state is CircuitState.OPEN


def test_a_failure_from_before_it_opened_does_not_end_the_probing(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=1, success_threshold=2)

    with Blocked(error=RuntimeError("late")).inside(breaker) as end:
        fail(breaker)
        seconds.now += OPEN_SECONDS
        breaker.call(int)
        assert isinstance(end().exception(), RuntimeError)

    assert breaker.state is CircuitState.HALF_OPEN


@pytest.mark.parametrize("has_recovered", [False, True], ids=["open", "closed again"])
def test_a_failure_from_before_it_opened_neither_prolongs_nor_counts(seconds: Seconds, has_recovered: bool):
    breaker = breaker_with(seconds, failure_threshold=1)

    with Blocked(error=RuntimeError("late")).inside(breaker) as end:
        fail(breaker)
        seconds.now += OPEN_SECONDS - 1
        if has_recovered:
            breaker.reset()
        end()
        seconds.now += 1

    assert breaker.call(lambda: "let through") == "let through"


def test_a_failure_of_the_last_call_before_it_was_reset_does_not_count(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=1)

    with Blocked(error=RuntimeError("late")).inside(breaker) as end:
        breaker.reset()
        end()

    assert breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize("error", [None, RuntimeError("late")], ids=["success", "failure"])
def test_a_probe_that_hangs_loses_its_slot_and_its_late_result_is_ignored(seconds: Seconds, error: Exception | None):
    breaker = opened(seconds, success_threshold=2, probe_timeout_seconds=60)

    with Blocked(error=error).inside(breaker) as end:
        seconds.now += 60
        assert refused(breaker).retry_after_seconds == 0
        seconds.now += 0.01
        breaker.call(int)
        end()

    assert breaker.state is CircuitState.HALF_OPEN


def test_it_is_opened_and_reset_by_hand_at_once_and_says_so(seconds: Seconds, caplog: pytest.LogCaptureFixture):
    breaker = breaker_with(seconds)

    with caplog.at_level(logging.WARNING):
        breaker.force_open("maintenance")
        assert "(maintenance)" in str(refused(breaker))
        breaker.reset()

    assert breaker.call(lambda: "fine") == "fine"
    assert [record.getMessage() for record in caplog.records] == [
        "circuit breaker Prometheus was opened: maintenance",
        "circuit breaker Prometheus was reset",
    ]


@pytest.mark.parametrize(
    ("option", "value", "limits"),
    [
        ("failure_threshold", 0, "at least 1"),
        ("probe_count", 0, "at least 1"),
        ("success_threshold", 0, "at least 1"),
        ("open_seconds", -0.1, "at least 0"),
        ("open_seconds", float("nan"), "at least 0"),
        ("probe_timeout_seconds", -1, "at least 0"),
        ("failure_rate", 0.0, "0.05 to 1"),
        ("failure_rate", 1.01, "0.05 to 1"),
        ("min_calls", 0, "1 to 20"),
        ("min_calls", 21, "1 to 20"),
    ],
)
def test_a_number_that_would_never_let_a_call_through_or_never_open_it_is_refused(
    option: str, value: float, limits: str
):
    with pytest.raises(ValueError, match=re.escape(f"'Prometheus' needs {option} of {limits}, not {value:g}")):
        breaker_with(Seconds(), **{option: value})


@pytest.mark.parametrize(
    "options",
    [
        {"failure_threshold": 1, "probe_count": 1, "success_threshold": 1, "min_calls": 1, "window_calls": 1},
        {"open_seconds": 0, "probe_timeout_seconds": 0, "failure_rate": 1, "min_calls": 20},
    ],
    ids=["counts", "seconds and share"],
)
def test_the_least_and_the_most_that_serve_are_taken(options: dict[str, float]):
    assert breaker_with(Seconds(), **options).call(lambda: "fine") == "fine"


class Inside:
    """Counts who stands inside the protected function."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.calls = self.refused = 0

    def __call__(self, error: BaseException | None) -> None:
        with self.lock:
            self.now += 1
            self.calls += 1
            self.most = max(self.most, self.now)
        try:
            if error is not None:
                raise error
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def eager_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.requirement("RES-CB-03")
@pytest.mark.usefixtures("eager_switches")
def test_a_storm_of_threads_never_has_two_probes_at_once_and_leaves_none_behind(seconds: Seconds):
    breaker = breaker_with(seconds, success_threshold=10**9, excluded=(KeyError,), probe_timeout_seconds=1e9)
    breaker.force_open()  # it never closes, so each call that gets through is a probe
    inside = Inside()

    def storm(seed: int) -> None:
        for choice in np.random.default_rng(seed).integers(4, size=2000):
            try:
                breaker.call(inside, (None, RuntimeError(), KeyError(), KeyboardInterrupt())[choice])
            except CircuitOpenError:
                with inside.lock:
                    inside.refused += 1
                    seconds.now += OPEN_SECONDS / 10
            except (RuntimeError, KeyError, KeyboardInterrupt):
                pass

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(storm, range(16), timeout=BOUND_SECONDS))

    assert (inside.most, inside.now) == (1, 0)
    assert inside.calls + inside.refused == 16 * 2000
    assert inside.calls > 100  # how many get in depends on how the machine schedules the threads
    seconds.now += OPEN_SECONDS
    assert breaker.call(lambda: "the slot is free") == "the slot is free"
