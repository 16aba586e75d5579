"""Which counter counts the requests, and which of its labels tells failed ones.

Fed by the server's own vectors and by what is known about the histogram. Where there is no
counter with a status, the histogram's own `_count` serves when it has one.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reliability.sources.promql import Matcher, parse_matchers
from reliability.workbench.histograms import RECENT_SECONDS, Latency
from reliability.workbench.presets import Preset
from reliability.workbench.server import Row, Server, named, selector

STATUS_LABELS: Final = (
    "code", "status", "status_code", "http_status_code", "http_response_status_code", "response_code",
    "response_status", "envoy_response_code_class", "code_class", "status_class", "grpc_code", "grpc_status",
)  # fmt: skip
_ASKED: Final = 6
_SAME: Final = 1.1  # two counters of the same requests differ by what came between two scrapes
_COUNTERS: Final = r".*(request|http|rpc|_rq_).*"
_NO_COUNTERS: Final = r".+_(bucket|sum|created)"
_CODES: Final = re.compile(r"[1-5]\d\d")
_CLASSES: Final = re.compile(r"[1-5][xX]{2}")
_DIGITS: Final = re.compile(r"[1-5]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter of requests.

    Attributes:
        metric: Its name.
        label: The label with the status of a request.
        values: Values of that label that were seen.
        error_matchers: Matchers of failed requests.
        share: Its requests of the last minutes beside those of the histogram, 1.0 when equal; NaN
            without traffic.
    """

    metric: str
    label: str
    values: tuple[str, ...]
    error_matchers: str
    share: float

    @property
    def agrees(self) -> bool:
        """Whether it counts the requests of the histogram, as far as there was traffic."""
        return math.isnan(self.share) or 1 / _SAME <= self.share <= _SAME


def find_counter(
    server: Server, latency: Latency, *, preset: Preset | None, jobs: Sequence[str], matchers: Sequence[Matcher]
) -> Counter | None:
    """Find the counter that belongs to a histogram.

    Args:
        server: The server.
        latency: The histogram.
        preset: What the exporter usually calls it.
        jobs: Jobs that export the histogram; without any, all are searched.
        matchers: Matchers of both arms.

    Returns:
        The counter; None when none has a label with the status.
    """
    statuses = _statuses(server, latency, jobs)
    if preset and preset.requests_metric in statuses:
        (wanted,) = {matcher.name for matcher in parse_matchers(preset.error_matchers)}
        if values := statuses[preset.requests_metric].get(wanted):
            share = _share(server, preset.requests_metric, latency, matchers)
            return Counter(
                metric=preset.requests_metric, label=wanted, values=values, error_matchers=preset.error_matchers,
                share=share,
            )  # fmt: skip
    near = sorted(statuses, key=lambda name: (-_in_common(name, latency.metric), name))[:_ASKED]
    found = [_counter(server, name, statuses[name], latency, matchers) for name in near]
    usable = [counter for counter in found if counter is not None]
    return min(usable, key=lambda counter: _distance(counter, latency), default=None)


def unseen_counter(preset: Preset) -> Counter:
    """Return the counter that a preset names, without having seen it."""
    label = parse_matchers(preset.error_matchers)[0].name
    return Counter(
        metric=preset.requests_metric, label=label, values=(), error_matchers=preset.error_matchers, share=math.nan
    )


def _statuses(server: Server, latency: Latency, jobs: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the values of every label that may hold a status, by counter and label."""
    matchers = [
        Matcher(name="__name__", op="=~", value=f"{_COUNTERS}|{latency.metric}_count"),
        Matcher(name="__name__", op="!~", value=_NO_COUNTERS),
    ]
    if jobs:
        matchers.append(Matcher(name="job", op="=~", value="|".join(re.escape(job) for job in jobs)))
    rows = server.rows(f"count by (__name__, {', '.join(STATUS_LABELS)}) ({selector(matchers)})")
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for label in STATUS_LABELS:
        for name, values in _values(rows, label).items():
            if _error_matchers(label, values):
                found.setdefault(name, {})[label] = values
    return found


def _values(rows: Sequence[Row], label: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.labels.get(label):
            found.setdefault(row.labels["__name__"], set()).add(row.labels[label])
    return {name: tuple(sorted(values)) for name, values in found.items()}


def _error_matchers(label: str, values: Sequence[str]) -> str | None:
    """Return the matchers of failed requests, None when the values are no status."""
    if any(_CODES.fullmatch(value) for value in values):
        return Matcher(name=label, op="=~", value="5..").promql()
    if any(_CLASSES.fullmatch(value) for value in values):
        return Matcher(name=label, op="=~", value="5[xX]{2}").promql()
    if label.endswith("class") and any(_DIGITS.fullmatch(value) for value in values):
        return Matcher(name=label, op="=", value="5").promql()
    return None


def _counter(
    server: Server, name: str, labels: dict[str, tuple[str, ...]], latency: Latency, matchers: Sequence[Matcher]
) -> Counter | None:
    label, values = next(iter(labels.items()))
    failed = _error_matchers(label, values)
    if failed is None:
        return None
    return Counter(
        metric=name, label=label, values=values, error_matchers=failed, share=_share(server, name, latency, matchers)
    )


def _share(server: Server, name: str, latency: Latency, matchers: Sequence[Matcher]) -> float:
    if not latency.requests:
        return math.nan
    counted = server.number(f"sum(increase({selector(named(name, *matchers), seconds=RECENT_SECONDS)}))")
    return counted / latency.requests


def _distance(counter: Counter, latency: Latency) -> tuple[bool, bool, int, str]:
    """Order counters: the right number of requests, then a counter of its own, then the likest name."""
    is_count = counter.metric == f"{latency.metric}_count"
    return not counter.agrees, is_count, -_in_common(counter.metric, latency.metric), counter.metric


def _in_common(one: str, other: str) -> int:
    """Count the letters that two names begin with alike."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
