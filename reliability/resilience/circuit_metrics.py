"""What circuit breakers report to Prometheus: state, changes, calls, their seconds, failed listeners.

Each breaker counts into plain numbers of its own, and a scrape makes the series of them:
looking up labels and the client library's own counters would cost more than the breaker.
When a breaker opens is decided in `reliability.resilience.circuit_breaker`; alerts stand in
`templates/`.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate, permutations
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from reliability.resilience.circuits import CircuitChange, CircuitState, Outcome

BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LE: Final = (*(str(bound) for bound in BOUNDS_SECONDS), "+Inf")


class CircuitMetrics(Collector):
    """The metrics of all circuit breakers of one process.

    Args:
        registry: Where they are registered; it refuses a second object like this one.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tallies: dict[str, CircuitTally] = {}
        registry.register(self)

    def recorder(self, name: str, state: Callable[[], CircuitState]) -> "CircuitTally":
        """Return what the breaker of this name counts into; its series exist, at zero, from now on.

        Args:
            name: The breaker's name.
            state: Tells its present state; asked at each scrape.

        Returns:
            The tally.

        Raises:
            ValueError: Another breaker reports under this name, so its series would be given twice.
        """
        if name in self._tallies:
            raise ValueError(f"another breaker reports as '{name}' to the same metrics; give this one its own name")
        tally = self._tallies[name] = CircuitTally(state)
        return tally

    def describe(self) -> Iterator[Metric]:
        """Name the metrics, so that the registry can refuse them a second time."""
        yield from _families()

    def collect(self) -> Iterator[Metric]:
        """Make the series of all breakers; exactly one state of each is 1."""
        families = _families()
        for name, tally in list(self._tallies.items()):
            tally.add_to(families, name=name)
        yield from families


class _Families(NamedTuple):
    states: GaugeMetricFamily
    changes: CounterMetricFamily
    calls: CounterMetricFamily
    seconds: HistogramMetricFamily
    listener_errors: CounterMetricFamily


def _families() -> _Families:
    prefix = "reliability_circuit"
    return _Families(
        states=GaugeMetricFamily(
            f"{prefix}_state", "1 for the state that a circuit breaker has.", labels=("name", "state")
        ),
        changes=CounterMetricFamily(
            f"{prefix}_transitions_total", "Changes of a circuit breaker's state.", labels=("name", "from", "to")
        ),
        calls=CounterMetricFamily(
            f"{prefix}_calls_total", "Calls by outcome; a rejected one was not sent.", labels=("name", "outcome")
        ),
        seconds=HistogramMetricFamily(
            f"{prefix}_call_seconds", "Seconds of the calls that were sent.", labels=("name",)
        ),
        listener_errors=CounterMetricFamily(
            f"{prefix}_listener_errors_total", "Listeners of a circuit breaker that raised.", labels=("name",)
        ),
    )


class CircuitTally:
    """What one breaker has done so far.

    Args:
        state: Tells its present state.
    """

    def __init__(self, state: Callable[[], CircuitState]) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._calls = {"ok": 0, "failure": 0, "excluded": 0, "rejected": 0}
        self._buckets = [0] * len(_LE)
        self._seconds_sum = 0.0
        self._changes = dict.fromkeys(permutations(CircuitState, 2), 0)
        self._listener_errors = 0

    def called(self, outcome: Outcome, seconds: float) -> None:
        """Count a call that was let through."""
        with self._lock:
            self._calls[outcome] += 1
            self._buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1
            self._seconds_sum += seconds

    def rejected(self) -> None:
        """Count a call that was refused."""
        with self._lock:
            self._calls["rejected"] += 1

    def changed(self, change: CircuitChange) -> None:
        """Count a change; one by hand into the same state again has a series of its own."""
        move = (change.before, change.after)
        with self._lock:
            self._changes[move] = self._changes.get(move, 0) + 1

    def listener_failed(self) -> None:
        """Count a listener that raised."""
        with self._lock:
            self._listener_errors += 1

    def add_to(self, families: _Families, *, name: str) -> None:
        """Add what was counted to the families of a scrape."""
        now = self._state()
        for state in CircuitState:
            families.states.add_metric((name, state), float(state is now))
        with self._lock:
            for (before, after), count in self._changes.items():
                families.changes.add_metric((name, before, after), count)
            for outcome, count in self._calls.items():
                families.calls.add_metric((name, outcome), count)
            buckets = list(zip(_LE, accumulate(self._buckets), strict=True))
            families.seconds.add_metric((name,), buckets, self._seconds_sum)
            families.listener_errors.add_metric((name,), self._listener_errors)
