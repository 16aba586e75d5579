"""Sessions beside what one would write instead: what is kept, how fast, and whether the count is true.

Run from the root of the project: `python -m tests.bench.session_bench [--updates 500]`. Without a
redis-server on the machine, SQLite alone is measured, and it says so: that is no pass. Absolute
figures are of this machine and its load; compare rows.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import redis

from reliability.clock import SystemClock
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores.redis_sessions import RedisSessions
from reliability.resilience.stores.sqlite_sessions import SqliteSessions
from tests.bench.session_storm import WAYS, Outcome, storm
from tests.servers import running_redis

_GOAL_PER_SECOND: Final = 2000
_OURS: Final = "SessionManager"
_DURABLE: Final = "durable"  # bound by the disk: its speed is printed, and no goal
_SHORT_SECONDS: Final = 0.5
_LIVING: Final = 5000


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and return 1 when a goal is missed, 4 when a part could not be measured."""
    parser = argparse.ArgumentParser(description="Sessions in storms of eight processes.")
    parser.add_argument("--updates", type=int, default=500, help="updates of each process where speed is measured")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        has_redis = shutil.which("redis-server") is not None
        url = stack.enter_context(running_redis()).url if has_redis else ""
        missed = _storms(url, updates=options.updates) + _counts(url)
    for text in missed:
        _say(f"MISSED: {text}")
    if not has_redis:
        _say("NOT MEASURED: Redis; install it with: make test-deps")
    return 1 if missed else 0 if has_redis else 4


def _storms(url: str, *, updates: int) -> list[str]:
    missed = []
    _say("8 processes update one session at once          kept of 800    updates/s, 40 fields    tried again")
    for way in WAYS:
        if "Redis" in way and not url:
            continue
        every, speed = _storm(way, url, updates=100, each=100), _storm(way, url, updates=updates, each=5)
        rate = speed.updates_per_second
        _say(f"{way:47} {every.kept:12} {rate:22,.0f} {every.retry_count + speed.retry_count:14}")
        if way.startswith(_OURS):
            if every.kept < every.fields or speed.kept < speed.fields:
                missed.append(f"{way} kept {every.kept} of {every.fields} and {speed.kept} of {speed.fields}")
            if rate < _GOAL_PER_SECOND and _DURABLE not in way:
                missed.append(f"{way} did {rate:,.0f} updates/s, and {_GOAL_PER_SECOND:,} is the goal")
    return missed


def _storm(way: str, url: str, *, updates: int, each: int) -> Outcome:
    if "Redis" in way:
        client = _client(url)
        client.flushdb()
        client.config_set("appendonly", "yes" if _DURABLE in way else "no")
        return storm(way, url, updates=updates, fields_each=each)
    with tempfile.TemporaryDirectory() as folder:
        return storm(way, f"{folder}/sessions.sqlite3", updates=updates, fields_each=each)


def _counts(url: str) -> list[str]:
    """Compare the count with the truth at the moment at which the last of half of the sessions ends."""
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        stores: Mapping[str, Any] = {"SQLite": SqliteSessions(Path(folder, "sessions.sqlite3"))}
        if url:
            _client(url).flushdb()
            stores = {**stores, "Redis": RedisSessions(url)}
        for name, store in stores.items():
            living, dying = SessionManager(store), SessionManager(store, ttl_seconds=_SHORT_SECONDS)
            for _ in range(_LIVING):
                living.create()
            for _ in range(_LIVING):
                last = dying.create()
            while SystemClock().now() <= last.expires_at:
                pass
            start = time.perf_counter()
            count = living.count_active()["guest"]
            micros = (time.perf_counter() - start) * 1e6
            _say(f"{name}: {_LIVING} sessions live, {_LIVING} have ended: counted {count}; {micros:,.0f} us")
            if count != _LIVING:
                missed.append(f"{name} counted {count} of {_LIVING} living sessions")
            store.close()
    return missed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _client(url: str) -> Any:
    return redis.Redis.from_url(url)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
