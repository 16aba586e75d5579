"""What every source of metrics offers, and the names of the metrics that a canary needs.

`reliability.sources.prometheus` and `reliability.sources.captures` are such sources;
`reliability.sources.increments` counts what they return. How a source gets its samples
does not belong here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from reliability.errors import SelectorError
from reliability.sources.answer import Answer
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


class MetricsSource(Protocol):
    """Returns raw samples of exact metric names."""

    @property
    def description(self) -> str:
        """Name of the source for readers; no credentials."""
        ...

    def fetch(self, *, metrics: Sequence[str], matchers: Sequence[Matcher], window: Window) -> Answer:
        """Return the samples inside `window` and of two minutes before it.

        Args:
            metrics: Exact metric names.
            matchers: Conditions on the labels.
            window: Time of interest.

        Returns:
            The series that match; none is no error.

        Raises:
            SelectorError: A name is not valid.
            SourceError: The samples cannot be had.
        """
        ...


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
