"""Paths of coverage with a known future: what each week adds, until the goal is met."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np

from reliability.judge.counts import FloatArray
from reliability.judge.forecast import Observation

FIRST_AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
_WEEKS = 4000
_START_PERCENT = 35.0
_SMALLEST_SHARE = 100_000


def _steady(rng: np.random.Generator, count: int) -> FloatArray:
    return rng.exponential(0.5, count)


def _wobbling(rng: np.random.Generator, count: int) -> FloatArray:
    return rng.normal(0.4, 0.6, count)


def _bursts(rng: np.random.Generator, count: int) -> FloatArray:
    """Two weeks of five add nothing, one of seven loses some."""
    added = np.where(rng.random(count) < 0.4, 0.0, rng.gamma(0.7, 1.2, count))
    lost = np.where(rng.random(count) < 0.15, rng.exponential(0.4, count), 0.0)
    return added - lost


KINDS: Mapping[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "steady": _steady,
    "wobbling": _wobbling,
    "bursts": _bursts,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPath:
    """What was seen of a path, and when it met its goal in truth.

    Attributes:
        observations: One a week.
        goal: Share that is missing a few points when the last observation is made.
        met_at: When the path met it; None when it did not in `_WEEKS` weeks.
    """

    observations: list[Observation]
    goal: Fraction
    met_at: datetime | None


def known_path(kind: str, *, increments_count: int, missing_points: float, seed: int) -> KnownPath:
    """Draw a path whose goal was still ahead at its last observation.

    Args:
        kind: One of `KINDS`.
        increments_count: Weeks that were seen.
        missing_points: Distance of the goal at the last observation.
        seed: Of the path.

    Returns:
        The path.
    """
    rng = np.random.default_rng(seed)
    percent = _START_PERCENT + np.r_[0.0, KINDS[kind](rng, _WEEKS).cumsum()]
    goal_percent = percent[increments_count] + missing_points
    is_met = percent[increments_count + 1 :] >= goal_percent
    weeks = increments_count + 1 + int(is_met.argmax())
    return KnownPath(
        observations=[(FIRST_AT + timedelta(weeks=w), _share(percent[w])) for w in range(increments_count + 1)],
        goal=_share(goal_percent),
        met_at=FIRST_AT + timedelta(weeks=weeks) if is_met.any() else None,
    )


def _share(percent: float) -> Fraction:
    return Fraction(round(percent * _SMALLEST_SHARE / 100), _SMALLEST_SHARE)
