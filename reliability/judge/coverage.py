"""Coverage judge: where does a measured coverage stand between its floor and its goals?

Pure: exact fractions in, a verdict out. 34.6 % is not 35 %, whatever a display says.
Reading coverage files and raising floors do not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from reliability.verdicts import Verdict

_POINTS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageJudgement:
    """A coverage beside its floor and its goals.

    Attributes:
        measured_fraction: Covered share; None when nothing was measured.
        floor_fraction: Least share that passes.
        goal_fractions: Goals of the phase, rising.
    """

    measured_fraction: Fraction | None
    floor_fraction: Fraction
    goal_fractions: tuple[Fraction, ...]

    @property
    def verdict(self) -> Verdict:
        """PASS at or above the floor; goals only inform."""
        if self.measured_fraction is None:
            return Verdict.NO_DATA
        return Verdict.PASS if self.measured_fraction >= self.floor_fraction else Verdict.FAIL

    @property
    def reason(self) -> str:
        """`nothing-measured`, `below-floor`, `above-floor`, `goal-reached` or `last-goal-reached`."""
        if self.measured_fraction is None:
            return "nothing-measured"
        if self.measured_fraction < self.floor_fraction:
            return "below-floor"
        if not self.reached_goals:
            return "above-floor"
        return "goal-reached" if self.next_goal_fraction is not None else "last-goal-reached"

    @property
    def reached_goals(self) -> tuple[Fraction, ...]:
        """Goals that the measured share meets."""
        measured = self.measured_fraction
        return () if measured is None else tuple(g for g in self.goal_fractions if measured >= g)

    @property
    def next_goal_fraction(self) -> Fraction | None:
        """The lowest goal that is not met; None when all are."""
        return next((g for g in self.goal_fractions if g not in self.reached_goals), None)

    @property
    def missing_points(self) -> Fraction | None:
        """Percentage points up to the next goal; None without a goal or a measurement."""
        if self.measured_fraction is None or self.next_goal_fraction is None:
            return None
        return _POINTS * (self.next_goal_fraction - self.measured_fraction)


def judge_coverage(measured: Fraction | None, *, goals: Sequence[Fraction], floor: Fraction) -> CoverageJudgement:
    """Judge a coverage against its floor and its goals.

    Args:
        measured: Covered share in `[0, 1]`, exact; None when nothing was measured.
        goals: Goals as shares, in any order.
        floor: Least share that passes.

    Returns:
        The judgement; NO_DATA when nothing was measured.
    """
    return CoverageJudgement(measured_fraction=measured, floor_fraction=floor, goal_fractions=tuple(sorted(goals)))
