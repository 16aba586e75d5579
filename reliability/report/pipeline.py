"""From names of reports to pages: check, execute, look through, export, index.

One call is one run with one id. Every file appears whole; a report that could not be
made still gets a page that says so. Verdicts come out of the notebooks, never from here.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from reliability.atomic import copy_folder_whole, scratch_folder, write_bytes_whole, write_text_whole
from reliability.clock import Clock, format_instant
from reliability.errors import RunError, SecretInOutputError
from reliability.report.catalogue import read_notebook, title_of
from reliability.report.exporter import export_pages
from reliability.report.parameters import check_canary, choose_parameters
from reliability.report.privacy import Secrets, Shortener, check_secrets, read_secrets
from reliability.report.rerender import renew_index
from reliability.report.results import SCHEMA
from reliability.report.runner import Executed, execute_notebook
from reliability.report.verdict_view import headline
from reliability.settings import SECTION_OF_REPORT, Settings
from reliability.settings_file import resolve_parameters
from reliability.sources.connection import CONFIGURED, connect
from reliability.verdicts import Verdict

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished report.

    Attributes:
        report: Its name.
        data: Its JSON, with the run id.
        pages: HTML files, main language first.
        failed: True when a cell raised or printed a secret, so that there is no verdict but NO_DATA.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What all reports of one call share; `blank` holds what each of their JSON files carries."""

    blank: Report
    folder: Path
    titles: Mapping[str, Mapping[str, str]]
    secrets: Secrets
    shortener: Shortener
    keep_increments: bool
    execute: Callable[..., Executed]


def make_reports(
    reports: Mapping[str, Path],
    given: Mapping[str, object],
    *,
    project: Path,
    outputs: Path,
    settings: Settings,
    clock: Clock,
    progress: Callable[[str], None],
    keep_increments: bool = False,
    execute: Callable[..., Executed] = execute_notebook,
) -> Batch:
    """Run notebooks and write their pages, JSON and the status page.

    Args:
        reports: Notebook by report name.
        given: Parameters; each goes to every chosen notebook that declares it.
        project: Folder that relative names in the settings start from.
        outputs: Folder of all results.
        settings: The project's settings; their language is the main one.
        clock: Tells the instant that names the run.
        progress: Called with one line per step.
        keep_increments: Whether to keep a CSV of the increments beside each page.
        execute: Runs a notebook.

    Returns:
        What was made.

    Raises:
        UsageError: A notebook, a parameter or a secret is not as it must be; nothing has run.
        WriteError: The disk is full; files that exist are whole.
    """
    notebooks = {name: read_notebook(path) for name, path in reports.items()}
    parameters = choose_parameters(reports, notebooks, given)
    sources = _check_known(settings, parameters, project)
    guarded = read_secrets(settings, project=project, environ=os.environ)
    shortener = Shortener(project, addresses=[settings.prometheus.url, settings.prometheus.proxy, *sources])
    started_at = clock.now()
    run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    run = _Run(
        blank={
            "run_id": run_id, "language": settings.language, "made_at": format_instant(started_at),
            "as_of": format_instant(started_at),
        },
        folder=outputs / "runs" / run_id,
        titles=shortener.data({name: _title(name, notebook, guarded) for name, notebook in notebooks.items()}),
        secrets=guarded,
        shortener=shortener,
        keep_increments=keep_increments,
        execute=execute,
    )  # fmt: skip
    made = []
    for name, notebook in notebooks.items():
        started = time.perf_counter()
        progress(f"{name}: running")
        made.append(_make_report(run, name, notebook, parameters[name]))
        progress(f"{name}: {made[-1].verdict.value} in {time.perf_counter() - started:.1f} s")
    index = renew_index(outputs, project=project, settings=settings, clock=clock)
    return Batch(run_id=run_id, reports=made, index=index)


def _title(name: str, notebook: Any, guarded: Secrets) -> dict[str, str]:
    """Return how a report is called on all pages of the run; by its name when its heading holds a secret."""
    title = title_of(name, notebook)
    return (
        dict.fromkeys(title, name)
        if any(value in text for value in guarded.values() for text in title.values())
        else title
    )


def _check_known(settings: Settings, parameters: Mapping[str, Mapping[str, object]], project: Path) -> list[str]:
    """Refuse what cannot work before a kernel starts; return the addresses that will be asked."""
    sources = {str(values["source"]) for values in parameters.values() if "source" in values}
    for name in parameters.keys() & SECTION_OF_REPORT.keys():
        resolved = resolve_parameters(settings, SECTION_OF_REPORT[name], parameters[name], report=name)
        if SECTION_OF_REPORT[name] == "canary":
            check_canary(resolved)
            sources.add(str(resolved["source"]))
    live = [source for source in sources if source == CONFIGURED or source.startswith(("http://", "https://"))]
    return [connect(settings.prometheus, source, project=project, environ=os.environ).url for source in live]


def _make_report(run: _Run, name: str, notebook: Any, parameters: Mapping[str, object]) -> Made:
    """Run one notebook and write all its files."""
    with scratch_folder() as scratch:
        executed = run.execute(
            f"{name}.ipynb", notebook, parameters, scratch=scratch, keep_increments=run.keep_increments
        )
        node, data, failure = executed.notebook, _report_of(run, name, executed, parameters), executed.failure
        try:
            check_secrets(run.secrets, node, data, scratch / "files")
        except SecretInOutputError as err:
            failure, node = err, nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
            data = _failed_report(name, err, {**run.blank, "parameters": {}})
        else:
            run.shortener.notebook(node)
            data = run.shortener.data(data)
            _keep_files(scratch / "files", run.folder, name)
    write_text_whole(run.folder / f"{name}.ipynb", nbformat.writes(node))  # type: ignore[no-untyped-call]
    pages = export_pages(
        node, data, main_language=run.blank["language"], siblings=list(run.titles), titles=run.titles, folder=run.folder
    )
    write_text_whole(
        run.folder / f"{name}.json", json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )
    return Made(report=name, data=data, pages=pages, failed=failure is not None)


def _report_of(run: _Run, name: str, executed: Executed, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return the JSON of a report; one of the project's own says how it is called."""
    if executed.failure:
        data = _failed_report(name, executed.failure, {**run.blank, "parameters": dict(parameters)})
    else:
        data = {**executed.report, "report": name, "run_id": run.blank["run_id"]}
    return data if name in SECTION_OF_REPORT else {**data, "title": run.titles[name]}


def _keep_files(files: Path, folder: Path, name: str) -> None:
    """Move what the kernel left to the pages, under the report's name."""
    if (files / "answers").is_dir():
        copy_folder_whole(files / "answers", folder / f"{name}.answers")
    if (files / "increments.csv").is_file():
        write_bytes_whole(folder / f"{name}.increments.csv", (files / "increments.csv").read_bytes())


def _failed_report(name: str, failure: RunError, blank: Report) -> dict[str, Any]:
    """Return the JSON of a report that could not be made."""
    data = {
        **blank, "schema": SCHEMA, "report": name, "topic": SECTION_OF_REPORT.get(name, "frame"), "sample": None,
        "verdict": Verdict.NO_DATA.value, "reason": failure.slug, "cautions": [], "figures": [], "checks": [],
        "error": {"slug": failure.slug, "message": str(failure)},
        "provenance": {"commit": None, "dirty": None, "window": None, "source": None, "queries": [], "versions": {}},
    }  # fmt: skip
    return {**data, "headline": headline(data, language=blank["language"])}
