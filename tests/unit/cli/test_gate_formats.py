import json
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reliability import cli
from reliability.cli.gate_formats import as_json, as_junit, as_markdown, as_text
from reliability.clock import SystemClock, format_instant
from reliability.report.gate import Gate
from reliability.report.index import write_index
from reliability.report.words import words_in
from tests.unit.report import examples

RUN_ID = "20261126T184000Z-1a2b"
MAKERS = (examples.canary_report, examples.phase_report, examples.rollback_report, examples.own_report)
ODD = st.text(st.characters(codec=None), max_size=40) | st.sampled_from([examples.HOSTILE, "a|b\n\n# c", "]]>", "\x00"])


def run_of(outputs: Path, *reports: dict[str, Any]) -> None:
    folder = outputs / "runs" / RUN_ID
    folder.mkdir(parents=True)
    for report in reports:
        made = {**report, "made_at": format_instant(SystemClock().now()), "provenance": {**report["provenance"]}}
        made["provenance"].update(commit=None, dirty=False)
        (folder / f"{report['report']}.json").write_text(json.dumps(made), encoding="utf-8")
        (folder / f"{report['report']}.html").touch()


def decided(*reports: dict[str, Any], **problems: str) -> Gate:
    return Gate(run_id=RUN_ID, reports={report["report"]: report for report in reports}, problems=problems)


def markdown(gate: Gate, *, problem: str = "", is_release: bool = True, outputs: Path = Path("nowhere")) -> str:
    return as_markdown(gate, problem, words=words_in("en"), outputs=outputs, base="", is_release=is_release)


def render(text: str) -> BeautifulSoup:
    """Read Markdown as GitHub does: tables, links in plain text, HTML that may pass."""
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    return BeautifulSoup(reader.render(text), "html.parser")


def read_xml(text: str) -> Any:
    return ElementTree.fromstring(text)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reliability.toml").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("canary", "status"),
    [
        (examples.canary_report(), 0),
        (examples.failing_report(), 1),
        (examples.undecided_report(), 3),
        (examples.report_without_evidence(), 4),
        (examples.report_without_evidence("notebook-failed"), 5),
    ],
    ids=["pass", "fail", "undecided", "no data", "not made"],
)
def test_every_form_is_whole_and_has_the_same_status(
    project: Path, capsys: pytest.CaptureFixture[str], canary: dict[str, Any], status: int
) -> None:
    run_of(project / "outputs", canary, examples.phase_report(), examples.rollback_report())

    statuses, printed = {}, {}
    for form in ("text", "json", "markdown", "junit"):
        statuses[form] = cli.run(["gate", "--format", form])
        printed[form] = capsys.readouterr().out

    assert set(statuses.values()) == {status}
    assert printed["text"].splitlines()[-1].endswith(f"run {RUN_ID}")
    assert json.loads(printed["json"])["status"] == status
    assert printed["markdown"].splitlines()[-1] == f"Run: {RUN_ID}"
    assert read_xml(printed["junit"]).tag == "testsuites"


def test_the_text_is_a_sentence_a_report_with_its_sample(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_of(project / "outputs", examples.undecided_report(sample="unsure", headline="Wait: it cannot decide yet."))

    cli.run(["gate", "canary"])

    assert capsys.readouterr().out.splitlines() == [
        "canary_comparison (sample unsure): INCONCLUSIVE: Wait: it cannot decide yet.", f"INCONCLUSIVE: run {RUN_ID}"
    ]  # fmt: skip


def test_a_gate_without_a_run_says_why_in_every_form(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "json", "markdown", "junit"):
        assert cli.run(["gate", "--format", form, "--to", form]) == 4
        assert "holds no run" in capsys.readouterr().err

    assert json.loads((project / "json").read_text())["problems"]["run"].startswith("outputs holds no run")
    assert "holds no run" in (project / "markdown").read_text()
    (error,) = read_xml((project / "junit").read_text()).iter("error")
    assert "holds no run" in error.attrib["message"]


def test_a_file_gets_the_form_and_the_terminal_the_text(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_of(project / "outputs", examples.failing_report())

    status = cli.run(["gate", "canary", "--format", "junit", "--to", "outputs/gate.xml"])

    assert status == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"FAIL: run {RUN_ID}"
    assert read_xml((project / "outputs" / "gate.xml").read_text()).attrib["failures"] == "1"


def test_every_report_that_the_project_can_make_is_needed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "notebooks").mkdir()
    (project / "notebooks" / "queue_depth.ipynb").touch()
    run_of(project / "outputs", *(make() for make in MAKERS[:3]))

    assert cli.run(["gate"]) == 4
    assert "queue_depth: NO_DATA: run" in capsys.readouterr().out


def test_json_carries_the_checks() -> None:
    data = json.loads(as_json(decided(examples.own_report(), phase_progress="torn"), ""))

    assert data["reports"]["queue_depth"]["checks"][0]["values"]["at_most"] == 20.0
    assert data["problems"] == {"phase_progress": "torn"}
    assert (data["verdict"], data["status"]) == ("NO_DATA", 4)


def test_text_says_why_a_report_is_not_there() -> None:
    assert "phase_progress: NO_DATA: torn" in as_text(decided(examples.own_report(), phase_progress="torn"))


@pytest.mark.parametrize("canary", [examples.canary_report(), examples.failing_report()], ids=["pass", "fail"])
def test_the_summary_begins_with_the_sentence_of_the_status_page(tmp_path: Path, canary: dict[str, Any]) -> None:
    reports = (canary, *(make() for make in MAKERS[1:]))
    run_of(tmp_path, *reports)
    page = write_index(tmp_path, main_language="en", now=SystemClock().now())[0].read_text(encoding="utf-8")

    summary = render(markdown(decided(*reports)))

    first = summary.find("strong")
    assert first is not None
    assert re.findall(r"<h1>(.*?)</h1>", page) == [first.text]


def test_the_summary_has_four_key_numbers_a_report_and_links_that_exist(tmp_path: Path) -> None:
    run_of(tmp_path, *(make() for make in MAKERS))

    summary = render(markdown(decided(*(make() for make in MAKERS)), outputs=tmp_path))

    canary = next(row for row in summary.find_all("tr") if "Canary" in row.text)
    assert len(canary.find_all("br")) == 3
    assert "P95 latency: +3.1%" in canary.text
    assert "Longest queue" in summary.text
    links = [str(link["href"]) for link in summary.find_all("a")]
    assert len(links) == len(MAKERS)
    assert all((tmp_path / link).is_file() for link in links)


def test_links_of_the_summary_begin_with_a_given_address(tmp_path: Path) -> None:
    run_of(tmp_path, examples.canary_report())
    gate = decided(examples.canary_report())

    text = as_markdown(
        gate, "", words=words_in("en"), outputs=tmp_path, base="https://example.org/reports/", is_release=True
    )

    assert f"(<https://example.org/reports/runs/{RUN_ID}/canary_comparison.html>)" in text


def test_the_summary_of_some_reports_does_not_speak_for_the_release() -> None:
    assert markdown(decided(examples.failing_report()), is_release=False).startswith("**Canary comparison: Roll back")


@given(title=ODD, name=ODD, problem=ODD)
def test_text_of_users_is_inert_in_the_summary(title: str, name: str, problem: str) -> None:
    own = examples.own_report(title={"en": title}, headline=title)
    own["checks"][0]["values"]["name"] = name

    page = render(markdown(decided(own, examples.failing_report(releases={"canary": title}), other=problem)))

    tags = {tag.name for tag in page.find_all(True)}
    assert tags <= {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "br"}
    assert {len(row.find_all(["td", "th"])) for row in page.find_all("tr")} == {4}
    assert len(page.find_all("tr")) == 4


def test_a_summary_stays_under_a_megabyte() -> None:
    long = "ñ" * 20_000
    reports = [examples.own_report(report=f"r{n}", title={"en": long}, headline=long) for n in range(300)]
    for report in reports:
        report["checks"][0]["values"]["name"] = long
        report["checks"] *= 5

    text = markdown(decided(*reports))

    assert len(text.encode()) < 1_000_000
    assert "200 more reports." in text


@given(
    name=ODD,
    verdicts=st.lists(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", "NO_DATA", "UNKNOWN"]), max_size=5),
    whole=st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", "NO_DATA"]),
    problem=ODD,
)
def test_junit_has_a_case_a_check_and_the_colour_of_the_gate(
    name: str, verdicts: list[str], whole: str, problem: str
) -> None:
    values = {"name": name, "value": 1.0, "at_most": None, "at_least": 1.0}
    checks = [{"id": f"own:{name}", "verdict": verdict, "reason": name, "values": values} for verdict in verdicts]
    gate = decided(
        examples.own_report(verdict=whole, checks=checks, headline=name), **({"x": problem} if problem else {})
    )

    root = read_xml(as_junit(gate, "", words=words_in("en")))

    (suite, *_) = root.findall("testsuite")
    cases = suite.findall("testcase")
    assert len(cases) - len(verdicts) in (0, 1)
    assert len({case.get("name") for case in cases}) == len(cases)
    counted = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for one in (root, *root.findall("testsuite")):
        assert {key: int(one.attrib[key]) for key in counted} == {k: len(list(one.iter(t))) for k, t in counted.items()}
    tags = {child.tag for case in root.iter("testcase") for child in case}
    assert (gate.verdict.value == "PASS") == (not tags & {"failure", "error", "skipped"})
    assert gate.verdict.value != "FAIL" or "failure" in tags


def test_junit_is_read_as_gitlab_and_jenkins_read_it() -> None:
    gate = decided(*(make() for make in MAKERS), other="torn")

    root = read_xml(as_junit(gate, "", words=words_in("es")))

    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        assert suite.get("name")
        for case in suite:
            assert case.tag == "testcase"
            assert case.get("name")
            assert case.get("classname")
            assert float(case.attrib["time"]) >= 0
            assert len(case) == 1
            assert {child.tag for child in case} <= {"failure", "error", "skipped", "system-out"}
