"""What an analyst's own checks and queries say: their rows, and the values their headline chooses by.

They may stand in any report. Their verdicts are judged in `reliability.notebook.own_checks`.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from reliability.report.words import Words

Data = Mapping[str, Any]
_NUMBERS: Final = ("value", "at_most", "at_least")
_NAME_WORDS: Final = 6
_NAMES_WORDS: Final = 16
_LONGEST_NAME: Final = 60


def is_own(check: Data) -> bool:
    """Tell whether an analyst's cell made a check, and not the report's judge."""
    return str(check["id"]).startswith(("own:", "query:"))


def check_texts(check: Data, words: Words) -> dict[str, str]:
    """Write name, rule and what was seen of an analyst's check in plain text."""
    values = {**check["values"], **{f"{name}_digits": _digits(check["values"].get(name)) for name in _NUMBERS}}
    return {part: words.plain(f"own.check.{check['reason']}.{part}", **values) for part in ("name", "rule", "seen")}


def own_values(report: Data, words: Words) -> dict[str, Any]:
    """Derive what headline and lead of an analyst's check choose by; nothing where another reason carries the verdict.

    Args:
        report: A report's JSON.
        words: Language.

    Returns:
        Values by name; `reason_detail` is the verdict.
    """
    own = [check for check in report.get("checks", ()) if is_own(check) and check["reason"] == report["reason"]]
    carrying = next((check for check in own if check["verdict"] == report["verdict"]), None)
    if carrying is None:
        return {}
    texts = check_texts(carrying, words)
    return {
        "reason_detail": report["verdict"],
        "own_name": _clipped(texts["name"], _NAME_WORDS),
        "own_names": _clipped("; ".join(check_texts(check, words)["name"] for check in own), _NAMES_WORDS),
        "own_rule": texts["rule"],
        "own_seen": texts["seen"],
        "own_count": len(own),
        "own_missed_count": sum(check["verdict"] == report["verdict"] for check in own),
    }


def _digits(value: float | None) -> int:
    """Return the decimals of a number that six significant figures need."""
    if value is None or not math.isfinite(value):
        return 0
    exponent = Decimal(f"{value:.6g}").normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _clipped(text: str, count: int) -> str:
    parts = text.split()
    kept = " ".join(parts[:count])[: _LONGEST_NAME * count // _NAME_WORDS]
    return kept if kept == " ".join(parts) else f"{kept}…"
