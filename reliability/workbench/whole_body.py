"""The body of an answer to a range of samples: as it came, or joined from parts of the time.

Asks a server again only where it refused the whole as too big; what the body holds is decoded
elsewhere. The joined body has the same JSON form, and its samples stay the texts that came.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from reliability.errors import QueryTooBigError
from reliability.sources.answer import decode_answer
from reliability.workbench.server import Server

_SPLITS: Final = 5


def whole_body(server: Server, query_of: Callable[[int], str], *, at: datetime, seconds: int) -> tuple[bytes, int]:
    """Fetch a range of samples.

    Args:
        server: The server.
        query_of: Prints the query of a range of so many seconds.
        at: End of the range.
        seconds: Its length.

    Returns:
        The body and its number of parts; one part is untouched.

    Raises:
        QueryTooBigError: A part of few seconds was still too big.
        SourceError: The server gave no answer.
    """
    parts = _parts(server, query_of, at, seconds, splits=_SPLITS)
    if len(parts) == 1:
        return parts[0], 1
    for part in parts:
        decode_answer(part, where=server.transport.where)  # says what is no answer
    return joined_body(parts), len(parts)


def joined_body(parts: Sequence[bytes]) -> bytes:
    """Join the bodies of neighbouring times.

    Args:
        parts: Bodies in the order of time; an instant on an edge may come in two of them.

    Returns:
        One body; every series has each instant once.
    """
    documents = [json.loads(part) for part in parts]
    series: dict[frozenset[tuple[str, str]], dict[str, Any]] = {}
    for entry in (entry for document in documents for entry in document["data"]["result"]):
        whole = series.setdefault(frozenset(entry["metric"].items()), {"metric": entry["metric"], "values": []})
        last = whole["values"][-1][0] if whole["values"] else float("-inf")
        whole["values"] += [sample for sample in entry["values"] if sample[0] > last]
    joined: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": list(series.values())}}
    for key in ("warnings", "infos"):
        if texts := list(dict.fromkeys(text for document in documents for text in document.get(key) or ())):
            joined[key] = texts
    return json.dumps(joined, ensure_ascii=False, separators=(",", ":")).encode()


def _parts(server: Server, query_of: Callable[[int], str], at: datetime, seconds: int, *, splits: int) -> list[bytes]:
    try:
        return [server.body(query_of(seconds), at=at)]
    except QueryTooBigError as err:
        if not splits or seconds < 2:  # noqa: PLR2004 -- halves
            raise QueryTooBigError(f"{err.args[0]} A part of {seconds} s was still too big.") from err
    late = seconds // 2
    middle = at - timedelta(seconds=late)
    early_parts = _parts(server, query_of, middle, seconds - late, splits=splits - 1)
    return [*early_parts, *_parts(server, query_of, at, late, splits=splits - 1)]
