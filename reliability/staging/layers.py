"""The switch of the experiment: a desk without resilience layers, or with all three of them.

The layers report to the registry of the replica. What they do for a guest is written in `desk`.
"""

from typing import Final

from prometheus_client import CollectorRegistry

from reliability.errors import PaymentFailedError
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuit_metrics import CircuitMetrics
from reliability.resilience.lock_metrics import LockMetrics
from reliability.resilience.session_metrics import SessionGauge
from reliability.staging.desk import Desk, LayeredDesk, PlainDesk
from reliability.staging.storage import ArmStorage

_FAILURES_THAT_OPEN: Final = 5
_OPEN_SECONDS: Final = 5.0


def open_desk(storage: ArmStorage, *, layers: bool, registry: CollectorRegistry) -> Desk:
    """Open the desk of a replica.

    Args:
        storage: Where its arm keeps things.
        layers: Whether circuit breaker, lock service and session manager are used.
        registry: Gets the metrics of the layers.

    Returns:
        The desk.

    Raises:
        BackendError: The storage cannot be reached or used.
    """
    store = storage.open_store()
    if not layers:
        return PlainDesk(store)
    metrics = LockMetrics(registry)
    sessions = storage.open_sessions()
    SessionGauge(registry, sessions, kinds=("guest",))
    payments = CircuitBreaker(
        "payments",
        failure_threshold=_FAILURES_THAT_OPEN,
        open_seconds=_OPEN_SECONDS,
        counted=(PaymentFailedError,),
        metrics=CircuitMetrics(registry),
    )
    return LayeredDesk(
        store,
        locks=storage.open_locks(metrics=metrics),
        sessions=sessions,
        payments=payments,
        releasing=lambda: metrics.observe("release"),
    )
