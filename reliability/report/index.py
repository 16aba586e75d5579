"""The status page: may the release go out, may thresholds be tightened, what came before.

It judges the newest run, as the gate does, and lists the older ones. It reads the JSON of the
runs and nothing else, and holds no numbers of its own. Every link goes to a file that exists,
relatively, so that the folder works from disk.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import TemplateError

from reliability.atomic import write_text_whole
from reliability.clock import format_instant, parse_instant
from reliability.judge.release import GATES
from reliability.report.environment import page_environment
from reliability.report.frame import INDEX, page_files, page_frame
from reliability.report.gate import is_failed
from reliability.report.index_view import (
    fitted_lead,
    headline_values,
    judge_found,
    key_figure,
    make_cards,
    reason_of,
    release_headline,
    report_title,
    tighten_view,
)
from reliability.report.marks import status_of
from reliability.report.results import Entry, read_history
from reliability.report.words import LANGUAGES, Words, words_in
from reliability.verdicts import Verdict

_SHOWN_COUNT: Final = 40
_CRUMBS: Final = ("phase_progress", "canary_comparison", "rollback_readiness")
_ODD_DATA: Final = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def write_index(outputs: Path, *, main_language: str, now: datetime, required: Collection[str] = GATES) -> list[Path]:
    """Write the status page in all languages from the runs that lie in `outputs/runs`.

    Args:
        outputs: Folder of all results.
        main_language: Language whose file has no suffix; its page comes first.
        now: Instant at which the page is made.
        required: Reports that a release needs; `reliability.report.catalogue.find_reports` lists those of a project.

    Returns:
        The files, main language first.

    Raises:
        WriteError: The disk is full; files that exist are whole.
    """
    entries = read_history(outputs)
    told = [
        _tried(entry) if place < _SHOWN_COUNT or entry.run_id == entries[0].run_id else entry
        for place, entry in enumerate(entries)
    ]
    files = page_files(INDEX, main_language)
    for language, name in files.items():
        html = render_index(told, language=language, main_language=main_language, now=now, required=required)
        write_text_whole(outputs / name, html)
    return [outputs / name for name in files.values()]


def render_index(
    entries: Sequence[Entry], *, language: str, main_language: str, now: datetime, required: Collection[str]
) -> str:
    """Render the status page; see `write_index`. Equal input gives equal bytes."""
    words = words_in(language)
    judged = {entry.report: entry for entry in entries if entry.run_id == entries[0].run_id}
    current = {name: entry for name, entry in judged.items() if entry.data}
    pages = {name: entry.href(page_files(name, main_language)[language]) for name, entry in current.items()}
    found = {name: entry.data for name, entry in current.items()}
    judgement = judge_found(found, {*required, *judged})
    values, tighten = headline_values(judgement, found, words), tighten_view(found.get("phase_progress", {}), words)
    status = status_of(judgement.verdict.value, ["caution"] if judgement.has_cautions else [])
    samples = [data["as_of"] for data in found.values() if data["sample"]]
    measured = [data for data in found.values() if not is_failed(data)]  # those have no commit
    commits = sorted({data["provenance"]["commit"] or "" for data in measured})
    frame = page_frame(
        INDEX, status=status, language=language, main_language=main_language, home="",
        links={name: page for name in _CRUMBS if (page := pages.get(name))},
        notice=words.plain("index.sample_notice", at=max(samples)) if samples else "",
    )  # fmt: skip
    html = page_environment(language).get_template("index.html.j2").render(
        page=frame, uid="index-", status=status, values=values, tighten=tighten, commits=commits,
        headline=release_headline(judgement, found, words),
        lead=fitted_lead(tighten, words), cards=make_cards(judgement, found, pages, words),
        to_do=[
            {"name": report_title(gate.report, found.get(gate.report), words), "href": pages.get(gate.report),
             "sentence": reason_of(found.get(gate.report), words)}
            for gate in judgement.gates if gate.verdict is not Verdict.PASS or gate.has_cautions
        ],
        next_steps=words.lines(f"index.next.{judgement.reason}", **values),
        history=[_row(entry, words, main_language) for entry in entries[:_SHOWN_COUNT]],
        older_count=max(0, len(entries) - _SHOWN_COUNT),
        run_id=entries[0].run_id if entries else None, made_at=format_instant(now),
    )  # fmt: skip
    return f"{html.strip()}\n"


def _tried(entry: Entry) -> Entry:
    """Show an entry once by itself, so that what cannot be shown is found before it is believed."""
    if entry.problem:
        return entry
    try:
        if entry.data["report"] != entry.report:
            raise ValueError(f"it says that it is {entry.data['report']!r}")
        made_at = parse_instant(entry.data["made_at"])
        for language in LANGUAGES:
            render_index([entry], language=language, main_language=language, now=made_at, required=GATES)
    except _ODD_DATA as err:
        problem = f"{entry.path.name} misses what a report needs ({type(err).__name__}: {err})"
        return replace(entry, data={}, problem=problem)
    return entry


def _row(entry: Entry, words: Words, main_language: str) -> dict[str, Any]:
    """Make one row of the history; links only to files that exist."""
    page = page_files(entry.report, main_language)[words.language]
    names = (("page", page), ("notebook", f"{entry.report}.ipynb"), ("json", entry.path.name))
    links = [(words.plain(f"index.file.{kind}"), entry.href(name)) for kind, name in names]
    return {
        "entry": entry, "name": report_title(entry.report, entry.data, words),
        "key": key_figure(entry.data, words) if entry.data else "",
        "files": [{"label": label, "href": href} for label, href in links if href],
    }  # fmt: skip
