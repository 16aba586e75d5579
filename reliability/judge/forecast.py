"""Forecast judge: when will the next goal be met, as a range, or not at all?

A double bootstrap of what each day of observations added: first the set of increments is drawn
anew, one short of all, which gives its mean the spread of a sample mean; then a path of increments
from that set, until it passes the goal. The plain bootstrap, which skips the first step, gives too
narrow a range. No trend is fitted and no single date is given. Which observations belong together,
and words, do not belong here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, Literal

import numpy as np

from reliability.judge.counts import FloatArray

MIN_INCREMENT_COUNT: Final = 8
"""With fewer days between observations than this no range is honest."""

_EARLY, _LATE = 0.1, 0.9
_PATH_COUNT = 2000
_MAX_BLOCK_COUNT = 60
"""More increments than this are summed to as many blocks, which also evens out what wobbles."""
_STEPS_PER_INCREMENT = 50
_STEPS_AT_ONCE = 50
_FARTHEST_DAYS = 36_525.0
"""A goal that is more than a century away is never met."""

Observation = tuple[datetime, Fraction]
ForecastReason = Literal["ok", "not-enough-data", "goal-reached", "never-arrives"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a goal is likely to be met.

    Attributes:
        reason: `ok` when there is a range; `never-arrives` when so many paths never meet the
            goal that its late end does not exist.
        goal_fraction: The goal.
        observations_count: Days with an observation.
        never_fraction: Share of the paths that never meet the goal; None when none were drawn.
        p10_at: A tenth of the paths meet the goal before this: "not before". None without a
            forecast, or when hardly any path meets it.
        p90_at: Nine tenths meet it before this; set only when `reason` is `ok`.
    """

    reason: ForecastReason
    goal_fraction: Fraction
    observations_count: int
    never_fraction: float | None = None
    p10_at: datetime | None = None
    p90_at: datetime | None = None

    @property
    def increments_count(self) -> int:
        """Differences between neighbouring days; `MIN_INCREMENT_COUNT` are needed."""
        return max(0, self.observations_count - 1)


def forecast_goal(
    observations: Sequence[Observation],
    goal: Fraction,
    *,
    seed: int,
    as_of: datetime | None = None,
    path_count: int = _PATH_COUNT,
) -> Forecast:
    """Forecast when a goal will be met, as the range that holds four paths of five.

    Args:
        observations: Instant (aware) and covered share of each accepted run since the last change
            of what is counted, in any order; of each UTC day the last one counts.
        goal: Share to be met.
        seed: Of the random numbers; equal seeds give equal ranges.
        as_of: When the paths start, if that is after the last observation.
        path_count: How many paths are drawn.

    Returns:
        The range, or the reason why there is none.
    """
    days = _last_of_each_day(observations)
    if days and days[-1][1] >= goal:
        return Forecast(reason="goal-reached", goal_fraction=goal, observations_count=len(days))
    if len(days) <= MIN_INCREMENT_COUNT:
        return Forecast(reason="not-enough-data", goal_fraction=goal, observations_count=len(days))
    last_at, last = days[-1]
    missing_points = float(100 * (goal - last))
    arrival_days = _first_passages(_increments(days), missing_points, seed=seed, path_count=path_count)
    start_at = last_at if as_of is None else max(last_at, as_of)
    early, late = (_quantile(arrival_days, level) for level in (_EARLY, _LATE))
    return Forecast(
        reason="ok" if math.isfinite(late) else "never-arrives",
        goal_fraction=goal,
        observations_count=len(days),
        never_fraction=float(np.mean(np.isinf(arrival_days))),
        p10_at=_after(start_at, early),
        p90_at=_after(start_at, late),
    )


def _last_of_each_day(observations: Sequence[Observation]) -> list[Observation]:
    """Return one observation per UTC day: ten runs of one afternoon say nothing of the next week."""
    by_day = {at.timestamp() // 86_400: (at, share) for at, share in sorted(observations, key=lambda seen: seen[0])}
    return list(by_day.values())


def _increments(days: Sequence[Observation]) -> FloatArray:
    """Return points and days of each increment, or of each block of neighbouring ones; shape `(2, n)`."""
    block_count = min(len(days) - 1, _MAX_BLOCK_COUNT)
    edges = np.linspace(0, len(days) - 1, block_count + 1).round().astype(int)
    points = np.array([float(100 * days[edge][1]) for edge in edges])
    seconds = np.array([days[edge][0].timestamp() for edge in edges])
    increments: FloatArray = np.diff([points, seconds / 86_400])
    return increments


def _first_passages(increments: FloatArray, missing_points: float, *, seed: int, path_count: int) -> FloatArray:
    """Return the days that each path takes to the goal; infinite for a path that never meets it."""
    rng = np.random.default_rng(seed)
    count = increments.shape[1]
    drawn_sets = rng.integers(0, count, (path_count, count - 1))
    arrivals = np.full(path_count, math.inf)
    travelling = np.arange(path_count)
    points_so_far, days_so_far = np.zeros(path_count), np.zeros(path_count)
    for _ in range(0, _STEPS_PER_INCREMENT * count, _STEPS_AT_ONCE):
        steps = rng.integers(0, drawn_sets.shape[1], (len(travelling), _STEPS_AT_ONCE))
        drawn = np.take_along_axis(drawn_sets[travelling], steps, axis=1)
        points = points_so_far[:, None] + increments[0][drawn].cumsum(axis=1)
        days = days_so_far[:, None] + increments[1][drawn].cumsum(axis=1)
        is_there = points >= missing_points - 1e-9
        has_arrived = is_there.any(axis=1)
        first = is_there.argmax(axis=1)[:, None]
        arrivals[travelling[has_arrived]] = np.take_along_axis(days, first, axis=1)[has_arrived, 0]
        travelling = travelling[~has_arrived]
        points_so_far, days_so_far = points[~has_arrived, -1], days[~has_arrived, -1]
        if not len(travelling):
            break
    arrivals[arrivals > _FARTHEST_DAYS] = math.inf
    return arrivals


def _quantile(arrival_days: FloatArray, level: float) -> float:
    return float(np.sort(arrival_days)[math.ceil(level * len(arrival_days)) - 1])


def _after(start_at: datetime, days: float) -> datetime | None:
    return start_at + timedelta(days=days) if math.isfinite(days) else None
