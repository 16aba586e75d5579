"""Decode the body of Prometheus' `/api/v1/query`, live or recorded, into arrays.

Bytes arrive from `reliability.sources.prometheus` or `reliability.sources.captures`;
counting the increments does not belong here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from reliability.errors import PrometheusAnswerError

FloatArray: TypeAlias = npt.NDArray[np.float64]
_MESSAGE_LENGTH: Final = 300
_CURES: Final = {
    "bad_data": "Check the metric names and the matchers.",
    "execution": "Ask for a shorter window or fewer series.",
    "timeout": "Ask for a shorter window or fewer series.",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Samples of one series, as the server has them.

    Attributes:
        labels: All labels, `__name__` among them.
        times_seconds: Unix instants, shape `(N,)`, strictly increasing.
        values: Values, shape `(N,)`; may hold NaN and infinities.
    """

    labels: Mapping[str, str]
    times_seconds: FloatArray
    values: FloatArray

    @property
    def name(self) -> str:
        """Metric name; empty for the result of an expression."""
        return self.labels.get("__name__", "")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What a server answered to one query.

    Attributes:
        series: One entry per label set.
        warnings: Warnings of the server: data may be missing.
        query: The query, empty when not known.
        evaluated_at: Instant of the evaluation.
    """

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    query: str = ""
    evaluated_at: datetime | None = None


def decode_answer(body: bytes, *, where: str, query: str = "", evaluated_at: datetime | None = None) -> Answer:
    """Decode the body of an answer to a range selector.

    Args:
        body: Body as it came, not compressed.
        where: Name of the server or file, for messages; no credentials.
        query: The query that was asked.
        evaluated_at: Instant for which it was asked.

    Returns:
        The answer; instants that occur twice in a series are kept once.

    Raises:
        PrometheusAnswerError: The body is no answer, an error, or holds what cannot be
            judged yet (native histograms).
    """
    document = read_document(body)
    if "data" not in document:
        raise PrometheusAnswerError(f"{where} {words_of_error(document) or _words_of_foreign(body)}")
    try:
        series = tuple(_series(entry, where) for entry in _matrix(document["data"]))
        warnings = tuple(clipped(text) for text in document.get("warnings") or ())
    except (KeyError, TypeError, ValueError, OverflowError, IndexError, AttributeError) as err:
        raise PrometheusAnswerError(
            f"{where} answered with JSON that does not follow the query API ({clipped(repr(err))}); "
            f"check that it is a Prometheus or compatible with one."
        ) from err
    return Answer(series=series, warnings=warnings, query=query, evaluated_at=evaluated_at)


def read_document(body: bytes) -> dict[str, Any]:
    """Read a JSON object; what is none reads as an empty one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def words_of_error(document: Mapping[str, Any]) -> str:
    """Put an error of the query API into words, with what to do next; empty when it is none."""
    if document.get("status") != "error":
        return ""
    kind = clipped(str(document.get("errorType", "unknown")))
    text = clipped(str(document.get("error", "no text")))
    return f"reports {kind}: {text}. {_CURES.get(kind, 'Check the query and the server.')}"


def clipped(text: str) -> str:
    """Keep a foreign text short, on one line and without control characters."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return line if len(line) <= _MESSAGE_LENGTH else f"{line[:_MESSAGE_LENGTH]}..."


def _matrix(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if data["resultType"] != "matrix":
        raise ValueError(f"a {data['resultType']} and no matrix")
    result: list[Mapping[str, Any]] = data["result"]
    return result


def _series(entry: Mapping[str, Any], where: str) -> Series:
    """Build one series, in order of time and each instant once."""
    if "histogram" in entry or "histograms" in entry:
        raise PrometheusAnswerError(
            f"{where} answered with native histograms, which cannot be judged yet; "
            f"let the server keep classic buckets too (always_scrape_classic_histograms)."
        )
    if not all(isinstance(value, str) for value in entry["metric"].values()):
        raise TypeError("a label is no text")
    samples = entry["values"]
    times, first = np.unique(np.array([sample[0] for sample in samples], dtype=np.float64), return_index=True)
    if not np.isfinite(times).all():
        raise ValueError("an instant that is not finite")
    values = np.array([float(sample[1]) for sample in samples], dtype=np.float64)
    return Series(labels=dict(entry["metric"]), times_seconds=times, values=values[first])


def _words_of_foreign(body: bytes) -> str:
    """Name what came instead of an answer; the body itself may hold secrets."""
    start = body[:200].lstrip()
    kind = "an HTML or XML page" if start.startswith(b"<") else "a body that is cut off or foreign"
    return (
        f"answered with {kind if start else 'an empty body'}, not with the JSON of the query API; "
        f"check the address, and whether a login page or a proxy stands before it."
    )
