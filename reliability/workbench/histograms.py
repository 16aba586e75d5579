"""Which histogram measures the requests: what the server has, which one is busiest, its unit and its edges.

Fed by the server's own vectors; whether its edges suffice is said with the judge's rules.
Counters of requests and labels of arms belong to their own modules.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reliability.judge.bucket_limits import bucket_ratio, guard_fraction, suggested_bounds
from reliability.sources.promql import METRIC_NAME, Matcher
from reliability.workbench.server import Server, any_of, named, selector

RECENT_SECONDS: Final = 600
_ASKED: Final = 12
_P95: Final = 0.95
_MANY_MILLISECONDS: Final = 100  # no request histogram in seconds ends above this, one in milliseconds does
_NO_LATENCY: Final = re.compile(r"bytes|size|length|_ratio|client_|gc_|pauses|compaction|wal_|engine_query")
_REQUESTS: Final = re.compile(r"http|request|rpc|server|_rq_|handler|api")
_IN_MILLISECONDS: Final = re.compile(r"(_|^)(milliseconds|millis|msec|ms)(_|$)")
_IN_SECONDS: Final = re.compile(r"(_|^)(seconds|secs?|s)(_|$)")
Unit = Literal["seconds", "milliseconds"]
UNUSABLE: Final = {
    "native": "is a native histogram, which cannot be judged yet; let the server keep classic buckets too "
    "(always_scrape_classic_histograms)",
    "summary": "is a summary; its quantiles cannot be merged over replicas, so let the service export a histogram",
    "vmrange": "has bounds of VictoriaMetrics (vmrange), which cannot be judged; convert them by prometheus_buckets",
    "name": "has a name that needs quotes in PromQL, which cannot be judged yet; let the server translate names "
    "to underscores",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Histograms:
    """What the server has.

    Attributes:
        requests: Observations of the last minutes by histogram, the best candidate first.
        unusable: Why a metric that looks like a latency cannot be judged, by its name.
    """

    requests: dict[str, float]
    unusable: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The chosen histogram.

    Attributes:
        metric: Its name without `_bucket`.
        unit: Unit of its bounds.
        unit_reason: Why this unit.
        bounds: Its bounds in its unit, the last one infinite; none without traffic.
        requests: Requests of the last minutes.
        p95_bucket: Bounds around the P95; None without traffic.
        helpful_bounds: Bounds in its unit that would help; none when the present ones suffice.
    """

    metric: str
    unit: Unit
    unit_reason: str
    bounds: tuple[float, ...] = ()
    requests: float = 0.0
    p95_bucket: tuple[float, float] | None = None
    helpful_bounds: tuple[float, ...] = ()


def find_histograms(server: Server, known: Sequence[str]) -> Histograms:
    """List the histograms, those first that most probably measure requests.

    Args:
        server: The server.
        known: Names out of the presets.

    Returns:
        Candidates with their traffic, and what cannot be used.
    """
    buckets = Matcher(name="__name__", op="=~", value=".+_bucket")
    infinite = Matcher(name="le", op="=", value="+Inf")
    rows = server.rows(f"count by (__name__) ({selector((buckets, infinite))})")
    every = {row.labels["__name__"].removesuffix("_bucket"): row.value for row in rows}
    names = [name for name in every if re.fullmatch(METRIC_NAME, name)]
    likely = sorted(names, key=lambda name: (-_likeness(name, known), -every[name], name))[:_ASKED]
    counts = {name: _observations(server, name) for name in likely}
    ranked = sorted(likely, key=lambda name: (not counts[name], -_likeness(name, known), -counts[name], name))
    own = server.rows(f"count by (__name__) ({selector((buckets, Matcher(name='vmrange', op='!=', value='')))})")
    return Histograms(
        requests={name: counts[name] for name in ranked},
        unusable={
            **{name: UNUSABLE["name"] for name in every if name not in names},
            **{row.labels["__name__"].removesuffix("_bucket"): UNUSABLE["vmrange"] for row in own},
            **_without_buckets(server, every),
        },
    )


def measure_latency(server: Server, metric: str, *, unit: Unit | None, matchers: Sequence[Matcher] = ()) -> Latency:
    """Look at the unit, the bounds and the P95 of a histogram.

    Args:
        server: The server.
        metric: Its name without `_bucket`.
        unit: Its unit where a preset knows it.
        matchers: Which of its series count.

    Returns:
        What was seen.
    """
    buckets = selector(named(f"{metric}_bucket", *matchers), seconds=RECENT_SECONDS)
    rows = server.rows(f"sum by (le) (increase({buckets}))")
    counts = dict(sorted((float(row.labels["le"]), row.value) for row in rows if _is_number(row.labels.get("le", ""))))
    bounds = tuple(counts)
    chosen, reason = (unit, "the preset says so") if unit else unit_of(metric, bounds)
    total = max(counts.values(), default=0.0)
    if not total:
        return Latency(metric=metric, unit=chosen, unit_reason=reason, bounds=bounds)
    place = next(number for number, bound in enumerate(bounds) if counts[bound] >= _P95 * total)
    around = (bounds[place - 1] if place else 0.0, bounds[place])
    coarse = guard_fraction(bucket_ratio(around)) > 0
    return Latency(
        metric=metric, unit=chosen, unit_reason=reason, bounds=bounds, requests=total, p95_bucket=around,
        helpful_bounds=_helpful(counts, around, total) if coarse else (),
    )  # fmt: skip


def unit_of(metric: str, bounds: Sequence[float]) -> tuple[Unit, str]:
    """Tell a histogram's unit from its name, else from its bounds, and why."""
    if _IN_MILLISECONDS.search(metric):
        return "milliseconds", "the name says so"
    if _IN_SECONDS.search(metric):
        return "seconds", "the name says so"
    last = max((bound for bound in bounds if bound != float("inf")), default=0.0)
    return ("milliseconds" if last > _MANY_MILLISECONDS else "seconds"), f"its last bound is {last:g}"


def unlikely_unit(unit: str, bounds: Sequence[float]) -> str | None:
    """Say why a unit is not plausible with these bounds, None when it is."""
    finite = [bound for bound in bounds if bound != float("inf")]
    if unit == "seconds" and finite and max(finite) > 10 * _MANY_MILLISECONDS:
        return f"bounds up to {max(finite):g} would be {max(finite) / 60:.0f} minutes; they look like milliseconds"
    if unit == "milliseconds" and finite and max(finite) <= _MANY_MILLISECONDS / 10:
        return f"bounds up to {max(finite):g} would be {max(finite):g} ms at most; they look like seconds"
    return None


def _likeness(name: str, known: Sequence[str]) -> int:
    """Tell how much a name looks like the latency of requests: 3 known, 2 likely, 1 perhaps, 0 hardly."""
    if name in known:
        return 3
    if _NO_LATENCY.search(name):
        return 0
    return 2 if _REQUESTS.search(name) else 1


def _observations(server: Server, name: str) -> float:
    infinite = Matcher(name="le", op="=", value="+Inf")
    counted = selector(named(f"{name}_bucket", infinite), seconds=RECENT_SECONDS)
    return server.number(f"sum(increase({counted}))")


def _without_buckets(server: Server, every: dict[str, float]) -> dict[str, str]:
    """Find latencies that are there, but not as classic buckets."""
    types = {name: kind for name, kind in server.types().items() if kind in ("histogram", "summary")}
    asked = [
        name for name in types if name not in every and re.fullmatch(METRIC_NAME, name) and _likeness(name, ()) > 1
    ]
    if not asked:
        return {}
    rows = server.rows(f"count by (__name__) ({selector((any_of('__name__', sorted(asked)[:_ASKED]),))})")
    found = sorted(row.labels["__name__"] for row in rows)
    return {name: UNUSABLE["native" if types[name] == "histogram" else "summary"] for name in found}


def _helpful(counts: dict[float, float], around: tuple[float, float], total: float) -> tuple[float, ...]:
    """Return the judge's ladder around the P95, interpolated as PromQL does."""
    low, high = around
    below = counts.get(low, 0.0)
    share = (_P95 * total - below) / ((counts[high] - below) or 1.0)
    middle = low if high == float("inf") else low + (high - low) * share
    return suggested_bounds(middle) if middle > 0 else ()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
