"""From names of reports to pages: check, execute, export, index.

One call is one run with one id. Every file appears whole; a report that could not be
made still gets a page that says so. Verdicts come out of the notebooks, never from here.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reliability.atomic import write_text_whole
from reliability.clock import Clock, format_instant
from reliability.errors import NotebookFailedError, ParameterError
from reliability.report.exporter import export_pages
from reliability.report.index import write_index
from reliability.report.parameters import Declared, choose_for, read_declared, unknown_parameter_message
from reliability.report.runner import Executed, execute_notebook
from reliability.report.verdict_view import headline
from reliability.settings import SECTION_OF_REPORT, Settings, resolve_parameters
from reliability.verdicts import Verdict

LANGUAGES: Final = ("en", "es")
Progress = Callable[[str], None]


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
    data: Mapping[str, Any]
    pages: tuple[Path, ...]
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
    reports: tuple[Made, ...]
    index: tuple[Path, ...]


def make_reports(
    reports: Mapping[str, Path],
    given: Mapping[str, object],
    *,
    outputs: Path,
    settings: Settings,
    clock: Clock,
    progress: Progress,
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
    parameters = _parameters_by_report(reports, given, settings)
    language = settings.language
    now = clock.now()
    run_id = _new_run_id(now)
    folder = outputs / "runs" / run_id
    made = []
    for name, notebook in reports.items():
        started = time.perf_counter()
        progress(f"{name}: running")
        executed = execute_notebook(notebook, parameters[name])
        data = _finished(name, executed, run_id=run_id, language=language, now=now, parameters=parameters[name])
        pages = _write_report(name, executed, data, folder=folder, language=language, siblings=tuple(reports))
        made.append(Made(report=name, data=data, pages=pages, failed=executed.failure is not None))
        progress(f"{name}: {data['verdict']} in {time.perf_counter() - started:.1f} s")
    index = write_index(outputs, languages=LANGUAGES, main_language=language, now=clock.now())
    return Batch(run_id=run_id, reports=tuple(made), index=tuple(index))


def _parameters_by_report(
    reports: Mapping[str, Path], given: Mapping[str, object], settings: Settings
) -> dict[str, dict[str, object]]:
    declared = {name: read_declared(path) for name, path in reports.items()}
    every: dict[str, Declared] = {}
    for names in declared.values():
        every.update(names)
    for name in given:
        if name not in every:
            where = " and ".join(str(path) for path in reports.values())
            raise ParameterError(unknown_parameter_message(where, name, every))
    chosen = {
        report: choose_for(reports[report], known, {n: v for n, v in given.items() if n in known})
        for report, known in declared.items()
    }
    for report in chosen.keys() & SECTION_OF_REPORT.keys():
        resolve_parameters(settings, report, chosen[report])
    return chosen


def _new_run_id(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def _finished(
    name: str,
    executed: Executed,
    *,
    run_id: str,
    language: str,
    now: datetime,
    parameters: Mapping[str, object],
) -> dict[str, Any]:
    if executed.report is not None:
        return {**executed.report, "run_id": run_id}
    topic = SECTION_OF_REPORT.get(name, "frame")
    failure = executed.failure or NotebookFailedError(f"{name} left no verdict.")
    data: dict[str, Any] = {
        "schema": "reliability.report/1", "report": name, "topic": topic, "run_id": run_id, "language": language,
        "sample": None, "verdict": Verdict.NO_DATA.value, "reason": failure.slug, "cautions": [], "figures": [],
        "checks": [], "error": {"slug": failure.slug, "message": str(failure)}, "made_at": format_instant(now),
        "as_of": format_instant(now), "parameters": dict(parameters),
        "provenance": {"commit": None, "dirty": None, "window": None, "source": None, "queries": [], "versions": {}},
    }  # fmt: skip
    data["headline"] = headline(data, language=language)
    return data


def _write_report(
    name: str,
    executed: Executed,
    data: Mapping[str, Any],
    *,
    folder: Path,
    language: str,
    siblings: tuple[str, ...],
) -> tuple[Path, ...]:
    import nbformat  # noqa: PLC0415 -- comes with papermill, which has been imported by now

    write_text_whole(folder / f"{name}.ipynb", nbformat.writes(executed.notebook))  # type: ignore[no-untyped-call]
    pages = export_pages(
        executed.notebook, data, languages=LANGUAGES, main_language=language, siblings=siblings, folder=folder
    )
    write_text_whole(folder / f"{name}.json", json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return tuple(pages)
