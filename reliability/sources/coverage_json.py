"""Reads what `coverage json` wrote, as whole numbers.

Percentages are never read: coverage.py says 100 % of nothing and shows 34.6 as 35. The
judges compare exact fractions that follow from the counts. Goals and floors do not belong
here.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.validation import first_problem

KNOWN_FORMATS: Final = (None, 2, 3)
_AGAIN: Final = "Make it again with 'coverage json' from the run's own data."
_PERCENT_TOLERANCE: Final = 1e-6

Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCounts:
    """Statements and branches of one module or of the whole, and how many were run.

    Attributes:
        statements: Executable statements.
        covered: Statements that were run.
        branches: Ways out of branching lines; 0 when branches were not measured.
        covered_branches: Ways that were taken.
    """

    statements: int
    covered: int
    branches: int
    covered_branches: int

    @property
    def total(self) -> int:
        """What can be covered: statements and branches."""
        return self.statements + self.branches

    @property
    def missing(self) -> int:
        """What was not covered: statements and branches."""
        return self.total - self.covered - self.covered_branches

    @property
    def fraction(self) -> Fraction | None:
        """Covered share, exact, as `coverage report` computes it; None of nothing."""
        return Fraction(self.covered + self.covered_branches, self.total) if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCoverage:
    """Coverage of one source file.

    Attributes:
        path: Path as coverage.py wrote it.
        counts: Its statements and branches.
    """

    path: str
    counts: CoverageCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageReport:
    """One coverage JSON file.

    Attributes:
        totals: Sum over the modules.
        modules: Modules by path.
        branch_aware: Whether branches were measured.
        tool_version: Version of coverage.py that wrote the file.
    """

    totals: CoverageCounts
    modules: tuple[ModuleCoverage, ...]
    branch_aware: bool
    tool_version: str


class _Foreign(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Summary(_Foreign):
    covered_lines: Count
    num_statements: Count
    missing_lines: Count
    percent_covered: float
    num_branches: Count = 0
    covered_branches: Count = 0

    def counts(self) -> CoverageCounts:
        return CoverageCounts(
            statements=self.num_statements,
            covered=self.covered_lines,
            branches=self.num_branches,
            covered_branches=self.covered_branches,
        )


class _File(_Foreign):
    summary: _Summary


class _Meta(_Foreign):
    version: str
    branch_coverage: bool
    format: int | None = None


class _Document(_Foreign):
    meta: _Meta
    files: dict[str, _File]
    totals: _Summary


def read_coverage(path: Path) -> CoverageReport:
    """Read a coverage JSON file.

    Args:
        path: File that `coverage json` wrote, of format none, 2 or 3.

    Returns:
        Exact counts by module and in all.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: The file is torn, foreign, of an unknown format, contradicts
            itself, or measured nothing.
    """
    try:
        body = path.read_bytes()
    except OSError as err:
        raise MissingEvidenceError(
            f"{path} could not be read ({err.strerror or err}). "
            f"Measure first ('make test'), or name another file with coverage_file."
        ) from err
    return decode_coverage(body, where=str(path))


def decode_coverage(body: bytes, *, where: str) -> CoverageReport:
    """Decode the bytes of a coverage JSON file; see `read_coverage`.

    Args:
        body: The whole file.
        where: Name of the file for messages.

    Returns:
        Exact counts by module and in all.

    Raises:
        BrokenEvidenceError: As for `read_coverage`.
    """
    try:
        document = _Document.model_validate_json(body)
    except ValidationError as err:
        raise BrokenEvidenceError(f"{where} is no coverage JSON: {first_problem(err)}. {_AGAIN}") from err
    if document.meta.format not in KNOWN_FORMATS:
        raise BrokenEvidenceError(
            f"{where} has coverage format {document.meta.format}; known are 2, 3 and none. "
            f"Use a coverage.py that writes one of these."
        )
    modules = tuple(
        ModuleCoverage(path=path, counts=_checked(file.summary, where=f"{where}, {path}"))
        for path, file in sorted(document.files.items())
    )
    totals = _checked(document.totals, where=f"{where}, totals")
    if not totals.statements:
        raise BrokenEvidenceError(
            f"{where} measured {len(modules)} files with 0 statements; nothing measured is not 100 %. "
            f"Name the source folders in [tool.coverage.run] and measure again."
        )
    _check_sum(totals, modules, where=where)
    return CoverageReport(
        totals=totals,
        modules=modules,
        branch_aware=document.meta.branch_coverage,
        tool_version=document.meta.version,
    )


def _checked(summary: _Summary, *, where: str) -> CoverageCounts:
    counts = summary.counts()
    possible = (
        counts.covered + summary.missing_lines == counts.statements
        and counts.covered_branches <= counts.branches
    )
    percent = 100.0 if counts.fraction is None else float(100 * counts.fraction)
    if not possible or not abs(percent - summary.percent_covered) <= _PERCENT_TOLERANCE:
        raise BrokenEvidenceError(
            f"{where}: {counts.covered} of {counts.statements} statements and {counts.covered_branches} of "
            f"{counts.branches} branches do not give {summary.percent_covered} %. {_AGAIN}"
        )
    return counts


def _check_sum(totals: CoverageCounts, modules: tuple[ModuleCoverage, ...], *, where: str) -> None:
    summed = CoverageCounts(
        statements=sum(m.counts.statements for m in modules),
        covered=sum(m.counts.covered for m in modules),
        branches=sum(m.counts.branches for m in modules),
        covered_branches=sum(m.counts.covered_branches for m in modules),
    )
    if summed != totals:
        raise BrokenEvidenceError(
            f"{where}: the modules sum to {summed.covered} of {summed.statements} statements, the totals "
            f"say {totals.covered} of {totals.statements}. {_AGAIN}"
        )
