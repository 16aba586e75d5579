"""Decode the body of Prometheus' query API, live or recorded, into arrays.

Bytes arrive from `reliability.sources.prometheus` or `reliability.sources.captures`;
counting the increments does not belong here. The samples of a series become arrays while
the JSON is read, so that a million of them never stand in memory as Python objects.
"""

import gc
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from reliability.errors import PrometheusAnswerError

FloatArray: TypeAlias = npt.NDArray[np.float64]
_MESSAGE_LENGTH: Final = 300
_GZIP_LEVEL: Final = 3  # a tenth of the time of 9 for a tenth more of the size
_CHECK_ADDRESS: Final = "check the address, and whether a login page or a proxy stands before it."
_YEAR_10000_SECONDS: Final = 253_402_300_800
_UNFIT: Final = (KeyError, TypeError, ValueError, OverflowError, IndexError, AttributeError)


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
        infos: Remarks of the server, for example on the type of a metric.
        query: The query, empty when not known.
        evaluated_at: Instant of the evaluation.
    """

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    query: str = ""
    evaluated_at: datetime | None = None


def decode_answer(
    body: bytes, *, where: str, query: str = "", evaluated_at: datetime | None = None, cure: str = _CHECK_ADDRESS
) -> Answer:
    """Decode the body of an answer: a matrix, a vector or a scalar.

    Args:
        body: Body as it came, not compressed.
        where: Name of the server or file, for messages; no credentials.
        query: The query that was asked.
        evaluated_at: Instant for which it was asked.
        cure: What to do when the body is no answer at all.

    Returns:
        The answer; instants that occur twice in a series are kept once. A vector has one
        sample a series, a scalar is one series without labels.

    Raises:
        PrometheusAnswerError: The body is no answer, an error, or holds what cannot be
            judged (native histograms, text).
    """
    searches = gc.isenabled()
    gc.disable()  # JSON has no cycles, and looking for them costs more than reading
    try:
        document = read_document(body, hook=_packed)
    finally:
        if searches:
            gc.enable()
    if document.get("status") != "success" or "data" not in document:
        raise PrometheusAnswerError(f"{where} {words_of_error(document) or _words_of_foreign(body, cure)}")
    try:
        series = tuple(_series(entry, where) for entry in _entries(document["data"], where))
        warnings, infos = (tuple(clipped(text) for text in document.get(key) or ()) for key in ("warnings", "infos"))
    except _UNFIT as err:
        raise PrometheusAnswerError(
            f"{where} answered with JSON that does not follow the query API ({clipped(repr(err))}); "
            f"check that it is a Prometheus or compatible with one."
        ) from err
    return Answer(series=series, warnings=warnings, infos=infos, query=query, evaluated_at=evaluated_at)


def pack(body: bytes) -> tuple[bytes, str]:
    """Pack a body to be stored; return it with its checksum. The same body gives the same bytes."""
    packed = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return packed, hashlib.sha256(packed).hexdigest()


def read_document(body: bytes, *, hook: Callable[[dict[str, Any]], Any] | None = None) -> dict[str, Any]:
    """Read a JSON object; what is none reads as an empty one."""
    try:
        document = json.loads(body, object_hook=hook)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def words_of_error(document: Mapping[str, Any]) -> str:
    """Put an error of the query API into words, with what to do next; empty when it is none."""
    if document.get("status") != "error":
        return ""
    kind = clipped(str(document.get("errorType", "unknown")))
    text = clipped(str(document.get("error", "no text")))
    return f"reports {kind}: {text}. Check metrics and matchers, ask for a shorter window, or look at the server."


def clipped(text: str) -> str:
    """Keep a foreign text short, on one line and without control characters."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return line if len(line) <= _MESSAGE_LENGTH else f"{line[:_MESSAGE_LENGTH]}..."


def _packed(entry: dict[str, Any]) -> dict[str, Any]:
    """Turn the samples of one series into arrays as soon as it is read; `_series` refuses what is unfit."""
    if isinstance(entry.get("values"), list):
        with suppress(*_UNFIT):
            entry["values"] = _arrays(entry["values"])
    return entry


def _arrays(samples: list[Any]) -> tuple[FloatArray, FloatArray]:
    """Return instants, in order and each once, and values."""
    times, first = np.unique(np.array([sample[0] for sample in samples], dtype=np.float64), return_index=True)
    if not (np.abs(times) < _YEAR_10000_SECONDS).all():
        raise ValueError("an instant outside the calendar")
    return times, np.array([float(sample[1]) for sample in samples], dtype=np.float64)[first]


def _entries(data: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    match data["resultType"]:
        case "matrix" | "vector":
            result: list[Mapping[str, Any]] = data["result"]
            return result
        case "scalar":
            return [{"metric": {}, "value": data["result"]}]
        case "string":
            raise PrometheusAnswerError(f"{where} answered with a text; ask for a vector, a scalar or a range.")
        case other:
            raise ValueError(f"a result of type {other}")


def _series(entry: Mapping[str, Any], where: str) -> Series:
    if "histogram" in entry or "histograms" in entry:
        raise PrometheusAnswerError(
            f"{where} answered with native histograms, which cannot be judged yet; "
            f"let the server keep classic buckets too (always_scrape_classic_histograms)."
        )
    if not all(isinstance(value, str) for value in entry["metric"].values()):
        raise TypeError("a label is no text")
    samples = entry["values"] if "values" in entry else [entry["value"]]
    times, values = samples if isinstance(samples, tuple) else _arrays(samples)
    return Series(labels=dict(entry["metric"]), times_seconds=times, values=values)


def _words_of_foreign(body: bytes, cure: str) -> str:
    """Name what came instead of an answer; the body itself may hold secrets."""
    start = body[:200].lstrip()
    kind = "an HTML or XML page" if start.startswith(b"<") else "a body that is cut off or foreign"
    return f"answered with {kind if start else 'an empty body'}, not with the JSON of the query API; {cure}"
