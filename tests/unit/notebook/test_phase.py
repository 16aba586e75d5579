"""The phase report: two phases apart, exact figures, and a page even without a measurement."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from reliability.notebook import phase, phase_evidence
from reliability.notebook.block import Block
from reliability.notebook.run import Run, close_run, open_run
from reliability.report.blocks import render_block
from reliability.report.verdict_view import headline, lead, next_steps
from reliability.report.words import LANGUAGES, words_in
from reliability.sources.record import Entry, EntryKind, RecordedCoverage, append_entry
from tests.fakes import ManualClock
from tests.unit.notebook.evidence import (
    NASTY,
    PHASE,
    sha256_of,
    write_coverage,
    write_evidence,
    write_junit,
    write_record,
)

CELLS = (
    phase.coverage, phase.modules, phase.tests, phase.requirements, phase.ratchet, phase.record, phase.plan,
    phase.tighten,
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reliability.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(project: Path, **parameters: object) -> Run:
    return open_run("phase_progress", phase, parameters, folder=project, clock=ManualClock())


def closed(run: Run) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(dict(close_run(run).data)))
    return data


def shown(block: Block, language: str = "en") -> str:
    data: Mapping[str, Any] = json.loads(json.dumps(dict(block.data)))
    return str(render_block(block.kind, data, language=language))


@pytest.mark.parametrize(
    ("covered", "verdict", "reason"),
    [
        (8999, "FAIL", "below-floor"),
        (9000, "PASS", "above-floor"),
        (9499, "PASS", "above-floor"),
        (9500, "PASS", "goal-reached"),
        (9700, "PASS", "last-goal-reached"),
    ],
)
def test_own_coverage_gates_at_the_floor_only(project: Path, covered: int, verdict: str, reason: str) -> None:
    write_evidence(project, covered=covered)

    report = closed(opened(project))

    assert (report["verdict"], report["reason"]) == (verdict, reason)


def test_a_failed_test_fails_the_report_whatever_the_coverage(project: Path) -> None:
    write_evidence(project, covered=9900, failed=(NASTY,))
    run = opened(project)

    report, page = closed(run), shown(phase.tests(run))

    assert (report["verdict"], report["reason"]) == ("FAIL", "tests-failed")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;x&#39;" in page


def test_the_imported_phase_tells_its_own_conditions_and_gates_nothing(project: Path) -> None:
    write_evidence(project)
    run = opened(project)

    report, tighten = closed(run), json.loads(json.dumps(dict(phase.plan(run).data)))["tighten"]

    assert report["verdict"] == "PASS"
    assert (tighten["allowed"], tighten["open_count"], tighten["total"]) == (False, 5, 11)
    assert [condition["id"] for condition in tighten["open"]] == [
        "goal",
        "suite-green",
        "task-session-metric-test",
        "task-isolate-heavy-suites",
        "task-raise-floor",
    ]
    assert "22.21%" in tighten["open"][0]["text"]["en"]
    assert "22,21\u00a0%" in tighten["open"][0]["text"]["es"]


def test_a_little_less_than_a_goal_is_never_shown_as_the_goal(project: Path) -> None:
    write_evidence(project, covered=94_999_999, statements=100_000_000)

    report = closed(opened(project))

    assert report["phase"]["own"]["shown_fraction"] == 0.9499
    assert report["phase"]["own"]["missing_points"] == 0.01
    assert "94.99%" in report["headline"]


def test_the_two_phases_share_no_chart(project: Path) -> None:
    write_evidence(project)
    run = opened(project)

    own, imported = shown(phase.coverage(run)), shown(phase.plan(run))

    assert "22.2" not in own
    assert "92.3" not in imported
    assert "Not verified here" in imported


def test_files_without_a_manifest_are_not_believed_and_the_phase_is_still_shown(project: Path) -> None:
    (write_evidence(project) / "manifest.json").unlink()
    run = opened(project)

    report = closed(run)

    assert (report["verdict"], report["reason"]) == ("NO_DATA", "missing-evidence")
    assert "manifest.json" in report["error"]["message"]
    assert {c["id"] for c in report["phase"]["tighten"]["open"]} >= {"evidence", "suites", "goal"}
    shown_without = (phase.plan, phase.ratchet, phase.record, phase.tighten)
    assert {cell(run).kind for cell in CELLS if cell not in shown_without} == {"missing"}
    assert [cell(run).kind for cell in shown_without] == ["plan", "ratchet", "record", "tighten"]
    assert "No manifest vouches for this evidence." in shown(phase.ratchet(run))


def test_a_torn_manifest_is_no_data(project: Path) -> None:
    path = write_evidence(project) / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])

    report = closed(opened(project))

    assert (report["verdict"], report["reason"]) == ("NO_DATA", "broken-evidence")
    assert "manifest.json" in report["error"]["message"]


def changed_output(project: Path) -> None:
    write_junit(project / "outputs/evidence/junit-unit.xml", passed=99)


def appeared_source(project: Path) -> None:
    (project / "shop").mkdir()
    (project / "shop" / "basket.py").write_text("")


@pytest.mark.parametrize(
    ("spoil", "changed", "reason"),
    [
        (changed_output, {}, "stale-evidence"),
        (appeared_source, {}, "stale-source"),
        (None, {"is_dirty": True}, "dirty-tree"),
        (None, {"phase_id": "other"}, "stale-evidence"),
    ],
    ids=["output changed", "source appeared", "dirty tree", "another phase"],
)
def test_evidence_that_is_not_trusted_decides_nothing_and_says_why(
    project: Path, spoil: Any, changed: Any, reason: str
) -> None:
    write_evidence(project, **changed)
    if spoil:
        spoil(project)
    run = opened(project)

    report = closed(run)

    assert (report["verdict"], report["reason"]) == ("INCONCLUSIVE", reason)
    assert reason in [found["code"] for found in phase.ratchet(run).data["reasons"]]
    assert "evidence" in {condition["id"] for condition in report["phase"]["tighten"]["open"]}
    assert [figure["verdict"] for figure in report["figures"][:2]] == ["INCONCLUSIVE"] * 2
    assert phase.coverage(run).data["verdict"] == "INCONCLUSIVE"
    assert all("Not trusted" in shown(cell(run)) for cell in (phase.modules, phase.tests, phase.requirements))
    for language in LANGUAGES:
        assert len(headline(report, language=language).split()) <= 13
        assert len(lead(report, language=language).split()) <= 35
        assert next_steps(report, words_in(language))
        assert words_in(language).text(f"phase.ratchet.reason.{reason}.cure") in shown(phase.ratchet(run), language)


def test_a_required_suite_that_did_not_run_leaves_the_combined_figure_unmeasured(project: Path) -> None:
    write_evidence(project, absent=("servers",))
    run = opened(project)

    report, beside = closed(run), {row["id"]: row for row in phase.coverage(run).data["beside"]}

    assert (report["verdict"], report["reason"]) == ("INCONCLUSIVE", "suite-not-run")
    assert (beside["required"]["shown_fraction"], beside["all"]["shown_fraction"]) == (None, None)
    assert beside["unit"]["shown_fraction"] == 0.8307
    assert "not measured" in shown(phase.coverage(run))
    assert "did not run" in shown(phase.tests(run))
    assert [goal["state"] for goal in phase.modules(run).data["goals"]] == ["not-measured"]
    assert "was not measured" in shown(phase.modules(run))


def test_figures_from_contexts_are_labelled_as_estimates(project: Path) -> None:
    write_evidence(project)

    page = shown(phase.coverage(opened(project)))

    assert page.count("estimate") == 1
    assert "92.30%" in page


def test_the_floor_is_the_higher_one_of_the_phase_and_the_one_in_force(project: Path) -> None:
    write_evidence(project, floor="92.5")
    run = opened(project)

    report = closed(run)

    assert (report["verdict"], report["reason"]) == ("FAIL", "below-floor")
    assert report["phase"]["own"]["floor_fraction"] == 0.925
    assert "92.5%<small>setup.cfg, line 3: [coverage:report] fail_under</small>" in shown(phase.ratchet(run))


def test_the_floor_in_force_is_the_one_of_now_and_not_of_the_run(project: Path) -> None:
    write_evidence(project)
    (project / "setup.cfg").write_text("[coverage:report]\nprecision = 2\nfail_under = 93\n")

    raised = closed(opened(project))
    (project / "setup.cfg").write_text("no section")
    torn = closed(opened(project))

    assert [report["phase"]["own"]["floor_fraction"] for report in (raised, torn)] == [0.93, 0.9]
    assert [report["reason"] for report in (raised, torn)] == ["below-floor", "above-floor"]


def test_the_staircase_ends_at_the_floor_of_now_whoever_changed_it(project: Path) -> None:
    write_evidence(project, floor="93")
    write_record(project / "outputs/record/shop")

    floors: Any = phase.record(opened(project)).data["floors"]

    assert [floor["fraction"] for floor in floors] == [0.85, 0.88, 0.9, 0.93]


@pytest.mark.parametrize(
    ("days", "covered", "reason"), [(9, 9231, "ok"), (8, 9231, "not-enough-data"), (9, 9700, "goal-reached")]
)
def test_the_next_goal_is_forecast_from_eight_daily_increments(
    project: Path, days: int, covered: int, reason: str
) -> None:
    write_evidence(project, covered=covered)
    for day in range(days):
        share = 8000 + 100 * day
        seen = entry(0, share).model_copy(update={"commit_time": datetime(2026, 11, 1 + day, tzinfo=UTC)})
        append_entry(project / "outputs/record/shop", seen)

    forecast: Any = phase.record(opened(project)).data["forecast"]

    assert forecast["reason"] == reason
    assert (forecast["p90_at"] is not None) == (reason == "ok")


def test_requirements_risks_tasks_and_goals_are_conditions_of_the_own_phase(project: Path) -> None:
    write_evidence(project)
    run = opened(project)

    tighten = closed(run)["phase"]["tighten"]

    assert {c["id"]: c["met"] for c in tighten["conditions"]} == {
        "evidence": True, "suites": True, "goal": False, "requirements-locks": False, "risks": True,
        "module-goals": True, "tasks": False,
    }  # fmt: skip
    assert "Requirements of Locks: 1 of 2 verified" in shown(phase.tighten(run))
    assert "Requisitos de Bloqueos: 1 de 2 verificados" in shown(phase.tighten(run), "es")


def test_the_matrix_shows_each_requirement_with_its_tests_and_the_coverage_of_its_modules(project: Path) -> None:
    write_evidence(project, requirements={"test_range": "RES-LOCK-01", "test_other": "RES-NO-01"})
    block = phase.requirements(opened(project))

    rows: Any = block.data["rows"]

    assert [(row["id"], row["state"], row["shown_fraction"]) for row in rows] == [
        ("RES-LOCK-01", "verified", 0.9231),
        ("RES-LOCK-02", "untested", None),
    ]
    assert block.data["unknown"] == [{"id": "RES-NO-01", "test": "tests.test_shop::test_other"}]
    assert "1 of 1 passed in unit" in shown(block)


@pytest.mark.parametrize(
    ("state", "count", "says"), [("PASS", 0, "none found"), ("FAIL", 12, "and 2 more"), ("UNKNOWN", 0, "nobody looked")]
)
def test_each_risk_has_the_state_that_its_check_found(project: Path, state: str, count: int, says: str) -> None:
    places = [{"path": f"tests/{NASTY}_{n}.py", "line": n, "text": "sleep(1)"} for n in range(count)]
    write_evidence(
        project,
        risks=[{"check": "sleeps-in-tests", "state": state, "findings": places, "findings_count": count}],
    )

    block = phase.requirements(opened(project))

    assert [risk["state"] for risk in block.data["risks"]] == [state, "PASS"]
    assert says in shown(block)
    assert "<script>" not in shown(block)


def test_an_optional_suite_that_fails_is_a_caution(project: Path) -> None:
    folder = write_evidence(project)
    (project / "phase.toml").write_text(PHASE.replace("heavy = true", "heavy = true\nrequired = false"))
    write_junit(folder / "junit-servers.xml", passed=1, failed=["test_far"])
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["suites"][1] |= {
        "required": False,
        "exit_code": 1,
        "counts": {"passed": 1, "failed": 1},
        "outputs": {"junit-servers.xml": sha256_of(folder / "junit-servers.xml")},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))

    report = closed(opened(project))

    assert (report["verdict"], report["cautions"]) == ("PASS", ["optional-suite-failed"])


def test_a_named_file_is_never_paired_with_a_shipped_one(project: Path) -> None:
    write_coverage(project / "mine.json", covered=9000)

    report = closed(opened(project, coverage_file="mine.json"))

    assert (report["verdict"], report["reason"]) == ("NO_DATA", "missing-evidence")
    assert "outputs/evidence/junit.xml" in report["error"]["message"]


def test_named_files_are_read(project: Path) -> None:
    write_coverage(project / "mine.json", covered=9000)
    write_junit(project / "mine.xml")

    report = closed(opened(project, coverage_file="mine.json", junit_file="mine.xml"))

    assert (report["verdict"], report["cautions"]) == ("PASS", ["no-manifest"])
    assert report["phase"]["own"]["ratchet"] == {"action": "HOLD", "codes": ["no-manifest"], "to_percent": None}
    assert set(report["phase"]["own"]["evidence"]) == {"mine.json", "mine.xml"}
    assert report["provenance"]["source"] == "mine.json, mine.xml"


def assert_no_data(run: Run, reason: str, message: str) -> None:
    report = closed(run)

    assert (report["verdict"], report["reason"]) == ("NO_DATA", reason)
    assert message in report["error"]["message"]
    for language in LANGUAGES:
        assert str(escape(message)) in shown(close_run(run), language)
    assert {cell(run).kind for cell in CELLS} == {"missing"}


def test_a_wrong_phase_document_is_named_with_its_key(project: Path) -> None:
    (project / "phase.toml").write_text('id = "x"\nkind = "imported"\n')

    run = opened(project, phase_file="phase.toml")

    assert_no_data(run, "broken-evidence", "phase.toml: title is missing")


def test_a_phase_of_the_wrong_kind_is_refused(project: Path) -> None:
    write_evidence(project)
    fase3 = Path(phase.__file__).parents[1] / "sample" / "fase3.toml"

    run = opened(project, own_phase_file=str(fase3))

    assert_no_data(run, "broken-evidence", "fase3.toml: kind = 'imported': Input should be 'own'")


def test_a_phase_document_that_is_missing_is_named(project: Path) -> None:
    write_evidence(project)

    run = opened(project, phase_file="none.toml")

    assert_no_data(run, "missing-evidence", "none.toml could not be read (No such file or directory)")


def entry(hours: int, covered: int, kind: EntryKind = "observation") -> Entry:
    return Entry(
        kind=kind,
        commit=f"{hours:040x}",
        commit_time=datetime(2026, 11, 26, hours, tzinfo=UTC),
        coverage=RecordedCoverage(
            statements=10_000,
            covered=covered,
            branches=0,
            covered_branches=0,
            definition_digest="0" * 64,
            tool="coverage 7.17.5",
        ),
        reason=NASTY,
    )


def test_the_record_shows_its_course_and_what_cannot_be_read(project: Path) -> None:
    write_evidence(project, covered=9231)
    folder = project / "outputs/record/shop"
    for hours, covered in ((1, 9000), (2, 9200)):
        append_entry(folder, entry(hours, covered, "increment"))
    append_entry(folder, entry(3, 9100, "baseline"))
    append_entry(folder, entry(4, 9150, "observation"))
    (folder / "torn.json").write_text('{"schema"')
    run = opened(project)

    report, block = closed(run), phase.record(run)

    entries: Any = block.data["entries"]
    assert [e["shown_fraction"] for e in entries] == [0.90, 0.92, 0.91]
    assert [e["change_fraction"] for e in entries] == [None, pytest.approx(0.02), None]
    points: Any = block.data["points"]
    assert [(p["kind"], p["begins_anew"]) for p in points[:4]] == [
        ("increment", False), ("increment", False), ("baseline", True), ("observation", False),
    ]  # fmt: skip
    assert (block.data["entries_count"], block.data["observations_count"]) == (4, 1)
    assert report["cautions"] == ["unreadable-record"]
    assert report["phase"]["own"]["change_fraction"] == pytest.approx(0.0131)
    assert [floor["fraction"] for floor in block.data["floors"]] == [0.9]
    page = shown(block)
    assert "torn.json" in page
    assert "<script>" not in page


def test_a_change_is_not_computed_across_another_rule_of_counting(project: Path) -> None:
    write_evidence(project)
    append_entry(
        project / "outputs/record/shop",
        entry(1, 8000).model_copy(
            update={"coverage": entry(1, 8000).coverage.model_copy(update={"tool": "coverage 6.0"})}  # type: ignore[union-attr]
        ),
    )

    assert closed(opened(project))["phase"]["own"]["change_fraction"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cell_becomes_html_in_both_languages(project: Path, language: str) -> None:
    write_evidence(project, failed=(NASTY,), name=f"{NASTY}.py")
    run = opened(project)

    pages = [shown(cell(run), language) for cell in (*CELLS, close_run)]

    assert all(pages)
    assert not any("<script" in page or "style=" in page for page in pages)


@pytest.mark.parametrize(("covered", "failed"), [(8999, 0), (9231, 0), (9500, 0), (9700, 0), (9700, 12)])
def test_headline_and_lead_are_short(project: Path, covered: int, failed: int) -> None:
    write_evidence(project, covered=covered, failed=tuple(f"test_bad_{i}" for i in range(failed)))
    report = closed(opened(project))

    for language in LANGUAGES:
        assert len(headline(report, language=language).split()) <= 13
        assert len(lead(report, language=language).split()) <= 35
        assert next_steps(report, words_in(language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["missing-evidence", "broken-evidence", "no-test-passed", "nothing-measured"])
def test_no_data_has_its_own_words(reason: str, language: str) -> None:
    report = {"topic": "phase", "verdict": "NO_DATA", "reason": reason, "cautions": []}

    assert len(headline(report, language=language).split()) <= 13
    assert len(lead(report, language=language).split()) <= 35
    assert headline(report, language=language) != headline({**report, "reason": "other"}, language=language)


@pytest.mark.parametrize("how", ["its phase", "a named phase", "a folder of evidence", "a named folder"])
def test_a_project_of_its_own_is_never_shown_the_sample(project: Path, how: str) -> None:
    parameters = {}
    if how == "its phase":
        (project / "phase.toml").write_text(PHASE)
    elif how == "a named phase":
        (project / "mine.toml").write_text(PHASE)
        parameters = {"own_phase_file": "mine.toml"}
    elif how == "a folder of evidence":
        (project / "outputs/evidence").mkdir(parents=True)
    else:
        parameters = {"evidence_folder": "evidence"}

    report = closed(opened(project, **parameters))

    assert (report["verdict"], report["reason"], report["sample"]) == ("NO_DATA", "missing-evidence", None)
    assert "manifest.json" in report["error"]["message"]


def test_another_folder_of_evidence_can_be_named(project: Path) -> None:
    write_evidence(project).rename(project / "evidence")

    report = closed(opened(project, evidence_folder="evidence"))

    assert (report["verdict"], report["reason"]) == ("PASS", "above-floor")


def test_a_shipped_manifest_is_not_compared_with_sources_that_are_not_there(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = project / "sample"
    write_evidence(project, sources={"files": {"shop/gone.py": "a" * 64}, "digest": "a" * 64}, phase_id="main-job")
    (project / "phase.toml").unlink()
    (project / "outputs").rename(sample)
    for name in ("own_phase.toml", "fase3.toml"):
        (sample / name).write_bytes((phase_evidence.SAMPLE / name).read_bytes())
    monkeypatch.setattr(phase_evidence, "SAMPLE", sample)
    run = opened(project)

    report = closed(run)

    assert report["sample"] == "evidence"
    assert "stale-source" not in report["phase"]["own"]["ratchet"]["codes"]
    assert phase.record(run).data["points"] == []


def test_evidence_that_came_with_the_package_is_a_sample_and_our_own_is_not(project: Path) -> None:
    shipped = closed(opened(project))
    write_evidence(project)
    own = closed(opened(project))

    assert shipped["sample"] == "evidence"
    assert shipped["as_of"] == shipped["phase"]["own"]["measured_at"]
    assert own["sample"] is None
