"""Which counter counts the requests, and which of its labels tells failed ones.

Fed by the server's own vectors and by what is known about the histogram. Where there is no
counter with a status, the histogram's own `_count` serves when it has one.
"""

import math
import os.path
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reliability.sources.promql import Matcher
from reliability.workbench.histograms import Latency
from reliability.workbench.presets import Preset
from reliability.workbench.server import Server, any_of, increase, selector

_STATUS_LABELS: Final = (
    "code", "status", "status_code", "http_status_code", "http_response_status_code", "response_code",
    "response_status", "envoy_response_code_class", "code_class", "status_class", "grpc_code", "grpc_status",
)  # fmt: skip
_ASKED: Final = 6
_SAME: Final = 1.1  # two counters of the same requests differ by what came between two scrapes
_COUNTERS: Final = r".*(request|http|rpc|_rq_).*"
_NO_COUNTERS: Final = r".+_(bucket|sum|created)"
_DIGITS: Final = re.compile(r"[1-5]")  # in a label of classes only
_FAILED: Final = (
    (re.compile(r"[1-5]\d\d"), "=~", "5.."),
    (re.compile(r"[1-5][xX]{2}"), "=~", "5[xX]{2}"),
    (_DIGITS, "=", "5"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter of requests.

    Attributes:
        metric: Its name.
        error_matchers: Matchers of failed requests.
        values: Values of the label with the status that were seen.
        share: Its requests of the last minutes beside those of the histogram, 1.0 when equal; NaN
            without traffic.
    """

    metric: str
    error_matchers: str
    values: Sequence[str] = ()
    share: float = math.nan

    @property
    def agrees(self) -> bool:
        """Whether it is known to count the requests of the histogram."""
        return 1 / _SAME <= self.share <= _SAME


def find_counter(
    server: Server,
    latency: Latency,
    *,
    preset: Preset | None,
    is_forced: bool,
    jobs: Sequence[str],
    matchers: Sequence[Matcher],
) -> Counter | None:
    """Find the counter that belongs to a histogram.

    Args:
        server: The server.
        latency: The histogram.
        preset: What the exporter usually calls it.
        is_forced: Whether only that exporter is meant, even before its metrics are there.
        jobs: Jobs that export the histogram; without any, all are searched.
        matchers: Matchers of both arms.

    Returns:
        The counter; None when none has a label with the status.
    """
    own = f"{latency.metric}_count"
    seen = _seen(server, own, jobs)
    if preset and preset.status_label in seen.get(preset.requests_metric, {}):
        usable = {preset.requests_metric: (preset.error_matchers, seen[preset.requests_metric][preset.status_label])}
    elif preset and is_forced and (not latency.counts or preset.requests_metric not in seen):
        return Counter(metric=preset.requests_metric, error_matchers=preset.error_matchers)
    else:
        usable = {name: found for name, labels in seen.items() if (found := _failed(labels))}
    near = sorted(usable, key=lambda name: (-len(os.path.commonprefix([name, latency.metric])), name))[:_ASKED]  # noqa: RUF071 -- letters are meant
    counters = []
    for name in near:
        requests = server.number(f"sum({increase(name, *matchers)})")
        share = requests / latency.requests if latency.requests else math.nan
        failed, values = usable[name]
        counters.append(Counter(metric=name, error_matchers=failed, values=sorted(values), share=share))
    return min(counters, key=lambda counter: (not counter.agrees, counter.metric == own), default=None)


def _seen(server: Server, own: str, jobs: Sequence[str]) -> dict[str, dict[str, set[str]]]:
    """Return the values of every label that may hold a status, by counter and label."""
    matchers = [
        Matcher(name="__name__", op="=~", value=f"{_COUNTERS}|{own}"),
        Matcher(name="__name__", op="!~", value=_NO_COUNTERS),
        *([any_of("job", jobs)] if jobs else []),
    ]
    found: dict[str, dict[str, set[str]]] = {}
    for row in server.rows(f"count by (__name__, {', '.join(_STATUS_LABELS)}) ({selector(*matchers)})"):
        of_counter = found.setdefault(row.labels["__name__"], {})
        for label in row.labels.keys() - {"__name__"}:
            of_counter.setdefault(label, set()).add(row.labels[label])
    return found


def _failed(labels: Mapping[str, set[str]]) -> tuple[str, set[str]] | None:
    """Return the matchers of failed requests and the values of their label; None when none is a status."""
    for label in (label for label in _STATUS_LABELS if label in labels):
        for pattern, op, value in _FAILED:
            if any(pattern.fullmatch(each) for each in labels[label]) and ("class" in label or pattern is not _DIGITS):
                return Matcher(name=label, op=op, value=value).promql(), labels[label]
    return None
