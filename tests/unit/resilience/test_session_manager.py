"""Sessions in memory, in SQLite and in a Redis that runs in this process."""

import contextlib
import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import fakeredis
import pytest

from reliability.errors import ReliabilityError, SessionExpiredError, SessionPatchError
from reliability.resilience.session_manager import SessionManager
from tests.memory_sessions import MemorySessions
from tests.unit.resilience.session_contract import MemoryPlace, RedisPlace, SessionContract, SqlitePlace, manager_at


class TestInMemory(SessionContract):
    @pytest.fixture
    def new_place(self):
        return MemoryPlace

    @pytest.fixture
    def place(self, new_place):
        return new_place()


class TestInSqlite(SessionContract):
    @pytest.fixture
    def new_place(self, tmp_path):
        numbers = itertools.count()
        return lambda: SqlitePlace(tmp_path / f"{next(numbers)}.sqlite3")

    @pytest.fixture
    def place(self, new_place):
        return new_place()


class TestInFakeRedis(SessionContract):
    @pytest.fixture
    def new_place(self):
        def make():
            server = fakeredis.FakeServer()
            return RedisPlace(lambda: fakeredis.FakeRedis(server=server, decode_responses=True))

        return make

    @pytest.fixture
    def place(self, new_place):
        return new_place()


def test_an_id_that_is_not_given_cannot_be_guessed_and_no_message_repeats_it():
    manager = manager_at(MemoryPlace())

    ids = {manager.create().session_id for _ in range(20)}

    assert len(ids) == 20
    assert min(map(len, ids)) >= 43
    with pytest.raises(Exception, match="already") as caught:
        manager.create(session_id=max(ids))
    assert max(ids)[:8] in str(caught.value)
    assert max(ids) not in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda manager: manager.create(session_id=""), "id of a session"),
        (lambda manager: manager.create(kind="a\nb"), "kind of a session"),
        (lambda manager: manager.get("\ud800"), "id of a session"),
        (lambda manager: manager.touch(None), "id of a session"),
        (lambda manager: manager.update(7, {}), "id of a session"),
        (lambda manager: manager.end("x" * 201), "id of a session"),
    ],
    ids=["create", "kind", "get", "touch", "update", "end"],
)
def test_a_name_that_not_every_store_keeps_alike_is_refused(ask, what):
    with pytest.raises(SessionPatchError) as caught:
        ask(manager_at(MemoryPlace()))

    words = rf"the {what} must be 1 to 200 printable characters, not .{{1,40}}; choose another one\. \[session-patch\]"
    assert re.fullmatch(words, str(caught.value))


def test_every_refusal_says_what_where_and_what_to_do():
    manager = manager_at(MemoryPlace())
    manager.create({"a": "x" * 50}, session_id="ana")

    def said(ask: Callable[[], object]) -> str:
        with pytest.raises(ReliabilityError) as caught:
            ask()
        return str(caught.value)

    assert said(lambda: manager.create(session_id="ana")) == (
        "a living session has the id 'ana' already; end it, or take another id. [session-exists]"
    )
    assert said(lambda: manager.get("ben")) == (
        "there is no session 'ben', or it has expired; create a new one. [session-expired]"
    )
    assert said(lambda: manager.update("ana", {}, expected_version=7)) == (
        "session 'ana' has version 1, not 7: somebody else updated it. Read it again, then decide anew. "
        "[version-conflict]"
    )
    assert said(lambda: manager.update("ana", {"b": "y" * 20})) == (
        "the context of a session would have more bytes, and 60 is the most; keep large things elsewhere and "
        "their names here. [session-patch]"
    )
    assert said(lambda: manager.create([1])) == (  # type: ignore[arg-type]
        "a session remembers values by name, not a value of type list; give an object such as {'step': 3}. "
        "[session-patch]"
    )
    assert said(lambda: manager.create({"a": {1}})) == (
        "the value of 'a' is no JSON (TypeError at a value of type set); use text, numbers, lists and objects. "
        "[session-patch]"
    )


def test_a_name_of_200_characters_is_kept_and_a_short_one_is_shown_whole():
    manager = manager_at(MemoryPlace())

    assert manager.create(session_id="x" * 200).session_id == "x" * 200
    with pytest.raises(Exception, match="no session '12345678', or"):
        manager.get("12345678")
    with pytest.raises(Exception, match="no session '12345678…', or"):
        manager.get("123456789")


def test_an_id_that_came_with_its_line_end_is_not_repeated():
    manager = manager_at(MemoryPlace())
    made = manager.create()

    with pytest.raises(SessionPatchError) as caught:
        manager.get(f"{made.session_id}\n")

    assert made.session_id[:8] in str(caught.value)
    assert made.session_id[:9] not in str(caught.value)


def test_a_value_that_holds_itself_is_no_json():
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(SessionPatchError, match=r"the value of 'a' is no JSON \(ValueError at a value of type list\)"):
        manager_at(MemoryPlace()).create({"a": endless})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ttl_seconds": 0}, "not 0 s and at most 86400.0 s"),
        ({"ttl_seconds": float("nan")}, "not nan s"),
        ({"ttl_seconds": 4e9}, "live more than 0 s, not 4000000000.0 s"),
        ({"max_age_seconds": 0}, "at most 0 s"),
        ({"max_age_seconds": float("inf")}, "at most inf s"),
        ({"largest_bytes": 0}, "not 0 bytes"),
        ({"touch_step_seconds": -1}, "not -1 s"),
        ({"ttl_seconds": 5, "touch_step_seconds": 5}, "from 0 to below 5 s, not 5 s"),
    ],
)
def test_numbers_with_which_no_session_would_live_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        SessionManager(MemorySessions(), **options)


def test_sessions_live_half_an_hour_behind_their_last_use_and_a_day_at_most_and_take_64_kibibytes():
    place = MemoryPlace()
    manager = SessionManager(place.store())
    made = manager.create({"a": "x" * (65536 - 3)})
    ends = set()

    for _ in range(100):
        place.advance(1799)
        with contextlib.suppress(SessionExpiredError):
            ends.add((manager.touch(made.session_id).expires_at - made.created_at).total_seconds())

    assert min(ends) == 1799 + 1800
    assert max(ends) == 86400
    with pytest.raises(SessionPatchError, match="65537 bytes, and 65536 is the most"):
        manager.create({"a": "x" * (65536 - 2)})


def test_the_shortest_life_is_a_microsecond():
    made = SessionManager(MemoryPlace().store(), ttl_seconds=1e-9).create()

    assert made.expires_at - made.created_at == timedelta(microseconds=1)
    assert made.created_at == datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def test_a_century_a_part_of_a_second_and_one_byte_are_allowed():
    century_seconds = 100 * 365.25 * 86_400

    SessionManager(MemorySessions(), ttl_seconds=century_seconds, max_age_seconds=century_seconds)
    brief = SessionManager(MemorySessions(), max_age_seconds=0.5, largest_bytes=1).create()

    assert brief.expires_at - brief.created_at == timedelta(seconds=0.5)


def test_the_step_of_touches_is_exact():
    place = MemoryPlace()
    manager = manager_at(place, touch_step_seconds=900)
    made = manager.create()
    place.advance(900)

    assert manager.touch(made.session_id).expires_at - made.expires_at == timedelta(seconds=900)
