"""The record under storms, beside what one would write instead: a JSON list that is replaced, a log of lines.

Run from the root of the project: `python -m tests.bench.record_storm [--writers 6] [--entries 100]
[--kills 60] [--clones 5] [--pushes 10]`.

Three storms, each entry about 1 kB: writers at the same time; writers killed with SIGKILL at random
moments; clones that push one entry after the other to one branch, with rebase and another try. Lost
is what its writer said was added and is not there; torn is a file or a line that cannot be read.
"""

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reliability.sources.record import Entry, RecordedCoverage, append_entry, read_record

_FORK = multiprocessing.get_context("fork")
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
_PUSH_TRIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of keeping entries in a folder.

    Attributes:
        name: What it is.
        add: Adds the entry of a number.
        read: Returns the numbers that can be read, and how many files or lines cannot.
    """

    name: str
    add: Callable[[Path, int], object]
    read: Callable[[Path], tuple[list[int], int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a storm left: entries said to be added, those of them that are lost, those twice there, and torn ones."""

    storm: str
    way: str
    said: int
    lost: int
    double: int
    torn: int


def entry(number: int) -> Entry:
    """Return the entry of one run; equal numbers are equal entries."""
    coverage = RecordedCoverage(
        statements=10**6, covered=number, branches=0, covered_branches=0, definition_digest="d" * 64, tool="coverage 7"
    )
    return Entry(
        schema="reliability.record/2", kind="observation", phase="storm", commit=f"{number:040x}",
        commit_time=_BEGUN + timedelta(minutes=number), coverage=coverage, source_digest=f"{number:064x}",
        reason="x" * 500,
    )  # fmt: skip


def _read_ours(folder: Path) -> tuple[list[int], int]:
    unreadable = read_record(folder).unreadable
    whole = [path.name for path in folder.glob("*.json") if path.name not in unreadable]
    return [int(json.loads((folder / name).read_bytes())["commit"], 16) for name in whole], len(unreadable)


def _replace_list(folder: Path, number: int) -> None:
    path = folder / "record.json"
    entries = json.loads(path.read_text()) if path.exists() else []
    unfinished = folder / f"{os.getpid()}.tmp"
    unfinished.write_text(json.dumps([*entries, _line(number)]))
    unfinished.replace(path)


def _read_list(folder: Path) -> tuple[list[int], int]:
    path = folder / "record.json"
    return [one["number"] for one in json.loads(path.read_text())] if path.exists() else [], 0


def _append_line(folder: Path, number: int) -> None:
    with (folder / "record.jsonl").open("a") as file:
        file.write(json.dumps(_line(number)) + "\n")


def _read_lines(folder: Path) -> tuple[list[int], int]:
    path, numbers, torn = folder / "record.jsonl", list[int](), 0
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            numbers.append(json.loads(line)["number"])
        except ValueError:
            torn += 1
    return numbers, torn


def _line(number: int) -> dict[str, object]:
    return {"number": number, **json.loads(entry(number).to_bytes())}


WAYS = (
    Way(name="one file per entry (ours)", add=lambda at, n: append_entry(at, entry(n)), read=_read_ours),
    Way(name="JSON list, read and replaced", add=_replace_list, read=_read_list),
    Way(name="JSONL, appended", add=_append_line, read=_read_lines),
)


def storm_of_writers(way: Way, *, writers: int, entries: int) -> Outcome:
    """Let processes add entries of their own at the same time."""
    with _folder() as folder:
        shares = [range(part * entries, (part + 1) * entries) for part in range(writers)]
        running = [_FORK.Process(target=_write, args=(way, folder, share)) for share in shares]
        for process in running:
            process.start()
        for process in running:
            process.join()
        return _outcome(f"{writers} x {entries} at once", way, folder, said=range(writers * entries))


def storm_of_kills(way: Way, *, kills: int) -> Outcome:
    """Kill one writer after the other, each at a random moment soon after its first entries."""
    chance = random.Random(7)  # noqa: S311 -- moments, no secrets
    with _folder() as folder, _folder() as apart:
        for turn in range(kills):
            told = apart / f"{turn}"
            told.touch()
            share = range(turn * 1000, turn * 1000 + 1000)
            process = _FORK.Process(target=_write, args=(way, folder, share, told))
            process.start()
            wanted = chance.randrange(1, 8)
            while told.stat().st_size < wanted and process.is_alive():
                process.join(0.001)
            process.join(chance.uniform(0, 0.004))
            process.kill()
            process.join()
        said = [turn * 1000 + n for turn in range(kills) for n in range((apart / f"{turn}").stat().st_size)]
        return _outcome(f"{kills} kills", way, folder, said=said)


def storm_of_clones(way: Way, *, clones: int, pushes: int) -> Outcome:
    """Let clones push entries to one branch; a rebase that conflicts is given up, as a job of CI would."""
    with _folder() as top:
        _git(top, "init", "-q", "--bare", "-b", "main", "bare.git")
        _git(top, "clone", "-q", "bare.git", "first")
        _git(top / "first", "commit", "-q", "--allow-empty", "-m", "begin")
        _git(top / "first", "push", "-q", "origin", "HEAD:main")
        names = [f"clone{number}" for number in range(clones)]
        for name in names:
            _git(top, "clone", "-q", "-b", "main", "bare.git", name)
        with ThreadPoolExecutor(clones) as pool:
            shares = [range(number * pushes, (number + 1) * pushes) for number in range(clones)]
            list(pool.map(lambda name, share: _push(way, top / name, share), names, shares))
        _git(top / "first", "pull", "-q", "origin", "main")
        return _outcome(f"{clones} clones x {pushes} pushes", way, top / "first", said=range(clones * pushes))


def _push(way: Way, clone: Path, numbers: Iterable[int]) -> None:
    chance, pause = random.Random(clone.name), threading.Event()  # noqa: S311 -- jitter, no secrets
    for number in numbers:
        way.add(clone, number)
        _git(clone, "add", "-A")
        _git(clone, "commit", "-q", "-m", f"record {number}")
        for _ in range(_PUSH_TRIES):
            if _git(clone, "push", "-q", "origin", "HEAD:main", check=False) == 0:
                break
            pause.wait(chance.uniform(0, 0.1))
            if _git(clone, "pull", "-q", "--rebase", "origin", "main", check=False) != 0:
                _git(clone, "rebase", "--abort", check=False)
                _git(clone, "reset", "-q", "--hard", "origin/main")
                break


def _write(way: Way, folder: Path, numbers: Iterable[int], told: Path | None = None) -> None:
    for number in numbers:
        way.add(folder, number)
        if told is not None:
            with told.open("ab") as file:
                file.write(b".")


def _outcome(storm: str, way: Way, folder: Path, *, said: Iterable[int]) -> Outcome:
    numbers, torn = way.read(folder)
    wanted, there = set(said), set(numbers)
    return Outcome(
        storm=storm, way=way.name, said=len(wanted), lost=len(wanted - there), double=len(numbers) - len(there),
        torn=torn,
    )  # fmt: skip


def _git(folder: Path, *arguments: str, check: bool = True) -> int:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=check).returncode


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def main(arguments: list[str] | None = None) -> int:
    """Raise the storms and print what each way of keeping a record lost; 1 when ours lost, tore or doubled any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, usual in (("writers", 6), ("entries", 100), ("kills", 60), ("clones", 5), ("pushes", 10)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args(arguments)
    outcomes = [
        outcome
        for way in WAYS
        for outcome in (
            storm_of_writers(way, writers=asked.writers, entries=asked.entries),
            storm_of_kills(way, kills=asked.kills),
            storm_of_clones(way, clones=asked.clones, pushes=asked.pushes),
        )
    ]
    sys.stdout.write("| storm | kept as | added | lost | double | torn |\n| --- | --- | ---: | ---: | ---: | ---: |\n")
    for one in sorted(outcomes, key=lambda outcome: outcome.storm):
        sys.stdout.write(f"| {one.storm} | {one.way} | {one.said} | {one.lost} | {one.double} | {one.torn} |\n")
    return int(any(one.lost or one.double or one.torn for one in outcomes if one.way == WAYS[0].name))


if __name__ == "__main__":
    sys.exit(main())
