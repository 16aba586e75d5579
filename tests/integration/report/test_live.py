"""A live Prometheus, its stored answers and the capture of the same samples give the same numbers."""

import json
import subprocess

import pandas as pd
import pytest

from reliability import notebook as nb
from reliability.clock import format_instant
from reliability.notebook import canary
from reliability.notebook.run import close_run, open_run
from reliability.sources.samples import open_sample
from reliability.staging.prometheus_server import running_prometheus

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prometheus_program")]

SECONDS = 120
QUERY = "sum by (arm) (rate(http_requests_total[2m]))"
STORED = "outputs/answers/canary_comparison"
JUDGED = ("verdict", "reason", "latency", "errors", "exposure", "checks", "figures")


def write_open_metrics(answer, path):
    """Series after series, seconds with three decimals: what promtool backfills."""
    lines = []
    for series in answer.series:
        labels = ",".join(f"{name}={json.dumps(value)}" for name, value in series.labels.items() if name != "__name__")
        samples = zip(series.times_seconds.tolist(), series.values.tolist(), strict=True)  # noqa: PD011
        lines += [f"{series.name}{{{labels}}} {value!r} {at:.3f}" for at, value in samples]
    path.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    write_open_metrics(open_sample("pass").capture.answer, folder / "samples.txt")
    backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.txt", folder / "tsdb"]
    subprocess.run(backfill, check=True, capture_output=True, timeout=SECONDS)
    with running_prometheus([], scrape_interval_seconds=10, folder=folder) as running:
        yield running


def opened(project, **parameters):
    return open_run("canary_comparison", canary, parameters, folder=project)


def concluded(run):
    return {key: value for key, value in close_run(run).data.items() if key in (*JUDGED, "as_of", "releases")}


def test_a_live_prometheus_and_its_capture_give_the_same_numbers(server, tmp_path):
    (tmp_path / "reliability.toml").touch()
    window = open_sample("pass").capture.manifest.window

    recorded = close_run(opened(tmp_path, source="sample:pass")).data
    live = close_run(
        opened(
            tmp_path,
            source=server.url,
            window_end=format_instant(window.end),
            window_minutes=window.seconds / 60,
            baseline_release="2.7.3",
            canary_release="2.8.0",
        )
    ).data

    assert {key: live[key] for key in JUDGED} == {key: recorded[key] for key in JUDGED}
    assert live["verdict"] == "PASS"
    assert live["sample"] is None
    assert live["provenance"]["source"] == "Prometheus"  # the name, not the address


def test_a_recorded_run_gives_the_same_numbers_offline_and_another_margin_another_verdict(server, tmp_path):
    (tmp_path / "reliability.toml").write_text(f'[prometheus]\nurl = "{server.url}"\nname = "Metrics of the shop"\n')
    window = open_sample("pass").capture.manifest.window
    live = opened(
        tmp_path, source="prometheus", window_end=format_instant(window.end), window_minutes=window.seconds / 60
    )
    rates = nb.promql(live, QUERY, step_seconds=60)
    (tmp_path / "reliability.toml").write_text("")  # no server from here on

    again = opened(tmp_path, source=STORED)
    narrow = opened(tmp_path, source=STORED, margin_percent=2.0)
    shorter = opened(tmp_path, source=STORED, window_minutes=12.0)

    assert close_run(live).data["provenance"]["source"] == "Metrics of the shop"
    assert concluded(again) == concluded(live)
    assert close_run(narrow).data["verdict"] == "INCONCLUSIVE"
    assert close_run(shorter).data["reason"] == "missing-evidence"
    assert "use the parameters that it was recorded with" in close_run(shorter).data["error"]["message"]
    pd.testing.assert_frame_equal(nb.promql(again, QUERY, step_seconds=60), rates)
    assert set(rates["arm"]) >= {"baseline", "canary"}
    assert close_run(again).data["provenance"]["queries"][-1] == QUERY


def test_a_window_without_samples_is_no_data(server, tmp_path):
    (tmp_path / "reliability.toml").touch()

    run = opened(tmp_path, source=server.url, window_end="2020-01-01T00:00:00Z")

    assert (close_run(run).data["verdict"], close_run(run).data["reason"]) == ("NO_DATA", "no-traffic")
