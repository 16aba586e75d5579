"""Decode the body of Prometheus' `/api/v1/query`, live or recorded, into arrays.

Bytes arrive from `reliability.sources.prometheus` or `reliability.sources.captures`;
counting the increments does not belong here.
"""

import gc
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    "canceled": "Ask for a shorter window or fewer series.",
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
        infos: Remarks of the server on the query.
        query: The query, empty when not known.
        evaluated_at: Instant of the evaluation.
    """

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    query: str = ""
    evaluated_at: datetime | None = None

    @property
    def sample_count(self) -> int:
        """Number of samples in all series."""
        return sum(series.times_seconds.size for series in self.series)


def decode_answer(body: bytes, *, where: str, query: str = "", evaluated_at: datetime | None = None) -> Answer:
    """Decode the body of an answer.

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
    return answer_from_document(load_document(body, where=where), where=where, query=query, evaluated_at=evaluated_at)


def load_document(body: bytes, *, where: str) -> dict[str, Any]:
    """Read the JSON envelope of a successful answer.

    Raises:
        PrometheusAnswerError: The body is not JSON, no envelope, or reports an error.
    """
    try:
        with _collector_paused():
            document = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise PrometheusAnswerError(
            f"{where} answered with {_kind_of(body)}, not with the JSON of a Prometheus API; "
            f"check the address, and whether a login page or a proxy stands before it."
        ) from err
    if not isinstance(document, dict) or document.get("status") not in ("success", "error"):
        raise PrometheusAnswerError(
            f"{where} answered with JSON that is no answer of a Prometheus API; check the address."
        )
    if document["status"] == "error":
        raise PrometheusAnswerError(describe_error(document, where=where))
    return document


def describe_error(document: Mapping[str, Any], *, where: str) -> str:
    """Put the error envelope of a server into words, with what to do next."""
    kind = str(document.get("errorType", "unknown"))
    text = _clipped(str(document.get("error", "no text")))
    return f"{where} reports {kind}: {text}. {_CURES.get(kind, 'Check the query and the server.')}"


def answer_from_document(
    document: Mapping[str, Any], *, where: str, query: str = "", evaluated_at: datetime | None = None
) -> Answer:
    """Turn a successful envelope into arrays; see `decode_answer`."""
    try:
        series = _series_of(document["data"], where)
        warnings, infos = _texts(document.get("warnings")), _texts(document.get("infos"))
    except (KeyError, TypeError, ValueError, OverflowError, IndexError, AttributeError) as err:
        raise PrometheusAnswerError(
            f"{where} answered with JSON that does not follow the query API ({_clipped(repr(err))}); "
            f"check that it is a Prometheus or compatible with one."
        ) from err
    return Answer(series=series, warnings=warnings, infos=infos, query=query, evaluated_at=evaluated_at)


def _series_of(data: Mapping[str, Any], where: str) -> tuple[Series, ...]:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return (_series({}, [result]),)
    if kind not in ("vector", "matrix"):
        raise PrometheusAnswerError(f"{where} answered with a {_clipped(str(kind))}; ask for series instead.")
    samples: dict[frozenset[tuple[str, str]], list[Any]] = {}
    labels: dict[frozenset[tuple[str, str]], dict[str, str]] = {}
    for entry in result:
        if "histogram" in entry or "histograms" in entry:
            raise PrometheusAnswerError(
                f"{where} answered with native histograms, which cannot be judged yet; "
                f"let the server keep classic buckets too (always_scrape_classic_histograms)."
            )
        metric = _labels(entry["metric"])
        key = frozenset(metric.items())
        labels[key] = metric
        found = [entry["value"]] if kind == "vector" else entry["values"]
        samples[key] = [*samples[key], *found] if key in samples else found
    return tuple(_series(labels[key], samples[key]) for key in labels)


def _series(labels: Mapping[str, str], samples: list[Any]) -> Series:
    """Build one series, in order of time and each instant once."""
    times = np.fromiter((sample[0] for sample in samples), dtype=np.float64, count=len(samples))
    values = np.fromiter((float(sample[1]) for sample in samples), dtype=np.float64, count=len(samples))
    if not np.isfinite(times).all():
        raise ValueError("an instant that is not finite")
    if times.size > 1 and not (np.diff(times) > 0).all():
        times, first = np.unique(times, return_index=True)
        values = values[first]
    return Series(labels=labels, times_seconds=times, values=values)


def _labels(metric: Mapping[str, Any]) -> dict[str, str]:
    for name, value in metric.items():
        if not isinstance(value, str):
            raise TypeError(f"label {name} is no text")
    return dict(metric)


def _texts(texts: Any) -> tuple[str, ...]:
    listed = texts if isinstance(texts, list) else [texts] if texts else []
    return tuple(_clipped(str(text)) for text in listed)


def _clipped(text: str) -> str:
    """Keep a foreign text short, on one line and without control characters."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return line if len(line) <= _MESSAGE_LENGTH else f"{line[:_MESSAGE_LENGTH]}..."


def _kind_of(body: bytes) -> str:
    """Name what came instead of JSON; the body itself may hold secrets."""
    start = body[:200].lstrip()
    if not start:
        return "an empty body"
    if start.startswith(b"<"):
        return "an HTML or XML page"
    return "JSON that breaks off or is damaged" if start.startswith((b"{", b"[")) else "text or binary data"


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Stop the garbage collector while JSON builds a million small lists: seven times faster."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
