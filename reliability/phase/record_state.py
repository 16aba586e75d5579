"""What the record keeps beside coverage: states of requirements, and of what is watched.

A change of it is a milestone. Everything follows from the evidence and the files of the commit;
no clock is asked, so the age of a drill does not count here.
"""

import hashlib
import re
from typing import Final

from reliability.errors import SourceError, UsageError
from reliability.judge.drill import judge_drill
from reliability.judge.requirements import judge_requirements
from reliability.notebook.phase_facts import test_facts
from reliability.phase.asking import Asked
from reliability.shipped import shipped_folder
from reliability.sources.drill_log import read_drill_log
from reliability.sources.evidence_folder import EvidenceFolder
from reliability.sources.phase_document import Watched
from reliability.sources.record import RecordedState
from reliability.sources.runbook import read_runbook

ABSENT: Final = "absent"


def state_of(asked: Asked, folder: EvidenceFolder) -> RecordedState:
    """Gather the states that the record compares.

    Args:
        asked: The phase and its project.
        folder: Its evidence.

    Returns:
        Requirement -> state; watched thing -> digest of its file, `absent`, or for the log of
        drills that the settings name the verdict on its last drill.

    Raises:
        UsageError: The pattern of a watched file is no regular expression.
    """
    requirements = judge_requirements(asked.phase.requirements, test_facts(folder.tests)).states
    watched = {name: _digest(asked, watched) for name, watched in asked.phase.watched.items()}
    if asked.settings.rollback.drill_file:
        watched["rollback-drill"] = _drill(asked, asked.settings.rollback.drill_file)
    return RecordedState(requirements=requirements, watched=watched)


def _digest(asked: Asked, watched: Watched) -> str:
    try:
        body = (asked.project / watched.file).read_bytes()
    except OSError:
        return ABSENT
    if watched.pattern is not None:
        try:
            pattern = re.compile(watched.pattern.encode())
        except re.error as err:
            raise UsageError(
                f"{asked.phase_path}: the pattern {watched.pattern!r} is no regular expression: {err}. Mend it."
            ) from err
        body = b"\n".join(line for line in body.splitlines() if pattern.search(line))
    return hashlib.sha256(body).hexdigest()


def _drill(asked: Asked, drill_file: str) -> str:
    """Judge the last drill as of its own end, against the runbook in force."""
    settings = asked.settings.rollback
    runbook = asked.project / settings.runbook_file if settings.runbook_file else None
    try:
        plan = read_runbook(runbook or shipped_folder("templates") / "rollback_runbook.md")
        last = read_drill_log(asked.project / drill_file)[-1]
    except SourceError as err:
        return err.slug
    judged = judge_drill(
        last,
        planned_steps=[step.id for step in plan.steps],
        runbook_sha256=plan.sha256,
        as_of=last.end.at if last.end else last.start.at,
        limit_seconds=settings.limit_minutes * 60,
        max_age_days=settings.max_age_days,
    )
    return judged.verdict.value
