"""What tests show of each requirement, which risks are under control, and module goals, as data.

Requirements, risks and goals come from the phase's document, what was found from the evidence.
How states follow is decided in `reliability.judge`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from reliability.errors import SourceError
from reliability.judge.module_goals import ModuleGoalState, judge_module_goals, matching
from reliability.judge.requirements import Matrix, RequirementRow, judge_requirements
from reliability.notebook.parts import present
from reliability.notebook.phase_evidence import PhaseEvidence, modules_of
from reliability.notebook.phase_facts import test_facts
from reliability.notebook.shares import rounded_down
from reliability.sources.evidence_manifest import RiskState

SHOWN_PLACES: Final = 10
OTHER: Final = "other"  # component of requirements that name none

Data = dict[str, Any]


def matrix_of(found: PhaseEvidence) -> Matrix:
    """Judge the requirements; without a measurement nothing is tested."""
    measured = found.measured
    tests = {} if isinstance(measured, SourceError) else measured.tests
    return judge_requirements(found.own.requirements, test_facts(tests))


def requirements_by_component(found: PhaseEvidence) -> dict[str, tuple[int, int]]:
    """Count verified requirements and all of them, by component."""
    verified, every = Counter[str](), Counter[str]()
    for name, state in matrix_of(found).states.items():
        component = found.own.requirements[name].component or OTHER
        every[component] += 1
        verified[component] += state == "verified"
    return {component: (verified[component], count) for component, count in every.items()}


def requirements(found: PhaseEvidence) -> Data:
    """Return the matrix: each requirement with its state, tests, suites and the coverage of its modules."""
    measured, matrix = present(found.measured), matrix_of(found)
    states = Counter(matrix.states.values())
    manifest = measured.manifest
    return {
        "rows": [_row(found, row) for row in matrix.rows],
        "verified_count": states["verified"],
        "failed_count": states["failed"],
        "blocked_count": states["blocked"],
        "untested_count": states["untested"],
        "unknown": [{"id": name, "test": test} for name, test in matrix.unknown[:SHOWN_PLACES]],
        "unknown_count": len(matrix.unknown),
        "absent_suites": [s.name for s in manifest.suites if s.counts is None] if manifest else [],
        "commit": manifest.commit if manifest else None,
        "risks": risks(found),
        "is_doubted": found.is_doubted,
    }


def risks(found: PhaseEvidence) -> list[Data]:
    """Return each risk of the phase with what its check found; people say it of a risk without a check."""
    measured = found.measured
    manifest = None if isinstance(measured, SourceError) else measured.manifest
    states = list(manifest.risks) if manifest else []
    rows = []
    for risk in found.own.risks:
        state = _taken(states, risk.check) if risk.check else None
        said = "PASS" if risk.closed else "UNKNOWN"
        rows.append({
            "risk": risk.risk,
            "mitigation": risk.mitigation,
            "check": risk.check,
            "state": state.state if state else said,
            "is_looked_at": state is not None and state.state != "UNKNOWN",
            "findings": list(state.findings[:SHOWN_PLACES]) if state else [],
            "findings_count": state.findings_count if state else 0,
            "more_findings_count": max(0, state.findings_count - SHOWN_PLACES) if state else 0,
        })  # fmt: skip
    return rows


def goal_states(found: PhaseEvidence) -> tuple[ModuleGoalState, ...]:
    """Judge the module goals; without a measurement of all required suites none is measured."""
    measured = found.measured
    report = None if isinstance(measured, SourceError) else measured.coverage
    if report is None:
        states = judge_module_goals(found.own.module_goals, {}, branch=True)
        return tuple(replace(state, state="not-measured") for state in states)
    return judge_module_goals(found.own.module_goals, report.modules, branch=report.meta.branch_coverage)


def module_goals(found: PhaseEvidence) -> list[Data]:
    """Return each module goal beside what was measured."""
    return [
        {
            "glob": state.goal.glob,
            "each": state.goal.each,
            "lines_goal_fraction": _fraction(state.goal.lines_percent),
            "branches_goal_fraction": _fraction(state.goal.branches_percent),
            "lines_fraction": _share(state.lines),
            "branches_fraction": _share(state.branches),
            "state": state.state,
            "missed_files": list(state.missed_files[:SHOWN_PLACES]),
        }
        for state in goal_states(found)
    ]


def _row(found: PhaseEvidence, row: RequirementRow) -> Data:
    wanted = found.own.requirements[row.id]
    modules = modules_of(found)
    counts = [modules[path] for path in dict.fromkeys(p for glob in wanted.modules for p in matching(glob, modules))]
    component = found.own.components.get(wanted.component or "")
    return {
        "id": row.id,
        "text": wanted.text,
        "component": component.label if component else None,
        "state": row.state,
        "suites": row.suites,
        "tests": [{"name": fact.test, "outcome": fact.outcome} for fact in row.tests[:SHOWN_PLACES]],
        "more_tests_count": max(0, len(row.tests) - SHOWN_PLACES),
        "tests_count": len(row.tests),
        "passed_count": sum(fact.outcome == "passed" for fact in row.tests),
        "modules": list(wanted.modules),
        "shown_fraction": _share((sum(c.total - c.missing for c in counts), sum(c.total for c in counts))),
    }


def _taken(states: list[RiskState], check: str) -> RiskState | None:
    """Take the next state of this check; one per risk that has it, in the order of the risks."""
    place = next((n for n, state in enumerate(states) if state.check == check), None)
    return None if place is None else states.pop(place)


def _fraction(percent: Decimal | None) -> Fraction | None:
    return None if percent is None else Fraction(percent) / 100


def _share(part: Sequence[int]) -> float | None:
    covered, whole = part
    return rounded_down(Fraction(covered, whole) if whole else None)
