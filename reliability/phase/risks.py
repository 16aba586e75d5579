"""Checks the risks of a phase that a program can look at: in the tests, in the source, in the counts of a run.

A check says PASS only when it looked at something. Which risks a phase has, and which tests each check
reads, stands in the phase's document; what a FAIL means for the phase is judged elsewhere.
"""

from collections.abc import Sequence
from pathlib import Path

from reliability.sources.evidence_manifest import RiskState, SourceTree, SuiteRun
from reliability.sources.phase_document import OwnPhase


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
        One state per risk with a check, so that risks and states can be zipped.
    """
    del project, suites, tree
    return tuple(RiskState(check=risk.check, state="UNKNOWN") for risk in phase.risks if risk.check)
