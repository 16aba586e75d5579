"""From names of reports to pages: check, execute, look through, export.

One call is one run with one id. Every file appears whole; a report that could not be
made still gets a page that says so. Verdicts come out of the notebooks, never from here.
"""

import json
import os
import platform
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from pydantic import ValidationError

from reliability import __version__
from reliability.atomic import write_bytes_whole, write_text_whole
from reliability.clock import Clock, format_instant
from reliability.errors import NoVerdictError, ReportFailedError, RunError, SecretInOutputError, WriteError
from reliability.report.catalogue import read_notebook, title_of
from reliability.report.exporter import export_pages
from reliability.report.frame import Titles
from reliability.report.parameters import check_canary, choose_parameters, read_default
from reliability.report.results import SCHEMA, ReportJson
from reliability.report.runner import Executed, execute_notebook
from reliability.report.secret_check import Secrets, check_secrets, read_secrets
from reliability.report.shortening import make_shortener
from reliability.report.verdict_view import headline
from reliability.settings import SECTION_OF_REPORT, Settings
from reliability.settings_file import resolve_parameters
from reliability.sources.checkout import read_checkout
from reliability.sources.connection import CONFIGURED, connect
from reliability.verdicts import Verdict

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What all reports of one call share."""

    project: Path
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
        JSON of each report, in order; one that could not be made is NO_DATA with its error.

    Raises:
        UsageError: A notebook, a parameter or a secret is not as it must be; nothing has run.
        SecretInOutputError: A notebook or a parameter holds a secret already; nothing has run.
        WriteError: The disk is full; files that exist are whole.
    """
    notebooks = {name: read_notebook(path) for name, path in reports.items()}
    parameters = choose_parameters(reports, notebooks, given)
    sources = {name: _source_of(name, reports, notebooks, parameters, settings) for name in notebooks}
    addresses = _check_known(settings, sources, parameters, project)
    values = read_secrets(settings, project=project, environ=os.environ)
    for name, notebook in notebooks.items():
        check_secrets(values, notebook, parameters[name], {}, name=str(reports[name]))
    shorten = make_shortener(project, addresses=addresses)
    started_at = clock.now()
    run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    run = _Run(
        project=project,
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
    settings: Settings, sources: Mapping[str, str], parameters: Mapping[str, Mapping[str, object]], project: Path
) -> set[str]:
    """Refuse what cannot work before a kernel starts; return the addresses that are known."""
    for name in parameters.keys() & SECTION_OF_REPORT.keys():
        resolved = resolve_parameters(settings, SECTION_OF_REPORT[name], parameters[name], report=name)
        if SECTION_OF_REPORT[name] == "canary":
            check_canary(resolved, project)
    known = {source for source in sources.values() if source.startswith(("http://", "https://"))}
    for name, source in sources.items():
        # a notebook's own address with a query is of something else: no server of metrics has one
        if source == CONFIGURED or (source in known and ("source" in parameters[name] or "?" not in source)):
            known.add(connect(settings.prometheus, source, project=project, environ=os.environ).url)
    return known | {address for address in (settings.prometheus.url, settings.prometheus.proxy) if address}


def _source_of(
    name: str,
    reports: Mapping[str, Path],
    notebooks: Mapping[str, Any],
    parameters: Mapping[str, Mapping[str, object]],
    settings: Settings,
) -> str:
    """Return the source that is given, else that of the parameters cell; it may leave it to the settings."""
    source = parameters[name].get("source", read_default(reports[name], notebooks[name], "source", otherwise=""))
    return settings.canary.source if source is None else str(source)


def _make_report(run: _Run, name: str, notebook: Any, parameters: Mapping[str, object]) -> Report:
    """Run one notebook and write all its files; whatever goes wrong with it is its own failure."""
    try:
        executed = run.execute(f"{name}.ipynb", notebook, parameters)
        data = _told_report(run, name, executed, parameters)
        return _write_report(run, name, executed.notebook, data, executed.files)
    except WriteError:
        raise
    except SecretInOutputError as err:
        return _write_failed(run, name, err)
    except Exception as err:  # noqa: BLE001 -- the outputs are foreign, and the other reports are to run
        shown = ": ".join([type(err).__name__, *str(err).strip().splitlines()[:1]])
        failure = ReportFailedError(
            f"{name}.ipynb ran, but its outputs cannot be shown ({shown}); take the odd output out, run again."
        )
    try:
        return _write_failed(run, name, failure)
    except SecretInOutputError as err:
        return _write_failed(run, name, err)


def _write_failed(run: _Run, name: str, failure: RunError) -> Report:
    """Write a report of which nothing is kept."""
    empty = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    return _write_report(run, name, empty, _failed_report(run, name, failure, {}), {})


def _told_report(run: _Run, name: str, executed: Executed, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return the report that the notebook left, or why there is none that can be believed."""
    data = {**executed.report, "run_id": run.run_id, "report": name}
    failure = executed.failure
    try:
        if failure is None:
            ReportJson.model_validate(data)
    except ValidationError as err:
        flaw = err.errors()[0]
        place = ".".join(map(str, flaw["loc"]))
        failure = NoVerdictError(
            f"{name}.ipynb left a report that is none ({place}: {flaw['msg']}); leave it to nb.finish(run) alone."
        )
    return data if failure is None else _failed_report(run, name, failure, parameters)


def _write_report(run: _Run, name: str, node: Any, data: dict[str, Any], files: Mapping[str, bytes]) -> Report:
    """Write all files of a report; its JSON comes last, so that a run is complete when it lists it."""
    check_secrets(run.secrets, node, data, files, name=f"{name}.ipynb")
    if name not in SECTION_OF_REPORT:
        data["title"] = run.titles[name]
    node = run.shorten(node)
    report: Report = run.shorten(data)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    for path, content in files.items():
        write_bytes_whole(run.folder / f"{name}.{path}", content)
    write_text_whole(run.folder / f"{name}.ipynb", nbformat.writes(node))  # type: ignore[no-untyped-call]
    export_pages(
        node, report, main_language=run.language, siblings=list(run.titles), titles=run.titles, folder=run.folder
    )
    write_text_whole(run.folder / f"{name}.json", f"{text}\n")
    return report


def _failed_report(run: _Run, name: str, failure: RunError, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return the JSON of a report that could not be made."""
    data: dict[str, Any] = {
        "schema": SCHEMA, "report": name, "topic": SECTION_OF_REPORT.get(name, "frame"), "sample": None,
        "run_id": run.run_id, "language": run.language, "made_at": run.made_at, "as_of": run.made_at,
        "verdict": Verdict.NO_DATA.value, "reason": failure.slug, "cautions": [], "figures": [], "checks": [],
        "error": {"slug": failure.slug, "message": str(failure)}, "parameters": dict(parameters),
        "provenance": {
            **asdict(read_checkout(run.project)), "window": None, "source": None, "queries": [],
            "versions": {"reliability": __version__, "python": platform.python_version()},
        },
    }  # fmt: skip
    return {**data, "headline": headline(data, language=run.language)}
