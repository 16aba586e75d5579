"""Phase judge: may the release go out as far as our own tests say, and may thresholds be tightened?

Two questions that are kept apart. The first gates the release and reads this project's
own tests and coverage; the second reads the conditions of a phase and gates nothing.
Files and words do not belong here.
"""

from collections.abc import Iterable

from reliability.judge.check import Check, Judgement
from reliability.judge.coverage import CoverageJudgement
from reliability.verdicts import Verdict


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
