"""The phase report: two phases apart, exact figures, and a page even without a measurement."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from reliability.notebook import phase
from reliability.notebook.block import Block
from reliability.notebook.run import Run, close_run, open_run
from reliability.report.blocks import render_block
from reliability.report.verdict_view import headline, lead, next_steps
from reliability.report.words import LANGUAGES, words_in
from reliability.sources.record import Entry, EntryKind, RecordedCoverage, append_entry
from tests.fakes import ManualClock
from tests.unit.notebook.evidence import NASTY, write_coverage, write_junit

CELLS = (phase.coverage, phase.modules, phase.tests, phase.record, phase.plan, phase.tighten)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reliability.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measure(project: Path, *, covered: int = 9231, failed: tuple[str, ...] = (), name: str = "shop.py") -> None:
    write_coverage(project / "outputs/evidence/coverage.json", covered=covered, name=name)
    write_junit(project / "outputs/evidence/junit.xml", failed=failed)


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
    measure(project, covered=covered)

    report = closed(opened(project))

    assert (report["verdict"], report["reason"]) == (verdict, reason)


def test_a_failed_test_fails_the_report_whatever_the_coverage(project: Path) -> None:
    measure(project, covered=9900, failed=(NASTY,))
    run = opened(project)

    report, page = closed(run), shown(phase.tests(run))

    assert (report["verdict"], report["reason"]) == ("FAIL", "tests-failed")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;x&#39;" in page


def test_the_imported_phase_answers_about_thresholds_and_gates_nothing(project: Path) -> None:
    measure(project)

    report = closed(opened(project))

    tighten = report["phase"]["tighten"]
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
    measure(project, covered=94_999_999)
    write_coverage(project / "outputs/evidence/coverage.json", covered=94_999_999, statements=100_000_000)

    report = closed(opened(project))

    assert report["phase"]["own"]["shown_fraction"] == 0.9499
    assert report["phase"]["own"]["missing_points"] == 0.01
    assert "94.99%" in report["headline"]


def test_the_two_phases_share_no_chart(project: Path) -> None:
    measure(project)
    run = opened(project)

    own, imported = shown(phase.coverage(run)), shown(phase.plan(run))

    assert "22.2" not in own
    assert "92.3" not in imported
    assert "Not verified here" in imported


def test_without_a_measurement_the_phase_is_still_shown(project: Path) -> None:
    write_junit(project / "outputs/evidence/junit.xml")
    run = opened(project)

    report = closed(run)

    assert (report["verdict"], report["reason"]) == ("NO_DATA", "missing-evidence")
    assert "coverage.json" in report["error"]["message"]
    assert report["phase"]["tighten"]["open_count"] == 5
    assert phase.coverage(run).kind == "missing"
    assert phase.modules(run).kind == "missing"
    assert phase.tests(run).kind == "missing"
    assert phase.plan(run).kind == "plan"
    assert phase.record(run).kind == "record"


@pytest.mark.parametrize("name", ["coverage.json", "junit.xml"])
def test_torn_evidence_is_no_data(project: Path, name: str) -> None:
    measure(project)
    path = project / "outputs/evidence" / name
    path.write_bytes(path.read_bytes()[:-20])

    report = closed(opened(project))

    assert (report["verdict"], report["reason"]) == ("NO_DATA", "broken-evidence")
    assert name in report["error"]["message"]


def test_a_named_file_is_never_paired_with_a_shipped_one(project: Path) -> None:
    write_coverage(project / "mine.json", covered=9000)

    report = closed(opened(project, coverage_file="mine.json"))

    assert (report["verdict"], report["reason"]) == ("NO_DATA", "missing-evidence")
    assert "outputs/evidence/junit.xml" in report["error"]["message"]


def test_named_files_are_read(project: Path) -> None:
    write_coverage(project / "mine.json", covered=9000)
    write_junit(project / "mine.xml")

    report = closed(opened(project, coverage_file="mine.json", junit_file="mine.xml"))

    assert report["verdict"] == "PASS"
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
    measure(project)
    fase3 = Path(phase.__file__).parents[1] / "sample" / "fase3.toml"

    run = opened(project, own_phase_file=str(fase3))

    assert_no_data(run, "broken-evidence", "fase3.toml: kind = 'imported': Input should be 'own'")


def test_a_phase_document_that_is_missing_is_named(project: Path) -> None:
    measure(project)

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
    measure(project, covered=9231)
    folder = project / "outputs/record/main-job"
    for hours, covered in ((1, 9000), (2, 9200)):
        append_entry(folder, entry(hours, covered))
    append_entry(folder, entry(3, 9100, "baseline"))
    (folder / "torn.json").write_text('{"schema"')
    run = opened(project)

    report, block = closed(run), phase.record(run)

    entries: Any = block.data["entries"]
    assert [e["shown_fraction"] for e in entries] == [0.90, 0.92, 0.91]
    assert entries[1]["change_fraction"] == pytest.approx(0.02)
    assert report["cautions"] == ["unreadable-record"]
    assert report["phase"]["own"]["change_fraction"] == pytest.approx(0.0131)
    page = shown(block)
    assert "torn.json" in page
    assert "<script>" not in page


def test_a_change_is_not_computed_across_another_rule_of_counting(project: Path) -> None:
    measure(project)
    append_entry(
        project / "outputs/record/main-job",
        entry(1, 8000).model_copy(
            update={"coverage": entry(1, 8000).coverage.model_copy(update={"tool": "coverage 6.0"})}  # type: ignore[union-attr]
        ),
    )

    assert closed(opened(project))["phase"]["own"]["change_fraction"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cell_becomes_html_in_both_languages(project: Path, language: str) -> None:
    measure(project, failed=(NASTY,), name=f"{NASTY}.py")
    run = opened(project)

    pages = [shown(cell(run), language) for cell in (*CELLS, close_run)]

    assert all(pages)
    assert not any("<script" in page or "style=" in page for page in pages)


@pytest.mark.parametrize(("covered", "failed"), [(8999, 0), (9231, 0), (9500, 0), (9700, 0), (9700, 12)])
def test_headline_and_lead_are_short(project: Path, covered: int, failed: int) -> None:
    measure(project, covered=covered, failed=tuple(f"test_bad_{i}" for i in range(failed)))
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


def test_evidence_that_came_with_the_package_is_a_sample_and_our_own_is_not(project: Path) -> None:
    shipped = closed(opened(project))
    measure(project)
    own = closed(opened(project))

    assert shipped["sample"] == "evidence"
    assert shipped["as_of"] == shipped["phase"]["own"]["measured_at"]
    assert own["sample"] is None
