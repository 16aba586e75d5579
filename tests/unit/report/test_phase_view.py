"""The phase's blocks in words: every reason has its sentence and cure, the legend names only what is drawn."""

import json
import re
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from reliability.judge.ratchet import ACTION_BY_CODE
from reliability.report.blocks import render_block
from reliability.report.charts import draw_chart
from reliability.report.phase_view import view_ratchet, view_record
from reliability.report.words import LANGUAGES, words_in
from tests.unit.report.examples import HOSTILE

VALUES: dict[str, Any] = {
    "paths": [HOSTILE, "b.py"], "paths_count": 2, "suite": "unit", "broken_count": 1, "exit_code": None,
    "lost_count": 3, "skipped_count": 4, "outside_count": 0, "passed_count": 5, "before_count": 6,
    "tool_before": "coverage 7.6.1", "tool_now": "coverage 7.6.3", "glob": "shop/*.py", "shown_fraction": 0.3499,
    "floor_fraction": 0.35, "goal_fraction": 0.4, "threshold_fraction": 0.35, "next_fraction": 0.355,
    "runs_count": 1, "needed_count": 3, "lowest_fraction": 0.34, "file": "setup.cfg", "line": None,
    "hidden_fraction": 0.4,
}  # fmt: skip


def point(at: str, shown: float | None, kind: str = "observation", **changed: Any) -> dict[str, Any]:
    usual = {"unit_fraction": None, "imports_fraction": None, "begins_anew": False}
    return {"at": f"2026-11-{at}:00Z", "kind": kind, "shown_fraction": shown, **usual, **changed}


def course(*points: dict[str, Any]) -> dict[str, Any]:
    return {
        "phase_title": {"en": "Shop", "es": "Tienda"}, "folder": "outputs/record/shop", "entries": [], "unreadable": [],
        "entries_count": 9, "observations_count": 5, "older_count": 0, "points": list(points),
        "has_course": len(points) > 1, "increment_points": 2.0, "goal_fractions": [0.35, 0.4],
        "floors": [{"at": None, "fraction": 0.3}, {"at": "2026-11-20T12:00:00Z", "fraction": 0.35}],
        "forecast": {"reason": "not-enough-data", "goal_fraction": 0.4, "increments_count": 2, "needed_count": 8,
                     "p10_at": None, "p90_at": None},
    }  # fmt: skip


WHOLE = course(
    point("18T10:00", 0.31, unit_fraction=0.28, imports_fraction=0.1),
    point("20T10:00", 0.352, "increment", unit_fraction=0.3, imports_fraction=0.1),
    point("21T10:00", 0.36, "milestone", imports_fraction=0.11),
    point("22T10:00", 0.33, "baseline", begins_anew=True),
    point("24T10:00", 0.37),
    point("25T10:00", 0.2, "not-accepted"),
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ACTION_BY_CODE)
def test_every_reason_of_the_ratchet_has_a_sentence_and_a_cure(code: str, language: str) -> None:
    reasons: Any = view_ratchet({"reasons": [{"code": code, "values": VALUES}]}, words_in(language))["reasons"]

    (reason,) = reasons
    assert reason["text"].endswith(".")
    assert reason["cure"].endswith(".")
    assert "<script" not in reason["text"]


def test_a_reason_of_a_newer_judge_is_shown_by_its_code() -> None:
    assert view_ratchet({"reasons": [{"code": "too-blue", "values": {}}]}, words_in("en"))["reasons"] == [
        {"text": "too-blue", "cure": ""}
    ]


def test_the_legend_names_only_what_the_chart_shows() -> None:
    plain = course(point("18T10:00", 0.31), point("19T10:00", 0.32))

    few, many = (view_record(data, words_in("en"))["legend"] for data in (plain, WHOLE))

    assert [row[0] for row in few] == ["base", "steps", "goal"]  # type: ignore[attr-defined]
    assert [row[0] for row in many] == [  # type: ignore[attr-defined]
        "base", "cana", "area", "steps", "goal", "big", "mark", "hollow", "cut",
    ]  # fmt: skip


def test_no_line_crosses_a_new_rule_of_counting_and_none_meets_a_run_that_was_not_accepted() -> None:
    drawn = str(draw_chart("phase.record", WHOLE, words=words_in("en"), uid="u-", sizes=["wide"]))

    root = fromstring(drawn)
    lines = [e.get("d", "") for e in root.iter() if e.tag.endswith("path") and e.get("class", "") == "s-base"]
    assert sorted(len(re.findall("[ML]", line)) for line in lines if line.count("L")) == [2, 3]


def test_a_course_of_years_stays_small() -> None:
    days = [point(f"{1 + n // 24:02}T{n % 24:02}:00", 0.3 + n / 5000, unit_fraction=0.2) for n in range(400)]

    page = str(render_block("record", course(*days), language="en"))

    assert len(page) < 40_000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "data",
    [
        WHOLE,
        course(),
        course(point("18T10:00", 0.31), point("18T10:00", 0.31, "increment")),
        course(point("18T10:00", None)),
    ],
    ids=["whole", "empty", "one instant", "nothing measured"],
)
def test_a_record_renders_in_both_languages(data: dict[str, Any], language: str) -> None:
    page = str(render_block("record", data, language=language))

    assert ("<svg viewBox" in page) == data["has_course"]
    assert "style=" not in page


@pytest.mark.parametrize(
    ("reason", "early", "says"),
    [
        ("ok", "2026-12-01T00:00:00Z", "between 1 Dec 2026 and"),
        ("never-arrives", None, "no date"),
        ("never-arrives", "2026-12-01T00:00:00Z", "not before 1 Dec 2026"),
        ("goal-reached", None, "is met"),
        ("not-enough-data", None, "2 of 8 daily increments"),
    ],
)
def test_a_forecast_gives_a_range_or_says_why_not(reason: str, early: str | None, says: str) -> None:
    data = json.loads(json.dumps(WHOLE))
    data["forecast"] |= {
        "reason": reason,
        "p10_at": early,
        "p90_at": "2027-02-01T00:00:00Z" if reason == "ok" else None,
    }

    assert says in str(render_block("record", data, language="en"))
