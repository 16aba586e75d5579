"""What the methods answered over many runs, condensed to the numbers that are published.

Pure counting; simulating and printing do not belong here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.bench.cells import Question

OURS = "ours"


@dataclass(slots=True, kw_only=True)
class Tally:
    """Answers of one method in one cell at one true change.

    Attributes:
        answers: How often each answer was given, for example `PASS:inside-budget`.
        intervals: How often a 95 % interval was given.
        held: How often it held the true change.
        seconds: CPU time of all answers together.
    """

    answers: Counter[str] = field(default_factory=Counter)
    intervals: int = 0
    held: int = 0
    seconds: float = 0.0

    def add(self, answer: str, *, interval: tuple[float, float] | None = None, truth: float = 0.0) -> None:
        """Count one answer."""
        self.answers[answer] += 1
        if interval is not None:
            self.intervals += 1
            self.held += interval[0] <= truth <= interval[1]

    def merge(self, other: "Tally") -> None:
        """Add another tally of the same method."""
        self.answers.update(other.answers)
        self.intervals += other.intervals
        self.held += other.held
        self.seconds += other.seconds

    def count(self, beginning: str, *, holding: str = "") -> int:
        """Count the answers that begin with a verdict and hold a text."""
        return sum(n for answer, n in self.answers.items() if answer.startswith(beginning) and holding in answer)

    def percent(self, beginning: str, *, holding: str = "") -> float:
        """Return their share."""
        return 100.0 * self.count(beginning, holding=holding) / self.answers.total()

    @property
    def held_percent(self) -> float:
        """Share of the intervals that held the truth; NaN without intervals."""
        return 100.0 * self.held / self.intervals if self.intervals else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Return the tally for a file."""
        return {
            "answers": dict(sorted(self.answers.items())),
            "intervals": self.intervals,
            "held": self.held,
            "seconds": self.seconds,
        }

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "Tally":
        """Read a tally."""
        return cls(**{**fields, "answers": Counter(fields["answers"])})


Results = dict[tuple[str, float], dict[str, Tally]]


def pooled(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    return total


@dataclass(frozen=True, slots=True)
class Columns:
    """The shares of one method, looked up by cells, change and verdict."""

    question: Question
    results: Results
    method: str

    def shares(self, cells: Sequence[str], effect: float, verdict: str) -> list[float]:
        """Return the share of a verdict in each cell that was measured; NaN for no cell."""
        found = [self.results.get((cell, effect), {}).get(self.method) for cell in cells]
        return [tally.percent(verdict) for tally in found if tally is not None] or [float("nan")]

    def worst(self, cells: Sequence[str], effect: float, verdict: str) -> float:
        """Return the largest share."""
        return max(self.shares(cells, effect, verdict))

    def mean(self, cells: Sequence[str], effect: float, verdict: str) -> float:
        """Return the mean share."""
        return float(np.mean(self.shares(cells, effect, verdict)))


def cells_of(question: Question, results: Results, *, notes: Iterable[str]) -> list[str]:
    """Return the cells that were run and carry one of the notes."""
    return [name for name, cell in question.cells.items() if cell.note in notes and (name, 0.0) in results]


def methods_of(results: Results) -> list[str]:
    """Return all methods that answered anywhere."""
    return list(dict.fromkeys(method for tallies in results.values() for method in tallies))


def condensed(question: Question, results: Results) -> dict[str, dict[str, float]]:
    """Condense the cells of a question with a margin: worst and mean, the goals' numbers.

    Returns:
        Numbers in percent by method; "main" are the cells without a note.
    """
    every, main = (cells_of(question, results, notes=notes) for notes in (("", "low", "coarse", "hard"), ("",)))
    fair, hard = (cells_of(question, results, notes=notes) for notes in (("", "low", "coarse"), ("hard",)))
    boundary = question.boundary or 0.0
    rows: dict[str, dict[str, float]] = {}
    for method in methods_of(results):
        look = Columns(question, results, method)
        row = {}
        for effect in question.effects:
            if effect < boundary:
                row[f"FAIL at {effect:g}, worst"] = look.worst(every, effect, "FAIL")
                row[f"FAIL at {effect:g}, worst but hard"] = look.worst(fair, effect, "FAIL")
                row[f"FAIL at {effect:g}, worst main"] = look.worst(main, effect, "FAIL")
                row[f"FAIL at {effect:g}, worst hard"] = look.worst(hard, effect, "FAIL")
            elif effect > boundary:
                row[f"PASS at {effect:g}, worst"] = look.worst(every, effect, "PASS")
                row[f"PASS at {effect:g}, worst but hard"] = look.worst(fair, effect, "PASS")
                row[f"FAIL at {effect:g}, mean main"] = look.mean(main, effect, "FAIL")
        for verdict in ("FAIL", "PASS"):
            row[f"{verdict} on the margin, mean main"] = look.mean(main, boundary, verdict)
            row[f"{verdict} on the margin, worst main"] = look.worst(main, boundary, verdict)
            row[f"{verdict} on the margin, worst hard"] = look.worst(hard, boundary, verdict)
        row["PASS at 0, mean main"] = look.mean(main, 0.0, "PASS")
        row["wrong with default buckets"] = _wrong(look, boundary)
        rows[method] = row
    return rows


def _wrong(look: Columns, boundary: float) -> float:
    """Return the largest share of wrong verdicts with default buckets, up to twice the margin."""
    cells = [
        name for name, cell in look.question.cells.items() if cell.layout == "prom" and (name, 0.0) in look.results
    ]
    effects = [effect for effect in look.question.effects if effect <= 2 * boundary and effect != boundary]
    return max(look.worst(cells, effect, "FAIL" if effect < boundary else "PASS") for effect in effects)


def held_by_cell(question: Question, results: Results, method: str) -> dict[str, float]:
    """Return how often the 95 % interval held the truth, by cell, all changes together, in percent."""
    found: dict[str, Tally] = {}
    for (name, effect), tallies in results.items():
        if method in tallies and effect in question.effects:
            found.setdefault(name, Tally()).merge(tallies[method])
    return {name: tally.held_percent for name, tally in found.items()}
