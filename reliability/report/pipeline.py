"""From names of reports to pages: check, execute, export, index.

One call is one run with one id. Every file appears whole; a report that could not be
made still gets a page that says so. Verdicts come out of the notebooks, never from here.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from reliability.atomic import write_text_whole
from reliability.clock import Clock, format_instant
from reliability.errors import NotebookFailedError
from reliability.report.exporter import export_pages
from reliability.report.index import write_index
from reliability.report.parameters import check_canary, choose_parameters
from reliability.report.results import SCHEMA
from reliability.report.runner import execute_notebook
from reliability.report.verdict_view import headline
from reliability.settings import SECTION_OF_REPORT, Settings
from reliability.settings_file import resolve_parameters
from reliability.verdicts import Verdict

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished report.

    Attributes:
        report: Its name.
        data: Its JSON, with the run id.
        pages: HTML files, main language first.
        failed: True when a cell raised, so that there is no verdict but NO_DATA.
    """

    report: str
    data: Report
    pages: list[Path]
    failed: bool

    @property
    def verdict(self) -> Verdict:
        """Verdict of the report."""
        return Verdict(self.data["verdict"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All reports of one call.

    Attributes:
        run_id: Names the folder under `runs/`.
        reports: What was made, in order.
        index: The status page in each language, main language first.
    """

    run_id: str
    reports: list[Made]
    index: list[Path]


def make_reports(
    reports: Mapping[str, Path],
    given: Mapping[str, object],
    *,
    outputs: Path,
    settings: Settings,
    clock: Clock,
    progress: Callable[[str], None],
) -> Batch:
    """Run notebooks and write their pages, JSON and the status page.

    Args:
        reports: Notebook by report name.
        given: Parameters; each goes to every chosen notebook that declares it.
        outputs: Folder of all results.
        settings: The project's settings; their language is the main one.
        clock: Tells the instant that names the run.
        progress: Called with one line per step.

    Returns:
        What was made.

    Raises:
        ParameterError: A parameter is unknown or has a wrong type; nothing has run.
        WriteError: The disk is full; files that exist are whole.
    """
    parameters = choose_parameters(reports, given)
    for name in parameters.keys() & SECTION_OF_REPORT.keys():
        resolved = resolve_parameters(settings, SECTION_OF_REPORT[name], parameters[name], report=name)
        if SECTION_OF_REPORT[name] == "canary":
            check_canary(resolved)
    started_at = clock.now()
    run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    blank = {
        "run_id": run_id, "language": settings.language, "made_at": format_instant(started_at),
        "as_of": format_instant(started_at),
    }  # fmt: skip
    made = []
    for name, notebook in reports.items():
        started = time.perf_counter()
        progress(f"{name}: running")
        one = _make_report(
            name, notebook, parameters[name], blank, folder=outputs / "runs" / run_id, siblings=list(reports)
        )
        made.append(one)
        progress(f"{name}: {one.verdict.value} in {time.perf_counter() - started:.1f} s")
    index = write_index(outputs, main_language=settings.language, now=clock.now())
    return Batch(run_id=run_id, reports=made, index=index)


def _make_report(
    name: str, notebook: Path, parameters: Mapping[str, object], blank: Report, *, folder: Path, siblings: Sequence[str]
) -> Made:
    """Run one notebook and write all its files; `blank` holds what every report of the run carries."""
    executed = execute_notebook(notebook, parameters)
    if executed.failure:
        data = _failed_report(name, executed.failure, {**blank, "parameters": dict(parameters)})
    else:
        data = {**executed.report, "report": name, "run_id": blank["run_id"]}
    write_text_whole(folder / f"{name}.ipynb", nbformat.writes(executed.notebook))  # type: ignore[no-untyped-call]
    pages = export_pages(executed.notebook, data, main_language=blank["language"], siblings=siblings, folder=folder)
    write_text_whole(folder / f"{name}.json", json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return Made(report=name, data=data, pages=pages, failed=executed.failure is not None)


def _failed_report(name: str, failure: NotebookFailedError, blank: Report) -> Report:
    """Return the JSON of a report that could not be made."""
    data = {
        **blank, "schema": SCHEMA, "report": name, "topic": SECTION_OF_REPORT.get(name, "frame"), "sample": None,
        "verdict": Verdict.NO_DATA.value, "reason": failure.slug, "cautions": [], "figures": [], "checks": [],
        "error": {"slug": failure.slug, "message": str(failure)},
        "provenance": {"commit": None, "dirty": None, "window": None, "source": None, "queries": [], "versions": {}},
    }  # fmt: skip
    return {**data, "headline": headline(data, language=blank["language"])}
