"""What the phase report reads: two phases, the record, and what this project measured.

Which files these are, and which of them belong together. What they mean is judged in
`reliability.notebook.phase`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reliability.errors import SourceError
from reliability.judge.phase import CoverageJudgement, judge_coverage
from reliability.notebook.parts import near, read_part
from reliability.sources.coverage_json import CoverageReport, read_coverage
from reliability.sources.junit import TestEvidence, read_junit
from reliability.sources.phase_document import ImportedPhase, OwnPhase, read_phase_document
from reliability.sources.record import PhaseRecord, read_record
from reliability.sources.samples import shipped_samples

SAMPLE: Final = shipped_samples()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of this project's tests.

    Attributes:
        coverage: What the tests ran.
        judged: That beside the phase's floor and goals.
        tests: How they ended.
        files: Name of each file of evidence -> its SHA-256.
        is_shipped: The files came with the package; nothing was measured on this machine.
    """

    coverage: CoverageReport
    judged: CoverageJudgement
    tests: TestEvidence
    files: Mapping[str, str]
    is_shipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEvidence:
    """Everything that the phase report reads.

    Attributes:
        phase: The phase as imported history.
        own: The phase of this project.
        record: Entries of the own phase.
        record_folder: Where they stand, as it was named.
        measured: The own measurement, or why there is none.
    """

    phase: ImportedPhase
    own: OwnPhase
    record: PhaseRecord
    record_folder: str
    measured: Measured | SourceError


def load_phase(parameters: Mapping[str, Any], *, project: Path) -> PhaseEvidence:
    """Read the evidence that the parameters name.

    Args:
        parameters: Resolved parameters of the report; None means the default.
        project: Folder that relative paths start from.

    Returns:
        The evidence; a measurement that is missing or broken is kept as its error.

    Raises:
        SourceError: A phase's document is missing, broken or of the wrong kind.
    """
    own = read_phase_document(near(project, parameters["own_phase_file"] or SAMPLE / "own_phase.toml"), OwnPhase)
    folder = parameters["record_folder"] or f"outputs/record/{own.id}"
    return PhaseEvidence(
        phase=read_phase_document(near(project, parameters["phase_file"] or SAMPLE / "fase3.toml"), ImportedPhase),
        own=own,
        record=read_record(near(project, folder)),
        record_folder=folder,
        measured=read_part(lambda: _measured((parameters["coverage_file"], parameters["junit_file"]), project, own)),
    )


def _measured(named: tuple[str | None, str | None], project: Path, own: OwnPhase) -> Measured:
    """Read coverage and tests of one run; a named file is never paired with a shipped one."""
    made = [near(project, f"outputs/evidence/{name}") for name in ("coverage.json", "junit.xml")]
    is_shipped = not any(named) and not any(path.exists() for path in made)
    usual = [SAMPLE / "evidence" / path.name for path in made] if is_shipped else made
    paths = [near(project, name) if name else path for name, path in zip(named, usual, strict=True)]
    coverage = read_coverage(paths[0])
    return Measured(
        coverage=coverage,
        judged=judge_coverage(coverage.totals.fraction, goals=own.goal_fractions, floor=own.floor_fraction),
        tests=read_junit(paths[1]),
        files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
        is_shipped=is_shipped,
    )
