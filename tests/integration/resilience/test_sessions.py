"""Sessions in a real Redis, and of several processes: storms, a killed watch, servers that go away."""

import itertools
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import redis

from reliability.errors import BackendBrokenError, BackendError, BackendUnavailableError, SessionExpiredError
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores.addresses import open_session_manager
from reliability.resilience.stores.redis_sessions import RedisSessions
from tests.bench.session_storm import SESSION, storm
from tests.unit.resilience.session_contract import RedisPlace, SessionContract

pytestmark = pytest.mark.integration
BOUND_SECONDS = 20

# a watch that says which step it has written down
WATCH = """
import itertools, sys
from reliability.resilience.stores.addresses import open_session_manager
sessions = open_session_manager(sys.argv[1])
sessions.create({"release": "2.3.0", "step": 0}, kind="watch", session_id="watch-1")
for step in itertools.count(1):
    sessions.update("watch-1", {"step": step, "seen": [step, {"p95": 0.1}]})
    print(step, flush=True)
"""


@pytest.fixture
def client(redis_server) -> Any:
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(params=["sqlite", "redis"])
def address(request, tmp_path) -> str:
    if request.param == "redis":
        request.getfixturevalue("client")
        return str(request.getfixturevalue("redis_server").url)
    return f"sqlite:///{tmp_path}/state.sqlite3"


@contextmanager
def setting(client: Any, **values: str) -> Iterator[None]:
    before = {name: client.config_get(name)[name] for name in values}
    for name, value in values.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


def update_until(done: threading.Event, manager: SessionManager, versions: list[int], errors: list[Any]) -> None:
    while not done.is_set():
        try:
            versions.append(manager.update("ana", {"count": len(versions)}).version)
        except BackendError as err:
            errors.append(err)


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + BOUND_SECONDS
    while not is_so():
        assert time.monotonic() < deadline


class TestInRedis(SessionContract):
    @pytest.fixture
    def new_place(self, client, redis_server):
        def make():
            client.flushall()
            return RedisPlace(lambda: client)

        return make

    @pytest.fixture
    def place(self, new_place):
        return new_place()


@pytest.mark.requirement("RES-SES-01")
def test_of_800_updates_by_eight_processes_at_once_800_are_kept(address):
    way = "SessionManager, Redis" if address.startswith("redis") else "SessionManager, SQLite"

    outcome = storm(way, address.removeprefix("sqlite:///"), writers=8, updates=100)

    assert (outcome.asked, outcome.kept) == (800, 800)
    assert open_session_manager(address).get(SESSION).version == 801


@pytest.mark.requirement("RES-SES-01")
@pytest.mark.requirement("RES-SES-02")
@pytest.mark.requirement("RES-SES-03")
def test_a_killed_watch_goes_on_elsewhere_with_its_context_and_a_dead_one_expires(address):
    with subprocess.Popen([sys.executable, "-c", WATCH, address], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        said = [int(line) for line in itertools.islice(watch.stdout, 20)]
        watch.send_signal(signal.SIGKILL)
        said += [int(line) for line in watch.stdout if line.endswith("\n")]

    heir = open_session_manager(address, ttl_seconds=0.3)
    found = heir.get("watch-1")
    resumed = heir.update("watch-1", {"by": "heir"}, expected_version=found.version)

    assert found.context["step"] in (said[-1], said[-1] + 1)  # the last one was written, or written and not said
    assert found.version == found.context["step"] + 1
    assert resumed.context == {**found.context, "by": "heir"}
    assert resumed.context["seen"] == [found.context["step"], {"p95": 0.1}]

    ended = time.monotonic() + 0.3
    while heir.count_active():
        assert time.monotonic() < ended + 0.1
    with pytest.raises(SessionExpiredError):
        heir.update("watch-1", {"step": 0})
    assert heir.create(session_id="watch-1").context == {}


def test_a_redis_that_goes_away_under_updates_and_comes_back_has_lost_none_of_them(client, redis_server):
    manager = SessionManager(RedisSessions(redis_server.url))
    versions = [manager.create(session_id="ana").version]
    errors: list[BackendError] = []
    done = threading.Event()
    update_for_ever = partial(update_until, done, manager, versions, errors)

    with setting(client, save="3600 1"), ThreadPoolExecutor(1) as thread:  # it saves what it has when it stops
        updates = thread.submit(update_for_ever)
        try:
            until(lambda: len(versions) > 5)
            redis_server.stop()
            until(lambda: errors)
            before = versions[-1]
            redis_server.start()
            until(lambda: versions[-1] > before + 5)
        finally:
            done.set()
            updates.result(BOUND_SECONDS)

    assert {type(err) for err in errors} == {BackendUnavailableError}
    assert versions == sorted(set(versions))
    behind = versions[versions.index(before) + 1]
    assert behind in (before + 1, before + 2)  # one may have been done, though its answer was lost
    assert manager.get("ana").version == versions[-1]


def test_a_server_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0?socket_timeout=0.2"
        start = time.monotonic()

        with pytest.raises(BackendUnavailableError, match="did not answer"):
            SessionManager(RedisSessions(url)).create()

    assert time.monotonic() - start < 2


def test_a_wrong_password_is_told_and_not_repeated(client, redis_server):
    url = redis_server.url.replace("redis://", "redis://:hunter2@")
    with setting(client, requirepass="right"):
        with pytest.raises(BackendBrokenError, match="does not let this user in") as caught:
            SessionManager(RedisSessions(url)).create()
        client.execute_command("AUTH", "right")

    assert "hunter2" not in str(caught.value)


def test_a_full_redis_refuses_and_changes_nothing(client, redis_server):
    manager = SessionManager(RedisSessions(redis_server.url))
    made = manager.create({"a": 1})
    with setting(client, maxmemory="1"):
        with pytest.raises(BackendBrokenError, match="see its memory"):
            manager.update(made.session_id, {"a": 2})
        with pytest.raises(BackendBrokenError, match="see its memory"):
            manager.create(kind="watch")

    assert manager.get(made.session_id) == made
    assert manager.count_active() == {"guest": 1}


def test_a_replica_refuses_to_write_and_tells_the_sessions_that_it_has(client, redis_server):
    manager = SessionManager(RedisSessions(redis_server.url))
    made = manager.create({"a": 1})
    client.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(BackendBrokenError, match=r"refused \(ReadOnlyError\).* whether it is a replica"):
            manager.update(made.session_id, {"a": 2})
        assert manager.get(made.session_id) == made
    finally:
        client.replicaof("no", "one")
