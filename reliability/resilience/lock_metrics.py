"""Metrics of the lock service for Prometheus: operations by outcome, their durations, living leases.

The registry is always passed in. Alert rules and pages that read them do not belong here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from reliability.errors import (
    BackendBusyError,
    BackendError,
    LeaseExpiredError,
    LockError,
    MaxExtensionsError,
    MaxTotalError,
    NotForwardError,
    NotHolderError,
    RangeConflictError,
)

_OPERATIONS: Final = ("acquire", "extend", "renew", "release")
_REFUSALS: Final[dict[type[LockError | BackendError], str]] = {
    RangeConflictError: "conflict",
    NotHolderError: "not_holder",
    LeaseExpiredError: "expired",
    NotForwardError: "not_forward",
    MaxExtensionsError: "max_extensions",
    MaxTotalError: "max_total",
    BackendBusyError: "busy",
}
_OUTCOMES: Final = ("ok", *_REFUSALS.values(), "unavailable")
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class LockMetrics(Collector):
    """What one process does with locks; several services of a process may share one object.

    Args:
        registry: Where the metrics are exposed.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        operations = Counter(
            "reliability_lock_operations",
            "Operations of the lock service by what came of them.",
            ("operation", "outcome"),
            registry=registry,
        )
        seconds = Histogram(
            "reliability_lock_operation_seconds",
            "Duration of an operation of the lock service, refused ones included.",
            ("operation",),
            buckets=_BUCKETS,
            registry=registry,
        )
        # resolved once: a look-up by labels costs more than the rest
        self._outcomes = {(of, what): operations.labels(of, what) for of in _OPERATIONS for what in _OUTCOMES}
        self._seconds = {of: seconds.labels(of) for of in _OPERATIONS}
        self._counts: list[Callable[[], int]] = []
        registry.register(self)

    def watch(self, count_leases: Callable[[], int]) -> None:
        """Expose the living leases of a store, counted at every scrape; several stores are added up."""
        self._counts.append(count_leases)

    @contextmanager
    def observe(self, operation: str) -> Iterator[None]:
        """Count an operation and its duration by how the block ends.

        Args:
            operation: `acquire`, `extend`, `renew` or `release`.
        """
        began = time.perf_counter()
        outcome = "unavailable"
        try:
            yield
            outcome = "ok"
        except (LockError, BackendError) as err:
            outcome = _REFUSALS.get(type(err), "unavailable")
            raise
        finally:
            self._seconds[operation].observe(time.perf_counter() - began)
            self._outcomes[operation, outcome].inc()

    def collect(self) -> Iterator[Metric]:
        """Count the living leases now; a store that cannot be asked gives no sample, not a zero.

        Every process on the same store reports the same number: aggregate with `max()`, not `sum()`.
        """
        family = GaugeMetricFamily("reliability_lock_leases", "Leases that are held now.")
        try:
            counts = [count() for count in self._counts]
        except BackendError:
            counts = []
        if counts:
            family.add_metric((), sum(counts))
        yield family

    def describe(self) -> Iterator[Metric]:
        """Tell the names without asking a store."""
        yield GaugeMetricFamily("reliability_lock_leases", "Leases that are held now.")
