"""An address chooses the store, and no message repeats one."""

import sys
from contextlib import closing

import pytest

from reliability.errors import BackendBrokenError, SettingsError
from reliability.resilience.configured import open_locks, open_sessions
from reliability.resilience.stores.addresses import open_lock_service, open_session_manager, sqlite_file
from reliability.settings import ResilienceSettings

OPENERS = ["locks", "sessions"]


@pytest.mark.parametrize("opener", [open_lock_service, open_session_manager], ids=OPENERS)
@pytest.mark.parametrize(
    "url",
    ["mysql://ana:hunter2@db/x", "hunter2", "", "sqlite:///", "sqlite://hunter2", "sqlite:///hunter2?mode=ro"],
    ids=["unknown scheme", "no scheme", "nothing", "no file", "too few slashes", "options"],
)
def test_an_address_of_no_store_is_refused_and_not_repeated(opener, url):
    with pytest.raises(SettingsError) as caught:
        opener(url)

    assert "hunter2" not in str(caught.value)
    assert "sqlite://" in str(caught.value)


@pytest.mark.parametrize(("kind", "url"), [("locks", "redis://h"), ("sessions", "postgresql://h/d")])
def test_a_store_of_the_other_kind_is_refused_with_what_is_known(kind, url):
    opener = open_lock_service if kind == "locks" else open_session_manager

    with pytest.raises(SettingsError, match=f"the address of the {kind} has no scheme that is known"):
        opener(url)


def test_a_file_lies_in_the_folder_or_where_it_says(tmp_path):
    assert sqlite_file("sqlite:///state/a.db", folder=tmp_path) == tmp_path / "state" / "a.db"
    assert sqlite_file(f"sqlite:///{tmp_path}/a.db", folder=tmp_path / "other") == tmp_path / "a.db"


def test_the_folder_of_a_file_is_made(tmp_path):
    with closing(open_lock_service("sqlite:///state/deep/a.db", folder=tmp_path)) as locks:
        assert locks.list_leases() == ()
    with closing(open_session_manager("sqlite:///state/deep/a.db", folder=tmp_path)) as sessions:
        assert sum(sessions.count_active().values()) == 0

    assert (tmp_path / "state" / "deep" / "a.db").is_file()


@pytest.mark.parametrize("opener", [open_lock_service, open_session_manager], ids=OPENERS)
def test_a_folder_that_cannot_be_made_is_told(tmp_path, opener):
    (tmp_path / "state").write_text("a file")

    with pytest.raises(BackendBrokenError, match=r"the folder of .*a\.db cannot be made"):
        opener("sqlite:///state/a.db", folder=tmp_path)


@pytest.mark.parametrize(
    ("opener", "url", "package", "module"),
    [
        (open_lock_service, "postgresql://ana:hunter2@h/d", "psycopg", "postgres_leases"),
        (open_session_manager, "rediss://:hunter2@h", "redis", "redis_sessions"),
    ],
    ids=OPENERS,
)
def test_a_missing_library_is_named_with_its_extra(monkeypatch, opener, url, package, module):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"reliability.resilience.stores.{module}", raising=False)

    with pytest.raises(SettingsError, match=r"pip install 'reliability\[(postgres|redis)\]'") as caught:
        opener(url)

    assert package in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_defect_of_the_program_is_not_called_a_missing_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "reliability.resilience.stores.sqlite_leases", None)
    monkeypatch.setitem(sys.modules, "reliability.resilience.stores.postgres_leases", None)

    for url in ("sqlite:///a.db", "postgresql://h/d"):
        with pytest.raises(ModuleNotFoundError):
            open_lock_service(url)


@pytest.mark.parametrize(("opener", "kind"), [(open_locks, "locks"), (open_sessions, "sessions")], ids=OPENERS)
def test_an_address_in_a_file_or_variable_is_read_and_named_by_its_option(tmp_path, opener, kind):
    from_file = ResilienceSettings.model_validate({f"{kind}_url_file": "address"})
    from_variable = ResilienceSettings.model_validate({f"{kind}_url_variable": "ADDRESS"})
    (tmp_path / "address").write_text("sqlite:///a.db\n")

    opener(from_file, project=tmp_path, environ={}).close()

    assert (tmp_path / "a.db").is_file()
    with pytest.raises(SettingsError, match=f"^resilience.{kind}_url_variable: the address of") as caught:
        opener(from_variable, project=tmp_path, environ={"ADDRESS": "mysql://ana:hunter2@db"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError, match=f"resilience.{kind}_url_variable: .* holds no secret"):
        opener(from_variable, project=tmp_path, environ={})
