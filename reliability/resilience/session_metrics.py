"""The gauge of living sessions, counted in the store at each scrape.

Nothing is counted up or down here: a session that expires tells nobody. When a session is over is
decided in `reliability.resilience.session_manager`; alerts stand in `templates/`.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reliability.errors import BackendError
from reliability.resilience.session_manager import SessionManager

_LOG: Final = logging.getLogger(__name__)
# The name is given: a gauge in spite of `_total`, the one exception that promtool's check is allowed. Each process
# reports the number of the whole store, so aggregate with max(), not sum(); never rate() it.
_NAME: Final = "session_active_total"


class SessionGauge(Collector):
    """`session_active_total` by kind.

    Args:
        registry: Where it is registered.
        manager: Whose sessions are counted.
        kinds: Kinds that are reported with 0 when none is alive; others from the first one that was seen.
    """

    def __init__(
        self, registry: CollectorRegistry, manager: SessionManager, *, kinds: Sequence[str] = ("guest",)
    ) -> None:
        self._manager = manager
        self._kinds = frozenset(kinds)
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metric, so that the registry can refuse it a second time."""
        yield _family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Count the living sessions; without the store there is no number, rather than an old one or 0."""
        family = _family()
        try:
            counts = self._manager.count_active()
        except BackendError as err:
            _LOG.warning("living sessions were not counted: %s", err)
        else:
            self._kinds |= counts.keys()
            for kind in sorted(self._kinds):
                family.add_metric((kind,), counts.get(kind, 0))
        yield family


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(_NAME, "Sessions that are alive, by kind; the same from every process.", labels=("kind",))
