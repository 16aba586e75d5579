"""What only sessions in SQLite promise; the rest is in the suite of all stores."""

import contextlib
import sqlite3

import pytest

from reliability.errors import BackendBrokenError
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.stores import sqlite_sessions
from reliability.resilience.stores.sqlite_sessions import SqliteSessions
from tests.unit.resilience.session_contract import TTL_SECONDS, SqlitePlace, manager_at


@pytest.mark.requirement("RES-SES-03")
def test_sessions_are_counted_from_the_index_of_expiry_alone(tmp_path):
    manager_at(SqlitePlace(tmp_path / "a.sqlite3")).create()

    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sqlite_sessions._COUNT}", {"now_us": 0}).fetchall()

    assert "USING COVERING INDEX reliability_session_by_expiry (expires_us>?)" in plan[0][3]
    connection.close()


def test_each_new_session_takes_ten_dead_ones_away(tmp_path):
    place = SqlitePlace(tmp_path / "a.sqlite3")
    manager = manager_at(place)
    for _ in range(15):
        manager.create()
    place.advance(TTL_SECONDS)

    manager.create()

    assert manager.trim() == 5
    assert manager.count_active() == {"guest": 1}


def test_a_touch_with_little_to_gain_waits_for_no_writer(tmp_path):
    place = SqlitePlace(tmp_path / "a.sqlite3")
    manager = manager_at(place, touch_step_seconds=100)
    made = manager.create()
    writer = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    assert manager.touch(made.session_id) == manager.get(made.session_id) == made
    assert manager.count_active() == {"guest": 1}
    writer.close()


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)], ids=["full", "normal"])
def test_a_durable_store_has_each_change_on_the_disk_before_it_answers(tmp_path, durable, synchronous):
    store = SqliteSessions(tmp_path / "a.sqlite3", durable=durable)

    with store._database.read() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)


def test_a_damaged_file_is_told_and_not_taken_for_an_empty_one(tmp_path):
    (tmp_path / "a.sqlite3").write_bytes(b"no database" * 100)

    with pytest.raises(BackendBrokenError, match=r"a\.sqlite3: it is no SQLite database"):
        SqliteSessions(tmp_path / "a.sqlite3")


def test_sessions_are_there_when_the_file_is_opened_again(tmp_path):
    made = SessionManager(SqliteSessions(tmp_path / "a.sqlite3")).create({"step": 3}, kind="watch")

    assert SessionManager(SqliteSessions(tmp_path / "a.sqlite3")).get(made.session_id) == made


def test_a_full_disk_is_told_and_nothing_is_lost_or_half_written(tmp_path):
    store = SqliteSessions(tmp_path / "a.sqlite3")
    manager = SessionManager(store)
    made = manager.create({"a": 1})
    with store._database.read() as connection:
        connection.execute("PRAGMA max_page_count = 1")  # it may not grow any more

    with pytest.raises(BackendBrokenError, match="the disk is full"):
        manager.update(made.session_id, {"b": "x" * 60_000})

    assert manager.get(made.session_id) == made
    assert manager.update(made.session_id, {"b": 2}).context == {"a": 1, "b": 2}


@pytest.mark.parametrize("context", ["{", '{"a": 1}', '{"a": "{"}', "[]", "null"], ids=repr)
def test_a_context_that_somebody_else_damaged_is_told_and_not_repeated(tmp_path, context):
    manager = manager_at(SqlitePlace(tmp_path / "a.sqlite3"))
    made = manager.create({"a": "hunter2"})
    with contextlib.closing(sqlite3.connect(tmp_path / "a.sqlite3")) as connection, connection:
        connection.execute("UPDATE reliability_session SET context = ?", (context,))

    for ask in (manager.get, manager.touch, lambda name: manager.update(name, {"b": 1})):
        with pytest.raises(BackendBrokenError):
            ask(made.session_id)
    assert manager.count_active() == {"guest": 1}
    assert manager.end(made.session_id)
