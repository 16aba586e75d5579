"""A capture of a service whose breaker, locks and sessions really worked, scraped from real expositions.

Half an hour of a canary with two processes on one store; a minute after the tenth a payment service fails
for two minutes. Clocks are set by hand, so nothing waits.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from prometheus_client import CollectorRegistry

from reliability.errors import CircuitOpenError, RangeConflictError
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuit_metrics import CircuitMetrics
from reliability.resilience.lock_metrics import LockMetrics
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.session_metrics import SessionGauge
from reliability.sources.captures import write_capture
from reliability.sources.manifest import Manifest
from reliability.window import Window
from tests.fakes import ManualClock
from tests.memory_sessions import MemorySessions

MINUTES: Final = 30
SCRAPE_SECONDS: Final = 15
OUTAGE_SECONDS: Final = (660, 780)
Samples = dict[tuple[tuple[str, str], ...], list[tuple[float, str]]]


@dataclass
class Process:
    """One process of the service with its components and its exposition."""

    instance: str
    clock: ManualClock
    sessions: SessionManager
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        """Wire the components as a service does."""
        self.breaker = CircuitBreaker(
            "payments",
            open_seconds=10,
            counted=(RuntimeError,),
            metrics=CircuitMetrics(self.registry),
            clock=lambda: self.clock.now().timestamp(),
        )
        self.locks = LockMetrics(self.registry)
        self.locks.watch(lambda: 2)
        SessionGauge(self.registry, self.sessions, kinds=("guest", "watch"))

    def charge(self, *, fails: bool) -> None:
        """Charge a guest through the breaker, after taking the room's lease."""

        def call() -> None:
            if fails:
                raise RuntimeError("the payment service is down")

        with self.locks.observe("acquire"):
            pass
        with suppress(RuntimeError, CircuitOpenError):
            self.breaker.call(call)
        with self.locks.observe("release"):
            pass

    def refused(self) -> None:
        """Ask for a lease of a range that is taken."""
        with suppress(RangeConflictError), self.locks.observe("acquire"):
            raise RangeConflictError("taken", holders=())

    def samples(self) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
        """Expose, as a scrape reads it."""
        for family in self.registry.collect():
            for sample in family.samples:
                labels = {"__name__": sample.name, **sample.labels, "arm": "canary", "instance": self.instance}
                yield tuple(labels.items()), str(float(sample.value))


def capture_reports(
    folder: Path, *, without: str = "-", stays_open: bool = False, experiment: Mapping[str, Any] = MappingProxyType({})
) -> Path:
    """Write a capture of the half hour.

    Args:
        folder: Where it is written.
        without: Metrics whose name begins so are left out.
        stays_open: The outage lasts to the end.
        experiment: What its manifest tells of an experiment.
    """
    found = {labels: values for labels, values in scraped(stays_open).items() if not labels[0][1].startswith(without)}
    result = [{"metric": dict(labels), "values": values} for labels, values in found.items()]
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    start = ManualClock().now()
    end = start + timedelta(minutes=MINUTES)
    manifest = Manifest(
        name="shop",
        recorded_at=end,
        as_of=end,
        evaluated_at=end,
        window=Window(start=start, end=end),
        scrape_interval_seconds=SCRAPE_SECONDS,
        capture_sha256="0" * 64,
        experiment=dict(experiment),
    )
    write_capture(folder, json.dumps(body).encode(), manifest)
    return folder


@cache
def scraped(stays_open: bool) -> Samples:
    """Let the processes work for half an hour, and scrape them."""
    clock = ManualClock()
    sessions = SessionManager(MemorySessions(clock=clock), ttl_seconds=600)
    processes = [Process(instance, clock, sessions) for instance in ("a", "b")]
    found: Samples = {}
    for second in range(0, 60 * MINUTES + 1, 5):
        fails = OUTAGE_SECONDS[0] <= second < OUTAGE_SECONDS[1] or (stays_open and second >= OUTAGE_SECONDS[0])
        for process in processes:
            process.charge(fails=fails and process.instance == "a")
        if second % 60 == 0:
            processes[1].refused()
            sessions.create({"room": second})
        if second % SCRAPE_SECONDS == 0:
            for process in processes:
                for labels, value in process.samples():
                    found.setdefault(labels, []).append((clock.now().timestamp(), value))
        clock.advance(5)
    return found
