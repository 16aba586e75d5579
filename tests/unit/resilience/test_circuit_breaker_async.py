import asyncio
import threading

import pytest

from reliability.errors import CircuitOpenError
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuits import CircuitState
from tests.unit.resilience.breakers import BOUND_SECONDS, Seconds, breaker_with, fail, opened, refused


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


class Gate:
    """A protected coroutine function that counts who is inside and waits to be opened."""

    def __init__(self) -> None:
        self.inside = 0
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, result: str = "fine") -> str:
        self.inside += 1
        self.entered.set()
        await self.open.wait()
        return result


async def failing() -> None:
    raise RuntimeError("connection refused")


async def wait_refused(breaker: CircuitBreaker) -> CircuitOpenError:
    with pytest.raises(CircuitOpenError) as caught:
        await breaker.call_async(failing)
    return caught.value


def test_a_coroutine_returns_what_it_returns_and_raises_what_it_raises(seconds: Seconds):
    async def story() -> str:
        breaker = breaker_with(seconds)
        gate = Gate()
        gate.open.set()
        with pytest.raises(RuntimeError, match="connection refused"):
            await breaker.call_async(failing)
        return await breaker.call_async(gate, "mine") + await breaker.call_async(gate, result=", too")

    assert asyncio.run(story()) == "mine, too"


@pytest.mark.requirement("RES-CB-01")
def test_plain_calls_and_tasks_count_on_the_same_breaker(seconds: Seconds):
    async def story() -> list[CircuitState]:
        breaker = breaker_with(seconds, failure_threshold=2)
        fail(breaker)
        before = breaker.state
        with pytest.raises(RuntimeError):
            await breaker.call_async(failing)
        await wait_refused(breaker)
        refused(breaker)
        return [before, breaker.state]

    assert asyncio.run(story()) == [CircuitState.CLOSED, CircuitState.OPEN]


@pytest.mark.requirement("RES-CB-03")
def test_sixteen_tasks_at_once_send_one_probe(seconds: Seconds):
    async def story() -> tuple[int, list[str | BaseException], CircuitState]:
        breaker, gate = opened(seconds), Gate()
        tasks = [asyncio.create_task(breaker.call_async(gate)) for _ in range(16)]
        await gate.entered.wait()
        await asyncio.wait(tasks[1:], return_when=asyncio.ALL_COMPLETED)
        gate.open.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return gate.inside, results, breaker.state

    inside, results, state = asyncio.run(asyncio.wait_for(story(), BOUND_SECONDS))

    assert inside == 1
    assert results[0] == "fine"
    assert [type(result) for result in results[1:]] == [CircuitOpenError] * 15
    assert state is CircuitState.CLOSED


def test_eight_tasks_stand_inside_together(seconds: Seconds):
    async def story() -> int:
        breaker, gate = breaker_with(seconds), Gate()
        tasks = [asyncio.create_task(breaker.call_async(gate)) for _ in range(8)]
        await asyncio.sleep(0)
        inside = gate.inside
        gate.open.set()
        await asyncio.gather(*tasks)
        return inside

    assert asyncio.run(asyncio.wait_for(story(), BOUND_SECONDS)) == 8


def test_a_probe_whose_task_is_cancelled_returns_its_slot(seconds: Seconds):
    async def story() -> tuple[CircuitState, str]:
        breaker, gate = opened(seconds), Gate()
        probe = asyncio.create_task(breaker.call_async(gate))
        await gate.entered.wait()
        assert (await wait_refused(breaker)).retry_after_seconds == 0
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        state = breaker.state
        gate.open.set()
        return state, await breaker.call_async(gate)

    assert asyncio.run(asyncio.wait_for(story(), BOUND_SECONDS)) == (CircuitState.HALF_OPEN, "fine")


def test_a_probe_that_ran_into_its_deadline_is_a_failure(seconds: Seconds):
    async def story() -> CircuitState:
        breaker = opened(seconds)

        async def slow() -> None:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await breaker.call_async(slow)
        return breaker.state

    assert asyncio.run(story()) is CircuitState.OPEN


def test_a_function_that_fails_before_there_is_anything_to_await_counts(seconds: Seconds):
    def no_coroutine() -> asyncio.Future[None]:
        raise RuntimeError("no connection")

    async def story() -> CircuitState:
        breaker = breaker_with(seconds, failure_threshold=1)
        with pytest.raises(RuntimeError, match="no connection"):
            await breaker.call_async(no_coroutine)
        return breaker.state

    assert asyncio.run(story()) is CircuitState.OPEN


def test_a_probe_in_a_thread_keeps_tasks_of_a_loop_out(seconds: Seconds):
    breaker = opened(seconds)
    entered, go = threading.Event(), threading.Event()

    def probe() -> bool:
        entered.set()
        return go.wait(BOUND_SECONDS)

    thread = threading.Thread(target=breaker.call, args=(probe,))
    thread.start()
    assert entered.wait(BOUND_SECONDS)
    try:
        error = asyncio.run(wait_refused(breaker))
    finally:
        go.set()
        thread.join(BOUND_SECONDS)

    assert error.retry_after_seconds == 0
    assert breaker.state is CircuitState.CLOSED
