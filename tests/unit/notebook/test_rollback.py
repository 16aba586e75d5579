"""The rollback report: the drill alone is judged, and the page says what is not checked."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reliability.notebook import rollback
from reliability.notebook.block import Block
from reliability.notebook.run import Run, close_run, open_run
from reliability.report.blocks import render_block
from reliability.report.verdict_view import headline, lead, next_steps
from reliability.report.words import LANGUAGES, words_in
from tests.fakes import ManualClock
from tests.unit.notebook.evidence import DRILLED, NASTY, RUNBOOK, write_drill

CELLS = (rollback.drill, rollback.readiness, rollback.runbook)
REASONS = (
    "ready", "over-time", "too-old", "step-failed", "incomplete", "steps-missing", "release-not-verified",
    "health-not-verified", "runbook-changed", "clocks-disagree", "drill-in-future",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reliability.toml").write_text('[rollback]\ndrill_file = "drill.jsonl"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(project: Path, *, days: float = 1, **parameters: object) -> Run:
    clock = ManualClock(DRILLED + timedelta(days=days))
    return open_run("rollback_readiness", rollback, parameters, folder=project, clock=clock)


def closed(run: Run) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(dict(close_run(run).data)))
    return data


def shown(block: Block, language: str = "en") -> str:
    data: Mapping[str, Any] = json.loads(json.dumps(dict(block.data)))
    return str(render_block(block.kind, data, language=language))


def test_a_good_drill_is_a_pass_that_says_what_it_leaves_out(project: Path) -> None:
    write_drill(project / "drill.jsonl")
    run = opened(project)

    report = closed(run)

    assert (report["verdict"], report["reason"]) == ("PASS", "ready")
    assert report["cautions"] == ["drill-only"]
    assert report["drill"]["seconds"] == 12.0
    assert report["provenance"]["window"] == "2026-11-26T12:00:00Z / 2026-11-26T12:00:12Z"
    page = shown(rollback.readiness(run))
    assert "alerts reach their receivers" in page
    assert page.count("<li>") == len(rollback.NOT_CHECKED)


@pytest.mark.parametrize(
    ("step_seconds", "days", "verdict", "reason"),
    [
        (150.0, 1, "PASS", "ready"),
        (150.1, 1, "FAIL", "over-time"),
        (2.0, 34, "FAIL", "too-old"),
        (2.0, -1, "INCONCLUSIVE", "drill-in-future"),
    ],
)
def test_time_and_age_decide(project: Path, step_seconds: float, days: float, verdict: str, reason: str) -> None:
    write_drill(project / "drill.jsonl", step_seconds=step_seconds)

    report = closed(opened(project, days=days))

    assert (report["verdict"], report["reason"]) == (verdict, reason)


def test_a_shorter_limit_can_be_set(project: Path) -> None:
    write_drill(project / "drill.jsonl", step_seconds=30)

    report = closed(opened(project, limit_minutes=1.0))

    assert report["reason"] == "over-time"
    assert report["drill"]["limit_seconds"] == 60


def test_a_changed_runbook_does_not_decide(project: Path) -> None:
    write_drill(project / "drill.jsonl")
    (project / "runbook.md").write_bytes(RUNBOOK.read_bytes() + b"\nOne more remark.\n")

    report = closed(opened(project, runbook_file="runbook.md"))

    assert (report["verdict"], report["reason"]) == ("INCONCLUSIVE", "runbook-changed")


@pytest.mark.parametrize("cut", [1, 60, 400, 900])
def test_a_torn_log_is_never_a_pass(project: Path, cut: int) -> None:
    write_drill(project / "drill.jsonl")
    whole = (project / "drill.jsonl").read_bytes()
    (project / "drill.jsonl").write_bytes(whole[:-cut])

    assert closed(opened(project))["verdict"] in {"INCONCLUSIVE", "NO_DATA"}


def test_without_a_drill_the_runbook_is_still_shown(project: Path) -> None:
    run = opened(project)

    report = closed(run)

    assert (report["verdict"], report["reason"]) == ("NO_DATA", "missing-evidence")
    assert report["error"]["message"].startswith("drill.jsonl")
    assert rollback.drill(run).kind == "missing"
    assert rollback.readiness(run).kind == "missing"
    assert "Drain the new release" in shown(rollback.runbook(run))


def test_without_a_runbook_the_drill_is_still_shown(project: Path) -> None:
    write_drill(project / "drill.jsonl")
    run = opened(project, runbook_file="none.md")

    assert closed(run)["verdict"] == "NO_DATA"
    assert rollback.runbook(run).kind == "missing"
    assert rollback.drill(run).kind == "drill"


def test_markup_in_evidence_and_runbook_stays_text(project: Path) -> None:
    write_drill(project / "drill.jsonl", evidence=NASTY)
    (project / "runbook.md").write_text(RUNBOOK.read_text().replace("Ask the decider", f"{NASTY} Ask the decider"))
    run = opened(project, runbook_file="runbook.md")

    pages = [shown(cell(run)) for cell in CELLS]

    assert not any("<script" in page for page in pages)
    assert "&lt;script&gt;" in pages[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cell_becomes_html_in_both_languages(project: Path, language: str) -> None:
    write_drill(project / "drill.jsonl", step_seconds=61)
    log = (project / "drill.jsonl").read_text()
    (project / "drill.jsonl").write_text(log + log.replace("drill-1", "drill-2"))
    run = opened(project)

    pages = [shown(cell(run), language) for cell in (*CELLS, close_run)]

    assert all(pages)
    assert not any("style=" in page for page in pages)
    assert closed(run)["cautions"] == ["step-over-budget", "drill-only"]


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_short_words_of_its_own(project: Path, reason: str) -> None:
    write_drill(project / "drill.jsonl", step_seconds=149.9)
    verdict = {"ready": "PASS", "over-time": "FAIL", "too-old": "FAIL", "step-failed": "FAIL"}
    steps = {"failed_steps": ["drain"], "missing_steps": ["drain", "verify_latency"]}
    good = closed(opened(project))
    report = {
        **good, "verdict": verdict.get(reason, "INCONCLUSIVE"), "reason": reason, "drill": {**good["drill"], **steps},
    }  # fmt: skip

    for language in LANGUAGES:
        assert len(headline(report, language=language).split()) <= 13
        assert len(lead(report, language=language).split()) <= 35
        assert headline(report, language=language) != headline({**report, "reason": "other"}, language=language)
        assert next_steps(report, words_in(language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["missing-evidence", "broken-evidence"])
def test_no_data_has_its_own_words(reason: str, language: str) -> None:
    report = {"topic": "rollback", "verdict": "NO_DATA", "reason": reason, "cautions": []}

    assert len(headline(report, language=language).split()) <= 13
    assert len(lead(report, language=language).split()) <= 35
    assert headline(report, language=language) != headline({**report, "reason": "other"}, language=language)
