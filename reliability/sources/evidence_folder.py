"""The folder of evidence with its manifest: what was measured, and what speaks against believing it.

A file that the manifest does not vouch for is not read. Doubts are listed, never resolved here:
what they mean for a verdict or for a raise is judged elsewhere.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from reliability.errors import BrokenEvidenceError
from reliability.sources.checkout import changed_since, read_checkout, read_committed
from reliability.sources.configuration import COVERAGE_FILES, PYTEST_FILES
from reliability.sources.coverage_json import CoverageReport, read_coverage
from reliability.sources.evidence_manifest import COVERAGE_NAME, MANIFEST_NAME, EvidenceManifest
from reliability.sources.junit import TestEvidence, count_outcomes, read_junit
from reliability.sources.source_tree import digest_file, digest_files, source_files
from reliability.sources.validation import read_evidence, refusing

_CONFIGURATION: Final = frozenset({*PYTEST_FILES, *COVERAGE_FILES})
_THRESHOLD: Final = re.compile(r"(?<=fail.under)\W+\d+(?:\.\d+)?")
_CURE: Final = "Measure first: reliability phase measure."


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrust:
    """Why evidence is not believed.

    Attributes:
        code: `stale-evidence`: an output is missing, was changed, or belongs to another phase;
            `stale-source`: a measured source, a test or a configuration of pytest or coverage
            changed, appeared or vanished since;
            `dirty-tree`: measured with local changes, or outside of git.
        values: Names of the files, or of the phase.
    """

    code: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFolder:
    """One measurement as it lies on the disk.

    Attributes:
        manifest: What the runner wrote.
        tests: Suite -> its tests, of each JUnit file that the manifest vouches for.
        coverage: Coverage of the required suites by module; None when it was not measured or is not vouched for.
        distrust: What speaks against it.
    """

    manifest: EvidenceManifest
    tests: Mapping[str, TestEvidence]
    coverage: CoverageReport | None
    distrust: tuple[Distrust, ...]


def read_evidence_folder(folder: Path, *, project: Path | None, phase_id: str | None = None) -> EvidenceFolder:
    """Read a folder of evidence and compare it with its manifest and with the sources as they are now.

    Args:
        folder: Usually `outputs/evidence`.
        project: Folder of the measured sources; None: the evidence came with the package, so its
            sources are not at hand and only its own files are checked.
        phase_id: Phase that it must have been measured for; None: any.

    Returns:
        The evidence, with every doubt.

    Raises:
        MissingEvidenceError: There is no manifest.
        BrokenEvidenceError: The manifest, or a file that it vouches for, is torn or foreign.
    """
    manifest = read_manifest(folder)
    changed = set(_changed_outputs(folder, manifest))
    doubts = [Distrust(code="stale-evidence", values=tuple(sorted(changed)))] if changed else []
    if phase_id is not None and manifest.phase_id != phase_id:
        doubts.append(Distrust(code="stale-evidence", values=(f"phase {manifest.phase_id}",)))
    if project is not None:
        doubts += _doubts_about_sources(manifest, project)
    names = {run.name: f"junit-{run.name}.xml" for run in manifest.suites if f"junit-{run.name}.xml" in run.outputs}
    vouched = COVERAGE_NAME in manifest.outputs and COVERAGE_NAME not in changed
    return EvidenceFolder(
        manifest=manifest,
        tests={suite: _tests(folder / name, manifest, suite) for suite, name in names.items() if name not in changed},
        coverage=_coverage(folder, manifest) if vouched else None,
        distrust=tuple(doubts),
    )


def read_manifest(folder: Path) -> EvidenceManifest:
    """Read the manifest of a folder.

    Raises:
        MissingEvidenceError: There is none.
        BrokenEvidenceError: It is torn, or not one of ours.
    """
    path = folder / MANIFEST_NAME
    body = read_evidence(path, cure=_CURE)
    with refusing(f"{path} is no manifest of evidence", cure="Measure again: reliability phase measure."):
        return EvidenceManifest.model_validate_json(body)


def _tests(path: Path, manifest: EvidenceManifest, suite: str) -> TestEvidence:
    """Read the tests of a suite; as many passed and broke as the manifest says."""
    found = read_junit(path)
    stated = next(run.counts for run in manifest.suites if run.name == suite)
    ends = count_outcomes(found.tests)
    if stated is None or (stated.passed, stated.failed + stated.error) != (ends["passed_count"], ends["broken_count"]):
        raise BrokenEvidenceError(
            f"{path} and the manifest beside it state different tests. Measure again: reliability phase measure."
        )
    return found


def _coverage(folder: Path, manifest: EvidenceManifest) -> CoverageReport:
    """Read the coverage; its totals must be those of the manifest."""
    found, stated = read_coverage(folder / COVERAGE_NAME), manifest.figures.required
    if stated is None or dict(stated) != {name: getattr(found.totals, name) for name in type(stated).model_fields}:
        raise BrokenEvidenceError(
            f"{folder / COVERAGE_NAME} and the manifest beside it state different totals. "
            f"Measure again: reliability phase measure."
        )
    return found


def _changed_outputs(folder: Path, manifest: EvidenceManifest) -> Iterator[str]:
    outputs = dict(manifest.outputs)
    for run in manifest.suites:
        outputs.update(run.outputs)
    for name, digest in outputs.items():
        if Path(name).name != name or digest_file(folder / name) != digest:
            yield name


def _doubts_about_sources(manifest: EvidenceManifest, project: Path) -> Iterator[Distrust]:
    measured, definition = manifest.sources.files, manifest.definition
    under = source_files(project, definition.roots, omit=definition.omit, include=definition.include)
    now = digest_files(project, measured)
    changed = {path for path, digest in measured.items() if now.get(path) != digest}
    changed |= set(under) - set(measured)
    if manifest.is_dirty is False:
        changed |= set(_of_other_tests(manifest, project))
    if changed:
        yield Distrust(code="stale-source", values=tuple(sorted(changed)))
    if manifest.is_dirty is not False:
        yield Distrust(code="dirty-tree")


def _of_other_tests(manifest: EvidenceManifest, project: Path) -> Iterator[str]:
    """List tests and configuration that differ from the measured commit: the same sources may be covered less now."""
    if manifest.commit is None or read_checkout(project).commit is None:
        return
    changed = changed_since(project, manifest.commit)
    if changed is None:
        yield f"commit {manifest.commit[:12]}"
        return
    for path in changed:
        name = PurePosixPath(path).name
        if name.endswith(".py") or (name in _CONFIGURATION and not _only_threshold_differs(manifest, project, path)):
            yield path


def _only_threshold_differs(manifest: EvidenceManifest, project: Path, path: str) -> bool:
    """Tell whether a raise, which rests on this very evidence, is all that changed in a file."""
    in_force, before = manifest.thresholds.effective, read_committed(project, manifest.commit or "", path)
    if in_force is None or in_force.file != path or before is None:
        return False
    now = (project / path).read_bytes().decode("utf-8", errors="replace").strip()
    return _THRESHOLD.sub("", now) == _THRESHOLD.sub("", before)
