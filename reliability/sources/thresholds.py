"""Finds the threshold of coverage that is in force: in which file it stands, what it hides or beats.

Rules of pytest, pytest-cov and coverage.py about which file wins; nothing is run. Whether it
may be raised is judged in `reliability.judge.ratchet`, and files are changed in
`reliability.phase.threshold_edit`.
"""

from collections.abc import Mapping
from pathlib import Path

from reliability.sources.evidence_manifest import Thresholds


def find_thresholds(project: Path, *, environment: Mapping[str, str]) -> Thresholds:
    """Find the threshold in force and those that it hides.

    Args:
        project: Folder that pytest and coverage.py are started in.
        environment: Environment variables; `PYTEST_ADDOPTS` and `COVERAGE_RCFILE` count.

    Returns:
        Threshold in force, shadowed ones, and what makes it weaker than it looks.

    Raises:
        ThresholdError: A configuration file cannot be read, or pytest would refuse it.
    """
    raise NotImplementedError
