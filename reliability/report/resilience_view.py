"""What the section on breakers, locks and sessions says beside its numbers: what is not closed, and the legend.

Numbers come with the block; which series the chart draws is decided here, for legend and chart alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reliability.report.words import Words

Data = Mapping[str, Any]
LOOKS: Final = ("base", "cana")  # of the kinds of sessions that are drawn; others stand in the table


def drawn_sessions(data: Data) -> Sequence[Data]:
    """Return the kinds of sessions that the chart draws: those with most sessions, or one that has none."""
    kinds: list[Data] = sorted(data["sessions"], key=lambda kind: -kind["most_count"])
    return [kind for kind in kinds if kind["most_count"]][: len(LOOKS)] or kinds[:1]


def view_resilience(data: Data, words: Words) -> dict[str, object]:
    """Return the breakers that are not closed at the end, and the legend; without sessions there is no chart."""
    drawn = drawn_sessions(data)
    number = words.formats.number
    rows = [
        (look, _kind(kind["kind"], words), number(kind["now_count"])) for look, kind in zip(LOOKS, drawn, strict=False)
    ]
    if any(breaker["not_closed_spells"] for breaker in data["breakers"]):
        rows.append(("bandlimit", words.plain("phase.resilience.shaded"), ""))
    return {
        "not_closed": [breaker for breaker in data["breakers"] if breaker["not_closed_since_at"]],
        "legend": rows if drawn else [],
    }


def _kind(kind: str, words: Words) -> str:
    path = f"phase.resilience.kind.{kind}"
    return words.plain(path) if words.knows(path) else kind
