"""A query that a server finds too big is asked in parts, and its body is joined in the same form."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from reliability.errors import QueryTooBigError
from reliability.workbench.server import Server
from reliability.workbench.whole_body import whole_body

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Limited:
    """Has a sample every 10 s, of two series, and refuses ranges above its limit."""

    where = "a fake"

    def __init__(self, limit_seconds: int) -> None:
        self.limit_seconds = limit_seconds

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        seconds, end = int(form["query"]), float(form["time"])
        if seconds > self.limit_seconds:
            raise QueryTooBigError(f"a fake refused {seconds} s.")
        times = [time for time in range(int(end - seconds), int(end) + 1) if time % 10 == 0]
        result = [
            {"metric": {"__name__": "up", "job": job}, "values": [[time, f"{time % 1000}.50"] for time in times]}
            for job in ("api", "café")
        ]
        document: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return json.dumps(document | {"warnings": ["a store is down"]}).encode()


def fetched(limit_seconds: int) -> tuple[bytes, int]:
    return whole_body(Server(Limited(limit_seconds)), str, at=AT, seconds=720)


def test_a_body_that_comes_whole_is_untouched():
    body, parts = fetched(720)

    assert parts == 1
    assert body == Limited(720).ask("", {"query": "720", "time": f"{AT.timestamp():.3f}"})


@pytest.mark.parametrize(("limit_seconds", "expected"), [(400, 2), (200, 4), (30, 32)])
def test_a_joined_body_says_what_the_whole_one_would(limit_seconds: int, expected: int):
    body, parts = fetched(limit_seconds)

    assert parts == expected
    assert json.loads(body) == json.loads(fetched(720)[0])


def test_a_server_that_refuses_even_short_parts_is_given_up_with_the_length():
    with pytest.raises(QueryTooBigError, match="A part of 23 s was still too big"):
        fetched(5)
