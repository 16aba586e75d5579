"""The parts of the phase report as data: coverage, modules, tests, record, plan, thresholds.

Numbers leave as JSON numbers with their unit in the name, texts in both languages. A
share that is shown is rounded down, so that 34.999 % never reads 35 %.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from reliability.clock import format_instant
from reliability.judge.phase import CoverageJudgement, judge_coverage, may_tighten
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


def judge_own_coverage(found: PhaseEvidence) -> CoverageJudgement:
    """Judge the own coverage against the own floor and goals."""
    share = present(found.measured).coverage.totals.fraction
    return judge_coverage(share, goals=found.own.goal_fractions, floor=found.own.floor_fraction)


def coverage_part(found: PhaseEvidence) -> Data:
    """Return the own coverage beside its floor and goals."""
    measured, judged = present(found.measured), judge_own_coverage(found)
    points = judged.missing_points
    return {
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        **_covered(measured.coverage.totals),
        "floor_fraction": float(judged.floor_fraction),
        "goals": [{"fraction": float(goal), "reached": goal in judged.reached_goals} for goal in judged.goal_fractions],
        "next_goal_fraction": _float(judged.next_goal_fraction),
        "missing_points": None if points is None else math.ceil(points * 100) / 100,
        "change_fraction": _change_since_entry(found, measured),
        "branch_aware": measured.coverage.meta.branch_coverage,
        "is_shipped": measured.is_shipped,
        "origin": found.own.origin.model_dump(),
        "measured_at": instant(measured.tests.began_at),
    }


def modules_part(found: PhaseEvidence) -> Data:
    """Return coverage by module, those with most missing first."""
    measured = present(found.measured).coverage
    modules = [{"path": path, **_covered(counts)} for path, counts in measured.modules.items()]
    return {
        "modules": sorted(modules, key=lambda module: (-module["missing_count"], module["path"])),
        "shown_count": min(SHOWN_MODULES, sum(module["missing_count"] > 0 for module in modules)),
        "modules_count": len(modules),
        "complete_count": sum(module["measured_fraction"] == 1 for module in modules),
        "missing_count": measured.totals.missing,
    }


def tests_part(found: PhaseEvidence) -> Data:
    """Return how the tests of each component and of each other module ended."""
    measured = present(found.measured)
    components = found.own.components
    groups = group_tests(measured.tests.tests, components={name: c.test_modules for name, c in components.items()})
    broken = measured.tests.broken
    return {
        **count_outcomes(measured.tests.tests),
        "began_at": instant(measured.tests.began_at),
        "is_shipped": measured.is_shipped,
        "groups": [
            {
                "id": name,
                "is_component": name in components,
                "label": components[name].label.model_dump() if name in components else None,
                **_group(tests),
            }
            for name, tests in groups.items()
        ],
        "others_count": len(groups) - len(components),
        "broken": [
            {"classname": test.classname, "name": test.name, "outcome": test.outcome.name.lower()}
            for test in broken[:SHOWN_TESTS]
        ],
        "more_broken_count": max(0, len(broken) - SHOWN_TESTS),
    }


def record_part(found: PhaseEvidence) -> Data:
    """Return the entries of the own phase in order, with the change from one to the next."""
    entries: list[Data] = []
    before = None
    for entry in found.record.entries:
        share = entry.coverage.fraction if entry.coverage else None
        entries.append({
            "kind": entry.kind,
            "commit": entry.commit,
            "committed_at": format_instant(entry.commit_time),
            "shown_fraction": _rounded_down(share),
            "change_fraction": None if share is None or before is None else float(share - before),
            "new_definition": entry.kind == "baseline",
            "reason": entry.reason,
        })  # fmt: skip
        before = before if share is None else share
    return {
        "phase_title": found.own.title.model_dump(),
        "folder": found.record_folder,
        "entries": entries,
        "unreadable": [{"name": name, "problem": problem} for name, problem in found.record.unreadable.items()],
        "has_course": sum(entry["shown_fraction"] is not None for entry in entries) > 1,
        "increment_points": INCREMENT_POINTS,
        "floor_fraction": float(found.own.floor_fraction),
        "goal_fractions": [float(goal) for goal in found.own.goal_fractions],
    }


def plan_part(found: PhaseEvidence) -> Data:
    """Return what the document of the imported phase says."""
    phase = found.phase
    return {
        **phase.model_dump(include=_TOLD),
        "begun_at": f"{phase.begun}T00:00:00Z" if phase.begun else None,
        "goal_fractions": [float(goal) for goal in phase.goal_fractions],
        "whole_suite": _stated(phase.whole_suite),
        "figures": [_stated(figure) for figure in phase.figures],
        "tasks": [task.model_dump() for task in phase.tasks.values()],
        "done_count": sum(task.state == "done" for task in phase.tasks.values()),
        "tasks_count": len(phase.tasks),
    }


def _stated(figure: Figure | WholeSuite) -> Data:
    share = None if figure.percent is None else float(figure.percent / 100)
    return {**figure.model_dump(exclude={"percent"}), "stated_fraction": share}


def tighten_part(found: PhaseEvidence) -> Data:
    """Return whether thresholds may be tightened: first goal, green suite, every task."""
    phase, suite, goal = found.phase, found.phase.whole_suite, found.phase.goal_fractions[0]
    goal_text = {
        "goal_fraction": float(goal),
        "measured_fraction": float(suite.percent / 100),
        "is_approximate": suite.approximate,
    }
    conditions: list[Data] = [
        {
            "id": "goal",
            "met": suite.percent >= phase.goals_percent[0],
            "text": _both("phase.condition.goal", goal_text),
        },
        {"id": "suite-green", "met": suite.green, "text": _both("phase.condition.suite_green", {})},
        *(
            {"id": f"task-{name}", "met": task.state == "done", "text": task.text.model_dump()}
            for name, task in phase.tasks.items()
        ),
    ]
    still_open = [condition for condition in conditions if not condition["met"]]
    return {
        "allowed": may_tighten(condition["met"] for condition in conditions),
        "open": still_open,
        "total": len(conditions),
        "open_count": len(still_open),
        "met_count": len(conditions) - len(still_open),
        "conditions": conditions,
        "phase_title": phase.title.model_dump(),
        "origin": phase.origin.model_dump(),
    }


def last_coverage_entry(found: PhaseEvidence) -> Entry | None:
    """Return the last entry that holds a coverage."""
    return next((entry for entry in reversed(found.record.entries) if entry.coverage), None)


def instant(value: datetime | None) -> str | None:
    """Return an instant as JSON."""
    return format_instant(value) if value else None


def _both(key: str, values: Data) -> dict[str, str]:
    return {language: words_in(language).plain(key, **values) for language in LANGUAGES}


def _change_since_entry(found: PhaseEvidence, measured: Measured) -> float | None:
    """Compare with the last entry; None when that was counted by another rule."""
    entry, now = last_coverage_entry(found), measured.coverage.totals.fraction
    before = entry.coverage if entry else None
    if before is None or before.fraction is None or now is None:
        return None
    rule = (f"coverage {measured.coverage.meta.version}", measured.coverage.meta.branch_coverage)
    return float(now - before.fraction) if (before.tool, before.branches > 0) == rule else None


def _group(tests: Sequence[TestResult]) -> Data:
    counts = count_outcomes(tests)
    verdict = Verdict.FAIL if counts["broken_count"] else Verdict.PASS if counts["passed_count"] else Verdict.NO_DATA
    return {"verdict": verdict.value, **counts}


def _covered(counts: CoverageCounts) -> Data:
    return {
        **counts.model_dump(include=set(CoverageCounts.model_fields)),
        "measured_fraction": _float(counts.fraction),
        "shown_fraction": _rounded_down(counts.fraction),
        "missing_count": counts.missing,
    }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _rounded_down(share: Fraction | None) -> float | None:
    return None if share is None else math.floor(share * _SHOWN_DIGITS) / _SHOWN_DIGITS
