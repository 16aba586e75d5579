"""Hand-made evidence of a small phase with the suites `unit` and `servers`: a green run, and how to spoil it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.evidence_folder import Distrust, EvidenceFolder
from reliability.sources.evidence_manifest import (
    Definition,
    EvidenceManifest,
    Figures,
    SourceTree,
    SuiteCounts,
    SuiteRun,
    ThresholdPlace,
    Thresholds,
)
from reliability.sources.phase_document import OwnPhase

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
DEFINITION, SOURCES, OUTPUT = "d" * 64, "a" * 64, "e" * 64
_TEXT = {"en": "text", "es": "texto"}


def phase(**changed: Any) -> OwnPhase:
    """Return a phase from 35 to 40 percent with two required suites."""
    usual = {
        "id": "demo",
        "kind": "own",
        "title": _TEXT,
        "purpose": _TEXT,
        "origin": _TEXT,
        "floor_percent": Decimal(30),
        "goals_percent": [Decimal(35), Decimal(40)],
        "suites": {
            "unit": {"label": _TEXT, "arguments": ["tests/unit"], "unit": True},
            "servers": {"label": _TEXT, "arguments": ["tests/servers"], "heavy": True},
        },
    }
    return OwnPhase.model_validate(usual | changed)


def counts(percent: float | str) -> CoverageCounts:
    """Return counts with exactly this share."""
    return CoverageCounts(statements=100_000, covered=int(Decimal(str(percent)) * 1000), branches=0, covered_branches=0)


def suite(name: str, **changed: Any) -> SuiteRun:
    """Return the green run of a suite: 50 tests, 48 passed."""
    tests = changed.pop("tests", {})
    whole = SuiteCounts.model_validate(
        {"collected": 50, "deselected": 0, "passed": 48, "skipped": 1, "xfailed": 1, **tests}
    )
    usual = {
        "name": name,
        "required": True,
        "heavy": name == "servers",
        "unit": name == "unit",
        "arguments": (f"tests/{name}",),
        "exit_code": 0,
        "began_at": BEGAN,
        "ended_at": BEGAN + timedelta(minutes=1),
        "counts": whole,
        "coverage": counts(20),
        "outputs": {f"junit-{name}.xml": OUTPUT},
    }
    return SuiteRun.model_validate(usual | changed)


def absent(name: str) -> SuiteRun:
    """Return a suite that did not run."""
    nothing: dict[str, Any] = {
        "exit_code": None,
        "began_at": None,
        "ended_at": None,
        "counts": None,
        "coverage": None,
        "outputs": {},
    }
    return suite(name, **nothing)


def thresholds(percent: float | str | None = 35, *, shadowed: Sequence[ThresholdPlace] = ()) -> Thresholds:
    """Return a threshold in pyproject.toml."""
    place = None if percent is None else threshold_at(percent)
    return Thresholds(effective=place, shadowed=shadowed)


def threshold_at(percent: float | str, file: str = "pyproject.toml") -> ThresholdPlace:
    """Return one place of a threshold."""
    return ThresholdPlace(percent=Decimal(str(percent)), file=file, key="tool.coverage.report.fail_under", line=12)


def manifest(percent: float | str = 41, **changed: Any) -> EvidenceManifest:
    """Return the manifest of a green run with this coverage."""
    measured = counts(percent)
    tree = {"files": {"demo/breaker.py": SOURCES}, "digest": SOURCES}
    kind = {"branch": True, "roots": ("demo",), "omit": (), "exclude": (), "coverage_version": "7.17.5"}
    usual = {
        "schema": "reliability.evidence/1",
        "origin": "runner",
        "run_id": "run-1",
        "phase_id": "demo",
        "commit": "c" * 40,
        "commit_time": BEGAN,
        "is_dirty": False,
        "began_at": BEGAN,
        "ended_at": BEGAN + timedelta(minutes=3),
        "versions": {"coverage": "7.17.5"},
        "definition": Definition.model_validate({**kind, "digest": DEFINITION, **changed.pop("definition", {})}),
        "sources": SourceTree.model_validate({**tree, **changed.pop("sources", {})}),
        "suites": (suite("unit"), suite("servers")),
        "figures": Figures(required=measured, unit=counts(20), all=measured),
        "thresholds": thresholds(),
        "outputs": {"coverage.json": OUTPUT},
    }
    return EvidenceManifest.model_validate(usual | changed)


def folder(
    percent: float | str = 41, *, distrust: Mapping[str, Sequence[str]] | None = None, **changed: Any
) -> EvidenceFolder:
    """Return the evidence of a green run; `distrust`: code -> paths."""
    doubts = tuple(Distrust(code=code, values=tuple(paths)) for code, paths in (distrust or {}).items())
    coverage = changed.pop("coverage", None)
    return EvidenceFolder(manifest=manifest(percent, **changed), tests={}, coverage=coverage, distrust=doubts)
