"""Phase judge: may the release go out as far as our own tests say, and may thresholds be tightened?

Two questions that are kept apart. The first gates the release and reads this project's
own tests and coverage; the second reads the conditions of a phase and gates nothing.
Shares are exact fractions: 34.6 % is not 35 %, whatever a display says. Evidence that is not
trusted neither passes nor fails anything. Files and words do not belong here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from reliability.judge.check import Check, Judgement
from reliability.judge.ratchet import RatchetDecision
from reliability.verdicts import Verdict

_OF_EVIDENCE: Final = ("stale-evidence", "stale-source", "dirty-tree", "file-set", "test-files-in-source")
UNATTRIBUTED: Final = frozenset(_OF_EVIDENCE[:3])
"""Codes that say: what was measured is not what is there now."""
_OF_SUITES: Final = ("run-incomplete", "suite-not-run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition for tighter thresholds.

    Attributes:
        id: Stable name.
        is_met: Whether it is met.
        values: Numbers and names for its sentence.
    """

    id: str
    is_met: bool
    values: Mapping[str, object]


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
    *,
    passed_count: int,
    broken_count: int,
    coverage: CoverageJudgement,
    unreadable_count: int = 0,
    decision: RatchetDecision | None = None,
    cautions: Sequence[str] = (),
) -> Judgement:
    """Judge our own evidence.

    Args:
        passed_count: Tests of the required suites that passed.
        broken_count: Those that failed or errored.
        coverage: Coverage beside floor and goals.
        unreadable_count: Entries of the record that could not be read.
        decision: What the ratchet says of the manifest; None for files that have none.
        cautions: Codes of what else leaves a PASS a PASS.

    Returns:
        PASS only when the evidence is trusted, every required suite ran, none of its tests broke
        and coverage is at or above its floor; the reason is then that of the coverage.
    """
    checks = [_tests(passed_count, broken_count), _floor(coverage)]
    if decision is not None:
        evidence = _found(decision, "evidence", _OF_EVIDENCE, good="evidence-trusted")
        suites = _found(decision, "suites", _OF_SUITES, good="suites-ran")
        if evidence.reason in UNATTRIBUTED:
            checks = [_untrusted(check) for check in checks]
        elif suites.verdict is not Verdict.PASS and coverage.measured_fraction is None:
            checks[1] = Check(
                id="floor", verdict=Verdict.INCONCLUSIVE, reason="combined-not-measured", values=checks[1].values
            )
        checks = [evidence, suites, *checks]
    return Judgement(
        checks=tuple(checks),
        cautions=(*cautions, *(("unreadable-record",) if unreadable_count else ())),
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


def judge_conditions(
    *,
    coverage: CoverageJudgement,
    decision: RatchetDecision,
    requirements: Mapping[str, tuple[int, int]],
    risks: Sequence[bool],
    module_goals: Sequence[bool],
    tasks: Sequence[bool],
) -> tuple[Condition, ...]:
    """Judge the conditions under which thresholds may be tightened.

    Args:
        coverage: Coverage beside floor and goals.
        decision: What the ratchet says of the evidence.
        requirements: Component -> how many of its requirements are verified, and how many it has.
        risks: Whether each risk is under control.
        module_goals: Whether each module goal is met.
        tasks: Whether each task is done.

    Returns:
        The conditions; risks, module goals and tasks only when the phase has some.
    """
    codes = set(decision.codes)
    is_vouched = "no-manifest" not in codes
    goal = next((g for g in coverage.goal_fractions if g > coverage.floor_fraction), None)
    measured = coverage.measured_fraction
    lists = {"risks": risks, "module-goals": module_goals, "tasks": tasks}
    return (
        Condition(
            id="evidence",
            is_met=is_vouched and not codes & {*_OF_EVIDENCE, "no-data"},
            values={"codes": [code for code in decision.codes if code in (*_OF_EVIDENCE, "no-data", "no-manifest")]},
        ),
        Condition(
            id="suites",
            is_met=is_vouched and not codes & {*_OF_SUITES, "tests-failed", "fewer-tests", "no-data"},
            values={},
        ),
        Condition(
            id="goal",
            is_met=measured is not None and (goal is None or measured >= goal),
            values={"goal_fraction": goal, "measured_fraction": measured},
        ),
        *(
            Condition(
                id=f"requirements-{component}",
                is_met=verified == count,
                values={"component": component, "met_count": verified, "count": count},
            )
            for component, (verified, count) in requirements.items()
        ),
        *(
            Condition(id=name, is_met=all(states), values={"met_count": sum(states), "count": len(states)})
            for name, states in lists.items()
            if states
        ),
    )


def _found(decision: RatchetDecision, check_id: str, codes: Sequence[str], *, good: str) -> Check:
    """Return the first of these codes as a check; PASS when none was found."""
    reasons = [reason for reason in decision.reasons if reason.code in codes]
    if not reasons:
        return Check(id=check_id, verdict=Verdict.PASS, reason=good, values={})
    return Check(id=check_id, verdict=Verdict.INCONCLUSIVE, reason=reasons[0].code, values=reasons[0].values)


def _untrusted(check: Check) -> Check:
    return Check(id=check.id, verdict=Verdict.INCONCLUSIVE, reason="not-trusted", values=check.values)


def _floor(coverage: CoverageJudgement) -> Check:
    measured = coverage.measured_fraction
    values = {
        "measured_fraction": None if measured is None else float(measured),
        "floor_fraction": float(coverage.floor_fraction),
    }
    return Check(id="floor", verdict=coverage.verdict, reason=coverage.reason, values=values)


def _tests(passed_count: int, broken_count: int) -> Check:
    verdict, reason = Verdict.PASS, "tests-green"
    if broken_count:
        verdict, reason = Verdict.FAIL, "tests-failed"
    elif not passed_count:
        verdict, reason = Verdict.NO_DATA, "no-test-passed"
    values = {"passed_count": passed_count, "broken_count": broken_count}
    return Check(id="tests", verdict=verdict, reason=reason, values=values)
