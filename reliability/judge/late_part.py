"""The last third of a window: a canary that becomes worse with time may FAIL by it alone.

Which intervals that is, and how strict the extra look is; the judges of latency and of errors look.
"""

from typing import Final

import numpy as np

from reliability.judge.intervals import SharedIntervals
from reliability.judge.long_run import MIN_INTERVAL_COUNT

LATE_ALPHA_PART: Final = 5
"""The last third alone may FAIL a canary at a fifth of the level."""
SCRAPES_SHORT_OF_IT: Final = 2
"""Scrapes by which a window may miss a length: its edges lie inside it."""
_SHORTEST_WINDOW_SECONDS: Final = 1800.0  # the last third of a shorter window says little


def last_third(intervals: SharedIntervals, *, scrape_interval_seconds: float) -> SharedIntervals | None:
    """Return the intervals of the last third of the time; None when the window is too short."""
    seconds = float(intervals.seconds.sum())
    if seconds < _SHORTEST_WINDOW_SECONDS - SCRAPES_SHORT_OF_IT * scrape_interval_seconds:
        return None
    late = intervals.part(np.cumsum(intervals.seconds) > 2 / 3 * seconds)
    return late if late.count >= MIN_INTERVAL_COUNT else None
