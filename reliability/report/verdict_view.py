"""What the top of a report says: status, headline, lead, next steps and cautions.

The words come from the report's topic (`<topic>.verdict.<reason>.headline`), rendered
with the report's JSON; a reason that has no words of its own gets those of its verdict,
so that a newer report still reads. The verdict itself is judged elsewhere.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from reliability.report.arm_words import arm_names, topics_of
from reliability.report.canary_view import verdict_values
from reliability.report.frame import report_name
from reliability.report.marks import status_of
from reliability.report.own_view import own_values
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
    return _said(report, words_in(language), "headline")


def lead(report: Report, *, language: str) -> str:
    """Write the sentences under the headline in plain text; see `headline`."""
    return _said(report, words_in(language), "lead")


def view_report(report: Report, words: Words) -> dict[str, Any]:
    """Derive everything the verdict band shows beside the numbers.

    Args:
        report: A report's JSON.
        words: Language.

    Returns:
        status, name, headline, lead, next_steps and cautions.
    """
    context = _context(report, words)
    return {
        "status": status_of(report["verdict"], report["cautions"]),
        "name": report_name(report["report"], words.language, title=report.get("title")),
        "headline": Markup.escape(_said(report, words, "headline")),
        "lead": Markup.escape(_said(report, words, "lead")),
        "next_steps": next_steps(report, words),
        "cautions": [
            words.text(key, **context) if key else Markup.escape(code)
            for code in report["cautions"]
            for key in [_first(words, (f"{topic}.caution.{code}.text" for topic in _topics(report)))]
        ],
    }


def view_run(data: Report, words: Words) -> dict[str, object]:
    """Derive the name of the report that a run was opened for."""
    return {"name": report_name(data["report"], words.language)}


def next_steps(report: Report, words: Words) -> list[Markup]:
    """Write what to do next: of the report's topic or an own check by its reason, else of the topic by its verdict."""
    context, topics, reason = _context(report, words), _topics(report), report["reason"]
    keys = [
        *(f"{topic}.next.{reason}" for topic in topics), f"own.next.{reason}-{context['reason_detail']}",
        f"own.next.{reason}", *(f"{topic}.next.{report['verdict']}" for topic in topics),
    ]  # fmt: skip
    key = _first(words, keys)
    return words.lines(key, **context) if key else []


def _topics(report: Report) -> tuple[str, ...]:
    return topics_of(report) if report["topic"] == "canary" else (report["topic"],)


def _context(report: Report, words: Words) -> dict[str, Any]:
    of_topic = {**verdict_values(report), "arms": arm_names(report, words)} if report["topic"] == "canary" else {}
    return {**report, "reason_detail": None, **of_topic, **own_values(report, words)}


def _said(report: Report, words: Words, part: str) -> str:
    """Say a part in the words of the first caution that has some, of the reason, of the verdict."""
    context = _context(report, words)
    topics, reason, verdict = _topics(report), report["reason"], report["verdict"]
    cautions = report["cautions"] if verdict == "PASS" else []
    wanted = [
        *(f"{topic}.caution.{code}.{part}" for code in cautions for topic in topics),
        *(
            f"{place}.verdict.{name}.{part}"
            for name in (f"{reason}-{context['reason_detail']}", reason)
            for place in (*topics, "own")
        ),
        f"frame.verdict.{reason}.{part}",
    ]
    return words.plain(_first(words, wanted) or f"frame.verdict.{verdict}.{part}", **context).strip()


def _first(words: Words, keys: Iterable[str]) -> str | None:
    return next((key for key in keys if words.knows(key)), None)
