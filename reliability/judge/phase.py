"""Phase judge: may the release go out as far as our own tests say, and may thresholds be tightened?

Two questions that are kept apart. The first gates the release and reads this project's
own tests and coverage; the second reads the conditions of a phase and gates nothing.
Shares are exact fractions: 34.6 % is not 35 %, whatever a display says. Files and words do
not belong here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reliability.judge.check import Check, Judgement
from reliability.verdicts import Verdict


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
        return 100 * (self.next_goal_fraction - self.measured_fraction)


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


def judge_phase(
    *, passed_count: int, broken_count: int, coverage: CoverageJudgement, unreadable_count: int = 0
) -> Judgement:
    """Judge our own evidence.

    Args:
        passed_count: Tests that passed.
        broken_count: Tests that failed or errored.
        coverage: Coverage beside floor and goals.
        unreadable_count: Entries of the record that could not be read.

    Returns:
        PASS only when tests ran, none broke and coverage is at or above its floor; the
        reason is then that of the coverage.
    """
    measured = coverage.measured_fraction
    floor = Check(
        id="floor",
        verdict=coverage.verdict,
        reason=coverage.reason,
        values={
            "measured_fraction": None if measured is None else float(measured),
            "floor_fraction": float(coverage.floor_fraction),
        },
    )
    return Judgement(
        checks=(_tests(passed_count, broken_count), floor),
        cautions=("unreadable-record",) if unreadable_count else (),
        pass_reason=coverage.reason,
    )


def may_tighten(conditions: Iterable[bool]) -> bool:
    """Tell whether deployment thresholds may be tightened.

    Args:
        conditions: Whether each condition of the phase is met.

    Returns:
        True when every condition is met; no condition at all does not allow anything.
    """
    return set(conditions) == {True}


def _tests(passed_count: int, broken_count: int) -> Check:
    verdict, reason = Verdict.PASS, "tests-green"
    if broken_count:
        verdict, reason = Verdict.FAIL, "tests-failed"
    elif not passed_count:
        verdict, reason = Verdict.NO_DATA, "no-test-passed"
    values = {"passed_count": passed_count, "broken_count": broken_count}
    return Check(id="tests", verdict=verdict, reason=reason, values=values)
