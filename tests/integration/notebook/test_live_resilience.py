"""A live Prometheus, its stored answers and a capture of the same samples tell the same of the components."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from reliability.clock import format_instant
from reliability.notebook import phase
from reliability.notebook.run import Run, close_run, open_run
from reliability.sources.captures import read_capture
from reliability.staging.prometheus_server import running_prometheus
from tests.unit.notebook.reported import capture_reports

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prometheus_program")]

TOLD = ("breakers", "locks", "sessions", "start", "end", "release")


def opened(project: Path, source: str) -> Run:
    return open_run("phase_progress", phase, {"resilience_source": source}, folder=project)


def told(run: Run) -> dict[str, object]:
    data = phase.resilience(run).data
    return {key: data[key] for key in TOLD}


def test_server_stored_answers_and_capture_agree(tmp_path: Path) -> None:
    capture = read_capture(capture_reports(tmp_path / "shop"))
    lines = [
        f"{series.name}{{{labels}}} {value!r} {at:.3f}"
        for series in capture.answer.series
        for labels in [",".join(f"{k}={json.dumps(v)}" for k, v in series.labels.items() if k != "__name__")]
        for at, value in zip(series.times_seconds.tolist(), series.values.tolist(), strict=True)
    ]
    (tmp_path / "samples.txt").write_text("\n".join([*lines, "# EOF", ""]))
    command: list[str | Path] = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        tmp_path / "samples.txt",
        tmp_path / "tsdb",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    window = capture.manifest.window
    (tmp_path / "reliability.toml").write_text(
        f'[canary]\nwindow_end = "{format_instant(window.end)}"\nwindow_minutes = {window.seconds / 60}\n'
    )

    with running_prometheus([], scrape_interval_seconds=15, folder=tmp_path) as server:
        live = told(opened(tmp_path, server.url))

    assert live == told(opened(tmp_path, str(tmp_path / "shop")))
    assert live == told(opened(tmp_path, "outputs/answers/phase_progress"))


def test_a_server_that_is_gone_is_said_and_the_phase_is_judged_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "reliability.toml").touch()

    with socket.create_server(("127.0.0.1", 0)) as taken:  # nobody listens once it is closed
        port = taken.getsockname()[1]

    run = opened(tmp_path, f"http://127.0.0.1:{port}")

    assert phase.resilience(run).data["slug"] == "prometheus-unreachable"
    assert close_run(run).data["reason"] != "prometheus-unreachable"
