"""The rollback report: what the last timed drill proves, and what nobody has checked yet.

The drill and the runbook are read here and judged by `reliability.judge.drill`; pages are
drawn in `reliability.report`. Running a drill does not belong here.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

from reliability.clock import format_instant
from reliability.errors import SourceError
from reliability.judge.drill import OK, Drill, DrillJudgement, DrillStep, judge_drill
from reliability.notebook.block import Block
from reliability.notebook.parts import error_data, near, present, read_part, show_part
from reliability.notebook.run import Run
from reliability.shipped import shipped_folder
from reliability.sources.drill_log import DrillLog, read_drill_log
from reliability.sources.runbook import Runbook, read_runbook
from reliability.verdicts import Verdict

TOPIC: Final = "rollback"
SAMPLE_LOG: Final = Path(__file__).resolve().parents[1] / "sample" / "drill" / "drill.jsonl"
NOT_CHECKED: Final = (
    "artifact", "database", "configuration", "feature-flags", "alert-receivers", "credentials", "decider",
    "window-lease", "abort-and-resume",
)  # fmt: skip
_EARLIER_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackEvidence:
    """Everything that the rollback report reads.

    Attributes:
        log: The drills, or why there are none.
        runbook: The runbook in force, or why there is none.
        source: The drill log, as it was named.
        is_sample: The log came with the package; it is judged at the end of its drill.
        as_of: Instant of the judgement.
        limit_seconds: Longest rollback that passes.
        max_age_days: Oldest drill that counts.
    """

    log: DrillLog | SourceError
    runbook: Runbook | SourceError
    source: str
    is_sample: bool
    as_of: datetime
    limit_seconds: float
    max_age_days: float


def load(parameters: Mapping[str, object], *, project: Path, now: datetime) -> RollbackEvidence:
    """Read the evidence that the parameters name.

    Args:
        parameters: Resolved parameters of the report; None means the default.
        project: Folder that relative paths start from.
        now: Instant of the judgement of a log that is no sample.

    Returns:
        The evidence; a part that is missing or broken is kept as its error.
    """
    drill_file, runbook_file = parameters["drill_file"], parameters["runbook_file"]
    log_path = near(project, str(drill_file)) if drill_file else SAMPLE_LOG
    runbook_path = (
        near(project, str(runbook_file)) if runbook_file else shipped_folder("templates") / "rollback_runbook.md"
    )
    log = read_part(lambda: read_drill_log(log_path))
    sample_end = None if drill_file or isinstance(log, SourceError) else log.last.ended_at
    return RollbackEvidence(
        log=log,
        runbook=read_part(lambda: read_runbook(runbook_path)),
        source=str(drill_file) if drill_file else f"{log_path.name} (shipped with the package)",
        is_sample=not drill_file,
        as_of=sample_end or now,
        limit_seconds=timedelta(minutes=cast("float", parameters["limit_minutes"])).total_seconds(),
        max_age_days=cast("float", parameters["max_age_days"]),
    )


def conclude(evidence: object) -> dict[str, object]:
    """Judge the evidence.

    Args:
        evidence: What `load` gave.

    Returns:
        The report's own part of its JSON; NO_DATA with its reason without a drill or a runbook.
    """
    found = cast("RollbackEvidence", evidence)
    shared = {"as_of": format_instant(found.as_of), "sample": "drill" if found.is_sample else None}
    error = next((part for part in (found.log, found.runbook) if isinstance(part, SourceError)), None)
    if error is not None:
        return {
            **shared,
            "verdict": Verdict.NO_DATA.value,
            "reason": error.slug,
            "cautions": [],
            "figures": [],
            "checks": [],
            "drill": None,
            "not_checked": list(NOT_CHECKED),
            "error": error_data(error),
        }
    judged = _judge(found)
    drilled = present(found.log).last
    return {
        **shared,
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "cautions": list(judged.cautions),
        "figures": _figures(found, judged),
        "checks": [check.to_json() for check in judged.checks],
        "drill": _drill_part(found),
        "not_checked": list(NOT_CHECKED),
        "provenance": {"source": found.source, "window": _window(drilled)},
    }


def runbook(run: Run) -> Block:
    """Show the runbook with the budget of each step."""
    return _part(run, "runbook", lambda found: _runbook_part(present(found.runbook)))


def drill(run: Run) -> Block:
    """Show the last drill step by step."""
    return _part(run, "drill", _drill_part)


def readiness(run: Run) -> Block:
    """Show check by check what the drill proves, and what is not checked yet."""
    return _part(run, "readiness", _readiness_part)


def _part(run: Run, kind: str, build: Callable[[RollbackEvidence], Mapping[str, object]]) -> Block:
    return show_part(run, kind, lambda evidence: build(cast("RollbackEvidence", evidence)))


def _judge(found: RollbackEvidence) -> DrillJudgement:
    plan = present(found.runbook)
    return judge_drill(
        present(found.log).last,
        planned_steps=[step.id for step in plan.steps],
        runbook_sha256=plan.sha256,
        as_of=found.as_of,
        limit_seconds=found.limit_seconds,
        max_age_days=found.max_age_days,
    )


def _readiness_part(found: RollbackEvidence) -> dict[str, object]:
    judged = _judge(found)
    return {
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "cautions": list(judged.cautions),
        "checks": [check.to_json() for check in judged.checks],
        "not_checked": list(NOT_CHECKED),
        "limit_seconds": found.limit_seconds,
        "max_age_days": found.max_age_days,
    }


def _drill_part(found: RollbackEvidence) -> dict[str, object]:
    drills = present(found.log).drills
    last = drills[-1]
    titles = {} if isinstance(found.runbook, SourceError) else {s.id: s.title for s in found.runbook.steps}
    return {
        "run_id": last.run_id,
        "service": last.service,
        "from_release": last.from_release,
        "to_release": last.to_release,
        "decider": last.decider,
        "started_at": format_instant(last.started_at),
        "ended_at": format_instant(last.ended_at) if last.ended_at else None,
        "seconds": last.seconds,
        "limit_seconds": found.limit_seconds,
        "age_days": _age_days(found, last),
        "max_age_days": found.max_age_days,
        "status": last.status,
        "steps": [_step_part(step, title=titles.get(step.id, step.id)) for step in last.steps],
        "failed_steps": [step.id for step in last.steps if step.status != OK],
        "missing_steps": [name for name in titles if name not in {step.id for step in last.steps}],
        "over_steps": [step.id for step in last.steps if step.seconds > step.budget_seconds],
        "drills_count": len(drills),
        "earlier": [
            {"run_id": d.run_id, "started_at": format_instant(d.started_at), "seconds": d.seconds, "status": d.status}
            for d in reversed(drills[-1 - _EARLIER_SHOWN : -1])
        ],
    }


def _step_part(step: DrillStep, *, title: str) -> dict[str, object]:
    return {
        **asdict(step),
        "title": title,
        "ended_at": format_instant(step.ended_at),
        "is_over_budget": step.seconds > step.budget_seconds,
    }


def _runbook_part(plan: Runbook) -> dict[str, object]:
    return {**asdict(plan), "planned_seconds": sum(step.budget_seconds for step in plan.steps)}


def _figures(found: RollbackEvidence, judged: DrillJudgement) -> list[dict[str, object]]:
    last, plan = present(found.log).last, present(found.runbook)
    verdicts = {check.id: check.verdict.value for check in judged.checks}
    over = [step.id for step in last.steps if step.seconds > step.budget_seconds]
    return [
        {"id": "time", "verdict": verdicts["in-time"], "seconds": last.seconds, "limit_seconds": found.limit_seconds},
        {"id": "age", "verdict": verdicts["recent"], "age_days": judged.age_days, "max_age_days": found.max_age_days},
        {
            "id": "steps",
            "verdict": Verdict.FAIL.value if verdicts["steps-ok"] == Verdict.FAIL.value else verdicts["complete"],
            "cautions": ["step-over-budget"] if over else [],
            "ok_count": sum(step.status == OK for step in last.steps),
            "planned_count": len(plan.steps),
            "over_count": len(over),
        },
        {
            "id": "runbook",
            "verdict": verdicts["same-runbook"],
            "is_same": last.runbook_sha256 == plan.sha256,
            "present_sha256": plan.sha256,
        },
    ]


def _age_days(found: RollbackEvidence, last: Drill) -> float | None:
    return None if last.ended_at is None else (found.as_of - last.ended_at) / timedelta(days=1)


def _window(last: Drill) -> str | None:
    if last.ended_at is None:
        return None
    return f"{format_instant(last.started_at)} / {format_instant(last.ended_at)}"
