import dataclasses
import hashlib

import pytest

from reliability.clock import SystemClock
from reliability.shipped import shipped_folder
from reliability.sources.drill_log import read_drill_log
from reliability.staging.drill_recorder import RUNBOOK_FILE, record_drill
from reliability.staging.plans import DRILL_PLAN

pytestmark = pytest.mark.integration

QUICK = dataclasses.replace(
    DRILL_PLAN,
    canary=dataclasses.replace(DRILL_PLAN.canary, error_fraction=0.3),
    requests_per_second=150.0,
    reference_answers=300,
    decision_answers=150,
    release_answers=50,
    latency_answers=150,
)


def drill(folder, plan):
    record_drill(folder, clock=SystemClock(), progress=lambda _line: None, plan=plan)
    return read_drill_log(folder / "drill.jsonl").last


def test_a_drill_brings_the_old_release_back_and_logs_every_step(tmp_path):
    done = drill(tmp_path, QUICK)

    runbook = (shipped_folder("templates") / RUNBOOK_FILE).read_bytes()
    assert done.status == "ok"
    assert {step.status for step in done.steps} == {"ok"}
    assert [step.id for step in done.steps][-2:] == ["verify_release", "verify_latency"]
    assert "2 of 2 replicas name 2.7.3" in done.steps[-2].evidence
    assert done.runbook_sha256 == hashlib.sha256(runbook).hexdigest()
    assert sum(step.seconds for step in done.steps) == pytest.approx(done.seconds, abs=0.5)
    assert (done.ended_at - done.started_at).total_seconds() == pytest.approx(done.seconds, abs=0.5)


def test_a_canary_without_harm_gives_no_reason_to_roll_back_and_the_log_says_so(tmp_path):
    harmless = dataclasses.replace(QUICK.canary, error_fraction=0.0, delay_factor=1.0)

    done = drill(tmp_path, dataclasses.replace(QUICK, canary=harmless))

    assert done.status == "failed"
    assert [(step.id, step.status) for step in done.steps] == [("decide", "failed")]
    assert "no reason to roll back" in done.steps[0].evidence
