"""Hand-made entries of a record, in the order of the digit that names their commit and sources."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from reliability.sources.record import Entry, EntryKind, RecordedCoverage, RecordedModule, RecordedSuite
from tests.unit.phase.measured import BEGAN, DEFINITION, counts

GREEN = RecordedSuite(passed=48, skipped=1, xfailed=1, collected=50, exit=0)


def entry(
    kind: EntryKind,
    percent: float | str | None,
    digit: str,
    *,
    definition: str = DEFINITION,
    met: Sequence[str] = (),
    **changed: Any,
) -> Entry:
    """Return an entry of the two suites of `tests.unit.phase.measured`; None: without a coverage."""
    covered = None
    if percent is not None:
        covered = RecordedCoverage(**dict(counts(percent)), definition_digest=definition, tool="coverage 7.17.5")
    usual = {
        "kind": kind,
        "phase": "demo",
        "commit": digit * 40,
        "commit_time": BEGAN - timedelta(hours=16 - int(digit, 16)),
        "suites": {} if percent is None else {"unit": GREEN, "servers": GREEN},
        "coverage": covered,
        "modules": {glob: RecordedModule(covered=100, total=100, met=True) for glob in met},
        "source_digest": None if percent is None else digit * 64,
    }
    return Entry.model_validate(usual | changed)
