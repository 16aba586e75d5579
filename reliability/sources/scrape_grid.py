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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScrapeGrid:
    """The rounds of scrapes that lie whole inside a window, `N` of them.

    Attributes:
        interval_seconds: Distance of two rounds.
        edges_seconds: Unix instant of the middle of each round, shape `(N,)`.
        usable: Both arms can be compared at the round, shape `(N,)`.
        missed: A replica missed a round.
        columns: Baseline and canary: for each replica the column of its last scrape in
            or before each round, -1 before the first, shape `(N,)`.
    """

    interval_seconds: float
    edges_seconds: FloatArray
    usable: BoolArray
    missed: bool
    columns: tuple[tuple[IntArray, ...], ...]

    @property
    def can_pair(self) -> bool:
        """Whether there is an interval between two usable rounds."""
        return bool(self.usable.sum() > 1)


def build_grid(arms: Sequence[Sequence[Replica]], *, window: Window) -> ScrapeGrid | None:
    """Find the rounds at which two arms can be compared.

    Args:
        arms: Replicas of the baseline and of the canary.
        window: Time of interest; rounds that are not whole inside it are left out.

    Returns:
        The grid; None when there are not two rounds inside the window.
    """
    intervals, origin = [_interval(arm) for arm in arms], window.start.timestamp()
    interval = max(intervals)
    if not interval:
        return None
    phases = [[_phase(replica.times_seconds - origin, interval) for replica in arm] for arm in arms]
    begin, spread = _round_of_scrapes([phase for arm in phases for phase in arm], interval)
    first = int(np.ceil((-begin - _JITTER_SECONDS) / interval))
    last = int(np.floor((window.seconds - begin - spread + _JITTER_SECONDS) / interval))
    if last <= first:
        return None
    rounds = np.arange(first - 1, last + 1)  # and the one before the window
    missed, usable = np.zeros(rounds.size - 1, dtype=np.bool_), np.ones(rounds.size - 1, dtype=np.bool_)
    columns = []
    for arm, arm_phases, own_interval in zip(arms, phases, intervals, strict=True):
        there, of_arm = np.zeros(rounds.size - 1, dtype=np.bool_), []
        for replica, phase in zip(arm, arm_phases, strict=True):
            offset = round(phase - begin, _CLOCK_DIGITS) % interval
            ends = origin + begin + offset + rounds * interval + (own_interval or interval) / 2
            found = np.searchsorted(replica.times_seconds, ends, side="right") - 1
            scraped = np.diff(found) > 0
            there |= scraped
            missed |= ~scraped & _alive(replica, found[1:])
            of_arm.append(found[1:])
        usable &= there
        columns.append(tuple(of_arm))
    return ScrapeGrid(
        interval_seconds=interval,
        edges_seconds=np.asarray(origin + begin + spread / 2 + rounds[1:] * interval, dtype=np.float64),
        usable=usable & ~missed,
        missed=bool(missed.any()),
        columns=tuple(columns),
    )


def _interval(replicas: Sequence[Replica]) -> float:
    """Return the distance of two scrapes of an arm in seconds, 0 when no replica was scraped twice.

    Missed scrapes only make distances longer, so the lower quartile is taken, then made
    exact over the whole span.
    """
    several = [replica.times_seconds for replica in replicas if replica.times_seconds.size > 1]
    if not several:
        return 0.0
    distances = np.concatenate([np.diff(times) for times in several])
    rough = max(float(np.quantile(distances, 0.25, method="lower")), _SHORTEST_INTERVAL_SECONDS)
    spans = [float(times[-1] - times[0]) for times in several]
    exact = sum(spans) / max(1, sum(round(span / rough) for span in spans))
    return max(round(exact, _CLOCK_DIGITS), _SHORTEST_INTERVAL_SECONDS)


def _phase(seconds: FloatArray, interval: float) -> float:
    """Return the median place of the scrapes in their interval."""
    half = interval / 2
    return float(seconds[0] + np.median((seconds - seconds[0] + half) % interval - half)) % interval


def _round_of_scrapes(phases: Sequence[float], interval: float) -> tuple[float, float]:
    """Let a round begin at the replica that makes it shortest; return its phase and its length."""
    lengths = {start: max(round(phase - start, _CLOCK_DIGITS) % interval for phase in phases) for start in phases}
    best = min(lengths, key=lambda start: lengths[start])
    return best, lengths[best]


def _alive(replica: Replica, columns: IntArray) -> BoolArray:
    """Tell whether the process of each column was scraped again later, so that it ran in between."""
    after = np.minimum(columns + 1, replica.times_seconds.size - 1)
    alive: BoolArray = (columns >= 0) & (after > columns) & ~replica.restarted[after]
    return alive
