"""What the verdict must reach on simulated canaries: each goal with its limit, as plain data.

The numbers come from `tally.condensed`; whether a goal is met is decided here, its words stand in
`results_table`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One number that must be small or large enough.

    Attributes:
        question: `latency` or `errors`.
        says: What it is, for a reader.
        key: Its name in the condensed table.
        limit: The limit, in percent.
        side: Whether the number may be at most or must be at least the limit.
    """

    question: str
    says: str
    key: str
    limit: float
    side: Literal["at most", "at least"] = "at most"

    def reached(self, row: Mapping[str, float]) -> float:
        """Return the number of a method; NaN when it was not measured."""
        return row.get(self.key, math.nan)

    def is_met(self, row: Mapping[str, float]) -> bool:
        """Whether a method reaches it; not when it was not measured."""
        value = round(self.reached(row), 6)
        return value <= self.limit if self.side == "at most" else value >= self.limit


def _latency(says: str, key: str, limit: float, side: Literal["at most", "at least"] = "at most") -> Goal:
    return Goal(question="latency", says=says, key=key, limit=limit, side=side)


def _errors(says: str, key: str, limit: float, side: Literal["at most", "at least"] = "at most") -> Goal:
    return Goal(question="errors", says=says, key=key, limit=limit, side=side)


GOALS = (
    _latency("no change: FAIL, worst of all 25 cells", "FAIL at 0, worst", 0.5),
    _latency("+5 %: FAIL, worst main cell", "FAIL at 0.05, worst main", 1.0),
    _latency("+5 %: FAIL, worst hard cell", "FAIL at 0.05, worst hard", 5.0),
    _latency("+10 %, on the margin: FAIL, mean of main cells", "FAIL on the margin, mean main", 3.5),
    _latency("+10 %, on the margin: PASS, mean of main cells", "PASS on the margin, mean main", 6.5),
    _latency("+10 %, on the margin: FAIL, worst main cell", "FAIL on the margin, worst main", 10.0),
    _latency("+10 %, on the margin: PASS, worst main cell", "PASS on the margin, worst main", 12.0),
    _latency("+15 %: PASS, worst cell but hard", "PASS at 0.15, worst but hard", 0.5),
    _latency("+20 %: PASS, worst cell but hard", "PASS at 0.2, worst but hard", 0.2),
    _latency("+50 %: PASS, worst cell but hard", "PASS at 0.5, worst but hard", 0.0),
    _latency("no change: PASS, mean of main cells", "PASS at 0, mean main", 97.0, "at least"),
    _latency("+20 %: FAIL, mean of main cells", "FAIL at 0.2, mean main", 94.0, "at least"),
    _latency("+50 %: FAIL, mean of main cells", "FAIL at 0.5, mean main", 99.5, "at least"),
    _latency("default buckets, up to +20 %: wrong verdicts, worst", "wrong with default buckets", 0.5),
    _errors("no change: FAIL, worst of all 11 cells", "FAIL at 0, worst", 0.5),
    _errors("half the margin: FAIL, worst of all cells", "FAIL at 0.5, worst", 1.0),
    _errors("on the margin: FAIL, worst main cell", "FAIL on the margin, worst main", 5.0),
    _errors("on the margin: PASS, worst main cell", "PASS on the margin, worst main", 12.0),
    _errors("twice the margin: PASS, worst of all cells", "PASS at 2, worst", 0.0),
    _errors("no change: PASS, mean of main cells", "PASS at 0, mean main", 96.0, "at least"),
    _errors("twice the margin: FAIL, mean of main cells", "FAIL at 2, mean main", 78.0, "at least"),
    _errors("four times the margin: FAIL, mean of main cells", "FAIL at 4, mean main", 98.5, "at least"),
)
