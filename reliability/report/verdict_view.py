"""What the top of a report says: status, headline, lead, next steps and cautions.

The words come from the report's topic (`<topic>.verdict.<reason>.headline`), rendered
with the report's JSON; a reason that has no words of its own gets those of its verdict,
so that a newer report still reads. The verdict itself is judged elsewhere.
"""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reliability.report.canary_view import verdict_values
from reliability.report.frame import report_name
from reliability.report.marks import status_of
from reliability.report.words import Words, words_in

Report = Mapping[str, Any]


def headline(report: Report, *, language: str) -> str:
    """Write the main sentence of a report in plain text.

    Args:
        report: A report's JSON.
        language: Language of the sentence.

    Returns:
        One sentence of at most 13 words, action or state first.
    """
    return words_in(language).plain(_key(report, words_in(language), "headline"), **_context(report))


def lead(report: Report, *, language: str) -> str:
    """Write the sentences under the headline in plain text; see `headline`."""
    return words_in(language).plain(_key(report, words_in(language), "lead"), **_context(report))


def view_report(report: Report, words: Words) -> dict[str, Any]:
    """Derive everything the verdict band shows beside the numbers.

    Args:
        report: A report's JSON.
        words: Language.

    Returns:
        status, name, headline, lead, next_steps and cautions.
    """
    context = _context(report)
    return {
        "status": status_of(report["verdict"], report["cautions"]),
        "name": report_name(report["report"], words.language),
        "headline": words.text(_key(report, words, "headline"), **context),
        "lead": words.text(_key(report, words, "lead"), **context),
        "next_steps": next_steps(report, words),
        "cautions": [
            words.text(key, **context) if words.knows(key) else Markup.escape(code)
            for code in report["cautions"]
            for key in [f"{report['topic']}.caution.{code}.text"]
        ],
    }


def view_run(data: Report, words: Words) -> dict[str, object]:
    """Derive the name of the report that a run was opened for."""
    return {"name": report_name(data["report"], words.language)}


def next_steps(report: Report, words: Words) -> list[Markup]:
    """Write what to do next: `<topic>.next.<reason>`, else `<topic>.next.<verdict>`."""
    keys = [f"{report['topic']}.next.{name}" for name in (report["reason"], report["verdict"])]
    return next((words.lines(key, **_context(report)) for key in keys if words.knows(key)), [])


def _context(report: Report) -> dict[str, object]:
    return {**report, **(verdict_values(report) if report["topic"] == "canary" else {})}


def _key(report: Report, words: Words, part: str) -> str:
    """Find the words: of the first caution that has some, of the reason, of the verdict."""
    topic, reason, verdict = report["topic"], report["reason"], report["verdict"]
    cautions = report["cautions"] if verdict == "PASS" else []
    wanted = [
        *(f"{topic}.caution.{code}.{part}" for code in cautions),
        f"{topic}.verdict.{reason}-{_context(report).get('reason_detail')}.{part}",
        f"{topic}.verdict.{reason}.{part}",
        f"frame.verdict.{reason}.{part}",
    ]
    return next((key for key in wanted if words.knows(key)), f"frame.verdict.{verdict}.{part}")
