"""What a measurement came to, in lines for the terminal.

Nothing is judged: shares are rounded down, and what was not measured says so.
"""

from collections.abc import Iterator, Mapping

from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.evidence_manifest import EvidenceManifest, SuiteRun
from reliability.sources.junit import TestEvidence
from reliability.sources.phase_document import OwnPhase


def describe_manifest(manifest: EvidenceManifest) -> list[str]:
    """Say how the suites ended, what they cover together, and what does not fit among the sources."""
    figures = manifest.figures
    lines = [_suite_line(run) for run in manifest.suites]
    for label, counts in (("required suites", figures.required), ("all suites", figures.all)):
        lines.append(f"{label}: {_percent(counts)}")
    if figures.imports_only:
        lines.append(f"imports alone: {_percent(figures.imports_only)}")
    sources = manifest.sources
    for label, paths in (
        ("looks like a test or a mock under the measured roots", sources.test_like),
        ("not measured", sources.unmeasured),
        ("vanished from the data", sources.vanished),
    ):
        lines += [f"{label}: {path}" for path in paths]
    if manifest.is_dirty is not False:
        lines.append("note: measured with local changes or outside of git; no raise and no entry follows from it")
    return lines


def unknown_requirements(phase: OwnPhase, tests: Mapping[str, TestEvidence]) -> Iterator[str]:
    """Name the tests whose markers name a requirement that the phase does not have."""
    for evidence in tests.values():
        for test in evidence.tests:
            for name in test.requirement_ids:
                if name not in phase.requirements:
                    yield f"unknown requirement {name} in {test.node_id or f'{test.classname}.{test.name}'}"


def _suite_line(run: SuiteRun) -> str:
    if run.exit_code is None and run.counts is None:
        return f"{run.name}: did not run"
    counts, code = run.counts, "not known" if run.exit_code is None else run.exit_code
    ends = ("passed", "failed", "error", "skipped", "xfailed")
    told = [f"{getattr(counts, end)} {end}" for end in ends if getattr(counts, end)] if counts else ["no tests"]
    return "; ".join(filter(None, [f"{run.name}: exit {code}", ", ".join(told), _percent(run.coverage), run.problem]))


def _percent(counts: CoverageCounts | None) -> str:
    """Show a share with two decimals, rounded down, so that it never shows more than there is."""
    if counts is None or counts.fraction is None:
        return "not measured"
    hundredths = 10_000 * counts.fraction.numerator // counts.fraction.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} % covered"
