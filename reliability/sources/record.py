"""The record of a phase: one JSON file per entry, only ever added to, ordered by commit time.

A file is claimed by a hard link, so it is there whole or not at all, also when its writer is
killed, and no entry is ever overwritten. Whether an entry is due, and what a figure means for a
goal, is not decided here.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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
        entries: By commit time, ties by file name; one per key, the earliest.
        unreadable: Name of each file that is no entry -> what is wrong; a page must show them.
    """

    entries: tuple[Entry, ...]
    unreadable: Mapping[str, str]

    @property
    def valid(self) -> tuple[Entry, ...]:
        """Entries that no correction takes back."""
        taken_back = {entry.supersedes for entry in self.entries}
        return tuple(entry for entry in self.entries if entry.key not in taken_back)


def read_record(folder: Path) -> PhaseRecord:
    """Read all entries of a record's folder.

    Args:
        folder: `outputs/record/<phase id>`; a folder that does not exist yet is an empty record.

    Returns:
        Entries in order, and what could not be read: files that are no entries, or the
        folder itself.
    """
    found, unreadable = [], {}
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json") if folder.exists() else []
    except OSError as err:
        paths, unreadable = [], {folder.name: err.strerror or str(err)}
    for path in paths:
        try:
            found.append(read_entry(path.read_bytes()))
        except ValidationError as err:
            unreadable[path.name] = first_problem(err)
        except OSError as err:
            unreadable[path.name] = err.strerror or str(err)
    named = [(entry.commit_time, entry.file_name, entry) for entry in found]
    by_key: dict[str, Entry] = {}
    for _, _, entry in sorted(named, key=lambda item: item[:2]):
        by_key.setdefault(entry.key, entry)
    return PhaseRecord(entries=tuple(by_key.values()), unreadable=unreadable)


def read_entry(body: bytes) -> Entry:
    """Read one entry of either schema.

    Raises:
        ValidationError: It is none.
    """
    entry = _ADAPTER.validate_json(body)
    return entry.as_entry() if isinstance(entry, Entry1) else entry


def append_entry(folder: Path, entry: Entry) -> Path:
    """Add one entry; one that says the same already there makes this a no-op.

    Args:
        folder: Folder of the record; made when it is missing.
        entry: What to add.

    Returns:
        The file that holds the entry, new or old.

    Raises:
        WriteError: The file could not be written; the record is as it was.
    """
    path = folder / entry.file_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for existing in sorted(folder.glob(f"*-{entry.key}.json")):
            return existing
        with suppress(FileExistsError):  # another process is adding the same entry
            _claim(path, entry.to_bytes())
    except OSError as err:
        raise WriteError(
            f"the entry could not be added to {folder} ({err.strerror or err}); the record is as it was. "
            f"Free room or make the folder writable, then run again."
        ) from err
    return path


def _claim(path: Path, content: bytes) -> None:
    """Write a file whole under a name that git and the reader pass over, then give it its own name."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=_UNFINISHED)
    unfinished = Path(name)
    try:
        _fill(descriptor, content)
        unfinished.chmod(0o644)
        _sweep(unfinished)
        try:
            os.link(unfinished, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            _claim_without_links(path, content)
    finally:
        unfinished.unlink(missing_ok=True)


def _claim_without_links(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _fill(descriptor, content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _fill(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sweep(unfinished: Path) -> None:
    """Remove what writers left that were killed long ago, by the clock of the file system."""
    now = unfinished.stat().st_mtime
    for leftover in unfinished.parent.glob(f".*{_UNFINISHED}"):
        with suppress(OSError):
            if now - leftover.stat().st_mtime > _ABANDONED_SECONDS:
                leftover.unlink()
