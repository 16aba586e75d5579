import pytest

from reliability.errors import BackendUnavailableError, StagingError, UsageError
from reliability.staging import redis_server
from reliability.staging.storage import SQLITE_FILES, ArmStorage, SessionHome, StorageChoice

SERVERS = StorageChoice(storage_variable="STAGING_PG", sessions_variable="STAGING_REDIS")
ADDRESSES = {"STAGING_PG": "postgresql://u:secret@127.0.0.1/db", "STAGING_REDIS": "redis://:secret@127.0.0.1/0"}


def test_the_manifest_is_told_where_both_arms_kept_things():
    assert SQLITE_FILES.words == "one SQLite file per arm, WAL, synchronous=FULL"
    assert SERVERS.words == "one schema per arm in the same PostgreSQL; sessions of the layers in Redis"


def test_variables_with_the_right_addresses_are_taken_and_files_need_none():
    SERVERS.check(ADDRESSES)
    SQLITE_FILES.check({})


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("address", [None, "http://u:secret@127.0.0.1"], ids=["not-set", "another-kind"])
def test_a_variable_without_its_address_is_named_but_not_what_it_holds(name, address):
    environ = {key: value for key, value in (ADDRESSES | {name: address}).items() if value is not None}

    with pytest.raises(UsageError, match=name) as refused:
        SERVERS.check(environ)

    assert "secret" not in str(refused.value)


def test_a_storage_that_would_part_the_sessions_of_the_arms_unseen_is_refused():
    with pytest.raises(UsageError, match="give --sessions-variable too, or neither"):
        StorageChoice(storage_variable="STAGING_PG").check(ADDRESSES)


def test_sessions_lie_in_files_unless_a_server_is_named_which_is_asked_what_it_keeps(monkeypatch):
    monkeypatch.setenv("STAGING_REDIS", ADDRESSES["STAGING_REDIS"])
    monkeypatch.setattr(redis_server, "ask_durability", lambda _url: "each-second")
    in_file = SessionHome(store="SQLite", durability="each-write")

    assert SQLITE_FILES.find_homes() == {"plain": in_file, "layers": in_file}
    assert StorageChoice(sessions_variable="STAGING_REDIS").find_homes() == {
        "plain": in_file, "layers": SessionHome(store="Redis", durability="each-second"),
    }  # fmt: skip


def test_a_redis_where_nobody_listens_is_noticed_before_an_experiment_begins(monkeypatch, tmp_path):
    monkeypatch.setenv("STAGING_REDIS", "redis://:secret@127.0.0.1:1/0")
    choice = StorageChoice(sessions_variable="STAGING_REDIS")
    prepared = ArmStorage(arm="canary", folder=tmp_path, choice=choice).prepare

    for asked in (choice.find_homes, prepared):
        with pytest.raises(StagingError, match="see that it runs") as refused:
            asked()
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("what", ["prepare", "open_store", "open_locks"])
def test_a_server_where_nobody_listens_is_said_without_its_address(monkeypatch, tmp_path, what):
    monkeypatch.setenv("STAGING_PG", "postgresql://u:secret@127.0.0.1:1/db")
    storage = ArmStorage(arm="canary", folder=tmp_path, choice=StorageChoice(storage_variable="STAGING_PG"))
    asked = {"open_locks": lambda: storage.open_locks(metrics=None)}.get(what, getattr(storage, what))

    with pytest.raises((StagingError, BackendUnavailableError)) as refused:
        asked()

    assert "secret" not in str(refused.value)


def test_a_replica_without_its_variable_says_which(monkeypatch, tmp_path):
    monkeypatch.delenv("STAGING_REDIS", raising=False)
    storage = ArmStorage(arm="canary", folder=tmp_path, choice=StorageChoice(sessions_variable="STAGING_REDIS"))

    with pytest.raises(StagingError, match="STAGING_REDIS is not set"):
        storage.open_sessions()
