import fakeredis
import pytest
import redis

from reliability.errors import SettingsError, StagingError
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores.redis_sessions import RedisSessions
from reliability.staging import redis_server
from reliability.staging.redis_server import ask_durability, forget_sessions

NOBODY_LISTENS = "redis://:hush@127.0.0.1:1/0"
BOTH = pytest.mark.parametrize("asked", [ask_durability, lambda url: forget_sessions(url, "x")], ids=["ask", "forget"])


class Configured:
    """A Redis that tells its settings, or refuses to."""

    def __init__(self, told):
        self._told = told

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def config_get(self, *_names):
        if self._told is None:
            raise redis.exceptions.NoPermissionError("this user has no permissions to run the 'config' command")
        return self._told


@pytest.mark.parametrize(
    ("told", "durability"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, "each-write"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "each-second"),
        ({"appendonly": "yes", "appendfsync": "no"}, "none"),
        ({"appendonly": "no", "appendfsync": "always"}, "none"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
    ids=["always", "everysec", "no-fsync", "no-log", "nothing-told", "not-allowed"],
)
def test_a_server_is_asked_what_a_crash_may_lose(monkeypatch, told, durability):
    monkeypatch.setattr(redis_server, "redis_client", lambda _url: Configured(told))

    assert ask_durability("redis://h") == durability


def test_sessions_of_one_namespace_are_forgotten_and_those_of_others_kept(monkeypatch):
    client = fakeredis.FakeRedis(decode_responses=True)
    monkeypatch.setattr(redis_server, "redis_client", lambda _url: client)
    arms = {arm: SessionManager(RedisSessions("", client=client, namespace=arm)) for arm in ("canary", "canary-2")}
    for manager in arms.values():
        manager.create()

    forget_sessions("redis://h", "canary")

    assert {arm: manager.count_active() for arm, manager in arms.items()} == {"canary": {}, "canary-2": {"guest": 1}}


@BOTH
def test_a_server_where_nobody_listens_is_said_at_once_without_its_address(asked):
    with pytest.raises(StagingError, match="see that it runs") as refused:
        asked(NOBODY_LISTENS)

    assert "hush" not in str(refused.value)


@BOTH
def test_an_address_that_cannot_be_read_is_refused_without_it(asked):
    with pytest.raises(SettingsError) as refused:
        asked("redis://:hush/x@h:6379/0")

    assert "hush" not in str(refused.value)
