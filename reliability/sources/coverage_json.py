"""Reads what `coverage json` wrote, as whole numbers.

Percentages are never read: coverage.py says 100 % of nothing and shows 34.6 as 35. The
judges compare exact fractions that follow from the counts. Goals and floors do not belong
here.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from reliability.sources.validation import Strict, read_evidence, refusing

Count = Annotated[int, Field(ge=0)]


class CoverageCounts(Strict):
    """Statements and branches of one module or of the whole, and how many were run.

    Attributes:
        statements: Executable statements.
        covered: Statements that were run.
        branches: Ways out of branching lines; 0 when branches were not measured.
        covered_branches: Ways that were taken.
    """

    statements: Count
    covered: Count
    branches: Count
    covered_branches: Count

    @model_validator(mode="after")
    def _within_its_bounds(self) -> Self:
        if self.covered > self.statements or self.covered_branches > self.branches:
            raise ValueError("more is covered than there is")
        return self

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


def add(parts: Iterable[CoverageCounts]) -> CoverageCounts:
    """Add counts; nothing comes to zeros."""
    counts = list(parts)
    return CoverageCounts(**{name: sum(getattr(part, name) for part in counts) for name in CoverageCounts.model_fields})


class _Foreign(Strict):
    model_config = ConfigDict(extra="ignore")


class _Summary(CoverageCounts):
    """Counts under the names that coverage.py gives them."""

    model_config = ConfigDict(extra="ignore")

    statements: Count = Field(alias="num_statements")
    covered: Count = Field(alias="covered_lines")
    branches: Count = Field(0, alias="num_branches")
    covered_branches: Count = 0


class _File(_Foreign):
    summary: _Summary


class _Meta(_Foreign):
    version: str
    branch_coverage: bool
    format: Literal[2, 3] | None = None


class CoverageReport(_Foreign):
    """One coverage JSON file.

    Attributes:
        meta: Which version of coverage.py wrote it, and whether branches were measured.
        files: Summary by path, as coverage.py wrote it.
        totals: Sum over the files.
    """

    meta: _Meta
    files: Mapping[str, _File]
    totals: _Summary

    @model_validator(mode="after")
    def _measured_something(self) -> Self:
        if not self.totals.statements:
            raise ValueError(
                f"{len(self.files)} files with 0 statements were measured, and nothing measured is not 100 %; "
                f"name the source folders in [tool.coverage.run]"
            )
        return self

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        told, counted = add([self.totals]), add(file.summary for file in self.files.values())
        if told != counted:
            raise ValueError(f"the totals say {dict(told)}, but the files come to {dict(counted)}")
        return self

    @property
    def modules(self) -> dict[str, CoverageCounts]:
        """Counts by path, in the order of paths."""
        return {path: file.summary for path, file in sorted(self.files.items())}


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
    body = read_evidence(path, cure="Measure first ('make test'), or name another file with coverage_file.")
    with refusing(f"{path} is no coverage JSON", cure="Measure again and write it with 'coverage json'."):
        return CoverageReport.model_validate_json(body)
