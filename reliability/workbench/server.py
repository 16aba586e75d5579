"""The server as the workbench sees it: questions of the present instant, rows of labels and numbers.

Everything is asked for the server's own now, so that a clock that is wrong here hides
nothing. What the answers mean belongs to the modules that ask.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from reliability.errors import SourceError, UsageError
from reliability.notebook.origin import URL_PREFIXES
from reliability.settings import PrometheusSettings
from reliability.sources.answer import Answer, clipped, decode_answer, read_document
from reliability.sources.connection import CONFIGURED, connect
from reliability.sources.live_transport import LiveTransport
from reliability.sources.prometheus import WHOLE
from reliability.sources.promql import Matcher, range_selector
from reliability.sources.transport import QUERY, Transport

# Thanos: never a part of the data as if it were all of it; VictoriaMetrics: up to now, not to 30 s ago.
_USUAL: Final = {**WHOLE, "nocache": "1"}
_BUILD_PATH: Final = "/api/v1/status/buildinfo"
_RECENT_SECONDS: Final = 600
_SHOWN: Final = 6
INFINITE: Final = Matcher(name="le", op="=", value="+Inf")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a vector."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Server:
    """Asks a server by its transport."""

    transport: Transport

    def body(self, query: str, *, at: datetime | None = None) -> bytes:
        """Return the untouched body of the answer to an instant query; for the server's now without `at`."""
        time = {} if at is None else {"time": f"{at.timestamp():.3f}"}
        return self.transport.ask(QUERY, {"query": query, **_USUAL, **time})

    def ask(self, query: str) -> Answer:
        """Ask for the server's now."""
        return decode_answer(self.body(query), where=self.transport.where, query=query)

    def rows(self, query: str) -> tuple[Row, ...]:
        """Ask for the server's now and return the last value of each series; the largest value first."""
        found = [Row(one.labels, float(one.values[-1])) for one in self.ask(query).series]
        return tuple(sorted(found, key=lambda row: (-row.value, sorted(row.labels.items()))))

    def number(self, query: str) -> float:
        """Ask for one number; 0 when there is none."""
        return next((row.value for row in self.rows(query)), 0.0)

    def product(self) -> tuple[str, str]:
        """Return product and version, `unknown` where the server does not tell."""
        try:
            data = read_document(self.transport.ask(_BUILD_PATH, {})).get("data") or {}
        except (SourceError, UsageError):
            data = {}
        if "revision" in data:
            return str(data.get("application", "prometheus")), str(data.get("version", "unknown"))
        # The build information of VictoriaMetrics pretends to be another product.
        for row in self.rows(selector(any_of("__name__", ["vm_app_version"]))):
            return "victoria-metrics", row.labels.get("short_version") or row.labels.get("version", "unknown")
        return "unknown", "unknown"


def is_server(source: str) -> bool:
    """Tell whether a source is a server: the configured one, or an address."""
    return source == CONFIGURED or source.startswith(URL_PREFIXES)


def open_server(settings: PrometheusSettings, source: str, *, project: Path) -> Server:
    """Open a server; it is not asked yet.

    Args:
        settings: How servers are reached.
        source: `prometheus` for the configured one, or an address.
        project: Folder that relative file names start from.

    Returns:
        The server.

    Raises:
        UsageError: No address is set, or a secret or certificate cannot be read.
    """
    return Server(LiveTransport(connect(settings, source, project=project, environ=os.environ)))


def selector(*matchers: Matcher) -> str:
    """Print an instant selector."""
    return f"{{{', '.join(matcher.promql() for matcher in matchers)}}}"


def increase(metric: str, *matchers: Matcher) -> str:
    """Print by how much each counter of a metric rose in the last minutes."""
    return f"increase({range_selector(metrics=[metric], matchers=matchers, seconds=_RECENT_SECONDS)})"


def any_of(label: str, values: Sequence[str]) -> Matcher:
    """Return the matcher of some values."""
    return Matcher(name=label, op="=~", value="|".join(re.escape(value) for value in values))


def listed(values: Sequence[str]) -> str:
    """List some values; they come from a server, so each stays short and on one line."""
    shown = ", ".join(clipped(value or "(none)") for value in values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown
