"""What a verdict was judged on as one JSON file: written whole in one form, read strictly.

Every number comes back as the same number, so that judging the file gives the same result. What
the inputs are is said by the caller's frozen dataclass; what they mean belongs to the judges.
"""

import gzip
import json
import math
import types
import typing
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel

from reliability import __version__
from reliability.atomic import write_bytes_whole
from reliability.clock import parse_instant
from reliability.errors import BrokenEvidenceError
from reliability.judge.counts import ArmCounts, FloatArray, PairedCounts, ReplicaTotals, SuccessiveCounts
from reliability.sources.answer import pack
from reliability.sources.validation import read_evidence, refusing

SCHEMA: Final = "reliability.increments/1"
_CURE: Final = "Judge the capture or the server again, or name another file."
_GZIP: Final = b"\x1f\x8b"
_NOT_FINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SHOWN_CHARACTERS: Final = 60
Inputs = TypeVar("Inputs")


def inputs_text(inputs: object) -> str:
    """Print inputs as JSON: fields in their order, floats by `repr`, those that are not finite as texts.

    Args:
        inputs: A frozen dataclass of dataclasses, arrays, mappings, tuples, texts, numbers and instants.

    Returns:
        One line of ASCII; equal inputs have equal texts.
    """
    document = {"schema": SCHEMA, "version": __version__, "inputs": _plain(inputs)}
    return json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n"


def write_inputs(path: Path, inputs: object) -> None:
    """Write inputs whole, packed when the name ends with `.gz`.

    Raises:
        WriteError: The file cannot be written.
    """
    body = inputs_text(inputs).encode()
    write_bytes_whole(path, pack(body)[0] if path.suffix == ".gz" else body)


def read_inputs(path: Path, kind: type[Inputs]) -> Inputs:
    """Read inputs.

    Args:
        path: What `write_inputs` left.
        kind: Class of the inputs.

    Returns:
        Inputs equal to those written.

    Raises:
        MissingEvidenceError: The file does not exist or may not be read.
        BrokenEvidenceError: It is torn, foreign, of another version's shape, or a value is impossible.
    """
    data = read_evidence(path, cure=_CURE)
    try:
        document = json.loads(gzip.decompress(data) if data.startswith(_GZIP) else data, parse_constant=_refuse)
    except (ValueError, RecursionError, EOFError, OSError, zlib.error) as err:
        raise BrokenEvidenceError(f"{path} is no whole JSON file ({err}). {_CURE}") from err
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or "inputs" not in document:
        raise BrokenEvidenceError(f"{path} holds no inputs of schema {SCHEMA}. {_CURE}")
    try:
        inputs: Inputs = _read(kind, document["inputs"], "inputs")
    except (ValueError, TypeError, OverflowError) as err:
        shown = _shown(document.get("version"))
        by = (
            ""
            if document.get("version") == __version__
            else f" It was written by version {shown}, this is {__version__}."
        )
        raise BrokenEvidenceError(f"{path}: {err}.{by} {_CURE}") from err
    return inputs


def as_kept(value: Inputs, kind: Any) -> Inputs:
    """Return a value as a file would give it back: sums depend, in the last bit, on how an array lies in memory."""
    kept: Inputs = _read(kind, _plain(value), "inputs")
    return kept


def _plain(value: Any) -> Any:
    """Turn a value into JSON types."""
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else _plain_model(value)


def _plain_model(value: Any) -> Any:
    return value.model_dump(by_alias=True, mode="json") if isinstance(value, BaseModel) else value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _read(kind: Any, value: Any, place: str) -> Any:
    """Read a value as what its annotation says.

    Raises:
        ValueError: It is something else; the message names place and value.
    """
    origin = get_origin(kind)
    if origin is Literal:
        return _checked(value, value in get_args(kind), place, f"one of {', '.join(map(str, get_args(kind)))}")
    if origin in (Union, types.UnionType):
        return _read_one_of(get_args(kind), value, place)
    if origin in _READERS:
        return _READERS[origin](get_args(kind), value, place)
    if is_dataclass(kind):
        return _read_record(kind, value, place)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        with refusing(place, cure=""):
            return kind.model_validate_json(json.dumps(value))
    return _read_plain(kind, value, place)


def _read_plain(kind: Any, value: Any, place: str) -> Any:
    """Read a text, a number, an instant, or what may be anything."""
    if kind is float and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if kind is float and type(value) is int:
        return float(value)
    if kind is datetime:
        return parse_instant(_checked(value, isinstance(value, str), place, "an instant"))
    return _checked(value, kind is Any or type(value) is kind, place, f"a {getattr(kind, '__name__', kind)}")


def _read_one_of(kinds: Sequence[Any], value: Any, place: str) -> Any:
    """Read a value that may be of several kinds; records are told apart by the names of their fields."""
    if value is None and type(None) in kinds:
        return None
    known = [kind for kind in kinds if kind is not type(None)]
    records = [kind for kind in known if is_dataclass(kind)]
    if isinstance(value, dict) and len(records) > 1:
        known = sorted(records, key=lambda kind: len(_names(kind) ^ value.keys()))
    return _read(known[0], value, place)


def _read_record(kind: Any, value: Any, place: str) -> Any:
    _checked(value, isinstance(value, dict), place, "an object")
    names = _names(kind)
    for name in sorted(names ^ value.keys()):
        raise ValueError(f"{place}.{name} is {'missing' if name in names else 'not a known key'}")
    hints = typing.get_type_hints(kind)
    read = kind(**{name: _read(hints[name], value[name], f"{place}.{name}") for name in names})
    if isinstance(read, PairedCounts | SuccessiveCounts) and not _fits(read):
        raise ValueError(f"{place} holds counts that do not fit each other: shapes, order or signs")
    return read


def _read_array(_: Any, value: Any, place: str) -> Any:
    try:
        array = np.array(_checked(value, isinstance(value, list), place, "a list of numbers"))
    except ValueError as err:
        raise ValueError(f"{place} is not a list of numbers or of equal rows") from err
    if array.dtype.kind not in "fiu":
        array = np.array(_read(tuple[float, ...] if array.ndim == 1 else tuple[tuple[float, ...], ...], value, place))
    return array.astype(np.float64)


def _read_tuple(kinds: Sequence[Any], value: Any, place: str) -> Any:
    _checked(value, isinstance(value, list), place, "a list")
    each = [kinds[0]] * len(value) if kinds[-1] is Ellipsis else kinds
    _checked(value, len(each) == len(value), place, f"a list of {len(each)}")
    return tuple(_read(kind, part, f"{place}[{at}]") for at, (kind, part) in enumerate(zip(each, value, strict=True)))


def _read_mapping(kinds: Sequence[Any], value: Any, place: str) -> Any:
    _checked(value, isinstance(value, dict), place, "an object")
    return {_read(kinds[0], name, place): _read(kinds[1], part, f"{place}.{name}") for name, part in value.items()}


def _checked(value: Any, holds: bool, place: str, wanted: str) -> Any:
    if not holds:
        raise ValueError(f"{place} = {_shown(value)} is not {wanted}")
    return value


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _names(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)}


def _fits(counts: PairedCounts | SuccessiveCounts) -> bool:
    """Tell whether counts have the shapes that the judges rely on."""
    if isinstance(counts, PairedCounts):
        split = (arm for route in counts.routes for arm in (route.baseline, route.canary))
        replicas = (*counts.baseline_replicas, *counts.canary_replicas)
        windows = [(counts.edges_seconds, [counts.baseline, counts.canary, *split], replicas)]
    else:
        both = (counts.baseline, counts.canary)
        windows = [(one.edges_seconds, [one.total, *one.routes.values()], one.replicas) for one in both]
    bounds = counts.upper_bounds_seconds
    is_grid = bounds.size > 1 and _rises(bounds) and bounds[-1] == math.inf and counts.scrape_interval_seconds > 0
    return bool(is_grid) and all(_is_window(*window, bound_count=bounds.size) for window in windows)


def _is_window(
    edges: FloatArray, arms: Sequence[ArmCounts], replicas: Sequence[ReplicaTotals], *, bound_count: int
) -> bool:
    length = edges.size - 1
    return (
        length > 0
        and _rises(edges)
        and math.isfinite(edges[-1])
        and all(_counts(arm.bucket_counts, length, bound_count) for arm in arms)
        and all(_counts(arm.requests, length) for arm in arms)
        and all(arm.errors.shape == arm.latency_sum_seconds.shape == (length,) for arm in arms)  # may be unknown
        and all(_counts(one.bucket_counts, bound_count) for one in replicas)
    )


def _rises(values: FloatArray) -> bool:
    return values.ndim == 1 and bool((np.diff(values) > 0).all())


def _counts(counts: FloatArray, *shape: int) -> bool:
    return counts.shape == shape and bool(np.isfinite(counts).all() and (counts >= 0).all())


_READERS: Final[Mapping[Any, Callable[[Any, Any, str], Any]]] = {
    np.ndarray: _read_array,
    tuple: _read_tuple,
    **dict.fromkeys((Mapping, dict), _read_mapping),
}
