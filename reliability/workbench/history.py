"""How often both arms are scraped, how far their samples go back, and which window can be judged now.

Which arms these are, and what is judged in a window, belongs elsewhere.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reliability.notebook.origin import DEFAULTS
from reliability.sources.answer import Answer
from reliability.sources.captures import scrape_interval_seconds

_FEWEST_SCRAPES: Final = 3
_SPARE_SCRAPES: Final = 2  # the first ones of an arm, and those of the time until the report asks
_WARMUP_SHARE: Final = DEFAULTS["window_minutes"] / DEFAULTS["warmup_minutes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What both arms have.

    Attributes:
        interval_seconds: Usual distance of two scrapes; None without two of them.
        seconds: How far the shorter arm's samples go back; 0 when an arm has none.
    """

    interval_seconds: float | None
    seconds: float

    def covers(self, seconds: float) -> bool:
        """Tell whether a window of this length has samples from its start on."""
        return self.seconds >= seconds - self._spare_seconds

    @property
    def minutes(self) -> tuple[float, float] | None:
        """Longest window that can be judged now, and its warm-up; None with too few scrapes."""
        usable = self.seconds - self._spare_seconds
        if self.interval_seconds is None or usable < _FEWEST_SCRAPES * self.interval_seconds:
            return None
        window = math.floor(usable / 60 * 100) / 100
        return window, warmup_of(window)

    @property
    def wait_seconds(self) -> int:
        """How long to wait for the first window that can be judged."""
        return math.ceil((_FEWEST_SCRAPES + _SPARE_SCRAPES) * (self.interval_seconds or 60.0) - self.seconds)

    @property
    def _spare_seconds(self) -> float:
        return _SPARE_SCRAPES * (self.interval_seconds or 0.0)


def warmup_of(window_minutes: float) -> float:
    """Return the warm-up of a shorter window: its usual share, in whole minutes."""
    return float(math.floor(window_minutes / _WARMUP_SHARE))


def read_history(arms: Iterable[Answer], *, end_seconds: float) -> History:
    """Look at the samples of both arms.

    Args:
        arms: What the server has of each arm.
        end_seconds: Unix instant from which one looks back.

    Returns:
        Their history; none of it when an arm has no sample.
    """
    answers = list(arms)
    intervals = [found for arm in answers if (found := scrape_interval_seconds(arm)) is not None]
    starts = [min((float(one.times_seconds[0]) for one in arm.series), default=end_seconds) for arm in answers]
    return History(interval_seconds=max(intervals, default=None), seconds=max(0.0, end_seconds - max(starts)))
