"""The record of a phase: one JSON file per entry, only ever added to, ordered by commit time.

A file's content follows from the evidence alone (no wall clock, no host), so that a rerun
writes the same bytes and two branches merge clean. Whether an entry is due, and what a
figure means for a goal, is not decided here.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, ValidationError

from reliability.atomic import write_bytes_whole
from reliability.clock import format_instant
from reliability.errors import WriteError
from reliability.sources.coverage_json import Count, CoverageCounts
from reliability.sources.validation import Strict, first_problem

SCHEMA: Final = "reliability.record/1"
_KEY_LENGTH: Final = 8
_COMMIT_LENGTH: Final = 12

Text = Annotated[str, Field(max_length=2000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
EntryKind = Literal["increment", "threshold", "goal", "baseline", "observation", "imported"]


class RecordedCoverage(CoverageCounts):
    """Coverage as counts, and the digest of what was counted.

    Attributes:
        definition_digest: Digest of roots, exclusions, branch flag and tool version; figures
            of different definitions do not stand on one line.
        tool: For example `coverage 7.17.5`.
    """

    statements: Annotated[int, Field(gt=0)]
    definition_digest: Digest
    tool: Text


class Entry(Strict):
    """One entry.

    Attributes:
        kind: Why it was added.
        commit: Full or abbreviated hash of the measured commit.
        commit_time: Committer time.
        suites: Suite -> outcome -> how many tests ended so.
        coverage: Counts; None for an entry without a measurement.
        source_digest: Digest of the measured sources; None when it was not taken.
        evidence: File name -> SHA-256 of what the figures were read from.
        reason: One sentence for people.
    """

    schema_: Literal["reliability.record/1"] = Field(SCHEMA, alias="schema")
    kind: EntryKind
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    commit_time: AwareDatetime
    suites: Mapping[str, Mapping[str, Count]] = {}
    coverage: RecordedCoverage | None = None
    source_digest: Digest | None = None
    evidence: Mapping[str, Digest] = {}
    reason: Text = ""

    @property
    def key(self) -> str:
        """Digest of what was measured, independent of the commit that it was measured at."""
        said = {"kind", "suites", "coverage", "source_digest"}
        content = self.model_dump(mode="json", include=said)
        if self.source_digest is None:
            content["commit"] = self.commit[:_COMMIT_LENGTH]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def file_name(self) -> str:
        """Commit date, kind, commit and key."""
        day = format_instant(self.commit_time)[:10]
        return f"{day}-{self.kind}-{self.commit[:_COMMIT_LENGTH]}-{self.key}.json"

    def to_bytes(self) -> bytes:
        """Write the entry: sorted keys, LF, final newline."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """All entries of one phase.

    Attributes:
        entries: By commit time, ties by file name; one per key, the earliest.
        unreadable: Name of each file that is no entry -> what is wrong; a page must show them.
    """

    entries: tuple[Entry, ...]
    unreadable: Mapping[str, str]


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
            found.append(Entry.model_validate_json(path.read_bytes()))
        except ValidationError as err:
            unreadable[path.name] = first_problem(err)
        except OSError as err:
            unreadable[path.name] = err.strerror or str(err)
    by_key: dict[str, Entry] = {}
    for entry in sorted(found, key=lambda entry: (entry.commit_time, entry.file_name)):
        by_key.setdefault(entry.key, entry)
    return PhaseRecord(entries=tuple(by_key.values()), unreadable=unreadable)


def append_entry(folder: Path, entry: Entry) -> Path:
    """Add one entry; one that says the same already there makes this a no-op.

    The name is claimed by an empty file first, which fails when it is taken, so that no
    entry is ever overwritten; that needs no hard links.

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
        for existing in folder.glob(f"*-{entry.key}.json"):
            return existing
        with suppress(FileExistsError):  # another process is adding the same entry
            path.touch(exist_ok=False)
            _fill(path, entry.to_bytes())
    except OSError as err:
        raise WriteError(
            f"the entry could not be added to {folder} ({err.strerror or err}); the record is as it was. "
            f"Free room or make the folder writable, then run again."
        ) from err
    return path


def _fill(path: Path, content: bytes) -> None:
    try:
        write_bytes_whole(path, content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
