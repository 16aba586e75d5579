"""Small files of evidence, as the programs write them, for the phase and rollback reports."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from xml.sax.saxutils import quoteattr

from reliability.clock import format_instant
from reliability.shipped import shipped_folder
from reliability.sources.record import Entry, EntryKind, append_entry
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


def write_junit(
    path: Path, *, passed: int = 3, failed: Sequence[str] = (), requirements: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write a JUnit file of one module; `requirements`: name of a test -> the requirement that it names."""
    named = [
        f'<testcase classname="tests.test_shop" name={quoteattr(test)}><properties><property '
        f'name="reliability.requirement" value={quoteattr(name)}/></properties></testcase>'
        for test, name in requirements.items()
    ]
    good = [f'<testcase classname="tests.test_shop" name="test_{i}"/>' for i in range(passed)]
    bad = [f'<testcase classname="tests.test_shop" name={quoteattr(n)}><failure/></testcase>' for n in failed]
    cases = "".join(named + good + bad)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<testsuites><testsuite timestamp="2026-11-26T12:00:00+00:00">{cases}</testsuite></testsuites>',
        encoding="utf-8",
    )


PHASE = """
id = "shop"
kind = "own"
floor_percent = 90
goals_percent = [95, 97]
title = { en = "Shop: stay up", es = "Tienda: no caerse" }
purpose = { en = "Stay up.", es = "No caerse." }
origin = { en = "Measured by the shop's tests.", es = "Medido con las pruebas de la tienda." }
[suites.unit]
label = { en = "Unit tests", es = "Pruebas unitarias" }
unit = true
[suites.servers]
label = { en = "Tests with servers", es = "Pruebas con servidores" }
heavy = true
[components.locks]
label = { en = "Locks", es = "Bloqueos" }
test_modules = ["tests.test_shop"]
[requirements.RES-LOCK-01]
component = "locks"
modules = ["shop*.py"]
text = { en = "One lock per range.", es = "Un bloqueo por rango." }
[requirements.RES-LOCK-02]
component = "locks"
text = { en = "Extensions under control.", es = "Extensiones controladas." }
[[module_goals]]
glob = "shop*.py"
lines_percent = 90
[[risks]]
check = "sleeps-in-tests"
risk = { en = "Tests pass by chance.", es = "Las pruebas aciertan al azar." }
mitigation = { en = "No sleeps.", es = "Sin esperas." }
[[risks]]
closed = true
risk = { en = "Nobody knows the runbook.", es = "Nadie conoce el procedimiento." }
mitigation = { en = "A drill a month.", es = "Un simulacro al mes." }
[tasks.raise-floor]
state = "open"
text = { en = "Raise the floor.", es = "Subir el mínimo." }
"""


def write_evidence(
    project: Path,
    *,
    covered: int = 9231,
    statements: int = 10_000,
    failed: Sequence[str] = (),
    requirements: Mapping[str, str] = MappingProxyType({"test_range": "RES-LOCK-01"}),
    absent: Sequence[str] = (),
    name: str = "shop.py",
    floor: str = "90",
    **changed: object,
) -> Path:
    """Write the phase of a shop and the evidence of its suites `unit` and `servers`, with its manifest.

    Args:
        project: Folder of the project.
        covered: Of all required suites together; the unit suite alone has a tenth less.
        statements: Of how many.
        failed: Names of failed unit tests.
        requirements: Name of a unit test that passes -> the requirement that it names.
        absent: Suites that did not run; then the combined coverage was not measured.
        name: Path of the measured module.
        floor: Threshold in force, in the configuration of the project.
        **changed: Other parts of the manifest.

    Returns:
        The folder of the evidence.
    """
    (project / "phase.toml").write_text(PHASE, encoding="utf-8")
    (project / "setup.cfg").write_text(f"[coverage:report]\nprecision = 2\nfail_under = {floor}\n", encoding="utf-8")
    folder, at = project / "outputs" / "evidence", format_instant(DRILLED)
    write_coverage(folder / "coverage.json", covered=covered, statements=statements, name=name)
    write_junit(folder / "junit-unit.xml", failed=failed, requirements=requirements)
    write_junit(folder / "junit-servers.xml", passed=2)
    whole = {"statements": statements, "covered": covered, "branches": 0, "covered_branches": 0}
    unit = {**whole, "covered": covered * 9 // 10}
    passed = 3 + len(requirements)
    runs = {
        "unit": {
            "counts": {"collected": passed + len(failed), "passed": passed, "failed": len(failed)},
            "coverage": unit,
        },
        "servers": {"counts": {"collected": 2, "passed": 2}, "coverage": unit},
    }
    none: dict[str, object] = {
        "exit_code": None,
        "began_at": None,
        "ended_at": None,
        "counts": None,
        "coverage": None,
        "outputs": {},
    }
    suites: list[dict[str, object]] = [
        {
            "name": suite, "required": True, "heavy": suite == "servers", "unit": suite == "unit", "arguments": [],
            "exit_code": int(suite == "unit" and bool(failed)), "began_at": at, "ended_at": at,
            "outputs": {f"junit-{suite}.xml": sha256_of(folder / f"junit-{suite}.xml")},
            **run, **(none if suite in absent else {}),
        }
        for suite, run in runs.items()
    ]  # fmt: skip
    combined = None if absent else whole
    manifest = {
        "schema": "reliability.evidence/1", "origin": "runner", "run_id": "run-1", "phase_id": "shop",
        "commit": "c" * 40, "commit_time": at, "is_dirty": False, "began_at": at, "ended_at": at,
        "versions": {"coverage": "7.17.5"},
        "definition": {
            "branch": False, "roots": ["shop"], "omit": [], "exclude": [], "coverage_version": "7.17.5",
            "digest": "d" * 64,
        },
        "sources": {"files": {}, "digest": "a" * 64},
        "suites": suites,
        "figures": {
            "required": combined, "unit": unit, "all": combined,
            "imports_only": {**whole, "covered": covered // 3},
            "passing_only": {"coverage": {**whole, "covered": covered - 1}, "is_estimate": True} if combined else None,
        },
        "thresholds": {
            "effective": {"percent": floor, "file": "setup.cfg", "key": "fail_under", "line": 3},
        },
        "risks": [{"check": "sleeps-in-tests", "state": "PASS"}],
        "outputs": {} if absent else {"coverage.json": sha256_of(folder / "coverage.json")},
        **changed,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def write_record(folder: Path) -> None:
    """Write a record of two months: rises, a raised floor, a milestone and a new rule of counting."""
    lines = {"statements": 10_000, "branches": 0, "covered_branches": 0}

    def add(kind: EntryKind, days: int, covered: int, tool: str = "coverage 7.17.4", **changed: object) -> None:
        counts = {**lines, "covered": covered}
        entry = {
            "schema": "reliability.record/2", "kind": kind, "phase": "shop", "commit": f"{covered:040x}",
            "commit_time": format_instant(DRILLED - timedelta(days=60 - days)),
            "coverage": {**counts, "definition_digest": "b" * 64, "tool": tool},
            "figures": {"unit": {**counts, "covered": covered - 900}, "imports_only": {**counts, "covered": 3000}},
            **changed,
        }  # fmt: skip
        append_entry(folder, Entry.model_validate_json(json.dumps(entry)))

    for place, covered in enumerate(range(8300, 8900, 60)):
        kind: EntryKind = "observation" if place % 4 else "increment"
        add(kind, 4 * place, covered, reason="Tests of the basket.")
    add("threshold", 36, 8841, threshold={"from_percent": 85, "to_percent": 88, "where": "pyproject.toml"})
    add("milestone", 36, 8842, state={"requirements": {"RES-LOCK-01": "verified"}}, reason="RES-LOCK-01 is verified.")
    add("baseline", 42, 8700, tool="coverage 7.17.5", reason="coverage 7.17.5 counts branches otherwise.")
    add("increment", 46, 8900, tool="coverage 7.17.5")
    add("observation", 51, 9050, tool="coverage 7.17.5")
    add("increment", 56, 9120, tool="coverage 7.17.5")
    add("threshold", 56, 9121, threshold={"from_percent": 88, "to_percent": 90, "where": "pyproject.toml"})


def sha256_of(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_drill(path: Path, *, step_seconds: float = 2.0, evidence: str = "2 of 2", digest: str | None = None) -> None:
    """Write the log of one drill that did every step of the shipped runbook."""
    steps = read_runbook(RUNBOOK).steps
    at = [format_instant(DRILLED + timedelta(seconds=step_seconds * n)) for n in range(len(steps) + 1)]
    events: list[Mapping[str, object]] = [
        {
            "schema": "reliability.drill/1", "event": "start", "at": at[0], "runbook": RUNBOOK.name,
            "runbook_sha256": digest or sha256_of(RUNBOOK), "service": "shop",
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
