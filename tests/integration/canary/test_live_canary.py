"""End to end with a real Prometheus: live, recorded and kept increments come to the same verdict, byte by byte."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from reliability import cli
from reliability.clock import format_instant
from reliability.notebook import canary
from reliability.notebook.run import open_run
from reliability.sources.samples import open_sample
from reliability.staging.prometheus_server import running_prometheus

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prometheus_program")]

SECONDS = 120
HEAVY = ("pandas", "matplotlib", "papermill", "nbconvert", "nbclient")
SAMPLES = ("pass", "fail")
ROUTES = ["-p", "route_label=route"]
WINDOW = ["-p", "window_minutes=9", "-p", "warmup_minutes=1"]
OF_THE_SOURCE = {
    "sample",
    "as_of",
    "service",
    "experiment",
    "change_under_test",
    "provenance",
    "releases",
}  # what only a manifest tells


def write_open_metrics(answer, path):
    """Series after series, seconds with three decimals: what promtool backfills."""
    lines = []
    for series in answer.series:
        labels = ",".join(f"{name}={json.dumps(value)}" for name, value in series.labels.items() if name != "__name__")
        samples = zip(series.times_seconds.tolist(), series.values.tolist(), strict=True)
        lines += [f"{series.name}{{{labels}}} {value!r} {at:.3f}" for at, value in samples]
    path.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")


@pytest.fixture(scope="module", params=SAMPLES)
def served(request, tmp_path_factory):
    """A server that holds the samples of a recorded experiment, and their window."""
    folder = tmp_path_factory.mktemp(request.param)
    capture = open_sample(request.param).capture
    write_open_metrics(capture.answer, folder / "samples.txt")
    backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.txt", folder / "tsdb"]
    subprocess.run(backfill, check=True, capture_output=True, timeout=SECONDS)
    with running_prometheus([], scrape_interval_seconds=10, folder=folder) as running:
        yield request.param, running.url, capture.manifest.window


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reliability.toml").touch()

    def run_canary(*arguments):
        capsys.readouterr()
        status = cli.run(["canary", *map(str, arguments), "--json"])
        return status, capsys.readouterr().out

    return run_canary


def judged(text):
    return {key: value for key, value in json.loads(text).items() if key not in OF_THE_SOURCE}


def live(url, window):
    names = ["-p", "baseline_release=2.7.3", "-p", "canary_release=2.8.0"]
    whole = ["-p", f"window_end={format_instant(window.end)}", "-p", f"window_minutes={window.seconds / 60}"]
    return ["-p", f"source={url}", *names, *whole]


@pytest.mark.parametrize("options", [[], ROUTES], ids=["all routes in one", "route by route"])
def test_live_recorded_and_kept_come_to_the_same_verdict(served, run, tmp_path, options):
    sample, url, window = served

    recorded = run("--capture", f"sample:{sample}", *options)
    asked = run(*live(url, window), *options, "--keep", "kept.json.gz")

    assert asked[0] == recorded[0] == {"pass": 0, "fail": 1}[sample]
    assert judged(asked[1]) == judged(recorded[1])
    assert run("--increments", "kept.json.gz") == asked  # byte by byte
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.json.gz", "outputs", "reliability.toml"]
    assert {path.name.partition("-")[0] for path in (tmp_path / "outputs").rglob("*.*")} == {"leases.sqlite3"}
    if options:
        routes = json.loads(asked[1])["routes"]
        assert len(routes["judged"]) + len(routes["not_judged"]) == 3


def test_before_and_after_of_a_live_server_is_that_of_its_capture(served, run):
    sample, url, window = served
    minutes = window.seconds / 60
    half = [*WINDOW[2:], "-p", f"window_minutes={minutes / 2 - 0.2}"]
    middle = format_instant(window.start + (window.end - window.start) / 2)
    windows = ["-p", f"window_end={format_instant(window.end)}", *half, "-p", f"baseline_window_end={middle}"]

    recorded = run("--capture", f"sample:{sample}", *windows, *ROUTES)
    asked = run("-p", f"source={url}", *windows, *ROUTES, "-p", "canary_release=2.8.0", "--keep", "kept.json")

    assert cli.run(["capture", "both", "-p", f"source={url}", *windows, "-p", "canary_release=2.8.0"]) == 0
    assert judged(asked[1]) == judged(recorded[1]) == judged(run("--capture", "captures/both", *windows, *ROUTES)[1])
    assert asked[0] == recorded[0]
    assert run("--increments", "kept.json") == asked
    assert json.loads(asked[1])["comparison"] == "before-after"
    assert json.loads(asked[1])["load"]["shares"]


def test_stored_answers_of_a_run_remember_windows_and_routes(served, run, tmp_path):
    _, url, window = served
    windows = {
        "window_end": format_instant(window.end), "window_minutes": 4.0, "warmup_minutes": 1.0,
        "baseline_window_end": format_instant(window.end - timedelta(minutes=5)), "route_label": "route",
    }  # fmt: skip
    open_run("canary_comparison", canary, {"source": url, **windows}, folder=tmp_path)

    asked = run("-p", f"source={url}", *(part for name, value in windows.items() for part in ("-p", f"{name}={value}")))
    stored = run("--capture", "outputs/answers/canary_comparison")

    assert judged(stored[1]) == judged(asked[1])
    assert json.loads(stored[1])["releases"] == json.loads(asked[1])["releases"]


def test_plan_and_calibration_of_a_live_server_are_those_of_its_capture(served, run, tmp_path):
    sample, url, window = served
    told = {"source", "stored", "window"}

    def without_place(answer):
        return answer[0], {key: value for key, value in json.loads(answer[1]).items() if key not in told}

    planned = run("plan", *live(url, window))
    stored = run("calibrate", *live(url, window), "--to", "live.json")

    assert without_place(planned) == without_place(run("plan", "--capture", f"sample:{sample}"))
    assert without_place(stored) == without_place(run("calibrate", "--capture", f"sample:{sample}", "--to", "own.json"))
    assert stored[0] == 0
    assert url.rpartition("/")[2] not in (tmp_path / "live.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [ROUTES, ["-p", "margin_percent=2"]], ids=["route by route", "narrow"])
def test_a_run_of_the_notebook_keeps_what_gives_the_verdict_again(run, tmp_path, options):
    assert cli.run(["report", "canary", "--sample", "pass", *options]) == 0
    (kept,) = tmp_path.glob("outputs/runs/*/canary_comparison.increments.json.gz")
    report = json.loads((kept.parent / "canary_comparison.json").read_bytes())

    again = run("--increments", kept)

    assert again == run("--capture", "sample:pass", *options)
    assert report["verdict"] == json.loads(again[1])["verdict"]
    assert report["routes"] == json.loads(again[1])["routes"]


def test_a_verdict_loads_no_library_of_notebooks_and_pages():
    modules = "reliability.canary.judging, reliability.canary.telling"
    script = f"import sys; import {modules}; print(sorted(set({HEAVY!r}) & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
