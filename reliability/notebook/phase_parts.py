"""The parts of the phase report as data: coverage, modules, tests, plan, ratchet.

Numbers leave with their unit in the name, texts in both languages.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from reliability.errors import SourceError
from reliability.judge.check import Judgement
from reliability.judge.phase import judge_phase
from reliability.notebook.parts import present
from reliability.notebook.phase_conditions import imported_conditions
from reliability.notebook.phase_evidence import Measured, PhaseEvidence, modules_of
from reliability.notebook.phase_matrix import module_goals
from reliability.notebook.shares import covered
from reliability.sources.evidence_manifest import SuiteRun, ThresholdPlace
from reliability.sources.junit import Outcome, TestResult, count_outcomes, group_tests
from reliability.sources.phase_document import Figure, WholeSuite
from reliability.sources.record import Entry
from reliability.verdicts import Verdict

SHOWN_MODULES: Final = 10
SHOWN_TESTS: Final = 50
_TOLD: Final = {"title", "purpose", "origin", "targets", "scope", "risks", "next_steps"}
_FIGURES: Final = ("required", "unit", "all", "imports_only")

Data = dict[str, Any]


def judge(found: PhaseEvidence) -> Judgement:
    """Judge the own measurement."""
    measured = present(found.measured)
    counts = count_outcomes(measured.required_results)
    return judge_phase(
        passed_count=counts["passed_count"],
        broken_count=counts["broken_count"],
        coverage=measured.judged,
        unreadable_count=len(found.record.unreadable),
        decision=found.decision if measured.manifest else None,
        cautions=_cautions(measured),
    )


def coverage(found: PhaseEvidence) -> Data:
    """Return the own coverage beside its floor and goals, and the figures beside it."""
    measured, floor = present(found.measured), judge(found).check("floor")
    judged, points = measured.judged, measured.judged.missing_points
    report = measured.coverage
    return {
        "verdict": floor.verdict,
        "reason": floor.reason,
        **covered(measured.counts),
        "floor_fraction": judged.floor_fraction,
        "goals": [{"fraction": goal, "reached": goal in judged.reached_goals} for goal in judged.goal_fractions],
        "next_goal_fraction": judged.next_goal_fraction,
        "missing_points": None if points is None else math.ceil(points * 100) / 100,
        "change_fraction": _change_since_entry(found, measured),
        "branch_aware": report.meta.branch_coverage if report else None,
        "beside": _beside(measured),
        "is_shipped": measured.is_shipped,
        "origin": found.own.origin,
        "measured_at": measured.began_at,
    }


def modules(found: PhaseEvidence) -> Data:
    """Return coverage by module, those with most missing first, and the goals of single modules."""
    rows = [{"path": path, **covered(counts)} for path, counts in modules_of(found).items()]
    return {
        "modules": sorted(rows, key=lambda row: (-row["missing_count"], row["path"])),
        "shown_count": min(SHOWN_MODULES, sum(row["missing_count"] > 0 for row in rows)),
        "modules_count": len(rows),
        "complete_count": sum(row["measured_fraction"] == 1 for row in rows),
        "missing_count": sum(row["missing_count"] for row in rows),
        "goals": module_goals(found),
        "is_doubted": found.is_doubted,
    }


def tests(found: PhaseEvidence) -> Data:
    """Return how each suite ended, and the tests of each component and of each other module."""
    measured, components = present(found.measured), found.own.components
    results, manifest = measured.results, measured.manifest
    broken = [result for result in results if result.outcome >= Outcome.FAILED]
    groups = group_tests(results, components={name: part.test_modules for name, part in components.items()})
    return {
        **count_outcomes(results),
        "began_at": measured.began_at,
        "is_shipped": measured.is_shipped,
        "is_doubted": found.is_doubted,
        "suites": [_suite(found, run) for run in manifest.suites] if manifest else [],
        "groups": [
            {
                "id": name,
                "is_component": name in components,
                "label": components[name].label if name in components else None,
                **_group(group),
            }
            for name, group in groups.items()
        ],
        "others_count": len(groups) - len(components),
        "broken": [result_row(result) for result in broken[:SHOWN_TESTS]],
        "more_broken_count": max(0, len(broken) - SHOWN_TESTS),
    }


def result_row(result: TestResult) -> dict[str, str]:
    """Return one test and how it ended."""
    return {"classname": result.classname, "name": result.name, "outcome": result.outcome.name.lower()}


def ratchet(found: PhaseEvidence) -> Data:
    """Return what the ratchet decides, every reason against a raise, and the threshold in force."""
    decision, measured = found.decision, found.measured
    thresholds = None if isinstance(measured, SourceError) else measured.thresholds
    return {
        "action": decision.action,
        "from_percent": decision.from_percent,
        "to_percent": decision.to_percent,
        "reasons": [{"code": reason.code, "values": reason.values} for reason in decision.reasons],
        "is_known": thresholds is not None,
        "in_force": thresholds and thresholds.effective and _place(thresholds.effective),
        "shadowed": [_place(place) for place in thresholds.shadowed] if thresholds else [],
        "warnings": list(thresholds.warnings) if thresholds else [],
        "phase_floor_fraction": found.own.floor_fraction,
        "step_points": found.own.step_points,
        "stable_runs": found.own.stable_runs,
    }


def own_plan(found: PhaseEvidence) -> Data:
    """Return what the document of the own phase says beside its requirements and risks."""
    own = found.own
    return {
        "purpose": own.purpose,
        "targets": own.targets,
        "tasks": list(own.tasks.values()),
        "done_count": sum(task.state == "done" for task in own.tasks.values()),
        "scope": own.scope,
        "next_steps": own.next_steps,
    }


def plan(found: PhaseEvidence) -> Data:
    """Return what the document of the imported phase says."""
    phase = found.phase
    return {
        **phase.model_dump(include=_TOLD),
        "begun_at": f"{phase.begun}T00:00:00Z" if phase.begun else None,
        "goal_fractions": phase.goal_fractions,
        "whole_suite": _stated(phase.whole_suite),
        "figures": [_stated(figure) for figure in phase.figures],
        "tasks": list(phase.tasks.values()),
        "done_count": sum(task.state == "done" for task in phase.tasks.values()),
        "tasks_count": len(phase.tasks),
        "tighten": imported_conditions(found),
    }


def last_coverage_entry(found: PhaseEvidence) -> Entry | None:
    """Return the last entry that holds a coverage; an observation, which every accepted run adds, is none."""
    told = (entry for entry in reversed(found.record.valid) if entry.kind != "observation")
    return next((entry for entry in told if entry.coverage), None)


def _cautions(measured: Measured) -> list[str]:
    """Return what leaves a PASS a PASS but must be seen."""
    if measured.manifest is None:
        return [] if measured.is_shipped else ["no-manifest"]
    optional = [run.counts for run in measured.manifest.suites if run.name not in measured.required and run.counts]
    return ["optional-suite-failed"] if any(counts.failed + counts.error for counts in optional) else []


def _beside(measured: Measured) -> list[Data]:
    """Return the figures that stand beside each other: by suites, by imports alone, without failed tests."""
    if measured.manifest is None:
        return []
    figures = measured.manifest.figures
    passing = figures.passing_only
    return [
        *({"id": name, "is_estimate": False, **covered(getattr(figures, name))} for name in _FIGURES),
        {
            "id": "passing_only",
            "is_estimate": bool(passing and passing.is_estimate),
            **covered(passing.coverage if passing else None),
        },
    ]


def _suite(found: PhaseEvidence, run: SuiteRun) -> Data:
    counts, named = run.counts, found.own.suites.get(run.name)
    return {
        "name": run.name,
        "label": named.label if named else None,
        "required": run.required,
        "heavy": run.heavy,
        "unit": run.unit,
        "exit_code": run.exit_code,
        "verdict": _suite_verdict(run),
        "counts": counts and {**dict(counts), "broken": counts.failed + counts.error},
        "shown_fraction": covered(run.coverage)["shown_fraction"],
        "problem": run.problem,
    }


def _suite_verdict(run: SuiteRun) -> Verdict:
    if run.counts is None and run.exit_code is None:
        return Verdict.NO_DATA
    if run.exit_code == 1:
        return Verdict.FAIL
    is_whole = run.exit_code == 0 and run.counts is not None and run.counts.passed and not run.counts.skipped_outside
    return Verdict.PASS if is_whole else Verdict.INCONCLUSIVE


def _place(place: ThresholdPlace) -> Data:
    return {"fraction": place.percent / 100, "file": place.file, "key": place.key, "line": place.line}


def _stated(figure: Figure | WholeSuite) -> Data:
    share = None if figure.percent is None else figure.percent / 100
    return {**figure.model_dump(exclude={"percent"}), "stated_fraction": share}


def _change_since_entry(found: PhaseEvidence, measured: Measured) -> Fraction | None:
    """Compare with the last entry; None when that was counted by another rule."""
    entry, now = last_coverage_entry(found), measured.counts.fraction if measured.counts else None
    before, report = entry.coverage if entry else None, measured.coverage
    if before is None or before.fraction is None or now is None or report is None:
        return None
    rule = (f"coverage {report.meta.version}", report.meta.branch_coverage)
    return now - before.fraction if (before.tool, before.branches > 0) == rule else None


def _group(results: Sequence[TestResult]) -> Data:
    counts = count_outcomes(results)
    verdict = Verdict.FAIL if counts["broken_count"] else Verdict.PASS if counts["passed_count"] else Verdict.NO_DATA
    return {"verdict": verdict, **counts}
