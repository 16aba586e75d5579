"""One replica of the reservation service: routes, metrics and the waiting of the model.

Started by the recorder as `python -m reliability.staging.replica`. Every answer carries
the very duration that the histogram observed, so that a client's log holds the true
server-side latency. Which replica receives traffic is not decided here.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from reliability.staging.service_model import (
    BUCKET_BOUNDS_SECONDS,
    FAILED_STATUS,
    RESERVE,
    ROUTES,
    SEARCH,
    SESSION_OPEN,
    SESSION_READ,
    Behaviour,
    Route,
)
from reliability.staging.store import ReservationStore

OBSERVED_HEADER: Final = "X-Observed-Seconds"
RELEASE_HEADER: Final = "X-Release"
_ROUTES_BY_TARGET: Final = {(route.method, route.path): route for route in ROUTES}
_CONFLICT: Final = 409
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
            for code in (route.success_status, FAILED_STATUS):
                self._requests.labels(route.name, route.method, str(code))

    def observe(self, route: Route, *, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._seconds.labels(route.name, route.method).observe(seconds)
        self._requests.labels(route.name, route.method, str(status)).inc()


class Replica:
    """What a request handler needs: store, behaviour, metrics and the number in flight."""

    def __init__(self, *, release: str, store: ReservationStore, behaviour: Behaviour) -> None:
        self.release = release
        self.metrics = ReplicaMetrics()
        self._store = store
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._in_flight = 0

    def answer(self, route: Route, query: dict[str, list[str]]) -> tuple[int, dict[str, Any], float]:
        """Serve one request: work, wait, perhaps fail; return status, body and observed seconds."""
        with self._lock:
            self._in_flight += 1
        try:
            started = time.perf_counter()
            outcome = self._behaviour.draw(route)
            try:
                status, body = self._work(route, query)
            except sqlite3.OperationalError as err:
                status, body = FAILED_STATUS, {"error": str(err)}
            time.sleep(outcome.wait_seconds)
            if outcome.fails:
                status, body = FAILED_STATUS, {"error": "a downstream system refused"}
            seconds = time.perf_counter() - started
            self.metrics.observe(route, status=status, seconds=seconds)
            return status, body, seconds
        finally:
            with self._lock:
                self._in_flight -= 1

    def health(self) -> dict[str, Any]:
        """Return the release, the status and the number of requests in flight."""
        with self._lock:
            return {"release": self.release, "status": "ok", "in_flight": self._in_flight}

    def forget_thread(self) -> None:
        """Release what the ending thread holds in the store."""
        self._store.close()

    def _work(self, route: Route, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        guest = query.get("guest", ["guest-0"])[0]
        first_day = int(query.get("day", ["0"])[0])
        last_day = first_day + 2
        if route is SEARCH:
            return _OK, {"rooms": self._store.search(first_day=first_day, last_day=last_day)}
        if route is RESERVE:
            reservation = self._store.reserve(guest=guest, first_day=first_day, last_day=last_day)
            if reservation is None:
                return _CONFLICT, {"error": "all rooms are taken on these days"}
            return RESERVE.success_status, reservation
        if route is SESSION_OPEN:
            return SESSION_OPEN.success_status, {"token": self._store.open_session(guest=guest)}
        return SESSION_READ.success_status, {"token": self._store.read_session(guest=guest)}


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
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
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
            status, body, seconds = replica.answer(route, parse_qs(target.query))
            self._send(status, json.dumps(body).encode(), {OBSERVED_HEADER: repr(seconds)})
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


def main(arguments: list[str] | None = None) -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m reliability.staging.replica")
    parser.add_argument("--release", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--delay-factor", type=float, default=1.0)
    parser.add_argument("--error-fraction", type=float, default=0.0)
    options = parser.parse_args(arguments)
    behaviour = Behaviour(seed=options.seed, delay_factor=options.delay_factor, error_fraction=options.error_fraction)
    replica = Replica(release=options.release, store=ReservationStore(options.database), behaviour=behaviour)
    exit_when_orphaned()
    ReplicaServer(port=options.port, replica=replica).serve_forever()


if __name__ == "__main__":
    main()
