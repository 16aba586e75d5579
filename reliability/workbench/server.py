"""The server as the workbench sees it: questions of the present instant, rows of labels and numbers.

Everything is asked for the server's own now, so that a clock that is wrong here hides
nothing. What the answers mean belongs to the modules that ask.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reliability.clock import Clock
from reliability.errors import SourceError, UsageError
from reliability.sources.answer import Answer, decode_answer, read_document
from reliability.sources.promql import Matcher
from reliability.sources.transport import Transport

QUERY_PATH = "/api/v1/query"
# Thanos: never a part of the data as if it were all of it; VictoriaMetrics: up to now, not to 30 s ago.
_USUAL = {"partial_response": "false", "dedup": "true", "max_source_resolution": "0s", "nocache": "1"}
BUILD_PATH = "/api/v1/status/buildinfo"
METADATA_PATH = "/api/v1/metadata"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a vector."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDifference:
    """How far the server's clock is from ours.

    Attributes:
        seconds: Server minus here; above zero when the server is ahead.
        uncertainty_seconds: Half of the round trip.
        server_at: The server's instant.
    """

    seconds: float
    uncertainty_seconds: float
    server_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Asks a server.

    Attributes:
        transport: The way to it.
        clock: The clock of this machine.
    """

    transport: Transport
    clock: Clock

    def body(self, query: str, *, at: datetime | None = None) -> bytes:
        """Return the untouched body of the answer to an instant query; for the server's now without `at`."""
        form = {"query": query, **_USUAL}
        if at is not None:
            form["time"] = f"{at.timestamp():.3f}"
        return self.transport.ask(QUERY_PATH, form)

    def ask(self, query: str) -> Answer:
        """Ask for the server's now."""
        return decode_answer(self.body(query), where=self.transport.where, query=query)

    def rows(self, query: str) -> tuple[Row, ...]:
        """Ask for the server's now and return the last value of each series; the largest value first."""
        series = self.ask(query).series
        found = [Row(one.labels, float(one.values[-1])) for one in series if one.values.size]
        return tuple(sorted(found, key=lambda row: (-row.value, sorted(row.labels.items()))))

    def number(self, query: str) -> float:
        """Ask for one number; 0 when there is none."""
        rows = self.rows(query)
        return rows[0].value if rows else 0.0

    def clock_difference(self) -> ClockDifference:
        """Compare clocks; the server's reading is taken to lie in the middle of the round trip."""
        before = self.clock.now().timestamp()
        at = self.number("time()")
        after = self.clock.now().timestamp()
        return ClockDifference(
            seconds=at - (before + after) / 2, uncertainty_seconds=(after - before) / 2, server_at=at
        )

    def product(self) -> tuple[str, str]:
        """Return product and version, `unknown` where the server does not tell."""
        data = self._data(BUILD_PATH)
        if isinstance(data, dict) and "revision" in data:
            return str(data.get("application", "prometheus")), str(data.get("version", "unknown"))
        for row in self.rows(selector(named("vm_app_version"))):  # its buildinfo pretends to be another product
            return "victoria-metrics", row.labels.get("short_version") or row.labels.get("version", "unknown")
        return "unknown", "unknown"

    def types(self) -> Mapping[str, str]:
        """Return the type of each metric as the server was told, nothing where it does not keep that."""
        data = self._data(METADATA_PATH)
        found = data.items() if isinstance(data, dict) else ()
        return {name: str(entries[0].get("type", "")) for name, entries in found if entries}

    def _data(self, path: str) -> object:
        try:
            return read_document(self.transport.ask(path, {})).get("data")
        except (SourceError, UsageError):
            return None


def selector(matchers: Sequence[Matcher], *, seconds: int | None = None) -> str:
    """Print an instant selector, or a range selector of some seconds."""
    listed = f"{{{', '.join(matcher.promql() for matcher in matchers)}}}"
    return listed if seconds is None else f"{listed}[{seconds}s]"


def named(name: str, *others: Matcher) -> tuple[Matcher, ...]:
    """Return the matchers of one metric."""
    return (Matcher(name="__name__", op="=", value=name), *others)


def any_of(label: str, values: Sequence[str]) -> Matcher:
    """Return the matcher of one value or of several."""
    if len(values) == 1:
        return Matcher(name=label, op="=", value=values[0])
    return Matcher(name=label, op="=~", value="|".join(re.escape(value) for value in values))
