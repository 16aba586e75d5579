"""From a manifest, the record and the configuration to the facts that the ratchet judges.

Used by the phase page and by `reliability phase ratchet`, so that both say the same. What the
facts mean is decided in `reliability.judge.ratchet`.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from reliability.judge.module_goals import ModuleGoalState, judge_module_goals
from reliability.judge.ratchet import WITHOUT_MANIFEST, RatchetDecision, judge_ratchet
from reliability.judge.ratchet_facts import HiddenThreshold, RatchetFacts, Reason, SuiteFacts
from reliability.judge.requirements import TestFact
from reliability.sources.evidence_folder import EvidenceFolder
from reliability.sources.evidence_manifest import EvidenceManifest, SuiteCounts, SuiteRun, Thresholds
from reliability.sources.junit import TestEvidence
from reliability.sources.phase_document import OwnPhase
from reliability.sources.record import Entry, PhaseRecord, ThresholdChange


def decide_ratchet(
    phase: OwnPhase, *, folder: EvidenceFolder | None, record: PhaseRecord, thresholds: Thresholds | None = None
) -> RatchetDecision:
    """Decide about the threshold of a phase.

    Args:
        phase: The project's phase.
        folder: Its evidence; None when there is no manifest.
        record: Its record.
        thresholds: In force now; None: as the manifest holds them.

    Returns:
        The decision; HOLD `no-manifest` without evidence.
    """
    if folder is None:
        return WITHOUT_MANIFEST
    in_force = thresholds or folder.manifest.thresholds
    return judge_ratchet(ratchet_facts(phase, folder=folder, record=record, thresholds=in_force))


def ratchet_facts(
    phase: OwnPhase, *, folder: EvidenceFolder, record: PhaseRecord, thresholds: Thresholds
) -> RatchetFacts:
    """Gather what the ratchet judges.

    Args:
        phase: The project's phase.
        folder: Its evidence.
        record: Its record.
        thresholds: In force now.

    Returns:
        The facts. Accepted runs are the record's observations of this definition since the last
        baseline, and this run last; its own observation, if it is there already, counts once. For a
        raise only those of later commits count than the one at which the threshold was last lowered.
    """
    manifest = folder.manifest
    earlier = _earlier(record, manifest)
    measured = manifest.figures.required
    this = measured.fraction if measured else None
    sources = manifest.sources
    return RatchetFacts(
        distrust=_distrust(folder),
        suites=_suites(phase, manifest, _since_correction(record, earlier)[-phase.stable_runs :]),
        measured_fraction=this,
        unmeasured_paths=tuple(sorted({*sources.unmeasured, *sources.vanished})),
        test_like_paths=tuple(sources.test_like),
        changed_tool=_changed_tool(record, manifest),
        regressed_globs=_regressed(phase, folder, earlier),
        unreadable_names=tuple(record.unreadable),
        recent_fractions=tuple(_recent(record, manifest, earlier)),
        threshold_percent=thresholds.effective.percent if thresholds.effective else None,
        hidden_threshold=_hidden(thresholds),
        floor_percent=phase.floor_percent,
        goals_percent=tuple(phase.goals_percent),
        step_points=phase.step_points,
        stable_runs=phase.stable_runs,
    )


def goal_states(phase: OwnPhase, folder: EvidenceFolder) -> tuple[ModuleGoalState, ...]:
    """Judge the module goals by the evidence; none without a coverage."""
    covered = folder.coverage
    return (
        judge_module_goals(phase.module_goals, covered.modules, branch=covered.meta.branch_coverage) if covered else ()
    )


def test_facts(tests: Mapping[str, TestEvidence]) -> list[TestFact]:
    """Return how each test of each suite ended, and which requirements it names.

    Args:
        tests: Suite -> its tests.

    Returns:
        One fact per test and suite.
    """
    return [
        TestFact(
            test=result.node_id or f"{result.classname}::{result.name}",
            suite=suite,
            outcome=result.outcome.name.lower(),  # type: ignore[arg-type]  # the names of Outcome
            requirement_ids=result.requirement_ids,
        )
        for suite, evidence in tests.items()
        for result in evidence.tests
    ]


def unmatched_globs(phase: OwnPhase, folder: EvidenceFolder) -> tuple[str, ...]:
    """List the globs of module goals that match no measured file: an error of the phase's document."""
    return tuple(state.goal.glob for state in goal_states(phase, folder) if state.state == "no-match")


def _distrust(folder: EvidenceFolder) -> tuple[Reason, ...]:
    found: dict[str, list[str]] = {} if folder.manifest.is_dirty is False else {"dirty-tree": []}  # None: without git
    for distrust in folder.distrust:
        found.setdefault(distrust.code, []).extend(distrust.values)
    return tuple(Reason(code=code, values={"paths": paths, "paths_count": len(paths)}) for code, paths in found.items())


def _suites(phase: OwnPhase, manifest: EvidenceManifest, accepted: Sequence[Entry]) -> tuple[SuiteFacts, ...]:
    """Facts of the suites that the phase requires, or that the figure of the manifest holds."""
    runs = {run.name: run for run in manifest.suites}
    asked = {name for name, suite in phase.suites.items() if suite.required}
    measured = {name for name, run in runs.items() if run.required and _as_asked(phase, manifest, run)}
    usable = {name: runs[name] for name in asked & measured}
    wanted = asked | {name for name, run in runs.items() if run.required}
    return tuple(_suite(name, usable.get(name), accepted) for name in sorted(wanted))


def _as_asked(phase: OwnPhase, manifest: EvidenceManifest, run: SuiteRun) -> bool:
    """Tell whether a suite ran with the arguments that the phase's document has now."""
    suite = phase.suites.get(run.name)
    return suite is not None and (manifest.origin == "taken" or list(run.arguments) == list(suite.arguments))


def _suite(name: str, run: SuiteRun | None, accepted: Sequence[Entry]) -> SuiteFacts:
    counts = (run and run.counts) or SuiteCounts()
    before = [entry.suites[name].passed for entry in accepted if name in entry.suites]
    return SuiteFacts(
        name=name,
        has_run=run is not None and (run.exit_code is not None or run.counts is not None or bool(run.outputs)),
        exit_code=run.exit_code if run else None,
        has_counts=run is not None and run.counts is not None,
        collected_count=counts.collected,
        passed_count=counts.passed,
        broken_count=counts.failed + counts.error,
        skipped_count=counts.skipped,
        outside_count=counts.skipped_outside,
        ended_count=counts.passed + counts.failed + counts.error + counts.skipped + counts.xfailed,
        accepted_passed_count=max(before, default=None),
    )


def _earlier(record: PhaseRecord, manifest: EvidenceManifest) -> list[Entry]:
    """Return the accepted runs before this one that are counted by the same definition, in order."""
    found: list[Entry] = []
    for entry in record.valid:
        if entry.kind == "baseline":
            found = []
        is_same = entry.coverage and entry.coverage.definition_digest == manifest.definition.digest
        if entry.kind == "observation" and is_same and not _is_this_run(entry, manifest):
            found.append(entry)
    return found


def _recent(record: PhaseRecord, manifest: EvidenceManifest, earlier: Sequence[Entry]) -> Iterator[Fraction]:
    lowered = [entry.commit_time for entry in record.valid if _lowers(entry.threshold)]
    runs = [(entry.commit_time, entry.coverage) for entry in earlier]
    for at, counted in (*runs, (manifest.commit_time, manifest.figures.required)):
        is_later = not lowered or (at is not None and at > lowered[-1])
        if is_later and counted is not None and counted.fraction is not None:
            yield counted.fraction


def _lowers(change: ThresholdChange | None) -> bool:
    return change is not None and change.from_percent is not None and change.to_percent < change.from_percent


def _is_this_run(entry: Entry, manifest: EvidenceManifest) -> bool:
    measured, recorded = manifest.figures.required, entry.coverage
    if measured is None or recorded is None or entry.source_digest != manifest.sources.digest:
        return False
    passed = {run.name: run.counts.passed for run in manifest.suites if run.counts}
    return recorded.model_dump(include=set(type(measured).model_fields)) == measured.model_dump() and all(
        counts.passed == passed.get(name) for name, counts in entry.suites.items()
    )


def _since_correction(record: PhaseRecord, earlier: Sequence[Entry]) -> Sequence[Entry]:
    """Leave out what stands before the last correction that takes nothing back: it accepts fewer tests."""
    entries = record.valid
    accepting = [place for place, entry in enumerate(entries) if entry.kind == "correction" and not entry.supersedes]
    later = {entry.key for entry in entries[max(accepting, default=-1) + 1 :]}
    return [entry for entry in earlier if entry.key in later]


def _changed_tool(record: PhaseRecord, manifest: EvidenceManifest) -> tuple[str, str] | None:
    """Name both tools when the newest recorded commit was not counted by this definition."""
    covered = [(entry.commit_time, entry.coverage) for entry in record.valid if entry.coverage]
    newest = [counted for at, counted in covered if at == covered[-1][0]]
    if not newest or any(counted.definition_digest == manifest.definition.digest for counted in newest):
        return None
    return newest[-1].tool, f"coverage {manifest.definition.coverage_version}"


def _regressed(phase: OwnPhase, folder: EvidenceFolder, earlier: Sequence[Entry]) -> tuple[str, ...]:
    """Globs of the goals that the last accepted run met and this one does not."""
    met = {glob for entry in earlier[-1:] for glob, module in entry.modules.items() if module.met}
    missed = [state.goal.glob for state in goal_states(phase, folder) if state.state != "met"]
    return tuple(dict.fromkeys(glob for glob in missed if glob in met))


def _hidden(thresholds: Thresholds) -> HiddenThreshold | None:
    in_force = thresholds.effective.percent if thresholds.effective else 0
    higher = [place for place in thresholds.shadowed if place.percent > in_force]
    place = max(higher, key=lambda place: place.percent, default=None)
    return HiddenThreshold(percent=place.percent, file=place.file, line=place.line) if place else None
