"""Locks in storms of processes, beside what one would write instead, and beside three broken ways.

Run from the root of the project:
`python -m tests.bench.lock_bench [--seconds 10] [--processes 8] [--postgres-variable NAME]`.

With 60 seconds it is the long storm. The environment variable may hold the address of a PostgreSQL whose
schema `lock_bench` is made anew; without it the bench starts one, and where none is installed it says so.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from reliability.resilience.lock_service import LockService
from reliability.resilience.stores.postgres_leases import PostgresLeases
from reliability.resilience.stores.sqlite_leases import SqliteLeases
from tests.bench.lock_controls import (
    PostgresExcludeAndCatch,
    PostgresNotExists,
    SqliteDeferred,
    SqlitePlainInsert,
    SqliteSelectThenInsert,
    make_postgres_control,
)
from tests.bench.lock_storm import ExtendingWay, ServiceWay, Tally, Way, double_bookings, inversions, storm
from tests.servers import postgres_programs, running_postgres

GRANTS_PER_SECOND = 80
ATTEMPTS_PER_SECOND = 300
TIMES_EXCLUDE_AND_CATCH = 25
_MILLISECONDS = 1000

_ROOMY: Final = {"resources": 4, "hours": 2000}  # hardly anything is refused: what a grant costs

Run = Callable[..., Tally]


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description="Locks in storms of processes.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--postgres-variable", default="RELIABILITY_BENCH_POSTGRES")
    options = parser.parse_args(arguments)

    def run(name: str, make: Callable[[], Way], **shape: int) -> Tally:
        seen = storm(make, seconds=options.seconds, processes=options.processes, **shape)
        _say(_line(name, seen))
        return seen

    goals = list(_sqlite(run))
    with _postgres_address(options.postgres_variable) as address:
        goals += [("PostgreSQL was measured", False)] if address is None else _postgres(run, address)
    for words, met in goals:
        _say(f"{'reached' if met else 'MISSED '}  {words}")
    return 0 if all(met for _, met in goals) else 1


@contextmanager
def _postgres_address(variable: str) -> Iterator[str | None]:
    given, programs = os.environ.get(variable), postgres_programs()
    if given is not None or programs is None:
        yield given
    else:
        with running_postgres(programs) as server:
            yield server.url


def _sqlite(run: Run) -> Iterator[tuple[str, bool]]:
    with tempfile.TemporaryDirectory(dir="outputs" if Path("outputs").is_dir() else None) as folder:
        path = Path(folder)
        ours = run("SQLite: lock service", lambda: ServiceWay(LockService(SqliteLeases(path / "ours"))))
        roomy = run(
            "SQLite: the same, with room", lambda: ServiceWay(LockService(SqliteLeases(path / "roomy"))), **_ROOMY
        )
        plain = run("SQLite: plain durable inserts", lambda: SqlitePlainInsert(path / "plain"), **_ROOMY)
        longer = run("SQLite: extended, expiring", lambda: ExtendingWay(LockService(SqliteLeases(path / "longer"))))
        select = run("SQLite: BROKEN select, insert", lambda: SqliteSelectThenInsert(path / "select"))
        deferred = run("SQLite: BROKEN deferred BEGIN", lambda: SqliteDeferred(path / "deferred"))
    rate = len(roomy.holdings) / roomy.seconds
    share = rate / (len(plain.holdings) / plain.seconds)
    yield (
        f"SQLite grants {rate:.0f}/s durably, goal {GRANTS_PER_SECOND}; {share:.2f} of plain inserts",
        rate >= GRANTS_PER_SECOND,
    )
    yield from _safe("SQLite", ours)
    yield from _safe("SQLite with room", roomy)
    yield from _safe("SQLite with extensions", longer, allowed=_REFUSALS)
    yield "the storm finds the broken select and insert", double_bookings(select.holdings) > 0
    yield "the storm finds the broken deferred BEGIN", deferred.errors["OperationalError"] > 0


def _postgres(run: Run, address: str) -> Iterator[tuple[str, bool]]:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS lock_bench CASCADE; CREATE SCHEMA lock_bench")
    url = f"{address}{'&' if '?' in address else '?'}options=-csearch_path%3Dlock_bench"
    ours = run("PostgreSQL: lock service", lambda: ServiceWay(LockService(PostgresLeases(url))))
    longer = run("PostgreSQL: extended, expiring", lambda: ExtendingWay(LockService(PostgresLeases(url))))
    make_postgres_control(url, exclude=True)
    caught = run("PostgreSQL: EXCLUDE and catch", lambda: PostgresExcludeAndCatch(url))
    make_postgres_control(url, exclude=False)
    broken = run("PostgreSQL: BROKEN NOT EXISTS", lambda: PostgresNotExists(url))
    rate = ours.attempts / ours.seconds
    times = rate / (caught.attempts / caught.seconds)
    yield (
        f"PostgreSQL's hot spot takes {rate:.0f} attempts/s, goal {ATTEMPTS_PER_SECOND}",
        rate >= ATTEMPTS_PER_SECOND,
    )
    yield (
        f"that is {times:.0f} times EXCLUDE and catch, goal {TIMES_EXCLUDE_AND_CATCH}",
        times >= TIMES_EXCLUDE_AND_CATCH,
    )
    yield from _safe("PostgreSQL", ours)
    yield from _safe("PostgreSQL with extensions", longer, allowed=_REFUSALS)
    yield "the storm finds the broken NOT EXISTS", double_bookings(broken.holdings) > 0


_REFUSALS = frozenset({"MaxExtensionsError", "LeaseExpiredError", "NotHolderError"})


def _safe(name: str, seen: Tally, *, allowed: frozenset[str] = frozenset()) -> Iterator[tuple[str, bool]]:
    twice, reversed_ = double_bookings(seen.holdings), inversions(seen.holdings)
    failed = {what: count for what, count in seen.errors.items() if what not in allowed}
    yield f"{name}: {twice} double bookings in {seen.attempts} attempts", twice == 0
    yield f"{name}: {reversed_} inversions of tokens", reversed_ == 0
    yield f"{name}: deadlocks and other failures: {failed or 'none'}", not failed


def _line(name: str, seen: Tally) -> str:
    waits = [wait * _MILLISECONDS for wait in seen.waits] or [0.0, 0.0]
    p95 = statistics.quantiles(waits, n=20)[-1]
    return (
        f"{name:31} {seen.attempts / seen.seconds:7.0f} attempts/s {len(seen.holdings) / seen.seconds:7.0f} grants/s, "
        f"p95 {p95:7.1f} ms, longest {max(waits):6.0f} ms, {double_bookings(seen.holdings):5} double, "
        f"{inversions(seen.holdings):4} inverted, errors {dict(seen.errors) or 'none'}"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
