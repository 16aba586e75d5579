"""Takes the files of runs that somebody else made, one's own CI for example, into the folder of the evidence.

The same distrust as for our own runs, and more: a file older than the commit is refused, an exit
code that nobody tells is not known. Files are copied first, so that nobody changes them under us.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from reliability.clock import format_instant
from reliability.errors import BrokenEvidenceError, MissingEvidenceError, UsageError
from reliability.phase.asking import Asked
from reliability.phase.running import FinishedRun, data_of, junit_of, read_tests
from reliability.phase.vouching import Beginning, clear_outputs
from reliability.sources.coverage_file import CoverageFile, read_any_coverage
from reliability.sources.coverage_json import CoverageCounts

_SQLITE: Final = b"SQLite format 3\0"


def take_suites(
    asked: Asked,
    beginning: Beginning,
    *,
    coverage: Mapping[str, str],
    junit: Mapping[str, str],
    exit_codes: Mapping[str, str],
) -> dict[str, FinishedRun]:
    """Copy the files of suites into the folder of the evidence.

    Args:
        asked: The phase and its places.
        beginning: How things stand; files must not be older than its commit.
        coverage: Suite -> file of its coverage.
        junit: Suite -> its JUnit file.
        exit_codes: Suite -> exit code of its pytest.

    Returns:
        Each suite as if it had been run.

    Raises:
        UsageError: An exit code is no number.
        SourceError: A file is missing, broken or older than the commit.
    """
    codes = {name: _exit_code(name, text) for name, text in exit_codes.items()}
    bodies = {name: _body(Path(text), beginning) for name, text in coverage.items()}
    results = {name: _body(Path(text), beginning) for name, text in junit.items()}
    converted = {
        name: body if body.startswith(_SQLITE) else _as_json(read_any_coverage(Path(coverage[name]), sources=None))
        for name, body in bodies.items()
    }
    clear_outputs(asked.evidence_folder)
    names = [name for name in asked.phase.suites if name in {*coverage, *junit, *exit_codes}]
    return {
        name: _take(
            junit_of(asked.evidence_folder, name), data_of(asked.evidence_folder, name), data=converted.get(name),
            results=results.get(name), exit_code=codes.get(name), beginning=beginning,
        )
        for name in names
    }  # fmt: skip


def _take(
    junit: Path, target: Path, *, data: bytes | None, results: bytes | None, exit_code: int | None, beginning: Beginning
) -> FinishedRun:
    if data is not None:
        target = target if data.startswith(_SQLITE) else target.with_suffix(".json")
        target.write_bytes(data)
    if results is not None:
        junit.write_bytes(results)
    tests, problem = read_tests(junit) if results is not None else (None, "no JUnit file was given")
    _check_age(junit.name, tests.began_at if tests else None, beginning)
    return FinishedRun(
        arguments=(), exit_code=exit_code, began_at=tests.began_at if tests else None, ended_at=None, junit=junit,
        data=target, tests=tests, facts=None, problem=problem,
    )  # fmt: skip


def _body(path: Path, beginning: Beginning) -> bytes:
    try:
        changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        body = path.read_bytes()
    except OSError as err:
        raise MissingEvidenceError(f"{path} could not be read ({err.strerror or err}). Mend the name.") from err
    _check_age(str(path), changed_at, beginning)
    return body


def _check_age(name: str, made_at: datetime | None, beginning: Beginning) -> None:
    """Refuse what was made before the commit: it belongs to other sources."""
    committed_at = beginning.commit_time
    if made_at and committed_at and made_at < committed_at:
        raise BrokenEvidenceError(
            f"{name} was made at {format_instant(made_at.replace(microsecond=0))}, before the commit of "
            f"{format_instant(committed_at)}. Run the tests on this commit and take their files."
        )


def _exit_code(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as err:
        raise UsageError(f"--exit-code {name} {text!r} is no number. Write the exit code of pytest.") from err


def _as_json(found: CoverageFile) -> bytes:
    """Write coverage of any format as coverage.py's JSON has it."""
    document: dict[str, Any] = {
        "meta": {"format": 3, "version": found.tool.removeprefix("coverage.py "), "branch_coverage": found.branch},
        "files": {path: {"summary": _summary(counts)} for path, counts in found.files.items()},
        "totals": _summary(found.counts),
    }
    return json.dumps(document).encode()


def _summary(counts: CoverageCounts) -> dict[str, int]:
    return {
        "num_statements": counts.statements,
        "covered_lines": counts.covered,
        "num_branches": counts.branches,
        "covered_branches": counts.covered_branches,
    }
