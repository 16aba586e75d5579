"""A query that is too big for the server comes back whole, in parts that the caller never sees."""

import bisect
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import QueryTooBigError
from reliability.sources.answer import Answer
from reliability.sources.prometheus import PrometheusSource
from reliability.window import Window

END = datetime(2026, 11, 26, 18, 40, 0, 250_900, tzinfo=UTC)
END_MS = int(END.timestamp() * 1000)
WINDOW = Window(start=END - timedelta(seconds=480), end=END)
LENGTH_MS = 600_000  # with the two minutes before the window
Samples = Mapping[str, list[tuple[int, int]]]


class LimitedServer:
    """Answers range selectors and range queries of whole milliseconds, and refuses those that load too many samples.

    Attributes:
        asked: How often it was asked.
    """

    def __init__(self, samples: Samples, *, limit: int | None = None, is_left_open: bool = False) -> None:
        self.where = "Prometheus"
        self.asked = 0
        self._samples = samples
        self._limit = limit
        self._is_left_open = is_left_open

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        self.asked += 1
        found = {
            pod: list(self._range(form, rows) if path.endswith("_range") else self._selected(form, rows))
            for pod, rows in self._samples.items()
        }
        count = sum(map(len, found.values()))
        if self._limit is not None and count > self._limit:
            raise QueryTooBigError(f"too many samples: {count}.")
        result = [{"metric": {"pod": pod}, "values": values} for pod, values in found.items() if values]
        notes = {"warnings": ["store 2 is down"], "infos": [f"note of {self.asked % 2}"]}
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **notes}).encode()

    def _selected(self, form: Mapping[str, str], rows: list[tuple[int, int]]) -> Iterator[list[Any]]:
        end, length = milliseconds(form["time"]), 1000 * int(re.findall(r"\[(\d+)s\]$", form["query"])[0])
        first = end - length + (1 if self._is_left_open else 0)
        return ([at / 1000, str(value)] for at, value in rows if first <= at <= end)

    def _range(self, form: Mapping[str, str], rows: list[tuple[int, int]]) -> Iterator[list[Any]]:
        start, end, step = (milliseconds(form[name]) for name in ("start", "end", "step"))
        for at in range(start, end + 1, step):
            before = bisect.bisect_right(rows, (at, math.inf))
            if before:
                yield [at / 1000, str(rows[before - 1][1])]


def milliseconds(text: str) -> int:
    whole, _, part = text.partition(".")
    assert len(part) == 3
    return int(whole) * 1000 + int(part)


def plain(answer: Answer) -> Any:
    series = {each.labels["pod"]: (each.times_seconds.tolist(), each.values.tolist()) for each in answer.series}
    return series, answer.warnings, answer.query


def fetched(server: LimitedServer) -> Answer:
    return PrometheusSource(server).fetch(metrics=["requests_total"], matchers=(), window=WINDOW)


def ranged(server: LimitedServer, step_seconds: float) -> Answer:
    minute = Window(start=END - timedelta(seconds=60), end=END)
    return PrometheusSource(server).ask_range("requests_total", window=minute, step_seconds=step_seconds)


rows = st.lists(
    # whole seconds before the end lie on the edges of the parts
    st.integers(-2000, LENGTH_MS + 2000) | st.integers(0, LENGTH_MS // 1000).map(lambda s: s * 1000),
    max_size=40, unique=True,
).map(lambda ages: [(END_MS - age, n) for n, age in enumerate(sorted(ages, reverse=True))])  # fmt: skip
samples = st.dictionaries(st.sampled_from("abc"), rows, max_size=3)


@given(samples=samples, limit=st.integers(4, 60), is_left_open=st.booleans())
def test_samples_fetched_in_parts_are_those_of_one_query(samples: Samples, limit: int, is_left_open: bool):
    whole = fetched(LimitedServer(samples, is_left_open=is_left_open))
    try:
        in_parts = fetched(LimitedServer(samples, limit=limit, is_left_open=is_left_open))
    except QueryTooBigError as err:
        assert "was still too big" in str(err)  # noqa: PT017 -- more samples in a short time than the limit
        return

    assert plain(in_parts) == plain(whole)


@given(samples=samples, parts=st.integers(1, 25), step_seconds=st.sampled_from([0.7, 1.0, 7.3, 60.0]))
def test_a_range_evaluated_in_parts_is_that_of_one_query(samples: Samples, parts: int, step_seconds: float):
    limit = len(samples) * (int(60 / step_seconds / parts) + 3)

    in_parts = ranged(LimitedServer(samples, limit=limit), step_seconds)

    assert plain(in_parts) == plain(ranged(LimitedServer(samples), step_seconds))


def test_each_remark_of_the_server_is_kept_once():
    every_second = {"a": [(END_MS - 1000 * age, age) for age in range(600, -1, -1)]}
    server = LimitedServer(every_second, limit=100)

    answer = fetched(server)

    assert server.asked == 15
    assert answer.warnings == ("store 2 is down",)
    assert sorted(answer.infos) == ["note of 0", "note of 1"]
    assert answer.series[0].values.tolist() == list(range(600, -1, -1))
    assert answer.query.endswith("[600s]")
    assert answer.evaluated_at == END.replace(microsecond=250_000)


def test_a_query_that_no_part_makes_small_enough_is_given_up_soon():
    server = LimitedServer({"a": [(END_MS - 1000 * age, age) for age in range(600, -1, -1)]}, limit=0)

    with pytest.raises(QueryTooBigError, match=r"A part of \d+ s was still too big") as caught:
        fetched(server)

    assert "too many samples" in str(caught.value)
    assert server.asked <= math.ceil(math.log2(600))
