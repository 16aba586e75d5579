"""Reads any file of coverage, whatever its format, into the same exact counts, or says why it has none.

JSON, LCOV, Cobertura and `.coverage` give the same total for one measurement, that of `coverage report`. Floors
and goals are judged elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.coverage_data import (
    doubtful_sources,
    folded_sources,
    read_coverage_data,
    sources_folder,
)
from reliability.sources.coverage_json import CoverageCounts, CoverageReport, add, read_coverage
from reliability.sources.coverage_lcov import read_lcov
from reliability.sources.coverage_xml import read_coverage_xml

Format = Literal["json", "lcov", "cobertura", "sqlite"]
_BEGINNINGS: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"SQLite format 3\0", "sqlite"),
    (b"{", "json"),
    (b"<", "cobertura"),
    (b"TN:", "lcov"),
    (b"SF:", "lcov"),
)
_DATA_NAME: Final = ".coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageFile:
    """What one file of coverage holds.

    Attributes:
        format: Format that it was recognised as.
        tool: What wrote it, with its version as far as the file says.
        counts: All files together.
        files: Counts by path, as the file names them.
        branch: Whether branches were measured; of LCOV and Cobertura: whether there are any.
        roots: Folders that Cobertura's paths start from; none: the project's folder.
    """

    format: Format
    tool: str
    counts: CoverageCounts
    files: Mapping[str, CoverageCounts]
    branch: bool
    roots: tuple[str, ...] = ()


def read_any_coverage(path: Path, *, sources: Path | None = None) -> CoverageFile:
    """Read a file of coverage.

    Args:
        path: JSON, LCOV, Cobertura XML or `.coverage`; told by its content, not by its name.
        sources: Project's folder for `.coverage`; None: where its sources are found.

    Returns:
        Exact counts.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: It has no total that can be believed; the message says why.
    """
    found = _read(path, sources)
    if not found.counts.statements:
        raise BrokenEvidenceError(f"{path} holds 0 statements, and nothing measured is not 100 %. Measure again.")
    if not found.counts.covered:
        raise BrokenEvidenceError(
            f"{path} says that none of {found.counts.statements} statements ran, not even by importing: the data was "
            f"measured with relative_files and reported without, or elsewhere. Report it where it was measured."
        )
    if found.format != "sqlite":
        _check_data_beside(path, found, sources)
    _check_places(path, found, sources)
    return found


def _read(path: Path, sources: Path | None) -> CoverageFile:
    format_ = _format_of(path)
    if format_ == "lcov":
        return _from_files(format_, "LCOV", read_lcov(path))
    if format_ == "cobertura":
        document = read_coverage_xml(path)
        return _from_files(format_, f"Cobertura {document.version}".strip(), document.files, roots=document.roots)
    report = read_coverage(path) if format_ == "json" else read_coverage_data(path, sources=sources)
    return _from_report(format_, report)


def _format_of(path: Path) -> Format:
    try:
        with path.open("rb") as file:
            beginning = file.read(200)
    except OSError as err:
        raise MissingEvidenceError(
            f"{path} could not be read ({err.strerror or err}). Name a file that coverage.py wrote."
        ) from err
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = next((format_ for start, format_ in _BEGINNINGS if text.startswith(start)), None)
    if found is None:
        shown = "is empty" if not text else f"begins with {text[:20]!r}"
        raise BrokenEvidenceError(
            f"{path} {shown}, which is no coverage JSON, LCOV, Cobertura XML or .coverage. Name a file that "
            f"coverage.py wrote."
        )
    return found


def _from_files(
    format_: Format, tool: str, files: Mapping[str, CoverageCounts], *, roots: tuple[str, ...] = ()
) -> CoverageFile:
    counts = add(files.values())
    return CoverageFile(format=format_, tool=tool, counts=counts, files=files, branch=counts.branches > 0, roots=roots)


def _from_report(format_: Format, report: CoverageReport) -> CoverageFile:
    files, counts = report.modules, add([report.totals])
    tool = f"coverage.py {report.meta.version}"
    return CoverageFile(format=format_, tool=tool, counts=counts, files=files, branch=report.meta.branch_coverage)


def _check_data_beside(path: Path, found: CoverageFile, sources: Path | None) -> None:
    """Refuse a report that the data beside it contradicts; data that is newer, or unreadable, says nothing of it."""
    data = path.parent / _DATA_NAME
    try:
        if not data.is_file() or data.stat().st_mtime_ns > path.stat().st_mtime_ns:
            return
        gone, changed = doubtful_sources(data, report=path, sources=sources)
    except (BrokenEvidenceError, OSError):
        return
    home = sources_folder(path, _names(found), sources)
    known = {str(home / name) for name in _names(found)}
    left_out = [name for name in gone if name not in known]
    if left_out:
        raise BrokenEvidenceError(
            f"{path} leaves out {left_out[0]} ({len(left_out)} of {len(left_out) + len(found.files)} files), which "
            f"{data} measured and whose source is gone: it was written with ignored errors. Measure again."
        )
    if changed:
        raise BrokenEvidenceError(
            f"{path} counts {changed[0]} ({len(changed)} files) in a text that never ran: it was changed after {data} "
            f"was measured and before the report. Measure again, or remove the data of an earlier run."
        )


def _check_places(path: Path, found: CoverageFile, sources: Path | None) -> None:
    home = sources_folder(path, _names(found), sources)
    places = [_within(home, name) for name in _names(found)]
    roots = [_within(home, root) for root in found.roots]
    folded = folded_sources([place for place in places if (home / place).is_file()], home, roots=roots)
    if folded:
        raise BrokenEvidenceError(
            f"{path} counts {folded[0]} ({len(folded)} files) in another file of a similar path: coverage.py folds "
            f"them when it combines relative paths. Report the parts alone, or measure with absolute paths."
        )


def _within(home: Path, name: str) -> str:
    return str(Path(name).relative_to(home)) if Path(name).is_relative_to(home) else name


def _names(found: CoverageFile) -> list[str]:
    """Paths of the files, of Cobertura behind each root that they may start from."""
    return [str(Path(root) / name) for root in found.roots or ("",) for name in found.files]
