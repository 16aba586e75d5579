"""What the phase report reads: two phases, the record, and what this project measured.

Which files these are, and which of them belong together. What they mean is judged in
`reliability.notebook.phase`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.errors import SettingsError, SourceError
from reliability.notebook.parts import near, read_part
from reliability.sources.coverage_json import CoverageReport, read_coverage
from reliability.sources.junit import TestEvidence, read_junit
from reliability.sources.phase_document import PhaseDocument, read_phase_document
from reliability.sources.record import PhaseRecord, read_record

SAMPLE: Final = Path(__file__).resolve().parents[1] / "sample"
COVERAGE_NAME: Final = "coverage.json"
JUNIT_NAME: Final = "junit.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of this project's tests.

    Attributes:
        coverage: What the tests ran.
        tests: How they ended.
        files: Name of each file of evidence -> its SHA-256.
        is_shipped: The files came with the package; nothing was measured on this machine.
    """

    coverage: CoverageReport
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

    phase: PhaseDocument
    own: PhaseDocument
    record: PhaseRecord | SourceError
    record_folder: str
    measured: Measured | SourceError


def load_phase(parameters: Mapping[str, object], *, project: Path) -> PhaseEvidence:
    """Read the evidence that the parameters name.

    Args:
        parameters: Resolved parameters of the report; None means the default.
        project: Folder that relative paths start from.

    Returns:
        The evidence; a measurement that is missing or broken is kept as its error.

    Raises:
        SettingsError: A phase's document is wrong or of the wrong kind.
    """
    phase = _document(parameters, "phase_file", project, shipped="fase3.toml", kind="imported")
    own = _document(parameters, "own_phase_file", project, shipped="own_phase.toml", kind="own")
    folder = _named(parameters, "record_folder") or f"outputs/record/{own.id}"
    return PhaseEvidence(
        phase=phase,
        own=own,
        record=read_part(lambda: read_record(near(project, folder))),
        record_folder=folder,
        measured=read_part(lambda: _measured(parameters, project)),
    )


def _document(parameters: Mapping[str, object], name: str, project: Path, *, shipped: str, kind: str) -> PhaseDocument:
    given = _named(parameters, name)
    path = near(project, given) if given else SAMPLE / shipped
    document = read_phase_document(path)
    if document.kind != kind:
        raise SettingsError(
            f"{path}: kind = '{document.kind}', but {name} needs a phase of kind '{kind}'. Name another file."
        )
    return document


def _measured(parameters: Mapping[str, object], project: Path) -> Measured:
    """Read coverage and tests of one run; a named file is never paired with a shipped one."""
    coverage_given, junit_given = _named(parameters, "coverage_file"), _named(parameters, "junit_file")
    made = near(project, "outputs/evidence")
    is_shipped = not (coverage_given or junit_given or (made / COVERAGE_NAME).exists() or (made / JUNIT_NAME).exists())
    folder = SAMPLE / "evidence" if is_shipped else made
    coverage = near(project, coverage_given) if coverage_given else folder / COVERAGE_NAME
    junit = near(project, junit_given) if junit_given else folder / JUNIT_NAME
    return Measured(
        coverage=read_coverage(coverage),
        tests=read_junit(junit),
        files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (coverage, junit)},
        is_shipped=is_shipped,
    )


def _named(parameters: Mapping[str, object], name: str) -> str | None:
    value = parameters.get(name)
    return str(value) if value else None
