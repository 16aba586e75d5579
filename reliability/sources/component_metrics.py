"""What circuit breakers, locks and sessions reported over a window: samples in, frozen numbers out.

Samples come from a server or a capture. Several processes report the same breaker and the same
store: a breaker is as bad as in its worst process, and sessions and leases are counted once.
Which series are fetched, and what a page says, does not belong here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from reliability.resilience.circuits import CircuitState
from reliability.sources.answer import Answer, FloatArray, Series
from reliability.window import Window

STATE: Final = "reliability_circuit_state"
TRANSITIONS: Final = "reliability_circuit_transitions_total"
CALLS: Final = "reliability_circuit_calls_total"
LISTENER_ERRORS: Final = "reliability_circuit_listener_errors_total"
OPERATIONS: Final = "reliability_lock_operations_total"
LEASES: Final = "reliability_lock_leases"
SESSIONS: Final = "session_active_total"
NAMES: Final = (STATE, TRANSITIONS, CALLS, LISTENER_ERRORS, OPERATIONS, LEASES, SESSIONS)
_FRESH_SCRAPES: Final = 2.5  # a process that missed so many scrapes at the window's end is gone
_MOST: Final = 1e15  # a count beyond is a defect of whoever reports it, like one that is negative or no number
UNKNOWN: Final = "unknown"  # a state of another version: whatever it means, it is not closed
_WORST_FIRST: Final = (CircuitState.OPEN, UNKNOWN, CircuitState.HALF_OPEN, CircuitState.CLOSED)
Spell = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerReport:
    """One breaker, by name, over all processes that have it.

    Attributes:
        name: Its name.
        state: The worst state at the window's end, or `UNKNOWN`; None when no process reports any more.
        not_closed_since_at: Since when it has not been closed, as seen by scrapes; None when it is closed.
        processes_count: How many processes reported it at the window's end.
        not_closed_count: In how many of them it is not closed.
        opened_count: How often it opened in the window, all processes together.
        not_closed_spells: From when to when it was not closed in any process, in Unix seconds, in order.
        calls: Calls in the window by outcome.
        listener_errors_count: Listeners that raised in the window.
    """

    name: str
    state: str | None
    not_closed_since_at: datetime | None
    processes_count: int
    not_closed_count: int
    opened_count: int
    not_closed_spells: tuple[Spell, ...]
    calls: Mapping[str, int]
    listener_errors_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeReport:
    """A number that every process on one store reports alike.

    Attributes:
        now_count: At the window's end; None when nobody reports it any more.
        most_count: The largest in the window.
        times_seconds: Unix instants of the scrapes.
        counts: The number at each, the largest of all processes.
    """

    now_count: int | None
    most_count: int
    times_seconds: FloatArray
    counts: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentReport:
    """What the components reported; a component without samples was not measured.

    Attributes:
        breakers: In the order of their names; empty when not measured.
        lock_operations: Operations in the window by operation and outcome; empty when not measured.
        leases: Living leases; None when not measured.
        sessions: Living sessions by kind; empty when not measured.
    """

    breakers: tuple[BreakerReport, ...]
    lock_operations: Mapping[str, Mapping[str, int]]
    leases: GaugeReport | None
    sessions: Mapping[str, GaugeReport]

    @property
    def is_measured(self) -> bool:
        """Whether any component reported anything."""
        return bool(self.breakers or self.lock_operations or self.leases or self.sessions)


def read_components(answer: Answer, *, window: Window) -> ComponentReport:
    """Read what the components reported.

    Counters are counted from the first scrape of each series in or before the window, so at most one
    scrape interval is left out; a restart of a process loses nothing but what it counted after its last scrape.
    A sample that is no count (NaN, an infinity, negative, or beyond all measure) is as if it had not been scraped.

    Args:
        answer: Samples of `NAMES`, also of some time before the window.
        window: Time of interest.

    Returns:
        The report.
    """
    inside = [part for series in answer.series if (part := _inside(series, window)) is not None]

    def of(metric: str) -> list[Series]:
        return [series for series in inside if series.name == metric]

    names = sorted({series.labels.get("name", "") for series in of(STATE)})
    operations: dict[str, dict[str, int]] = {}
    for (operation, outcome), group in _grouped(of(OPERATIONS), "operation", "outcome"):
        operations.setdefault(operation, {})[outcome] = _increase(group)
    return ComponentReport(
        breakers=tuple(_breaker(name, [s for s in inside if s.labels.get("name") == name], window) for name in names),
        lock_operations=operations,
        leases=_gauge(of(LEASES), window) if of(LEASES) else None,
        sessions={kind: _gauge(group, window) for (kind,), group in _grouped(of(SESSIONS), "kind")},
    )


def _inside(series: Series, window: Window) -> Series | None:
    """Cut the counts of a series to the window and the one before it; None when none of them lies inside."""
    counts = (series.values >= 0) & (series.values <= _MOST)
    times, values = series.times_seconds[counts], series.values[counts]
    first = int(times.searchsorted(window.start.timestamp(), side="left"))
    last = int(times.searchsorted(window.end.timestamp(), side="right"))
    if first >= last:
        return None
    kept = slice(max(0, first - 1), last)
    return Series(labels=series.labels, times_seconds=times[kept], values=values[kept])


def _grouped(series: Sequence[Series], *labels: str) -> Iterator[tuple[tuple[str, ...], list[Series]]]:
    groups: dict[tuple[str, ...], list[Series]] = {}
    for each in series:
        groups.setdefault(tuple(each.labels.get(label, "") for label in labels), []).append(each)
    for key in sorted(groups):
        yield key, groups[key]


def _increase(counters: Sequence[Series]) -> int:
    """Add up what counters gained; after a restart one begins again at 0."""
    gained = 0.0
    for counter in counters:
        steps = np.diff(counter.values)
        gained += float(np.where(steps < 0, counter.values[1:], steps).sum())
    return round(gained)


def _is_fresh(times: FloatArray, window: Window) -> bool:
    interval = float(np.median(np.diff(times))) if times.size > 1 else window.seconds
    return bool(window.end.timestamp() - times[-1] <= _FRESH_SCRAPES * interval)


def _gauge(group: Sequence[Series], window: Window) -> GaugeReport:
    times = np.unique(np.concatenate([series.times_seconds for series in group]))
    counts = np.zeros(times.size)
    for series in group:
        places = times.searchsorted(series.times_seconds)
        counts[places] = np.maximum(counts[places], series.values)
    fresh = [series.values[-1] for series in group if _is_fresh(series.times_seconds, window)]
    return GaugeReport(
        now_count=round(max(fresh)) if fresh else None,
        most_count=round(float(counts.max())),
        times_seconds=times,
        counts=counts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """The states of one breaker in one process: at each scrape the one that was 1."""

    times_seconds: FloatArray
    states: tuple[str, ...]
    is_fresh: bool

    @property
    def spells(self) -> Iterator[Spell]:
        """From the first scrape that did not see it closed to the next that did, or to the last one."""
        began: float | None = None
        for at, state in zip(self.times_seconds.tolist(), self.states, strict=True):
            if state is not CircuitState.CLOSED:
                began = at if began is None else began
            elif began is not None:
                yield began, at
                began = None
        if began is not None:
            yield began, float(self.times_seconds[-1])


def _breaker(name: str, series: Sequence[Series], window: Window) -> BreakerReport:
    def of(metric: str, **labels: str) -> list[Series]:
        return [s for s in series if s.name == metric and all(s.labels.get(k) == v for k, v in labels.items())]

    processes = list(_processes(of(STATE), window))
    now = [process for process in processes if process.is_fresh]
    not_closed = [process for process in now if process.states[-1] is not CircuitState.CLOSED]
    since = min((list(process.spells)[-1][0] for process in not_closed), default=None)
    states = {process.states[-1] for process in now}
    return BreakerReport(
        name=name,
        state=next((state for state in _WORST_FIRST if state in states), None),
        not_closed_since_at=None if since is None else datetime.fromtimestamp(since, UTC),
        processes_count=len(now),
        not_closed_count=len(not_closed),
        opened_count=_increase(of(TRANSITIONS, to=CircuitState.OPEN)),
        not_closed_spells=_united([spell for process in processes for spell in process.spells]),
        calls={outcome: _increase(group) for (outcome,), group in _grouped(of(CALLS), "outcome")},
        listener_errors_count=_increase(of(LISTENER_ERRORS)),
    )


def _processes(series: Sequence[Series], window: Window) -> Iterator[_Process]:
    """Put the series of all states of one process together."""
    groups: dict[frozenset[tuple[str, str]], list[tuple[float, str]]] = {}
    for each in series:
        state: str = next((state for state in CircuitState if state == each.labels.get("state")), UNKNOWN)
        process = frozenset((label, value) for label, value in each.labels.items() if label != "state")
        seen = each.times_seconds[each.values == 1].tolist()
        groups.setdefault(process, []).extend((at, state) for at in seen)
    for states in groups.values():
        if states:
            states.sort()
            times = np.array([at for at, _ in states])
            yield _Process(
                times_seconds=times, states=tuple(state for _, state in states), is_fresh=_is_fresh(times, window)
            )


def _united(spells: Sequence[Spell]) -> tuple[Spell, ...]:
    """Join spells that touch or overlap."""
    joined: list[Spell] = []
    for start, end in sorted(spells):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)
