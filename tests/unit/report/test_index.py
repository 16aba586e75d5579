import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reliability.report.index import write_index
from reliability.report.index_view import LEAD_WORDS, fitted_lead
from reliability.report.results import read_history
from reliability.report.words import words_in
from tests.unit.report import examples

NOW = datetime(2026, 11, 27, 9, 5, tzinfo=UTC)
ALL = (examples.canary_report, examples.phase_report, examples.rollback_report)


def save(outputs: Path, report: dict[str, Any], *, run_id: str = examples.RUN_ID, pages: bool = True) -> None:
    folder = outputs / "runs" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{report['report']}.json").write_text(json.dumps({**report, "run_id": run_id}), encoding="utf-8")
    for name in ("html", "es.html", "ipynb") if pages else ():
        (folder / f"{report['report']}.{name}").write_text("", encoding="utf-8")


def index(outputs: Path, language: str = "en") -> str:
    paths = write_index(outputs, main_language="en", now=NOW)
    return paths[["en", "es"].index(language)].read_text(encoding="utf-8")


def heading(html: str) -> str:
    return str(re.findall(r"<h1>(.*?)</h1>", html)[0])


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for make in ALL:
        save(tmp_path, make())
    return tmp_path


def test_when_every_gate_passes_the_release_may_go_out(outputs: Path) -> None:
    html = index(outputs)

    assert heading(html) == "Release 2.8.0 may go out: all 3 gates pass."
    assert 'class="verdict is-pass"' in html


@pytest.mark.parametrize(
    ("canary", "english"),
    [
        (examples.failing_report(), "Release 2.8.0 must not go out: the canary comparison fails."),
        (examples.undecided_report(), "Release 2.8.0 must wait: the canary comparison cannot decide yet."),
        (examples.report_without_evidence(), "The release must wait: the canary comparison has no data."),
        (examples.canary_report(cautions=["little-room"]), "Release 2.8.0 may go out with care: all 3 gates pass."),
    ],
    ids=["fail", "inconclusive", "no data", "attention"],
)
def test_the_worst_gate_decides(outputs: Path, canary: dict[str, Any], english: str) -> None:
    save(outputs, canary)

    assert heading(index(outputs)) == english


def test_a_missing_report_holds_the_release(tmp_path: Path) -> None:
    save(tmp_path, examples.canary_report())

    html = index(tmp_path)

    assert heading(html) == "Release 2.8.0 must wait: 2 of 3 reports are missing."
    assert heading(index(tmp_path, "es")) == "La versión 2.8.0 debe esperar: faltan 2 de 3 informes."
    assert html.count("no readable report yet") >= 3


def test_without_any_run_there_is_still_a_page(tmp_path: Path) -> None:
    html = index(tmp_path)

    assert heading(html) == "Nothing may go out yet: no report has been made."
    assert "No report has been made yet." in html


def test_the_lead_answers_whether_thresholds_may_be_tightened(outputs: Path) -> None:
    html = index(outputs)

    assert (
        "Deployment thresholds must stay as they are: 2 of 4 conditions are open: floor raised to 35 %; "
        "spacy and Postgres suites isolated." in html
    )


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_a_lead_names_as_many_conditions_as_fit(count: int, language: str) -> None:
    texts = [f"condition number {n} is met in full" for n in range(count)]
    view: dict[str, Any] = {"answer": "open" if count else "allowed", "open": texts, "conditions": [{}] * 9}

    assert len(fitted_lead(view, words_in(language)).split(" ")) <= LEAD_WORDS


def test_the_newest_run_of_each_report_counts(outputs: Path) -> None:
    save(outputs, examples.failing_report(made_at="2026-11-26T10:00:00Z"), run_id="20261126T100000Z-0000")

    assert heading(index(outputs)).startswith("Release 2.8.0 may go out")


@pytest.mark.parametrize(
    "torn",
    [
        "",
        '{"schema": "reliability.report/1", "verdict": "PA',
        '{"schema": "other/1", "verdict": "PASS"}',
        '{"schema": "reliability.report/1", "verdict": "GREAT"}',
        '{"schema": "reliability.report/1", "verdict": "PASS"}',
        "[]",
    ],
    ids=["empty", "torn", "foreign", "no verdict of ours", "nothing but a verdict", "no object"],
)
def test_a_result_that_cannot_be_read_is_listed_and_never_a_pass(outputs: Path, torn: str) -> None:
    folder = outputs / "runs" / "20261127T080000Z-ffff"
    folder.mkdir()
    (folder / "canary_comparison.json").write_text(torn, encoding="utf-8")

    html = index(outputs)

    assert heading(html) == "The release must wait: 1 of 3 reports is missing."
    assert "This result cannot be read; it counts as no data." in html


def test_figures_that_cannot_be_shown_make_a_result_unreadable(outputs: Path) -> None:
    report = examples.canary_report()
    report["figures"][0] = {"id": "p95", "verdict": "PASS"}
    save(outputs, report)

    assert heading(index(outputs)).startswith("The release must wait")


@pytest.mark.parametrize(
    "phase", [[], {"tighten": []}, {"tighten": {"allowed": True}}], ids=["list", "no table", "parts missing"]
)
def test_conditions_that_cannot_be_read_make_a_result_unreadable(outputs: Path, phase: Any) -> None:
    save(
        outputs,
        examples.phase_report(phase={**examples.phase_report()["phase"], **phase} if isinstance(phase, dict) else [1]),
    )

    html = index(outputs)

    assert heading(html) == "Release 2.8.0 must wait: 1 of 3 reports is missing."
    assert "is not known: there is no readable phase report." in html


def test_a_card_stands_for_its_whole_gate(outputs: Path) -> None:
    report = examples.canary_report(verdict="FAIL", reason="over-budget-errors")
    save(outputs, report)

    first = index(outputs).split('<ul class="figs">')[1].split("</li>")[0]

    assert "chip is-fail" in first
    assert "Canary: P95 change" in first


def test_every_link_goes_to_a_file_that_exists(outputs: Path) -> None:
    save(outputs, examples.undecided_report(), run_id="20261125T100000Z-aaaa", pages=False)

    for language in ("en", "es"):
        links = re.findall(r'href="([^"#]+)"', index(outputs, language))
        local = [link for link in links if not link.startswith("data:")]

        assert local
        assert all((outputs / link).is_file() for link in local)


def test_samples_are_marked_and_said_at_the_top(outputs: Path) -> None:
    html = index(outputs)
    live = examples.canary_report(sample=None, made_at="2026-11-27T09:01:00Z")

    assert html.count('<span class="tag">sample</span>') == 4
    assert "come from recorded samples" in html
    for report in (live, examples.rollback_report(sample=None)):
        save(outputs, report)
    assert "come from the recorded sample" not in index(outputs)


def test_reports_of_different_commits_are_said(outputs: Path) -> None:
    report = examples.phase_report()
    report["provenance"]["commit"] = "0000000000"
    save(outputs, report)

    assert "measured different commits" in index(outputs)


def test_the_history_is_newest_first(outputs: Path) -> None:
    for day in (24, 25):
        save(outputs, examples.undecided_report(made_at=f"2026-11-{day}T10:00:00Z"), run_id=f"202611{day}T100000Z-aaaa")

    times = re.findall(r'<td class="nb">(\d+) Nov 2026', index(outputs))

    assert times == sorted(times, reverse=True)
    assert len(read_history(outputs)) == 5


def test_words_of_users_are_inert_on_the_index(outputs: Path) -> None:
    report = examples.canary_report(service=examples.HOSTILE, releases={"baseline": "1", "canary": examples.HOSTILE})
    phase = examples.phase_report()
    phase["phase"]["tighten"]["open"][0]["text"] = {"en": examples.HOSTILE, "es": examples.HOSTILE}
    for hostile in (report, phase):
        save(outputs, hostile)

    html = index(outputs)

    assert "&lt;script&gt;" in html
    assert not re.search(r"<script|<[a-z][^>]*\s(onerror|style)=", html)


def test_a_page_of_the_index_needs_no_script_and_no_request(outputs: Path) -> None:
    for language in ("en", "es"):
        html = index(outputs, language)

        assert not re.search(r"<script|\sstyle=|(?:src|href)=\"(?:https?:)?//", html)
        assert len(html.encode()) <= 80_000
        assert html.count("<h1") == 1


def test_equal_runs_give_equal_bytes(outputs: Path) -> None:
    assert index(outputs) == index(outputs)
