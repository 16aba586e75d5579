import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import (
    BrokenEvidenceError,
    MissingEvidenceError,
    PrometheusUnreachableError,
    QueryTooBigError,
    WriteError,
)
from reliability.sources.answer_store import (
    INDEX_NAME,
    RecordingTransport,
    ReplayTransport,
    answer_key,
)
from reliability.sources.prometheus import PrometheusSource
from reliability.sources.transport import Transport
from reliability.window import Window

AS_OF = datetime(2026, 11, 26, 18, 25, tzinfo=UTC)
PATH = "/api/v1/query"
UP = {"query": 'up{pod="ä"}', "time": "1764181500.000"}
BODY = b'{"status":"success", "odd":  1}'


class FakeServer:
    """Answers with the query in the body, until it is down."""

    where = "Prometheus"

    def __init__(self) -> None:
        self.is_down = False
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        """Answer."""
        if self.is_down:
            raise PrometheusUnreachableError("Prometheus cannot be reached.")
        if "[1d]" in form["query"]:
            raise QueryTooBigError("Prometheus refuses it.")
        self.asked.append((path, form))
        return BODY if form == UP else json.dumps([path, dict(form)]).encode()


class HalfServer:
    """Has one sample at the end of each range, and finds ranges of more than 1,000 s too big."""

    where = "Prometheus"

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        """Answer."""
        if int(form["query"].rpartition("[")[2].removesuffix("s]")) > 1000:
            raise QueryTooBigError("Prometheus refuses it.")
        result = [{"metric": {"__name__": "up"}, "values": [[float(form["time"]), "1"]]}]
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def recorder(server: Transport, folder: Path) -> RecordingTransport:
    parameters = {"margin_percent": 10.0, "source": None, "title": "Größe"}
    return RecordingTransport(server, folder, as_of=AS_OF, parameters=parameters)


@pytest.fixture
def folder(tmp_path: Path, server: FakeServer) -> Path:
    recorder(server, tmp_path / "answers").ask(PATH, UP)
    return tmp_path / "answers"


def stored_file(folder: Path) -> Path:
    (place,) = folder.glob("*.json.gz")
    return place


TEXTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)


@given(one=TEXTS, other=TEXTS, timeout=st.text(max_size=3))
def test_a_key_tells_requests_apart_but_for_order_and_timeout(one: dict[str, str], other: dict[str, str], timeout: str):
    one.pop("timeout", None)
    other.pop("timeout", None)

    assert (answer_key(PATH, one) == answer_key(PATH, other)) == (one == other)
    assert answer_key(PATH, dict(reversed(one.items())) | {"timeout": timeout}) == answer_key(PATH, one)
    assert answer_key(PATH, one) != answer_key("/api/v1/query_range", one)


def test_what_was_recorded_is_given_back_untouched_and_unasked(folder: Path, server: FakeServer):
    server.is_down = True

    replay = ReplayTransport(folder)

    assert replay.where == "Prometheus"
    assert replay.ask(PATH, {**dict(reversed(UP.items())), "timeout": "5.000"}) == BODY


def test_the_index_tells_when_and_with_which_parameters_to_ask_the_same_again(folder: Path):
    stored = ReplayTransport(folder).stored

    assert stored.as_of == AS_OF
    assert stored.parameters == {"margin_percent": 10.0, "source": None, "title": "Größe"}
    assert stored.answers[0].form == UP


def test_the_format_is_the_documented_one(folder: Path):
    packed = stored_file(folder).read_bytes()

    assert gzip.decompress(packed) == BODY
    assert json.loads((folder / INDEX_NAME).read_text()) == {
        "schema": "reliability.answers/1",
        "as_of": "2026-11-26T18:25:00Z",
        "name": "Prometheus",
        "parameters": {"margin_percent": 10.0, "source": None, "title": "Größe"},
        "answers": [
            {
                "key": stored_file(folder).name.removesuffix(".json.gz"),
                "path": PATH,
                "form": UP,
                "sha256": hashlib.sha256(packed).hexdigest(),
            }
        ],
    }


def test_several_answers_are_kept_and_the_same_question_once(tmp_path: Path, server: FakeServer):
    recording = recorder(server, tmp_path)
    bodies = [recording.ask(PATH, {"query": query}) for query in ("a", "b", "a")]

    replay = ReplayTransport(tmp_path)

    assert len(replay.stored.answers) == 2
    assert [replay.ask(PATH, {"query": query}) for query in ("a", "b", "a")] == bodies


def test_a_replayed_run_gets_what_the_live_one_got_with_its_parts_joined(tmp_path: Path):
    window = Window(start=AS_OF - timedelta(minutes=20), end=AS_OF)

    def samples(transport: Transport) -> list[tuple[list[float], list[float]]]:
        answer = PrometheusSource(transport).fetch(metrics=["up"], matchers=(), window=window)
        return [(series.times_seconds.tolist(), series.values.tolist()) for series in answer.series]

    live = samples(recorder(HalfServer(), tmp_path))

    assert samples(ReplayTransport(tmp_path)) == live
    assert [len(times) for times, _ in live] == [2]
    assert [answer.sha256 is None for answer in ReplayTransport(tmp_path).stored.answers] == [True, False, False]


def test_a_query_that_was_too_big_is_too_big_again(tmp_path: Path, server: FakeServer):
    recording = recorder(server, tmp_path)
    with pytest.raises(QueryTooBigError):
        recording.ask(PATH, {"query": "up[1d]"})
    recording.ask(PATH, {"query": "up[12h]"})

    replay = ReplayTransport(tmp_path)

    with pytest.raises(QueryTooBigError, match="when it was recorded"):
        replay.ask(PATH, {"query": "up[1d]"})
    assert replay.ask(PATH, {"query": "up[12h]"})


def test_answers_of_an_earlier_run_give_way_to_the_first_new_one(folder: Path, server: FakeServer):
    (folder / "mine.json.gz").write_bytes(b"of the user")
    old = next(path for path in folder.glob("*.json.gz") if path.name != "mine.json.gz")

    recorder(server, folder).ask(PATH, {"query": "new"})

    assert not old.exists()
    assert (folder / "mine.json.gz").exists()
    assert [answer.form for answer in ReplayTransport(folder).stored.answers] == [{"query": "new"}]


def test_a_server_that_is_down_costs_no_earlier_answer(folder: Path, server: FakeServer):
    server.is_down = True

    with pytest.raises(PrometheusUnreachableError):
        recorder(server, folder).ask(PATH, UP)

    assert ReplayTransport(folder).ask(PATH, UP) == BODY


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, server: FakeServer):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(WriteError, match=r"file"):
        recorder(server, tmp_path / "file").ask(PATH, UP)


def test_a_question_that_was_not_asked_is_missing_evidence_with_a_cure(folder: Path):
    with pytest.raises(MissingEvidenceError, match="holds no answer to down for this instant; use the parameters"):
        ReplayTransport(folder).ask(PATH, {"query": "down"})


def test_an_answer_whose_file_is_gone_is_missing_evidence(folder: Path):
    stored_file(folder).unlink()

    with pytest.raises(MissingEvidenceError, match="Run the report again"):
        ReplayTransport(folder).ask(PATH, UP)


def test_a_torn_answer_is_broken_evidence(folder: Path):
    place = stored_file(folder)
    place.write_bytes(place.read_bytes()[:-1])

    with pytest.raises(BrokenEvidenceError, match="torn or was changed"):
        ReplayTransport(folder).ask(PATH, UP)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("answers/1", "answers/2", "schema"),
        ('"key": "', '"key": "../', "answers.0.key"),
        ("Z", "", "as_of"),
        ("]\n}", "", "EOF"),
    ],
    ids=["schema", "key that leaves the folder", "instant without zone", "torn"],
)
def test_a_foreign_or_torn_index_is_broken_evidence(folder: Path, old: str, new: str, words: str):
    index = folder / INDEX_NAME
    index.write_text(index.read_text().replace(old, new))

    with pytest.raises(BrokenEvidenceError, match=words):
        ReplayTransport(folder)


def test_a_folder_without_an_index_is_missing_evidence(tmp_path: Path):
    with pytest.raises(MissingEvidenceError, match=INDEX_NAME):
        ReplayTransport(tmp_path)
