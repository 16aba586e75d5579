"""One entry of a phase's record: what it says, its key, its name and its bytes.

All of it follows from the evidence alone (no wall clock, no host), so that a rerun writes the
same bytes and two branches merge clean. Entries of schema 1 stay readable for ever, with the
key that they had. Whether an entry is due is not decided here.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, Field, PrivateAttr, model_validator

from reliability.clock import format_instant
from reliability.sources.coverage_json import Count, CoverageCounts
from reliability.sources.phase_document import Percent
from reliability.sources.validation import Strict

SCHEMA: Final = "reliability.record/2"
_KEY_LENGTH: Final = 8
_COMMIT_LENGTH: Final = 12

Text = Annotated[str, Field(max_length=2000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
EntryKind = Literal[
    "increment", "threshold", "goal", "baseline", "correction", "observation", "milestone", "imported"
]  # fmt: skip
_MEASURED: Final = frozenset({"kind", "suites", "coverage", "source_digest"})
# What makes two entries of a kind the same, beyond what was measured.
_SAID: Final[Mapping[str, frozenset[str]]] = {
    "milestone": frozenset({"state", "follows"}),
    "threshold": frozenset({"threshold", "commit", "reason", "follows"}),
    "correction": frozenset({"supersedes", "commit", "reason"}),
    "imported": frozenset({"stated"}),
}


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


class RecordedSuite(Strict):
    """How the tests of one suite ended.

    Attributes:
        passed: Passed.
        failed: Failed.
        error: Errored.
        skipped: Skipped.
        xfailed: Failed as expected.
        collected: Tests that were to run; None when nobody counted.
        exit: Exit status of the run; None when it is not known.
    """

    passed: Count = 0
    failed: Count = 0
    error: Count = 0
    skipped: Count = 0
    xfailed: Count = 0
    collected: Count | None = None
    exit: int | None = None


class RecordedFigures(Strict):
    """Coverages beside that of the required suites; None: not measured."""

    unit: CoverageCounts | None = None
    all: CoverageCounts | None = None
    imports_only: CoverageCounts | None = None


class RecordedModule(Strict):
    """What the modules of one goal had: covered lines and branches of all, and whether the goal was met."""

    covered: Count
    total: Count
    met: bool


class ThresholdChange(Strict):
    """A threshold of coverage before and after; None: there was none."""

    from_percent: Percent | None
    to_percent: Percent
    where: Text


class RecordedState(Strict):
    """What stands beside coverage: requirement -> state, and watched thing -> digest or verdict."""

    requirements: Mapping[str, Text] = {}
    watched: Mapping[str, Text] = {}


class Stated(Strict):
    """What an earlier document states, not verified here.

    Attributes:
        date: Day that it names.
        text: Its words.
        percent: Coverage that it states, if any.
    """

    date: date
    text: Text
    percent: Percent | None = None


class EvidenceDigests(Strict):
    """SHA-256 of the facts that were read, not of files that hold times."""

    coverage: Digest | None = None
    tests: Digest | None = None


class Entry(Strict):
    """One entry.

    Attributes:
        kind: Why it was added.
        phase: Id of the phase; empty in schema 1.
        commit: Hash of the measured commit; None only of what is imported.
        commit_time: Committer time; of what is imported the day that its document states.
        suites: How the tests of each suite ended.
        coverage: Counts of the required suites; None for an entry without a measurement.
        figures: Coverages beside it.
        modules: Glob of a module goal -> what was measured.
        threshold: Change of the threshold.
        state: Requirements and watched things.
        follows: Key of the entry whose states a milestone changes, or of the threshold's change before,
            so that a drill that passes, fails and passes again at one commit is three entries in order.
        source_digest: Digest of the measured sources; None when it was not taken.
        evidence: Digests of the facts.
        reason: One sentence for people.
        supersedes: Key of the entry that a correction takes back.
        stated: What an imported document says.
    """

    schema_: Literal["reliability.record/2"] = Field(SCHEMA, alias="schema")
    kind: EntryKind
    phase: Text = ""
    commit: Commit | None = None
    commit_time: AwareDatetime
    suites: Mapping[str, RecordedSuite] = {}
    coverage: RecordedCoverage | None = None
    figures: RecordedFigures | None = None
    modules: Mapping[str, RecordedModule] = {}
    threshold: ThresholdChange | None = None
    state: RecordedState | None = None
    follows: Key | None = None
    source_digest: Digest | None = None
    evidence: EvidenceDigests | None = None
    reason: Text = ""
    supersedes: Key | None = None
    stated: Stated | None = None
    _key_1: str | None = PrivateAttr(None)  # of an entry of schema 1, which computed it by another rule

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.commit is None and self.kind != "imported":
            raise ValueError("commit is missing")
        if self.stated and self.kind != "imported":
            raise ValueError("only what is imported is stated")
        if self.threshold and self.kind != "threshold":
            raise ValueError("only an entry of kind threshold changes one")
        if self.supersedes and self.kind != "correction":
            raise ValueError("only a correction takes an entry back")
        if self.follows and self.kind not in ("milestone", "threshold"):
            raise ValueError("only a milestone or a change of the threshold follows an entry")
        return self

    def under(self, key: str) -> Self:
        """Return the entry under the key that it had in schema 1."""
        kept = self.model_copy()
        kept._key_1 = key  # noqa: SLF001 -- of this very class
        return kept

    @property
    def key(self) -> str:
        """Digest of what was measured or said, independent of the commit that it was measured at."""
        if self._key_1:
            return self._key_1
        said = _MEASURED | _SAID.get(self.kind, frozenset())
        return _key(self.model_dump(mode="json", include=set(said), exclude_none=True), self)  # a later field is absent

    @property
    def file_name(self) -> str:
        """Commit date, kind, commit and key."""
        day = format_instant(self.commit_time)[:10]
        return f"{day}-{self.kind}-{(self.commit or 'stated')[:_COMMIT_LENGTH]}-{self.key}.json"

    def to_bytes(self) -> bytes:
        """Write the entry: sorted keys, LF, final newline."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


class Entry1(Strict):
    """An entry of schema 1, only ever read; see `as_entry`."""

    schema_: Literal["reliability.record/1"] = Field(alias="schema")
    kind: Literal["increment", "threshold", "goal", "baseline", "observation", "imported"]
    commit: Commit
    commit_time: AwareDatetime
    suites: Mapping[str, Mapping[str, Count]] = {}
    coverage: RecordedCoverage | None = None
    source_digest: Digest | None = None
    evidence: Mapping[str, Digest] = {}
    reason: Text = ""

    def as_entry(self) -> Entry:
        """Return it in the shape of all entries, under the key that it had."""
        key = _key(self.model_dump(mode="json", include=set(_MEASURED)), self)
        entry = Entry(
            schema=SCHEMA,
            kind=self.kind,
            commit=self.commit,
            commit_time=self.commit_time,
            suites={name: _suite(outcomes) for name, outcomes in self.suites.items()},
            coverage=self.coverage,
            source_digest=self.source_digest,
            reason=self.reason,
        )
        return entry.under(key)


def _suite(outcomes: Mapping[str, int]) -> RecordedSuite:
    counts = {name.removesuffix("_count"): count for name, count in outcomes.items()}
    counts["failed"] = counts.get("failed", 0) + counts.get("broken", 0)
    return RecordedSuite(**{name: count for name, count in counts.items() if name in RecordedSuite.model_fields})


def _key(content: dict[str, Any], entry: Entry | Entry1) -> str:
    if entry.source_digest is None and entry.commit:
        content["commit"] = entry.commit[:_COMMIT_LENGTH]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_KEY_LENGTH]
