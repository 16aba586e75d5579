"""The common grid of scrapes of two arms: which instants both arms can be compared at.

Every replica is scraped at its own phase of the same interval; a grid point is one round
of scrapes. A replica that merely missed a round makes the point unusable for both arms; a
replica that was down, not yet born or gone does not. What the counters gained does not
belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.sources.answer import FloatArray
from reliability.sources.replicas import BoolArray, IntArray, Replica
from reliability.window import Window

_JITTER_SECONDS: Final = 0.005
_CLOCK_DIGITS: Final = 3  # Prometheus keeps instants to the millisecond
_SHORTEST_INTERVAL_SECONDS: Final = 0.1
_SAME_INTERVAL_FRACTION: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """The scrapes of one replica on the grid.

    Attributes:
        points: Grid points at which it was scraped, increasing.
        columns: Column of the replica's tables for each of them.
        points_of_scrapes: Grid point of every scrape of the replica.
    """

    points: IntArray
    columns: IntArray
    points_of_scrapes: IntArray

    def columns_at(self, points: IntArray) -> IntArray:
        """Return the column of the last scrape at or before each point, -1 before the first."""
        position = np.searchsorted(self.points, points, side="right") - 1
        return np.where(position >= 0, self.columns[np.maximum(position, 0)], -1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScrapeGrid:
    """The grid of two arms over a window.

    Attributes:
        interval_seconds: Distance of two points.
        zero_seconds: Unix instant of point 0, in the middle of its round.
        first_point: First point whose whole round lies inside the window.
        last_point: Last such point; smaller than `first_point` when there is none.
        usable_points: Points at which both arms can be compared.
        missed: A replica missed a round inside the window.
        baseline: Scrapes of the baseline's replicas.
        canary: Scrapes of the canary's replicas.
    """

    interval_seconds: float
    zero_seconds: float
    first_point: int
    last_point: int
    usable_points: IntArray
    missed: bool
    baseline: tuple[Placed, ...]
    canary: tuple[Placed, ...]

    @property
    def expected(self) -> int:
        """Number of points inside the window."""
        return max(0, self.last_point - self.first_point + 1)


def arm_interval(replicas: Sequence[Replica]) -> float | None:
    """Return the distance of two scrapes of an arm in seconds, None when no replica was scraped twice.

    Missed scrapes only make distances longer, so the lower quartile is taken, then made
    exact over the whole span.
    """
    several = [replica.tried_seconds for replica in replicas if replica.tried_seconds.size > 1]
    if not several:
        return None
    distances = np.concatenate([np.diff(times) for times in several])
    rough = max(float(np.quantile(distances, 0.25, method="lower")), _SHORTEST_INTERVAL_SECONDS)
    spans = [float(times[-1] - times[0]) for times in several]
    exact = sum(spans) / max(1, sum(round(span / rough) for span in spans))
    return max(round(exact, _CLOCK_DIGITS), _SHORTEST_INTERVAL_SECONDS)


def intervals_differ(one: float | None, other: float | None) -> bool:
    """Tell whether two arms are scraped at clearly different distances."""
    return bool(one and other and abs(one - other) > _SAME_INTERVAL_FRACTION * max(one, other))


def build_grid(baseline: Sequence[Replica], canary: Sequence[Replica], *, window: Window) -> ScrapeGrid | None:
    """Find the points at which two arms can be compared.

    Args:
        baseline: Replicas of the baseline.
        canary: Replicas of the canary.
        window: Time of interest; rounds that are not whole inside it are left out.

    Returns:
        The grid; None when no replica was scraped twice.
    """
    intervals = [arm_interval(arm) or 0.0 for arm in (baseline, canary)]
    interval, origin = max(intervals), window.start.timestamp()
    if not interval:
        return None
    everyone = [*baseline, *canary]
    begin, offsets = _round_of_scrapes(_phases(baseline, canary, intervals, origin), interval)
    placed = [
        _place(replica.times_seconds - origin - begin - offset, interval)
        for replica, offset in zip(everyone, offsets, strict=True)
    ]
    first = int(np.ceil((-begin - _JITTER_SECONDS) / interval))
    last = int(np.floor((window.seconds - begin - max(offsets) + _JITTER_SECONDS) / interval))
    points = np.arange(first, last + 1)
    blocked = np.zeros(points.size, dtype=np.bool_)
    for replica, scrapes in zip(everyone, placed, strict=True):
        blocked |= _missed(replica, scrapes, points)
    arms = tuple(placed[: len(baseline)]), tuple(placed[len(baseline) :])
    usable = ~blocked & _anyone(arms[0], points) & _anyone(arms[1], points)
    return ScrapeGrid(
        interval_seconds=interval,
        zero_seconds=origin + begin + max(offsets) / 2,
        first_point=first,
        last_point=last,
        usable_points=points[usable],
        missed=bool(blocked.any()),
        baseline=arms[0],
        canary=arms[1],
    )


def _phases(
    baseline: Sequence[Replica], canary: Sequence[Replica], intervals: Sequence[float], origin: float
) -> list[float]:
    """Return the phase of every replica; of those scraped more often, the scrape nearest to the others."""
    phases = [
        _phase(replica.times_seconds - origin, own or max(intervals))
        for arm, own in zip((baseline, canary), intervals, strict=True)
        for replica in arm
    ]
    if not intervals_differ(*intervals):
        return phases
    slow_first = intervals[0] > intervals[1]
    anchor, own = (phases[0], intervals[1]) if slow_first else (phases[len(baseline)], intervals[0])
    finer = range(len(baseline), len(phases)) if slow_first else range(len(baseline))
    for index in finer:
        phases[index] = anchor + (phases[index] - anchor + own / 2) % own - own / 2
    return phases


def _phase(seconds: FloatArray, interval: float) -> float:
    """Return the circular median of the scrapes' places in their interval."""
    turns = np.exp(2j * np.pi * seconds / interval)
    mean = float(np.angle(turns.mean())) / (2 * np.pi) * interval
    apart = (seconds - mean + interval / 2) % interval - interval / 2
    return mean + float(np.median(apart))


def _round_of_scrapes(phases: Sequence[float], interval: float) -> tuple[float, list[float]]:
    """Let a round begin behind the widest pause, so that it holds the replicas close together.

    Returns:
        The phase at which a round begins, and how much later each replica is scraped.
    """
    offsets_by_start = [[_apart(phase, start, interval) for phase in phases] for start in phases]
    best = min(range(len(phases)), key=lambda index: max(offsets_by_start[index]))
    return phases[best] % interval, offsets_by_start[best]


def _apart(phase: float, start: float, interval: float) -> float:
    return round(phase - start, _CLOCK_DIGITS) % interval


def _place(seconds: FloatArray, interval: float) -> Placed:
    """Give every scrape its grid point; of several at one point the nearest counts."""
    points = np.rint(seconds / interval).astype(np.intp)
    distance = np.abs(seconds - points * interval)
    order = np.lexsort((distance, points))
    unique, first = np.unique(points[order], return_index=True)
    return Placed(points=unique, columns=order[first], points_of_scrapes=points)


def _missed(replica: Replica, scrapes: Placed, points: IntArray) -> BoolArray:
    """Tell at which points the replica was alive but not scraped."""
    alive = (points > scrapes.points[0]) & (points < scrapes.points[-1])
    restarts = np.cumsum(replica.restarted)[scrapes.columns]
    after = np.minimum(np.searchsorted(scrapes.points, points, side="left"), scrapes.points.size - 1)
    scraped = scrapes.points[after] == points
    before = np.maximum(after - 1, 0)
    down = restarts[after] > restarts[before]
    missed: BoolArray = alive & ~scraped & ~down
    return missed


def _anyone(arm: Sequence[Placed], points: IntArray) -> BoolArray:
    present = np.zeros(points.size, dtype=np.bool_)
    for scrapes in arm:
        present |= np.isin(points, scrapes.points)
    return present
