"""What only sessions in Redis promise, by a Redis that runs in this process; the rest is in the suite of all stores."""

import traceback

import fakeredis
import pytest
import redis

from reliability.errors import BackendBrokenError, BackendBusyError, BackendUnavailableError, SettingsError
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores.redis_sessions import RedisSessions
from tests.unit.resilience.session_contract import TTL_SECONDS, RedisPlace, manager_at


@pytest.fixture
def server():
    return fakeredis.FakeServer()


@pytest.fixture
def client(server):
    return fakeredis.FakeRedis(server=server, decode_responses=True)


def test_each_new_session_takes_ten_dead_ones_out_of_the_index(client):
    place = RedisPlace(lambda: client)
    manager = manager_at(place)
    for _ in range(15):
        manager.create()
    place.advance(TTL_SECONDS)

    manager.create()

    assert manager.trim() == 5


def test_a_session_whose_end_redis_has_not_seen_yet_is_over_and_its_id_may_be_taken_again(client):
    manager = manager_at(RedisPlace(lambda: client))
    manager.create({"old": 1}, kind="watch", session_id="ana")
    (key,) = client.keys("*:session:ana")
    client.hset(key, "expires_us", 1)
    client.zadd("{reliability-session:1}:expiry:watch", {"ana": 1})

    other = manager_at(RedisPlace(lambda: client))  # it does not know the kind of the old one yet
    assert other.end("ana") is False
    assert other.create({"new": 1}, session_id="ana").context == {"new": 1}
    assert other.count_active() == {"guest": 1}
    assert other.trim() == 0


def test_a_session_that_redis_evicted_and_that_is_made_again_in_another_kind_counts_once(client):
    manager_at(RedisPlace(lambda: client)).create(kind="watch", session_id="ana")
    client.delete(*client.keys("*:ana"))

    manager = manager_at(RedisPlace(lambda: client))
    manager.create(session_id="ana")

    assert manager.count_active() == {"guest": 1}


def test_sessions_of_another_namespace_are_neither_seen_nor_counted(client):
    here, there = (SessionManager(RedisSessions("", client=client, namespace=name)) for name in ("here", "there"))
    here.create({"a": 1}, session_id="ana")

    there.create({"b": 2}, session_id="ana")

    assert here.get("ana").context == {"a": 1}
    assert here.count_active() == there.count_active() == {"guest": 1}
    assert {key.partition("}")[0] for key in client.keys("*")} == {
        "{reliability-session:1:here", "{reliability-session:1:there",
    }  # fmt: skip


def test_a_server_that_forgot_the_scripts_is_told_them_again(client):
    manager = manager_at(RedisPlace(lambda: client))
    made = manager.create()
    client.script_flush()

    assert manager.update(made.session_id, {"a": 1}).version == 2


def test_all_keys_of_a_call_lie_in_one_slot_of_a_cluster_and_are_told_to_it(client):
    manager = manager_at(RedisPlace(lambda: client))
    manager.create({"a": 1}, session_id="ana {b}")

    assert sorted(client.keys("*")) == [
        "{reliability-session:1}:context:ana {b}",
        "{reliability-session:1}:expiry:guest",
        "{reliability-session:1}:kinds",
        "{reliability-session:1}:session:ana {b}",
    ]


def test_redis_removes_what_expired_sessions_left_by_itself_but_not_a_millisecond_early(client):
    made = manager_at(RedisPlace(lambda: client)).create({"a": 1}, session_id="ana")

    ends_ms = {client.pexpiretime(f"{{reliability-session:1}}:{part}:ana") for part in ("session", "context")}

    assert 0 < ends_ms.pop() - made.expires_at.timestamp() * 1000 <= 1
    assert not ends_ms


def test_a_redis_that_went_away_is_told_with_its_place_and_works_again_when_it_is_back(server, client):
    manager = manager_at(RedisPlace(lambda: client))
    made = manager.create()
    server.connected = False

    with pytest.raises(BackendUnavailableError, match=r"Redis at .*, database 0 did not answer .*ask again"):
        manager.update(made.session_id, {"a": 1})

    server.connected = True
    assert manager.get(made.session_id) == made


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            redis.exceptions.AuthenticationError("invalid username-password pair"),
            BackendBrokenError,
            "let this user in",
        ),
        (redis.exceptions.NoPermissionError("no permissions"), BackendBrokenError, "see its name, password and rights"),
        (redis.exceptions.TimeoutError("Timeout"), BackendUnavailableError, r"did not answer \(TimeoutError\)"),
        (redis.exceptions.ConnectionError("hunter2"), BackendUnavailableError, "The call may have been done"),
        (redis.exceptions.ResponseError("BUSY Redis is busy"), BackendBusyError, "somebody's script; ask again"),
        (redis.exceptions.ResponseError("MISCONF hunter2"), BackendBrokenError, r"refused \(MISCONF\): .*its disk"),
        (
            redis.exceptions.OutOfMemoryError("hunter2"),
            BackendBrokenError,
            r"refused \(OutOfMemoryError\): see its memory",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_redis_says_becomes_a_typed_error_without_its_words(monkeypatch, client, answer, error, words):
    manager = manager_at(RedisPlace(lambda: client))

    def refuse(*arguments: object) -> None:
        raise answer

    monkeypatch.setattr(client, "evalsha", refuse)

    with pytest.raises(error, match=words) as caught:
        manager.count_active()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://:hunter2@host", "redis://:hunter2/x@host:6379/0", "redis://:hunter2@host/0?no_such_option=1"],
    ids=["scheme", "slash in the password", "option"],
)
def test_a_wrong_address_is_refused_and_neither_the_error_nor_its_cause_repeats_it(url):
    with pytest.raises(SettingsError, match="an address of Redis cannot be understood") as caught:
        RedisSessions(url)

    assert "hunter2" not in "".join(traceback.format_exception(caught.value, chain=True))


def test_an_address_names_the_place_but_not_the_password_and_nothing_is_sent_twice():
    store = RedisSessions("redis://ana:hunter2@127.0.0.1:1/3?socket_timeout=0.5")

    with pytest.raises(BackendUnavailableError, match=r"Redis at 127\.0\.0\.1:1, database 3 did not") as caught:
        SessionManager(store).create()

    kwargs = store._client.connection_pool.connection_kwargs
    assert (kwargs["socket_timeout"], kwargs["socket_connect_timeout"], kwargs["decode_responses"]) == (0.5, 5.0, True)
    assert kwargs["retry"]._retries == 0
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["{", b"\xff"], ids=["no json", "no text"])
def test_a_value_that_somebody_else_damaged_is_told_and_not_repeated(client, server, value):
    manager = manager_at(RedisPlace(lambda: client))
    made = manager.create({"a": "hunter2"})
    fakeredis.FakeRedis(server=server).hset(f"{{reliability-session:1}}:context:{made.session_id}", "b", value)

    with pytest.raises(BackendBrokenError, match="end that session") as caught:
        manager.get(made.session_id)

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert manager.end(made.session_id)
