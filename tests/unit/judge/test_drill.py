"""Drill judge: in time, recent, whole, of this runbook, and verified, or it is no PASS."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.drill import Drill, DrillJudgement, DrillStep, judge_drill
from reliability.verdicts import Verdict

BEGUN = datetime(2026, 11, 26, 12, tzinfo=UTC)
PLAN = (("decide", "decision"), ("switch", "action"), ("verify_release", "verify"), ("verify_latency", "verify"))
DIGEST = "c" * 64


def drill(*, step_seconds: float = 100.0) -> Drill:
    seconds = step_seconds * len(PLAN)
    return Drill(
        run_id="drill-1",
        started_at=BEGUN,
        ended_at=BEGUN + timedelta(seconds=seconds),
        runbook_sha256=DIGEST,
        service="staging",
        from_release="2.8.0",
        to_release="2.7.3",
        decider="somebody",
        seconds=seconds,
        status="ok",
        steps=tuple(
            DrillStep(
                id=step,
                kind=kind,
                ended_at=BEGUN + timedelta(seconds=step_seconds * place),
                seconds=step_seconds,
                budget_seconds=120,
                status="ok",
                evidence="2 of 2",
            )
            for place, (step, kind) in enumerate(PLAN, start=1)
        ),
    )


def judge(seen: Drill, *, days: float = 1, sha256: str = DIGEST) -> DrillJudgement:
    return judge_drill(
        seen,
        planned_steps=[step for step, _ in PLAN],
        runbook_sha256=sha256,
        as_of=BEGUN + timedelta(days=days),
    )


def with_step(place: int, **changes: object) -> Drill:
    steps = list(drill().steps)
    steps[place] = replace(steps[place], **changes)  # type: ignore[arg-type]
    return replace(drill(), steps=tuple(steps))


@given(step_seconds=st.floats(0.001, 500), days=st.floats(0.1, 60))
def test_only_a_drill_in_time_and_recent_is_a_pass(step_seconds: float, days: float) -> None:
    seen = drill(step_seconds=step_seconds)

    judged = judge(seen, days=days)

    assert seen.seconds is not None
    assert judged.age_days is not None
    assert (judged.verdict is Verdict.PASS) == (seen.seconds <= 900 and judged.age_days <= 30)


@given(kept=st.integers(0, len(PLAN)), data=st.data())
def test_a_drill_that_stopped_in_its_middle_is_never_a_pass(kept: int, data: st.DataObject) -> None:
    seconds = data.draw(st.none() | st.floats(0, 900))
    seen = replace(drill(), steps=drill().steps[:kept], status="incomplete", seconds=seconds, ended_at=None)

    assert judge(seen).verdict is not Verdict.PASS


@pytest.mark.parametrize(
    ("seen", "verdict", "reason"),
    [
        (drill(), Verdict.PASS, "ready"),
        (drill(step_seconds=225), Verdict.PASS, "ready"),
        (drill(step_seconds=225.001), Verdict.FAIL, "over-time"),
        (replace(drill(), status="failed"), Verdict.FAIL, "step-failed"),
        (with_step(1, status="failed"), Verdict.FAIL, "step-failed"),
        (with_step(1, status="timeout"), Verdict.FAIL, "step-failed"),
        (replace(drill(), status="incomplete"), Verdict.INCONCLUSIVE, "incomplete"),
        (replace(drill(), status="incomplete", seconds=None, ended_at=None), Verdict.INCONCLUSIVE, "incomplete"),
        (
            replace(drill(step_seconds=500), status="incomplete", seconds=None, ended_at=None),
            Verdict.FAIL,
            "over-time",
        ),
        (replace(drill(), steps=drill().steps[1:]), Verdict.INCONCLUSIVE, "steps-missing"),
        (with_step(2, kind="action"), Verdict.INCONCLUSIVE, "release-not-verified"),
        (with_step(3, kind="action"), Verdict.INCONCLUSIVE, "health-not-verified"),
        (replace(drill(), seconds=300.0), Verdict.INCONCLUSIVE, "clocks-disagree"),
        (replace(drill(), ended_at=BEGUN + timedelta(hours=2)), Verdict.INCONCLUSIVE, "clocks-disagree"),
    ],
)
def test_each_flaw_has_its_verdict_and_its_reason(seen: Drill, verdict: Verdict, reason: str) -> None:
    judged = judge(seen)

    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_a_drill_of_another_runbook_does_not_decide() -> None:
    judged = judge(drill(), sha256="d" * 64)

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "runbook-changed")


def test_a_drill_older_than_thirty_days_fails() -> None:
    assert judge(drill(), days=34).reason == "too-old"
    assert judge(drill(), days=34).verdict is Verdict.FAIL


def test_a_drill_from_the_future_does_not_decide() -> None:
    judged = judge(drill(), days=-1)

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "drill-in-future")


def test_a_failed_step_weighs_more_than_a_changed_runbook() -> None:
    assert judge(with_step(1, status="failed"), sha256="d" * 64).verdict is Verdict.FAIL


def test_a_step_over_its_own_budget_is_a_caution_within_the_whole() -> None:
    judged = judge(with_step(1, budget_seconds=50))

    assert judged.verdict is Verdict.PASS
    assert "step-over-budget" in judged.cautions
    assert next(c for c in judged.checks if c.id == "steps-in-budget").values["over"] == ["switch"]


def test_what_a_drill_does_not_check_is_always_said() -> None:
    assert judge(drill()).cautions == ("drill-only",)


def test_a_runbook_without_steps_proves_nothing() -> None:
    judged = judge_drill(drill(), planned_steps=[], runbook_sha256=DIGEST, as_of=BEGUN + timedelta(days=1))

    assert judged.verdict is Verdict.INCONCLUSIVE


def test_the_checks_are_json() -> None:
    checks = [check.to_json() for check in judge(drill()).checks]

    assert checks[0] == {
        "id": "complete",
        "verdict": "PASS",
        "reason": "ok",
        "values": {"planned_count": 4, "done_count": 4, "missing": []},
    }
