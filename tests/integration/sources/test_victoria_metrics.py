"""Debian's VictoriaMetrics holds the shipped recording: its samples are judged as those of the capture."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
import requests

from reliability.errors import PrometheusRefusedError
from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.counts import PairedCounts
from reliability.judge.data_health import judge_data
from reliability.judge.error_rate import judge_errors
from reliability.judge.latency import judge_latency
from reliability.sources.answer import Answer
from reliability.sources.captures import Capture, read_capture
from reliability.sources.connection import Connection
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.live_transport import LiveTransport
from reliability.sources.metrics import MetricNames
from reliability.sources.prometheus import PrometheusSource
from reliability.sources.promql import parse_matchers
from reliability.sources.samples import shipped_samples
from reliability.staging.loopback import loopback_session
from reliability.staging.processes import Child, free_port
from reliability.window import Window

pytestmark = pytest.mark.integration

ARMS = ("baseline", "canary")
CAPTURE = read_capture(shipped_samples() / "pass")
WINDOW = Window(start=CAPTURE.manifest.window.start + timedelta(minutes=5), end=CAPTURE.manifest.window.end)
NAMES = MetricNames(
    latency=CAPTURE.manifest.metrics.latency,
    requests=CAPTURE.manifest.metrics.requests,
    error_matchers=parse_matchers(CAPTURE.manifest.metrics.error_matchers),
    unit=CAPTURE.manifest.metrics.unit,
)
READY_SECONDS = 20.0
DIGITS_12 = 1e-11


@pytest.fixture(scope="module")
def victoria(victoria_metrics_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusSource]:
    folder, port = tmp_path_factory.mktemp("victoria"), free_port()
    child = Child(
        [
            victoria_metrics_program,
            f"-storageDataPath={folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-memory.allowedBytes=64MB",
            "-loggerLevel=WARN",
        ],
        log_path=folder / "victoria.log",
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, child)
        import_capture(url)
        yield PrometheusSource(LiveTransport(Connection(url=url, name="VictoriaMetrics")))
    finally:
        child.stop()


def wait_until_ready(url: str, child: Child) -> None:
    end, pause = time.monotonic() + READY_SECONDS, threading.Event()
    with loopback_session() as session:
        while time.monotonic() < end:
            child.check_runs()
            try:
                if session.get(f"{url}/health", timeout=1).ok:
                    return
            except requests.RequestException:
                pause.wait(0.05)
    raise AssertionError(child.log_tail())


def import_capture(url: str) -> None:
    every = CAPTURE.fetch(metrics=NAMES.fetched(), matchers=(), window=CAPTURE.manifest.window)
    lines = [
        json.dumps(
            {
                "metric": dict(series.labels),
                "values": series.values.tolist(),
                "timestamps": np.rint(series.times_seconds * 1000).astype(int).tolist(),
            }
        )
        for series in every.series
    ]
    with loopback_session() as session:
        session.post(f"{url}/api/v1/import", data="\n".join(lines).encode(), timeout=10).raise_for_status()
        session.get(f"{url}/internal/force_flush", timeout=10).raise_for_status()


def answers_of(source: Capture | PrometheusSource) -> list[Answer]:
    return [
        source.fetch(
            metrics=NAMES.fetched(), matchers=parse_matchers(CAPTURE.manifest.arms[arm].matchers), window=WINDOW
        )
        for arm in ARMS
    ]


def pairing_of(source: Capture | PrometheusSource) -> Pairing:
    baseline, canary = answers_of(source)
    return pair_counts(baseline, canary, names=NAMES, window=WINDOW)


def judged(pairing: Pairing) -> tuple[PairedCounts, CanaryJudgement]:
    assert pairing.counts is not None, pairing.health
    return pairing.counts, judge_canary(
        judge_latency(pairing.counts, margin_fraction=0.1),
        judge_errors(pairing.counts, margin_absolute_fraction=0.005, margin_relative_fraction=0.5),
        data=judge_data(pairing.facts, canary_share_fraction=None),
    )


def test_the_canary_is_judged_as_from_the_capture_with_the_same_counts(victoria: PrometheusSource):
    recorded, live = pairing_of(CAPTURE), pairing_of(victoria)
    counts, judgement = judged(live)
    expected_counts, expected = judged(recorded)

    assert (judgement.verdict, judgement.reason) == (expected.verdict, expected.reason)
    assert live.health == recorded.health
    for arm, other in ((counts.baseline, expected_counts.baseline), (counts.canary, expected_counts.canary)):
        for name in ("bucket_counts", "requests", "errors"):
            np.testing.assert_array_equal(getattr(arm, name), getattr(other, name))
        np.testing.assert_allclose(arm.latency_sum_seconds, other.latency_sum_seconds, rtol=0, atol=1e-6)


def test_every_sample_has_twelve_digits_of_the_recorded_one(victoria: PrometheusSource):
    for live, recorded in zip(answers_of(victoria), answers_of(CAPTURE), strict=True):
        found = {frozenset(series.labels.items()): series for series in live.series}
        for series in recorded.series:
            stored = found[frozenset(series.labels.items())]
            first = series.times_seconds > stored.times_seconds[0] - 1e-3  # its ranges are open on the left
            np.testing.assert_array_equal(stored.times_seconds, series.times_seconds[first])
            np.testing.assert_allclose(stored.values, series.values[first], rtol=DIGITS_12)


def test_a_query_that_does_not_parse_is_a_bad_query(victoria: PrometheusSource):
    with pytest.raises(PrometheusRefusedError, match="VictoriaMetrics") as caught:
        victoria.ask("sum(up{", at=WINDOW.end)

    assert "Mend the query" in str(caught.value)


def test_a_query_of_more_than_sixteen_kilobytes_is_refused_and_not_split(victoria: PrometheusSource):
    with pytest.raises(PrometheusRefusedError, match="too long query"):
        victoria.ask(f'up{{instance!~"{"x" * 20_000}"}}', at=WINDOW.end)


def test_scalars_and_ranges_are_answered(victoria: PrometheusSource):
    count = victoria.ask("scalar(count(up))", at=WINDOW.end)
    by_minute = victoria.ask_range("count(up)", window=WINDOW, step_seconds=60)

    assert count.series[0].values.tolist() == [5.0]
    assert len(by_minute.series[0].values) > 10
