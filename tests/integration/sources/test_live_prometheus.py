"""Debian's Prometheus scrapes a small exporter: live and recorded counts agree with it and with the truth."""

import functools
import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from reliability.clock import SystemClock
from reliability.errors import PrometheusRefusedError, PrometheusUnreachableError, QueryTooBigError
from reliability.judge.counts import ArmCounts, PairedCounts
from reliability.sources.answer import Answer
from reliability.sources.captures import Capture, read_capture, write_capture
from reliability.sources.connection import Connection
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.live_transport import LiveTransport
from reliability.sources.manifest import SCHEMA, ArmEntry, Manifest, MetricsEntry, Server
from reliability.sources.metrics import MetricNames
from reliability.sources.prometheus import PrometheusSource
from reliability.sources.promql import parse_matchers
from reliability.staging.prometheus_server import PrometheusServer, ScrapeTarget, running_prometheus
from reliability.window import Window

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prometheus_program")]

ARMS = ("baseline", "canary")
ERRORS = 'code=~"5.."'
NAMES = MetricNames(
    latency="http_request_duration_seconds",
    requests="http_requests_total",
    error_matchers=parse_matchers(ERRORS),
)
WAIT_SECONDS = 15.0


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Keep the tests' output clean."""


class Exporter:
    """A service that counts what it is told, and forgets it when it starts anew."""

    def __init__(self) -> None:
        self.start_anew()
        self._server = make_server("127.0.0.1", 0, self._answer, handler_class=QuietHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.port = self._server.server_port
        self._thread.start()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return make_wsgi_app(self._registry)(environ, start_response)

    def start_anew(self) -> None:
        registry = CollectorRegistry()
        bounds = (0.1, 0.2, 0.4, 0.8)
        self._latency = Histogram(NAMES.latency, "latency", ["route"], registry=registry, buckets=bounds)
        self._requests = Counter("http_requests", "requests", ["route", "code"], registry=registry)
        started = Gauge("process_start_time_seconds", "start", registry=registry)
        started.set(SystemClock().now().timestamp())
        self._registry = registry

    def serve(self, latencies: list[float], *, code: str = "200", route: str = "/search") -> None:
        for latency in latencies:
            self._latency.labels(route).observe(latency)
            self._requests.labels(route, code).inc()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass(frozen=True)
class Staged:
    """A server that has scraped two arms over a restart, and what they served and failed."""

    server: PrometheusServer
    window: Window
    served: dict[str, int]
    failed: dict[str, int]


@contextmanager
def exporters() -> Iterator[dict[str, Exporter]]:
    running = {arm: Exporter() for arm in ARMS}
    try:
        yield running
    finally:
        for exporter in running.values():
            exporter.stop()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again until it is so; scrapes come once a second."""
    end, pause = time.monotonic() + WAIT_SECONDS, threading.Event()
    while not is_so():
        assert time.monotonic() < end, "the server did not scrape in time"
        pause.wait(0.1)


def scraped(server: PrometheusServer, arm: str, count: int) -> bool:
    values = server.query_values(f'sum({NAMES.latency}_count{{arm="{arm}"}})')
    return bool(values) and values[0][1] == count


def up_rounds(server: PrometheusServer, rounds: int) -> bool:
    values = server.query_values("min(count_over_time(up[1m]))")
    return bool(values) and values[0][1] >= rounds


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    chance = np.random.default_rng(11)
    with exporters() as arms:
        targets = [ScrapeTarget(port=arms[arm].port, labels={"arm": arm}) for arm in ARMS]
        folder = tmp_path_factory.mktemp("prometheus")
        with running_prometheus(targets, scrape_interval_seconds=1, folder=folder) as server:
            wait_until(lambda: up_rounds(server, 2))
            begin = SystemClock().now()
            served, failed = dict.fromkeys(ARMS, 0), dict.fromkeys(ARMS, 0)
            for restart in (True, False):
                for arm, exporter in arms.items():
                    latencies = chance.exponential(0.12, 400).round(6).tolist()
                    exporter.serve(latencies)
                    exporter.serve([0.3] * 7, code="503", route="/reserve")
                    served[arm] += 407
                    failed[arm] += 7
                for arm in ARMS:
                    wait_until(functools.partial(scraped, server, arm, 407))
                if restart:
                    arms["canary"].start_anew()
                    arms["baseline"].start_anew()
                    wait_until(lambda: all(not counted(server, arm) for arm in ARMS))
            wait_until(lambda: up_rounds(server, 6))
            yield Staged(
                server=server,
                window=Window(start=begin - timedelta(seconds=1.5), end=SystemClock().now()),
                served=served,
                failed=failed,
            )


def counted(server: PrometheusServer, arm: str) -> bool:
    return bool(server.query_values(f'{NAMES.latency}_count{{arm="{arm}"}}'))


def source_at(url: str) -> PrometheusSource:
    return PrometheusSource(LiveTransport(Connection(url=url)))


def both_arms(source: Capture | PrometheusSource, window: Window) -> tuple[Answer, Answer]:
    found = [
        source.fetch(metrics=NAMES.fetched(), matchers=parse_matchers(f'arm="{arm}"'), window=window) for arm in ARMS
    ]
    return found[0], found[1]


def live_pairing(staged: Staged) -> Pairing:
    source = source_at(staged.server.url)
    return pair_counts(*both_arms(source, staged.window), names=NAMES, window=staged.window)


def counts_of(pairing: Pairing) -> PairedCounts:
    assert pairing.counts is not None, pairing.health
    return pairing.counts


def arms_of(counts: PairedCounts) -> dict[str, ArmCounts]:
    return {"baseline": counts.baseline, "canary": counts.canary}


def test_live_counts_are_what_was_served_over_a_restart(staged: Staged):
    pairing = live_pairing(staged)

    for arm, counts in arms_of(counts_of(pairing)).items():
        assert counts.requests.sum() == staged.served[arm]
        assert counts.errors.sum() == staged.failed[arm]
    assert pairing.health.restarts == 2
    assert pairing.health.scrape_interval_seconds == pytest.approx(1, abs=0.01)


def test_a_capture_of_the_same_window_gives_the_same_counts_and_health(staged: Staged, tmp_path: Path):
    recorded_at = staged.window.end
    query = '{job="staging"}[1m]'
    body = staged.server.query_body(query, at_seconds=recorded_at.timestamp())
    manifest = Manifest(
        schema=SCHEMA,
        name="live",
        recorded_at=recorded_at,
        as_of=recorded_at,
        server=Server(product="prometheus", version=staged.server.version()),
        query=query,
        evaluated_at=recorded_at,
        window=staged.window,
        scrape_interval_seconds=1,
        capture_sha256=hashlib.sha256(b"").hexdigest(),
        arms={arm: ArmEntry(matchers=f'arm="{arm}"', release=arm) for arm in ARMS},
        metrics=MetricsEntry(latency=NAMES.latency, requests=NAMES.requests, error_matchers=ERRORS, unit="seconds"),
    )

    write_capture(tmp_path / "live", body, manifest)
    capture = read_capture(tmp_path / "live")
    recorded = pair_counts(*both_arms(capture, staged.window), names=NAMES, window=staged.window)

    live = live_pairing(staged)
    assert recorded.health == live.health
    assert as_plain(counts_of(recorded)) == as_plain(counts_of(live))


def as_plain(counts: PairedCounts) -> list[Any]:
    arms = (counts.baseline, counts.canary)
    shared = [counts.edges_seconds.tolist(), counts.upper_bounds_seconds.tolist()]
    return shared + [
        array.tolist()
        for arm in arms
        for array in (arm.bucket_counts, arm.requests, arm.errors, arm.latency_sum_seconds)
    ]


@pytest.mark.parametrize("arm", ARMS)
def test_the_server_interpolates_the_same_p95_from_the_same_increments(staged: Staged, arm: str):
    counts = counts_of(live_pairing(staged))
    edges = counts.edges_seconds
    rises = np.flatnonzero(arms_of(counts)[arm].requests)
    low, high = edges[rises[-1]] + 0.5, edges[rises[-1] + 1] + 0.5
    by_bucket = arms_of(counts)[arm].bucket_counts[rises[-1]]
    buckets = f'{NAMES.bucket}{{arm="{arm}"}}'

    by_server = staged.server.query_values(
        f"histogram_quantile(0.95, sum by (le) ({buckets} @ {high:.3f} "
        f"- ({buckets} @ {low:.3f} or 0 * {buckets} @ {high:.3f})))"
    )

    assert by_server[0][1] == pytest.approx(interpolated(counts.upper_bounds_seconds, by_bucket, 0.95))


def interpolated(bounds: Any, cumulative: Any, quantile: float) -> float:
    """Interpolate as PromQL's histogram_quantile does."""
    rank = quantile * cumulative[-1]
    position = int(np.searchsorted(cumulative, rank))
    low = bounds[position - 1] if position else 0.0
    below = cumulative[position - 1] if position else 0.0
    share = (rank - below) / (cumulative[position] - below)
    return float(low + (bounds[position] - low) * share)


def test_a_metric_that_the_server_does_not_have_is_no_traffic(staged: Staged):
    names = MetricNames(latency="nothing_seconds", requests="nothing_total", error_matchers=NAMES.error_matchers)
    source = source_at(staged.server.url)
    answers = [
        source.fetch(metrics=names.fetched(), matchers=parse_matchers(f'arm="{arm}"'), window=staged.window)
        for arm in ARMS
    ]

    pairing = pair_counts(answers[0], answers[1], names=names, window=staged.window)

    assert pairing.health.reason == "no-traffic"


def test_a_fetch_that_is_too_big_for_the_server_comes_in_parts_that_make_the_whole(tmp_path: Path):
    end = datetime.fromtimestamp(SystemClock().now().timestamp() // 15 * 15 - 6 * 3600, tz=UTC)
    names = [f"requests_{number}_total" for number in range(5)]
    backfill(tmp_path, end, names)
    limit = ["--query.max-samples=100"]  # one metric has 89 samples
    with running_prometheus([], scrape_interval_seconds=15, folder=tmp_path, options=limit) as server:
        source, window = source_at(server.url), Window(start=end - timedelta(minutes=20), end=end)
        in_parts = source.fetch(metrics=names, matchers=(), window=window)
        by_name = [source.fetch(metrics=[name], matchers=(), window=window).series[0] for name in names]
        with pytest.raises(QueryTooBigError, match="too many samples"):
            source.ask('{__name__=~"requests_.*"}[22m]', at=end)

    found = {series.name: (series.times_seconds.tolist(), series.values.tolist()) for series in in_parts.series}
    assert found == {series.name: (series.times_seconds.tolist(), series.values.tolist()) for series in by_name}
    assert [len(series.values) for series in by_name] == [89] * 5


def backfill(folder: Path, end: datetime, names: list[str]) -> None:
    """Put half an hour of counters into the folder of a server, as `promtool` does."""
    text = [
        f"{name} {number * age} {end.timestamp() - 15 * age:.0f}"
        for number, name in enumerate(names)
        for age in range(120, -1, -1)
    ]
    (folder / "samples.txt").write_text("\n".join([*text, "# EOF\n"]))
    command: list[str | Path] = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        folder / "samples.txt",
        folder / "tsdb",
    ]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("query", ["sum(up{", "nothing(up)", 'up{arm=~"("}'])
def test_a_query_that_is_wrong_is_refused_with_the_servers_words(staged: Staged, query: str):
    with pytest.raises(PrometheusRefusedError, match="bad_data"):
        source_at(staged.server.url).ask(query, at=staged.window.end)


def test_a_query_whose_labels_do_not_match_is_the_querys_fault(staged: Staged):
    with pytest.raises(PrometheusRefusedError, match="many"):
        source_at(staged.server.url).ask("up * on(job) up", at=staged.window.end)


def test_a_server_that_is_gone_is_unreachable(tmp_path: Path):
    with running_prometheus([], scrape_interval_seconds=1, folder=tmp_path) as server:
        url = server.url
    end = datetime(2026, 11, 26, tzinfo=UTC)
    window = Window(start=end - timedelta(minutes=5), end=end)

    with pytest.raises(PrometheusUnreachableError, match="Connection refused"):
        source_at(url).fetch(metrics=["up"], matchers=(), window=window)
