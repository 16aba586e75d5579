import contextlib
import gc
import json
import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import PrometheusAnswerError
from reliability.sources.answer import Answer, decode_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MATRIX = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [{"metric": {"__name__": "up", "arm": "canary"}, "values": [[10, "1"], [20.5, "0"]]}],
    },
    "warnings": ["store is down"],
    "infos": ["metric might not be a counter"],
}


def decode(document: Any) -> Answer:
    return decode_answer(json.dumps(document).encode(), where="prom.json")


def one_series(*values: Any, metric: dict[str, str] | None = None) -> dict[str, Any]:
    entry = {"metric": metric or {"__name__": "up"}, "values": list(values)}
    return {"status": "success", "data": {"resultType": "matrix", "result": [entry]}}


@given(body=st.binary())
def test_any_bytes_are_decoded_or_refused_with_our_error(body: bytes):
    with contextlib.suppress(PrometheusAnswerError):
        decode_answer(body, where="prom.json")


@given(cut=st.integers(0, 400), put=st.binary(max_size=4), skip=st.integers(0, 4))
def test_a_damaged_body_is_decoded_or_refused_with_our_error(cut: int, put: bytes, skip: int):
    body = json.dumps(MATRIX).encode()
    with contextlib.suppress(PrometheusAnswerError):
        decode_answer(body[:cut] + put + body[cut + skip :], where="prom.json")


@given(
    place=st.sampled_from(["status", "data", "result", "metric", "values", "value", "resultType", "warnings", "infos"]),
    junk=JSON,
)
def test_a_foreign_document_is_decoded_or_refused_with_our_error(place: str, junk: Any):
    document = json.loads(json.dumps(MATRIX))
    target = {
        "status": (document, "status"),
        "data": (document, "data"),
        "result": (document["data"], "result"),
        "metric": (document["data"]["result"][0], "metric"),
        "values": (document["data"]["result"][0], "values"),
        "value": (document["data"]["result"][0]["values"], 0),
        "resultType": (document["data"], "resultType"),
        "warnings": (document, "warnings"),
        "infos": (document, "infos"),
    }[place]
    target[0][target[1]] = junk
    try:
        answer = decode(document)
    except PrometheusAnswerError:
        return
    assert isinstance(answer, Answer)


def test_a_matrix_keeps_labels_samples_warnings_and_infos():
    answer = decode(MATRIX)

    assert answer.series[0].labels == {"__name__": "up", "arm": "canary"}
    assert answer.series[0].name == "up"
    assert answer.series[0].times_seconds.tolist() == [10, 20.5]
    assert answer.series[0].values.tolist() == [1, 0]
    assert answer.warnings == ("store is down",)
    assert answer.infos == ("metric might not be a counter",)


def test_a_vector_has_one_sample_a_series():
    result = [
        {"metric": {"arm": arm}, "value": [20.5, value]} for arm, value in (("baseline", "3"), ("canary", "+Inf"))
    ]

    answer = decode({"status": "success", "data": {"resultType": "vector", "result": result}})

    assert [series.labels["arm"] for series in answer.series] == ["baseline", "canary"]
    assert [series.times_seconds.tolist() for series in answer.series] == [[20.5], [20.5]]
    assert [series.values.tolist() for series in answer.series] == [[3], [math.inf]]


def test_a_scalar_is_one_series_without_labels():
    series = decode({"status": "success", "data": {"resultType": "scalar", "result": [20.5, "42"]}}).series

    assert [(one.labels, one.times_seconds.tolist(), one.values.tolist()) for one in series] == [({}, [20.5], [42])]


def test_a_text_is_refused_with_a_cure():
    with pytest.raises(PrometheusAnswerError, match=r"prom\.json answered with a text; ask for a vector"):
        decode({"status": "success", "data": {"resultType": "string", "result": [20.5, "words"]}})


@pytest.mark.parametrize("was_on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("body", [json.dumps(MATRIX).encode(), b"{"], ids=["answer", "no answer"])
def test_the_search_for_cycles_is_left_as_it_was(body: bytes, was_on: bool):
    (gc.enable if was_on else gc.disable)()
    try:
        with contextlib.suppress(PrometheusAnswerError):
            decode_answer(body, where="prom.json")
        found = gc.isenabled()
    finally:
        gc.enable()

    assert found is was_on


def test_the_samples_never_stand_in_memory_as_python_objects():
    values = ",".join(f'[{1764000000 + 15 * number}.123,"{number}"]' for number in range(2000))
    entry = f'{{"metric":{{"le":"1"}},"values":[{values}]}}'
    body = f'{{"status":"success","data":{{"resultType":"matrix","result":[{",".join([entry] * 20)}]}}}}'.encode()

    tracemalloc.start()
    answer = decode_answer(body, where="prom.json")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(series.values.size for series in answer.series) == 40_000
    assert peak < 3 * len(body)  # the text, the arrays and one series of objects; all objects would be 8 times the body


def test_an_empty_result_is_no_error():
    assert decode({"status": "success", "data": {"resultType": "matrix", "result": []}}).series == ()


def test_not_a_number_and_infinities_are_kept():
    values = decode(one_series([1, "NaN"], [2, "+Inf"], [3, "-Inf"])).series[0].values.tolist()

    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_an_instant_that_comes_twice_is_kept_once():
    series = decode(one_series([1, "5"], [3, "7"], [1, "5"], [2, "6"])).series[0]

    assert series.times_seconds.tolist() == [1, 2, 3]
    assert series.values.tolist() == [5, 6, 7]


def test_labels_named_value_and_timestamp_are_labels():
    metric = {"__name__": "up", "value": "x", "timestamp": "y", "values": "z"}

    series = decode(one_series([1, "5"], metric=metric)).series[0]

    assert series.labels == metric
    assert series.values.tolist() == [5]


@pytest.mark.parametrize("instant", [1e300, -1e12, math.nan, math.inf])
def test_an_instant_outside_the_calendar_is_refused(instant: float):
    with pytest.raises(PrometheusAnswerError, match="an instant outside the calendar"):
        decode(one_series([instant, "5"]))


@pytest.mark.parametrize("key", ["histogram", "histograms"])
def test_native_histograms_are_refused_with_a_cure(key: str):
    document = one_series([1, "5"])
    document["data"]["result"].append({"metric": {}, key: []})

    with pytest.raises(PrometheusAnswerError, match="classic"):
        decode(document)


def test_an_error_envelope_is_put_into_words():
    document = {"status": "error", "errorType": "execution", "error": "too many\n\x1b[31m samples"}

    with pytest.raises(PrometheusAnswerError) as caught:
        decode(document)

    assert "reports execution: too many ?[31m samples. Check metrics and matchers" in str(caught.value)


@pytest.mark.parametrize("data", [MATRIX["data"], None], ids=["with samples", "null"])
def test_an_error_is_one_whatever_data_comes_with_it(data: Any):
    with pytest.raises(PrometheusAnswerError, match="reports timeout: gave up"):
        decode({"status": "error", "errorType": "timeout", "error": "gave up", "data": data})


@given(status=JSON.filter(lambda status: status != "success"))
def test_nothing_but_a_success_is_an_answer(status: Any):
    with pytest.raises(PrometheusAnswerError):
        decode({**MATRIX, "status": status})


@pytest.mark.parametrize(
    "document", [{"data": MATRIX["data"]}, MATRIX["data"], [MATRIX], MATRIX["data"]["result"]],  # type: ignore[index]
    ids=["no status", "data", "list", "bare list of promtool"],
)  # fmt: skip
def test_samples_without_a_success_around_them_are_no_answer(document: Any):
    with pytest.raises(PrometheusAnswerError, match="not with the JSON of the query API"):
        decode(document)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "an empty body"),
        (b"<!DOCTYPE html>secret", "an HTML or XML page"),
        (b'{"status":"succ', "cut off or foreign"),
        (b"\x1f\x8b\x08", "cut off or foreign"),
        (b"[" * 100_000, "cut off or foreign"),
        (b"[]", "cut off or foreign"),
        (b'{"status": "fine"}', "not with the JSON of the query API"),
        (b'{"status":"success","data":{"resultType":"streams","result":[]}}', "a result of type streams"),
    ],
    ids=["empty", "HTML", "truncated", "packed", "deep", "list", "status", "type"],
)
def test_what_is_no_answer_is_named_without_showing_it(body: bytes, words: str):
    with pytest.raises(PrometheusAnswerError) as caught:
        decode_answer(body, where="prom.json")

    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
