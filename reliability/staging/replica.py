"""One replica of the reservation service: routes, metrics and the waiting of the model.

Started by the recorder as `python -m reliability.staging.replica`. Every answer carries
the very duration that the histogram observed, so that a client's log holds the true
server-side latency. Which replica receives traffic is not decided here.
"""

import argparse
import contextlib
import json
import math
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from reliability.errors import BackendError, CircuitOpenError, LockError, PaymentFailedError, UsageError
from reliability.staging.desk import Desk, Reply, refusal_of
from reliability.staging.layers import open_desk
from reliability.staging.payment import OUTAGE_FILE, PaymentStub
from reliability.staging.service_model import (
    BAD_STATUS,
    BUCKET_BOUNDS_SECONDS,
    CONFLICT_STATUS,
    FAILED_STATUS,
    REFUSED_STATUS,
    RESERVE,
    ROUTES,
    SEARCH,
    SESSION_OPEN,
    Behaviour,
    Outcome,
    Route,
)
from reliability.staging.storage import ArmStorage, StorageChoice
from reliability.staging.store import Stay

OBSERVED_HEADER: Final = "X-Observed-Seconds"
RELEASE_HEADER: Final = "X-Release"
_ROUTES_BY_TARGET: Final = {(route.method, route.path): route for route in ROUTES}
_MORE_CODES: Final = {RESERVE: (CONFLICT_STATUS, REFUSED_STATUS)}
_LONGEST_NAME: Final = 100
_LAST_DAY: Final = 36_500  # a century behind the opening
_LARGEST_BODY_BYTES: Final = 65_536
_OK: Final = 200
_NOT_FOUND: Final = 404


class ReplicaMetrics:
    """The replica's registry: duration histogram, request counter, process metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the parsed request to the finished answer.",
            ["route", "method"],
            buckets=BUCKET_BOUNDS_SECONDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "http_requests_total", "Answered requests.", ["route", "method", "code"], registry=self.registry
        )
        for route in ROUTES:  # children exist from the start, so that zero counts are scraped
            self._seconds.labels(route.name, route.method)
            for code in (route.success_status, FAILED_STATUS, *_MORE_CODES.get(route, ())):
                self._requests.labels(route.name, route.method, str(code))

    def observe(self, route: Route, *, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._seconds.labels(route.name, route.method).observe(seconds)
        self._requests.labels(route.name, route.method, str(status)).inc()


class Replica:
    """What a request handler needs: desk, payment system, behaviour, metrics and the number in flight."""

    def __init__(
        self, *, release: str, desk: Desk, payments: PaymentStub, behaviour: Behaviour, metrics: ReplicaMetrics
    ) -> None:
        self.release = release
        self.metrics = metrics
        self._desk = desk
        self._payments = payments
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._in_flight = 0

    def answer(self, route: Route, query: dict[str, list[str]]) -> tuple[Reply, float]:
        """Serve one request: work, wait, perhaps fail; return the reply and the observed seconds."""
        with self._lock:
            self._in_flight += 1
        try:
            started = time.perf_counter()
            reply = self._reply(route, query, self._behaviour.draw(route))
            seconds = time.perf_counter() - started
            self.metrics.observe(route, status=reply.status, seconds=seconds)
            return reply, seconds
        finally:
            with self._lock:
                self._in_flight -= 1

    def health(self) -> dict[str, Any]:
        """Return the release, the status and the number of requests in flight."""
        with self._lock:
            return {"release": self.release, "status": "ok", "in_flight": self._in_flight}

    def forget_thread(self) -> None:
        """Release what the ending thread holds in the storage."""
        self._desk.close()

    def _reply(self, route: Route, query: dict[str, list[str]], outcome: Outcome) -> Reply:
        try:
            stay = _stay(query)
            if route is RESERVE:  # its wait and its failure happen where it pays
                return self._desk.reserve(stay, lambda: self._payments.charge(outcome))
            reply = self._work(route, stay)
        except (PaymentFailedError, CircuitOpenError, LockError, BackendError) as err:
            return refusal_of(err)
        except UsageError as err:
            return Reply(BAD_STATUS, {"error": str(err)})
        time.sleep(outcome.wait_seconds)
        return Reply(FAILED_STATUS, {"error": "a downstream system refused"}) if outcome.fails else reply

    def _work(self, route: Route, stay: Stay) -> Reply:
        if route is SEARCH:
            return self._desk.search(stay)
        return self._desk.open_session(stay) if route is SESSION_OPEN else self._desk.read_session(stay)


class ReplicaServer(ThreadingHTTPServer):
    """The listening socket, with the replica that its handlers serve."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *, port: int, replica: Replica) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.replica = replica

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent when a client goes away; say everything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet per answer
    server: ReplicaServer

    def do_GET(self) -> None:
        """Serve a read, the metrics or the health."""
        self._serve()

    def do_POST(self) -> None:
        """Serve a write."""
        length = self.headers.get("Content-Length", "0")
        if not (length.isdecimal() and int(length) <= _LARGEST_BODY_BYTES):
            self.close_connection = True  # where the next request begins cannot be told
            self._send(BAD_STATUS, b'{"error": "the length of the body is none, or too large"}', {})
            return
        self.rfile.read(int(length))
        self._serve()

    def finish(self) -> None:
        """End a connection, whose thread ends with it."""
        with contextlib.suppress(ConnectionError):
            super().finish()
        self.server.replica.forget_thread()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- signature is given
        """Write no access log; the client keeps one."""

    def _serve(self) -> None:
        replica = self.server.replica
        target = urlsplit(self.path)
        route = _ROUTES_BY_TARGET.get((self.command, target.path))
        if route is not None:
            reply, seconds = replica.answer(route, parse_qs(target.query))
            headers = {OBSERVED_HEADER: repr(seconds)}
            if reply.retry_after_seconds is not None:
                headers["Retry-After"] = str(math.ceil(reply.retry_after_seconds))
            self._send(reply.status, json.dumps(reply.body).encode(), headers)
        elif target.path == "/metrics":
            body_bytes = generate_latest(replica.metrics.registry)
            self._send(_OK, body_bytes, {}, content_type=CONTENT_TYPE_PLAIN_0_0_4)
        elif target.path == "/health":
            self._send(_OK, json.dumps(replica.health()).encode(), {})
        else:
            self._send(_NOT_FOUND, b'{"error": "no such route"}', {})

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], *, content_type: str = "application/json"
    ) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(RELEASE_HEADER, self.server.replica.release)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def exit_when_orphaned() -> None:
    """End this process when the parent's pipe on standard input closes, however the parent ended."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 1024):
                pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _stay(query: dict[str, list[str]]) -> Stay:
    """Read who wants to stay when, alike for both desks.

    Raises:
        UsageError: It is no name or no day.
    """
    guest, day = query.get("guest", ["guest-0"])[0], query.get("day", ["0"])[0]
    if not (guest.isprintable() and len(guest) <= _LONGEST_NAME):
        raise UsageError(f"guest must be a name of 1 to {_LONGEST_NAME} printable characters; send another one")
    if not (day.isascii() and day.isdecimal() and len(day) <= len(str(_LAST_DAY)) and int(day) <= _LAST_DAY):
        raise UsageError(f"day must be a whole number from 0 to {_LAST_DAY}; send another one")
    return Stay(guest=guest, first_day=int(day), last_day=int(day) + 2)


def main(arguments: list[str] | None = None) -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m reliability.staging.replica")
    parser.add_argument("--release", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--arm", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--delay-factor", type=float, default=1.0)
    parser.add_argument("--error-fraction", type=float, default=0.0)
    parser.add_argument("--layers", action="store_true")
    parser.add_argument("--storage-variable")
    parser.add_argument("--sessions-variable")
    options = parser.parse_args(arguments)
    choice = StorageChoice(storage_variable=options.storage_variable, sessions_variable=options.sessions_variable)
    storage = ArmStorage(arm=options.arm, folder=options.folder, choice=choice)
    metrics = ReplicaMetrics()
    replica = Replica(
        release=options.release,
        desk=open_desk(storage, layers=options.layers, registry=metrics.registry),
        payments=PaymentStub(options.folder / OUTAGE_FILE),
        behaviour=Behaviour(
            seed=options.seed, delay_factor=options.delay_factor, error_fraction=options.error_fraction
        ),
        metrics=metrics,
    )
    exit_when_orphaned()
    ReplicaServer(port=options.port, replica=replica).serve_forever()


if __name__ == "__main__":
    main()
