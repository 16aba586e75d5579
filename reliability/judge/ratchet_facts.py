"""What the ratchet judges: facts of one run, of the accepted runs before it, and of the threshold in force.

Plain numbers, gathered by `reliability.notebook.phase_facts`. What they allow is decided in
`reliability.judge.ratchet`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why the threshold is not raised.

    Attributes:
        code: Stable; a key of `reliability.judge.ratchet.ACTION_BY_CODE`.
        values: Names and numbers for the sentence, JSON types only; `judge_ratchet` lists them.
    """

    code: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFacts:
    """How one required suite ended.

    Attributes:
        name: Name in the phase's document.
        has_run: It was started.
        exit_code: Of pytest; None when it is not known.
        has_counts: Its JUnit file is whole.
        collected_count: Tests that were to run; None when nobody counted.
        passed_count: Passed.
        broken_count: Failed or errored.
        skipped_count: Skipped for whatever reason.
        outside_count: Of those, skipped because a service or a library was absent.
        ended_count: All that ended in any way.
        accepted_passed_count: Most that passed in one of the accepted runs that count; None without one.
    """

    name: str
    has_run: bool
    exit_code: int | None
    has_counts: bool
    collected_count: int | None
    passed_count: int
    broken_count: int
    skipped_count: int
    outside_count: int
    ended_count: int
    accepted_passed_count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenThreshold:
    """A threshold that is higher than the one in force and that something hides.

    Attributes:
        percent: Its value.
        file: File.
        line: Line; None when it cannot be told.
    """

    percent: Decimal
    file: str
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatchetFacts:
    """What a decision rests on.

    Attributes:
        distrust: What speaks against the evidence: `stale-evidence`, `stale-source`, `dirty-tree`.
        suites: Required suites.
        measured_fraction: Covered share of the required suites together; None when nothing was measured.
        unmeasured_paths: Files under the roots that the data does not hold, and those that combining lost.
        test_like_paths: Tests or mocks among the measured sources.
        changed_tool: Tool of the accepted figures and of this one when their definitions differ, else None.
        regressed_globs: Module goals that an accepted run met and this one does not.
        unreadable_names: Files of the record that could not be read.
        recent_fractions: Accepted runs of this definition in order, this one last.
        threshold_percent: In force; None when nothing holds coverage.
        hidden_threshold: A higher one that is not in force, if any.
        floor_percent: Least that the phase accepts.
        goals_percent: Goals of the phase, rising.
        step_points: The threshold rises in steps of this size.
        stable_runs: So many accepted runs in a row must reach the new value.
    """

    distrust: tuple[Reason, ...]
    suites: tuple[SuiteFacts, ...]
    measured_fraction: Fraction | None
    unmeasured_paths: tuple[str, ...]
    test_like_paths: tuple[str, ...]
    changed_tool: tuple[str, str] | None
    regressed_globs: tuple[str, ...]
    unreadable_names: tuple[str, ...]
    recent_fractions: tuple[Fraction, ...]
    threshold_percent: Decimal | None
    hidden_threshold: HiddenThreshold | None
    floor_percent: Decimal
    goals_percent: tuple[Decimal, ...]
    step_points: Decimal
    stable_runs: int
