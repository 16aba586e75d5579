"""Breakers on a clock that tests move, and calls that fail, are refused or stand still."""

from typing import Any

import pytest

from reliability.errors import CircuitOpenError
from reliability.resilience.circuit_breaker import CircuitBreaker

OPEN_SECONDS = 30.0
BOUND_SECONDS = 20  # a hang ends the test; nothing waits that long


class Seconds:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def breaker_with(seconds: Seconds, **options: Any) -> CircuitBreaker:
    return CircuitBreaker("Prometheus", **{"open_seconds": OPEN_SECONDS, "clock": seconds, **options})


def opened(seconds: Seconds, **options: Any) -> CircuitBreaker:
    """Return a breaker whose open time is just over."""
    breaker = breaker_with(seconds, failure_threshold=1, **options)
    fail(breaker)
    seconds.now += OPEN_SECONDS
    return breaker


def fail(breaker: CircuitBreaker, error: BaseException | None = None) -> None:
    """Let a call fail; the error that comes out is the one that went in."""
    failure = error or RuntimeError("connection refused")

    def failing() -> None:
        raise failure

    with pytest.raises(type(failure)) as caught:
        breaker.call(failing)
    assert caught.value is failure


def refused(breaker: CircuitBreaker) -> CircuitOpenError:
    called: list[int] = []
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(called.append, 1)
    assert called == []
    return caught.value
