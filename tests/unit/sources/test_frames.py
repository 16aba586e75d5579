import json
import math
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.sources.answer import Answer, Series, decode_answer
from reliability.sources.frames import samples_frame

ZERO = datetime(2026, 11, 26, 18, 20, 0, 123_000, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)  # pandas < 3.1 ends a text at NUL
LABELS = st.dictionaries(st.sampled_from(["le", "metric", "label_metric", "time", "value"]), TEXTS)


def series_of(labels: dict[str, str], *samples: tuple[float, float]) -> Series:
    times = np.array([time for time, _ in samples], dtype=np.float64)
    return Series(labels=labels, times_seconds=times, values=np.array([value for _, value in samples], np.float64))


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(column): value for column, value in row.items()} for row in frame.to_dict("records")]


def large_answer(series_count: int, sample_count: int) -> Answer:
    rng = np.random.default_rng(3)
    return Answer(
        series=tuple(
            Series(
                labels={"__name__": "requests_total", "instance": f"app-{number}:8000", "le": str(number % 12)},
                times_seconds=np.arange(sample_count, dtype=np.float64) * 15 + ZERO.timestamp(),
                values=rng.random(sample_count).cumsum(),
            )
            for number in range(series_count)
        )
    )


@given(parts=st.lists(st.tuples(LABELS, st.integers(0, 3)), max_size=4))
def test_every_sample_is_a_row_and_no_label_is_lost(parts: list[tuple[dict[str, str], int]]):
    answer = Answer(
        series=tuple(series_of(labels, *((t, number) for t in range(n))) for number, (labels, n) in enumerate(parts))
    )

    frame = samples_frame(answer)

    assert frame.columns.is_unique
    assert frame["value"].tolist() == [number for number, (_, n) in enumerate(parts) for _ in range(n)]
    seen = {label for labels, _ in parts for label in labels}
    assert len(frame.columns) == 3 + len(seen)
    for _, row in frame.iterrows():
        texts = sorted(text for text in row.drop(["metric", "time", "value"]) if text)
        assert texts == sorted(text for text in parts[int(row["value"])][0].values() if text)


def test_a_row_has_metric_labels_time_and_value():
    samples = [[ZERO.timestamp(), "1"], [ZERO.timestamp() + 15, "NaN"]]
    metrics = [{"__name__": "up", "arm": "canary"}, {"__name__": "up", "pod": "p"}]
    result = [{"metric": metrics[0], "values": samples}, {"metric": metrics[1], "values": samples[:1]}]
    body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()

    frame = samples_frame(decode_answer(body, where="prom.json"))

    assert list(frame.columns) == ["metric", "arm", "pod", "time", "value"]
    assert rows_of(frame.iloc[[0, 2]]) == [
        {"metric": "up", "arm": "canary", "pod": "", "time": ZERO, "value": 1.0},
        {"metric": "up", "arm": "", "pod": "p", "time": ZERO, "value": 1.0},
    ]
    assert frame["time"][1] == ZERO + timedelta(seconds=15)
    assert math.isnan(frame["value"][1])
    assert [frame[column].dtype.name for column in ("metric", "arm")] == ["category", "category"]


@pytest.mark.parametrize("own", ["metric", "time", "value"])
def test_a_label_called_like_a_column_gets_a_prefix(own: str):
    frame = samples_frame(Answer(series=(series_of({own: "a", f"label_{own}": "b"}, (1, 5)),)))

    assert frame[f"label_{own}"].tolist() == ["b"]
    assert frame[f"label_label_{own}"].tolist() == ["a"]
    assert frame["value"].tolist() == [5]


def test_nothing_gives_an_empty_table_with_the_same_columns():
    frame = samples_frame(Answer(series=()))

    assert list(frame.columns) == ["metric", "time", "value"]
    assert str(frame["time"].dtype) == "datetime64[ms, UTC]"
    assert frame.empty


def test_a_hundred_thousand_samples_agree_and_never_become_python_objects():
    answer = large_answer(100, 1000)
    samples_frame(large_answer(1, 1))  # imports and caches

    tracemalloc.start()
    frame = samples_frame(answer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(frame) == 100_000
    assert peak < 60 * len(frame)  # a dict a sample alone is 200 bytes
    assert frame.memory_usage(deep=True).sum() < 25 * len(frame)
    for (instance, le), rows in frame.groupby(["instance", "le"], observed=True):
        one = next(one for one in answer.series if one.labels["instance"] == instance)
        assert one.labels["le"] == le
        assert np.array_equal(rows["value"], one.values)
        assert np.array_equal(rows["time"].astype("int64") / 1000, one.times_seconds)
