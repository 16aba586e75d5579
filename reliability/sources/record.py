"""The record of a phase: one JSON file per entry, only ever added to, ordered by commit time.

A file's content follows from the evidence alone (no wall clock, no host), so that a rerun
writes the same bytes and two branches merge clean. Whether an entry is due, and what a
figure means for a goal, is not decided here.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reliability.clock import format_instant, parse_instant
from reliability.errors import BrokenEvidenceError, WriteError
from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.validation import first_problem

SCHEMA: Final = "reliability.record/1"
_KEY_LENGTH: Final = 8
_COMMIT_LENGTH: Final = 12

Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(max_length=2000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class EntryKind(Enum):
    """Why an entry was added."""

    INCREMENT = "increment"
    THRESHOLD = "threshold"
    GOAL = "goal"
    BASELINE = "baseline"
    OBSERVATION = "observation"
    IMPORTED = "imported"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SuiteOutcome(_Strict):
    """How the tests of one suite ended, with the exit status of its run where it is known."""

    passed: Count
    failed: Count
    error: Count
    skipped: Count
    xfailed: Count
    exit_status: int | None = None


class RecordedCoverage(_Strict):
    """Coverage as counts, and the digest of what was counted.

    Attributes:
        definition_digest: Digest of roots, exclusions, branch flag and tool version; figures
            of different definitions do not stand on one line.
        tool: For example `coverage 7.17.5`.
    """

    statements: Annotated[int, Field(gt=0)]
    covered: Count
    branches: Count
    covered_branches: Count
    definition_digest: Digest
    tool: Text

    @model_validator(mode="after")
    def _within_its_bounds(self) -> "RecordedCoverage":
        if self.covered > self.statements or self.covered_branches > self.branches:
            raise ValueError("more is covered than there is")
        return self

    @property
    def counts(self) -> CoverageCounts:
        """The four counts."""
        return CoverageCounts(
            statements=self.statements,
            covered=self.covered,
            branches=self.branches,
            covered_branches=self.covered_branches,
        )


class ThresholdChange(_Strict):
    """A floor that was raised, in percent, and the file that holds it."""

    from_percent: Annotated[float, Field(ge=0, le=100)]
    to_percent: Annotated[float, Field(ge=0, le=100)]
    where: Text


class Entry(_Strict):
    """One entry.

    Attributes:
        kind: Why it was added.
        commit: Full or abbreviated hash of the measured commit.
        commit_time: Committer time, ISO 8601 with offset.
        suites: Outcomes by suite.
        coverage: Counts; None for an entry without a measurement.
        source_digest: Digest of the measured sources; None when it was not taken.
        threshold: The raise, for entries of that kind.
        evidence: File name -> SHA-256 of what the figures were read from.
        reason: One sentence for people.
    """

    schema_: Literal["reliability.record/1"] = Field(SCHEMA, alias="schema")
    kind: EntryKind
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    commit_time: str
    suites: dict[str, SuiteOutcome] = {}
    coverage: RecordedCoverage | None = None
    source_digest: Digest | None = None
    threshold: ThresholdChange | None = None
    evidence: dict[str, Digest] = {}
    reason: Text = ""

    @model_validator(mode="after")
    def _names_an_instant(self) -> "Entry":
        parse_instant(self.commit_time)
        return self

    @property
    def committed_at(self) -> datetime:
        """Commit time as an instant in UTC."""
        return parse_instant(self.commit_time)

    @property
    def key(self) -> str:
        """Digest of what was measured, independent of the commit that it was measured at."""
        said = {"kind", "suites", "coverage", "source_digest", "threshold"}
        content = self.model_dump(mode="json", include=said)
        if self.source_digest is None:
            content["commit"] = self.commit[:_COMMIT_LENGTH]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def file_name(self) -> str:
        """Commit date, kind, commit and key."""
        day = format_instant(self.committed_at)[:10]
        return f"{day}-{self.kind.value}-{self.commit[:_COMMIT_LENGTH]}-{self.key}.json"

    def to_bytes(self) -> bytes:
        """Write the entry: sorted keys, LF, final newline."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableEntry:
    """A file of the record that is no entry.

    Attributes:
        name: File name.
        problem: What is wrong with it.
    """

    name: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """All entries of one phase.

    Attributes:
        entries: By commit time, ties by file name; one per key, the earliest.
        unreadable: Files that could not be read; a page must show them.
    """

    entries: tuple[Entry, ...]
    unreadable: tuple[UnreadableEntry, ...]


def read_record(folder: Path) -> PhaseRecord:
    """Read all entries of a record's folder.

    Args:
        folder: `outputs/record/<phase id>`; a folder that does not exist yet is an empty record.

    Returns:
        Entries in order, and the files that are none.

    Raises:
        BrokenEvidenceError: The path is no folder, or may not be listed.
    """
    if not folder.exists():
        return PhaseRecord(entries=(), unreadable=())
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as err:
        raise BrokenEvidenceError(
            f"{folder} could not be listed ({err.strerror or err}). Name the folder of the record's entries."
        ) from err
    found: list[tuple[datetime, str, Entry]] = []
    unreadable = []
    for path in paths:
        try:
            entry = Entry.model_validate_json(path.read_bytes())
            found.append((entry.committed_at, path.name, entry))
        except ValidationError as err:
            unreadable.append(UnreadableEntry(name=path.name, problem=first_problem(err)))
        except OSError as err:
            unreadable.append(UnreadableEntry(name=path.name, problem=err.strerror or str(err)))
    by_key: dict[str, Entry] = {}
    for _, _, entry in sorted(found, key=lambda item: item[:2]):
        by_key.setdefault(entry.key, entry)
    return PhaseRecord(entries=tuple(by_key.values()), unreadable=tuple(unreadable))


def append_entry(folder: Path, entry: Entry) -> Path:
    """Add one entry; one that says the same already there makes this a no-op.

    Args:
        folder: Folder of the record; made when it is missing.
        entry: What to add.

    Returns:
        The file that holds the entry, new or old.

    Raises:
        WriteError: The file could not be written, or a different one has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for existing in folder.glob(f"*-{entry.key}.json"):
            return existing
        return _write_once(folder / entry.file_name, entry.to_bytes())
    except OSError as err:
        raise WriteError(
            f"the entry could not be added to {folder} ({err.strerror or err}); the record is as it was. "
            f"Free room or make the folder writable, then run again."
        ) from err


def _write_once(final: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        final.hardlink_to(temporary)  # fails when the name is taken: nothing is ever overwritten
    except FileExistsError:
        if final.read_bytes() != content:
            raise WriteError(
                f"{final} exists and says something else; entries are never overwritten. "
                f"Compare it with the evidence and add a new entry."
            ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return final
