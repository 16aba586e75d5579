"""The circuit breaker beside pybreaker and circuitbreaker, and the way to a Prometheus that never answers.

Run from the root of the project: `python -m tests.bench.breaker_bench [--rounds 15]`.

Each breaker opens after one failure for 0.3 s. Overlap: 8 threads make one call of 50 ms each
through a closed one. Probes: 16 threads, then 16 tasks, ask one whose open time is just over, and the
protected call of 50 ms counts how many get in. Cost: the median over the rounds of the CPU time that
one call of an empty function takes more than without a breaker. The black hole is a listening socket that never
takes a connection; the library beside us is asked as its documentation shows, with a timeout of a
second. Where interlock-cb is installed, both are led through the same 20,000 random steps.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import circuitbreaker
import pybreaker
from prometheus_client import CollectorRegistry
from requests import RequestException

from reliability.errors import CircuitOpenError, ReliabilityError
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuit_metrics import CircuitMetrics
from reliability.sources.connection import Connection
from reliability.sources.live_transport import LiveTransport
from reliability.sources.transport import QUERY
from tests.fault_server import black_hole

_OPEN_SECONDS = 0.3
_CALL_SECONDS = 0.05
_DEADLINE_SECONDS = 1.0
_STEPS = 20_000
Call = Callable[[Callable[[], None]], object]
AsyncCall = Callable[[Callable[[], Awaitable[None]]], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of each side.

    Attributes:
        what: What was measured, with its unit.
        ours: Ours.
        others: Those of the others by name.
        limit: The most that ours may be.
    """

    what: str
    ours: float
    others: dict[str, float]
    limit: float

    @property
    def is_met(self) -> bool:
        """Whether ours is small enough; not when it was not measured."""
        return self.ours <= self.limit

    def line(self) -> str:
        """Write it for a reader."""
        beside = "".join(f"; {name} {value:,.4g}" for name, value in self.others.items())
        mark = "met   " if self.is_met else "MISSED"
        return f"{mark} {self.what}: {self.ours:,.4g} (at most {self.limit:g}){beside}"


def breakers() -> dict[str, Call]:
    """Return a fresh breaker of each kind; they open at the first failure."""
    peer = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=_OPEN_SECONDS)
    other = circuitbreaker.CircuitBreaker(failure_threshold=1, recovery_timeout=_OPEN_SECONDS)
    ours = CircuitBreaker("bench", failure_threshold=1, open_seconds=_OPEN_SECONDS)
    return {"ours": ours.call, "pybreaker": peer.call, "circuitbreaker": other.call}


class Inside:
    """A protected call that counts who gets in."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.entered = 0

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count who stands in the block."""
        with self.lock:
            self.now += 1
            self.entered += 1
            self.most = max(self.most, self.now)
        try:
            yield
        finally:
            with self.lock:
                self.now -= 1

    def __call__(self) -> None:
        """Stand inside for a while."""
        with self.counted():
            _pass(_CALL_SECONDS)

    async def task(self) -> None:
        """Stand inside for a while, as a task."""
        with self.counted():
            await _pass_async(_CALL_SECONDS)


def fail() -> None:
    """Fail."""
    raise RuntimeError("down")


def at_once(call: Callable[[], object], count: int) -> float:
    """Let threads call at the same time; return the seconds until the last one is done."""
    start = threading.Barrier(count + 1)

    def one() -> None:
        start.wait()
        with contextlib.suppress(Exception):
            call()

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(one) for _ in range(count)]
        start.wait()
        begin = time.perf_counter()
        for future in futures:
            future.result()
        return time.perf_counter() - begin


def overlap() -> Row:
    """Measure how long 8 calls of 50 ms take together."""
    seconds = {name: at_once(lambda call=call: call(Inside()), 8) for name, call in breakers().items()}  # type: ignore[misc]
    return _row("8 calls of 50 ms at once, ms", {name: 1000 * value for name, value in seconds.items()}, 150)


def _pass(seconds: float) -> None:
    """Let real time pass, because the clocks of the others cannot be set: it is what a call takes, or an open time."""
    threading.Event().wait(seconds)


async def _pass_async(seconds: float) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


def probes_of_threads() -> Row:
    """Count how many of 16 threads get through when the open time is over."""
    entered = {}
    for name, call in breakers().items():
        with contextlib.suppress(Exception):
            call(fail)
        _pass(1.1 * _OPEN_SECONDS)
        inside = Inside()
        at_once(lambda call=call, inside=inside: call(inside), 16)  # type: ignore[misc]
        entered[name] = float(inside.entered)
    return _row("probes let in, of 16 threads", entered, 1)


async def probes_of_tasks() -> Row:
    """Count how many of 16 tasks get through when the open time is over."""
    other = circuitbreaker.CircuitBreaker(failure_threshold=1, recovery_timeout=_OPEN_SECONDS)
    ours = CircuitBreaker("bench", failure_threshold=1, open_seconds=_OPEN_SECONDS)
    sides: dict[str, tuple[Call, AsyncCall]] = {
        "ours": (ours.call, ours.call_async),
        "circuitbreaker": (other.call, other.call_async),
    }
    entered = {}
    for name, (call, call_async) in sides.items():
        with contextlib.suppress(RuntimeError):
            call(fail)
        await _pass_async(1.1 * _OPEN_SECONDS)
        inside = Inside()
        await asyncio.gather(*(call_async(inside.task) for _ in range(16)), return_exceptions=True)
        entered[name] = float(inside.entered)
    return _row("probes let in, of 16 tasks", entered, 1)


def cost(rounds: int) -> Row:
    """Measure what one call costs more than without a breaker."""
    metered = CircuitBreaker("metered", metrics=CircuitMetrics(CollectorRegistry())).call
    calls = breakers()
    sides: dict[str, Call] = {"none": lambda call: call(), "ours": metered, "ours without metrics": calls.pop("ours")}
    taken: dict[str, list[float]] = {name: [] for name in (*sides, *calls)}
    for _ in range(rounds):
        for name, call in (sides | calls).items():
            taken[name].append(_microseconds(call))
    plain = statistics.median(taken.pop("none"))
    return _row("added per call, µs of CPU", {name: statistics.median(each) - plain for name, each in taken.items()}, 5)


def black_holes() -> list[Row]:
    """Time the first question to a server that never answers, and one that the breaker refuses."""
    from prometheus_api_client import PrometheusConnect  # noqa: PLC0415 -- as its users write it

    with black_hole() as (url, _):
        ours = LiveTransport(Connection(url=url, deadline_seconds=_DEADLINE_SECONDS))
        library = PrometheusConnect(url=url, timeout=_DEADLINE_SECONDS)
        first = _seconds(lambda: ours.ask(QUERY, {"query": "up"}))
        beside = _seconds(lambda: library.custom_query("up"))
        for _ in range(2):
            _seconds(lambda: ours.ask(QUERY, {"query": "up"}))
        refused = [_seconds(lambda: ours.ask(QUERY, {"query": "up"}), CircuitOpenError) for _ in range(200)]
    return [
        _row("black hole, first answer, s", {"ours": first, "prometheus-api-client": beside}, _DEADLINE_SECONDS + 0.5),
        _row("black hole, refused, median ms", {"ours": 1000 * statistics.median(refused)}, 1),
    ]


class Steps:
    """Seconds that pass when the bench says so."""

    now = 1000.0

    def monotonic(self) -> float:
        """Return the present second."""
        return self.now


def same_trace() -> Row | None:
    """Lead ours and interlock-cb, set to 3 failures in a row, through the same steps; None without it."""
    try:
        import interlock  # noqa: PLC0415 -- optional
    except ImportError:
        return None
    clock, rng = Steps(), random.Random(20261127)  # noqa: S311 -- no secret
    ours = CircuitBreaker("ours", failure_threshold=3, open_seconds=30, clock=clock.monotonic)
    config = interlock.Config(
        failure_rate_threshold=1.0, minimum_number_of_calls=3, window_size=3, permitted_calls_in_half_open=1,
        wait_duration_in_open=30.0,
    )  # fmt: skip
    theirs = interlock.CircuitBreaker(name="theirs", config=config, clock=clock)
    different = 0
    for _ in range(_STEPS):
        function = rng.choice((int, fail))
        clock.now += rng.choice((0, 0, 0, 1, 29, 30))
        outcomes = [_outcome(call, function) for call in (ours.call, theirs.call_sync)]
        different += outcomes[0] != outcomes[1] or ours.state.value != theirs.state.value
    return _row(f"steps of {_STEPS:,} that differ from interlock-cb", {"ours": float(different)}, 0)


def _outcome(call: Call, function: Callable[[], object]) -> str:
    try:
        call(function)  # type: ignore[arg-type]
    except RuntimeError as err:
        return "failed" if str(err) == "down" else "refused"
    except Exception:  # noqa: BLE001 -- each side refuses with a class of its own
        return "refused"
    return "ok"


def _row(what: str, figures: dict[str, float], limit: float) -> Row:
    others = {name: value for name, value in figures.items() if name != "ours"}
    return Row(what=what, ours=figures["ours"], others=others, limit=limit)


def _seconds(work: Callable[[], object], error: type[Exception] = ReliabilityError) -> float:
    begin = time.perf_counter()
    with contextlib.suppress(error, RequestException):
        work()
    return time.perf_counter() - begin


def _nothing() -> None:
    """Do nothing."""


def _microseconds(call: Call, count: int = 10_000) -> float:
    begin = time.thread_time_ns()
    for _ in range(count):
        call(_nothing)
    return (time.thread_time_ns() - begin) / count / 1000


def main() -> int:
    """Print all figures; 0 when each limit is kept, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    trace = same_trace()
    rows = [overlap(), probes_of_threads(), asyncio.run(probes_of_tasks()), cost(options.rounds), *black_holes()]
    rows += [trace] if trace else []
    for row in rows:
        sys.stdout.write(f"{row.line()}\n")
    return int(not all(row.is_met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
