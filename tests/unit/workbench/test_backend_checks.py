"""The doctor takes a lease and begins a session to see whether their stores are well."""

from contextlib import closing
from functools import partialmethod

import pytest

from reliability.errors import BackendBrokenError, BackendBusyError, BackendUnavailableError
from reliability.resilience.configured import open_locks, open_sessions
from reliability.resilience.session_manager import Session, SessionManager
from reliability.settings import ResilienceSettings
from reliability.workbench import backend_checks
from reliability.workbench.backend_checks import check_backends
from reliability.workbench.finding import RUN_ERROR, SETTINGS

FILES = ResilienceSettings(locks_url="sqlite:///state/leases.db", sessions_url="sqlite:///state/sessions.db")


def looked(project, settings=FILES, *, offline=False):
    return list(check_backends(settings, project=project, offline=offline))


def test_before_the_first_lease_nothing_is_made(tmp_path):
    found = looked(tmp_path)

    assert [(finding.level, finding.subject) for finding in found] == [("ok", "locks"), ("ok", "sessions")]
    assert "leases.db is made when it is first needed" in found[0].text
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_lease_a_folder_that_cannot_be_made_is_a_fault(tmp_path):
    (tmp_path / "state").write_text("a file")

    assert [(finding.subject, finding.status) for finding in looked(tmp_path)] == [
        ("locks", RUN_ERROR),
        ("sessions", RUN_ERROR),
    ]


@pytest.mark.parametrize("offline", [False, True], ids=["online", "offline"])
def test_a_lease_and_a_session_are_made_and_given_back(tmp_path, offline):
    with (
        closing(open_locks(FILES, project=tmp_path, environ={})) as locks,
        closing(open_sessions(FILES, project=tmp_path, environ={})) as sessions,
    ):
        found = looked(tmp_path, offline=offline)

        assert [finding.level for finding in found] == ["ok", "ok"]
        assert "a lease was taken and given back" in found[0].text
        assert "a session was begun and ended" in found[1].text
        assert locks.list_leases() == ()
        assert sum(sessions.count_active().values()) == 0


def test_a_file_that_is_no_store_is_a_fault_with_a_cure(tmp_path):
    (tmp_path / "state").mkdir()
    for name in ("leases.db", "sessions.db"):
        (tmp_path / "state" / name).write_text("no database, but longer than the head of one " * 9)

    found = looked(tmp_path)

    assert [(finding.level, finding.status) for finding in found] == [("fault", RUN_ERROR)] * 2
    assert all("resilience." in finding.cure for finding in found)


def test_a_server_is_not_asked_offline_and_its_address_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKS", "postgresql://ana:hunter2@127.0.0.1:1/none")
    monkeypatch.setenv("SESSIONS", "redis://:hunter2@127.0.0.1:1/0")
    settings = ResilienceSettings(locks_url_variable="LOCKS", sessions_url_variable="SESSIONS", service="shop")

    offline = looked(tmp_path, settings, offline=True)
    online = looked(tmp_path, settings)

    assert [finding.level for finding in offline] == ["note", "note"]
    assert [(finding.level, finding.status) for finding in online] == [("fault", RUN_ERROR)] * 2
    assert all("see that the server runs" in finding.cure for finding in online)
    assert "hunter2" not in str([*offline, *online])


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        (ResilienceSettings(locks_url_variable="LOCKS"), ["note", "note", "ok"]),
        (ResilienceSettings(locks_url_variable="LOCKS", service="shop"), ["note", "ok"]),
        (ResilienceSettings(), ["ok", "ok"]),
    ],
    ids=["shared without a name", "shared with a name", "a file of the project"],
)
def test_leases_that_clones_share_want_the_name_of_the_service(tmp_path, monkeypatch, settings, levels):
    monkeypatch.setenv("LOCKS", "postgresql://127.0.0.1:1/none")

    found = looked(tmp_path, settings, offline=True)

    assert [finding.level for finding in found] == levels
    assert (f"windows are taken for '{tmp_path.name}'" in found[0].text) == (len(levels) == 3)


def test_an_address_of_no_store_is_a_fault_of_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("SESSIONS", "mysql://ana:hunter2@h")

    found = looked(tmp_path, ResilienceSettings(sessions_url_variable="SESSIONS"))[1]

    assert (found.level, found.status) == ("fault", SETTINGS)
    assert "resilience.sessions_url_variable" in found.cure
    assert "hunter2" not in str(found)


def test_a_store_that_fails_in_a_way_of_its_own_is_a_fault_and_the_next_one_is_looked_at(tmp_path, monkeypatch):
    def failing(*_args, **_options):
        raise TypeError("redis://:hunter2@h has an option too many")

    monkeypatch.setattr(backend_checks, "open_locks", failing)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "leases.db").touch()

    locks, sessions = looked(tmp_path)

    assert (locks.level, locks.status, sessions.level) == ("fault", RUN_ERROR, "ok")
    assert "fails with TypeError" in locks.text
    assert "hunter2" not in str(locks)


def test_what_a_doctor_that_is_killed_leaves_is_over_soon(tmp_path, monkeypatch):
    def killed(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(SessionManager, "end", killed)
    with closing(open_sessions(FILES, project=tmp_path, environ={})) as sessions:
        made: list[Session] = []
        monkeypatch.setattr(SessionManager, "create", partialmethod(kept, made, SessionManager.create))

        with pytest.raises(KeyboardInterrupt):
            backend_checks.probe_sessions(FILES, tmp_path)

        assert sessions.count_active() == {"doctor": 1}
    assert (made[0].expires_at - made[0].created_at).total_seconds() <= 10


def kept(manager, made, create, *args, **options):
    made.append(create(manager, *args, **options))
    return made[0]


def test_a_link_to_nothing_is_no_store_that_will_be_made(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "leases.db").symlink_to(tmp_path / "nowhere" / "leases.db")

    assert (looked(tmp_path)[0].level, looked(tmp_path)[0].status) == ("fault", RUN_ERROR)


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (BackendUnavailableError("away"), "see that the server runs"),
        (BackendBusyError("held"), "run the doctor again"),
        (BackendBrokenError("full"), "mend the store as said"),
    ],
    ids=["away", "busy", "broken"],
)
def test_each_way_to_fail_has_its_cure(tmp_path, monkeypatch, error, cure):
    def failing(*_args, **_options):
        raise error

    monkeypatch.setattr(backend_checks, "open_locks", failing)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "leases.db").touch()

    assert looked(tmp_path)[0].cure.startswith(cure)
