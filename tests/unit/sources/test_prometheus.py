from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from reliability.errors import PrometheusAnswerError, PrometheusUnreachableError, SourceError, UsageError
from reliability.sources.answer import Answer
from reliability.sources.prometheus import PrometheusSource
from reliability.sources.promql import Matcher, parse_matchers
from reliability.window import Window
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


def fetch(url: str, *, deadline_seconds: float = 5.0, matchers: tuple[Matcher, ...] = CANARY) -> Answer:
    source = PrometheusSource(url, deadline_seconds=deadline_seconds)
    return source.fetch(metrics=NAMES.fetched(), matchers=matchers, window=WINDOW)


def failure(*behaviours: Behaviour, deadline_seconds: float = 5.0) -> SourceError:
    with FaultServer(*behaviours) as server, pytest.raises(SourceError) as caught:
        fetch(server.url, deadline_seconds=deadline_seconds)
    assert "127.0.0.1" in str(caught.value)
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
        "timeout": ["5.000"],
    }


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
    with pytest.raises(PrometheusUnreachableError, match="Connection refused") as caught:
        fetch(f"http://127.0.0.1:{closed_port()}")

    assert "Check the address" in str(caught.value)


@pytest.mark.parametrize("behaviour", [hangs, drips_body, drips_head], ids=lambda each: each.__name__)
def test_a_server_without_a_whole_answer_in_time_is_given_up_at_the_deadline(behaviour: Behaviour):
    error = failure(behaviour, deadline_seconds=SHORT_SECONDS)

    assert isinstance(error, PrometheusUnreachableError)
    assert "within 0.3 s" in str(error)
    assert "deadline_seconds" in str(error)


@pytest.mark.parametrize("behaviour", [closes, breaks_off], ids=lambda each: each.__name__)
def test_a_server_that_breaks_off_again_and_again_is_unreachable(behaviour: Behaviour):
    assert isinstance(failure(behaviour), PrometheusUnreachableError)


@pytest.mark.parametrize("first", [closes, answers("busy", status=503)], ids=["closes", "503"])
def test_one_fault_that_may_pass_is_tried_again(first: Behaviour):
    with FaultServer(first, answers()) as server:
        answer = fetch(server.url)

    assert answer.series == ()
    assert len(server.requests) == 2
    assert server.requests[0].body == server.requests[1].body


@pytest.mark.parametrize(
    ("behaviour", "words", "tries"),
    [
        (answers("busy", status=503), "503", 3),
        (answers({"status": "error", "errorType": "timeout", "error": "too slow"}, status=503), "too slow", 3),
        (answers({"status": "error", "errorType": "bad_data", "error": "no"}, status=400), "bad_data: no", 1),
        (
            answers({"status": "error", "errorType": "execution", "error": "too many samples"}, status=422),
            "shorter window",
            1,
        ),
        (answers({"status": "error", "errorType": "internal", "error": "odd"}), "internal: odd", 1),
        (answers("<!doctype html><title>Log in</title>"), "HTML", 1),
        (answers("<html>", status=401), "wants a login", 1),
        (answers("nothing here", status=404), "Check the address", 1),
        (answers('{"status":"success","data":{"resultType"'), "cut off", 1),
        (answers({"status": "success"}), "not with the JSON of the query API", 1),
        (answers({"status": "success", "data": None}), "does not follow the query API", 1),
        (answers("", status=302, Location="https://login.example/?next=1"), "login.example", 1),
        (answers(""), "an empty body", 1),
        (answers(NATIVE), "native histograms", 1),
    ],
    ids=[
        "503", "503 with JSON", "400", "422", "error with 200", "HTML", "401", "404", "truncated", "no data",
        "null data", "redirect", "empty", "native",
    ],
)  # fmt: skip
def test_an_answer_that_is_none_says_what_came_and_what_to_do(behaviour: Behaviour, words: str, tries: int):
    with FaultServer(behaviour) as server, pytest.raises(PrometheusAnswerError) as caught:
        fetch(server.url)

    assert words in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
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
    ["", "host:9090", "ftp://u:hunter2@host", "http://", "http://u:hunter2@host", "http://host?token=hunter2"],
)
def test_what_is_no_address_or_holds_a_secret_is_refused_without_showing_it(url: str):
    with pytest.raises(UsageError) as caught:
        PrometheusSource(url)

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
