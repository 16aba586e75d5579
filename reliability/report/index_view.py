"""What the status page says: its sentences, its cards, and whether thresholds may be tightened.

Words and numbers of each report come from the report itself; this module chooses among
them and tests nothing against a limit.
"""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from reliability.judge.release import ReleaseJudgement
from reliability.report.marks import status_of
from reliability.report.verdict_view import view_report
from reliability.report.words import Words

Report = Mapping[str, Any]
LEAD_WORDS: Final = 35
_CARDS: Final = (
    ("canary_comparison", "p95"),
    ("rollback_readiness", "time"),
    ("phase_progress", "coverage"),
    ("phase_progress", "tests"),
)
_WHOLE_GATE: Final = ("canary_comparison", "rollback_readiness")  # one card stands for the whole report
_STATUS_ORDER: Final = ("fail", "none", "hold", "warn", "pass")


def headline_values(judgement: ReleaseJudgement, found: Mapping[str, Report], words: Words) -> dict[str, Any]:
    """Return what the headline names: release, first gate, counts; and the service under test."""
    canary = found.get("canary_comparison", {})
    release = canary.get("releases", {}).get("canary")
    first = judgement.first_to_do or judgement.gates[0].report
    return {
        "service": canary.get("service"),
        "release": words.plain("index.release.named" if release else "index.release.unnamed", name=release),
        "release_name": release,
        "gate": words.plain(f"index.gate.{first}"),
        "passed_count": judgement.passed_count,
        "missing_count": judgement.missing_count,
        "total_count": len(judgement.gates),
    }


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
    cards = [_card(name, figure_id, found.get(name), pages.get(name), words) for name, figure_id in _CARDS]
    return sorted(cards, key=lambda card: (_STATUS_ORDER.index(card["status"]), gates.index(card["gate"])))


def key_figure(report: Report, words: Words) -> str:
    """Write the one number of a report that the history shows; a dash when it has none."""
    figure = _figure(report, dict(reversed(_CARDS)).get(report["report"]))
    return words.plain(f"index.key.{report['report']}", **figure) if figure else words.plain("index.no_key")


def reason_of(report: Report | None, words: Words) -> Markup:
    """Say why a gate asks for something: its first caution, else its headline; or that there is no report."""
    if report is None:
        return words.text("index.no_report")
    view = view_report(report, words)
    told: list[Markup] = view["cautions"] if report["verdict"] == "PASS" else [view["headline"]]
    return told[0]


def _card(name: str, figure_id: str, report: Report | None, page: str | None, words: Words) -> dict[str, Any]:
    """Choose the figure of one card, and the verdict that stands on it."""
    figure = _figure(report, figure_id) if report else None
    shown = report if name in _WHOLE_GATE else figure
    verdict = shown["verdict"] if figure and shown else "NO_DATA"
    cautions = shown.get("cautions", []) if figure and shown else []
    return {
        "gate": name, "status": status_of(verdict, cautions), "verdict": verdict, "cautions": cautions,
        "figure": figure, "report": report, "href": page,
        "title": words.plain(f"index.card.{name}.{figure_id}"), "label": words.plain(f"index.open.{name}"),
        "tag": words.plain("index.sample") if report and report["sample"] else None,
        "note": words.plain("index.no_figure" if report else "index.no_report"),
    }  # fmt: skip


def _figure(report: Report, figure_id: str | None) -> Mapping[str, Any] | None:
    return next((figure for figure in report["figures"] if figure["id"] == figure_id), None)
