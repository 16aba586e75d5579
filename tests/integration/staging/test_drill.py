import dataclasses
import hashlib
import json

import pytest

from reliability.clock import SystemClock, parse_instant
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
    """Run a drill; return its log as a reader takes it: start, steps, end."""
    path = record_drill(folder, clock=SystemClock(), progress=lambda _line: None, plan=plan)
    assert read_drill_log(path)
    start, *steps, end = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return start, steps, end


@pytest.mark.requirement("RES-RB-01")
def test_a_drill_brings_the_old_release_back_and_logs_every_step(tmp_path):
    start, steps, end = drill(tmp_path, QUICK)

    runbook = (shipped_folder("templates") / RUNBOOK_FILE).read_bytes()
    assert end["status"] == "ok"
    assert {step["status"] for step in steps} == {"ok"}
    assert [step["step"] for step in steps][-2:] == ["verify_release", "verify_latency"]
    assert "2 of 2 replicas name 2.7.3" in steps[-2]["evidence"]
    assert start["runbook_sha256"] == hashlib.sha256(runbook).hexdigest()
    assert sum(step["seconds"] for step in steps) == pytest.approx(end["seconds"], abs=0.5)
    clock_seconds = (parse_instant(end["at"]) - parse_instant(start["at"])).total_seconds()
    assert clock_seconds == pytest.approx(end["seconds"], abs=0.5)


def test_a_canary_without_harm_gives_no_reason_to_roll_back_and_the_log_says_so(tmp_path):
    harmless = dataclasses.replace(QUICK.canary, error_fraction=0.0, delay_factor=1.0)

    _, steps, end = drill(tmp_path, dataclasses.replace(QUICK, canary=harmless))

    assert end["status"] == "failed"
    assert [(step["step"], step["status"]) for step in steps] == [("decide", "failed")]
    assert "no reason to roll back" in steps[0]["evidence"]
