"""The breaker between us and Prometheus: what trips it, what it says, and that a retry stands above it."""

import os
import time
from collections.abc import Iterator

import pytest
import stamina

from reliability.errors import (
    CircuitOpenError,
    PrometheusRefusedError,
    PrometheusUnreachableError,
    SourceError,
)
from reliability.sources.connection import Connection
from reliability.sources.live_transport import LiveTransport
from reliability.sources.transport import QUERY
from tests.fakes import ManualClock
from tests.fault_server import Behaviour, FaultServer, answers, black_hole

DEADLINE_SECONDS = 0.2
BUSY = answers("busy", status=503)
NO_PROMQL = answers({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"}, status=400)


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    """Tries follow each other at once."""
    with stamina.set_testing(True, attempts=3):
        yield


def transport_to(url: str, *, deadline_seconds: float = 5.0, clock: ManualClock | None = None) -> LiveTransport:
    return LiveTransport(Connection(url=url, deadline_seconds=deadline_seconds), clock=clock)


def ask(transport: LiveTransport) -> bytes:
    return transport.ask(QUERY, {"query": "up"})


def test_a_black_hole_costs_one_deadline_a_call_until_the_breaker_refuses_and_sends_nothing():
    with black_hole() as (url, connected):
        transport = transport_to(url, deadline_seconds=DEADLINE_SECONDS)
        seconds = []
        for _ in range(3):
            begin = time.monotonic()
            with pytest.raises(PrometheusUnreachableError, match=r"no whole answer within 0\.2 s"):
                ask(transport)
            seconds.append(time.monotonic() - begin)
        sent = connected()
        for _ in range(50):
            with pytest.raises(CircuitOpenError):
                ask(transport)

        assert max(seconds) < DEADLINE_SECONDS + 0.5
        assert sent == 3  # no hidden tries
        assert connected() == 0


def test_a_refusal_says_since_when_and_why():
    clock = ManualClock()
    with black_hole() as (url, _):
        transport = transport_to(url, deadline_seconds=DEADLINE_SECONDS, clock=clock)
        for _ in range(3):
            clock.advance(20)
            with pytest.raises(PrometheusUnreachableError):
                ask(transport)
        clock.advance(5.5)
        with pytest.raises(CircuitOpenError) as caught:
            ask(transport)

    assert "gave no whole answer within 0.2 s" in str(caught.value)
    assert str(caught.value).endswith("It is left alone since 2026-11-26T12:01:00Z. [breaker-open]")
    assert 29 < caught.value.retry_after_seconds <= 30


@pytest.mark.parametrize(
    "behaviour",
    [NO_PROMQL, answers({"status": "error", "errorType": "execution", "error": "many-to-many matching"}, status=422)],
    ids=["400", "422"],
)
def test_each_try_counts_and_bad_queries_between_them_neither_count_nor_start_the_count_anew(behaviour: Behaviour):
    with FaultServer(BUSY, *[behaviour] * 5, BUSY) as server:
        transport = transport_to(server.url)
        for _ in range(5):
            with pytest.raises(PrometheusRefusedError):  # the first time as the second try
                ask(transport)
        with pytest.raises(CircuitOpenError, match="503"):  # its second try opens the breaker, the third is refused
            ask(transport)

    assert len(server.requests) == 8


def test_a_server_that_comes_back_is_asked_with_one_probe_and_then_as_before():
    with FaultServer(BUSY, BUSY, BUSY, answers()) as server:
        transport = transport_to(server.url)
        with pytest.raises(SourceError):
            ask(transport)
        with pytest.raises(CircuitOpenError):
            ask(transport)
        transport._breaker._open_seconds = 0

        assert ask(transport) == ask(transport)
        assert len(server.requests) == 5


def test_a_fault_of_our_own_is_no_failure_of_the_server(monkeypatch: pytest.MonkeyPatch):
    with FaultServer(answers()) as server:
        transport = transport_to(server.url)
        with monkeypatch.context() as patched:
            patched.setattr(transport, "_try", lambda *_: os.environ["NO_SUCH_VARIABLE"])
            for _ in range(5):
                with pytest.raises(KeyError):
                    ask(transport)

        assert ask(transport)
