"""Ratchet judge: may the threshold of coverage be raised, to what, and if not, why not?

Pure: facts of one run, of the accepted runs before it and of the threshold in force arrive as
plain numbers from `reliability.notebook.phase_facts`. Shares are exact fractions, so 34.999 %
is not 35 %. Every reason that applies is listed, not only the first. Nothing here lowers a
threshold. Files, configuration and words do not belong here.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from reliability.judge.ratchet_facts import RatchetFacts, Reason, SuiteFacts
from reliability.verdicts import Verdict, worst

_SHOWN_DIGITS: Final = 10_000  # two decimals of a percentage, rounded down


class Action(StrEnum):
    """What the ratchet does."""

    RAISE = "RAISE"
    HOLD = "HOLD"
    REFUSE = "REFUSE"
    BASELINE = "BASELINE"


# What each code demands; of several the first of REFUSE, BASELINE, HOLD.
ACTION_BY_CODE: Final[Mapping[str, Action]] = {
    "no-manifest": Action.HOLD,
    "stale-evidence": Action.HOLD,
    "stale-source": Action.REFUSE,
    "dirty-tree": Action.REFUSE,
    "tests-failed": Action.HOLD,
    "run-incomplete": Action.HOLD,
    "suite-not-run": Action.HOLD,
    "fewer-tests": Action.HOLD,
    "no-data": Action.REFUSE,
    "file-set": Action.REFUSE,
    "test-files-in-source": Action.REFUSE,
    "definition-changed": Action.BASELINE,
    "module-goal": Action.HOLD,
    "unreadable-record": Action.REFUSE,
    "no-threshold": Action.HOLD,
    "threshold-conflict": Action.REFUSE,
    "below-floor": Action.HOLD,
    "below-goal": Action.HOLD,
    "not-higher": Action.HOLD,
    "unstable": Action.HOLD,
    "at-goal": Action.HOLD,
}
_UNATTRIBUTED: Final = frozenset({"stale-evidence", "stale-source", "dirty-tree"})  # nothing it says is believed
_LEAVES_NOTHING: Final = frozenset({"run-incomplete", "suite-not-run"})  # why there may be no figure
_FLOOR_VERDICTS: Final[Mapping[str, Verdict]] = {
    "tests-failed": Verdict.FAIL,
    "below-floor": Verdict.FAIL,
    "no-manifest": Verdict.NO_DATA,
    "no-data": Verdict.NO_DATA,
    "run-incomplete": Verdict.INCONCLUSIVE,
    "suite-not-run": Verdict.INCONCLUSIVE,
    "file-set": Verdict.INCONCLUSIVE,
    "test-files-in-source": Verdict.INCONCLUSIVE,
}
_NOT_ACCEPTED: Final = _UNATTRIBUTED | set(_FLOOR_VERDICTS) - {"below-floor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RatchetDecision:
    """What is done about the threshold.

    Attributes:
        reasons: Everything that speaks against a raise; none of it: RAISE.
        from_percent: Threshold in force; None when there is none.
        to_percent: New value of a RAISE, else None.
    """

    reasons: tuple[Reason, ...]
    from_percent: Decimal | None
    to_percent: Decimal | None

    @property
    def action(self) -> Action:
        """RAISE without a reason, else the strongest that a reason demands."""
        demanded = {ACTION_BY_CODE[reason.code] for reason in self.reasons}
        return next((a for a in (Action.REFUSE, Action.BASELINE, Action.HOLD) if a in demanded), Action.RAISE)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the reasons, each once, in order."""
        return tuple(dict.fromkeys(reason.code for reason in self.reasons))

    @property
    def blocking(self) -> tuple[Reason, ...]:
        """Reasons why the run itself is not trusted or not green, whatever its height."""
        return tuple(reason for reason in self.reasons if reason.code in _NOT_ACCEPTED)

    @property
    def is_accepted(self) -> bool:
        """Whether the record may hold the run."""
        return not self.blocking

    @property
    def floor_verdict(self) -> Verdict:
        """Whether the floor holds; INCONCLUSIVE when the evidence is not trusted, whatever it says."""
        return _floor_verdict(self.codes)

    @property
    def local_floor_verdict(self) -> Verdict:
        """Whether the floor holds for the tree as it was measured, also with changes that no commit has."""
        return _floor_verdict([code for code in self.codes if code != "dirty-tree"])


def _floor_verdict(codes: Collection[str]) -> Verdict:
    if _UNATTRIBUTED & set(codes):
        return Verdict.INCONCLUSIVE
    return worst([Verdict.PASS, *(_FLOOR_VERDICTS[code] for code in codes if code in _FLOOR_VERDICTS)])


WITHOUT_MANIFEST: Final = RatchetDecision(
    reasons=(Reason(code="no-manifest", values={}),), from_percent=None, to_percent=None
)


def judge_ratchet(facts: RatchetFacts) -> RatchetDecision:
    """Decide about the threshold.

    Args:
        facts: What is known.

    Returns:
        The decision. Values of its reasons, by code: `tests-failed`: suite, broken_count;
        `run-incomplete`: suite, exit_code (or None), lost_count; `suite-not-run`: suite,
        skipped_count, outside_count; `fewer-tests`: suite, passed_count, before_count;
        `stale-evidence`, `stale-source`, `dirty-tree`, `file-set`, `test-files-in-source`,
        `unreadable-record`: paths, paths_count; `definition-changed`: tool_before, tool_now;
        `module-goal`: glob; `below-floor`: shown_fraction, floor_fraction; `below-goal`:
        shown_fraction, goal_fraction; `not-higher`: shown_fraction, threshold_fraction,
        next_fraction; `unstable`: runs_count, needed_count, lowest_fraction, next_fraction;
        `at-goal`: goal_fraction, threshold_fraction; `threshold-conflict`: file, line (or None),
        hidden_fraction, threshold_fraction (or None); `no-data`, `no-threshold`, `no-manifest`: nothing.
    """
    of_suites = tuple(reason for suite in facts.suites for reason in _of_suite(suite))
    reasons = (
        *facts.distrust,
        *of_suites,
        *_of_sources(facts, is_explained=any(reason.code in _LEAVES_NOTHING for reason in of_suites)),
        *_of_record(facts),
        *_of_threshold(facts),
        *_of_value(facts),
    )
    reached = None if reasons else _reached(facts, min(_deciding(facts)))
    return RatchetDecision(reasons=reasons, from_percent=facts.threshold_percent, to_percent=reached)


def _of_suite(suite: SuiteFacts) -> Iterator[Reason]:
    if not suite.has_run:
        yield _reason("suite-not-run", suite=suite.name, skipped_count=0, outside_count=0)
        return
    lost = max(0, (suite.collected_count or 0) - suite.ended_count)
    explained = suite.exit_code == 0 or (suite.exit_code == 1 and suite.broken_count > 0)
    if not explained or not suite.has_counts or lost:
        yield _reason("run-incomplete", suite=suite.name, exit_code=suite.exit_code, lost_count=lost)
    if suite.broken_count:
        yield _reason("tests-failed", suite=suite.name, broken_count=suite.broken_count)
    if suite.has_counts and (suite.outside_count or not suite.passed_count):
        skipped, outside = suite.skipped_count, suite.outside_count
        yield _reason("suite-not-run", suite=suite.name, skipped_count=skipped, outside_count=outside)
    before = suite.accepted_passed_count
    if suite.has_counts and before is not None and suite.passed_count < before:
        yield _reason("fewer-tests", suite=suite.name, passed_count=suite.passed_count, before_count=before)


def _of_sources(facts: RatchetFacts, *, is_explained: bool) -> Iterator[Reason]:
    if facts.measured_fraction is None and not is_explained:
        yield _reason("no-data")
    if facts.unmeasured_paths:
        yield _listed("file-set", facts.unmeasured_paths)
    if facts.test_like_paths:
        yield _listed("test-files-in-source", facts.test_like_paths)


def _of_record(facts: RatchetFacts) -> Iterator[Reason]:
    if facts.changed_tool:
        before, now = facts.changed_tool
        yield _reason("definition-changed", tool_before=before, tool_now=now)
    for glob in facts.regressed_globs:
        yield _reason("module-goal", glob=glob)
    if facts.unreadable_names:
        yield _listed("unreadable-record", facts.unreadable_names)


def _of_threshold(facts: RatchetFacts) -> Iterator[Reason]:
    threshold, hidden = facts.threshold_percent, facts.hidden_threshold
    if threshold is None:
        yield _reason("no-threshold")
    if hidden:
        in_force = None if threshold is None else _share(threshold)
        yield _reason(
            "threshold-conflict",
            file=hidden.file,
            line=hidden.line,
            hidden_fraction=_share(hidden.percent),
            threshold_fraction=in_force,
        )


def _of_value(facts: RatchetFacts) -> Iterator[Reason]:
    measured, threshold = facts.measured_fraction, facts.threshold_percent
    if measured is None:
        return
    floor = max(facts.floor_percent, threshold or Decimal(0))
    if 100 * measured < Fraction(floor):
        yield _reason("below-floor", shown_fraction=_shown(measured), floor_fraction=_share(floor))
    if threshold is None:
        return
    rung = _next_rung(facts, threshold)
    if rung is None:
        yield _reason("at-goal", goal_fraction=_share(facts.goals_percent[-1]), threshold_fraction=_share(threshold))
    elif 100 * measured < Fraction(rung):
        yield _too_low(facts, measured, threshold, rung)
    elif len(recent := _deciding(facts)) < facts.stable_runs or 100 * min(recent) < Fraction(rung):
        yield _reason(
            "unstable",
            runs_count=len(recent),
            needed_count=facts.stable_runs,
            lowest_fraction=_shown(min(recent, default=measured)),
            next_fraction=_share(rung),
        )


def _too_low(facts: RatchetFacts, measured: Fraction, threshold: Decimal, rung: Decimal) -> Reason:
    """Name the goal when it is the next thing to reach, else the next step."""
    shown = _shown(measured)
    goal = next(goal for goal in facts.goals_percent if 100 * measured < Fraction(goal))
    if goal <= rung:
        return _reason("below-goal", shown_fraction=shown, goal_fraction=_share(goal))
    return _reason("not-higher", shown_fraction=shown, threshold_fraction=_share(threshold), next_fraction=_share(rung))


def _deciding(facts: RatchetFacts) -> tuple[Fraction, ...]:
    return facts.recent_fractions[-facts.stable_runs :]


def _next_rung(facts: RatchetFacts, threshold: Decimal) -> Decimal | None:
    """Return the least value above the threshold that it can be raised to; None at the last goal."""
    step = facts.step_points * (threshold // facts.step_points + 1)
    above = [value for value in (step, *facts.goals_percent) if threshold < value <= facts.goals_percent[-1]]
    return min(above, default=None)


def _reached(facts: RatchetFacts, share: Fraction) -> Decimal:
    """Return the largest step or goal that the share reaches, at most the last goal."""
    percent = min(100 * share, Fraction(facts.goals_percent[-1]))
    steps = facts.step_points * math.floor(percent / Fraction(facts.step_points))
    return max([steps, *(goal for goal in facts.goals_percent if Fraction(goal) <= percent)])


def _reason(code: str, **values: object) -> Reason:
    return Reason(code=code, values=values)


def _listed(code: str, paths: tuple[str, ...]) -> Reason:
    return Reason(code=code, values={"paths": list(paths), "paths_count": len(paths)})


def _share(percent: Decimal) -> float:
    return float(percent / 100)


def _shown(share: Fraction) -> float:
    return math.floor(share * _SHOWN_DIGITS) / _SHOWN_DIGITS
