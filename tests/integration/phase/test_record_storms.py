"""The record under storms: many writers at once, writers that are killed, clones that push at the same time."""

import multiprocessing
import random
import subprocess
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reliability.sources.record import Entry, RecordedCoverage, append_entry, read_record

pytestmark = pytest.mark.integration
FORK = multiprocessing.get_context("fork")
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
IGNORED = "outputs/*\n!outputs/record/\noutputs/record/**/.*.part\n"


def entry(number: int) -> Entry:
    """Return the entry of one run; equal numbers are equal entries."""
    coverage = RecordedCoverage(
        statements=10_000, covered=number, branches=0, covered_branches=0, definition_digest="d" * 64, tool="coverage 7"
    )
    return Entry(
        schema="reliability.record/2",
        kind="observation",
        phase="storm",
        commit=f"{number:040x}",
        commit_time=BEGUN + timedelta(minutes=number),
        coverage=coverage,
        source_digest=f"{number:064x}",
        reason="x" * 700,
    )


def write(folder: Path, numbers: Iterable[int]) -> None:
    for number in numbers:
        append_entry(folder, entry(number))


def write_and_tell(folder: Path, numbers: Iterable[int], told: Path) -> None:
    """Write entries, and note each after it was added."""
    with told.open("a", buffering=1) as file:
        for number in numbers:
            append_entry(folder, entry(number))
            file.write(f"{number}\n")


def in_processes(target, *arguments):
    processes = [FORK.Process(target=target, args=each) for each in zip(*arguments, strict=True)]
    for process in processes:
        process.start()
    return processes


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def git(folder: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[bytes]":
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=check)


def test_600_entries_of_6_writers_at_once_are_all_there_once_and_a_rerun_changes_no_byte(tmp_path):
    folder = tmp_path / "record"
    shares = [[*range(part * 100, part * 100 + 100), *range(0, 600, 6)] for part in range(6)]  # some by all

    for process in in_processes(write, [folder] * 6, shares):
        process.join()
        assert process.exitcode == 0
    before = contents(folder)
    for process in in_processes(write, [folder] * 2, shares[:2]):
        process.join()

    record = read_record(folder)
    assert [one.commit for one in record.entries] == [f"{number:040x}" for number in range(600)]
    assert record.unreadable == {}
    assert len(before) == 600
    assert contents(folder) == before


def test_writers_killed_at_random_lose_nothing_that_they_said_and_leave_nothing_torn(tmp_path):
    folder, chance = tmp_path / "outputs/record/storm", random.Random(7)  # noqa: S311 -- moments, no secrets
    folder.mkdir(parents=True)
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text(IGNORED)

    for turn in range(25):
        told = tmp_path / f"told-{turn}"
        told.touch()
        (process,) = in_processes(write_and_tell, [folder], [range(turn * 400, turn * 400 + 400)], [told])
        wanted = chance.randrange(6)
        while len(told.read_bytes().splitlines()) < wanted and process.is_alive():
            process.join(0.001)
        process.join(chance.uniform(0, 0.004))
        process.kill()
        process.join()

    record = read_record(folder)
    said = {int(line) for path in tmp_path.glob("told-*") for line in path.read_text().splitlines()}
    held = {int(one.commit or "", 16) for one in record.entries}
    assert record.unreadable == {}
    assert said <= held
    assert 25 < len(held) < 25 * 400  # killed in the middle
    git(tmp_path, "add", "-A")
    shown = git(tmp_path, "ls-files", "outputs").stdout.decode()
    assert ".part" not in shown

    write(folder, held)
    assert len(read_record(folder).entries) == len(held) == len(list(folder.glob("*.json")))


def push_entries(clone: Path, numbers: Iterable[int]) -> None:
    """Add entries one by one, and push each as a job of CI would: rebase and try again."""
    chance, pause = random.Random(clone.name), threading.Event()  # noqa: S311 -- jitter, no secrets
    for number in numbers:
        append_entry(clone / "outputs/record/storm", entry(number))
        git(clone, "add", "outputs/record")
        git(clone, "commit", "-q", "--allow-empty", "-m", f"record {number}")
        for _ in range(60):
            if git(clone, "push", "-q", "origin", "HEAD:main", check=False).returncode == 0:
                break
            pause.wait(chance.uniform(0, 0.05))  # so that five clones do not march in step
            git(clone, "pull", "-q", "--rebase", "origin", "main")
        else:
            raise AssertionError(f"{clone.name} could not push entry {number}")


def test_five_clones_that_push_to_one_branch_lose_no_entry(tmp_path):
    bare, first = tmp_path / "bare.git", tmp_path / "first"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(tmp_path, "clone", "-q", str(bare), str(first))
    (first / ".gitignore").write_text(IGNORED)
    git(first, "add", "-A")
    git(first, "commit", "-q", "-m", "begin")
    git(first, "push", "-q", "origin", "HEAD:main")
    clones = [tmp_path / f"clone-{number}" for number in range(5)]
    for clone in clones:
        git(tmp_path, "clone", "-q", "-b", "main", str(bare), str(clone))

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(push_entries, clones, [[*range(10 * n, 10 * n + 3), 99] for n in range(5)]))  # 99 is everybody's

    git(first, "pull", "-q", "origin", "main")
    record = read_record(first / "outputs/record/storm")
    assert sorted(int(one.commit or "", 16) for one in record.entries) == sorted(
        [10 * n + k for n in range(5) for k in range(3)] + [99]
    )
    assert record.unreadable == {}
