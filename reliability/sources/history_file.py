"""The stored noise between two arms of one version: read strictly, written whole in one form.

`reliability canary calibrate` measures and writes it; a canary that names the file in
`history_file` pools it with the noise of its own window. It holds no address and no secret.
How noise is measured and pooled belongs to the judges.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from reliability.atomic import write_text_whole
from reliability.clock import format_instant
from reliability.errors import ForeignHistoryError, UsageError
from reliability.judge.history import NoiseHistory
from reliability.sources.manifest import MetricsEntry
from reliability.sources.metrics import MetricNames
from reliability.sources.promql import Matcher, parse_matchers
from reliability.sources.validation import Strict, read_evidence, refusing
from reliability.window import Window

SCHEMA: Final = "reliability.history/1"
RECOMMENDED_SECONDS: Final = 2 * 3600
"""A shorter measurement carries an estimate, but hardly one that adds to a canary's own."""
LARGEST_AGE: Final = timedelta(days=30)
_CURE: Final = "Measure it again with 'reliability canary calibrate', or name another file in history_file."

_Variance = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Degrees = Annotated[int, Field(ge=0, le=100_000)]


class NoiseEntry(Strict):
    """The numbers of a `NoiseHistory`, under the same names."""

    latency_log_variance_seconds: _Variance
    latency_degrees: Annotated[int, Field(ge=1, le=100_000)]
    error_relative_variance_seconds: _Variance | None
    error_degrees: _Degrees
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class StoredHistory(Strict):
    """A measured history and what it was measured on.

    Attributes:
        schema_name: Format of the file; `schema` in it.
        version: Version of this program that measured it.
        window: Time that was measured, without warm-up.
        scrape_interval_seconds: Usual distance of two scrapes.
        quantile: Latency quantile.
        metrics: Names of the metrics, their unit and what counts as an error.
        groups: Matchers or instances of the two groups, `a` and `b`.
        source: What was asked, in the words of the pages; no address.
        counts_sha256: Digest of the increments, by which one measurement is told from another.
        noise: The numbers.
    """

    schema_name: Literal["reliability.history/1"] = Field(SCHEMA, alias="schema")
    version: str
    window: Window
    scrape_interval_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    quantile: Annotated[float, Field(gt=0, lt=1)]
    metrics: MetricsEntry
    groups: Mapping[Literal["a", "b"], str]
    source: str
    counts_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    noise: NoiseEntry

    @property
    def noise_history(self) -> NoiseHistory:
        """The numbers as the judges take them."""
        return NoiseHistory(**self.noise.model_dump())

    def cautions(self, *, at: datetime) -> tuple[str, ...]:
        """Say what limits the trust in the history: `old-history` after 30 days, `short-history` below 2 hours."""
        found = {
            "old-history": at - self.window.end > LARGEST_AGE,
            "short-history": self.noise.seconds < RECOMMENDED_SECONDS,
        }
        return tuple(code for code, holds in found.items() if holds)

    def check_fits(self, names: MetricNames, *, quantile: float, where: str) -> None:
        """Refuse to lend the noise of one thing to another.

        Args:
            names: Metrics that the canary is judged by.
            quantile: Latency quantile that it is judged by.
            where: Name of the file, for messages.

        Raises:
            ForeignHistoryError: The history was measured on another metric, quantile or kind of error.
        """
        measured_errors = parse_matchers(self.metrics.error_matchers)
        pairs = {
            "the latency metric": (self.metrics.latency, names.latency),
            "the requests metric": (self.metrics.requests, names.requests),
            "the quantile": (f"{self.quantile:g}", f"{quantile:g}"),
            "the error matchers": (_told(measured_errors), _told(names.error_matchers)),
        }
        for what, (measured, wanted) in pairs.items():
            if measured != wanted:
                raise ForeignHistoryError(
                    f"{where} was measured with {what} {measured}, the canary is judged with {wanted}. {_CURE}"
                )


def read_history(path: Path) -> StoredHistory:
    """Read a stored history.

    Args:
        path: The file.

    Returns:
        The history.

    Raises:
        MissingEvidenceError: It does not exist or may not be read.
        BrokenEvidenceError: It is torn, of another schema, or a value is impossible.
    """
    data = read_evidence(path, cure=_CURE)
    with refusing(f"{path} is no history of schema {SCHEMA}", cure=_CURE):
        return StoredHistory.model_validate_json(data)


def write_history(path: Path, history: StoredHistory, *, replace: bool = False) -> None:
    """Write a history whole, sorted keys, one value a line.

    Args:
        path: Target.
        history: What to write.
        replace: Write over a file that exists.

    Raises:
        UsageError: The file exists and is not to be replaced; it is as it was.
        WriteError: It cannot be written.
    """
    if path.exists() and not replace:
        raise UsageError(f"{path} exists and is left as it is; give --replace to write over it, or another --to.")
    document = history.model_dump(by_alias=True)
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, default=format_instant)
    write_text_whole(path, f"{text}\n")


def _told(matchers: Iterable[Matcher]) -> str:
    return ", ".join(sorted(matcher.promql() for matcher in matchers))
