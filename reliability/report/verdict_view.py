"""What the top of a report says: status, headline, lead, next steps and cautions.

The words come from the report's topic (`<topic>.verdict.<reason>.headline`), rendered
with the report's JSON; a reason that has no words of its own gets those of its verdict,
so that a foreign or newer report still reads. The verdict itself is judged elsewhere.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from markupsafe import Markup

from reliability.report.canary_view import verdict_values
from reliability.report.marks import status_of
from reliability.report.words import Words, words_in
from reliability.shipped import shipped_folder

Report = Mapping[str, Any]
_VALUES: Final[Mapping[str, Callable[[Report], dict[str, object]]]] = MappingProxyType({"canary": verdict_values})


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


def report_name(name: str, words: Words) -> str:
    """Return how a report is called; its own name when it ships no words."""
    return words.plain(f"frame.name.{name}") if words.knows(f"frame.name.{name}") else name


def view_report(report: Report, words: Words) -> dict[str, Any]:
    """Derive everything the verdict band shows beside the numbers.

    Args:
        report: A report's JSON.
        words: Language.

    Returns:
        status, name, headline, lead, next_steps, cautions, figures (name of the template
        of its key figures).
    """
    context = _context(report)
    return {
        "status": status_of(report["verdict"], report["cautions"]),
        "name": report_name(report["report"], words),
        "headline": words.text(_key(report, words, "headline"), **context),
        "lead": words.text(_key(report, words, "lead"), **context),
        "next_steps": next_steps(report, words),
        "cautions": _cautions(report, words),
        "figures": _figures(report["report"]),
    }


def view_run(data: Report, words: Words) -> dict[str, object]:
    """Derive the name of the report that a run was opened for."""
    return {"name": report_name(data["report"], words)}


def next_steps(report: Report, words: Words) -> list[Markup]:
    """Write what to do next: `<topic>.next.<reason>`, else `<topic>.next.<verdict>`."""
    for name in (report["reason"], report["verdict"]):
        key = f"{_topic(report)}.next.{name}"
        if words.knows(key):
            return words.lines(key, **_context(report))
    return []


def _topic(report: Report) -> str:
    return str(report.get("topic") or "frame")


def _context(report: Report) -> dict[str, object]:
    derive = _VALUES.get(_topic(report))
    return {**report, **(derive(report) if derive else {})}


def _key(report: Report, words: Words, part: str) -> str:
    """Find the words: of the first caution that has some, of the reason, of the verdict."""
    topic, reason = _topic(report), report["reason"]
    cautions = report["cautions"] if report["verdict"] == "PASS" else []
    wanted = [f"{topic}.caution.{code}.{part}" for code in cautions]
    detail = _context(report).get("reason_detail")
    wanted += [f"{topic}.verdict.{reason}-{detail}.{part}"] if detail else []
    wanted += [f"{topic}.verdict.{reason}.{part}", f"frame.verdict.{reason}.{part}"]
    return next((key for key in wanted if words.knows(key)), f"frame.verdict.{report['verdict']}.{part}")


def _cautions(report: Report, words: Words) -> list[Markup]:
    """Write each caution; a code without words is shown as it stands."""
    texts = []
    for code in report["cautions"]:
        key = f"{_topic(report)}.caution.{code}.text"
        texts.append(words.text(key, **_context(report)) if words.knows(key) else Markup("{}").format(code))
    return texts


def _figures(name: str) -> str:
    own = shipped_folder("templates") / "figures" / f"{name}.html.j2"
    return name if name.replace("_", "").isalnum() and own.is_file() else "default"
