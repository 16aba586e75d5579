"""How often both arms are scraped, how far their samples go back, and which window can be judged now.

Which arms these are, and what is judged in a window, belongs elsewhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reliability.notebook.origin import DEFAULTS
from reliability.sources.answer import Answer
from reliability.sources.captures import scrape_interval_seconds
from reliability.sources.metrics import UP
from reliability.sources.promql import Matcher
from reliability.workbench.server import Server, any_of, selector

FULL_MINUTES: Final[float] = DEFAULTS["window_minutes"]
WARMUP_MINUTES: Final[float] = DEFAULTS["warmup_minutes"]
_FEWEST_SCRAPES: Final = 3
_SPARE_SCRAPES: Final = 2  # the first ones of an arm, and those of the time until the report asks
_WARMUP_SHARE: Final = FULL_MINUTES / WARMUP_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What both arms have.

    Attributes:
        interval_seconds: Usual distance of two scrapes; None without two of them.
        seconds: How far the shorter arm's samples go back; 0 when an arm has none.
    """

    interval_seconds: float | None
    seconds: float

    def covers(self, minutes: float) -> bool:
        """Tell whether a window of this length has samples from its start on."""
        return self.seconds >= 60 * minutes - _SPARE_SCRAPES * (self.interval_seconds or 0.0)

    @property
    def minutes(self) -> tuple[float, float] | None:
        """Window and warm-up that can be judged now, the usual ones at most; None with too few scrapes."""
        if self.covers(FULL_MINUTES):
            return FULL_MINUTES, WARMUP_MINUTES
        usable = self.seconds - _SPARE_SCRAPES * (self.interval_seconds or 0.0)
        if self.interval_seconds is None or usable < _FEWEST_SCRAPES * self.interval_seconds:
            return None
        window = math.floor(usable / 60 * 100) / 100
        return window, float(math.floor(window / _WARMUP_SHARE))

    @property
    def wait_seconds(self) -> int:
        """How long to wait for the first window that can be judged."""
        return math.ceil((_FEWEST_SCRAPES + _SPARE_SCRAPES) * (self.interval_seconds or 60.0) - self.seconds)


def ask_history(server: Server, metric: str, arms: Sequence[Sequence[Matcher]]) -> History:
    """Look at the scrapes of both arms over the usual window.

    Args:
        server: The server.
        metric: Histogram, without `_bucket`.
        arms: Matchers of each arm.

    Returns:
        Their history.
    """
    scraped = (any_of("__name__", [f"{metric}_bucket", UP]), Matcher(name="le", op="=~", value=r"|\+Inf"))
    seconds = round(60 * FULL_MINUTES) + 120
    answers = [server.ask(selector((*scraped, *matchers), seconds=seconds)) for matchers in arms]
    return read_history(answers, now_seconds=server.number("time()"))


def read_history(arms: Sequence[Answer], *, now_seconds: float) -> History:
    """Look at the samples of both arms.

    Args:
        arms: What the server has of each arm.
        now_seconds: Unix instant at which it was asked.

    Returns:
        Their history; none of it when an arm has no sample.
    """
    intervals = [found for arm in arms if (found := scrape_interval_seconds(arm)) is not None]
    starts = [[float(one.times_seconds[0]) for one in arm.series if one.times_seconds.size] for arm in arms]
    known = all(starts) and bool(starts)
    return History(
        interval_seconds=max(intervals, default=None),
        seconds=max(0.0, now_seconds - max(min(of_arm) for of_arm in starts)) if known else 0.0,
    )
