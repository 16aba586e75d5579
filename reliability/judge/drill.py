"""Drill judge: does the last rehearsal prove that a release can be taken back in time?

Pure functions and frozen results. The drill arrives from `reliability.sources.drill_log`,
the plan from `reliability.sources.runbook`; words and pictures leave through
`reliability.report`. Files and clocks do not belong here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reliability.judge.check import Check, reason_of
from reliability.verdicts import Verdict, worst

LIMIT_SECONDS: Final = 900.0
MAX_AGE_DAYS: Final = 30.0
RELEASE_STEP: Final = "verify_release"
HEALTH_STEP: Final = "verify_latency"
OK: Final = "ok"
INCOMPLETE: Final = "incomplete"
CLOCK_TOLERANCE_SECONDS: Final = 5.0
_SECONDS_PER_DAY: Final = 86_400.0
STEP_OVER_BUDGET: Final = "step-over-budget"
DRILL_ONLY: Final = "drill-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStep:
    """One step as it was rehearsed.

    Attributes:
        id: Id of the runbook's step.
        kind: `decision`, `check`, `action`, `verify` or `notify`.
        ended_at: When it ended.
        seconds: How long it took, by stopwatch.
        budget_seconds: How long it might take.
        status: `ok`, `failed` or `timeout`.
        evidence: One line that says what was seen.
    """

    id: str
    kind: str
    ended_at: datetime
    seconds: float
    budget_seconds: float
    status: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One rehearsal.

    Attributes:
        run_id: Names the drill.
        started_at: Start of the decision step: the rollback clock starts here.
        ended_at: End of the last step; None when the log says nothing about the end.
        runbook_sha256: Digest of the runbook that was followed.
        service: What was rolled back.
        from_release: The release that was taken out.
        to_release: The release that came back.
        decider: Who decided.
        seconds: Rollback time by stopwatch; None without an end.
        status: `ok`, `failed` or `incomplete`.
        steps: Steps in the order of the log.
    """

    run_id: str
    started_at: datetime
    ended_at: datetime | None
    runbook_sha256: str
    service: str
    from_release: str
    to_release: str
    decider: str
    seconds: float | None
    status: str
    steps: tuple[DrillStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillJudgement:
    """What the drill proves.

    Attributes:
        checks: Rules in the order in which a reader wants them.
        cautions: Codes that leave a PASS a PASS.
        age_days: From the drill's end to the instant of the judgement; None without an end.
    """

    checks: tuple[Check, ...]
    cautions: tuple[str, ...]
    age_days: float | None

    @property
    def verdict(self) -> Verdict:
        """Fold of the checks."""
        return worst(check.verdict for check in self.checks)

    @property
    def reason(self) -> str:
        """Code of the first check that has the verdict; `ready` for a PASS."""
        return "ready" if self.verdict is Verdict.PASS else reason_of(self.checks, self.verdict)


def judge_drill(
    drill: Drill,
    *,
    planned_steps: Sequence[str],
    runbook_sha256: str,
    as_of: datetime,
    limit_seconds: float = LIMIT_SECONDS,
    max_age_days: float = MAX_AGE_DAYS,
) -> DrillJudgement:
    """Judge one rehearsal against the runbook that is in force.

    Args:
        drill: The last drill of the log.
        planned_steps: Ids of the runbook's steps.
        runbook_sha256: Digest of the runbook in force.
        as_of: Instant of the judgement, aware.
        limit_seconds: Longest rollback that passes.
        max_age_days: Oldest drill that counts.

    Returns:
        A PASS only when the drill is complete, every step went well, it was in time, is
        recent, followed this very runbook, and release and health were verified.
    """
    age_days = None
    if drill.ended_at is not None:
        age_days = (as_of - drill.ended_at).total_seconds() / _SECONDS_PER_DAY
    over = tuple(step.id for step in drill.steps if step.seconds > step.budget_seconds)
    checks = (
        _complete(drill, planned_steps),
        _steps_ok(drill),
        _in_time(drill, limit_seconds),
        _recent(age_days, max_age_days),
        _verified(drill, RELEASE_STEP, check="release-verified", value={"release": drill.to_release}),
        _verified(drill, HEALTH_STEP, check="health-verified", value={}),
        _same_runbook(drill, runbook_sha256),
        _one_time(drill),
        Check(
            id="steps-in-budget", verdict=Verdict.PASS, reason="",
            values={"over": list(over), "steps_count": len(drill.steps)},
        ),
    )  # fmt: skip
    cautions = (STEP_OVER_BUDGET, DRILL_ONLY) if over else (DRILL_ONLY,)
    return DrillJudgement(checks=checks, cautions=cautions, age_days=age_days)


def _check(check: str, reason: str, verdict: Verdict, values: Mapping[str, object]) -> Check:
    return Check(id=check, verdict=verdict, reason="ok" if verdict is Verdict.PASS else reason, values=values)


def _complete(drill: Drill, planned_steps: Sequence[str]) -> Check:
    done = [step.id for step in drill.steps]
    missing = [name for name in planned_steps if name not in done]
    planned_count = len(planned_steps)
    values = {"planned_count": planned_count, "done_count": planned_count - len(missing), "missing": missing}
    if drill.status == INCOMPLETE or drill.seconds is None or not planned_steps:
        return _check("complete", "incomplete", Verdict.INCONCLUSIVE, values)
    return _check("complete", "steps-missing", Verdict.INCONCLUSIVE if missing else Verdict.PASS, values)


def _steps_ok(drill: Drill) -> Check:
    failed = [step.id for step in drill.steps if step.status != OK]
    bad = bool(failed) or drill.status not in {OK, INCOMPLETE}
    values = {"failed": failed, "steps_count": len(drill.steps)}
    return _check("steps-ok", "step-failed", Verdict.FAIL if bad else Verdict.PASS, values)


def _in_time(drill: Drill, limit_seconds: float) -> Check:
    values = {"seconds": drill.seconds, "limit_seconds": limit_seconds}
    if drill.seconds is None:
        used = sum(step.seconds for step in drill.steps)
        late = used > limit_seconds
        reason = "over-time" if late else "incomplete"
        return _check("in-time", reason, Verdict.FAIL if late else Verdict.INCONCLUSIVE, values)
    in_time = drill.seconds <= limit_seconds
    return _check("in-time", "over-time", Verdict.PASS if in_time else Verdict.FAIL, values)


def _recent(age_days: float | None, max_age_days: float) -> Check:
    values = {"age_days": age_days, "max_age_days": max_age_days}
    if age_days is None:
        return _check("recent", "incomplete", Verdict.INCONCLUSIVE, values)
    if age_days < 0:
        return _check("recent", "drill-in-future", Verdict.INCONCLUSIVE, values)
    return _check("recent", "too-old", Verdict.PASS if age_days <= max_age_days else Verdict.FAIL, values)


def _verified(drill: Drill, step_id: str, *, check: str, value: Mapping[str, object]) -> Check:
    seen = [step for step in drill.steps if step.id == step_id and step.kind == "verify"]
    values = {**value, "evidence": seen[-1].evidence if seen else None}
    reason = f"{check.removesuffix('-verified')}-not-verified"
    if not seen:
        return _check(check, reason, Verdict.INCONCLUSIVE, values)
    good = all(step.status == OK for step in seen)
    return _check(check, reason, Verdict.PASS if good else Verdict.FAIL, values)


def _same_runbook(drill: Drill, runbook_sha256: str) -> Check:
    same = drill.runbook_sha256 == runbook_sha256
    values = {"drilled_sha256": drill.runbook_sha256, "present_sha256": runbook_sha256}
    return _check("same-runbook", "runbook-changed", Verdict.PASS if same else Verdict.INCONCLUSIVE, values)


def _one_time(drill: Drill) -> Check:
    """Stopwatch and wall clock tell the same time, or the figures are not trusted."""
    differences = list(_clock_differences(drill))
    difference = max(differences, default=None)
    values = {"difference_seconds": difference, "tolerance_seconds": CLOCK_TOLERANCE_SECONDS}
    if difference is None:
        return _check("clocks-agree", "incomplete", Verdict.INCONCLUSIVE, values)
    agree = difference <= CLOCK_TOLERANCE_SECONDS
    return _check("clocks-agree", "clocks-disagree", Verdict.PASS if agree else Verdict.INCONCLUSIVE, values)


def _clock_differences(drill: Drill) -> Iterator[float]:
    if drill.seconds is None or drill.ended_at is None:
        return
    yield abs((drill.ended_at - drill.started_at).total_seconds() - drill.seconds)
    yield max(0.0, sum(step.seconds for step in drill.steps) - drill.seconds)
