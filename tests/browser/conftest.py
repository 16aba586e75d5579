"""One Chromium and one folder of real pages for all browser tests."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from reliability.report.exporter import export_pages
from reliability.report.index import write_index
from tests.browser.executed import write_report
from tests.unit.notebook.evidence import write_coverage, write_drill, write_junit
from tests.unit.report import examples

REPORTS = ("canary_comparison", "phase_progress", "rollback_readiness")
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine; install it with: make test-deps")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(SWITCHES))
        yield found
        found.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the outputs folder: a run of the three shipped reports, the index, and two unhappy canary pages."""
    project = tmp_path_factory.mktemp("project")
    write_coverage(project / "coverage.json", covered=9200)
    write_junit(project / "junit.xml", passed=46)
    write_drill(project / "drill.jsonl")
    parameters: dict[str, dict[str, object]] = {
        "canary_comparison": {},
        "phase_progress": {"coverage_file": "coverage.json", "junit_file": "junit.xml"},
        "rollback_readiness": {"drill_file": "drill.jsonl"},
    }
    outputs = project / "outputs"
    before = Path.cwd()
    os.chdir(project)
    try:
        for name in REPORTS:
            write_report(name, parameters[name], folder=outputs / "runs" / examples.RUN_ID, siblings=REPORTS)
    finally:
        os.chdir(before)
    write_index(outputs, main_language="en", now=datetime(2026, 11, 27, 9, 5, tzinfo=UTC))
    _write_examples(outputs)
    return outputs


def _write_examples(outputs: Path) -> None:
    """Write pages beside the runs that the index does not list: hostile words, and no evidence."""
    hostile = examples.canary_report(
        service=examples.HOSTILE, releases={"baseline": examples.HOSTILE, "canary": examples.HOSTILE}
    )
    hostile["provenance"]["source"] = examples.HOSTILE
    for name, report in (("hostile", hostile), ("missing", examples.report_without_evidence())):
        cells = [
            examples.markdown(f"## Own analysis\n\n{examples.HOSTILE}"),
            examples.code("x", examples.output({"text/html": examples.HOSTILE, "text/plain": examples.HOSTILE})),
            examples.code("y", examples.failed("ValueError", examples.HOSTILE)),
        ]
        folder = outputs / "examples" / name
        notebook = examples.canary_notebook(report, *(cells if name == "hostile" else []))
        export_pages(notebook, report, main_language="en", siblings=(), folder=folder)
        (folder / "canary_comparison.json").write_text(json.dumps(report), encoding="utf-8")
