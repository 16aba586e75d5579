"""The status page: may the release go out, may thresholds be tightened, what came before.

It reads the JSON of the runs and nothing else, and holds no numbers of its own. Every
link goes to a file that exists, relatively, so that the folder works from disk.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import UndefinedError
from markupsafe import Markup

from reliability.atomic import write_text_whole
from reliability.clock import format_instant
from reliability.judge.release import GATES, GateOutcome, ReleaseJudgement, judge_release
from reliability.report.environment import page_environment
from reliability.report.frame import INDEX, Link, make_frame, page_file, short_name
from reliability.report.history import HistoryEntry, newest_of, read_history
from reliability.report.index_view import Current, fitted_lead, headline_values, key_figure, make_cards, tighten_view
from reliability.report.marks import status_of
from reliability.report.verdict_view import report_name, view_report
from reliability.report.words import Words, words_in
from reliability.verdicts import Verdict

_SHOWN_COUNT: Final = 40


def write_index(outputs: Path, *, languages: Sequence[str], main_language: str, now: datetime) -> list[Path]:
    """Write the status page in all languages from the runs that lie in `outputs/runs`.

    Args:
        outputs: Folder of all results.
        languages: Languages to write.
        main_language: Language whose file has no suffix; its page comes first.
        now: Instant at which the page is made.

    Returns:
        The files, main language first.

    Raises:
        WriteError: The disk is full; files that exist are whole.
    """
    entries = read_history(outputs)
    written = []
    for language in sorted(languages, key=lambda code: code != main_language):
        html = render_index(entries, language=language, languages=languages, main_language=main_language, now=now)
        path = outputs / page_file(INDEX, language, main_language=main_language)
        write_text_whole(path, html)
        written.append(path)
    return written


def render_index(
    entries: Sequence[HistoryEntry], *, language: str, languages: Sequence[str], main_language: str, now: datetime
) -> str:
    """Render the status page; see `write_index`. Equal input gives equal bytes."""
    words = words_in(language)
    current = _current(entries, language=language, main_language=main_language)
    judgement = judge_release({name: outcome for name, outcome in _outcomes(entries).items() if name in GATES})
    tighten = tighten_view(current.get("phase_progress"), words)
    values = headline_values(judgement, current, words)
    status = status_of(judgement.verdict.value, ["caution"] if judgement.has_cautions else [])
    home = page_file(INDEX, language, main_language=main_language)
    frame = make_frame(
        INDEX, language=language, languages=languages, main_language=main_language, home=home,
        title=f"{words.plain('frame.overview')}: {words.plain(f'frame.status.{status}')}",
        links=[Link(href=home, label=words.plain("frame.overview"), current=True), *_links(current, words)],
        notice=_notice(current, words),
    )  # fmt: skip
    template = page_environment(language).get_template("index.html.j2")
    html = template.render(
        page=frame, uid="index-", status=status, judgement=judgement, tighten=tighten,
        headline=words.text(f"index.verdict.{judgement.reason}.headline", **values),
        lead=fitted_lead(tighten, words), facts=_facts(current, now=now, values=values),
        cards=make_cards(judgement, current, words), to_do=_to_do(judgement, current, values, words),
        history=[_row(entry, words, main_language=main_language) for entry in entries[:_SHOWN_COUNT]],
        older_count=max(0, len(entries) - _SHOWN_COUNT),
        runs=list(dict.fromkeys(c.entry.run_id for c in current.values())), made_at=format_instant(now),
    )  # fmt: skip
    return f"{html.strip()}\n"


def _current(entries: Sequence[HistoryEntry], *, language: str, main_language: str) -> dict[str, Current]:
    """Return the newest readable report of each gate, with the address of its page."""
    found = {}
    for name in GATES:
        entry = newest_of(name, entries)
        if entry is not None and entry.data is not None:
            page = page_file(name, language, main_language=main_language)
            found[name] = Current(entry=entry, data=entry.data, href=entry.href(page))
    return found


def _outcomes(entries: Sequence[HistoryEntry]) -> dict[str, GateOutcome]:
    outcomes = {}
    for name in GATES:
        entry = newest_of(name, entries)
        if entry is not None and entry.data is not None:
            verdict = Verdict(entry.data["verdict"])
            has_cautions = verdict is Verdict.PASS and bool(entry.data["cautions"])
            outcomes[name] = GateOutcome(report=name, verdict=verdict, has_cautions=has_cautions)
    return outcomes


def _links(current: Mapping[str, Current], words: Words) -> list[Link]:
    order = ("phase_progress", "canary_comparison", "rollback_readiness")
    shown = [(name, current[name].href) for name in order if name in current]
    return [Link(href=href, label=short_name(name, words)) for name, href in shown if href]


def _notice(current: Mapping[str, Current], words: Words) -> str | None:
    samples = [c.data["as_of"] for c in current.values() if c.data["sample"]]
    return words.plain("index.sample_notice", at=samples[0]) if samples else None


def _facts(current: Mapping[str, Current], *, now: datetime, values: Mapping[str, object]) -> dict[str, object]:
    canary = current.get("canary_comparison")
    commits = {c.data["provenance"]["commit"] for c in current.values()}
    return {
        "service": canary.data.get("service") if canary else None,
        "made_at": format_instant(now),
        "commit": next(iter(commits)) if len(commits) == 1 else None,
        "commits_differ": len(commits) > 1,
        **values,
    }


def _to_do(
    judgement: ReleaseJudgement, current: Mapping[str, Current], values: Mapping[str, object], words: Words
) -> dict[str, Any]:
    """Collect the gates that ask for something with their reason, and the steps of the release."""
    asking = [gate for gate in judgement.gates if gate.verdict is not Verdict.PASS or gate.has_cautions]
    rows = [
        {
            "name": report_name(gate.report, words),
            "sentence": _reason(current[gate.report], words)
            if gate.report in current
            else words.text("index.no_report"),
            "href": current[gate.report].href if gate.report in current else None,
        }
        for gate in asking
    ]
    return {"rows": rows, "steps": words.lines(f"index.next.{judgement.reason}", **values)}


def _reason(found: Current, words: Words) -> Markup:
    """Say why a gate asks for something: its first caution, else its headline."""
    view = view_report(found.data, words)
    told: list[Markup] = (
        [*view["cautions"], view["headline"]] if found.data["verdict"] == "PASS" else [view["headline"]]
    )
    return told[0]


def _row(entry: HistoryEntry, words: Words, *, main_language: str) -> dict[str, Any]:
    """Make one row of the history; links only to files that exist."""
    page = page_file(entry.report, words.language, main_language=main_language)
    names = (("page", page), ("notebook", f"{entry.report}.ipynb"), ("json", f"{entry.report}.json"))
    links = [(words.plain(f"index.file.{kind}"), entry.href(name)) for kind, name in names]
    row: dict[str, Any] = {
        "run_id": entry.run_id, "name": report_name(entry.report, words), "problem": entry.problem,
        "files": [{"label": label, "href": href} for label, href in links if href],
    }  # fmt: skip
    if entry.data is None:
        return row
    try:
        key = key_figure(entry.data, words)
    except (UndefinedError, TypeError):
        key = words.plain("index.no_key")
    data = entry.data
    return {
        **row, "made_at": data["made_at"], "verdict": data["verdict"], "cautions": data["cautions"], "key": key,
        "sample": data["sample"], "commit": data["provenance"]["commit"],
    }  # fmt: skip
