"""What every store of sessions answers alike: the suite that each runs, and the places that it runs in."""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from reliability.errors import SessionExistsError, SessionExpiredError, SessionPatchError, VersionConflictError
from reliability.resilience.session_manager import Session, SessionManager
from reliability.resilience.sessions import SessionStore
from reliability.resilience.stores.redis_sessions import RedisSessions
from reliability.resilience.stores.sqlite_sessions import SqliteSessions
from tests.fakes import ManualClock
from tests.memory_sessions import MemorySessions

TTL_SECONDS = 1000
MAX_AGE_SECONDS = 2500
BOUND_SECONDS = 20  # a hang ends the test; nothing waits that long


class Place(Protocol):
    """Where sessions are kept, and where time passes when a test says so."""

    slack: timedelta

    def store(self) -> SessionStore: ...
    def advance(self, seconds: float) -> None: ...


class MemoryPlace:
    """The memory of this process."""

    slack = timedelta()

    def __init__(self) -> None:
        self._clock = ManualClock()
        self._store = MemorySessions(clock=self._clock)

    def store(self) -> SessionStore:
        return self._store

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)


class SqlitePlace:
    """A file; each store has its own connections to it."""

    slack = timedelta()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clock = ManualClock()

    def store(self) -> SessionStore:
        return SqliteSessions(self._path, clock=self._clock)

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)


class RedisPlace:
    """A Redis, whose clock nobody moves: what it keeps grows older instead."""

    slack = timedelta(seconds=60)

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def store(self) -> SessionStore:
        return RedisSessions("", client=self._client())

    def advance(self, seconds: float) -> None:
        client, microseconds = self._client(), round(seconds * 1_000_000)
        for key in client.keys("*:session:*"):
            instants = client.hmget(key, ["created_us", "expires_us"])
            created_us, expires_us = (int(instant) - microseconds for instant in instants)
            client.hset(key, mapping={"created_us": created_us, "expires_us": expires_us})
            for kept in (key, key.replace(":session:", ":context:")):
                client.pexpireat(kept, expires_us // 1000 + 1)
        for key in client.keys("*:expiry:*"):
            for session_id, expires_us in client.zrange(key, 0, -1, withscores=True):
                client.zadd(key, {session_id: expires_us - microseconds})


def manager_at(place: Place, **options: Any) -> SessionManager:
    return SessionManager(
        place.store(),
        **{"ttl_seconds": TTL_SECONDS, "max_age_seconds": MAX_AGE_SECONDS, "largest_bytes": 60, **options},
    )


def together(count: int, do: Callable[[int], Any]) -> list[Any]:
    """Do it in so many threads at once; return what each returned or raised."""
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        barrier.wait(BOUND_SECONDS)
        try:
            return do(number)
        except Exception as err:  # noqa: BLE001 -- it is what the test looks at
            return err

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def size_of(context: Mapping[str, Any]) -> int:
    texts = {name: json.dumps(value, separators=(",", ":")) for name, value in context.items() if value is not None}
    return sum(len(name.encode()) for name in context) + sum(map(len, texts.values()))


IDS = st.sampled_from(["ana", "ben", "una sesión"])
KINDS = st.sampled_from(["guest", "watch"])
VALUES = st.none() | st.integers(-3, 3) | st.sampled_from(["", "ä", [1, None], {"deep": None}, {"deep": {"er": 1}}])
CONTEXTS = st.dictionaries(st.sampled_from(["a", "b", "é", 'it"s']), VALUES, max_size=3)


class SessionMachine(RuleBasedStateMachine):
    """Sessions beside the simplest thing that could be right."""

    place: Place

    @initialize()
    def start(self) -> None:
        self.manager = manager_at(self.place, largest_bytes=40)
        self.now = 0.0
        self.model: dict[str, dict[str, Any]] = {}

    def living(self, session_id: str) -> dict[str, Any] | None:
        found = self.model.get(session_id)
        return found if found is not None and found["end"] > self.now else None

    def is_told(self, session: Session, found: dict[str, Any]) -> None:
        assert (session.kind, session.version, session.context) == (found["kind"], found["version"], found["context"])
        late = session.expires_at - session.created_at - timedelta(seconds=found["end"] - found["start"])
        assert abs(late) <= self.place.slack

    @rule(session_id=IDS, kind=KINDS, context=CONTEXTS)
    def create(self, session_id, kind, context):
        if self.living(session_id):
            with pytest.raises(SessionExistsError):
                self.manager.create(context, kind=kind, session_id=session_id)
            return
        if size_of(context) > 40:
            with pytest.raises(SessionPatchError):
                self.manager.create(context, kind=kind, session_id=session_id)
            return
        kept = {name: value for name, value in context.items() if value is not None}
        end = self.now + TTL_SECONDS
        self.model[session_id] = {"kind": kind, "context": kept, "version": 1, "start": self.now, "end": end}
        self.is_told(self.manager.create(context, kind=kind, session_id=session_id), self.model[session_id])

    @rule(session_id=IDS)
    def get(self, session_id):
        found = self.living(session_id)
        if found is None:
            with pytest.raises(SessionExpiredError):
                self.manager.get(session_id)
        else:
            self.is_told(self.manager.get(session_id), found)

    @rule(session_id=IDS)
    def touch(self, session_id):
        found = self.living(session_id)
        if found is None:
            with pytest.raises(SessionExpiredError):
                self.manager.touch(session_id)
        else:
            found["end"] = min(self.now + TTL_SECONDS, found["start"] + MAX_AGE_SECONDS)
            self.is_told(self.manager.touch(session_id), found)

    @rule(session_id=IDS, patch=CONTEXTS, expected=st.none() | st.integers(1, 3))
    def update(self, session_id, patch, expected):
        found = self.living(session_id)
        merged = {**found["context"], **patch} if found else {}
        merged = {name: value for name, value in merged.items() if value is not None}
        if size_of(patch) > 40:
            refusal: type[Exception] | None = SessionPatchError
        elif found is None:
            refusal = SessionExpiredError
        elif expected not in (None, found["version"]):
            refusal = VersionConflictError
        else:
            refusal = SessionPatchError if size_of(merged) > 40 else None
        if refusal is not None:
            with pytest.raises(refusal):
                self.manager.update(session_id, patch, expected_version=expected)
            return
        assert found is not None
        end = min(self.now + TTL_SECONDS, found["start"] + MAX_AGE_SECONDS)
        found.update(context=merged, version=found["version"] + 1, end=end)
        self.is_told(self.manager.update(session_id, patch, expected_version=expected), found)

    @rule(session_id=IDS)
    def finish(self, session_id):
        assert self.manager.end(session_id) is (self.living(session_id) is not None)
        self.model.pop(session_id, None)

    @rule(seconds=st.sampled_from([100, 400, 900, TTL_SECONDS]))
    def wait(self, seconds):
        self.place.advance(seconds)
        self.now += seconds

    @rule()
    def trim(self):
        self.manager.trim()
        assert self.manager.trim() == 0

    @invariant()
    def the_count_is_the_truth(self):
        kinds = [session["kind"] for session in self.model.values() if session["end"] > self.now]
        assert self.manager.count_active() == {kind: kinds.count(kind) for kind in set(kinds)}


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


class SessionContract:
    """The suite; a subclass gives it the fixture `place`."""

    @pytest.mark.requirement("RES-SES-01")
    @pytest.mark.requirement("RES-SES-02")
    @pytest.mark.requirement("RES-SES-03")
    def test_sessions_are_what_a_plain_dictionary_of_them_would_be(self, new_place):
        class Machine(SessionMachine):
            @initialize()
            def start(self):
                self.place = new_place()
                super().start()

        run_state_machine_as_test(Machine, settings=settings(max_examples=15, stateful_step_count=25))

    @pytest.mark.requirement("RES-SES-01")
    def test_any_names_and_json_values_come_back_as_they_were(self, place):
        manager = manager_at(place, largest_bytes=100_000)

        @given(context=st.dictionaries(NAMES, JSON, max_size=4), patch=st.dictionaries(NAMES, JSON, max_size=4))
        def law(context, patch):
            made = manager.create(context)
            updated = manager.update(made.session_id, patch)

            assert made.context == {name: value for name, value in context.items() if value is not None}
            merged = {**context, **patch}
            assert updated.context == {name: value for name, value in merged.items() if value is not None}
            assert manager.get(made.session_id) == updated

        law()

    @pytest.mark.requirement("RES-SES-01")
    def test_an_update_replaces_nested_values_whole_and_takes_away_those_that_are_none(self, place):
        manager = manager_at(place)
        made = manager.create({"a": {"x": 1, "y": 2}, "b": [1, 2], "c": True, "gone": 1})

        updated = manager.update(made.session_id, {"a": {"x": None}, "b": [3], "gone": None, "never": None})

        assert updated.context == {"a": {"x": None}, "b": [3], "c": True}
        assert (made.version, updated.version) == (1, 2)

    @pytest.mark.requirement("RES-SES-01")
    def test_updates_of_many_threads_are_all_kept(self, place):
        managers = [manager_at(place, largest_bytes=10_000) for _ in range(8)]
        made = managers[0].create({"shared": 0})

        together(
            8,
            lambda number: [
                managers[number].update(made.session_id, {f"{number}-{i}": i, "shared": i}) for i in range(9)
            ],
        )

        found = managers[0].get(made.session_id)
        assert found.version == 1 + 8 * 9
        expected = {f"{number}-{i}": i for number in range(8) for i in range(9)}
        assert found.context == {**expected, "shared": found.context["shared"]}

    @pytest.mark.requirement("RES-SES-01")
    def test_of_many_that_expect_the_same_version_one_wins_and_the_others_are_told_the_new_one(self, place):
        manager = manager_at(place)
        made = manager.create({"who": "nobody"})

        results = together(8, lambda number: manager.update(made.session_id, {"who": number}, expected_version=1))

        (winner,) = [result for result in results if isinstance(result, Session)]
        refused = [result for result in results if isinstance(result, VersionConflictError)]
        assert [error.current_version for error in refused] == [2] * 7
        assert manager.get(made.session_id) == winner
        assert "has version 2, not 1" in str(refused[0])

    def test_of_many_that_create_the_same_id_one_wins(self, place):
        manager = manager_at(place)

        results = together(8, lambda number: manager.create({"who": number}, session_id="ana"))

        (winner,) = [result for result in results if isinstance(result, Session)]
        assert [type(result) for result in results].count(SessionExistsError) == 7
        assert manager.get("ana") == winner

    @pytest.mark.requirement("RES-SES-02")
    def test_a_session_that_is_used_lives_on_until_its_largest_age(self, place):
        manager = manager_at(place)
        made = manager.create()

        for use in (manager.touch, lambda session_id: manager.update(session_id, {"a": 1}), manager.touch):
            place.advance(800)
            used = use(made.session_id)

        assert abs(used.expires_at - used.created_at - timedelta(seconds=MAX_AGE_SECONDS)) <= place.slack
        place.advance(100)
        with pytest.raises(SessionExpiredError):
            manager.touch(made.session_id)

    @pytest.mark.requirement("RES-SES-02")
    def test_reading_does_not_let_a_session_live_longer_and_the_end_is_no_part_of_its_life(self, place):
        manager = manager_at(place)
        made = manager.create()
        place.advance(900)
        read = manager.get(made.session_id)
        place.advance(100)

        assert read.expires_at - read.created_at == timedelta(seconds=TTL_SECONDS)
        for use in (manager.get, manager.touch, lambda session_id: manager.update(session_id, {"a": 1})):
            with pytest.raises(SessionExpiredError, match=r"there is no session '.{8}…', or it has expired"):
                use(made.session_id)
        assert manager.end(made.session_id) is False
        assert manager.count_active() == {}

    @pytest.mark.requirement("RES-SES-02")
    def test_only_create_takes_an_expired_id_again_and_nothing_of_the_old_session_is_left(self, place):
        manager = manager_at(place)
        manager.create({"old": 1}, session_id="ana", kind="watch")
        manager.update("ana", {"old": 2})
        place.advance(TTL_SECONDS)

        again = manager.create({"new": 1}, session_id="ana")

        assert (again.context, again.version, again.kind) == ({"new": 1}, 1, "guest")
        assert manager.count_active() == {"guest": 1}
        manager.trim()
        assert manager.get("ana") == again

    def test_an_ended_session_is_gone_at_once_and_ends_only_once(self, place):
        manager = manager_at(place)
        made = manager.create({"a": 1})

        assert manager.end(made.session_id) is True
        assert manager.end(made.session_id) is False
        assert manager.count_active() == {}
        with pytest.raises(SessionExpiredError):
            manager.update(made.session_id, {"a": 2})

    def test_a_touch_with_little_to_gain_leaves_the_end_where_it_is(self, place):
        manager = manager_at(place, touch_step_seconds=300)
        made = manager.create()
        place.advance(100)

        early = manager.touch(made.session_id)
        place.advance(300)
        late = manager.touch(made.session_id)

        assert early.expires_at - early.created_at == timedelta(seconds=TTL_SECONDS)
        assert abs(late.expires_at - late.created_at - timedelta(seconds=TTL_SECONDS + 400)) <= place.slack
        assert late.version == 1

    @pytest.mark.requirement("RES-SES-03")
    def test_dead_sessions_are_not_counted_and_new_ones_and_trim_take_them_away(self, place):
        manager = manager_at(place)
        for number in range(15):
            manager.create(session_id=f"dead-{number}", kind="watch" if number == 0 else "guest")
        place.advance(TTL_SECONDS)
        manager.create(session_id="alive")

        counted = manager.count_active()

        assert counted == {"guest": 1}
        assert 0 < manager.trim() <= 15
        assert manager.trim() == 0
        assert manager.count_active() == {"guest": 1}

    def test_managers_with_their_own_connections_see_the_same_sessions(self, place):
        one, other = manager_at(place), manager_at(place)
        made = one.create({"a": 1}, kind="watch")
        one.close()

        assert other.count_active() == {"watch": 1}
        assert other.update(made.session_id, {"b": 2}).context == {"a": 1, "b": 2}
        assert one.get(made.session_id).version == 2
        assert manager_at(place).end(made.session_id) is True

    def test_a_context_may_become_as_large_as_it_may_and_not_a_byte_larger(self, place):
        manager = manager_at(place, largest_bytes=20)
        made = manager.create({"é": "234567", "b": 1234})  # 2 + 8 and 1 + 4 bytes

        fits = manager.update(made.session_id, {"c": 1234})
        with pytest.raises(SessionPatchError, match="more bytes, and 20 is the most"):
            manager.update(made.session_id, {"c": 12345})

        assert manager.get(made.session_id) == fits
        assert manager.update(made.session_id, {"b": None, "c": 12345}).version == 3

    @pytest.mark.parametrize(
        ("patch", "words"),
        [
            ([1], "remembers values by name, not a value of type list"),
            (None, "not a value of type NoneType"),
            ("text", "not a value of type str"),
            ({1: 2}, "the name of a value must be 1 to 200 printable characters, not 1"),
            ({"": 2}, "not ''"),
            ({"a\x00": 2}, "printable"),
            ({"\ud800": 2}, "printable"),
            ({"a" * 201: 2}, "printable"),
            ({"a": float("nan")}, "the value of 'a' is no JSON"),
            ({"a": {1, 2}}, "a value of type set"),
            ({"a": "b" * 58}, "would have 61 bytes, and 60 is the most"),
        ],
        ids=[
            "list",
            "nothing",
            "text",
            "number as name",
            "no name",
            "zero",
            "surrogate",
            "long name",
            "nan",
            "set",
            "large",
        ],
    )
    def test_a_patch_that_no_session_can_take_is_refused_and_changes_nothing(self, place, patch, words):
        manager = manager_at(place)
        made = manager.create({"a": 1})

        with pytest.raises(SessionPatchError, match=words):
            manager.update(made.session_id, patch)

        assert manager.get(made.session_id) == made

    @pytest.mark.parametrize(
        "version", [2**70, -1, True, "1", 1.0, float("nan")], ids=["huge", "negative", "true", "text", "float", "nan"]
    )
    def test_a_version_that_no_answer_had_is_refused_and_changes_nothing(self, place, version):
        manager = manager_at(place)
        made = manager.create({"a": 1})

        with pytest.raises(SessionPatchError, match="an expected version is the number that an answer had"):
            manager.update(made.session_id, {"a": 2}, expected_version=version)

        assert manager.get(made.session_id) == made

    def test_a_value_may_be_nested_64_deep_and_no_deeper(self, place):
        def nested(levels):
            value: list[object] = []
            for _ in range(levels - 1):
                value = [value]
            return value

        manager = manager_at(place, largest_bytes=10_000)
        made = manager.create({"a": nested(64)})

        assert manager.get(made.session_id).context == {"a": nested(64)}
        for levels in (65, 3000):
            with pytest.raises(SessionPatchError, match="nested deeper than 64 levels"):
                manager.update(made.session_id, {"a": nested(levels)})
        assert manager.get(made.session_id).version == 1

    def test_a_manager_with_a_shorter_largest_age_brings_no_session_back(self, place):
        made = manager_at(place).create({"a": 1})
        place.advance(TTL_SECONDS / 2)
        strict = manager_at(place, ttl_seconds=1, max_age_seconds=TTL_SECONDS / 4)

        for use in (strict.touch, lambda name: strict.update(name, {"a": 2})):
            with pytest.raises(SessionExpiredError):
                use(made.session_id)
