"""What a drill reads off the guests' answers, and when they are well again.

Pure numbers. Waiting for answers and writing the log do not belong here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reliability.errors import StagingError
from reliability.staging.request_log import LoggedRequest
from reliability.staging.truth import ranked_quantile

_DEVIATIONS: Final = 2.576  # two-sided 99 %
_Q: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """P95 and errors of some answers, as the guests saw them.

    Attributes:
        client_seconds: Latencies of the answered requests, sorted.
        failed_count: Requests answered with 5xx or not at all.
        requests_count: All requests.
    """

    client_seconds: tuple[float, ...]
    failed_count: int
    requests_count: int

    @classmethod
    def of(cls, requests: Sequence[LoggedRequest]) -> "Reading":
        """Read requests, of which at least one was answered.

        Raises:
            StagingError: None was.
        """
        answered = sorted(r.client_seconds for r in requests if not r.is_lost)
        if not answered:
            raise StagingError(f"none of {len(requests)} requests was answered.")
        failed = sum(r.is_lost or r.is_error for r in requests)
        return cls(client_seconds=tuple(answered), failed_count=failed, requests_count=len(requests))

    @property
    def p95_seconds(self) -> float:
        """The P95 of the answered requests."""
        return ranked_quantile(self.client_seconds, q=_Q) or 0.0

    @property
    def error_fraction(self) -> float:
        """The share of requests that failed."""
        return self.failed_count / self.requests_count

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"P95 {self.p95_seconds * 1000:.0f} ms and {self.error_fraction * 100:.1f} % errors "
            f"in {self.requests_count} answers"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Where P95 and errors lie by chance alone, at 99 %, when nothing has changed."""

    p95_seconds_at_most: float
    error_fraction_at_most: float

    @classmethod
    def of(cls, reference: Reading) -> "Range":
        """Take the upper ends from the reference: order statistics, and Wilson's interval."""
        n = len(reference.client_seconds)
        rank_q = min(1.0, _Q + _DEVIATIONS * math.sqrt(_Q * (1 - _Q) / n))
        return cls(
            p95_seconds_at_most=ranked_quantile(reference.client_seconds, q=rank_q) or 0.0,
            error_fraction_at_most=_wilson_upper(reference.failed_count, reference.requests_count),
        )

    def holds(self, reading: Reading) -> bool:
        """Whether both are inside."""
        return reading.p95_seconds <= self.p95_seconds_at_most and reading.error_fraction <= self.error_fraction_at_most

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"the baseline's range ends at {self.p95_seconds_at_most * 1000:.0f} ms "
            f"and {self.error_fraction_at_most * 100:.1f} %"
        )


def _wilson_upper(count: int, n: int) -> float:
    z2 = _DEVIATIONS**2
    share = count / n
    spread = _DEVIATIONS * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (share + z2 / (2 * n) + spread) / (1 + z2 / n)
