"""What the status page says: its sentences, its cards, and whether thresholds may be tightened.

Words and numbers of each report come from the report itself; this module chooses among
them and tests nothing against a limit. The gate says the same sentence.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, Final

from markupsafe import Markup

from reliability.judge.release import GateOutcome, ReleaseJudgement, judge_release
from reliability.report.frame import report_name
from reliability.report.marks import status_of
from reliability.report.verdict_view import view_report
from reliability.report.words import Words
from reliability.verdicts import Verdict

Report = Mapping[str, Any]
HEADLINE_WORDS: Final = 13
LEAD_WORDS: Final = 35
_TITLE_LENGTH: Final = 60
_CARDS: Final = (
    ("canary_comparison", "p95"),
    ("rollback_readiness", "time"),
    ("phase_progress", "coverage"),
    ("phase_progress", "tests"),
)
_PARTED: Final = "phase_progress"  # its cards stand for their figures, any other for its whole report
_STATUS_ORDER: Final = ("fail", "none", "hold", "warn", "pass")


def judge_found(found: Mapping[str, Report], required: Iterable[str]) -> ReleaseJudgement:
    """Judge a release by the reports of one run.

    Args:
        found: JSON by report name.
        required: Reports that a release needs.

    Returns:
        The judgement, the same for status page and gate.
    """
    return judge_release({name: _outcome(name, data) for name, data in found.items()}, required)


def headline_values(judgement: ReleaseJudgement, found: Mapping[str, Report], words: Words) -> dict[str, Any]:
    """Return what the headline names: release, first gate, counts; and the service under test."""
    canary = found.get("canary_comparison", {})
    release = canary.get("releases", {}).get("canary")
    if canary.get("comparison") == "before-after" and release == "after":  # a window without a name of its own
        release = None
    first = judgement.first_to_do or judgement.gates[0].report
    return {
        "service": canary.get("service"),
        "release": words.plain("index.release.named" if release else "index.release.unnamed", name=release),
        "release_name": release,
        "gate": _gate_name(first, report_title(first, found.get(first), words), words),
        "passed_count": judgement.passed_count,
        "missing_count": judgement.missing_count,
        "total_count": len(judgement.gates),
    }


def release_headline(judgement: ReleaseJudgement, found: Mapping[str, Report], words: Words) -> Markup:
    """Write whether the release may go out, in at most 13 words: titles of one's own are cut until it fits."""
    values = headline_values(judgement, found, words)
    first = judgement.first_to_do or judgement.gates[0].report
    title = report_title(first, found.get(first), words).split()
    gates = [_gate_name(first, _cut(title, kept), words) for kept in range(len(title), 0, -1)]
    for release, gate in product((values["release"], words.plain("index.release.unnamed")), gates):
        named = {**values, "release": release, "gate": gate}
        headline = words.text(f"index.verdict.{judgement.reason}.headline", **named)
        if len(headline.split()) <= HEADLINE_WORDS:
            break
    return headline


def report_title(name: str, report: Report | None, words: Words) -> str:
    """Return how a report is called: by the title it brings, by ours, or by its name in words."""
    titles = (report or {}).get("title")
    title = titles.get(words.language) if isinstance(titles, Mapping) else None
    if isinstance(title, str) and title.strip():
        return _short(" ".join(title.split()))
    shown = report_name(name, words.language)
    return (
        shown
        if shown != name
        else _short(" ".join(name.replace("_", " ").replace("-", " ").split()).capitalize() or name)
    )


def tighten_view(phase: Report, words: Words) -> dict[str, Any]:
    """Return whether thresholds may be tightened, with the texts of all conditions in one language.

    Args:
        phase: The current phase report; empty when there is none.
        words: Language.

    Returns:
        `answer` (allowed, open or unknown), `open` (texts) and `conditions` (text and met).
    """
    found = phase.get("phase", {}).get("tighten")
    if found is None:
        return {"answer": "unknown", "open": [], "conditions": []}
    return {
        "answer": "allowed" if found["allowed"] else "open",
        "open": [condition["text"][words.language] for condition in found["open"]],
        "conditions": [{"text": c["text"][words.language], "met": c["met"]} for c in found["conditions"]],
    }


def fitted_lead(tighten: Mapping[str, Any], words: Words) -> Markup:
    """Write the answer about thresholds, naming as many open conditions as a lead can hold."""
    texts, total = tighten["open"], len(tighten["conditions"])
    for named in range(len(texts), -1, -1):
        lead = words.text(
            f"index.tighten.{tighten['answer']}", open_count=len(texts), total=total, named="; ".join(texts[:named]),
            rest_count=len(texts) - named,
        )  # fmt: skip
        if len(lead.split()) <= LEAD_WORDS:
            break
    return lead


def make_cards(
    judgement: ReleaseJudgement, found: Mapping[str, Report], pages: Mapping[str, str | None], words: Words
) -> list[dict[str, Any]]:
    """Collect the cards of the gates, the worst first; a gate without a report says so."""
    gates = [gate.report for gate in judgement.gates]
    shown = [*_CARDS, *((name, "") for name in gates if name not in dict(_CARDS))]
    cards = [
        _card(name, figure_id, found.get(name), pages.get(name), words) for name, figure_id in shown if name in gates
    ]
    return sorted(cards, key=lambda card: (_STATUS_ORDER.index(card["status"]), gates.index(card["gate"])))


def key_figure(report: Report, words: Words) -> str:
    """Write the one number of a report that the history shows; a dash when it has none."""
    figure = _figure(report, dict(reversed(_CARDS)).get(report["report"]))
    return words.plain(f"index.key.{report['report']}", **figure) if figure else words.plain("index.no_key")


def reason_of(report: Report | None, words: Words) -> Markup:
    """Say the first caution of a pass, else the headline; or that there is no report."""
    if report is None:
        return words.text("index.no_report")
    view = view_report(report, words)
    told: list[Markup] = [*(view["cautions"] if report["verdict"] == "PASS" else []), view["headline"]]
    return told[0]


def _card(name: str, figure_id: str, report: Report | None, page: str | None, words: Words) -> dict[str, Any]:
    """Choose what stands on one card: a figure or else the headline, and the verdict of the gate or of its part."""
    figure = _figure(report, figure_id) if report else None
    shown = (figure if name == _PARTED else report) or report or {"verdict": "NO_DATA"}
    cautions = shown.get("cautions", [])
    title, key = report_title(name, report, words), f"index.card.{name}.{figure_id}"
    is_ours = words.knows(key)
    return {
        "gate": name, "status": status_of(shown["verdict"], cautions), "verdict": shown["verdict"],
        "cautions": cautions, "figure": figure, "report": report, "href": page,
        "title": words.plain(key) if is_ours else title,
        "label": words.plain(f"index.open.{name}" if is_ours else "index.open_own", title=title),
        "tag": words.plain("index.sample") if report and report["sample"] else None,
        "note": reason_of(report, words),
    }  # fmt: skip


def _figure(report: Report, figure_id: str | None) -> Mapping[str, Any] | None:
    return next((figure for figure in report["figures"] if figure["id"] == figure_id), None)


def _outcome(name: str, data: Report) -> GateOutcome:
    verdict = Verdict(data["verdict"])
    return GateOutcome(report=name, verdict=verdict, has_cautions=verdict is Verdict.PASS and bool(data["cautions"]))


def _gate_name(name: str, title: str, words: Words) -> str:
    key = f"index.gate.{name}"
    return words.plain(key) if words.knows(key) else words.plain("index.own_gate", title=title)


def _cut(title: list[str], kept: int) -> str:
    return " ".join(title[:kept]) + ("…" if kept < len(title) else "")


def _short(title: str) -> str:
    return title if len(title) <= _TITLE_LENGTH else f"{title[: _TITLE_LENGTH - 1]}…"
