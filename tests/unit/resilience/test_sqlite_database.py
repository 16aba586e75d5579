"""One file for several threads, processes and components: nobody is overtaken, nothing is half done."""

import multiprocessing
import os
import resource
import sqlite3
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from reliability.errors import BackendBrokenError, BackendBusyError
from reliability.resilience.stores.sqlite_database import _TURNS, SqliteDatabase, _Turns

TABLE = "CREATE TABLE notes (text TEXT)"


def open_notes(path, **options):
    options = {"component": "notes", "migrations": [TABLE], "durable": True, **options}
    return SqliteDatabase(path, **options)


@pytest.fixture
def notes(tmp_path):
    with closing(open_notes(tmp_path / "notes.sqlite3", busy_seconds=0.05)) as database:
        yield database


@pytest.fixture
def other_program(notes, tmp_path):
    """A connection that is not ours."""
    with closing(sqlite3.connect(tmp_path / "notes.sqlite3", isolation_level=None)) as connection:
        yield connection


def write(database, text):
    with database.write() as connection:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))


def write_and_leave(database, text):
    with closing(database):
        write(database, text)


def texts(database):
    with database.read() as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]


def test_what_was_written_is_read_by_others(notes, tmp_path):
    write(notes, "one")

    with closing(open_notes(tmp_path / "notes.sqlite3")) as again:
        assert texts(again) == ["one"]


def test_an_exception_undoes_what_was_written(notes):
    def fail():
        with notes.write() as connection:
            connection.execute("INSERT INTO notes VALUES ('lost')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    write(notes, "kept")
    assert texts(notes) == ["kept"]


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)], ids=["FULL", "NORMAL"])
def test_durable_means_on_the_disk_before_the_answer(tmp_path, durable, synchronous):
    with closing(open_notes(tmp_path / "notes.sqlite3", durable=durable)) as database, database.read() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_reader_is_not_blocked_by_a_writer(notes, other_program):
    write(notes, "before")
    other_program.execute("BEGIN IMMEDIATE")
    other_program.execute("INSERT INTO notes VALUES ('not yet')")

    assert texts(notes) == ["before"]


def test_a_file_that_others_hold_too_long_is_busy_and_later_is_not(notes, other_program):
    other_program.execute("BEGIN IMMEDIATE")

    with pytest.raises(BackendBusyError, match=r"notes\.sqlite3 for longer than 0\.05 s: ask again"):
        write(notes, "refused")

    other_program.execute("ROLLBACK")
    write(notes, "granted")
    assert texts(notes) == ["granted"]


def test_a_writer_waits_for_another_program(tmp_path, notes, other_program):
    patient = open_notes(tmp_path / "notes.sqlite3")
    other_program.execute("BEGIN IMMEDIATE")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(write_and_leave, patient, "waited")
        other_program.execute("COMMIT")
        waiting.result(timeout=10)

    assert texts(patient) == ["waited"]
    patient.close()


def test_threads_write_in_the_order_in_which_they_came(tmp_path):
    database = open_notes(tmp_path / "notes.sqlite3")
    threads = [threading.Thread(target=write_and_leave, args=(database, str(number))) for number in range(6)]

    with database.write():
        for thread in threads:
            thread.start()
            while not thread_waits(tmp_path, count=threads.index(thread) + 1):
                pass
    for thread in threads:
        thread.join(timeout=10)

    assert texts(database) == ["0", "1", "2", "3", "4", "5"]
    database.close()


def thread_waits(tmp_path, *, count):
    turns = _TURNS[os.getpid(), (tmp_path / "notes.sqlite3").resolve()]
    return len(turns._waiting) >= count


def test_a_turn_that_was_handed_over_in_the_last_instant_is_no_longer_left():
    turns = _Turns()
    waiting = threading.Lock()
    turns._waiting.append(waiting)

    assert [turns._leave(waiting), turns._leave(waiting)] == [True, False]


def test_a_thread_that_waits_too_long_leaves_the_queue(notes):
    def refused():
        with pytest.raises(BackendBusyError):
            write(notes, "refused")

    with notes.write(), ThreadPoolExecutor(1) as pool:
        pool.submit(refused).result(timeout=10)

    write(notes, "granted")
    assert texts(notes) == ["granted"]


def test_a_program_comes_on_with_the_migrations_that_it_lacks(tmp_path):
    path = tmp_path / "notes.sqlite3"
    with closing(open_notes(path)) as old:
        write(old, "old")
    second = ("ALTER TABLE notes ADD COLUMN author TEXT DEFAULT 'ana'", "CREATE INDEX by_author ON notes (author)")

    with closing(open_notes(path, migrations=[TABLE, second])) as new, new.read() as connection:
        assert connection.execute("SELECT * FROM notes").fetchall() == [("old", "ana")]
        assert connection.execute("SELECT * FROM reliability_schema").fetchall() == [("notes", 2)]


def test_components_share_a_file(notes, tmp_path):
    with closing(
        open_notes(tmp_path / "notes.sqlite3", component="other", migrations=["CREATE TABLE other (a)"])
    ) as other:
        write(notes, "one")
        assert texts(other) == ["one"]


def test_a_migration_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "notes.sqlite3"

    with pytest.raises(BackendBrokenError, match="OperationalError"):
        open_notes(path, migrations=[TABLE, ("CREATE TABLE half (a)", "CREATE TABEL")])

    with closing(open_notes(path)) as database, database.read() as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone() == (0,)


def test_a_file_of_a_newer_program_is_left_alone(notes, tmp_path):
    with pytest.raises(BackendBrokenError, match="holds 'notes' in version 1, and this program knows up to 0: use"):
        open_notes(tmp_path / "notes.sqlite3", migrations=[])


def test_starters_at_once_make_the_tables_once(tmp_path):
    barrier = threading.Barrier(6)

    def start(_number):
        barrier.wait(timeout=10)
        with closing(open_notes(tmp_path / "notes.sqlite3")) as database:
            write(database, "here")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))

    with closing(open_notes(tmp_path / "notes.sqlite3")) as database:
        assert texts(database) == ["here"] * 6


def test_what_is_no_database_is_said_with_its_cure(tmp_path):
    path = tmp_path / "notes.sqlite3"
    path.write_bytes(b"hello " * 1000)

    with pytest.raises(BackendBrokenError, match=r"notes\.sqlite3: it is no SQLite database: name another file"):
        open_notes(path)

    assert path.read_bytes() == b"hello " * 1000


def test_a_damaged_file_is_said_with_its_cure(tmp_path):
    path = tmp_path / "notes.sqlite3"
    with closing(open_notes(path)) as database:
        for number in range(200):
            write(database, str(number) * 100)
        with database.write() as connection:
            connection.execute("PRAGMA user_version = 1")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))

    with pytest.raises(BackendBrokenError, match="it is damaged: put it aside"):
        open_notes(path)


def test_a_missing_folder_is_said_with_its_cure(tmp_path):
    with pytest.raises(BackendBrokenError, match="its folder is there and may be written"):
        open_notes(tmp_path / "gone" / "notes.sqlite3")


def test_a_file_that_was_removed_is_not_made_again_in_silence(notes, tmp_path):
    notes.close()
    (tmp_path / "notes.sqlite3").unlink()

    with pytest.raises(BackendBrokenError, match="was removed or replaced"):
        texts(notes)

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_undoes_the_write_and_later_writes_go_on(tmp_path):
    database = open_notes(tmp_path / "notes.sqlite3")
    write(database, "before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(BackendBrokenError, match=r"disk .*; nothing was granted or changed"):
            write(database, "x" * 500_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    write(database, "after")
    assert texts(database) == ["before", "after"]
    database.close()


def test_an_error_of_the_statement_itself_is_not_hidden(notes):
    with pytest.raises(sqlite3.ProgrammingError), notes.read() as connection:
        connection.execute("SELECT ?", ())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks from many threads
def test_a_forked_child_opens_its_own_connection(notes):
    write(notes, "parent")
    context = multiprocessing.get_context("fork")

    with notes.write() as connection:
        connection.execute("INSERT INTO notes VALUES ('parent, in mid-transaction')")
        child = context.Process(target=_child_reads, args=(notes,))
        child.start()
        child.join(timeout=10)

    assert child.exitcode == 0
    assert texts(notes) == ["parent", "parent, in mid-transaction"]


def _child_reads(notes):
    seen = texts(notes)
    try:
        write(notes, "too long")
    except BackendBusyError:
        notes.close()
        os._exit(0 if seen == ["parent"] else 1)
    os._exit(2)


def test_a_closed_database_opens_again(notes):
    write(notes, "one")
    notes.close()
    notes.close()

    assert texts(notes) == ["one"]


@pytest.mark.parametrize("use", [lambda notes: write(notes, "late"), texts], ids=["write", "read"])
@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_file_that_is_another_one_now_is_not_used_on(notes, tmp_path, use, replaced):
    path = tmp_path / "notes.sqlite3"
    write(notes, "early")
    open_notes(tmp_path / "other.sqlite3").close()
    path.rename(tmp_path / "away.sqlite3")
    if replaced:
        (tmp_path / "other.sqlite3").rename(path)

    with pytest.raises(BackendBrokenError, match=r"notes\.sqlite3 was removed or replaced while it was in use"):
        use(notes)
    (tmp_path / "away.sqlite3").replace(path)

    assert texts(notes) == ["early"]


def test_what_is_being_written_when_the_file_is_removed_is_not_committed(notes, tmp_path):
    path = tmp_path / "notes.sqlite3"

    def write_and_remove():
        with notes.write() as connection:
            connection.execute("INSERT INTO notes VALUES ('late')")
            path.rename(tmp_path / "away.sqlite3")

    with pytest.raises(BackendBrokenError):
        write_and_remove()
    (tmp_path / "away.sqlite3").replace(path)

    assert texts(notes) == []


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE notes",
        "UPDATE reliability_schema SET version = 'abc'",
        "INSERT INTO notes VALUES (CAST(x'FF' AS TEXT))",
    ],
    ids=["table gone", "version no number", "no text"],
)
def test_what_does_not_belong_there_is_told_without_repeating_it(notes, other_program, tmp_path, harm):
    write(notes, "secret")
    other_program.execute(harm)

    def use():
        texts(notes)
        open_notes(tmp_path / "notes.sqlite3")

    with pytest.raises(BackendBrokenError, match="does not hold what this program keeps there") as caught:
        use()

    assert "secret" not in "".join(traceback.format_exception(caught.value))
