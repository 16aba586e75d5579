"""Under which conditions thresholds may be tightened, in words: of the own phase, and of the imported document.

The own phase's conditions are looked at on every run; those of an imported phase are what its
document says. Which are met is decided in `reliability.judge.phase`.
"""

from fractions import Fraction
from typing import Any

from reliability.errors import SourceError
from reliability.judge.phase import Condition, judge_conditions, judge_coverage, may_tighten
from reliability.notebook.phase_evidence import PhaseEvidence
from reliability.notebook.phase_matrix import goal_states, requirements_by_component, risks
from reliability.notebook.shares import rounded_down
from reliability.report.words import LANGUAGES, words_in

Data = dict[str, Any]


def tighten(found: PhaseEvidence) -> Data:
    """Return whether thresholds may be tightened: every condition of the own phase, and those that are open."""
    own, measured = found.own, found.measured
    unmeasured = judge_coverage(None, goals=own.goal_fractions, floor=own.floor_fraction)
    conditions = judge_conditions(
        coverage=unmeasured if isinstance(measured, SourceError) else measured.judged,
        decision=found.decision,
        requirements=requirements_by_component(found),
        risks=[risk["state"] == "PASS" for risk in risks(found)],
        module_goals=[state.state == "met" for state in goal_states(found)],
        tasks=[task.state == "done" for task in own.tasks.values()],
    )
    told = [_told(found, condition) for condition in conditions]
    return {**_counted(told), "phase_title": own.title, "origin": own.origin}


def imported_conditions(found: PhaseEvidence) -> Data:
    """Return what the imported document says of its own conditions: first goal, green suite, every task."""
    phase, suite = found.phase, found.phase.whole_suite
    goal = _both(
        "phase.condition.stated_goal",
        goal_fraction=float(phase.goal_fractions[0]),
        measured_fraction=float(suite.percent / 100),
        is_approximate=suite.approximate,
    )
    told: list[Data] = [
        {"id": "goal", "met": suite.percent >= phase.goals_percent[0], "text": goal},
        {"id": "suite-green", "met": suite.green, "text": _both("phase.condition.suite_green")},
        *({"id": f"task-{name}", "met": task.state == "done", "text": task.text} for name, task in phase.tasks.items()),
    ]
    return _counted(told)


def _counted(conditions: list[Data]) -> Data:
    still_open = [condition for condition in conditions if not condition["met"]]
    return {
        "allowed": may_tighten(condition["met"] for condition in conditions),
        "open": still_open,
        "total": len(conditions),
        "open_count": len(still_open),
        "met_count": len(conditions) - len(still_open),
        "conditions": conditions,
    }


def _told(found: PhaseEvidence, condition: Condition) -> Data:
    """Put a condition into words; a share that is shown is rounded down."""
    values = {name: rounded_down(v) if isinstance(v, Fraction) else v for name, v in condition.values.items()}
    key, component = condition.id, found.own.components.get(str(values.get("component")))
    if "component" in values:
        key = "requirements" if component else "requirements_other"
    texts = {
        language: words_in(language).plain(
            f"phase.condition.{key}", **{**values, "component": component and getattr(component.label, language)}
        )
        for language in LANGUAGES
    }
    return {"id": condition.id, "met": condition.is_met, "text": texts}


def _both(key: str, **values: object) -> dict[str, str]:
    return {language: words_in(language).plain(key, **values) for language in LANGUAGES}
