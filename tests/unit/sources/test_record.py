"""The record: only ever added to, read in the order of commits, nothing dropped silently."""

import errno
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from reliability.errors import WriteError
from reliability.sources.record import (
    Entry,
    EntryKind,
    EvidenceDigests,
    RecordedCoverage,
    RecordedState,
    RecordedSuite,
    Stated,
    ThresholdChange,
    append_entry,
    read_entry,
    read_record,
)
from reliability.sources.validation import first_problem

BEGUN = datetime(2026, 11, 26, 12, tzinfo=UTC)


def entry(number: int = 0, *, covered: int = 800, kind: EntryKind = "observation") -> Entry:
    return Entry(
        kind=kind,
        commit=f"{number:040x}",
        commit_time=BEGUN + timedelta(hours=number),
        suites={"unit": RecordedSuite(passed=10, skipped=1, collected=11, exit=0)},
        coverage=RecordedCoverage(
            statements=1000,
            covered=covered,
            branches=200,
            covered_branches=100,
            definition_digest="0" * 64,
            tool="coverage 7.17.5",
        ),
        evidence=EvidenceDigests(coverage="a" * 64),
        reason="Measured on the main branch.",
    )


@given(order=st.permutations(range(6)))
def test_the_order_of_entries_does_not_depend_on_the_order_of_writing(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("record")

    for number in order:
        append_entry(folder, entry(number, covered=800 + number))

    assert [e.commit for e in read_record(folder).entries] == [f"{n:040x}" for n in range(6)]


def test_an_entry_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = entry(3)

    path = append_entry(tmp_path, written)

    assert read_record(tmp_path).entries == (written,)
    assert path.name.startswith("2026-11-26-observation-000000000000-")
    assert path.read_bytes() == written.to_bytes()
    assert path.read_bytes().endswith(b"}\n")


def test_adding_the_same_entry_again_changes_nothing(tmp_path: Path) -> None:
    first = append_entry(tmp_path, entry())
    before = first.read_bytes()

    second = append_entry(tmp_path, entry())

    assert second == first
    assert first.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_the_same_sources_at_two_commits_are_one_point_the_earlier(tmp_path: Path) -> None:
    early, late = (entry(n).model_copy(update={"source_digest": "b" * 64}) for n in (1, 2))
    (tmp_path / late.file_name).write_bytes(late.to_bytes())
    (tmp_path / early.file_name).write_bytes(early.to_bytes())

    assert read_record(tmp_path).entries == (early,)
    assert append_entry(tmp_path, late).name in {early.file_name, late.file_name}


def test_a_file_of_the_same_name_that_says_something_else_is_never_overwritten(tmp_path: Path) -> None:
    one = entry()
    (tmp_path / one.file_name).parent.mkdir(exist_ok=True)
    other = one.model_copy(update={"reason": "Another reason."})
    append_entry(tmp_path, one)

    assert other.file_name == one.file_name
    append_entry(tmp_path, other)

    assert read_record(tmp_path).entries == (one,)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("2026-11-26-observation-000000000000-00000000.json", (b"", b"")),
        (None, (b'"covered": 800', b'"covered": 900')),
        (None, (b'"passed": 10', b'"passed": 11')),
        (None, (b'"observation"', b'"baseline"')),
        (None, (b"2026-11-26", b"2026-11-25")),
    ],
    ids=["renamed", "more covered", "more passed", "another kind", "another day"],
)
def test_an_entry_that_was_changed_by_hand_is_named_and_not_believed(
    tmp_path: Path, name: str | None, change: tuple[bytes, bytes]
) -> None:
    path = append_entry(tmp_path, entry())
    path.write_bytes(path.read_bytes().replace(*change))
    path = path.rename(tmp_path / name) if name else path

    record = read_record(tmp_path)

    assert record.entries == ()
    assert "changed by hand or renamed" in record.unreadable[path.name]


def test_a_torn_file_in_the_place_of_an_entry_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = append_entry(tmp_path, entry())
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(WriteError, match=r"cannot be read.*Restore it with git"):
        append_entry(tmp_path, entry())


def test_entries_of_one_second_stand_together_by_commit(tmp_path: Path) -> None:
    kinds: tuple[EntryKind, ...] = ("observation", "baseline")
    for commit in ("b", "a"):
        for kind in kinds:
            changed = {"commit": commit * 40, "source_digest": commit * 64, "kind": kind}
            append_entry(tmp_path, entry().model_copy(update=changed))

    assert [(e.commit or "")[0] + e.kind for e in read_record(tmp_path).entries] == [
        "abaseline", "aobservation", "bbaseline", "bobservation",
    ]  # fmt: skip


def test_entries_added_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    entries = [entry(n, covered=n) for n in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda e: append_entry(tmp_path, e), entries * 2))

    assert read_record(tmp_path).entries == tuple(entries)
    assert {p.suffix for p in tmp_path.iterdir()} == {".json"}


def test_a_folder_that_does_not_exist_is_an_empty_record(tmp_path: Path) -> None:
    record = read_record(tmp_path / "none")

    assert record.entries == ()
    assert not record.unreadable


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "EOF"),
        (b'{"schema": "reliability.record/1", "kind"', "EOF"),
        (b"<<<<<<< HEAD", "expected value"),
        (b'{"schema": "other/7"}', "schema"),
        (json.dumps({**json.loads(entry().to_bytes()), "kind": "guess"}).encode(), "kind"),
        (json.dumps({**json.loads(entry().to_bytes()), "colour": "<script>"}).encode(), "colour is not a known key"),
        (json.dumps({**json.loads(entry().to_bytes()), "commit": "../../etc"}).encode(), "commit"),
        (
            json.dumps({**json.loads(entry().to_bytes()), "commit_time": "2026-11-26T12:00:00"}).encode(),
            "commit_time = '2026-11-26T12:00:00': Input should have timezone info",
        ),
    ],
    ids=["empty", "torn", "a merge conflict", "foreign", "kind", "unknown key", "commit", "no zone"],
)
def test_an_entry_that_cannot_be_read_is_named_with_its_problem(tmp_path: Path, content: bytes, problem: str) -> None:
    append_entry(tmp_path, entry())
    (tmp_path / "2026-11-26-goal-abc.json").write_bytes(content)

    record = read_record(tmp_path)

    assert len(record.entries) == 1
    assert list(record.unreadable) == ["2026-11-26-goal-abc.json"]
    assert problem in record.unreadable["2026-11-26-goal-abc.json"]


def test_an_entry_cut_at_any_byte_is_named_not_dropped(tmp_path: Path) -> None:
    whole = entry().to_bytes()
    for cut in range(0, len(whole) - 2, 7):
        (tmp_path / "torn.json").write_bytes(whole[:cut])

        assert list(read_record(tmp_path).unreadable) == ["torn.json"]


def test_more_covered_than_there_is_is_no_entry() -> None:
    with pytest.raises(ValueError, match="more is covered"):
        RecordedCoverage(statements=1, covered=2, branches=0, covered_branches=0, definition_digest="0" * 64, tool="x")


def test_coverage_of_an_entry_is_exact() -> None:
    coverage = entry(covered=799).coverage

    assert coverage is not None
    assert coverage.fraction == Fraction(899, 1200)


def test_a_record_that_is_a_file_is_named_and_never_written(tmp_path: Path) -> None:
    (tmp_path / "record").write_text("")

    assert read_record(tmp_path / "record").unreadable == {"record": "Not a directory"}
    with pytest.raises(WriteError, match="as it was"):
        append_entry(tmp_path / "record", entry())


def test_an_entry_that_finds_no_room_leaves_the_record_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    append_entry(tmp_path, entry(1, covered=1))
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(WriteError, match="No space left"):
        append_entry(tmp_path, entry(2, covered=2))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_record_needs_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)

    append_entry(tmp_path, entry())

    assert read_record(tmp_path).entries == (entry(),)


SCHEMA_1 = b"""{
 "commit": "b3eb5667350d6e7d06f09095ecaee38f7606dc80",
 "commit_time": "2026-11-26T19:39:13Z",
 "coverage": {"branches": 734, "covered": 5698, "covered_branches": 655, "statements": 5915, "tool": "coverage 7.17.5",
  "definition_digest": "fb6f9ea4fbb91c89e522363ce5e5ced418d20f31bb15e9cc070b2d47dc8dcf12"},
 "evidence": {"coverage.json": "4395c57d4687778682f21d932dee0a6a348ef73a0ce5d09e533ca4f3b012ef19"},
 "kind": "observation",
 "reason": "All tests from a fresh clone, all green.",
 "schema": "reliability.record/1",
 "source_digest": "641a0ea83b49f88974d0294e69e023d2f5708a0eb7ef87e4e4c7b1af93792012",
 "suites": {"all": {"passed": 1421, "skipped_count": 2, "broken_count": 1}}
}"""


def test_an_entry_of_schema_1_is_read_in_the_shape_of_all_entries(tmp_path: Path) -> None:
    (tmp_path / read_entry(SCHEMA_1).file_name).write_bytes(SCHEMA_1)

    (old,) = read_record(tmp_path).entries

    assert old.suites["all"] == RecordedSuite(passed=1421, skipped=2, failed=1)
    assert old.coverage is not None
    assert old.coverage.covered == 5698


def test_an_entry_of_schema_1_keeps_the_key_that_it_had() -> None:
    told = SCHEMA_1.replace(b', "skipped_count": 2, "broken_count": 1', b"")

    assert read_entry(told).file_name == "2026-11-26-observation-b3eb5667350d-6501f920.json"


def threshold(**changed: Any) -> Entry:
    change = ThresholdChange(from_percent=Decimal(35), to_percent=Decimal(40), where="pyproject.toml")
    usual: dict[str, Any] = {"kind": "threshold", "coverage": None, "threshold": change}
    return entry(1).model_copy(update=usual | changed)


def test_two_changes_of_a_threshold_are_two_entries_however_equal_the_sources(tmp_path: Path) -> None:
    for changed in ({}, {"commit": "f" * 40}, {"reason": "Lowered by hand."}):
        append_entry(tmp_path, threshold(source_digest="b" * 64, **changed))

    assert len(read_record(tmp_path).entries) == 3


def test_what_a_correction_takes_back_is_not_valid_any_more(tmp_path: Path) -> None:
    wrong = entry(1)
    for one in (wrong, entry(2, covered=700), entry(3, kind="correction").model_copy(update={"supersedes": wrong.key})):
        append_entry(tmp_path, one)

    assert [e.kind for e in read_record(tmp_path).valid] == ["observation", "correction"]
    assert len(read_record(tmp_path).entries) == 3


def test_a_correction_can_be_taken_back_itself(tmp_path: Path) -> None:
    wrong = entry(1)
    first = entry(2, kind="correction").model_copy(update={"supersedes": wrong.key})
    second = entry(2, kind="correction").model_copy(update={"supersedes": first.key})
    for one in (wrong, first, second):
        append_entry(tmp_path, one)

    assert read_record(tmp_path).valid == (wrong, second)


@pytest.mark.parametrize(
    ("written", "key", "digest"),
    [
        (entry(1), "a416ccb3", "0764349d"),
        (entry(1, kind="baseline").model_copy(update={"source_digest": "b" * 64}), "91849391", "292d1610"),
        (threshold(source_digest=None), "72cdeb4a", "b630cb80"),
        (threshold(source_digest=None, follows="0123abcd"), "b7046de0", "449f22b7"),
        (
            entry(1, kind="milestone").model_copy(update={"state": RecordedState(watched={"drill": "PASS"})}),
            "ed46b4c7",
            "c8d399e8",
        ),
        (
            entry(1, kind="correction").model_copy(update={"supersedes": "0123abcd", "coverage": None}),
            "6a95bd26",
            "4bbb0d02",
        ),
    ],
    ids=["observation", "baseline", "threshold", "next threshold", "milestone", "correction"],
)
def test_keys_and_bytes_of_schema_2_are_what_they_always_were(written: Entry, key: str, digest: str) -> None:
    """A changed key would make old entries unreadable: it takes no new field but an optional one."""
    assert written.file_name == f"2026-11-26-{written.kind}-000000000000-{key}.json"
    assert hashlib.sha256(written.to_bytes()).hexdigest()[:8] == digest


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"commit": None}, "commit is missing"),
        ({"stated": Stated(date=BEGUN.date(), text="35 %")}, "only what is imported"),
        ({"supersedes": "00000000"}, "only a correction"),
        ({"follows": "00000000"}, "only a milestone or a change"),
        ({"threshold": threshold().threshold}, "only an entry of kind threshold"),
        ({"_key_1": "00000000"}, "_key_1 is not a known key"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(changed: dict[str, Any], problem: str) -> None:
    document = {**json.loads(entry().to_bytes()), **{k: _plain(v) for k, v in changed.items()}}

    with pytest.raises(ValidationError) as refused:
        read_entry(json.dumps(document).encode())

    assert problem in first_problem(refused.value)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def test_what_a_killed_writer_left_is_no_entry_and_is_swept_after_an_hour(tmp_path: Path) -> None:
    fresh, old = tmp_path / ".a.part", tmp_path / ".b.part"
    for leftover in (fresh, old):
        leftover.write_bytes(entry().to_bytes()[:40])
    os.utime(old, (0, 0))

    append_entry(tmp_path, entry())

    assert read_record(tmp_path).unreadable == {}
    assert (fresh.exists(), old.exists()) == (True, False)


def test_four_hundred_entries_are_read_in_a_moment(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / entry(number, covered=number).file_name).write_bytes(entry(number, covered=number).to_bytes())

    assert len(read_record(tmp_path).entries) == 400
