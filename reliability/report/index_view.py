"""What the status page says: its sentences, its cards, and whether thresholds may be tightened.

Words and numbers of each report come from the report itself; this module chooses among
them and tests nothing against a limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from reliability.judge.release import ReleaseJudgement
from reliability.report.environment import page_environment
from reliability.report.history import HistoryEntry
from reliability.report.marks import status_of
from reliability.report.words import Words
from reliability.shipped import shipped_folder

LEAD_WORDS: Final = 35
_CARDS: Final = (
    ("canary_comparison", "p95"),
    ("rollback_readiness", "time"),
    ("phase_progress", "coverage"),
    ("phase_progress", "tests"),
)
_WHOLE_GATE: Final = ("canary_comparison", "rollback_readiness")  # one card stands for the whole report
_STATUS_ORDER: Final = ("fail", "none", "hold", "warn", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The report that counts now for one gate.

    Attributes:
        entry: Where it lies.
        data: Its JSON.
        href: Address of its page from the index; None when there is none.
    """

    entry: HistoryEntry
    data: Mapping[str, Any]
    href: str | None


def headline_values(judgement: ReleaseJudgement, current: Mapping[str, Current], words: Words) -> dict[str, object]:
    """Return what the headline names: release, first gate, counts."""
    canary = current.get("canary_comparison")
    release = canary.data.get("releases", {}).get("canary") if canary else None
    first = judgement.first_to_do or judgement.gates[0].report
    return {
        "release": words.plain("index.release.named", name=release)
        if release
        else words.plain("index.release.unnamed"),
        "release_name": release,
        "gate": words.plain(f"index.gate.{first}"),
        "passed_count": judgement.passed_count,
        "missing_count": judgement.missing_count,
        "total_count": len(judgement.gates),
    }


def tighten_view(phase: Current | None, words: Words) -> dict[str, Any]:
    """Return whether thresholds may be tightened, with the texts of all conditions in one language.

    Args:
        phase: The current phase report, or None.
        words: Language.

    Returns:
        `answer` (allowed, open or unknown), `total`, `open` (texts) and `conditions`
        (text and met).
    """
    found = (phase.data.get("phase") or {}).get("tighten") if phase else None
    if not found or found.get("allowed") is None:
        return {"answer": "unknown", "total": 0, "open": [], "conditions": []}
    texts = [_in_language(condition["text"], words) for condition in found["open"]]
    listed = found.get("conditions") or [{"text": condition["text"], "met": False} for condition in found["open"]]
    return {
        "answer": "allowed" if found["allowed"] else "open",
        "total": found["total"],
        "open": texts,
        "conditions": [{"text": _in_language(c["text"], words), "met": c["met"]} for c in listed],
    }


def fitted_lead(tighten: Mapping[str, Any], words: Words) -> Markup:
    """Write the answer about thresholds, naming as many open conditions as a lead can hold."""
    key = f"index.tighten.{tighten['answer']}"
    texts = tighten["open"]
    for named in range(len(texts), -1, -1):
        rest = len(texts) - named
        values = {"open_count": len(texts), "total": tighten["total"], "named": "; ".join(texts[:named]),
                  "has_named": named > 0, "rest_count": rest, "has_rest": rest > 0}  # fmt: skip
        if len(words.plain(key, **values).split()) <= LEAD_WORDS:
            break
    return words.text(key, **values)


def make_cards(judgement: ReleaseJudgement, current: Mapping[str, Current], words: Words) -> list[Markup]:
    """Render the cards of the gates, the worst first; a gate without a report says so."""
    ranked = [_card(name, wanted, current.get(name), words) for name, wanted in _CARDS]
    gates = [gate.report for gate in judgement.gates]
    ranked.sort(key=lambda card: (_STATUS_ORDER.index(card[0]), gates.index(card[1])))
    return [card[2] for card in ranked]


def key_figure(data: Mapping[str, Any], words: Words) -> str:
    """Write the one number of a report that the history shows; a dash when it has none."""
    key = f"index.key.{data['report']}"
    wanted = dict(_CARDS[:3]).get(data["report"])
    figure = _figure(data, wanted)
    if figure is None or figure["id"] != wanted or not words.knows(key):
        return words.plain("index.no_key")
    return words.text(key, **figure)


def _card(name: str, wanted: str, current: Current | None, words: Words) -> tuple[str, str, Markup]:
    """Render one card; return its status and gate beside it, to sort by."""
    environment = page_environment(words.language)
    figure = _figure(current.data, wanted) if current else None
    extra: dict[str, object] = {
        "title": words.plain(f"index.card.{name}.{wanted}"), "label": words.plain(f"index.open.{name}"),
        "href": current.href if current else None, "tag": None, "verdict": None, "cautions": [],
    }  # fmt: skip
    if current is None or figure is None:
        empty: Any = environment.get_template("figures/default.html.j2").module
        note = words.plain("index.no_figure" if current else "index.no_report")
        return "none", name, empty.nothing(extra["title"], note, extra)
    shown = current.data if name in _WHOLE_GATE else figure
    extra |= {
        "tag": words.plain("index.sample") if current.data["sample"] else None,
        "verdict": shown["verdict"], "cautions": shown.get("cautions", []),
    }  # fmt: skip
    macros: Any = environment.get_template(f"figures/{_template(name)}.html.j2").module
    status = status_of(shown["verdict"], shown.get("cautions", []))
    return status, name, getattr(macros, figure["id"])(figure, current.data, extra)


def _template(name: str) -> str:
    return name if (shipped_folder("templates") / "figures" / f"{name}.html.j2").is_file() else "default"


def _figure(data: Mapping[str, Any], wanted: str | None) -> Mapping[str, Any] | None:
    return next((figure for figure in data["figures"] if figure["id"] == wanted), None)


def _in_language(text: object, words: Words) -> str:
    if isinstance(text, Mapping):
        return str(text.get(words.language) or next(iter(text.values()), ""))
    return str(text)
