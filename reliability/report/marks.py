"""What small drawings need: the status of a verdict, and where things lie on a gauge.

How they look belongs to `templates/marks.html.j2`, charts with axes to `reliability.report.svg`.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

STATUS: Final = MappingProxyType({
    "PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "hold", "UNKNOWN": "hold", "NO_DATA": "none",
})  # fmt: skip
_WIDTH: Final = 240  # px
_EDGE: Final = 6
_LABEL_ROOM: Final = 34  # between two tick labels, else the one under zero is left out


def status_of(verdict: str, cautions: Sequence[object] = ()) -> str:
    """Return the status of a verdict as CSS knows it: a PASS with cautions is `warn`."""
    return "warn" if verdict == "PASS" and cautions else STATUS[verdict]


def gauge_places(
    value: float, limit: float, limit_label: str, interval: Sequence[float | None] | None
) -> dict[str, Any]:
    """Place a value, its likely range and its limit on a gauge that shows zero too.

    Args:
        value: The value.
        limit: The limit.
        limit_label: The limit in words.
        interval: Likely range, or None; an open end runs to the edge.

    Returns:
        Pixels of value, limit, low and high; labels with their place and anchor.
    """
    low, high = interval or (value, value)
    known = [v for v in (0.0, value, limit, low, high) if v is not None]
    room = 0.12 * (max(known) - min(known) or 1.0)
    first, last = min(known) - (room if min(known) < 0 else 0), max(known) + room

    def x(at: float) -> float:
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * (at - first) / (last - first), 1)

    labels = [_label(x(0), "0")] if abs(x(limit) - x(0)) > _LABEL_ROOM else []
    return {
        "value": x(value), "limit": x(limit), "low": x(first if low is None else low),
        "high": x(last if high is None else high), "labels": [*labels, _label(x(limit), limit_label)],
    }  # fmt: skip


def _label(x: float, text: str) -> tuple[float, str, str]:
    """Place a label under its tick, kept inside the drawing."""
    if x < _LABEL_ROOM / 2:
        return x - _EDGE, "start", text
    return (x + _EDGE, "end", text) if x > _WIDTH - _LABEL_ROOM / 2 else (x, "middle", text)
