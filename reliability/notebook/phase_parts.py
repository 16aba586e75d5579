"""The parts of the phase report as data: coverage, modules, tests, record, plan, thresholds.

Numbers leave as JSON numbers with their unit in the name, texts in both languages. A
share that is shown is rounded down, so that 34.999 % never reads 35 %.
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from reliability.clock import format_instant
from reliability.errors import SourceError
from reliability.judge.coverage import CoverageJudgement
from reliability.judge.phase import Condition, TightenJudgement, judge_tighten
from reliability.notebook.parts import present
from reliability.notebook.phase_evidence import Measured, PhaseEvidence
from reliability.report.words import LANGUAGES, words_in
from reliability.sources.coverage_json import CoverageCounts, ModuleCoverage
from reliability.sources.junit import OutcomeCounts, TestGroup, group_tests
from reliability.sources.phase_document import Figure, PhaseDocument, WholeSuite
from reliability.sources.record import Entry
from reliability.verdicts import Verdict

SHOWN_MODULES: Final = 10
SHOWN_TESTS: Final = 50
INCREMENT_POINTS: Final = 2.0
_TOLD: Final = (
    "id", "kind", "title", "purpose", "origin", "targets", "tasks", "scope", "risks", "next_steps",
)  # fmt: skip
_SHOWN_DIGITS: Final = 10_000  # two decimals of a percentage


def coverage_part(found: PhaseEvidence, measured: Measured, judged: CoverageJudgement) -> dict[str, object]:
    """Return the own coverage beside its floor and goals."""
    totals = measured.coverage.totals
    return {
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        **_counts(totals),
        "shown_fraction": _rounded_down(judged.measured_fraction),
        "floor_fraction": float(judged.floor_fraction),
        "goals": [{"fraction": float(goal), "reached": goal in judged.reached_goals} for goal in judged.goal_fractions],
        "next_goal_fraction": _float(judged.next_goal_fraction),
        "missing_points": _rounded_up(judged.missing_points),
        "change_fraction": _change_since_entry(found, measured),
        "branch_aware": measured.coverage.branch_aware,
        "tool_version": measured.coverage.tool_version,
        "is_shipped": measured.is_shipped,
        "phase_title": found.own.title.model_dump(),
        "origin": found.own.origin.model_dump(),
        "measured_at": format_instant(measured.tests.began_at) if measured.tests.began_at else None,
    }


def modules_part(measured: Measured) -> dict[str, object]:
    """Return coverage by module, those with most missing first."""
    by_missing = sorted(measured.coverage.modules, key=lambda module: (-module.counts.missing, module.path))
    return {
        "modules": [_module(module) for module in by_missing],
        "shown_count": min(SHOWN_MODULES, sum(module.counts.missing > 0 for module in by_missing)),
        "modules_count": len(by_missing),
        "complete_count": sum(m.counts.total > 0 and not m.counts.missing for m in by_missing),
        "missing_count": measured.coverage.totals.missing,
    }


def tests_part(found: PhaseEvidence, measured: Measured) -> dict[str, object]:
    """Return how the tests of each component and of each other module ended."""
    components = {component.id: component for component in found.own.components}
    groups = group_tests(measured.tests.tests, components={name: c.test_modules for name, c in components.items()})
    broken = measured.tests.broken
    shown = broken[:SHOWN_TESTS]
    return {
        **_outcomes(measured.tests.counts),
        "began_at": format_instant(measured.tests.began_at) if measured.tests.began_at else None,
        "is_shipped": measured.is_shipped,
        "groups": [
            {**_group(group), "label": components[group.id].label.model_dump() if group.is_component else None}
            for group in groups
        ],
        "broken": [
            {"classname": test.classname, "name": test.name, "outcome": test.outcome.name.lower()} for test in shown
        ],
        "more_broken_count": len(broken) - len(shown),
        "others_count": sum(not group.is_component for group in groups),
    }


def outcomes_part(measured: Measured) -> dict[str, int]:
    """Return how many tests ended how."""
    return _outcomes(measured.tests.counts)


def record_part(found: PhaseEvidence) -> dict[str, object]:
    """Return the entries of the own phase in order, with the change from one to the next."""
    record = present(found.record)
    entries: list[dict[str, object]] = []
    before = None
    for entry in record.entries:
        share = entry.coverage.counts.fraction if entry.coverage else None
        entries.append({
            "kind": entry.kind.value,
            "commit": entry.commit,
            "committed_at": format_instant(entry.committed_at),
            "shown_fraction": _rounded_down(share),
            "change_fraction": None if share is None or before is None else float(share - before),
            "new_definition": entry.kind.value == "baseline",
            "reason": entry.reason,
        })  # fmt: skip
        before = before if share is None else share
    return {
        "phase_id": found.own.id,
        "phase_title": found.own.title.model_dump(),
        "folder": found.record_folder,
        "entries": entries,
        "unreadable": [{"name": broken.name, "problem": broken.problem} for broken in record.unreadable],
        "has_course": sum(entry["shown_fraction"] is not None for entry in entries) > 1,
        "increment_points": INCREMENT_POINTS,
        "floor_fraction": _float(found.own.floor_fraction),
        "goal_fractions": [float(goal) for goal in found.own.goal_fractions],
    }


def plan_part(phase: PhaseDocument) -> dict[str, object]:
    """Return what the document of the imported phase says."""
    suite = phase.whole_suite
    return {
        **phase.model_dump(mode="json", include=set(_TOLD)),
        "begun_at": None if phase.begun is None else f"{phase.begun.isoformat()}T00:00:00Z",
        "goal_fractions": [float(goal) for goal in phase.goal_fractions],
        "whole_suite": None if suite is None else _stated(suite),
        "figures": [_stated(figure) for figure in phase.figures],
        "done_count": sum(task.state == "done" for task in phase.tasks),
        "tasks_count": len(phase.tasks),
    }


def _stated(figure: Figure | WholeSuite) -> dict[str, object]:
    share = None if figure.percent is None else float(Fraction(figure.percent) / 100)
    return {**figure.model_dump(exclude={"percent"}), "stated_fraction": share}


def tighten_part(found: PhaseEvidence) -> dict[str, object]:
    """Return whether thresholds may be tightened, with the conditions in both languages."""
    judged = judge_phase_conditions(found.phase)
    texts = _condition_texts(found.phase)
    conditions = [{"id": c.id, "met": c.met, "text": texts[c.id]} for c in judged.conditions]
    return {
        "allowed": judged.allowed,
        "open": [{"id": c["id"], "text": c["text"]} for c in conditions if not c["met"]],
        "total": len(conditions),
        "open_count": len(judged.open),
        "met_count": len(conditions) - len(judged.open),
        "conditions": conditions,
        "phase_title": found.phase.title.model_dump(),
        "origin": found.phase.origin.model_dump(),
    }


def judge_phase_conditions(phase: PhaseDocument) -> TightenJudgement:
    """Judge the conditions of an imported phase: first goal, green suite, every task."""
    suite = phase.whole_suite
    reached = suite is not None and Fraction(suite.percent) / 100 >= phase.goal_fractions[0]
    return judge_tighten([
        Condition(id="goal", met=reached),
        Condition(id="suite-green", met=suite is not None and suite.green),
        *(Condition(id=f"task-{task.id}", met=task.state == "done") for task in phase.tasks),
    ])  # fmt: skip


def last_coverage_entry(found: PhaseEvidence) -> Entry | None:
    """Return the last entry that holds a coverage."""
    if isinstance(found.record, SourceError):
        return None
    return next((entry for entry in reversed(found.record.entries) if entry.coverage), None)


def _condition_texts(phase: PhaseDocument) -> Mapping[str, Mapping[str, str]]:
    suite = phase.whole_suite
    values = {
        "goal_fraction": float(phase.goal_fractions[0]),
        "measured_fraction": None if suite is None else float(suite.percent) / 100,
        "is_approximate": suite is not None and suite.approximate,
    }
    return {
        "goal": _both("phase.condition.goal", **values),
        "suite-green": _both("phase.condition.suite_green"),
        **{f"task-{task.id}": task.text.model_dump() for task in phase.tasks},
    }


def _both(key: str, **values: object) -> dict[str, str]:
    return {language: words_in(language).plain(key, **values) for language in LANGUAGES}


def _change_since_entry(found: PhaseEvidence, measured: Measured) -> float | None:
    """Compare with the last entry; None when that was counted by another rule."""
    entry = last_coverage_entry(found)
    now = measured.coverage.totals.fraction
    if entry is None or entry.coverage is None or now is None:
        return None
    before = entry.coverage.counts.fraction
    same_rule = (
        entry.coverage.tool == f"coverage {measured.coverage.tool_version}"
        and bool(entry.coverage.branches) == measured.coverage.branch_aware
    )
    return float(now - before) if same_rule and before is not None else None


def _module(module: ModuleCoverage) -> dict[str, object]:
    return {
        "path": module.path,
        **_counts(module.counts),
        "shown_fraction": _rounded_down(module.counts.fraction),
        "missing_count": module.counts.missing,
    }


def _group(group: TestGroup) -> dict[str, object]:
    broken = group.counts.failed + group.counts.error
    verdict = Verdict.FAIL if broken else Verdict.PASS if group.counts.passed else Verdict.NO_DATA
    return {
        "id": group.id,
        "is_component": group.is_component,
        "verdict": verdict.value,
        **_outcomes(group.counts),
    }


def _outcomes(counts: OutcomeCounts) -> dict[str, int]:
    return {
        "passed_count": counts.passed,
        "xfailed_count": counts.xfailed,
        "skipped_count": counts.skipped,
        "broken_count": counts.failed + counts.error,
        "total_count": counts.total,
    }


def _counts(counts: CoverageCounts) -> dict[str, object]:
    return {
        "statements": counts.statements,
        "covered": counts.covered,
        "branches": counts.branches,
        "covered_branches": counts.covered_branches,
        "measured_fraction": _float(counts.fraction),
    }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _rounded_down(share: Fraction | None) -> float | None:
    return None if share is None else math.floor(share * _SHOWN_DIGITS) / _SHOWN_DIGITS


def _rounded_up(points: Fraction | None) -> float | None:
    return None if points is None else math.ceil(points * 100) / 100
