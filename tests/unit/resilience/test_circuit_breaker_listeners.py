import logging
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from reliability.errors import PrometheusUnreachableError
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuit_metrics import CircuitMetrics
from reliability.resilience.circuits import CircuitChange, CircuitState
from tests.unit.resilience.breakers import OPEN_SECONDS, Seconds, breaker_with, fail, opened, refused


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def series(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """Return what a scrape reads: name and values of labels in the order of their names."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name.removeprefix("reliability_circuit_"), *(sample.labels[key] for key in sorted(sample.labels))): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def test_listeners_get_each_change_in_order_with_its_reason(seconds: Seconds):
    heard: list[CircuitChange] = []
    breaker = breaker_with(seconds, failure_threshold=1, listeners=[heard.append])

    fail(breaker, PrometheusUnreachableError("refused"))
    seconds.now += OPEN_SECONDS
    breaker.call(int)
    breaker.force_open("maintenance")
    breaker.force_open()
    breaker.reset()

    assert [(str(one.before), str(one.after), one.why, one.number) for one in heard] == [
        ("closed", "open", "refused", 1),
        ("open", "half_open", "refused", 2),
        ("half_open", "closed", "its probes succeeded", 3),
        ("closed", "open", "maintenance", 4),
        ("open", "open", "opened by hand", 5),
        ("open", "closed", "reset by hand", 6),
    ]
    assert {one.name for one in heard} == {"Prometheus"}


def test_a_listener_may_use_the_breaker_because_no_lock_is_held(seconds: Seconds):
    states: list[CircuitState] = []

    def reset_it(change: CircuitChange) -> None:
        states.append(breaker.state)
        if change.after is CircuitState.OPEN:
            breaker.reset()

    breaker = breaker_with(seconds, failure_threshold=1, listeners=[reset_it])
    fail(breaker)

    assert states == [CircuitState.OPEN, CircuitState.CLOSED]
    assert breaker.call(lambda: "fine") == "fine"


def test_a_listener_that_raises_is_counted_and_logged_and_changes_nothing(
    seconds: Seconds, caplog: pytest.LogCaptureFixture
):
    def bad(_change: CircuitChange) -> None:
        raise RuntimeError("no listener")

    heard: list[CircuitChange] = []
    registry = CollectorRegistry()
    breaker = breaker_with(
        seconds, failure_threshold=1, listeners=[bad, heard.append], metrics=CircuitMetrics(registry)
    )
    silent = breaker_with(seconds, failure_threshold=1, listeners=[bad])

    fail(breaker)
    fail(silent)

    assert [one.after for one in heard] == [CircuitState.OPEN]
    assert series(registry)["listener_errors_total", "Prometheus"] == 1
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == ["a listener of the circuit breaker Prometheus failed"] * 2
    assert warnings[0].exc_info
    assert str(warnings[0].exc_info[1]) == "no listener"


def test_a_probe_that_is_interrupted_in_a_listener_returns_its_slot(seconds: Seconds):
    def interrupt(change: CircuitChange) -> None:
        if change.after is CircuitState.HALF_OPEN:
            raise KeyboardInterrupt

    breaker = opened(seconds, listeners=[interrupt])

    with pytest.raises(KeyboardInterrupt):
        breaker.call(int)

    assert breaker.call(lambda: "next probe") == "next probe"


def test_changes_are_logged_without_warnings(seconds: Seconds, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        fail(breaker_with(seconds, failure_threshold=1))

    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.INFO, "circuit breaker Prometheus went from closed to open: connection refused")
    ]


class UnprintableError(RuntimeError):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (UnprintableError(), "UnprintableError"),
        (RuntimeError(), "RuntimeError"),
        (PrometheusUnreachableError(), "[prometheus-unreachable]"),
        (PrometheusUnreachableError("refused. Check the address.", 2), "refused. Check the address"),
        (RuntimeError("x" * 400), "x" * 300),
    ],
    ids=["cannot be printed", "without words", "ours without words", "ours", "long"],
)
def test_a_refusal_repeats_what_the_last_error_said(seconds: Seconds, error: Exception, why: str):
    breaker = breaker_with(seconds, failure_threshold=1)

    fail(breaker, error)

    assert f" ago ({why}). It is tried again in 30.0 s" in str(refused(breaker))


def by_every_outcome(breaker: CircuitBreaker, seconds: Seconds) -> None:
    def slow() -> None:
        seconds.now += 0.2

    breaker.call(slow)
    breaker.call(int)
    fail(breaker, KeyError("excluded"))
    fail(breaker)
    refused(breaker)
    refused(breaker)


def test_a_scrape_tells_state_changes_calls_and_their_seconds(seconds: Seconds):
    registry = CollectorRegistry()
    breaker = breaker_with(seconds, failure_threshold=1, excluded=(KeyError,), metrics=CircuitMetrics(registry))
    before = series(registry)

    by_every_outcome(breaker, seconds)
    after = series(registry)

    assert [before["state", "Prometheus", state] for state in CircuitState] == [1, 0, 0]
    assert [after["state", "Prometheus", state] for state in CircuitState] == [0, 1, 0]
    assert {key[2]: value for key, value in after.items() if key[0] == "calls_total"} == {
        "ok": 2, "failure": 1, "excluded": 1, "rejected": 2,
    }  # fmt: skip
    assert after["transitions_total", "closed", "Prometheus", "open"] == 1
    assert after["call_seconds_count", "Prometheus"] == 4
    assert after["call_seconds_sum", "Prometheus"] == pytest.approx(0.2)
    assert [after["call_seconds_bucket", le, "Prometheus"] for le in ("0.001", "0.1", "0.25", "+Inf")] == [3, 3, 4, 4]


def test_each_series_is_there_at_zero_before_anything_happened(seconds: Seconds):
    registry = CollectorRegistry()
    breaker_with(seconds, metrics=CircuitMetrics(registry))

    assert {key[0]: sum(1 for other in series(registry) if other[0] == key[0]) for key in series(registry)} == {
        "state": 3, "transitions_total": 6, "calls_total": 4, "listener_errors_total": 1,
        "call_seconds_bucket": 14, "call_seconds_count": 1, "call_seconds_sum": 1,
    }  # fmt: skip
    assert sum(series(registry).values()) == 1  # that it is closed


def test_a_change_by_hand_into_the_same_state_has_a_series_too(seconds: Seconds):
    registry = CollectorRegistry()
    breaker = breaker_with(seconds, metrics=CircuitMetrics(registry))

    breaker.force_open()
    breaker.force_open()
    breaker.force_open()

    assert series(registry)["transitions_total", "open", "Prometheus", "open"] == 2


@pytest.mark.parametrize(
    "again",
    [
        lambda registry, metrics: CircuitMetrics(registry),
        lambda registry, metrics: breaker_with(Seconds(), metrics=metrics),
    ],
    ids=["metrics", "name of a breaker"],
)
def test_no_series_can_be_given_twice(again: Callable[[CollectorRegistry, CircuitMetrics], Any]):
    registry = CollectorRegistry()
    metrics = CircuitMetrics(registry)
    breaker_with(Seconds(), metrics=metrics)

    with pytest.raises(ValueError, match=r"Duplicated timeseries|another breaker reports as 'Prometheus'"):
        again(registry, metrics)


def test_breakers_of_one_process_stand_side_by_side(seconds: Seconds):
    registry = CollectorRegistry()
    metrics = CircuitMetrics(registry)
    CircuitBreaker("payments", metrics=metrics, clock=seconds).force_open()
    CircuitBreaker("mail", metrics=metrics, clock=seconds)

    assert [series(registry)["state", name, "open"] for name in ("payments", "mail")] == [1, 0]
