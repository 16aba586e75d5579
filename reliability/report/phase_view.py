"""What the phase's blocks say beside their numbers: reasons of the ratchet, states, the legend of the course.

Numbers and states come with the block; this module chooses words and marks for them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from reliability.report.words import Words

Data = Mapping[str, Any]
_REQUIREMENT_STATUS: Final = MappingProxyType({
    "verified": "pass", "failed": "fail", "blocked": "hold", "untested": "none",
})  # fmt: skip
_GOAL_STATUS: Final = MappingProxyType({"met": "pass", "missed": "warn", "not-measured": "none", "no-match": "fail"})
_RISK_STATUS: Final = MappingProxyType({"PASS": "pass", "FAIL": "warn", "UNKNOWN": "none"})

_TOLD: Final = ("baseline", "increment", "goal")  # kinds whose reason says no more than kind and numbers


def view_ratchet(data: Data, words: Words) -> dict[str, object]:
    """Write each reason with its cure; a reason of a newer judge has its bare code."""
    return {"reasons": [_reason(reason, words) for reason in data["reasons"]]}


def view_requirements(data: Data, words: Words) -> dict[str, object]:
    """Return the marks of states, and in which suites a requirement was tested where suites have names."""
    rows = data["rows"]
    return {
        "states": _REQUIREMENT_STATUS,
        "risk_states": _RISK_STATUS,
        "in_suites": {row["id"]: _in_suites(row, words) for row in rows},
        "is_tested": any(row["tests"] for row in rows),
    }


def view_modules(_: Data, __: Words) -> dict[str, object]:
    """Return the marks of the goals' states."""
    return {"goal_states": _GOAL_STATUS}


def view_tests(data: Data, words: Words) -> dict[str, object]:
    """Write what is to be said of single suites: how pytest ended, what was skipped for lack of a service."""
    return {"remarks": {suite["name"]: _remarks(suite, words) for suite in data.get("suites", ())}}


def view_record(data: Data, words: Words) -> dict[str, object]:
    """Count the entries, and choose the legend: only what the chart shows; a record of an older version has none."""
    counted = {"entries_count": data.get("entries_count", len(data["entries"]))}
    counted["observations_count"] = data.get("observations_count", 0)
    own = data.get("language", "en")  # what the program wrote into the record is in the language of the phase
    return {
        **counted,
        "legend": _legend(data, words) if data["has_course"] and "points" in data else [],
        "language": own,
        "told": {} if own == words.language else _told(data, words),
    }


def _told(data: Data, words: Words) -> dict[str, object]:
    told: dict[str, object] = {
        kind: words.text(f"phase.record.told.{kind}", points=data["increment_points"]) for kind in _TOLD
    }
    return {**told, "raised": words.text("record.threshold.raised")}


def _legend(data: Data, words: Words) -> list[tuple[str, object, str]]:
    points = data["points"]
    kinds = {point["kind"] for point in points}
    percent, level = words.formats.percent, words.formats.level

    def last(name: str) -> str:
        return next((percent(point[name], 2) for point in reversed(points) if point[name] is not None), "")

    rows = [
        ("base", "course", last("shown_fraction"), bool(kinds - {"not-accepted"})),
        ("cana", "unit", last("unit_fraction"), bool(last("unit_fraction"))),
        ("area", "imports", last("imports_fraction"), bool(last("imports_fraction"))),
        ("steps", "floor", level(data["floors"][-1]["fraction"]), True),
        ("goal", "goals", ", ".join(level(goal) for goal in data["goal_fractions"]), True),
        ("big", "increments", "", "increment" in kinds),
        ("mark", "milestones", "", "milestone" in kinds),
        ("hollow", "hollow", "", "not-accepted" in kinds),
        ("cut", "baselines", "", any(point["begins_anew"] for point in points)),
    ]
    named = {"goals": "phase.coverage.goals"}
    return [
        (swatch, words.text(named.get(name, f"phase.record.{name}"), points=data["increment_points"]), value)
        for swatch, name, value, is_shown in rows
        if is_shown
    ]


def _reason(reason: Data, words: Words) -> dict[str, object]:
    path = f"phase.ratchet.reason.{reason['code']}"
    if not words.knows(f"{path}.text"):
        return {"text": reason["code"], "cure": ""}
    return {part: words.text(f"{path}.{part}", **reason["values"]) for part in ("text", "cure")}


def _in_suites(row: Data, words: Words) -> str:
    suites = [suite for suite in row["suites"] if suite]
    return words.plain("phase.requirements.in_suites", suites=suites) if suites else ""


def _remarks(suite: Data, words: Words) -> list[object]:
    counts = suite["counts"] or {"skipped_outside": 0, "reruns": 0}
    told = [
        (suite["exit_code"], "exit", {"code": suite["exit_code"]}),
        (counts["skipped_outside"], "outside", {"count": counts["skipped_outside"]}),
        (counts["reruns"], "reruns", {"count": counts["reruns"]}),
    ]
    return [words.text(f"phase.tests.{key}", **values) for is_told, key, values in told if is_told]
