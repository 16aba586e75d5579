"""From names of reports to pages: check, execute, look through, export.

One call is one run with one id. Every file appears whole; a report that could not be
made still gets a page that says so. Verdicts come out of the notebooks, never from here.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nbformat

from reliability.atomic import write_bytes_whole, write_text_whole
from reliability.clock import Clock, format_instant
from reliability.errors import RunError, SecretInOutputError
from reliability.report.catalogue import parameters_cell, read_notebook, title_of
from reliability.report.exporter import export_pages
from reliability.report.frame import Titles
from reliability.report.parameters import check_canary, choose_parameters
from reliability.report.results import SCHEMA
from reliability.report.runner import Executed, execute_notebook
from reliability.report.secret_check import Secrets, check_secrets, read_secrets
from reliability.report.shortening import make_shortener
from reliability.report.verdict_view import headline
from reliability.settings import SECTION_OF_REPORT, Settings
from reliability.settings_file import resolve_parameters
from reliability.sources.connection import CONFIGURED, connect
from reliability.verdicts import Verdict

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What all reports of one call share."""

    run_id: str
    made_at: str
    language: str
    folder: Path
    titles: Titles
    secrets: Secrets
    shorten: Callable[[Any], Any]
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
) -> list[Report]:
    """Run notebooks and write their pages and JSON.

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
        JSON of each report, in order; one whose cell raised or printed a secret is NO_DATA with its error.

    Raises:
        UsageError: A notebook, a parameter or a secret is not as it must be; nothing has run.
        SecretInOutputError: A notebook or a parameter holds a secret already; nothing has run.
        WriteError: The disk is full; files that exist are whole.
    """
    notebooks = {name: read_notebook(path) for name, path in reports.items()}
    parameters = choose_parameters(reports, notebooks, given)
    addresses = _check_known(settings, notebooks, parameters, project)
    values = read_secrets(settings, project=project, environ=os.environ)
    for name, notebook in notebooks.items():
        check_secrets(values, notebook, parameters[name], {}, name=str(reports[name]))
    shorten = make_shortener(project, addresses=addresses)
    started_at = clock.now()
    run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    run = _Run(
        run_id=run_id,
        made_at=format_instant(started_at),
        language=settings.language,
        folder=outputs / "runs" / run_id,
        titles=shorten({name: title_of(name, notebook) for name, notebook in notebooks.items()}),
        secrets=values,
        shorten=shorten,
        execute=partial(execute, keep_increments=keep_increments),
    )
    made = []
    for name, notebook in notebooks.items():
        started = time.perf_counter()
        progress(f"{name}: running")
        made.append(_make_report(run, name, notebook, parameters[name]))
        progress(f"{name}: {made[-1]['verdict']} in {time.perf_counter() - started:.1f} s")
    return made


def _check_known(
    settings: Settings, notebooks: Mapping[str, Any], parameters: Mapping[str, Mapping[str, object]], project: Path
) -> set[str]:
    """Refuse what cannot work before a kernel starts; return the addresses that are known."""
    sources = {str(parameters[name].get("source", _source_of(node, settings))) for name, node in notebooks.items()}
    for name in parameters.keys() & SECTION_OF_REPORT.keys():
        resolved = resolve_parameters(settings, SECTION_OF_REPORT[name], parameters[name], report=name)
        if SECTION_OF_REPORT[name] == "canary":
            check_canary(resolved, project)
    live = {source for source in sources if source == CONFIGURED or source.startswith(("http://", "https://"))}
    asked = {connect(settings.prometheus, source, project=project, environ=os.environ).url for source in live}
    return asked | {address for address in (settings.prometheus.url, settings.prometheus.proxy) if address}


def _source_of(notebook: Any, settings: Settings) -> str:
    """Return the source that the parameters cell leaves to the settings, or the configured server; else nothing."""
    cell = parameters_cell(notebook)
    found = cell and re.search(r"""^source\b[^#=\n]*=\s*(None\b|["']prometheus["'])""", cell.source, re.MULTILINE)
    if not found:
        return ""
    return settings.canary.source if found[1] == "None" else CONFIGURED


def _make_report(run: _Run, name: str, notebook: Any, parameters: Mapping[str, object]) -> Report:
    """Run one notebook and write all its files; its JSON comes last, so that a run is complete when it lists it."""
    executed = run.execute(f"{name}.ipynb", notebook, parameters)
    node, files = executed.notebook, executed.files
    data = {**executed.report, "run_id": run.run_id, "report": name}
    if executed.failure:
        data = _failed_report(run, name, executed.failure, parameters)
    try:
        check_secrets(run.secrets, node, data, files, name=f"{name}.ipynb")
    except SecretInOutputError as err:
        node, files, data = nbformat.v4.new_notebook(), {}, _failed_report(run, name, err, {})  # type: ignore[no-untyped-call]
    if name not in SECTION_OF_REPORT:
        data["title"] = run.titles[name]
    node = run.shorten(node)
    report: Report = run.shorten(data)
    for path, content in files.items():
        write_bytes_whole(run.folder / f"{name}.{path}", content)
    write_text_whole(run.folder / f"{name}.ipynb", nbformat.writes(node))  # type: ignore[no-untyped-call]
    export_pages(
        node, report, main_language=run.language, siblings=list(run.titles), titles=run.titles, folder=run.folder
    )
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    write_text_whole(run.folder / f"{name}.json", f"{text}\n")
    return report


def _failed_report(run: _Run, name: str, failure: RunError, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return the JSON of a report that could not be made."""
    data: dict[str, Any] = {
        "schema": SCHEMA, "report": name, "topic": SECTION_OF_REPORT.get(name, "frame"), "sample": None,
        "run_id": run.run_id, "language": run.language, "made_at": run.made_at, "as_of": run.made_at,
        "verdict": Verdict.NO_DATA.value, "reason": failure.slug, "cautions": [], "figures": [], "checks": [],
        "error": {"slug": failure.slug, "message": str(failure)}, "parameters": dict(parameters),
        "provenance": {"commit": None, "dirty": None, "window": None, "source": None, "queries": [], "versions": {}},
    }  # fmt: skip
    return {**data, "headline": headline(data, language=run.language)}
