"""Does a capture agree with the client's log? Whole-capture increments against counts.

A recorder's own check, on purpose without the decoder that the reports use: a mistake
there must not hide one here. Reads the body of a range-vector answer.
"""

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reliability.errors import StagingError
from reliability.staging.request_log import LoggedRequest
from reliability.staging.service_model import BUCKET_BOUNDS_SECONDS

_BUCKETS: Final = "http_request_duration_seconds_bucket"
_REQUESTS: Final = "http_requests_total"
_CPU: Final = "process_cpu_seconds_total"
_START: Final = "process_start_time_seconds"


@dataclass(frozen=True, slots=True)
class CapturedSeries:
    """One series of the capture with its samples in order of time."""

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        """Metric name."""
        return self.labels["__name__"]

    @property
    def instance(self) -> str:
        """Label `instance`."""
        return self.labels["instance"]


class CapturedCounters:
    """The series of a capture, with restarts of replicas taken from their start times."""

    def __init__(self, body: bytes) -> None:
        answer: dict[str, Any] = json.loads(body)
        if answer.get("status") != "success" or answer["data"]["resultType"] != "matrix":
            raise StagingError(f"the capture's body is no range vector: {body[:200]!r}")
        self.series = [
            CapturedSeries(row["metric"], tuple((float(t), float(v)) for t, v in row["values"]))
            for row in answer["data"]["result"]
        ]
        self._start_times = {s.instance: dict(s.samples) for s in self.series if s.name == _START}

    def increment(self, series: CapturedSeries) -> float:
        """Return what a counter gained after its first sample; a restart begins again at zero."""
        starts = self._start_times[series.instance]
        total = 0.0
        for (before, old), (after, new) in zip(series.samples, series.samples[1:], strict=False):
            restarted = new < old or starts.get(before) != starts.get(after)
            total += new if restarted else new - old
        return total

    def scrape_times(self, instance: str) -> list[float]:
        """Return the Unix times at which `instance` was scraped with success."""
        return sorted(self._start_times.get(instance, {}))

    def cpu_seconds_by_arm(self) -> dict[str, float]:
        """Return the CPU seconds that the replicas of each arm used."""
        seconds: dict[str, float] = defaultdict(float)
        for series in self.series:
            if series.name == _CPU:
                seconds[series.labels["arm"]] += self.increment(series)
        return dict(seconds)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How far a killed replica's counters may be off.

    Attributes:
        missing_at_most: Answers after the last scrape before the kill.
        extra_at_most: Requests that were perhaps counted but whose answer never arrived.
    """

    missing_at_most: int = 0
    extra_at_most: int = 0


def find_disagreements(
    counters: CapturedCounters,
    requests: Iterable[LoggedRequest],
    *,
    allowances: Mapping[str, Allowance],
) -> list[str]:
    """Compare every counter of the capture with the client's log.

    Args:
        counters: The capture.
        requests: The whole log.
        allowances: By instance; exact equality is asked of all others.

    Returns:
        One sentence for each counter that is not where the log says; empty when all agree.
    """
    answered = [r for r in requests if not r.is_lost]
    expected_requests = Counter((r.instance, r.route, r.method, str(r.status)) for r in answered)
    expected_buckets = Counter((r.instance, r.route, r.method, _bucket_index(r)) for r in answered)
    unseen = set(expected_requests)
    problems = []
    for series in counters.series:
        if series.name not in (_REQUESTS, _BUCKETS):
            continue
        key = (series.instance, series.labels["route"], series.labels["method"])
        if series.name == _REQUESTS:
            expected = expected_requests[(*key, series.labels["code"])]
            unseen.discard((*key, series.labels["code"]))
        else:
            expected = _at_or_below(expected_buckets, key, float(series.labels["le"]))
        allowance = allowances.get(series.instance, Allowance())
        problem = _compare(series, counters.increment(series), expected, allowance)
        problems += [problem] if problem else []
    return problems + [f"{' '.join(key)} is in the log but not in the capture" for key in sorted(unseen)]


def _bucket_index(request: LoggedRequest) -> int:
    return bisect_left(BUCKET_BOUNDS_SECONDS, request.server_seconds)


def _at_or_below(
    buckets: Mapping[tuple[str, str, str, int], int], key: tuple[str, str, str], bound_seconds: float
) -> int:
    last = bisect_left(BUCKET_BOUNDS_SECONDS, bound_seconds)
    return sum(buckets[(*key, index)] for index in range(last + 1))


def _compare(series: CapturedSeries, increment: float, expected: int, allowance: Allowance) -> str | None:
    first = series.samples[0][1]
    if first != 0:
        return f"{dict(series.labels)} begins at {first:g}, not at zero"
    if -allowance.missing_at_most <= increment - expected <= allowance.extra_at_most:
        return None
    return (
        f"{dict(series.labels)} gained {increment:g}, the client counted {expected} "
        f"(allowed: {allowance.missing_at_most} fewer, {allowance.extra_at_most} more)"
    )
