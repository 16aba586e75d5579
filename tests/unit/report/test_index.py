import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.release import GATES
from reliability.report.gate import judge_gate
from reliability.report.index import write_index
from reliability.report.index_view import (
    HEADLINE_WORDS,
    LEAD_WORDS,
    fitted_lead,
    judge_found,
    release_headline,
    report_title,
)
from reliability.report.results import read_history
from reliability.report.words import words_in
from reliability.sources.checkout import Checkout
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


def read_tags(html: str) -> tuple[set[str], set[str]]:
    """Return the names of all tags and of all attributes, as a browser reads them."""
    tags = BeautifulSoup(html, "html.parser").find_all(True)
    return {tag.name for tag in tags}, {name for tag in tags for name in tag.attrs}


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
    assert html.count("no readable report in the newest run") >= 3


def test_without_any_run_there_is_still_a_page(tmp_path: Path) -> None:
    html = index(tmp_path)

    assert heading(html) == "Nothing may go out yet: there is no readable report."
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


def test_the_newest_run_is_judged_and_older_ones_are_listed(outputs: Path) -> None:
    save(outputs, examples.failing_report(made_at="2026-11-26T10:00:00Z"), run_id="20261126T100000Z-0000")
    assert heading(index(outputs)).startswith("Release 2.8.0 may go out")

    save(outputs, examples.canary_report(made_at="2026-11-27T09:01:00Z"), run_id="20261127T090100Z-0000")
    html = index(outputs)

    assert heading(html) == "Release 2.8.0 must wait: 2 of 3 reports are missing."
    assert html.count(f'href="runs/{examples.RUN_ID}/') >= 3


def test_an_own_report_gates_with_a_card_of_its_own(outputs: Path) -> None:
    save(outputs, examples.own_report(verdict="FAIL", reason="own-check"))

    html, spanish = index(outputs), index(outputs, "es")

    assert heading(html) == "Release 2.8.0 must not go out: “Queue depth” fails."
    assert heading(spanish) == "La versión 2.8.0 no debe salir: «Longitud de la cola» no cumple."
    card = html.split('<ul class="figs">')[1].split("</li>")[0]
    assert "chip is-fail" in card
    assert "<h2>Queue depth</h2>" in card
    assert f'href="runs/{examples.RUN_ID}/queue_depth.html">Open Queue depth</a>' in card
    assert "3 of 4 pass" in html


def test_an_own_report_that_the_project_needs_and_the_run_lacks_is_no_data(outputs: Path) -> None:
    first, _ = write_index(outputs, main_language="en", now=NOW, required=(*GATES, "queue_depth"))

    html = first.read_text(encoding="utf-8")

    assert heading(html) == "Release 2.8.0 must wait: 1 of 4 reports is missing."
    assert "<h2>Queue depth</h2>" in html


@pytest.mark.parametrize("title", [None, [], "Queue", {"en": 7}, {"en": "  "}, {"fr": "File"}], ids=str)
def test_a_report_without_a_title_of_ours_is_called_by_its_name_in_words(title: Any) -> None:
    report = examples.own_report(title=title)

    assert report_title("queue_depth", report, words_in("en")) == "Queue depth"
    assert report_title("queue_depth", {}, words_in("es")) == "Queue depth"


@given(
    title=st.text(st.characters(codec="utf-8"), min_size=1, max_size=120),
    verdicts=st.lists(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", "NO_DATA"]), min_size=4, max_size=4),
    release=st.sampled_from(["2.8.0", "the big one of November", "a b c d e f g h i j k l m n"]),
)
def test_no_title_makes_a_headline_longer_than_thirteen_words(title: str, verdicts: list[str], release: str) -> None:
    makers = (*ALL, examples.own_report)
    found = {
        report["report"]: report
        for make, verdict in zip(makers, verdicts, strict=True)
        for report in [make(verdict=verdict, title={"en": title, "es": title})]
    }
    found["canary_comparison"]["releases"]["canary"] = release

    for language in ("en", "es"):
        headline = release_headline(judge_found(found, found), found, words_in(language))
        assert len(headline.split()) <= HEADLINE_WORDS


NAMES = ("canary_comparison", "rollback_readiness", "phase_progress", "queue_depth")


@pytest.mark.parametrize(
    "verdicts",
    [
        ("PASS", "PASS", "PASS", "PASS"),
        ("PASS", "PASS", "PASS", "FAIL"),
        ("PASS", "PASS", "PASS", "INCONCLUSIVE"),
        ("PASS", "PASS", "PASS", None),
        ("PASS", None, "PASS", "FAIL"),
        ("PASS", "NO_DATA", "INCONCLUSIVE", "PASS"),
        ("PASS", "PASS", "torn", "PASS"),
        (None, None, None, "PASS"),
    ],
    ids=str,
)
def test_the_page_and_the_gate_never_disagree(tmp_path: Path, verdicts: tuple[str | None, ...]) -> None:
    made: list[Any] = [examples.canary_report, examples.rollback_report, examples.phase_report, examples.own_report]
    for name, make, verdict in zip(NAMES, made, verdicts, strict=True):
        if verdict == "torn":
            (tmp_path / "runs" / examples.RUN_ID / f"{name}.json").write_text("{")
        elif verdict:
            save(tmp_path, make(verdict=verdict, reason="example", title={}))

    status = gate_status(tmp_path)
    html = write_index(tmp_path, main_language="en", now=NOW, required=NAMES)[0].read_text(encoding="utf-8")

    shown = {"is-pass": 0, "is-fail": 1, "is-hold": 3, "is-none": 4}
    (band,) = re.findall(r'<div class="verdict (is-\w+)">', html)
    assert shown[band] == status


def gate_status(outputs: Path) -> int:
    here = Checkout(commit="9f3c2ab41d", dirty=False)
    return judge_gate(outputs, (), run_id=None, checkout=here, required=NAMES, now=NOW).status


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
    (outputs / "runs" / examples.RUN_ID / "canary_comparison.json").write_text(torn, encoding="utf-8")

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
    own = examples.own_report(title={"en": examples.HOSTILE, "es": examples.HOSTILE})
    phase = examples.phase_report()
    phase["phase"]["tighten"]["open"][0]["text"] = {"en": examples.HOSTILE, "es": examples.HOSTILE}
    for hostile in (report, phase, own):
        save(outputs, hostile)

    html = index(outputs)

    assert "&lt;script&gt;" in html
    tags, attributes = read_tags(html)
    assert "script" not in tags
    assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_a_page_of_the_index_needs_no_script_and_no_request(outputs: Path) -> None:
    for language in ("en", "es"):
        html = index(outputs, language)

        assert not re.search(r"<script|\sstyle=|(?:src|href)=\"(?:https?:)?//", html)
        assert len(html.encode()) <= 80_000
        assert html.count("<h1") == 1


def test_equal_runs_give_equal_bytes(outputs: Path) -> None:
    assert index(outputs) == index(outputs)
