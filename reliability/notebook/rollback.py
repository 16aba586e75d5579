"""The rollback report: what the last timed drill proves, and what nobody has checked yet.

The drill and the runbook are read here and judged by `reliability.judge.drill`; pages are
drawn in `reliability.report`. Running a drill does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reliability.clock import format_instant
from reliability.errors import SourceError
from reliability.judge.check import Judgement
from reliability.judge.drill import OK, STEP_OVER_BUDGET, Drill, judge_drill
from reliability.notebook.block import Block
from reliability.notebook.parts import near, present, read_part
from reliability.notebook.run import Frames, FrameSource, Place, Run, show
from reliability.shipped import shipped_folder
from reliability.sources.drill_log import read_drill_log
from reliability.sources.runbook import Runbook, read_runbook
from reliability.sources.samples import shipped_samples
from reliability.verdicts import Verdict

TOPIC: Final = "rollback"
SECTION: Final = "rollback"
FRAMES: Final[Frames] = {
    "steps": FrameSource(
        columns={
            "id": "", "title": "", "kind": "", "seconds": "float64", "budget_seconds": "float64", "status": "",
            "is_over_budget": "bool", "evidence": "",
        },
        rows=lambda found: _drill(found)["steps"],
    )
}  # fmt: skip
SAMPLE_LOG: Final = shipped_samples() / "drill" / "drill.jsonl"
NOT_CHECKED: Final = (
    "artifact", "database", "configuration", "feature-flags", "alert-receivers", "credentials", "decider",
    "window-lease", "abort-and-resume",
)  # fmt: skip
_EARLIER_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackEvidence:
    """Everything that the rollback report reads.

    Attributes:
        drills: The drills in the order of the log, or why there are none.
        runbook: The runbook in force, or why there is none.
        source: The drill log, as it was named.
        is_sample: The log came with the package; it is judged at the end of its drill.
        as_of: Instant of the judgement.
        limit_seconds: Longest rollback that passes.
        max_age_days: Oldest drill that counts.
    """

    drills: tuple[Drill, ...] | SourceError
    runbook: Runbook | SourceError
    source: str
    is_sample: bool
    as_of: datetime
    limit_seconds: float
    max_age_days: float


def load(parameters: Mapping[str, Any], *, place: Place) -> RollbackEvidence:
    """Read the evidence that the parameters name.

    Args:
        parameters: Resolved parameters of the report; None means the default.
        place: Where the report is made, and the instant of the judgement of a log that is no sample.

    Returns:
        The evidence; a part that is missing or broken is kept as its error.
    """
    drill_file, project = parameters["drill_file"], place.project
    runbook_file = parameters["runbook_file"] or shipped_folder("templates") / "rollback_runbook.md"
    drills = read_part(lambda: read_drill_log(near(project, drill_file or SAMPLE_LOG)))
    sample_end = None if drill_file or isinstance(drills, SourceError) else drills[-1].end
    return RollbackEvidence(
        drills=drills,
        runbook=read_part(lambda: read_runbook(near(project, runbook_file))),
        source=drill_file or f"{SAMPLE_LOG.name} (shipped with the package)",
        is_sample=not drill_file,
        as_of=sample_end.at if sample_end else place.now,
        limit_seconds=60 * parameters["limit_minutes"],
        max_age_days=parameters["max_age_days"],
    )


def conclude(run: Run) -> dict[str, Any]:
    """Judge the evidence.

    Args:
        run: The open run.

    Returns:
        The report's own part of its JSON.

    Raises:
        SourceError: There is no drill or no runbook.
    """
    found: RollbackEvidence = present(run.evidence)
    judged, last = _judge(found), present(found.drills)[-1]
    return {
        **judged.to_json(),
        "as_of": found.as_of,
        "sample": "drill" if found.is_sample else None,
        "figures": _figures(found, judged, last),
        "drill": _drill(found),
        "provenance": {
            "source": found.source,
            "window": f"{format_instant(last.start.at)} / {format_instant(last.end.at)}" if last.end else None,
        },
    }


def runbook(run: Run) -> Block:
    """Show the runbook with the budget of each step."""
    return show(run, "runbook", _runbook)


def drill(run: Run) -> Block:
    """Show the last drill step by step."""
    return show(run, "drill", _drill)


def readiness(run: Run) -> Block:
    """Show check by check what the drill proves, and what is not checked yet."""
    return show(run, "readiness", lambda found: {**_judge(found).to_json(), "not_checked": NOT_CHECKED})


def _judge(found: RollbackEvidence) -> Judgement:
    last, plan = present(found.drills)[-1], present(found.runbook)
    return judge_drill(
        last,
        planned_steps=[step.id for step in plan.steps],
        runbook_sha256=plan.sha256,
        as_of=found.as_of,
        limit_seconds=found.limit_seconds,
        max_age_days=found.max_age_days,
    )


def _runbook(found: RollbackEvidence) -> dict[str, Any]:
    plan = present(found.runbook)
    return {**dict(plan), "planned_seconds": plan.planned_seconds}


def _drill(found: RollbackEvidence) -> dict[str, Any]:
    *earlier, last = present(found.drills)
    titles = {} if isinstance(found.runbook, SourceError) else {step.id: step.title for step in found.runbook.steps}
    return {
        **_course(last),
        **last.start.model_dump(include={"service", "from_release", "to_release", "decider"}),
        "limit_seconds": found.limit_seconds,
        "age_days": last.age_days(found.as_of),
        "max_age_days": found.max_age_days,
        "steps": [
            {
                **step.model_dump(exclude={"run_id", "at", "event"}),
                "title": titles.get(step.id, step.id),
                "is_over_budget": step.is_over_budget,
            }
            for step in last.steps
        ],
        "failed_steps": last.failed_steps,
        "missing_steps": last.missing_steps(list(titles)),
        "over_steps": last.over_steps,
        "earlier": [_course(drill) for drill in reversed(earlier[-_EARLIER_SHOWN:])],
    }


def _course(drill: Drill) -> dict[str, Any]:
    return {"started_at": drill.start.at, "seconds": drill.seconds, "status": drill.status}


def _figures(found: RollbackEvidence, judged: Judgement, last: Drill) -> list[dict[str, Any]]:
    verdicts, plan = {check.id: check.verdict for check in judged.checks}, present(found.runbook)
    failed = verdicts["steps-ok"] is Verdict.FAIL
    return [
        {"id": "time", "verdict": verdicts["in-time"], **judged.check("in-time").values},
        {"id": "age", "verdict": verdicts["recent"], **judged.check("recent").values},
        {
            "id": "steps",
            "verdict": Verdict.FAIL if failed else verdicts["complete"],
            "cautions": [STEP_OVER_BUDGET] if last.over_steps else [],
            "ok_count": sum(step.status == OK for step in last.steps),
            "planned_count": len(plan.steps),
            "over_count": len(last.over_steps),
        },
        {
            "id": "runbook",
            "verdict": verdicts["same-runbook"],
            "is_same": last.start.runbook_sha256 == plan.sha256,
            "present_sha256": plan.sha256,
        },
    ]
