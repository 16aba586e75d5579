"""Checks the risks of a phase that a program can look at: in the tests, in the source, in the counts of a run.

A check says PASS only when it looked at something. Which risks a phase has, and which tests each check
reads, stands in the phase's document; what a FAIL means for the phase is judged elsewhere.
"""

import ast
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from reliability.judge.module_goals import matching
from reliability.phase.habits import Place, find_sleeps, find_unspecific_exceptions
from reliability.sources.evidence_manifest import RiskFinding, RiskState, SourceTree, SuiteRun
from reliability.sources.phase_document import CheckedRisk, OwnPhase

_SHOWN_FINDINGS: Final = 50
_READERS: Final[dict[str, Callable[[ast.Module], list[Place]]]] = {
    "sleeps-in-tests": find_sleeps,
    "unspecific-exceptions": find_unspecific_exceptions,
}


def check_risks(
    phase: OwnPhase, *, project: Path, suites: Sequence[SuiteRun], tree: SourceTree
) -> tuple[RiskState, ...]:
    """Check the risks of a phase that have a check, in their order.

    Args:
        phase: Names the checks and the folders of the tests.
        project: Project's folder.
        suites: Suites as they ran; reruns are read from their counts.
        tree: Measured sources, with the paths that look like tests or mocks.

    Returns:
        One state per risk with a check, so that risks and states can be zipped. UNKNOWN when there was nothing
        to look at, or when a part could not be looked at and the rest shows nothing.
    """
    tests = _test_files(project, phase.source.test_folders)
    return tuple(
        _check(risk, risk.check, project=project, tests=tests, suites=suites, tree=tree)
        for risk in phase.risks
        if risk.check
    )


def _check(
    risk: CheckedRisk, check: str, *, project: Path, tests: Sequence[str], suites: Sequence[SuiteRun], tree: SourceTree
) -> RiskState:
    if check == "test-files-in-source":
        found = [RiskFinding(path=path) for path in sorted(tree.test_like)]
        return _state(check, found, is_whole=bool(tree.files))
    if check == "flaky-reruns":
        known = [(suite.name, suite.counts) for suite in suites if suite.counts is not None]
        found = [RiskFinding(path=name, text=str(counts.reruns)) for name, counts in known if counts.reruns]
        looked_at = {name for name, counts in known if counts.collected is not None}
        return _state(check, found, is_whole=bool(looked_at) and all(s.name in looked_at for s in suites if s.required))
    paths = tests if risk.tests is None else sorted({path for glob in risk.tests for path in matching(glob, tests)})
    findings, is_whole = _read_tests(project, paths, _READERS[check])
    return _state(check, findings, is_whole=is_whole)


def _state(check: str, findings: Sequence[RiskFinding], *, is_whole: bool) -> RiskState:
    return RiskState(
        check=check,
        state="FAIL" if findings else "PASS" if is_whole else "UNKNOWN",
        findings=tuple(findings[:_SHOWN_FINDINGS]),
        findings_count=len(findings),
    )


def _test_files(project: Path, folders: Sequence[str]) -> list[str]:
    root = project.resolve()
    found = {path for folder in folders for path in (root / folder).resolve().rglob("*.py") if path.is_file()}
    return sorted(path.relative_to(root).as_posix() for path in found if path.is_relative_to(root))


def _read_tests(
    project: Path, paths: Sequence[str], read: Callable[[ast.Module], list[Place]]
) -> tuple[list[RiskFinding], bool]:
    findings: list[RiskFinding] = []
    is_whole = bool(paths)
    for path in paths:
        try:
            with warnings.catch_warnings(action="ignore"):  # of string escapes, which are not the question
                places = read(ast.parse((project / path).read_bytes()))
        except (OSError, SyntaxError, ValueError, RecursionError):  # nobody can say that such a file is in order
            is_whole = False
            continue
        findings += [RiskFinding(path=path, line=place.line, text=place.text) for place in places]
    return findings, is_whole
