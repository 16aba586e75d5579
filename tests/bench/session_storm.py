"""Several processes update one session at once: what is kept, how fast, beside what one would write instead.

Each way is asked for the same: every writer sets its own fields, again and again or each once, all in
one session. Kept are the fields that have their last value at the end. Limits and tables belong to `session_bench`.
"""

import json
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import redis

from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores.redis_sessions import RedisSessions
from reliability.resilience.stores.sqlite_sessions import SqliteSessions

_FORK: Final = multiprocessing.get_context("fork")
SESSION: Final = "storm"
_ROOM_BYTES: Final = 10_000_000
_BOUND_SECONDS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One connection of a way to keep a session.

    Attributes:
        begin: Makes the session.
        put: Sets one field; returns how often it had to try again.
        read: Returns the fields.
    """

    begin: Callable[[], object]
    put: Callable[[str, int], int]
    read: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a storm left.

    Attributes:
        asked: Updates that were answered without an error.
        fields: Fields that they set.
        kept: Those of them that have their last value at the end.
        retry_count: How often they were tried again.
        seconds: From the first to the last.
    """

    asked: int
    fields: int
    kept: int
    retry_count: int
    seconds: float

    @property
    def updates_per_second(self) -> float:
        """Updates answered in a second, of all writers."""
        return self.asked / self.seconds


def _ours(manager: SessionManager) -> Way:
    def put(name: str, value: int) -> int:
        manager.update(SESSION, {name: value})
        return 0

    return Way(begin=lambda: manager.create(session_id=SESSION), put=put, read=lambda: manager.get(SESSION).context)


def _sqlite(path: str, *, durable: bool) -> Way:
    return _ours(SessionManager(SqliteSessions(Path(path), durable=durable), largest_bytes=_ROOM_BYTES))


def _redis(url: str) -> Way:
    return _ours(SessionManager(RedisSessions(url), largest_bytes=_ROOM_BYTES))


def _sqlite_blob(path: str) -> Way:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS blob (id TEXT PRIMARY KEY, data TEXT)")

    def read() -> dict[str, Any]:
        (text,) = connection.execute("SELECT data FROM blob WHERE id = ?", (SESSION,)).fetchone()
        return dict(json.loads(text))

    def save(data: dict[str, Any]) -> None:
        connection.execute("INSERT OR REPLACE INTO blob VALUES (?, ?)", (SESSION, json.dumps(data)))

    def put(name: str, value: int) -> int:
        save(read() | {name: value})
        return 0

    return Way(begin=partial(save, {}), put=put, read=read)


def _redis_blob(url: str) -> Way:
    client: Any = redis.Redis.from_url(url)

    def put(name: str, value: int) -> int:
        data = json.loads(client.get(SESSION)) | {name: value}
        client.set(SESSION, json.dumps(data), ex=1800)
        return 0

    return Way(begin=lambda: client.set(SESSION, "{}"), put=put, read=lambda: dict(json.loads(client.get(SESSION))))


def _redis_watch(url: str) -> Way:
    client: Any = redis.Redis.from_url(url)

    def put(name: str, value: int) -> int:
        for tries in range(100_000):
            with client.pipeline() as pipe:
                try:
                    pipe.watch(SESSION)
                    data = json.loads(pipe.get(SESSION)) | {name: value}
                    pipe.multi()
                    pipe.set(SESSION, json.dumps(data), ex=1800)
                    pipe.execute()
                except redis.WatchError:
                    continue
                return tries
        raise RuntimeError("100,000 tries were not enough")

    return Way(begin=lambda: client.set(SESSION, "{}"), put=put, read=lambda: dict(json.loads(client.get(SESSION))))


WAYS: Final[Mapping[str, Callable[[str], Way]]] = {
    "SessionManager, SQLite": partial(_sqlite, durable=False),
    "SessionManager, SQLite, durable": partial(_sqlite, durable=True),
    "SessionManager, Redis": _redis,
    "SessionManager, Redis, durable": _redis,
    "load, modify, save; SQLite": _sqlite_blob,
    "load, modify, save; Redis": _redis_blob,
    "WATCH, MULTI; Redis": _redis_watch,
}


def storm(way: str, address: str, *, writers: int = 8, updates: int = 100, fields_each: int = 100) -> Outcome:
    """Let processes update one session at once.

    Args:
        way: One of `WAYS`.
        address: The file, or the address of a Redis.
        writers: How many processes.
        updates: How many updates each of them makes.
        fields_each: How many fields each of them sets in turn.

    Returns:
        What the storm left.

    Raises:
        RuntimeError: A writer did not come to its end.
    """
    opened = partial(WAYS[way], address)
    kept = opened()
    kept.begin()
    plans = [[(f"{number}-{step % fields_each}", step) for step in range(updates)] for number in range(writers)]
    barrier, answers = _FORK.Barrier(writers), _FORK.Queue()
    processes = [_FORK.Process(target=_write, args=(opened, plan, barrier, answers)) for plan in plans]
    for process in processes:
        process.start()
    results = [answers.get(timeout=_BOUND_SECONDS) for _ in processes]
    for process in processes:
        process.join(_BOUND_SECONDS)
    if errors := [result for result in results if isinstance(result, str)]:
        raise RuntimeError(f"a writer failed: {errors[0]}")
    wanted, found = {name: value for plan in plans for name, value in plan}, kept.read()
    return Outcome(
        asked=writers * updates,
        fields=len(wanted),
        kept=sum(found.get(name) == value for name, value in wanted.items()),
        retry_count=sum(retries for _, _, retries in results),
        seconds=max(end for _, end, _ in results) - min(start for start, _, _ in results),
    )


def _write(opened: Callable[[], Way], plan: list[tuple[str, int]], barrier: Any, answers: Any) -> None:
    """Write as one process of a storm; tell the start, the end and the tries, or what went wrong."""
    try:
        put = opened().put
        barrier.wait(_BOUND_SECONDS)
        start = time.monotonic()
        retries = sum(put(name, value) for name, value in plan)
        answers.put((start, time.monotonic(), retries))
    except BaseException as err:
        barrier.abort()
        answers.put(repr(err))
        raise
