"""What the phase report reads: two phases, the record, and what this project measured.

Which files these are, and which of them belong together. Files of the evidence folder count only
with a manifest that vouches for them; files that somebody names are read without one, and the page
says so. What it all means is judged in `reliability.notebook.phase`.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from reliability.errors import MissingEvidenceError, SourceError, ThresholdError
from reliability.judge.phase import UNATTRIBUTED, CoverageJudgement, judge_coverage
from reliability.judge.ratchet import WITHOUT_MANIFEST, RatchetDecision
from reliability.notebook.parts import near, present, read_part
from reliability.notebook.phase_facts import decide_ratchet
from reliability.notebook.phase_resilience import Resilience
from reliability.settings import EVIDENCE_FOLDER, PHASE_FILE_NAME, RECORD_FOLDER
from reliability.sources.coverage_json import CoverageCounts, CoverageReport, read_coverage
from reliability.sources.evidence_folder import EvidenceFolder, read_evidence_folder
from reliability.sources.evidence_manifest import COVERAGE_NAME, MANIFEST_NAME, EvidenceManifest, Thresholds
from reliability.sources.junit import TestEvidence, TestResult, read_junit
from reliability.sources.phase_document import ImportedPhase, OwnPhase, read_phase_document
from reliability.sources.record import PhaseRecord, read_record
from reliability.sources.samples import shipped_samples
from reliability.sources.thresholds import find_thresholds

SAMPLE: Final = shipped_samples()
_NOT_READ: Final = MissingEvidenceError("what the components reported was not read.")
_USUAL: Final = (COVERAGE_NAME, "junit.xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measurement of this project's tests.

    Attributes:
        counts: What the required suites ran together; None when that was not measured.
        coverage: The same by module; None likewise.
        judged: That beside floor and goals; the floor is the higher one of the phase's and the one in force.
        tests: How the tests of each suite ended; of named files one suite without a name.
        required: Suites that gate, as the phase's document says.
        files: Name of each file of evidence -> its SHA-256.
        began_at: When the tests began; None when the files do not say.
        is_shipped: The files came with the package; nothing was measured on this machine.
        folder: The manifest and what speaks against it; None for files without a manifest.
        thresholds: In force now; of shipped evidence as its manifest says; None without a manifest.
    """

    counts: CoverageCounts | None
    coverage: CoverageReport | None
    judged: CoverageJudgement
    tests: Mapping[str, TestEvidence]
    required: tuple[str, ...]
    files: Mapping[str, str]
    began_at: datetime | None
    is_shipped: bool
    folder: EvidenceFolder | None = None
    thresholds: Thresholds | None = None

    @property
    def manifest(self) -> EvidenceManifest | None:
        """The manifest, if there is one."""
        return self.folder.manifest if self.folder else None

    @property
    def results(self) -> tuple[TestResult, ...]:
        """Tests of all suites."""
        return tuple(result for tests in self.tests.values() for result in tests.tests)

    @property
    def required_results(self) -> tuple[TestResult, ...]:
        """Tests of the suites that gate."""
        return tuple(result for name in self.required if name in self.tests for result in self.tests[name].tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEvidence:
    """Everything that the phase report reads.

    Attributes:
        phase: The phase as imported history.
        own: The phase of this project.
        record: Entries of the own phase.
        record_folder: Where they stand, as it was named.
        measured: The own measurement, or why there is none.
        decision: What the ratchet says of it.
        now: Instant of the report.
        resilience: What breakers, locks and sessions of the release under test reported, or why that is not known.
    """

    phase: ImportedPhase
    own: OwnPhase
    record: PhaseRecord
    record_folder: str
    measured: Measured | SourceError
    decision: RatchetDecision
    now: datetime
    resilience: Resilience | SourceError = _NOT_READ

    @property
    def is_doubted(self) -> bool:
        """Whether what was measured is not what is here now."""
        return not UNATTRIBUTED.isdisjoint(self.decision.codes)


def load_phase(parameters: Mapping[str, Any], *, project: Path, now: datetime) -> PhaseEvidence:
    """Read the evidence that the parameters name.

    Args:
        parameters: Resolved parameters of the report; None means the default.
        project: Folder that relative paths start from.
        now: Instant of the report.

    Returns:
        The evidence; a measurement that is missing or broken is kept as its error.

    Raises:
        SourceError: A phase's document is missing, broken or of the wrong kind.
    """
    has_own = bool(parameters["own_phase_file"]) or (project / PHASE_FILE_NAME).exists()
    own_path = (parameters["own_phase_file"] or PHASE_FILE_NAME) if has_own else SAMPLE / "own_phase.toml"
    own = read_phase_document(near(project, own_path), OwnPhase)
    record_folder = parameters["record_folder"] or f"{RECORD_FOLDER}/{own.id}"
    record = read_record(near(project, record_folder))
    measured = read_part(lambda: _measure(parameters, project, own, has_own=has_own))
    return PhaseEvidence(
        phase=read_phase_document(near(project, parameters["phase_file"] or SAMPLE / "fase3.toml"), ImportedPhase),
        own=own,
        record=record,
        record_folder=record_folder,
        measured=measured,
        decision=WITHOUT_MANIFEST if isinstance(measured, SourceError) else _decide(own, measured, record),
        now=now,
    )


def modules_of(found: PhaseEvidence) -> Mapping[str, CoverageCounts]:
    """Return the counts of every module; none without a measurement of all required suites."""
    measured = present(found.measured)
    return measured.coverage.modules if measured.coverage else {}


def _measure(parameters: Mapping[str, Any], project: Path, own: OwnPhase, *, has_own: bool) -> Measured:
    """Read the named files, else the folder with its manifest, else what came with the package."""
    named = [parameters[name] for name in ("coverage_file", "junit_file")]
    folder = near(project, parameters["evidence_folder"] or EVIDENCE_FOLDER)
    if any(named):
        paths = [near(project, name or folder / usual) for name, usual in zip(named, _USUAL, strict=True)]
        return _bare(paths, own, is_shipped=False)
    is_shipped = not has_own and not parameters["evidence_folder"] and not folder.exists()
    if is_shipped and not (SAMPLE / "evidence" / MANIFEST_NAME).exists():
        return _bare([SAMPLE / "evidence" / name for name in _USUAL], own, is_shipped=True)
    return _vouched(SAMPLE / "evidence" if is_shipped else folder, None if is_shipped else project, own)


def _bare(paths: Sequence[Path], own: OwnPhase, *, is_shipped: bool) -> Measured:
    """Read coverage and tests that nothing vouches for."""
    coverage, tests = read_coverage(paths[0]), read_junit(paths[1])
    return Measured(
        counts=coverage.totals,
        coverage=coverage,
        judged=judge_coverage(coverage.totals.fraction, goals=own.goal_fractions, floor=own.floor_fraction),
        tests={"": tests},
        required=("",),
        files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
        began_at=tests.began_at,
        is_shipped=is_shipped,
    )


def _vouched(folder_path: Path, project: Path | None, own: OwnPhase) -> Measured:
    """Read a folder of evidence by its manifest; without a project its sources are not compared."""
    folder = read_evidence_folder(folder_path, project=project, phase_id=own.id)
    manifest = folder.manifest
    thresholds = _thresholds_now(project) or manifest.thresholds
    counts, in_force = manifest.figures.required, thresholds.effective
    floor = max(own.floor_fraction, Fraction(in_force.percent) / 100 if in_force else Fraction(0))
    return Measured(
        counts=counts,
        coverage=folder.coverage,
        judged=judge_coverage(counts.fraction if counts else None, goals=own.goal_fractions, floor=floor),
        tests=folder.tests,
        required=tuple(name for name, suite in own.suites.items() if suite.required),
        files=dict(_vouched_files(manifest)),
        began_at=manifest.began_at,
        is_shipped=project is None,
        folder=folder,
        thresholds=thresholds,
    )


def _thresholds_now(project: Path | None) -> Thresholds | None:
    """Find the threshold in force now; None without a project, or when pytest would refuse its configuration."""
    try:
        return find_thresholds(project, environment=os.environ) if project else None
    except ThresholdError:
        return None


def _decide(own: OwnPhase, measured: Measured, record: PhaseRecord) -> RatchetDecision:
    """Decide about the floor; what came with the package is no run of the project's record."""
    record = PhaseRecord(entries=(), unreadable=record.unreadable) if measured.is_shipped else record
    return decide_ratchet(own, folder=measured.folder, record=record, thresholds=measured.thresholds)


def _vouched_files(manifest: EvidenceManifest) -> Iterator[tuple[str, str]]:
    yield from manifest.outputs.items()
    for suite in manifest.suites:
        yield from suite.outputs.items()
