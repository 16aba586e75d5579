"""Drill judge: in time, recent, whole, of this runbook, and verified, or it is no PASS."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.check import Judgement
from reliability.judge.drill import Drill, DrillEnd, DrillStart, DrillStep, judge_drill
from reliability.verdicts import Verdict

BEGUN = datetime(2026, 11, 26, 12, tzinfo=UTC)
PLAN = (("decide", "decision"), ("switch", "action"), ("verify_release", "verify"), ("verify_latency", "verify"))
DIGEST = "c" * 64


def at(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


def step(place: int, *, seconds: float = 100.0, **changes: object) -> DrillStep:
    name, kind = PLAN[place]
    fields = {"run_id": "drill-1", "at": at(seconds * (place + 1)), "event": "step", "step": name, "kind": kind,
              "seconds": seconds, "budget_seconds": 120.0, "status": "ok", "evidence": "2 of 2"}  # fmt: skip
    return DrillStep.model_validate({**fields, **changes})


def drill(
    steps: Sequence[DrillStep] | None = None,
    *,
    step_seconds: float = 100.0,
    ended_after: float | None = None,
    **end: object,
) -> Drill:
    seconds = step_seconds * len(PLAN)
    fields = {"run_id": "drill-1", "event": "end", "at": at(ended_after or seconds), "seconds": seconds, "status": "ok"}
    return Drill(
        start=DrillStart.model_validate({
            "run_id": "drill-1", "event": "start", "at": BEGUN, "schema": "reliability.drill/1",
            "runbook_sha256": DIGEST, "service": "staging", "from_release": "2.8.0", "to_release": "2.7.3",
            "decider": "somebody",
        }),
        steps=tuple(step(place, seconds=step_seconds) for place in range(len(PLAN))) if steps is None else tuple(steps),
        end=DrillEnd.model_validate({**fields, **end}),
    )  # fmt: skip


def unfinished(*, kept: int = len(PLAN), step_seconds: float = 100.0) -> Drill:
    whole = drill(step_seconds=step_seconds)
    return Drill(start=whole.start, steps=whole.steps[:kept])


def judge(seen: Drill, *, days: float = 1, sha256: str = DIGEST) -> Judgement:
    return judge_drill(
        seen,
        planned_steps=[name for name, _ in PLAN],
        runbook_sha256=sha256,
        as_of=BEGUN + timedelta(days=days),
    )


def with_step(place: int, **changes: object) -> Drill:
    return drill([step(n, **(changes if n == place else {})) for n in range(len(PLAN))])  # type: ignore[arg-type]


@given(step_seconds=st.floats(0.001, 500), days=st.floats(0.1, 60))
def test_only_a_drill_in_time_and_recent_is_a_pass(step_seconds: float, days: float) -> None:
    seen = drill(step_seconds=step_seconds)

    judged = judge(seen, days=days)

    assert seen.seconds is not None
    age_days = judged.check("recent").values["age_days"]
    assert isinstance(age_days, float)
    assert (judged.verdict is Verdict.PASS) == (seen.seconds <= 900 and age_days <= 30)


@given(kept=st.integers(0, len(PLAN)))
def test_a_drill_that_stopped_in_its_middle_is_never_a_pass(kept: int) -> None:
    assert judge(unfinished(kept=kept)).verdict is not Verdict.PASS


@pytest.mark.parametrize(
    ("seen", "verdict", "reason"),
    [
        (drill(), Verdict.PASS, "ready"),
        (drill(step_seconds=225), Verdict.PASS, "ready"),
        (drill(step_seconds=225.001), Verdict.FAIL, "over-time"),
        (drill(status="failed"), Verdict.FAIL, "step-failed"),
        (with_step(1, status="failed"), Verdict.FAIL, "step-failed"),
        (with_step(1, status="timeout"), Verdict.FAIL, "step-failed"),
        (unfinished(), Verdict.INCONCLUSIVE, "incomplete"),
        (unfinished(step_seconds=500), Verdict.FAIL, "over-time"),
        (drill(drill().steps[1:]), Verdict.INCONCLUSIVE, "steps-missing"),
        (with_step(2, kind="action"), Verdict.INCONCLUSIVE, "release-not-verified"),
        (with_step(3, kind="action"), Verdict.INCONCLUSIVE, "health-not-verified"),
        (drill(seconds=300.0), Verdict.INCONCLUSIVE, "clocks-disagree"),
        (drill(ended_after=7200), Verdict.INCONCLUSIVE, "clocks-disagree"),
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
    judged = judge(with_step(1, budget_seconds=50.0))

    assert judged.verdict is Verdict.PASS
    assert "step-over-budget" in judged.cautions
    assert judged.check("steps-in-budget").values["over"] == ["switch"]


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
