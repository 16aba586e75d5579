"""Phase judge: may the release go out as far as our own tests say, and may thresholds be tightened?

Two questions that are kept apart. The first gates the release and reads this project's
own tests and coverage; the second reads the conditions of a phase and gates nothing.
Files and words do not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from reliability.judge.check import Check, reason_of
from reliability.judge.coverage import CoverageJudgement
from reliability.verdicts import Verdict, worst

UNREADABLE_RECORD: Final = "unreadable-record"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseJudgement:
    """What our own tests and coverage say.

    Attributes:
        checks: Tests first, then the floor.
        cautions: Codes that leave a PASS a PASS.
    """

    checks: tuple[Check, ...]
    cautions: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Fold of the checks."""
        return worst(check.verdict for check in self.checks)

    @property
    def reason(self) -> str:
        """Code of the worst check; of the coverage when all is well."""
        if self.verdict is Verdict.PASS:
            return self.checks[-1].reason
        return reason_of(self.checks, self.verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition for tightening thresholds.

    Attributes:
        id: Name of the condition.
        met: Whether it holds.
    """

    id: str
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TightenJudgement:
    """Whether deployment thresholds may be tightened.

    Attributes:
        conditions: All conditions of the phase.
    """

    conditions: tuple[Condition, ...]

    @property
    def allowed(self) -> bool:
        """Only when there are conditions and each one is met."""
        return bool(self.conditions) and not self.open

    @property
    def open(self) -> tuple[Condition, ...]:
        """Conditions that are not met."""
        return tuple(condition for condition in self.conditions if not condition.met)


def judge_phase(
    *, passed_count: int, broken_count: int, coverage: CoverageJudgement, unreadable_count: int = 0
) -> PhaseJudgement:
    """Judge our own evidence.

    Args:
        passed_count: Tests that passed.
        broken_count: Tests that failed or errored.
        coverage: Coverage beside floor and goals.
        unreadable_count: Entries of the record that could not be read.

    Returns:
        PASS only when tests ran, none broke and coverage is at or above its floor.
    """
    floor = Check(
        id="floor",
        verdict=coverage.verdict,
        reason=coverage.reason,
        values={
            "measured_fraction": _number(coverage.measured_fraction),
            "floor_fraction": float(coverage.floor_fraction),
        },
    )
    cautions = (UNREADABLE_RECORD,) if unreadable_count else ()
    return PhaseJudgement(checks=(_tests(passed_count, broken_count), floor), cautions=cautions)


def judge_tighten(conditions: Sequence[Condition]) -> TightenJudgement:
    """Judge whether deployment thresholds may be tightened.

    Args:
        conditions: Conditions of the phase.

    Returns:
        The judgement; no condition at all does not allow anything.
    """
    return TightenJudgement(conditions=tuple(conditions))


def _tests(passed_count: int, broken_count: int) -> Check:
    values = {"passed_count": passed_count, "broken_count": broken_count}
    if broken_count:
        return Check(id="tests", verdict=Verdict.FAIL, reason="tests-failed", values=values)
    if not passed_count:
        return Check(id="tests", verdict=Verdict.NO_DATA, reason="no-test-passed", values=values)
    return Check(id="tests", verdict=Verdict.PASS, reason="tests-green", values=values)


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
