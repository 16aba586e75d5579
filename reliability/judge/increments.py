"""Which entries a record is due, given what it holds and what an accepted run measured.

Pure: earlier entries and the run arrive as plain points, shares as exact fractions. 36.9 % is not
two points above 35.0 %. Files, keys and words do not belong here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal

DueKind = Literal["baseline", "increment", "goal", "milestone", "observation"]

_APART: Final = ("imported", "milestone")  # no reference for what was measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One entry of the record, or the run that is judged.

    Attributes:
        kind: Kind of the entry; `observation` for the run.
        at: Time of its commit.
        fraction: Covered share; None for an entry without a measurement.
        definition_digest: What was counted; None likewise.
        state: Requirement or watched thing -> its state; None for an entry whose states are not the latest.
    """

    kind: str
    at: datetime
    fraction: Fraction | None
    definition_digest: str | None
    state: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An entry that is due.

    Attributes:
        kind: Its kind.
        from_fraction: Share that an increment rose from.
        goal_fractions: Goals that were reached for the first time.
        changes: What changed its state -> (before, now); None: it was not there.
    """

    kind: DueKind
    from_fraction: Fraction | None = None
    goal_fractions: tuple[Fraction, ...] = ()
    changes: Mapping[str, tuple[str | None, str | None]] | None = None


def due_entries(
    run: Point,
    record: Sequence[Point],
    *,
    goals: Sequence[Fraction],
    increment_points: Fraction,
    is_observed: bool,
) -> tuple[Due, ...]:
    """Say which entries are due.

    Args:
        run: The accepted run, with a measured share.
        record: Valid entries in order.
        goals: Goals of the phase as shares.
        increment_points: Percentage points that make an increment.
        is_observed: The run is one of the main branch, so that it counts for the next raise.

    Returns:
        What is due, in the order in which it must be added, so that a killed writer goes on where it
        was: a `milestone` when a requirement or a watched thing changed (all others hold the new
        state); a `baseline` for the first run and for another definition, or an `increment` so many
        points above the last one (or the baseline); a `goal` reached for the first time; an
        `observation`.
    """
    return tuple(_due(run, record, goals, increment_points, is_observed=is_observed))


def _due(
    run: Point, record: Sequence[Point], goals: Sequence[Fraction], points: Fraction, *, is_observed: bool
) -> Iterator[Due]:
    if run.fraction is None:
        return
    held = [entry.state for entry in record if entry.state is not None]
    if held and (changes := _changes(held[-1], run.state or {})):
        yield Due(kind="milestone", changes=changes)
    measured = [entry for entry in record if entry.fraction is not None and entry.kind not in _APART]
    alike = [entry for entry in measured if entry.definition_digest == run.definition_digest]
    start = _reference(alike)
    if start is None or alike[-1].at != measured[-1].at:
        yield Due(kind="baseline")
    elif 100 * (run.fraction - start) >= points:
        yield Due(kind="increment", from_fraction=start)
    best = max((entry.fraction or Fraction(0) for entry in measured if entry.kind == "goal"), default=Fraction(-1))
    if reached := tuple(goal for goal in sorted(goals) if best < goal <= run.fraction):
        yield Due(kind="goal", goal_fractions=reached)
    if is_observed:
        yield Due(kind="observation")


def _reference(alike: Sequence[Point]) -> Fraction | None:
    """Return the share that increments count from: that of the last increment or baseline, else the first one."""
    steps = [entry.fraction for entry in alike if entry.kind in ("increment", "baseline")]
    return steps[-1] if steps else alike[0].fraction if alike else None


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    pairs = {name: (before.get(name), now.get(name)) for name in sorted({*before, *now})}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
