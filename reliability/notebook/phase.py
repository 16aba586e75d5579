"""The phase report: where a phase stands, and what this project's own tests say.

Two phases that never share a line: imported history, which answers whether deployment
thresholds may be tightened, and this project's own measurement, which gates the release.
Files are read in `reliability.notebook.phase_evidence`, pages drawn in `reliability.report`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from reliability.clock import format_instant
from reliability.errors import SourceError
from reliability.judge.coverage import CoverageJudgement, judge_coverage
from reliability.judge.phase import PhaseJudgement, judge_phase
from reliability.notebook.block import Block
from reliability.notebook.parts import error_data, present, show_part
from reliability.notebook.phase_evidence import Measured, PhaseEvidence, load_phase
from reliability.notebook.phase_parts import (
    coverage_part,
    last_coverage_entry,
    modules_part,
    outcomes_part,
    plan_part,
    record_part,
    tests_part,
    tighten_part,
)
from reliability.notebook.run import Run
from reliability.verdicts import Verdict

TOPIC: Final = "phase"


def load(parameters: Mapping[str, object], *, project: Path, now: datetime) -> PhaseEvidence:  # noqa: ARG001 -- no age is judged
    """Read the evidence; see `reliability.notebook.phase_evidence.load_phase`."""
    return load_phase(parameters, project=project)


def conclude(evidence: object) -> dict[str, object]:
    """Judge the evidence.

    Args:
        evidence: What `load` gave.

    Returns:
        The report's own part of its JSON; NO_DATA with its reason without a measurement.
    """
    found = cast("PhaseEvidence", evidence)
    phase: dict[str, object] = {
        "id": found.phase.id,
        "kind": found.phase.kind,
        "title": found.phase.title.model_dump(),
        "goals_percent": [float(percent) for percent in found.phase.goals_percent],
        "tighten": tighten_part(found),
    }
    if isinstance(found.measured, SourceError):
        return {
            "verdict": Verdict.NO_DATA.value,
            "reason": found.measured.slug,
            "cautions": [],
            "figures": _standing_figures(found),
            "checks": [],
            "phase": {**phase, "own": None},
            "error": error_data(found.measured),
        }
    coverage = _judge_coverage(found, found.measured)
    judgement = _judge(found, found.measured, coverage)
    own = coverage_part(found, found.measured, coverage)
    return {
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "cautions": list(judgement.cautions),
        "figures": [
            {"id": "coverage", **own},
            _tests_figure(found.measured, judgement),
            *_standing_figures(found),
        ],
        "checks": [check.to_json() for check in judgement.checks],
        "phase": {
            **phase,
            "own": {
                **own,
                "id": found.own.id,
                "evidence": dict(found.measured.files),
                "tests": outcomes_part(found.measured),
            },
        },
        "provenance": {"source": _source(found.measured)},
    }


def coverage(run: Run) -> Block:
    """Show this project's own coverage against its floor and goals."""

    def build(found: PhaseEvidence) -> Mapping[str, object]:
        measured = present(found.measured)
        return coverage_part(found, measured, _judge_coverage(found, measured))

    return _part(run, "coverage", build)


def modules(run: Run) -> Block:
    """Show coverage by module, those with most missing first."""
    return _part(run, "modules", lambda found: modules_part(present(found.measured)))


def tests(run: Run) -> Block:
    """Show how the tests of each part ended."""
    return _part(run, "tests", lambda found: tests_part(found, present(found.measured)))


def record(run: Run) -> Block:
    """Show the record of the own phase."""
    return _part(run, "record", record_part)


def plan(run: Run) -> Block:
    """Show goals, tasks, scope, risks and next steps of the imported phase."""
    return _part(run, "plan", lambda found: plan_part(found.phase))


def tighten(run: Run) -> Block:
    """Show whether deployment thresholds may be tightened, and what is open."""
    return _part(run, "tighten", tighten_part)


def _part(run: Run, kind: str, build: Callable[[PhaseEvidence], Mapping[str, object]]) -> Block:
    return show_part(run, kind, lambda evidence: build(cast("PhaseEvidence", evidence)))


def _judge_coverage(found: PhaseEvidence, measured: Measured) -> CoverageJudgement:
    floor = found.own.floor_fraction
    if floor is None:  # a document of kind "own" always has one
        raise TypeError("the own phase has no floor")
    return judge_coverage(measured.coverage.totals.fraction, goals=found.own.goal_fractions, floor=floor)


def _judge(found: PhaseEvidence, measured: Measured, coverage: CoverageJudgement) -> PhaseJudgement:
    unreadable = 1 if isinstance(found.record, SourceError) else len(found.record.unreadable)
    return judge_phase(
        passed_count=measured.tests.counts.passed,
        broken_count=len(measured.tests.broken),
        coverage=coverage,
        unreadable_count=unreadable,
    )


def _tests_figure(measured: Measured, judgement: PhaseJudgement) -> dict[str, object]:
    check = next(check for check in judgement.checks if check.id == "tests")
    return {"id": "tests", "verdict": check.verdict.value, **outcomes_part(measured)}


def _standing_figures(found: PhaseEvidence) -> list[dict[str, object]]:
    """Key figures that need no measurement: conditions of the phase, and its record."""
    tighten = tighten_part(found)
    conditions = {
        "id": "conditions",
        "verdict": Verdict.PASS.value,
        "cautions": [] if tighten["allowed"] else ["conditions-open"],
        "met_count": tighten["met_count"],
        "total_count": tighten["total"],
    }
    if isinstance(found.record, SourceError):
        return [conditions, {"id": "record", "verdict": Verdict.NO_DATA.value, "cautions": [], "entries_count": None,
                             "unreadable_count": None, "last_at": None}]  # fmt: skip
    last = last_coverage_entry(found)
    return [conditions, {
        "id": "record",
        "verdict": (Verdict.PASS if found.record.entries else Verdict.NO_DATA).value,
        "cautions": ["unreadable-record"] if found.record.unreadable else [],
        "entries_count": len(found.record.entries),
        "unreadable_count": len(found.record.unreadable),
        "last_at": format_instant(last.committed_at) if last else None,
    }]  # fmt: skip


def _source(measured: Measured) -> str:
    files = ", ".join(measured.files)
    return f"{files} (shipped with the package)" if measured.is_shipped else files
