"""Resilience on the phase page: what components reported is shown, nothing gates, nothing measured is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from reliability.notebook import phase
from reliability.notebook.block import Block
from reliability.notebook.frames import frame
from reliability.notebook.run import Run, close_run, open_run
from reliability.report.blocks import render_block
from reliability.report.words import LANGUAGES
from tests.fakes import ManualClock
from tests.unit.notebook.evidence import write_evidence
from tests.unit.notebook.reported import capture_reports


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return capture_reports(tmp_path_factory.mktemp("captures") / "shop")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, capture: Path) -> Run:
    project = tmp_path_factory.mktemp("project")
    (project / "reliability.toml").write_text("")
    write_evidence(project, covered=9900)
    return opened(project, capture)


@pytest.fixture(scope="module")
def block(run: Run) -> Block:
    return phase.resilience(run)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reliability.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    write_evidence(tmp_path, covered=9900)
    return tmp_path


def opened(project: Path, source: Path | str | None) -> Run:
    parameters = {"resilience_source": None if source is None else str(source)}
    return open_run("phase_progress", phase, parameters, folder=project, clock=ManualClock())


def data_of(block: Block) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(dict(block.data)))
    return data


def shown(block: Block, language: str = "en") -> str:
    return str(render_block(block.kind, data_of(block), language=language))


def test_a_breaker_is_told_by_state_calls_and_how_long_it_was_not_closed(block: Block) -> None:
    (breaker,) = data_of(block)["breakers"]

    # 361 charges in each process; in the outage of 24 five fail, and then each probe
    assert (breaker["name"], breaker["state"], breaker["not_closed_since_at"]) == ("payments", "closed", None)
    assert (breaker["processes_count"], breaker["not_closed_count"]) == (2, 0)
    assert breaker["calls"]["failure"] == breaker["opened_count"] + 4
    assert sum(breaker["calls"].values()) == 2 * 360  # but for those before the first scrape
    (spell,) = breaker["not_closed_spells"]
    assert spell["start"] == "2026-11-26T12:11:30Z"  # the fifth failure was at 11:20
    assert breaker["not_closed_seconds"] == 90


def test_locks_are_told_by_operation_with_the_share_refused_and_why(block: Block) -> None:
    locks = data_of(block)["locks"]

    by_name = {row["operation"]: row for row in locks["operations"]}
    assert by_name["acquire"]["ok_count"] == 720
    assert by_name["acquire"]["refusals"] == {"conflict": 30}
    assert by_name["acquire"]["refused_fraction"] == pytest.approx(30 / 750)
    assert by_name["extend"]["refused_fraction"] is None
    assert (locks["leases_now_count"], locks["leases_most_count"]) == (2, 2)


def test_sessions_that_every_process_reports_count_once(block: Block) -> None:
    guests, watches = data_of(block)["sessions"]

    # one a minute, each alive for ten minutes
    assert (guests["kind"], guests["now_count"], guests["most_count"]) == ("guest", 10, 10)
    assert guests["points"][0] == {"at": "2026-11-26T12:00:00Z", "count": 1}
    assert len(guests["points"]) <= 90
    assert (watches["now_count"], watches["most_count"]) == (0, 0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_section_has_a_chart_and_the_numbers_of_each_component_and_no_verdict(block: Block, language: str) -> None:
    page = shown(block, language)

    assert page.count("<table>") == 2
    assert page.count("<dl") == 1
    assert page.count("<svg viewBox") == 2
    assert "callout" not in page
    assert "chip" not in page


def test_a_breaker_that_is_open_at_the_end_is_told_with_since_when(project: Path, tmp_path: Path) -> None:
    source = capture_reports(tmp_path / "open", stays_open=True)

    block = phase.resilience(opened(project, source))

    (breaker,) = data_of(block)["breakers"]
    assert breaker["state"] in ("open", "half_open")
    assert (breaker["not_closed_count"], breaker["processes_count"]) == (1, 2)
    assert breaker["not_closed_since_at"] == "2026-11-26T12:11:30Z"
    assert "payments: not closed since 26 Nov 2026, 12:11" in shown(block)
    assert "payments: sin cerrar desde 26 nov 2026, 12:11" in shown(block, "es")


@pytest.mark.parametrize(
    ("without", "metric"),
    [
        ("reliability_circuit", "reliability_circuit_state"),
        ("reliability_lock", "reliability_lock_operations_total"),
        ("session_", "session_active_total"),
    ],
)
def test_a_component_that_reports_nothing_was_not_measured(
    project: Path, tmp_path: Path, without: str, metric: str
) -> None:
    block = phase.resilience(opened(project, capture_reports(tmp_path / "partly", without=without)))

    assert f"Not measured: the source holds no {metric}" in shown(block)
    assert f"Sin medir: la fuente no contiene {metric}" in shown(block, "es")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nothing", "holds no metric of breakers, locks or sessions"),
        ("captures/nowhere", "captures/nowhere"),
        ("prometheus", "[prometheus]"),
    ],
)
def test_without_metrics_the_section_says_so_with_the_cure_and_the_verdict_is_the_same(
    project: Path, source: str, told: str
) -> None:
    capture_reports(project / "nothing", without="")
    run = opened(project, source)

    block, report = phase.resilience(run), close_run(run).data

    assert block.kind == "missing"
    assert str(escape(told)) in shown(block)
    assert report["verdict"] == "PASS"


def test_the_source_is_that_of_the_canary_unless_another_is_named(project: Path, capture: Path) -> None:
    (project / "reliability.toml").write_text(f'[canary]\nsource = "{capture}"\n')

    block = phase.resilience(opened(project, None))

    assert data_of(block)["source"] == "recorded capture 'shop'"


def test_what_was_asked_stands_with_the_origin_of_the_numbers(run: Run) -> None:
    (query,) = close_run(run).data["provenance"]["queries"]

    assert "session_active_total" in query
    assert query.endswith('arm="canary"}[1920s]')


def test_the_frame_has_a_row_for_each_number(run: Run) -> None:
    rows = frame(run, "resilience")

    chosen = rows[(rows["component"] == "lock") & (rows["outcome"] == "conflict") & (rows["name"] == "acquire")]
    assert chosen["count"].tolist() == [30]
    assert set(rows["component"]) == {"breaker", "lock", "session"}


def test_without_metrics_the_frame_has_its_columns_and_no_rows(project: Path) -> None:
    rows = frame(opened(project, capture_reports(project / "nothing", without="")), "resilience")

    assert list(rows.columns) == ["component", "name", "outcome", "count"]
    assert rows.empty


def test_numbers_of_a_shipped_sample_are_marked_as_such(block: Block) -> None:
    data = data_of(block)

    assert "shipped sample" not in str(render_block("resilience", data, language="en"))
    assert "shipped sample" in str(render_block("resilience", {**data, "sample": "pass"}, language="en"))


def test_names_that_a_service_makes_up_cannot_break_the_page(block: Block) -> None:
    data: dict[str, Any] = data_of(block)
    nasty = "<script>alert(1)</script>"
    data["breakers"][0]["name"] = data["sessions"][0]["kind"] = data["locks"]["operations"][0]["operation"] = nasty

    page = str(render_block("resilience", data, language="en"))

    assert "<script>" not in page
