"""Makes entries of the record from the evidence: a pure function of it, so that a rerun gives the same bytes.

Which entries are due is decided in `reliability.judge.increments`; writing them is the business of
`reliability.sources.record`.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from reliability.errors import UsageError
from reliability.judge.increments import Due, Point
from reliability.notebook.phase_facts import goal_states
from reliability.phase.asking import Asked
from reliability.phase.threshold_edit import plain
from reliability.report.words import Words, words_in
from reliability.sources.evidence_folder import EvidenceFolder
from reliability.sources.evidence_manifest import EvidenceManifest
from reliability.sources.record import (
    Entry,
    EvidenceDigests,
    PhaseRecord,
    RecordedCoverage,
    RecordedFigures,
    RecordedModule,
    RecordedState,
    RecordedSuite,
)

_LONGEST_REASON: Final = 2000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def points_of(record: PhaseRecord) -> list[Point]:
    """Return the valid entries as the judge takes them."""
    holder = state_holder(record)
    return [
        Point(
            kind=entry.kind,
            at=entry.commit_time,
            fraction=entry.coverage.fraction if entry.coverage else None,
            definition_digest=entry.coverage.definition_digest if entry.coverage else None,
            state=_flat(entry.state) if entry.state and entry is holder else None,
        )
        for entry in record.valid
    ]


def state_holder(record: PhaseRecord) -> Entry | None:
    """Return the entry whose states are the latest: of the newest commit, the last milestone of a chain.

    States may change without a commit (a drill), so the time of the commit alone does not tell.
    """
    followed = {entry.follows for entry in record.valid}
    passed_by = {entry.commit for entry in record.valid if entry.key in followed}
    holders = [
        entry
        for entry in record.valid
        if entry.state is not None
        and entry.key not in followed
        and (entry.kind == "milestone" or entry.commit not in passed_by)
    ]
    return max(holders, key=lambda entry: (entry.commit_time, entry.kind == "milestone"), default=None)


def run_of(manifest: EvidenceManifest, state: RecordedState) -> Point:
    """Return the run as the judge takes it."""
    required = manifest.figures.required
    return Point(
        kind="observation",
        at=manifest.commit_time or manifest.began_at,
        fraction=required.fraction if required else None,
        definition_digest=manifest.definition.digest,
        state=_flat(state),
    )


def to_entry(asked: Asked, folder: EvidenceFolder, due: Due, *, record: PhaseRecord, state: RecordedState) -> Entry:
    """Make one entry of an accepted run.

    Args:
        asked: The phase.
        folder: Its evidence, accepted: of a commit, with a coverage.
        due: What is due.
        record: The record, which a reason compares with.
        state: States beside coverage.

    Returns:
        The entry.
    """
    manifest = folder.manifest
    commit, at, coverage = manifest.commit, manifest.commit_time, _coverage(manifest)
    if commit is None or at is None:
        raise UsageError("the evidence belongs to no commit. Commit, measure again, then record.")
    figures, holder = manifest.figures, state_holder(record)
    return Entry(
        schema="reliability.record/2",
        kind=due.kind,
        phase=asked.phase.id,
        commit=commit,
        commit_time=at,
        suites=dict(_suites(manifest)),
        coverage=coverage,
        figures=RecordedFigures(unit=figures.unit, all=figures.all, imports_only=figures.imports_only),
        modules=_modules(asked, folder),
        state=state,
        follows=holder.key if due.kind == "milestone" and holder else None,
        source_digest=manifest.sources.digest,
        evidence=_evidence(folder),
        reason=_reason(asked, due, manifest, record)[:_LONGEST_REASON],
    )


def _coverage(manifest: EvidenceManifest) -> RecordedCoverage | None:
    required, tool = manifest.figures.required, f"coverage {manifest.definition.coverage_version}"
    if required is None:
        return None
    return RecordedCoverage(**dict(required), definition_digest=manifest.definition.digest, tool=tool)


def _suites(manifest: EvidenceManifest) -> Iterator[tuple[str, RecordedSuite]]:
    names = set(RecordedSuite.model_fields) - {"exit"}
    for run in manifest.suites:
        if run.counts is not None:
            yield run.name, RecordedSuite(**run.counts.model_dump(include=names), exit=run.exit_code)


def _modules(asked: Asked, folder: EvidenceFolder) -> dict[str, RecordedModule]:
    return {
        state.goal.glob: RecordedModule(
            covered=state.lines[0] + state.branches[0],
            total=state.lines[1] + state.branches[1],
            met=state.state == "met",
        )
        for state in goal_states(asked.phase, folder)
    }


def _evidence(folder: EvidenceFolder) -> EvidenceDigests:
    """Digest the facts: the files themselves hold times, which differ from run to run."""
    modules = folder.coverage.modules if folder.coverage else {}
    covered = {path: list(dict(counts).values()) for path, counts in modules.items()}
    ended = [
        [suite, test.node_id or f"{test.classname}::{test.name}", test.outcome.name]
        for suite, evidence in sorted(folder.tests.items())
        for test in evidence.tests
    ]
    return EvidenceDigests(coverage=_digest(covered), tests=_digest(sorted(ended)))


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _reason(asked: Asked, due: Due, manifest: EvidenceManifest, record: PhaseRecord) -> str:
    words, values = words_in(asked.phase.language), dict[str, Any]()
    required = manifest.figures.required
    match due.kind:
        case "baseline":
            tools = [entry.coverage.tool for entry in record.valid if entry.coverage]
            now = f"coverage {manifest.definition.coverage_version}"
            values = {"before": tools[-1] if tools else None, "now": now}
        case "increment" if required and required.fraction is not None and due.from_fraction is not None:
            hundredths = math.floor(10_000 * (required.fraction - due.from_fraction))
            values = {"points": hundredths / 100}
        case "goal":
            reached = {
                percent for percent in asked.phase.goals_percent for goal in due.goal_fractions if percent == 100 * goal
            }
            values = {"goals": [plain(percent) for percent in sorted(reached)]}
        case "milestone":
            values = {"changes": [_change(asked, name, *pair) for name, pair in (due.changes or {}).items()]}
    return words.plain(f"record.due.{due.kind}", **values)


def _change(asked: Asked, name: str, before: str | None, now: str | None) -> str:
    words, watched = words_in(asked.phase.language), asked.phase.watched.get(name)
    label = (watched.label.es if asked.phase.language == "es" else watched.label.en) if watched else _word(words, name)
    if before and now and _DIGEST.fullmatch(before) and _DIGEST.fullmatch(now):
        return words.plain("record.change.content", name=label)
    return words.plain("record.change.state", name=label, before=_word(words, before), now=_word(words, now))


def _word(words: Words, state: str | None) -> str:
    """Say a state in words; of a digest the beginning."""
    key = f"record.word.{state or 'absent'}"
    if state is None or words.knows(key):
        return words.plain(key)
    return state[:8] if _DIGEST.fullmatch(state) else state


def _flat(state: RecordedState) -> dict[str, str]:
    return {**state.requirements, **state.watched}
