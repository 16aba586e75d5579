"""A behaving fake of the query API on loopback: series made up beforehand, asked in a small part of PromQL.

It knows instant and range selectors, `increase`, `count`, `sum` and `min` with `by`, `time()`,
and build information. Nothing in here knows what the package asks for.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from reliability.clock import SystemClock
from reliability.sources.promql import parse_matchers

LOOKBACK_SECONDS = 300.0
Labels = Mapping[str, str]
Samples = list[tuple[float, float]]
_RANGE = re.compile(r"(\{.*\})\[(\d+)s\]", re.DOTALL)
_CALL = re.compile(r"(count|sum|min)\s*(?:by \(([^)]*)\)\s*)?\((.*)\)|(increase)\((.*)\)", re.DOTALL)


@dataclass(kw_only=True)
class FakeQueryApi:
    """Series, and how the server is.

    Attributes:
        series: Samples by label set.
        build: What `/api/v1/status/buildinfo` tells.
        ahead_seconds: How far its clock is ahead.
        warnings: Warnings of every answer.
        token: Bearer token that it wants.
        queries: What was asked, in order.
    """

    series: list[tuple[Labels, Samples]] = field(default_factory=list)
    build: Mapping[str, str] = field(default_factory=lambda: {"version": "2.53.0", "revision": "abc"})
    ahead_seconds: float = 0.0
    warnings: Sequence[str] = ()
    token: str | None = None
    queries: list[str] = field(default_factory=list)

    def now(self) -> float:
        """Return the instant of its clock."""
        return SystemClock().now().timestamp() + self.ahead_seconds

    def answer(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the document for one request."""
        if path.endswith("/buildinfo"):
            return {"status": "success", "data": dict(self.build)}
        self.queries.append(form["query"])
        at = float(form["time"]) if "time" in form else self.now()
        document = {"status": "success", "data": self._evaluated(form["query"], at)}
        return document | ({"warnings": list(self.warnings)} if self.warnings else {})

    def _evaluated(self, query: str, at: float) -> dict[str, Any]:
        if query == "time()":
            return {"resultType": "scalar", "result": [at, repr(at)]}
        if found := _RANGE.fullmatch(query):
            result = [
                {"metric": dict(labels), "values": [[time, repr(value)] for time, value in samples]}
                for labels, samples in self._selected(found[1], at - int(found[2]), at)
            ]
            return {"resultType": "matrix", "result": result}
        vector = self._vector(query, at)
        return {
            "resultType": "vector",
            "result": [{"metric": dict(labels), "value": [at, repr(value)]} for labels, value in vector],
        }

    def _vector(self, query: str, at: float) -> list[tuple[Labels, float]]:
        call = _CALL.fullmatch(query)
        if call is None:
            return [(labels, samples[-1][1]) for labels, samples in self._selected(query, at - LOOKBACK_SECONDS, at)]
        if call[4]:
            inner = _RANGE.fullmatch(call[5])
            assert inner is not None, f"the fake does not know {call[5]}"
            return [
                ({name: value for name, value in labels.items() if name != "__name__"}, samples[-1][1] - samples[0][1])
                for labels, samples in self._selected(inner[1], at - int(inner[2]), at)
                if len(samples) > 1
            ]
        return _aggregated(call[1], [name.strip() for name in (call[2] or "").split(",")], self._vector(call[3], at))

    def _selected(self, selector: str, start: float, end: float) -> list[tuple[Labels, Samples]]:
        matchers = parse_matchers(selector)
        found = [
            (labels, [sample for sample in samples if start <= sample[0] <= end])
            for labels, samples in self.series
            if all(matcher.matches(labels) for matcher in matchers)
        ]
        return [(labels, samples) for labels, samples in found if samples]


def _aggregated(name: str, by: Sequence[str], vector: Sequence[tuple[Labels, float]]) -> list[tuple[Labels, float]]:
    groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for labels, value in vector:
        key = tuple((label, labels[label]) for label in by if labels.get(label))
        groups.setdefault(key, []).append(value)
    functions: dict[str, Callable[[list[float]], float]] = {"count": len, "sum": sum, "min": min}
    return [(dict(key), float(functions[name](values))) for key, values in groups.items()]


@contextmanager
def serving(api: FakeQueryApi) -> Iterator[str]:
    """Serve the fake on a free loopback port; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(dict(parse_qsl(body, keep_blank_values=True)))

        def do_GET(self) -> None:
            self._answer({})

        def _answer(self, form: Mapping[str, str]) -> None:
            let_in = api.token is None or self.headers.get("Authorization") == f"Bearer {api.token}"
            document = api.answer(self.path.partition("?")[0], form) if let_in else {"status": "error"}
            data = json.dumps(document).encode()
            self.send_response((200 if document["status"] == "success" else 422) if let_in else 401)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def target(
    labels: Labels,
    *,
    histogram: str = "http_request_duration_seconds",
    counter: str | None = "http_requests_total",
    status: Mapping[str, float] | None = None,
    status_label: str = "code",
    on_histogram: Labels | None = None,
    bounds: Sequence[str] = ("0.1", "0.2", "0.4", "+Inf"),
    shares: Sequence[float] = (0.5, 0.9, 1.0, 1.0),
    per_second: float = 2.0,
    minutes: float = 40.0,
    interval: float = 15.0,
    started_ago: float | None = 7200.0,
    status_on_histogram: bool = False,
) -> list[tuple[Labels, Samples]]:
    """Make the series of one scraped target with steady traffic.

    `status` is the share of requests by status; `shares` the share at or below each bound.
    """
    now = SystemClock().now().timestamp()
    count = int(minutes * 60 / interval)
    times = [now - 0.5 - interval * back for back in range(count, -1, -1)]
    statuses = status or {"200": 0.99, "500": 0.01}

    def counted(name: str, own: Labels, rate: float) -> tuple[Labels, Samples]:
        base = 1000.0
        samples = [(at, base + rate * (at - times[0])) for at in times]
        return {"__name__": name, **own, **labels}, samples

    series: list[tuple[Labels, Samples]] = [({"__name__": "up", **labels}, [(at, 1.0) for at in times])]
    if started_ago is not None:
        started = [(at, now - started_ago) for at in times]
        series.append(({"__name__": "process_start_time_seconds", **labels}, started))
    for code, share in (statuses if status_on_histogram else {"": 1.0}).items():
        own = {**(on_histogram or {}), **({status_label: code} if code else {})}
        for bound, part in zip(bounds, shares, strict=True):
            series.append(counted(f"{histogram}_bucket", {**own, "le": bound}, per_second * share * part))
        series.append(counted(f"{histogram}_sum", own, per_second * share * 0.1))
        series.append(counted(f"{histogram}_count", own, per_second * share))
    if counter:
        series += [counted(counter, {status_label: code}, per_second * share) for code, share in statuses.items()]
    return series
