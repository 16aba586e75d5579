"""A verdict as a short text for a terminal, in the words of the pages.

What it says is in the verdict's JSON already; a label's value cannot act upon the terminal.
"""

from collections.abc import Iterator
from typing import Any, Final

from markupsafe import Markup

from reliability.report.canary_view import deciding
from reliability.report.verdict_view import view_report
from reliability.report.why_view import view_checks, view_routes
from reliability.report.words import Words, printable, words_in

_SPACES: Final = str.maketrans("\u00a0\u202f", "  ")


def as_text(verdict: dict[str, Any]) -> str:
    """Tell a verdict: its sentence, the measures, what is undecided and broken, the case for the other verdict."""
    return "\n".join(printable(line.translate(_SPACES)) for line in _lines(verdict, words_in("en")))


def _lines(verdict: dict[str, Any], words: Words) -> Iterator[str]:
    yield f"{verdict['verdict']}: {verdict['headline']}"
    if "error" in verdict:
        yield f"  {verdict['error']['message']}"
        return
    told = verdict["provenance"]
    before = f"{told['baseline_window']}, then " if told.get("baseline_window") else ""
    yield f"  {told['source']}, {before}{told['window']}"
    view: dict[str, Any] = view_checks(verdict, words)
    yield from _measures(verdict, view, words)
    if verdict["routes"]:
        yield f"  {_bare(view_routes({**verdict, **verdict['latency']}, words)['sentence'])}"
    for row, check in zip(view["rows"], verdict["checks"], strict=True):
        if check["verdict"] != "PASS" and check["id"] not in ("latency", "errors"):
            yield f"  {check['verdict']} {_bare(row['name'])}: {_bare(row['seen'])} ({_bare(row['rule'])})"
    yield from (f"  still needed: {_bare(text)}" for text in view["undecided"])
    yield from (f"  on the other hand: {_bare(text)}" for text in view["case"])
    yield from (f"  caution: {_bare(text)}" for text in view_report(verdict, words)["cautions"])


def _measures(verdict: dict[str, Any], view: dict[str, Any], words: Words) -> Iterator[str]:
    """Tell estimate, likely range, deciding limit and budget of both measures, and bounds that would help."""
    writers = {"latency": words.formats.signed_percent, "errors": words.formats.points}
    ranges = {"latency": verdict["latency"]["increase_interval"], "errors": verdict["errors"]["interval"]}
    for row in view["measures"]:
        name = row["measure"]
        if name not in writers:  # a route has its own lines
            continue
        likely, write = ranges[name], writers[name]
        seen = f"95% likely range {write(likely[0])} to {write(likely[1])}" if likely else "no likely range"
        side = "lower" if row["verdict"] == "FAIL" else "upper"
        yield (
            f"  {row['verdict']} {_bare(row['name'])}: {_bare(row['estimate'])} "
            f"({seen}; one-sided {side} limit {write(deciding(verdict[name]))}; budget {_bare(row['allowed'])})"
        )
    bounds = verdict["latency"]["suggested_bounds_seconds"]
    if bounds:
        yield f"  bucket bounds that would help: {', '.join(words.formats.ms(bound) for bound in bounds)}"


def _bare(text: object) -> str:
    return Markup(str(text)).striptags()  # noqa: S704 -- the words of the pages, already safe
