"""What a kernel shows, made sound: streams joined, values that no notebook may hold set apart.

A malformed output loses only itself: its value goes under a kind of its own, so that the
executed notebook keeps it and the page names it. How outputs look belongs to
`reliability.report.foreign`.
"""

import itertools
from collections.abc import Sequence
from typing import Any


def join_streams(outputs: Sequence[Any]) -> list[Any]:
    """Join neighbouring streams, stdout first, and keep of each line what the last carriage return left to see.

    nbclient does the same in quadratic time: one long line takes it minutes.

    Args:
        outputs: Outputs of a cell.

    Returns:
        The outputs; between two others there is at most one stream of each name.
    """
    joined: list[Any] = []
    for is_stream, group in itertools.groupby(outputs, key=lambda output: output["output_type"] == "stream"):
        neighbours = list(group)
        joined += _joined(neighbours) if is_stream else neighbours
    return joined


def _joined(streams: Sequence[Any]) -> list[Any]:
    """Join streams by name; which of the two comes first is chance, so it is always stdout."""
    texts: dict[str, list[str]] = {}
    first: dict[str, Any] = {}
    for stream in streams:
        first.setdefault(stream["name"], stream)
        texts.setdefault(stream["name"], []).append(stream["text"])
    for name, parts in texts.items():
        first[name]["text"] = "\n".join(map(_last_seen, "".join(parts).split("\n")))
    return [first[name] for name in sorted(first, reverse=True)]


def _last_seen(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def mend_data(output: dict[str, Any]) -> None:
    """Set apart what must be text and is none, which nbformat refuses; JSON kinds may hold anything.

    Args:
        output: What a kernel shows, with data and metadata by kind; it is changed.
    """
    data, told = {}, output.get("metadata") or {}
    for kind, value in output["data"].items():
        if kind.startswith("application/") and kind.endswith(("/json", "+json")):
            data[kind] = value
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            data[kind] = "".join(value)
        else:
            data[kind if isinstance(value, str) else f"application/malformed.{kind.replace('/', '.')}+json"] = value
    output["data"] = data
    output["metadata"] = {kind: value for kind, value in told.items() if kind not in data or isinstance(value, dict)}
