"""The phase report: where a phase stands, and what this project's own tests say.

Two phases that never share a line: imported history, which answers whether deployment
thresholds may be tightened, and this project's own measurement, which gates the release.
Files are read in `reliability.notebook.phase_evidence`, pages drawn in `reliability.report`.
"""

from collections.abc import Mapping
from typing import Any, Final

from reliability.clock import format_instant
from reliability.errors import SourceError
from reliability.judge.phase import judge_phase
from reliability.notebook.block import Block
from reliability.notebook.parts import present
from reliability.notebook.phase_evidence import Measured, PhaseEvidence, load_phase
from reliability.notebook.phase_parts import (
    coverage_part,
    instant,
    judge_own_coverage,
    last_coverage_entry,
    modules_part,
    plan_part,
    record_part,
    tests_part,
    tighten_part,
)
from reliability.notebook.run import Frames, FrameSource, Place, Run, no_data, show
from reliability.sources.junit import TestResult, count_outcomes
from reliability.verdicts import Verdict

TOPIC: Final = "phase"
SECTION: Final = "phase"
FRAMES: Final[Frames] = {
    "modules": FrameSource(
        columns={
            "path": "", "statements": "int64", "covered": "int64", "branches": "int64", "covered_branches": "int64",
            "measured_fraction": "float64", "missing_count": "int64",
        },
        rows=lambda found: modules_part(found)["modules"],
    ),
    "tests": FrameSource(
        columns={"classname": "", "name": "", "module": "", "outcome": ""},
        rows=lambda found: [
            {"classname": test.classname, "name": test.name, "module": test.module, "outcome": _word(test)}
            for test in present(found.measured).tests.tests
        ],
    ),
}  # fmt: skip


def load(parameters: Mapping[str, Any], *, place: Place) -> PhaseEvidence:
    """Read the evidence; see `reliability.notebook.phase_evidence.load_phase`."""
    return load_phase(parameters, project=place.project)


def conclude(run: Run) -> dict[str, Any]:
    """Judge the evidence.

    Args:
        run: The open run.

    Returns:
        The report's own part of its JSON; NO_DATA with its reason without a measurement.
    """
    evidence: PhaseEvidence = present(run.evidence)
    phase = {
        "id": evidence.phase.id,
        "title": evidence.phase.title.model_dump(),
        "goals_percent": [float(percent) for percent in evidence.phase.goals_percent],
        "tighten": tighten_part(evidence),
    }
    if isinstance(evidence.measured, SourceError):
        nothing = no_data(evidence.measured)
        return {**nothing, "figures": _standing_figures(evidence), "phase": {**phase, "own": None}}
    return _judged(evidence, evidence.measured, phase)


def _word(test: TestResult) -> str:
    return test.outcome.name.lower()


def _judged(found: PhaseEvidence, measured: Measured, phase: Mapping[str, object]) -> dict[str, Any]:
    coverage, counts = coverage_part(found), count_outcomes(measured.tests.tests)
    judgement = judge_phase(
        passed_count=counts["passed_count"],
        broken_count=counts["broken_count"],
        coverage=judge_own_coverage(found),
        unreadable_count=len(found.record.unreadable),
    )
    own = {**coverage, "id": found.own.id, "evidence": dict(measured.files), "tests": counts}
    source = ", ".join(measured.files)
    shipped: dict[str, Any] = {}
    if measured.is_shipped:  # somebody else's measurement: a sample, as of when its tests ran
        began_at = measured.tests.began_at
        shipped = {"sample": "evidence"} | ({"as_of": format_instant(began_at)} if began_at else {})
    return {
        **shipped,
        **judgement.to_json(),
        "figures": [
            {"id": "coverage", **coverage},
            {"id": "tests", "verdict": judgement.check("tests").verdict.value, **counts},
            *_standing_figures(found),
        ],
        "phase": {**phase, "own": own},
        "provenance": {"source": f"{source} (shipped with the package)" if measured.is_shipped else source},
    }


def coverage(run: Run) -> Block:
    """Show this project's own coverage against its floor and goals."""
    return show(run, "coverage", coverage_part)


def modules(run: Run) -> Block:
    """Show coverage by module, those with most missing first."""
    return show(run, "modules", modules_part)


def tests(run: Run) -> Block:
    """Show how the tests of each part ended."""
    return show(run, "tests", tests_part)


def record(run: Run) -> Block:
    """Show the record of the own phase."""
    return show(run, "record", record_part)


def plan(run: Run) -> Block:
    """Show goals, tasks, scope, risks and next steps of the imported phase."""
    return show(run, "plan", plan_part)


def tighten(run: Run) -> Block:
    """Show whether deployment thresholds may be tightened, and what is open."""
    return show(run, "tighten", tighten_part)


def _standing_figures(found: PhaseEvidence) -> list[dict[str, object]]:
    """Key figures that need no measurement: conditions of the phase, and its record."""
    tighten = tighten_part(found)
    last = last_coverage_entry(found)
    return [
        {
            "id": "conditions",
            "verdict": Verdict.PASS.value,
            "cautions": [] if tighten["allowed"] else ["conditions-open"],
            "met_count": tighten["met_count"],
            "total_count": tighten["total"],
        },
        {
            "id": "record",
            "verdict": (Verdict.PASS if found.record.entries else Verdict.NO_DATA).value,
            "cautions": ["unreadable-record"] if found.record.unreadable else [],
            "entries_count": len(found.record.entries),
            "unreadable_count": len(found.record.unreadable),
            "last_at": instant(last.commit_time if last else None),
        },
    ]
