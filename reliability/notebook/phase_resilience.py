"""What breakers, locks and sessions of the release under test reported: fetched, and laid out for the page.

The source is that of the canary, or another one of the same kinds. It is shown and never gates; nothing
reported is "not measured". Samples are read in `reliability.sources.component_metrics`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from reliability.errors import MissingEvidenceError, UsageError
from reliability.notebook.origin import find_origin
from reliability.notebook.run import Place
from reliability.settings_file import resolve_parameters
from reliability.sources.component_metrics import NAMES, BreakerReport, ComponentReport, GaugeReport, read_components
from reliability.window import Window

_MOST_POINTS: Final = 90  # of the course of sessions; a longer one shows the largest number of each part
Data = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resilience:
    """What was reported, and where it was read.

    Attributes:
        report: What the components reported.
        window: Over which time.
        source: Name of the source for readers.
        release: The release whose processes reported it.
        sample: Name of the shipped sample; None for other sources.
        query: What was asked.
    """

    report: ComponentReport
    window: Window
    source: str
    release: str
    sample: str | None
    query: str


def load_resilience(source: str | None, *, place: Place) -> Resilience:
    """Fetch what the components of the canary's arm reported over its window.

    Args:
        source: As `canary.source`; None takes that one.
        place: Where and when the report is made.

    Returns:
        What was reported.

    Raises:
        SourceError: The source cannot be had, names nothing, or holds no metric of the components.
    """
    try:
        parameters = resolve_parameters(place.settings, "canary", {"source": source}, report="phase.resilience_source")
        origin = find_origin(parameters, place=place)
        arm = origin.arms["canary"]
        answer = origin.source.fetch(metrics=NAMES, matchers=arm.matchers, window=origin.window)
    except UsageError as err:  # the canary's own report refuses it; this section only says so
        raise MissingEvidenceError(f"{err.args[0]}") from err
    report = read_components(answer, window=origin.window)
    if not report.is_measured:
        raise MissingEvidenceError(
            f"{origin.description} holds no metric of breakers, locks or sessions for {arm.matchers_text} over "
            f"{origin.window}, so nothing was measured. Let the service expose them (CircuitMetrics, LockMetrics, "
            f"SessionGauge), or name another source: resilience_source in [phase]."
        )
    return Resilience(
        report=report,
        window=origin.window,
        source=origin.description,
        release=arm.release,
        sample=origin.sample,
        query=answer.query,
    )


def resilience(found: Resilience) -> Data:
    """Lay out what was reported."""
    report = found.report
    return {
        "source": found.source,
        "release": found.release,
        "sample": found.sample,
        "start": found.window.start,
        "end": found.window.end,
        "breakers": [_breaker(breaker) for breaker in report.breakers],
        "locks": _locks(report) if report.lock_operations or report.leases else None,
        "sessions": [
            {"kind": kind, "now_count": gauge.now_count, "most_count": gauge.most_count, "points": _points(gauge)}
            for kind, gauge in report.sessions.items()
        ],
    }


def _breaker(breaker: BreakerReport) -> Data:
    spells = [{"start": _instant(start), "end": _instant(end)} for start, end in breaker.not_closed_spells]
    seconds = sum(end - start for start, end in breaker.not_closed_spells)
    return {**asdict(breaker), "not_closed_spells": spells, "not_closed_seconds": seconds}


def _locks(report: ComponentReport) -> Data:
    rows = []
    for operation, outcomes in report.lock_operations.items():
        total = sum(outcomes.values())
        rows.append({
            "operation": operation,
            "total_count": total,
            "ok_count": outcomes.get("ok", 0),
            "refused_count": total - outcomes.get("ok", 0),
            "refused_fraction": (total - outcomes.get("ok", 0)) / total if total else None,
            "refusals": {outcome: count for outcome, count in outcomes.items() if count and outcome != "ok"},
        })  # fmt: skip
    leases = report.leases
    return {
        "operations": rows,
        "leases_now_count": leases and leases.now_count,
        "leases_most_count": leases and leases.most_count,
    }


def _points(gauge: GaugeReport) -> list[Data]:
    """Thin a course out; of each part its largest number stands at its first scrape."""
    every = -(-gauge.counts.size // _MOST_POINTS)
    parts = range(0, gauge.counts.size, every)
    return [
        {"at": _instant(float(gauge.times_seconds[at])), "count": round(float(gauge.counts[at : at + every].max()))}
        for at in parts
    ]


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def frame_rows(found: Resilience) -> list[Mapping[str, object]]:
    """Return one row per breaker and outcome, lock operation and outcome, and kind of session."""
    report = found.report
    calls = [("breaker", b.name, outcome, count) for b in report.breakers for outcome, count in b.calls.items()]
    locks = [("lock", op, outcome, count) for op, by in report.lock_operations.items() for outcome, count in by.items()]
    alive = [("session", kind, "most", gauge.most_count) for kind, gauge in report.sessions.items()]
    columns = ("component", "name", "outcome", "count")
    return [dict(zip(columns, row, strict=True)) for row in (*calls, *locks, *alive)]
