"""The record of a phase: one JSON file per entry, only ever added to, ordered by commit time.

A file is claimed by a hard link, so it is there whole or not at all, also when its writer is
killed, and no entry is ever overwritten. A file whose name does not fit what it says is no entry.
Whether an entry is due, and what a figure means for a goal, is not decided here.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from reliability.errors import WriteError
from reliability.sources.record_entry import (
    Digest,
    Entry,
    Entry1,
    EntryKind,
    EvidenceDigests,
    RecordedCoverage,
    RecordedFigures,
    RecordedModule,
    RecordedState,
    RecordedSuite,
    Stated,
    ThresholdChange,
)
from reliability.sources.validation import first_problem

__all__ = [
    "Digest", "Entry", "EntryKind", "EvidenceDigests", "PhaseRecord", "RecordedCoverage", "RecordedFigures",
    "RecordedModule", "RecordedState", "RecordedSuite", "Stated", "ThresholdChange", "append_entry", "read_entry",
    "read_record",
]  # fmt: skip

_UNFINISHED: Final = ".part"
_ABANDONED_SECONDS: Final = 3600
_ADAPTER: Final[TypeAdapter[Entry | Entry1]] = TypeAdapter(Annotated[Entry | Entry1, Field(discriminator="schema_")])


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """All entries of one phase.

    Attributes:
        entries: By commit time, those of one commit by what they follow, then by name; one per key, the earliest.
        unreadable: Name of each file that is no entry, or another one than its name says -> what is
            wrong; a page must show them.
    """

    entries: tuple[Entry, ...]
    unreadable: Mapping[str, str]

    @property
    def valid(self) -> tuple[Entry, ...]:
        """Entries that no correction takes back; a correction may itself be taken back."""
        taken_back = _taken_back(self.entries)
        return tuple(entry for entry in self.entries if entry.key not in taken_back)


def read_record(folder: Path) -> PhaseRecord:
    """Read all entries of a record's folder.

    Args:
        folder: `outputs/record/<phase id>`; a folder that does not exist yet is an empty record.

    Returns:
        Entries in order, and what could not be read: files that are no entries, or the
        folder itself.
    """
    found, unreadable = dict[str, Entry](), dict[str, str]()
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json") if folder.exists() else []
    except OSError as err:
        paths, unreadable = [], {folder.name: err.strerror or str(err)}
    for path in paths:
        try:
            found[path.name] = _read_named(path)
        except ValidationError as err:
            unreadable[path.name] = first_problem(err)
        except OSError as err:
            unreadable[path.name] = err.strerror or str(err)
        except ValueError as err:
            unreadable[path.name] = str(err)
    return PhaseRecord(entries=_in_order(found), unreadable=unreadable)


def read_entry(body: bytes) -> Entry:
    """Read one entry of either schema.

    Raises:
        ValidationError: It is none.
    """
    entry = _ADAPTER.validate_json(body)
    return entry.as_entry() if isinstance(entry, Entry1) else entry


def append_entry(folder: Path, entry: Entry) -> Path:
    """Add one entry; one of the same key already there makes this a no-op.

    Args:
        folder: Folder of the record; made when it is missing.
        entry: What to add.

    Returns:
        The file that holds the entry, new or old.

    Raises:
        WriteError: The file could not be written, or the one that is there is no entry; the
            record is as it was.
    """
    path, ending = folder / entry.file_name, f"-{entry.key}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.iterdir())
        held = [name for name in names if name.endswith(ending)]
        if not held:
            _claim(path, entry.to_bytes(), [folder / name for name in names if name.endswith(_UNFINISHED)])
            return path
        _read_named(folder / held[0])
        return folder / held[0]
    except OSError as err:
        raise WriteError(
            f"the entry could not be added to {folder} ({err.strerror or err}); the record is as it was. "
            f"Free room or make the folder writable, then run again."
        ) from err
    except ValueError as err:
        problem = first_problem(err) if isinstance(err, ValidationError) else str(err)
        raise WriteError(
            f"{folder / held[0]} stands where the entry belongs, but cannot be read: {problem}. "
            f"Restore it with git or remove it, then run again."
        ) from err


def _read_named(path: Path) -> Entry:
    """Read an entry that is what its name says: its name holds its key."""
    entry = read_entry(path.read_bytes())
    if entry.file_name != path.name:
        raise ValueError(f"it was changed by hand or renamed: what it says belongs to {entry.file_name}")
    return entry


def _in_order(entries: Mapping[str, Entry]) -> tuple[Entry, ...]:
    """Order entries by commit; those of one commit by what they follow, then by name; one per key, the earliest."""
    keys = {name: name.removesuffix(".json").rpartition("-")[2] for name in entries}
    by_key = {key: entries[name] for name, key in keys.items()}
    links = {key: entry.follows for key, entry in by_key.items()}

    def place(name: str) -> tuple[datetime, str, int, str]:
        entry = entries[name]
        after, earlier = 0, entry.follows
        while earlier in by_key and by_key[earlier].commit == entry.commit and after < len(links):
            after, earlier = after + 1, links[earlier]
        return entry.commit_time, entry.commit or "", after, name

    first: dict[str, Entry] = {}
    for name in sorted(entries, key=place):
        first.setdefault(keys[name], entries[name])
    return tuple(first.values())


def _taken_back(entries: Sequence[Entry]) -> set[str]:
    """Return the keys of entries that a standing correction names, from the corrections that nothing names down."""
    undecided = {entry.key: entry.supersedes for entry in entries if entry.supersedes}
    taken_back = set[str]()
    while free := undecided.keys() - set(undecided.values()):
        decided = {key: undecided.pop(key) for key in free}
        taken_back |= {target for key, target in decided.items() if key not in taken_back}
    return taken_back


def _claim(path: Path, content: bytes, unfinished: Sequence[Path]) -> None:
    """Write a file whole under a name that git and the reader pass over, then give it its own name."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=_UNFINISHED)
    own = Path(name)
    try:
        _fill(descriptor, content)
        own.chmod(0o644)
        _sweep(unfinished, now=own.stat().st_mtime)
        try:
            os.link(own, path)
        except FileExistsError:  # another process added the same entry
            return
        except OSError:  # a file system without hard links: who comes second writes the same once more
            own.replace(path)
    finally:
        own.unlink(missing_ok=True)


def _fill(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sweep(unfinished: Iterable[Path], *, now: float) -> None:
    """Remove what writers left that were killed long ago, by the clock of the file system."""
    for leftover in unfinished:
        with suppress(OSError):
            if now - leftover.stat().st_mtime > _ABANDONED_SECONDS:
                leftover.unlink()
