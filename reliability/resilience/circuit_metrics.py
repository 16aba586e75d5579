"""What circuit breakers report to Prometheus: state, changes, calls, their seconds, failed listeners.

Labels are looked up once per breaker, so that a call costs two increments. When a breaker
opens is decided in `reliability.resilience.circuit_breaker`; alerts stand in `templates/`.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reliability.resilience.circuit_breaker import CircuitChange, CircuitRecorder, CircuitState, Outcome


class CircuitMetrics(Collector):
    """The metrics of all circuit breakers of one process.

    Args:
        registry: Where they are registered; a second object on the same registry is refused by it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._states: dict[str, Callable[[], CircuitState]] = {}
        self._changes = Counter(
            "reliability_circuit_transitions_total",
            "Changes of a circuit breaker's state.",
            ["name", "from", "to"],
            registry=registry,
        )
        self._calls = Counter(
            "reliability_circuit_calls_total",
            "Calls by outcome; a rejected one was not sent.",
            ["name", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "reliability_circuit_call_seconds", "Seconds of the calls that were sent.", ["name"], registry=registry
        )
        self._listener_errors = Counter(
            "reliability_circuit_listener_errors_total",
            "Listeners of a circuit breaker that raised.",
            ["name"],
            registry=registry,
        )
        registry.register(self)

    def recorder(self, name: str, state: Callable[[], CircuitState]) -> CircuitRecorder:
        """Return what the breaker of this name reports to; its series exist, at zero, from now on.

        Args:
            name: The breaker's name.
            state: Tells its present state; asked at each scrape.

        Returns:
            The recorder.

        Raises:
            ValueError: Another breaker reports under this name, so its series would be given twice.
        """
        if name in self._states:
            raise ValueError(f"another breaker reports as '{name}' to the same metrics; give this one its own name")
        for before, after in product(CircuitState, repeat=2):
            if before is not after:
                self._changes.labels(name, before, after)
        self._states[name] = state
        calls = {outcome: self._calls.labels(name, outcome) for outcome in ("ok", "failure", "excluded", "rejected")}
        return _Recorder(
            calls=calls,
            seconds=self._seconds.labels(name),
            changes=self._changes,
            listener_errors=self._listener_errors.labels(name),
        )

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metric that is made at each scrape, so that the registry can refuse a second one."""
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read each breaker's state once, so that exactly one of its series is 1."""
        family = self._family()
        for name, state in list(self._states.items()):
            now = state()
            for one in CircuitState:
                family.add_metric([name, one], float(one is now))
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "reliability_circuit_state", "1 for the state that a circuit breaker has.", labels=["name", "state"]
        )


class _Recorder:
    def __init__(
        self, *, calls: Mapping[str, Counter], seconds: Histogram, changes: Counter, listener_errors: Counter
    ) -> None:
        self._calls, self._seconds, self._changes = calls, seconds, changes
        self.rejected = calls["rejected"].inc
        self.listener_failed = listener_errors.inc

    def called(self, outcome: Outcome, seconds: float) -> None:
        self._calls[outcome].inc()
        self._seconds.observe(seconds)

    def changed(self, change: CircuitChange) -> None:
        self._changes.labels(change.name, change.before, change.after).inc()
