"""The names of the metrics that a canary needs, and how much of them is fetched.

`reliability.sources.prometheus` and `reliability.sources.captures` return the samples,
`reliability.sources.increments` counts them. Neither belongs here.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

from reliability.errors import SelectorError
from reliability.sources.promql import Matcher, check_metric_name
from reliability.window import Window

UP: Final = "up"
PROCESS_START: Final = "process_start_time_seconds"
_LOOKBACK_SECONDS: Final = 120
_SECONDS_PER_UNIT: Final = {"seconds": 1.0, "milliseconds": 0.001}


def range_seconds(window: Window) -> int:
    """Return the length of the range to fetch for a window, in whole seconds.

    Two minutes are put before it, two scrapes at the longest usual interval: the first
    increment of the window needs the sample before it.
    """
    return math.ceil(window.seconds) + _LOOKBACK_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNames:
    """Names of the counters by which two arms are compared.

    Attributes:
        latency: Base name of the latency histogram, without `_bucket`.
        requests: Name of the counter of requests.
        error_matchers: Conditions on the labels of a request that failed.
        unit: Unit of the histogram's bounds.

    Raises:
        SelectorError: A name is not valid, or every request would be an error.
    """

    latency: str
    requests: str
    error_matchers: tuple[Matcher, ...]
    unit: Literal["seconds", "milliseconds"] = "seconds"

    def __post_init__(self) -> None:
        """Refuse names that no server has, before anything is sent."""
        check_metric_name(self.latency, where="the latency metric")
        check_metric_name(self.requests, where="the requests metric")
        if not self.error_matchers:
            raise SelectorError('without error matchers every request is an error; write code=~"5..".')

    @property
    def bucket(self) -> str:
        """Name of the bucket counters."""
        return f"{self.latency}_bucket"

    @property
    def latency_sum(self) -> str:
        """Name of the sum of the latencies."""
        return f"{self.latency}_sum"

    @property
    def seconds_per_unit(self) -> float:
        """Factor from the histogram's unit to seconds."""
        return _SECONDS_PER_UNIT[self.unit]

    def fetched(self) -> tuple[str, ...]:
        """All metric names to ask a source for."""
        return (self.bucket, self.latency_sum, self.requests, UP, PROCESS_START)
