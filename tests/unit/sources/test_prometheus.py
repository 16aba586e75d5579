"""Each fault that prometheus-api-client 0.7.2 falls for by itself, against a loopback server that commits it."""

import gzip
import re
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
import stamina

from reliability.errors import (
    CircuitOpenError,
    PrometheusAnswerError,
    PrometheusAuthError,
    PrometheusBusyError,
    PrometheusRefusedError,
    PrometheusUnreachableError,
    QueryTooBigError,
    QueryTooSlowError,
    ReliabilityError,
    SourceError,
    UsageError,
)
from reliability.sources.answer import Answer
from reliability.sources.connection import Connection
from reliability.sources.live_transport import LiveTransport
from reliability.sources.prometheus import WHOLE, PrometheusSource
from reliability.sources.promql import Matcher, parse_matchers
from reliability.window import Window
from reliability.workbench.server import Server
from tests.fake_prometheus import CANARY, NAMES, FakePrometheus, FakeReplica, FakeRequest
from tests.fault_server import (
    Behaviour,
    FaultServer,
    answers,
    breaks_off,
    closed_port,
    closes,
    drips_body,
    drips_head,
    hangs,
)

END = datetime(2026, 11, 26, 18, 40, tzinfo=UTC)
WINDOW = Window(start=END - timedelta(minutes=20), end=END)
SHORT_SECONDS = 0.3
NATIVE = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "histograms": []}]}}


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    """Tries follow each other at once."""
    with stamina.set_testing(True, attempts=3):
        yield


def source_at(url: str, *, deadline_seconds: float = 5.0) -> PrometheusSource:
    return PrometheusSource(LiveTransport(Connection(url=url, deadline_seconds=deadline_seconds)))


def fetch(url: str, *, deadline_seconds: float = 5.0, matchers: tuple[Matcher, ...] = CANARY) -> Answer:
    return source_at(url, deadline_seconds=deadline_seconds).fetch(
        metrics=NAMES.fetched(), matchers=matchers, window=WINDOW
    )


def answer_to(body: str) -> Answer:
    with FaultServer(answers(body)) as server:
        return source_at(server.url).ask("up", at=END)


def refusal(kind: str, error: str, *, status: int = 422) -> Behaviour:
    return answers({"status": "error", "errorType": kind, "error": error}, status=status)


def failure(*behaviours: Behaviour) -> ReliabilityError:
    with FaultServer(*behaviours) as server, pytest.raises(ReliabilityError) as caught:
        fetch(server.url)
    return caught.value


def form_of(server: FaultServer) -> dict[str, list[str]]:
    return parse_qs(server.requests[-1].body.decode())


def test_one_instant_query_of_a_range_is_sent_in_the_body_of_a_post():
    with FaultServer(answers()) as server:
        answer = fetch(server.url)

    assert answer.series == ()
    assert [(request.method, request.path) for request in server.requests] == [("POST", "/api/v1/query")]
    names = "|".join(f"http_request_duration_seconds_{part}" for part in ("bucket", "sum"))
    assert form_of(server) == {
        "query": [f'{{__name__=~"{names}|http_requests_total|up|process_start_time_seconds", arm="canary"}}[1320s]'],
        "time": [f"{END.timestamp():.3f}"],
        "timeout": [form_of(server)["timeout"][0]],
        "partial_response": ["false"],
        "dedup": ["true"],
        "max_source_resolution": ["0s"],
    }


def test_the_server_is_told_to_give_up_shortly_before_the_deadline():
    with FaultServer(answers()) as server:
        fetch(server.url, deadline_seconds=2)

    assert 1.5 < float(form_of(server)["timeout"][0]) <= 1.8


def test_there_is_a_deadline_by_default():
    assert Connection(url="http://127.0.0.1:9090").deadline_seconds == 5


def test_a_query_of_fifty_kilobytes_is_in_the_body_and_not_in_the_address():
    long = tuple(Matcher(name="pod", op="!=", value="x" * 1000) for _ in range(50))
    with FaultServer(answers()) as server:
        fetch(server.url, matchers=long)

    assert server.requests[0].path == "/api/v1/query"
    assert len(server.requests[0].body) > 50_000


def test_the_samples_and_the_warnings_arrive_as_the_server_has_them():
    replica = FakeReplica(arm="canary", instance="c-0", requests=[FakeRequest(END.timestamp() - 95, 0.3)])
    fake = FakePrometheus(
        replicas=[replica],
        rounds=range(int(END.timestamp()) // 10 - 12, int(END.timestamp()) // 10 + 1),
        warnings=("store 2 is down",),
    )
    body = fake.body(metrics=NAMES.fetched(), matchers=CANARY, start=0, end=END.timestamp())
    with FaultServer(answers(body)) as server:
        answer = fetch(server.url)

    assert answer.warnings == ("store 2 is down",)
    assert answer.evaluated_at == END
    totals = [series for series in answer.series if series.name == NAMES.requests]
    assert [series.values.tolist() for series in totals] == [[1.0] * 10]


def test_compression_is_not_asked_for():
    with FaultServer(answers()) as server:
        fetch(server.url)

    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_nobody_at_the_address_is_unreachable():
    begin = time.monotonic()
    with stamina.set_testing(False), pytest.raises(PrometheusUnreachableError, match="Connection refused") as caught:
        fetch(f"http://127.0.0.1:{closed_port()}")

    assert time.monotonic() - begin < 1.5  # with the waits; the library alone takes six seconds
    assert "Check the address" in str(caught.value)


@pytest.mark.parametrize("behaviour", [hangs, drips_body, drips_head], ids=lambda each: each.__name__)
def test_a_server_without_a_whole_answer_in_time_is_given_up_at_the_deadline(behaviour: Behaviour):
    begin = time.monotonic()
    with FaultServer(behaviour) as server, pytest.raises(PrometheusUnreachableError) as caught:
        fetch(server.url, deadline_seconds=SHORT_SECONDS)

    assert time.monotonic() - begin < SHORT_SECONDS + 1
    assert len(server.requests) == 1
    assert "within 0.3 s" in str(caught.value)
    assert "deadline_seconds" in str(caught.value)


@pytest.mark.parametrize("behaviour", [closes, breaks_off], ids=lambda each: each.__name__)
def test_a_server_that_breaks_off_again_and_again_is_unreachable(behaviour: Behaviour):
    assert isinstance(failure(behaviour), PrometheusUnreachableError)


@pytest.mark.parametrize("first", [closes, answers("busy", status=503)], ids=["closes", "503"])
def test_one_fault_that_may_pass_is_tried_again(first: Behaviour):
    with FaultServer(first, answers()) as server:
        answer = fetch(server.url)

    assert answer.series == ()
    assert len(server.requests) == 2
    assert server.requests[0].body.split(b"&timeout")[0] == server.requests[1].body.split(b"&timeout")[0]


@pytest.mark.parametrize(
    ("behaviour", "words", "tries"),
    [
        (answers("busy", status=503), "503", 3),
        (answers("slow down", status=429), "429", 3),
        (refusal("internal", "no disk", status=500), "internal: no disk", 3),
        (answers({"status": "error", "errorType": "internal", "error": "odd"}), "internal: odd", 1),
        (answers("<!doctype html><title>Log in</title>"), "HTML", 1),
        (answers("nothing here", status=404), "Check the address", 1),
        (answers('{"status":"success","data":{"resultType"'), "cut off", 1),
        (answers({"status": "error", "error": "odd", "data": {"resultType": "matrix", "result": []}}), "odd", 1),
        (answers({"status": "success"}), "not with the JSON of the query API", 1),
        (answers({"status": "success", "data": None}), "does not follow the query API", 1),
        (answers("", status=302, Location="https://login.example/?next=1"), "a redirect, which is not followed", 1),
        (answers(""), "an empty body", 1),
        (answers(NATIVE), "native histograms", 1),
    ],
    ids=[
        "503", "429", "500 with JSON", "error with 200", "HTML", "404", "truncated", "error with data", "no data",
        "null data", "redirect", "empty", "native",
    ],
)  # fmt: skip
def test_an_answer_that_is_none_says_what_came_and_what_to_do(behaviour: Behaviour, words: str, tries: int):
    with FaultServer(behaviour) as server, pytest.raises(PrometheusAnswerError) as caught:
        fetch(server.url)

    assert words in str(caught.value)
    assert str(caught.value).startswith("Prometheus")
    assert "login.example" not in str(caught.value)
    assert len(server.requests) == tries


def test_a_redirect_is_not_followed_so_that_no_credentials_go_elsewhere():
    with FaultServer(answers()) as other, FaultServer(answers("", status=307, Location=other.url)) as server:
        with pytest.raises(PrometheusAnswerError, match="redirect"):
            fetch(server.url)

        assert other.requests == []


def test_netrc_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login thief password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with FaultServer(answers()) as server:
        fetch(server.url)

    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:9090",
        "http://[::1",
        "http://host:99999",
        "ftp://u:hunter2@host",
        "http://",
        "http://u:hunter2@host",
        "http://host?token=hunter2",
    ],
)
def test_what_is_no_address_or_holds_a_secret_is_refused_without_showing_it(url: str):
    with pytest.raises(UsageError) as caught:
        Connection(url=url)

    assert "hunter2" not in str(caught.value)


def test_a_path_prefix_is_kept():
    with FaultServer(answers()) as server:
        fetch(f"{server.url}/prometheus/")

    assert server.requests[0].path == "/prometheus/api/v1/query"


def test_matchers_with_quotes_cannot_leave_their_quotes():
    hostile = Matcher(name="arm", op="=", value='x"} or vector(1) or {a="')
    with FaultServer(answers()) as server:
        fetch(server.url, matchers=(hostile,))

    inside = form_of(server)["query"][0].removesuffix("[1320s]")
    assert parse_matchers(inside)[1] == hostile


# What the query has brought about is told from what the server suffers.


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (refusal("bad_data", 'parse error: unexpected "}"', status=400), PrometheusRefusedError, "Mend the query"),
        (refusal("422", 'cannot parse "up{": unexpected end'), PrometheusRefusedError, "cannot parse"),
        (refusal("bad_data", "parse error: unknown function timeout", status=400), PrometheusRefusedError, "Mend"),
        (refusal("422", "too long query; got 20046 bytes; mustn't exceed 16384"), PrometheusRefusedError, "too long"),
        (refusal("execution", "multiple matches for labels"), PrometheusRefusedError, "multiple matches"),
        (refusal("execution", "expanding series: context deadline exceeded"), QueryTooSlowError, "deadline_seconds"),
        (refusal("timeout", "query timed out in expression evaluation", status=503), QueryTooSlowError, "shorter"),
        (answers("<html>", status=401), PrometheusAuthError, "wants a login"),
        (answers("<html>", status=403), PrometheusAuthError, "wants a login"),
    ],
    ids=[
        "400",
        "VictoriaMetrics",
        "400 with a word",
        "text too long",
        "422",
        "deadline of the server",
        "timeout",
        "401",
        "403",
    ],
)
def test_a_refusal_that_is_not_the_servers_fault_is_told_apart_and_never_opens_the_breaker(
    behaviour: Behaviour, kind: type[ReliabilityError], words: str
):
    with FaultServer(behaviour) as server:
        source = source_at(server.url)
        for _ in range(5):
            with pytest.raises(kind, match=words):
                source.ask("up", at=END)

    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("execution", "query processing would load too many samples into memory in query execution", 422),
        ("bad_data", "exceeded maximum resolution of 11,000 points per timeseries", 400),
        ("422", "cannot select more than -search.maxSamplesPerQuery=1000 samples", 422),
        ("422", "the number of matching timeseries exceeds 300000; narrow down the search", 422),
        ("execution", "the query exceeded the maximum number of chunks (err-mimir-max-chunks-per-query)", 422),
    ],
    ids=[
        "Prometheus",
        "points",
        "VictoriaMetrics samples",
        "VictoriaMetrics series",
        "Mimir",
    ],
)
def test_a_query_that_is_too_big_is_told_apart(kind: str, error: str, status: int):
    with FaultServer(refusal(kind, error, status=status)) as server, pytest.raises(QueryTooBigError) as caught:
        source_at(server.url).ask("up", at=END)

    assert error[:40] in str(caught.value)
    assert "shorter window" in str(caught.value)


LARGE = f'{{"status":"success","data":{{"resultType":"matrix","result":[]}},"pad":"{"x" * 1_000_000}"}}'


@pytest.mark.parametrize(
    "behaviour",
    [answers(LARGE), answers(gzip.compress(LARGE.encode()), Content_Encoding="gzip"), answers(LARGE, status=400)],
    ids=["plain", "packed unasked", "refusal"],
)
def test_an_answer_that_is_too_large_is_not_read_to_its_end(behaviour: Behaviour):
    with FaultServer(behaviour) as server:
        transport = LiveTransport(Connection(url=server.url), largest_answer_bytes=len(LARGE) - 1)
        with pytest.raises(QueryTooBigError, match=r"answered with more than 1,000,0.. bytes.*shorter window"):
            transport.ask("/api/v1/query", {"query": "up"})

    assert len(server.requests) == 1


def test_an_answer_of_just_the_largest_size_is_taken():
    with FaultServer(answers(gzip.compress(LARGE.encode()), Content_Encoding="gzip")) as server:
        transport = LiveTransport(Connection(url=server.url), largest_answer_bytes=len(LARGE))

        assert transport.ask("/api/v1/query", {"query": "up"}) == LARGE.encode()


def test_a_query_with_too_large_an_answer_is_split():
    with FaultServer(answers(LARGE), answers()) as server:
        source = PrometheusSource(LiveTransport(Connection(url=server.url), largest_answer_bytes=1000))
        answer = source.fetch(metrics=["up"], matchers=(), window=WINDOW)

    assert answer.series == ()
    assert [re.findall(r"\[\d+s\]", parse_qs(each.body.decode())["query"][0]) for each in server.requests] == [
        ["[1320s]"], ["[660s]"], ["[660s]"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "ask",
    [
        lambda way: PrometheusSource(way).fetch(metrics=["up"], matchers=(), window=WINDOW),
        lambda way: PrometheusSource(way).ask("up", at=END),
        lambda way: PrometheusSource(way).ask_range("up", window=WINDOW, step_seconds=60),
        lambda way: Server(way).ask("up"),
    ],
    ids=["fetch", "ask", "ask_range", "workbench"],
)
def test_no_caller_takes_a_part_of_the_data_for_all_of_it(ask: Callable[[LiveTransport], Answer]):
    with FaultServer(answers()) as server:
        ask(LiveTransport(Connection(url=server.url)))

    form = form_of(server)
    assert WHOLE == {"partial_response": "false", "dedup": "true", "max_source_resolution": "0s"}
    assert {name: form[name] for name in WHOLE} == {name: [value] for name, value in WHOLE.items()}


@pytest.mark.parametrize(
    "behaviour", [closes, answers("busy", status=503), answers("<html>")], ids=["closes", "503", "HTML"]
)
def test_three_failures_in_a_row_leave_the_server_alone(behaviour: Behaviour):
    with FaultServer(behaviour) as server:
        source = source_at(server.url)
        for _ in range(3):
            with pytest.raises(SourceError):
                source.ask("up", at=END)
        with pytest.raises(CircuitOpenError, match="Prometheus was not asked"):
            source.ask("up", at=END)

    assert len(server.requests) == 3


def test_the_other_paths_of_the_api_are_asked_with_get_and_tried_again():
    with FaultServer(answers("busy", status=503), answers({"status": "success", "data": {}})) as server:
        transport = LiveTransport(Connection(url=server.url))
        body = transport.ask("/api/v1/metadata", {"metric": "up"})

    assert body == b'{"status": "success", "data": {}}'
    assert [request.method for request in server.requests] == ["GET", "GET"]
    assert server.requests[0].path.startswith("/api/v1/metadata?metric=up&timeout=")
    assert server.requests[0].body == b""


# Results that the library or its frames lose.


def test_infos_and_warnings_are_both_kept():
    answer = answer_to(
        '{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["half"],"infos":["no counter"]}'
    )

    assert (answer.warnings, answer.infos) == (("half",), ("no counter",))


def test_a_scalar_is_a_series_without_labels():
    answer = answer_to('{"status":"success","data":{"resultType":"scalar","result":[1764182400,"42"]}}')

    assert [(dict(series.labels), series.values.tolist()) for series in answer.series] == [({}, [42.0])]


def test_labels_named_value_and_timestamp_and_values_that_are_no_numbers_arrive_as_they_are():
    metric = '{"value":"v","timestamp":"t","quoted":"a\\"b"}'
    answer = answer_to(
        f'{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{metric},'
        f'"values":[[1764182400,"NaN"],[1764182415.5,"+Inf"],[1764182415.5,"+Inf"]]}}]}}}}'
    )

    (series,) = answer.series
    assert dict(series.labels) == {"value": "v", "timestamp": "t", "quoted": 'a"b'}
    assert series.times_seconds.tolist() == [1764182400, 1764182415.5]
    np.testing.assert_array_equal(series.values, [np.nan, np.inf])


def test_a_range_is_asked_with_its_ends_and_step_to_the_millisecond():
    window = Window(start=END - timedelta(seconds=60), end=END + timedelta(milliseconds=1))
    with FaultServer(answers()) as server:
        source_at(server.url).ask_range("rate(up[1m])", window=window, step_seconds=0.25)

    form = form_of(server)
    end = f"{END.timestamp() + 0.001:.3f}"
    assert (form["start"], form["end"], form["step"]) == ([f"{END.timestamp() - 60:.3f}"], [end], ["0.250"])
    assert server.requests[0].path == "/api/v1/query_range"


@pytest.mark.parametrize("step_seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_a_step_that_is_none_is_refused(step_seconds: float):
    with pytest.raises(UsageError, match="step_seconds"):
        source_at("http://127.0.0.1:9").ask_range("up", window=WINDOW, step_seconds=step_seconds)


def test_no_message_names_the_host_of_a_server_elsewhere():
    nobody = f"http://127.0.0.1:{closed_port()}"
    connection = Connection(url="http://prometheus.example:9090", name="Production", proxy=nobody)
    with pytest.raises(PrometheusUnreachableError) as caught:
        PrometheusSource(LiveTransport(connection)).ask("up", at=END)

    assert str(caught.value).startswith("Production cannot be reached: Connection refused")
    assert "prometheus.example" not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_fails_and_recovers_between_tries_is_busy_no_longer():
    with FaultServer(answers("busy", status=503)) as server, pytest.raises(PrometheusBusyError, match="503"):
        fetch(server.url)
    with FaultServer(answers("busy", status=503), answers("busy", status=503), answers()) as server:
        assert fetch(server.url).series == ()
