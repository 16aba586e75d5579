import json
from dataclasses import replace
from pathlib import Path

import pytest

from reliability.errors import StagingError
from reliability.sources.manifest import manifest_text, parse_manifest
from reliability.staging.description import describe
from reliability.staging.experiment import Findings, KillEvent, OutageEvent
from reliability.staging.plans import LAYERS, ArmPlan, ExperimentPlan
from reliability.staging.storage import SessionHome, StorageChoice
from tests.unit.staging.captured import capture_body
from tests.unit.staging.logged import answered, lost

PLAN = ExperimentPlan(
    name="tiny",
    load_seconds=80,
    warmup_minutes=0.5,
    seed=1,
    arms=(
        ArmPlan(arm="baseline", release="2.7.3", replica_count=1, requests_per_second=1.0),
        ArmPlan(arm="canary", release="2.8.0", replica_count=1, requests_per_second=1.0, delay_factor=1.03),
        ArmPlan(arm="standby", release="2.8.0", replica_count=1, requests_per_second=0.0),
    ),
)
REQUESTS = [answered(completed_at_seconds=1015.0 + n, server_seconds=0.01 * (n + 1)) for n in range(60)]


def findings(*, requests=REQUESTS, kill=None, payment_outage=None, cpu_fraction=0.05, **body):
    return Findings(
        body=capture_body(requests, **body),
        query="{...}[3m]",
        evaluated_at_seconds=1101.0,
        started_at_seconds=1010.0,
        log_path=Path("requests.csv"),
        kill=kill,
        payment_outage=payment_outage,
        cpu_fraction=cpu_fraction,
        machine_cpu_fraction=0.2,
        largest_lateness_seconds=0.002,
        prometheus_version="2.42.0",
    )


def described(plan, found, requests, **choice):
    """Return the manifest as it is written, after a strict reader has read it again."""
    text = manifest_text(describe(plan, found, requests, **choice))
    assert manifest_text(parse_manifest(text.encode(), where="manifest.json")) == text
    return json.loads(text)


def test_the_manifest_holds_what_the_pages_need():
    manifest = described(PLAN, findings(), REQUESTS)

    assert manifest["schema"] == "reliability.capture/1"
    assert manifest["window"] == {"start": "1970-01-01T00:16:50Z", "end": "1970-01-01T00:18:10Z"}
    assert manifest["recorded_at"] == manifest["as_of"] == manifest["evaluated_at"] == "1970-01-01T00:18:21Z"
    assert manifest["arms"]["standby"] == {"matchers": 'arm="standby"', "release": "2.8.0"}
    assert manifest["metrics"]["error_matchers"] == 'code=~"5.."'
    assert manifest["warnings"] == manifest["infos"] == []
    assert manifest["experiment"]["kill"] is manifest["experiment"]["payment_outage"] is None
    assert manifest["experiment"]["cpu_seconds_per_request"] == {"canary": 0.001}
    assert manifest["experiment"]["planned_power"]["verdict"] == "PASS"


def test_the_truth_is_told_for_the_whole_and_for_the_judged_part_of_busy_arms():
    truth = described(PLAN, findings(), REQUESTS)["truth"]

    assert truth["whole"]["canary"]["requests"] == 60
    assert truth["whole"]["canary"]["p95_seconds"] == pytest.approx(0.57)
    assert truth["judged"]["canary"]["requests"] == 60 - 25
    assert "standby" not in truth["whole"]
    assert truth["kill_gap"] == {}


def test_a_kill_is_told_with_the_bound_of_what_it_hid():
    kill = KillEvent(arm="canary", instance="canary-1", killed_at_seconds=1034.5, restarted_at_seconds=1054.5)
    requests = [r for r in REQUESTS if not 1034.5 <= r.completed_at_seconds < 1054.5]
    requests.append(lost(completed_at_seconds=1034.6))
    found = findings(requests=requests, kill=kill, killed=1034.5, restarted=1054.5)

    manifest = described(PLAN, found, requests)

    assert manifest["truth"]["kill_gap"] == {"canary": {"requests_at_most": 5}}
    assert manifest["truth"]["whole"]["canary"]["lost_connections"] == 1
    assert manifest["experiment"]["kill"]["killed_at"] == "1970-01-01T00:17:14.500Z"


def test_an_outage_of_the_payment_system_is_told():
    outage = OutageEvent(began_at_seconds=1050.0, ended_at_seconds=1065.25)

    manifest = described(PLAN, findings(payment_outage=outage), REQUESTS)

    assert manifest["experiment"]["payment_outage"] == {
        "began_at": "1970-01-01T00:17:30Z",
        "ended_at": "1970-01-01T00:17:45.250Z",
    }


def test_the_arm_with_the_layers_is_told_and_which_they_are_and_where_things_were_kept():
    baseline, canary, standby = PLAN.arms
    plan = replace(PLAN, arms=(baseline, replace(canary, layers=True), standby))
    choice = StorageChoice(storage_variable="STAGING_PG", sessions_variable="STAGING_REDIS")
    homes = {
        "plain": SessionHome(store="PostgreSQL", durability="each-write"),
        "layers": SessionHome(store="Redis", durability="none"),
    }

    experiment = described(plan, findings(), REQUESTS, storage=choice, homes=homes)["experiment"]

    assert experiment["layers"] == LAYERS
    assert [experiment["arms"][arm]["layers"] for arm in ("baseline", "canary")] == [False, True]
    assert experiment["storage"] == "one schema per arm in the same PostgreSQL; sessions of the layers in Redis"
    assert experiment["sessions"]["baseline"] == {"store": "PostgreSQL", "durability": "each-write"}
    assert experiment["sessions"]["canary"] == {"store": "Redis", "durability": "none"}
    assert described(PLAN, findings(), REQUESTS)["experiment"]["layers"] == "none"


def test_warnings_of_the_server_are_kept():
    assert described(PLAN, findings(warnings=["partial"]), REQUESTS)["warnings"] == ["partial"]


def test_a_last_answer_after_the_planned_end_moves_the_end_of_the_window():
    late = [*REQUESTS, answered(completed_at_seconds=1091.4, server_seconds=2.0)]

    manifest = described(PLAN, findings(requests=late), late)

    assert manifest["window"]["end"] == "1970-01-01T00:18:12Z"


def test_a_capture_that_disagrees_is_refused_with_the_numbers():
    with pytest.raises(StagingError, match=r"gained 60, the client counted 61"):
        describe(PLAN, findings(), [*REQUESTS, answered()])


def test_an_experiment_that_kept_the_machine_busy_is_refused():
    with pytest.raises(StagingError, match="used 45% of the machine's CPU"):
        describe(PLAN, findings(cpu_fraction=0.45), REQUESTS)
