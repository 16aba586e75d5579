"""One miniature experiment on real processes and a real Prometheus, looked at from all sides."""

import gzip
import hashlib
import json

import pytest

from reliability.staging.agreement import CapturedCounters
from reliability.staging.plans import ArmPlan, ExperimentPlan, KillPlan, OutagePlan
from reliability.staging.recorder import record_experiment

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prometheus_program")]

PLAN = ExperimentPlan(
    name="miniature",
    load_seconds=12.0,
    drain_seconds=2.0,
    warmup_minutes=0.05,
    scrape_interval_seconds=1,
    seed=11,
    arms=(
        ArmPlan(arm="baseline", release="2.7.3", replica_count=2, requests_per_second=40.0),
        ArmPlan(
            arm="canary",
            release="2.8.0",
            replica_count=2,
            requests_per_second=40.0,
            delay_factor=1.25,
            delay_name="+25 %",
            error_fraction=0.2,
            layers=True,
        ),
        ArmPlan(arm="standby", release="2.8.0", replica_count=1, requests_per_second=0.0),
    ),
    kill=KillPlan(instance="canary-2", after_fraction=0.3, down_seconds=3.0),
    payment_outage=OutagePlan(after_fraction=0.6, down_seconds=2.5),
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures")
    return record_experiment(PLAN, folder, progress=lambda _line: None)


@pytest.fixture(scope="module")
def manifest(capture):
    return json.loads((capture / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def counters(capture):
    return CapturedCounters(gzip.decompress((capture / "capture.json.gz").read_bytes()))


def gained(counters, name, **labels):
    return sum(counters.increment(s) for s in counters.series if s.name == name and labels.items() <= s.labels.items())


def test_an_undisturbed_arm_was_counted_exactly(manifest, counters):
    truth = manifest["truth"]["whole"]["baseline"]

    assert truth["requests"] > 250
    assert gained(counters, "http_requests_total", arm="baseline") == truth["requests"]
    assert gained(counters, "http_request_duration_seconds_count", arm="baseline") == truth["requests"]
    assert gained(counters, "http_requests_total", arm="baseline", code="500") == truth["errors"]
    assert truth["lost_connections"] == 0


def test_an_arm_with_a_killed_replica_was_counted_but_for_the_gap(manifest, counters):
    truth = manifest["truth"]["whole"]["canary"]
    gap = manifest["truth"]["kill_gap"]["canary"]["requests_at_most"]

    counted = gained(counters, "http_requests_total", arm="canary")

    assert truth["requests"] - gap <= counted <= truth["requests"] + truth["lost_connections"]
    assert truth["errors"] / truth["requests"] == pytest.approx(0.2, abs=0.08)
    assert manifest["experiment"]["kill"]["instance"] == "canary-2"


def test_the_capture_holds_what_the_layers_did_and_none_of_their_buckets(manifest, counters):
    undisturbed = {"instance": "canary-1"}
    reserved = gained(counters, "http_requests_total", route="reserve", code="201", **undisturbed)
    released = gained(counters, "reliability_lock_operations_total", operation="release", outcome="ok", **undisturbed)
    charged = gained(counters, "reliability_circuit_calls_total", outcome="ok", **undisturbed)
    names = {series.name for series in counters.series}

    assert 0 < reserved == charged <= released
    assert gained(counters, "reliability_circuit_calls_total", outcome="failure", **undisturbed) >= 3
    assert {s.labels["arm"] for s in counters.series if s.name == "session_active_total"} == {"canary"}
    assert not [name for name in names if name.startswith("reliability_") and name.endswith("_bucket")]
    assert manifest["experiment"]["payment_outage"]


def test_the_idle_arm_was_scraped_and_counted_nothing(counters):
    assert len(counters.scrape_times("standby-1")) > 12
    assert gained(counters, "http_requests_total", arm="standby") == 0


def test_the_true_p95_lies_in_the_bucket_that_the_counters_name(manifest, counters):
    truth = manifest["truth"]["whole"]["baseline"]
    at_or_below: dict[float, float] = {}
    for series in counters.series:
        if series.name == "http_request_duration_seconds_bucket" and series.labels["arm"] == "baseline":
            bound = float(series.labels["le"])
            at_or_below[bound] = at_or_below.get(bound, 0) + counters.increment(series)

    upper = min(bound for bound, count in at_or_below.items() if count >= 0.95 * truth["requests"])
    lower = max((bound for bound in at_or_below if bound < upper), default=0.0)

    assert lower < truth["p95_seconds"] <= upper


def test_the_client_measured_what_the_server_observed(manifest):
    for truth in manifest["truth"]["whole"].values():
        assert truth["p95_seconds"] <= truth["client_p95_seconds"] <= truth["p95_seconds"] + 0.05


def test_the_capture_is_sealed_and_tells_its_cost(capture, manifest):
    digest = hashlib.sha256((capture / "capture.json.gz").read_bytes()).hexdigest()

    assert manifest["capture_sha256"] == digest
    assert 0 < manifest["experiment"]["cpu_fraction"] < 0.9
    assert set(manifest["experiment"]["cpu_seconds_per_request"]) == {"baseline", "canary"}
    assert manifest["experiment"]["largest_arrival_lateness_seconds"] < 1
    assert sorted(path.name for path in capture.parent.iterdir()) == ["miniature"]
