"""The shipped recordings, held against their own truth without the decoder that reports use."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

import reliability.sample
from reliability.shipped import shipped_folder
from reliability.sources.drill_log import read_drill_log
from reliability.staging.agreement import CapturedCounters
from reliability.staging.drill_recorder import RUNBOOK_FILE

SAMPLE = Path(reliability.sample.__file__).parent
BYTES_LIMIT = 600_000
ARMS = ("baseline", "canary")


@pytest.fixture(scope="module", params=["pass", "fail"])
def recording(request):
    folder = SAMPLE / request.param
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    packed = (folder / "capture.json.gz").read_bytes()
    return manifest, packed, CapturedCounters(gzip.decompress(packed))


def gained(counters, name, **labels):
    return sum(counters.increment(s) for s in counters.series if s.name == name and labels.items() <= s.labels.items())


def test_the_capture_is_small_and_the_one_that_its_manifest_names(recording):
    manifest, packed, _ = recording

    assert hashlib.sha256(packed).hexdigest() == manifest["capture_sha256"]
    assert len(packed) < BYTES_LIMIT


@pytest.mark.parametrize("arm", ARMS)
def test_requests_and_errors_are_those_of_the_client_but_for_a_kills_gap(recording, arm):
    manifest, _, counters = recording
    truth = manifest["truth"]["whole"][arm]
    gap = manifest["truth"]["kill_gap"].get(arm, {}).get("requests_at_most", 0)

    requests = gained(counters, "http_requests_total", arm=arm)
    codes = {s.labels["code"] for s in counters.series if s.name == "http_requests_total"}
    failed = (code for code in codes if code.startswith("5"))
    errors = sum(gained(counters, "http_requests_total", arm=arm, code=code) for code in failed)

    extra = truth["lost_connections"] if gap else 0
    assert truth["requests"] - gap <= requests <= truth["requests"] + extra
    assert truth["errors"] - gap <= errors <= truth["errors"] + extra


@pytest.mark.parametrize("arm", ARMS)
def test_the_true_p95_lies_in_the_bucket_that_the_counters_name(recording, arm):
    manifest, _, counters = recording
    at_or_below: dict[float, float] = {}
    for series in counters.series:
        if series.name == "http_request_duration_seconds_bucket" and series.labels["arm"] == arm:
            bound = float(series.labels["le"])
            at_or_below[bound] = at_or_below.get(bound, 0.0) + counters.increment(series)

    upper = min(bound for bound, count in at_or_below.items() if count >= 0.95 * at_or_below[float("inf")])
    lower = max(bound for bound in at_or_below if bound < upper)

    assert lower < manifest["truth"]["whole"][arm]["p95_seconds"] <= upper
    assert upper / lower <= 1.10


def test_the_experiment_left_the_machine_room_and_its_load_came_in_time(recording):
    experiment = recording[0]["experiment"]

    assert experiment["cpu_fraction"] < 0.40
    assert experiment["largest_arrival_lateness_seconds"] < 0.5


def test_the_arm_without_traffic_was_up_and_counted_nothing(recording):
    _, _, counters = recording

    assert len(counters.scrape_times("standby-1")) > 50
    assert gained(counters, "http_requests_total", arm="standby") == 0


def test_the_shipped_drill_went_well_and_followed_the_shipped_runbook():
    log = SAMPLE / "drill" / "drill.jsonl"
    start, *steps, end = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]

    runbook = (shipped_folder("templates") / RUNBOOK_FILE).read_bytes()
    assert read_drill_log(log)
    assert end["status"] == "ok"
    assert all(step["status"] == "ok" for step in steps)
    assert end["seconds"] < start["limit_seconds"]
    assert start["runbook_sha256"] == hashlib.sha256(runbook).hexdigest(), "the runbook changed: drill again"
