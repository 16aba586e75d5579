"""Which histogram measures the requests: what the server has, which one is busiest, its unit and its bounds.

Whether its bounds suffice is said with the judge's rules. Counters of requests and labels of
arms belong to their own modules.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from reliability.judge.bucket_limits import bucket_ratio, guard_fraction, suggested_bounds
from reliability.judge.survival import survival_curve
from reliability.sources.promql import METRIC_NAME, Matcher
from reliability.workbench.server import INFINITE, Server, increase, selector

Unit = Literal["seconds", "milliseconds"]
_ASKED: Final = 12
_CLASSIC: Final = Matcher(name="le", op="!=", value="")
_SLOWER_SHARE: Final = 0.05
_MANY_MILLISECONDS: Final = 100  # no request histogram in seconds ends above this, one in milliseconds does
_NO_LATENCY: Final = re.compile(r"bytes|size|length|_ratio|client_|gc_|pauses|compaction|wal_|engine_query")
_REQUESTS: Final = re.compile(r"http|request|rpc|server|_rq_|handler|api")
_UNITS: Final[Mapping[Unit, re.Pattern[str]]] = {
    "milliseconds": re.compile(r"(_|^)(milliseconds|millis|msec|ms)(_|$)"),
    "seconds": re.compile(r"(_|^)(seconds|secs?|s)(_|$)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The chosen histogram.

    Attributes:
        metric: Its name without `_bucket`.
        unit: Unit of its bounds.
        unit_reason: Why this unit.
        counts: Observations of the last minutes at or below each bound, by bound in order.
    """

    metric: str
    unit: Unit
    unit_reason: str
    counts: Mapping[float, float]

    @property
    def requests(self) -> float:
        """Requests of the last minutes."""
        return max(self.counts.values(), default=0.0)

    def bucket(self) -> tuple[tuple[float, float], float]:
        """Return the bucket of the P95, and the P95 itself; there must be requests."""
        bounds, counts = (np.array(list(each)) for each in (self.counts, self.counts.values()))
        curve = survival_curve(bounds, 1 - counts / self.requests, request_count=self.requests)
        quantile = curve.quantile_seconds(_SLOWER_SHARE)
        return curve.bucket(quantile), quantile


def find_histograms(server: Server, known: Sequence[str]) -> dict[str, float]:
    """List the histograms, those first that most probably measure requests.

    Args:
        server: The server.
        known: Names out of the presets.

    Returns:
        Observations of the last minutes by histogram, the best candidate first.
    """
    buckets = Matcher(name="__name__", op="=~", value=f"({METRIC_NAME})_bucket")
    rows = server.rows(f"count by (__name__) ({selector(buckets, INFINITE)})")
    series = {row.labels["__name__"].removesuffix("_bucket"): row.value for row in rows}
    likely = sorted(series, key=lambda name: (-_likeness(name, known), -series[name], name))[:_ASKED]
    counts = {name: server.number(f"sum({increase(f'{name}_bucket', INFINITE)})") for name in likely}
    ranked = sorted(likely, key=lambda name: (not counts[name], -_likeness(name, known), -counts[name], name))
    return {name: counts[name] for name in ranked}


def measure_latency(server: Server, metric: str, *, unit: Unit | None, matchers: Sequence[Matcher]) -> Latency:
    """Look at the unit and the bounds of a histogram, and at what they counted.

    Args:
        server: The server.
        metric: Its name without `_bucket`.
        unit: Its unit where a preset knows it.
        matchers: Which of its series count.

    Returns:
        What was seen.
    """
    rows = server.rows(f"sum by (le) ({increase(f'{metric}_bucket', _CLASSIC, *matchers)})")
    counts = dict(sorted((float(row.labels["le"]), row.value) for row in rows))
    chosen, reason = (unit, "the preset says so") if unit else unit_of(metric, list(counts))
    return Latency(metric=metric, unit=chosen, unit_reason=reason, counts=counts)


def unit_of(metric: str, bounds: Sequence[float]) -> tuple[Unit, str]:
    """Tell a histogram's unit from its name, else from its bounds, and why."""
    for unit, words in _UNITS.items():
        if words.search(metric):
            return unit, "the name says so"
    last = _last(bounds)
    return ("milliseconds" if last > _MANY_MILLISECONDS else "seconds"), f"its last bound is {last:g}"


def unlikely_unit(unit: str, bounds: Sequence[float]) -> str | None:
    """Say why a unit is not plausible with these bounds, None when it is."""
    last = _last(bounds)
    if unit == "seconds" and last > 10 * _MANY_MILLISECONDS:
        return f"bounds up to {last:g} would be {last / 60:.0f} minutes; they look like milliseconds"
    if unit == "milliseconds" and 0 < last <= _MANY_MILLISECONDS / 10:
        return f"bounds up to {last:g} would be {last:g} ms at most; they look like seconds"
    return None


def words_of_bucket(bucket: tuple[float, float], p95: float, unit: Unit) -> tuple[str, str]:
    """Say in which bucket the P95 lies, and which bounds would help when it is a coarse one.

    Args:
        bucket: Its bounds; the last one may be infinite.
        p95: The P95; infinite in the last bucket.
        unit: Unit of all three.

    Returns:
        What was seen, and the cure; no cure when the judge needs no guard.
    """
    (low, high), short = bucket, "s" if unit == "seconds" else "ms"
    place = f"between {low:g} and {high:g} {short}" if high < np.inf else f"above {low:g} {short}, the last bound"
    if not guard_fraction(bucket_ratio(bucket)):
        return f"the P95 lies {place}, a fine bucket", ""
    helpful = ", ".join(f"{bound:g}" for bound in suggested_bounds(p95 if high < np.inf else low))
    cure = f"let the service count at more bounds, for example {helpful} {short}"
    return f"the P95 lies {place}, a coarse bucket: only large changes can be judged", cure


def _last(bounds: Sequence[float]) -> float:
    return max((bound for bound in bounds if bound != float("inf")), default=0.0)


def _likeness(name: str, known: Sequence[str]) -> int:
    """Tell how much a name looks like the latency of requests: 3 known, 2 likely, 1 perhaps, 0 hardly."""
    if name in known:
        return 3
    if _NO_LATENCY.search(name):
        return 0
    return 2 if _REQUESTS.search(name) else 1
