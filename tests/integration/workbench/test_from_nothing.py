"""From an address to a first page, on a Prometheus that scrapes itself as two jobs.

The seconds of the way are printed at the end of the test run, also by `make test`.
"""

import contextlib
import io
import json
import re
import shlex
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from reliability import cli
from reliability.sources.captures import Capture, read_bare_capture, read_capture
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.metrics import MetricNames
from reliability.sources.promql import parse_matchers
from reliability.staging.processes import free_port
from reliability.staging.prometheus_server import PrometheusServer, ScrapeTarget, running_prometheus
from reliability.window import Window

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prometheus_program")]

ARMS = ("baseline", "canary")
RELEASES = {"baseline": '2.7 "stable"', "canary": '2.8 "canary" \\'}
FIRST_SCRAPES, ENOUGH_SCRAPES = 2, 8  # for init, and for a window that can be judged
REQUESTS = 20
WAIT_SECONDS = 20.0
NAMES = MetricNames(
    latency="prometheus_http_request_duration_seconds",
    requests="prometheus_http_requests_total",
    error_matchers=parse_matchers('code=~"5.."'),
)


def wait_for_scrapes(server: PrometheusServer, count: int) -> None:
    """Look again until every target was scraped so often; scrapes come once a second."""
    end, pause = time.monotonic() + WAIT_SECONDS, threading.Event()
    while True:
        seen = server.query_values("min(count_over_time(up[1m]))")
        if seen and seen[0][1] >= count:
            return
        assert time.monotonic() < end, "the server did not scrape in time"
        pause.wait(0.1)


@contextlib.contextmanager
def served(url: str) -> Iterator[None]:
    """Send some requests a second until the block ends."""
    stop = threading.Event()

    def send() -> None:
        with contextlib.closing(HTTPConnection(url.removeprefix("http://"), timeout=5)) as connection:
            while not stop.wait(0.04):
                connection.request("GET", "/api/v1/query?query=up")
                connection.getresponse().read()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    port = free_port()
    labels = [
        {"job": "shop-a", "instance": "a:1", "release": RELEASES["baseline"]},
        {"job": "shop-b", "instance": "b:1", "release": RELEASES["canary"], "build": "6"},
        {"job": "shop-b", "instance": "b:2", "release": RELEASES["canary"], "build": "7"},
    ]
    targets = [ScrapeTarget(port=port, labels=each) for each in labels]
    folder = tmp_path_factory.mktemp("prometheus")
    with (
        running_prometheus(targets, scrape_interval_seconds=1, folder=folder, port=port) as running,
        served(running.url),
    ):
        wait_for_scrapes(running, FIRST_SCRAPES)
        yield running


@dataclass(frozen=True)
class Project:
    folder: Path
    settings: dict[str, Any]
    seconds: float
    doctor: str
    page: str
    report: dict[str, Any]


@pytest.fixture(scope="module")
def project(server: PrometheusServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Go the whole way as a user does, in an empty folder."""
    folder = tmp_path_factory.mktemp("nothing")
    begin = time.monotonic()
    typed(folder, f"reliability init --prometheus {server.url}")
    wait_for_scrapes(server, ENOUGH_SCRAPES)
    doctor = typed(folder, "reliability doctor")
    (command,) = re.findall(r"^ok +works now: (.*)$", doctor, re.MULTILINE)
    typed(folder, command)
    seconds = time.monotonic() - begin
    (page,) = (folder / "outputs" / "runs").glob("*/canary_comparison.html")
    return Project(
        folder=folder,
        settings=tomllib.loads((folder / "reliability.toml").read_text(encoding="utf-8")),
        seconds=seconds,
        doctor=doctor,
        page=page.read_text(encoding="utf-8"),
        report=json.loads(page.with_suffix(".json").read_text(encoding="utf-8")),
    )


def typed(folder: Path, line: str) -> str:
    """Give a command line of ours in a folder; return what it printed. One process serves all of them."""
    program, *words = shlex.split(line)
    assert program == "reliability"
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        assert cli.run(words) == 0, printed.getvalue()
    return printed.getvalue()


def test_from_nothing_to_a_page_with_a_verdict(project: Project, record_property: Any):
    said = (
        f"From an empty folder to the first canary page: {project.seconds:.1f} s (init, doctor, report in one process)"
    )
    record_property("said", said)

    assert project.report["verdict"] in ("PASS", "FAIL", "INCONCLUSIVE")
    for arm in ARMS:
        assert project.report["exposure"][arm]["requests"] >= REQUESTS
    assert "2.8" in project.page


def test_init_finds_the_arms_by_a_label_with_quotes_and_leaves_the_scrapes_out(project: Project):
    canary = project.settings["canary"]

    for arm in ARMS:
        matchers = {matcher.name: matcher for matcher in parse_matchers(canary[arm])}
        assert matchers["release"].value == RELEASES[arm]
        assert matchers["handler"].promql() == 'handler!="/metrics"'
    assert canary["latency_metric"] == NAMES.latency
    assert canary["requests_metric"] == NAMES.requests
    assert "window_minutes" not in canary


def test_doctor_shows_the_two_values_of_a_label_that_nobody_selected(project: Project):
    assert "its targets differ in build, which no matcher selects: 6, 7" in project.doctor
    assert "every 1 s" in project.doctor


def test_doctor_prints_a_shorter_window_where_the_usual_one_is_not_there_yet(project: Project):
    assert "works now: reliability report canary -p window_minutes=0." in project.doctor


def test_a_label_value_that_does_not_exist_is_a_fault_with_those_that_do(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("RELIABILITY_CANARY_CANARY", 'release="2.9"')

    status = cli.run(["doctor"])

    printed = capsys.readouterr().out
    assert status == 4
    assert 'release="2.9" matches none of release: 2.7 "stable", 2.8 "canary" \\' in printed


def test_a_capture_and_curl_alone_give_the_counts_of_the_server(
    server: PrometheusServer, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(project.folder)
    assert cli.run(["capture", "now", "--out", str(tmp_path)]) == 0
    recorded = read_capture(tmp_path / "now")
    window = recorded.manifest.window
    subprocess.run(["/bin/bash", "-c", recipe(server.url)], cwd=tmp_path, check=True)

    bare = read_bare_capture(tmp_path / "capture.json.gz")
    assert recorded.manifest.server.version.startswith("2.")
    assert recorded.manifest.scrape_interval_seconds == bare.manifest.scrape_interval_seconds == 1
    assert bare.manifest.window.start <= window.start < window.end <= bare.manifest.as_of + timedelta(seconds=1)
    counted = [counts_of(capture, project.settings["canary"], window) for capture in (recorded, bare)]
    assert counted[0] == counted[1]
    assert min(counted[0]) >= REQUESTS


def recipe(url: str) -> str:
    """Return the recipe of the README for this server: its names, its jobs, its address."""
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"^curl -.*?\.gz$", readme, re.MULTILINE | re.DOTALL)
    text: str = found.replace('job="api"', 'job=~"shop-.*"').replace("http://127.0.0.1:9090", url)
    return f"set -eu -o pipefail\n{text.replace('http_request', 'prometheus_http_request')}\n"


def counts_of(capture: Capture, canary: dict[str, Any], window: Window) -> list[float]:
    answers = [
        capture.fetch(metrics=NAMES.fetched(), matchers=parse_matchers(canary[arm]), window=window) for arm in ARMS
    ]
    pairing: Pairing = pair_counts(answers[0], answers[1], names=NAMES, window=window)
    assert pairing.counts is not None, pairing.health
    arms = (pairing.counts.baseline, pairing.counts.canary)
    return [float(value) for arm in arms for value in (arm.requests.sum(), arm.bucket_counts[:, -1].sum())]
