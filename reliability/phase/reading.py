"""The commands `reliability phase coverage` and `reliability phase evidence`: what files of evidence say, exactly.

Reads, prints, sets the status. Nothing is judged; a file without a total that can be believed says why.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from reliability.errors import SourceError
from reliability.report.words import printable
from reliability.sources.coverage_file import CoverageFile, read_any_coverage
from reliability.sources.junit import TestEvidence, count_outcomes, read_junit

NO_DATA_STATUS: Final = 4
_STATUSES: Final = "Exit status: 0 every file was read, 2 usage, 4 a file was refused; its reason stands on stderr."
_FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON: of one file an object, of several a list.")


@click.command(epilog=_STATUSES)
@_FILES
@_JSON
@click.pass_context
def coverage(ctx: click.Context, *, files: tuple[Path, ...], as_json: bool) -> None:
    """Print the exact totals of coverage FILES: JSON, LCOV, Cobertura XML, or .coverage with its sources.

    The percentage is that of 'coverage report', unrounded; a file whose total cannot be believed is refused.
    """
    _tell(ctx, [_read(path, lambda path: _coverage(read_any_coverage(path))) for path in files], as_json=as_json)


@click.command(epilog=_STATUSES)
@_FILES
@_JSON
@click.pass_context
def evidence(ctx: click.Context, *, files: tuple[Path, ...], as_json: bool) -> None:
    """Print how each test of JUnit FILES ended, each test once and by its worst outcome."""
    _tell(ctx, [_read(path, lambda path: _evidence(read_junit(path))) for path in files], as_json=as_json)


def _read(path: Path, read: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
    try:
        return {"file": str(path), **read(path)}
    except SourceError as err:
        return {"file": str(path), "refused": str(err)}


def _coverage(found: CoverageFile) -> dict[str, Any]:
    counts = found.counts
    fraction = counts.fraction or 0  # never: a file without statements is refused
    return {
        "format": found.format,
        "tool": found.tool,
        "branch": found.branch,
        **dict(counts),
        "percent": float(100 * fraction),
        "fraction": f"{counts.covered + counts.covered_branches}/{counts.total}",
        "files_count": len(found.files),
    }


def _evidence(found: TestEvidence) -> dict[str, Any]:
    return {
        **count_outcomes(found.tests),
        "tests": [
            {
                "test": test.node_id or f"{test.classname}::{test.name}",
                "classname": test.classname,
                "name": test.name,
                "outcome": test.outcome.name.lower(),
                "requirement_ids": list(test.requirement_ids),
                "duration_seconds": test.duration_seconds,
                "reason": test.reason,
            }
            for test in found.tests
        ],
    }


def _tell(ctx: click.Context, results: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(results[0] if len(results) == 1 else results, indent=1, ensure_ascii=False))
    for result in results:
        if "refused" in result:
            click.echo(f"refused: {printable(result['refused'])}", err=True)
        elif not as_json:
            click.echo("\n".join(_lines(result)))
    ctx.exit(NO_DATA_STATUS if any("refused" in result for result in results) else 0)


def _lines(result: dict[str, Any]) -> list[str]:
    name = printable(result["file"])
    if "percent" in result:
        branches = f", {result['covered_branches']} of {result['branches']} branches" if result["branch"] else ""
        covered = f"{result['covered']} of {result['statements']} statements{branches}"
        return [f"{name}: {result['percent']!r} % = {result['fraction']} ({covered}; {printable(result['tool'])})"]
    counts = ("passed", "xfailed", "skipped", "broken")
    told = ", ".join(f"{result[f'{count}_count']} {count}" for count in counts)
    tests = (
        f"  {test['outcome']} {test['test']}" + (f": {test['reason']}" if test["reason"] else "")
        for test in result["tests"]
    )
    return [f"{name}: {told}", *map(printable, tests)]
