"""Drill judge: does the last rehearsal prove that a release can be taken back in time?

Frozen records of a drill as its log tells it, and pure functions over them. The plan
arrives from `reliability.sources.runbook`; words and pictures leave through
`reliability.report`. Files and clocks do not belong here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reliability.judge.check import Check, Judgement
from reliability.verdicts import Verdict

LIMIT_SECONDS: Final = 900.0
MAX_AGE_DAYS: Final = 30.0
OK: Final = "ok"
INCOMPLETE: Final = "incomplete"
STEP_OVER_BUDGET: Final = "step-over-budget"
CLOCK_TOLERANCE_SECONDS: Final = 5.0

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=2000)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Logged(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    run_id: Name
    at: AwareDatetime


class DrillStart(_Logged):
    """Start of the decision step: the rollback clock starts here.

    Attributes:
        runbook_sha256: Digest of the runbook that was followed.
        service: What was rolled back.
        from_release: The release that was taken out.
        to_release: The release that came back.
        decider: Who decided.
    """

    event: Literal["start"]
    schema_: Literal["reliability.drill/1"] = Field(alias="schema")
    runbook_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    service: Text
    from_release: Text
    to_release: Text
    decider: Text


class DrillStep(_Logged):
    """End of one step.

    Attributes:
        id: Id of the runbook's step.
        kind: `decision`, `check`, `action`, `verify` or `notify`.
        seconds: How long it took, by stopwatch.
        budget_seconds: How long it might take.
        status: How it went.
        evidence: One line that says what was seen.
    """

    event: Literal["step"]
    id: Name = Field(alias="step")
    kind: Text
    seconds: Seconds
    budget_seconds: Seconds
    status: Literal["ok", "failed", "timeout"]
    evidence: Text = ""

    @property
    def is_over_budget(self) -> bool:
        """Whether it took longer than it might."""
        return self.seconds > self.budget_seconds


class DrillEnd(_Logged):
    """End of the last step.

    Attributes:
        seconds: Rollback time by stopwatch.
        status: How the whole went.
    """

    event: Literal["end"]
    seconds: Seconds
    status: Literal["ok", "failed"]


class Drill(BaseModel):
    """One rehearsal.

    Attributes:
        start: Its start.
        steps: Steps in the order of the log.
        end: Its end; None when the log says nothing about it.
    """

    model_config = ConfigDict(frozen=True)

    start: DrillStart
    steps: tuple[DrillStep, ...] = ()
    end: DrillEnd | None = None

    @property
    def status(self) -> str:
        """`ok`, `failed` or `incomplete`."""
        return self.end.status if self.end else INCOMPLETE

    @property
    def seconds(self) -> float | None:
        """Rollback time by stopwatch; None without an end."""
        return self.end.seconds if self.end else None

    @property
    def used_seconds(self) -> float:
        """Rollback time, or what the steps of an unfinished drill have taken so far."""
        return self.end.seconds if self.end else sum(step.seconds for step in self.steps)

    @property
    def clocks_differ_seconds(self) -> float | None:
        """By how much wall clock or steps disagree with the stopwatch; None without an end."""
        if self.end is None:
            return None
        by_wall_clock = (self.end.at - self.start.at).total_seconds()
        by_steps = sum(step.seconds for step in self.steps)
        return max(abs(by_wall_clock - self.end.seconds), by_steps - self.end.seconds)

    @property
    def failed_steps(self) -> list[str]:
        """Ids of the steps that did not go well."""
        return [step.id for step in self.steps if step.status != OK]

    @property
    def over_steps(self) -> list[str]:
        """Ids of the steps that took longer than they might."""
        return [step.id for step in self.steps if step.is_over_budget]

    def missing_steps(self, planned_steps: Sequence[str]) -> list[str]:
        """Return the planned steps that were not done."""
        done = {step.id for step in self.steps}
        return [name for name in planned_steps if name not in done]

    def age_days(self, as_of: datetime) -> float | None:
        """Return the time from the end to an instant; None without an end."""
        return (as_of - self.end.at) / timedelta(days=1) if self.end else None


def judge_drill(
    drill: Drill,
    *,
    planned_steps: Sequence[str],
    runbook_sha256: str,
    as_of: datetime,
    limit_seconds: float = LIMIT_SECONDS,
    max_age_days: float = MAX_AGE_DAYS,
) -> Judgement:
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
    missing, failed, over = drill.missing_steps(planned_steps), drill.failed_steps, drill.over_steps
    unfinished = (drill.end is None, Verdict.INCONCLUSIVE, INCOMPLETE)
    age_days, differ_seconds = drill.age_days(as_of), drill.clocks_differ_seconds
    checks = (
        _check(
            "complete", unfinished, (not planned_steps, Verdict.INCONCLUSIVE, INCOMPLETE),
            (missing, Verdict.INCONCLUSIVE, "steps-missing"),
            planned_count=len(planned_steps), done_count=len(planned_steps) - len(missing), missing=missing,
        ),
        _check(
            "steps-ok", (failed or drill.status == "failed", Verdict.FAIL, "step-failed"),
            failed=failed, steps_count=len(drill.steps),
        ),
        _check(
            "in-time", (drill.used_seconds > limit_seconds, Verdict.FAIL, "over-time"), unfinished,
            seconds=drill.seconds, limit_seconds=limit_seconds,
        ),
        _check(
            "recent", unfinished,
            ((age_days or 0) < 0, Verdict.INCONCLUSIVE, "drill-in-future"),
            ((age_days or 0) > max_age_days, Verdict.FAIL, "too-old"),
            age_days=age_days, max_age_days=max_age_days,
        ),
        _verified(drill, "verify_release", subject="release", release=drill.start.to_release),
        _verified(drill, "verify_latency", subject="health"),
        _check(
            "same-runbook", (drill.start.runbook_sha256 != runbook_sha256, Verdict.INCONCLUSIVE, "runbook-changed"),
            drilled_sha256=drill.start.runbook_sha256, present_sha256=runbook_sha256,
        ),
        _check(
            "clocks-agree", unfinished,
            ((differ_seconds or 0) > CLOCK_TOLERANCE_SECONDS, Verdict.INCONCLUSIVE, "clocks-disagree"),
            difference_seconds=differ_seconds, tolerance_seconds=CLOCK_TOLERANCE_SECONDS,
        ),
        _check("steps-in-budget", over=over, steps_count=len(drill.steps)),  # advice, so without a flaw
    )  # fmt: skip
    cautions = (STEP_OVER_BUDGET, "drill-only") if over else ("drill-only",)
    return Judgement(checks=checks, cautions=cautions, pass_reason="ready")  # noqa: S106 -- a code, not a password


def _check(check_id: str, *flaws: tuple[object, Verdict, str], **values: object) -> Check:
    """Make a check out of its possible flaws: whether each is there, its verdict and its code; the first counts."""
    found = ((verdict, reason) for is_there, verdict, reason in flaws if is_there)
    verdict, reason = next(found, (Verdict.PASS, OK))
    return Check(id=check_id, verdict=verdict, reason=reason, values=values)


def _verified(drill: Drill, step_id: str, *, subject: str, **values: object) -> Check:
    seen = [step for step in drill.steps if step.id == step_id and step.kind == "verify"]
    code = f"{subject}-not-verified"
    return _check(
        f"{subject}-verified",
        (not seen, Verdict.INCONCLUSIVE, code),
        (any(step.status != OK for step in seen), Verdict.FAIL, code),
        **values,
        evidence=seen[-1].evidence if seen else None,
    )
