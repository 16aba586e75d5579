"""A behaving fake of services and of the Prometheus that scrapes them.

Replicas serve requests, die and start anew; the server scrapes them round by round, with
`up`, process starts and counters that are born at their first request, and answers as the
query API does. Nothing in here knows how the package counts.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reliability.sources.answer import Answer, decode_answer
from reliability.sources.metrics import MetricNames, range_seconds
from reliability.sources.promql import Matcher, parse_matchers, range_selector
from reliability.window import Window

NAMES = MetricNames(
    latency="http_request_duration_seconds",
    requests="http_requests_total",
    error_matchers=parse_matchers('code=~"5.."'),
)
BASELINE = parse_matchers('arm="baseline"')
CANARY = parse_matchers('arm="canary"')


@dataclass(frozen=True, slots=True)
class FakeRequest:
    """One request that a replica has answered."""

    at_seconds: float
    latency_seconds: float
    code: str = "200"
    route: str = "/search"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeReplica:
    """A replica, its lives and what it served.

    Attributes:
        lives: Start and end of each process in seconds; a request outside is not served.
        missed: Rounds at which the server does not reach it.
    """

    arm: str
    instance: str
    requests: Sequence[FakeRequest] = field(repr=False)
    phase_seconds: float = 0.0
    lives: Sequence[tuple[float, float]] = ((-1e12, 1e12),)
    missed: frozenset[int] = frozenset()
    bounds: tuple[str, ...] = ("0.1", "0.2", "0.4", "0.8", "+Inf")
    extra_labels: Mapping[str, str] = field(default_factory=dict)

    def life_at(self, seconds: float) -> tuple[float, float] | None:
        """Return the process that runs at an instant."""
        return next((life for life in self.lives if life[0] <= seconds < life[1]), None)

    def scrape_seconds(self, round_number: int, interval_seconds: float) -> float:
        """Return the instant of a round, to the millisecond."""
        return round(round_number * interval_seconds + self.phase_seconds, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakePrometheus:
    """Scrapes replicas for some rounds and answers queries as a source.

    Attributes:
        left_open: The range leaves out its first instant, as Prometheus 3 does.
        hidden: Metric names that the server does not have.
    """

    replicas: Sequence[FakeReplica]
    rounds: range
    interval_seconds: float = 10.0
    left_open: bool = False
    hidden: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    description: str = "fake Prometheus"

    def fetch(self, *, metrics: Sequence[str], matchers: Sequence[Matcher], window: Window) -> Answer:
        """Return the samples as `PrometheusSource.fetch` does."""
        length = range_seconds(window)
        query = range_selector(metrics=metrics, matchers=matchers, seconds=length)
        body = self.body(
            metrics=metrics,
            matchers=matchers,
            start=window.end.timestamp() - length,
            end=window.end.timestamp(),
        )
        return decode_answer(body, where=self.description, query=query, evaluated_at=window.end)

    def both_arms(self, window: Window, *, names: MetricNames = NAMES) -> tuple[Answer, Answer]:
        """Return the answers of the baseline and of the canary."""
        return (
            self.fetch(metrics=names.fetched(), matchers=BASELINE, window=window),
            self.fetch(metrics=names.fetched(), matchers=CANARY, window=window),
        )

    def body(self, *, metrics: Sequence[str], matchers: Sequence[Matcher], start: float, end: float) -> bytes:
        """Return the body of an answer as the query API writes it."""
        series: dict[tuple[tuple[str, str], ...], list[list[Any]]] = {}
        for replica in self.replicas:
            if not all(matcher.matches({"arm": replica.arm}) for matcher in matchers if matcher.name == "arm"):
                continue
            for round_number in self.rounds:
                at = replica.scrape_seconds(round_number, self.interval_seconds)
                if not (start < at if self.left_open else start <= at) or at > end:
                    continue
                for labels, value in self._scrape(replica, round_number, at):
                    if labels["__name__"] in metrics and all(m.matches(labels) for m in matchers):
                        series.setdefault(tuple(sorted(labels.items())), []).append([at, repr(float(value))])
        result = [{"metric": dict(key), "values": values} for key, values in series.items()]
        document: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        if self.warnings:
            document["warnings"] = list(self.warnings)
        return json.dumps(document).encode()

    def _scrape(self, replica: FakeReplica, round_number: int, at: float) -> Iterable[tuple[dict[str, str], float]]:
        target = {"arm": replica.arm, "instance": replica.instance, "job": "fake"}
        life = replica.life_at(at)
        reached = life is not None and round_number not in replica.missed
        if "up" not in self.hidden:
            yield {"__name__": "up", **target}, float(reached)
        if life is None or not reached:
            return
        for name, labels, value in _exposition(replica, life, at):
            if name not in self.hidden:
                yield {"__name__": name, **labels, **replica.extra_labels, **target}, value


def _exposition(
    replica: FakeReplica, life: tuple[float, float], at: float
) -> Iterable[tuple[str, dict[str, str], float]]:
    served = [request for request in replica.requests if life[0] <= request.at_seconds <= at]
    yield "process_start_time_seconds", {}, max(life[0], 1.0)
    latencies: dict[str, list[float]] = {}
    for request in served:
        latencies.setdefault(request.route, []).append(request.latency_seconds)
    for route, of_route in sorted(latencies.items()):
        ordered = sorted(of_route)
        for bound in replica.bounds:
            yield (
                "http_request_duration_seconds_bucket",
                {"route": route, "le": bound},
                bisect_right(ordered, float(bound)),
            )
        yield "http_request_duration_seconds_sum", {"route": route}, sum(of_route)
        yield "http_request_duration_seconds_count", {"route": route}, len(of_route)
    for (route, code), count in sorted(Counter((request.route, request.code) for request in served).items()):
        yield "http_requests_total", {"route": route, "code": code}, count
