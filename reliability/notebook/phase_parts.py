"""The parts of the phase report as data: coverage, modules, tests, record, plan, thresholds.

Numbers leave with their unit in the name, texts in both languages. A share that is shown is
rounded down, so that 34.999 % never reads 35 %.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from reliability.judge.phase import may_tighten
from reliability.notebook.parts import present
from reliability.notebook.phase_evidence import Measured, PhaseEvidence
from reliability.report.words import LANGUAGES, words_in
from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.junit import TestResult, count_outcomes, group_tests
from reliability.sources.phase_document import Figure, WholeSuite
from reliability.sources.record import Entry
from reliability.verdicts import Verdict

SHOWN_MODULES: Final = 10
SHOWN_TESTS: Final = 50
INCREMENT_POINTS: Final = 2.0
_TOLD: Final = {"title", "purpose", "origin", "targets", "scope", "risks", "next_steps"}
_SHOWN_DIGITS: Final = 10_000  # two decimals of a percentage

Data = dict[str, Any]


def coverage(found: PhaseEvidence) -> Data:
    """Return the own coverage beside its floor and goals."""
    measured = present(found.measured)
    judged, points = measured.judged, measured.judged.missing_points
    return {
        "verdict": judged.verdict,
        "reason": judged.reason,
        **_covered(measured.coverage.totals),
        "floor_fraction": judged.floor_fraction,
        "goals": [{"fraction": goal, "reached": goal in judged.reached_goals} for goal in judged.goal_fractions],
        "next_goal_fraction": judged.next_goal_fraction,
        "missing_points": None if points is None else math.ceil(points * 100) / 100,
        "change_fraction": _change_since_entry(found, measured),
        "branch_aware": measured.coverage.meta.branch_coverage,
        "is_shipped": measured.is_shipped,
        "origin": found.own.origin,
        "measured_at": measured.tests.began_at,
    }


def modules(found: PhaseEvidence) -> Data:
    """Return coverage by module, those with most missing first."""
    measured = present(found.measured).coverage
    rows = [{"path": path, **_covered(counts)} for path, counts in measured.modules.items()]
    return {
        "modules": sorted(rows, key=lambda row: (-row["missing_count"], row["path"])),
        "shown_count": min(SHOWN_MODULES, sum(row["missing_count"] > 0 for row in rows)),
        "modules_count": len(rows),
        "complete_count": sum(row["measured_fraction"] == 1 for row in rows),
        "missing_count": measured.totals.missing,
    }


def tests(found: PhaseEvidence) -> Data:
    """Return how the tests of each component and of each other module ended."""
    measured = present(found.measured)
    results, broken, components = measured.tests.tests, measured.tests.broken, found.own.components
    groups = group_tests(results, components={name: part.test_modules for name, part in components.items()})
    return {
        **count_outcomes(results),
        "began_at": measured.tests.began_at,
        "is_shipped": measured.is_shipped,
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


def record(found: PhaseEvidence) -> Data:
    """Return the entries of the own phase in order, with the change from one to the next."""
    entries: list[Data] = []
    before = None
    for entry in found.record.entries:
        share = entry.coverage.fraction if entry.coverage else None
        entries.append({
            "kind": entry.kind,
            "commit": entry.commit,
            "committed_at": entry.commit_time,
            "shown_fraction": _rounded_down(share),
            "change_fraction": None if share is None or before is None else share - before,
            "new_definition": entry.kind == "baseline",
            "reason": entry.reason,
        })  # fmt: skip
        before = before if share is None else share
    return {
        "phase_title": found.own.title,
        "folder": found.record_folder,
        "entries": entries,
        "unreadable": [{"name": name, "problem": problem} for name, problem in found.record.unreadable.items()],
        "has_course": sum(entry["shown_fraction"] is not None for entry in entries) > 1,
        "increment_points": INCREMENT_POINTS,
        "floor_fraction": found.own.floor_fraction,
        "goal_fractions": found.own.goal_fractions,
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
    }


def tighten(found: PhaseEvidence) -> Data:
    """Return whether thresholds may be tightened: first goal, green suite, every task."""
    phase, suite = found.phase, found.phase.whole_suite
    goal = _both(
        "phase.condition.goal",
        goal_fraction=float(phase.goal_fractions[0]),
        measured_fraction=float(suite.percent / 100),
        is_approximate=suite.approximate,
    )
    tasks = phase.tasks.items()
    conditions: list[Data] = [
        {"id": "goal", "met": suite.percent >= phase.goals_percent[0], "text": goal},
        {"id": "suite-green", "met": suite.green, "text": _both("phase.condition.suite_green")},
        *({"id": f"task-{name}", "met": task.state == "done", "text": task.text} for name, task in tasks),
    ]
    still_open = [condition for condition in conditions if not condition["met"]]
    return {
        "allowed": may_tighten(condition["met"] for condition in conditions),
        "open": still_open,
        "total": len(conditions),
        "open_count": len(still_open),
        "met_count": len(conditions) - len(still_open),
        "conditions": conditions,
        "phase_title": phase.title,
        "origin": phase.origin,
    }


def last_coverage_entry(found: PhaseEvidence) -> Entry | None:
    """Return the last entry that holds a coverage."""
    return next((entry for entry in reversed(found.record.entries) if entry.coverage), None)


def _stated(figure: Figure | WholeSuite) -> Data:
    share = None if figure.percent is None else figure.percent / 100
    return {**figure.model_dump(exclude={"percent"}), "stated_fraction": share}


def _both(key: str, **values: object) -> dict[str, str]:
    return {language: words_in(language).plain(key, **values) for language in LANGUAGES}


def _change_since_entry(found: PhaseEvidence, measured: Measured) -> Fraction | None:
    """Compare with the last entry; None when that was counted by another rule."""
    entry, now = last_coverage_entry(found), measured.coverage.totals.fraction
    before = entry.coverage if entry else None
    if before is None or before.fraction is None or now is None:
        return None
    rule = (f"coverage {measured.coverage.meta.version}", measured.coverage.meta.branch_coverage)
    return now - before.fraction if (before.tool, before.branches > 0) == rule else None


def _group(results: Sequence[TestResult]) -> Data:
    counts = count_outcomes(results)
    verdict = Verdict.FAIL if counts["broken_count"] else Verdict.PASS if counts["passed_count"] else Verdict.NO_DATA
    return {"verdict": verdict, **counts}


def _covered(counts: CoverageCounts) -> Data:
    return {
        **dict(counts),
        "measured_fraction": counts.fraction,
        "shown_fraction": _rounded_down(counts.fraction),
        "missing_count": counts.missing,
    }


def _rounded_down(share: Fraction | None) -> float | None:
    return None if share is None else math.floor(share * _SHOWN_DIGITS) / _SHOWN_DIGITS
