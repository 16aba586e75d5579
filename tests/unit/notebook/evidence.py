"""Small files of evidence, as the programs write them, for the phase and rollback reports."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

from reliability.clock import format_instant
from reliability.shipped import shipped_folder
from reliability.sources.runbook import read_runbook

DRILLED = datetime(2026, 11, 26, 12, tzinfo=UTC)
RUNBOOK = shipped_folder("templates") / "rollback_runbook.md"
NASTY = "<script>alert(\"1\")</script> & 'x'"


def write_coverage(path: Path, *, covered: int, statements: int = 10_000, name: str = "shop.py") -> None:
    """Write a coverage JSON of one module without branches."""
    summary = {
        "covered_lines": covered,
        "num_statements": statements,
        "missing_lines": statements - covered,
        "percent_covered": 100.0 * covered / statements if statements else 100.0,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({
            "meta": {"format": 3, "version": "7.17.5", "branch_coverage": False},
            "files": {name: {"summary": summary}},
            "totals": summary,
        })
    )  # fmt: skip


def write_junit(path: Path, *, passed: int = 3, failed: Sequence[str] = ()) -> None:
    """Write a JUnit file of one module."""
    good = [f'<testcase classname="tests.test_shop" name="test_{i}"/>' for i in range(passed)]
    bad = [f'<testcase classname="tests.test_shop" name={quoteattr(n)}><failure/></testcase>' for n in failed]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<testsuites><testsuite timestamp="2026-11-26T12:00:00+00:00">{"".join(good + bad)}</testsuite></testsuites>',
        encoding="utf-8",
    )


def write_drill(path: Path, *, step_seconds: float = 2.0, evidence: str = "2 of 2", digest: str | None = None) -> None:
    """Write the log of one drill that did every step of the shipped runbook."""
    steps = read_runbook(RUNBOOK).steps
    at = [format_instant(DRILLED + timedelta(seconds=step_seconds * n)) for n in range(len(steps) + 1)]
    events: list[Mapping[str, object]] = [
        {
            "schema": "reliability.drill/1", "event": "start", "at": at[0], "runbook": RUNBOOK.name,
            "runbook_sha256": digest or hashlib.sha256(RUNBOOK.read_bytes()).hexdigest(), "service": "shop",
            "from_release": "2.8.0", "to_release": "2.7.3", "decider": "somebody", "limit_seconds": 900,
        },
        *(
            {"event": "step", "at": end, "step": step.id, "kind": step.kind, "seconds": step_seconds,
             "budget_seconds": step.budget_seconds, "status": "ok", "evidence": evidence}
            for step, end in zip(steps, at[1:], strict=True)
        ),
        {"event": "end", "at": at[-1], "seconds": step_seconds * len(steps), "status": "ok"},
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({**event, "run_id": "drill-1"}) + "\n" for event in events))
