"""What the data of several runs comes to: by suite, together, and without what only failed tests ran.

Data files are joined as they are, without any mapping of paths, and totals are those that
`coverage json` writes with the project's own configuration. Which figure counts is decided elsewhere.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import chdir, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException

from reliability.errors import RunError, SourceError
from reliability.phase.running import run_python
from reliability.sources.coverage_json import CoverageReport, read_coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the project's configuration says about measuring.

    Attributes:
        roots: Measured folders from the project's folder; packages are looked up as folders.
        omit: Patterns left out of the measurement, and of the report.
        exclude: Regular expressions of lines left out.
        others: Further options that change figures, by name.
    """

    roots: tuple[str, ...]
    omit: tuple[str, ...]
    exclude: tuple[str, ...]
    others: Mapping[str, Any]


def read_rules(project: Path, named: Sequence[str] = ()) -> Rules:
    """Read what is measured from the project's configuration of coverage.py.

    Args:
        project: Project's folder.
        named: Roots that the project's own `--cov=...` named; they win.

    Returns:
        The rules.

    Raises:
        RunError: The configuration does not parse.
    """
    with chdir(project):
        try:
            rules = Coverage(data_file=None, messages=False)
        except CoverageException as err:
            raise RunError(f"the configuration of coverage.py in {project} is wrong: {err}. Mend it.") from err
        options = {name: rules.get_option(name) for name in _OPTIONS}
    listed = {name: tuple(map(str, value)) for name, value in options.items() if isinstance(value, list)}
    sources = tuple(named) or tuple(name for option in _ROOTS for name in listed.get(option, ()))
    return Rules(
        roots=tuple(sorted({_folder_of(project, source) for source in sources})),
        omit=tuple(sorted({*listed.get("run:omit", ()), *listed.get("report:omit", ())})),
        exclude=tuple(sorted(listed.get("report:exclude_lines", ()) + listed.get("report:exclude_also", ()))),
        others={name: options[name] for name in _OTHERS},
    )


def join_data(parts: Mapping[str, Path], target: Path) -> None:
    """Write the data of several runs into one file, each under its static context.

    Args:
        parts: Context -> data file.
        target: New data file.

    Raises:
        RunError: A file is no data of coverage.py, or lines and branches are mixed.
    """
    joined = CoverageData(basename=str(target))
    try:
        for context, path in parts.items():
            data = CoverageData(basename=str(path))
            data.read()
            joined.set_context(context)
            files = data.measured_files()
            if data.has_arcs():
                joined.add_arcs({name: data.arcs(name) or [] for name in files})
            else:
                joined.add_lines({name: data.lines(name) or [] for name in files})
            joined.add_file_tracers({name: tracer for name in files if (tracer := data.file_tracer(name))})
            joined.touch_files(files)
        joined.write()
    except (CoverageException, sqlite3.Error) as err:
        raise RunError(f"the data of the suites cannot be joined: {err}. Measure all suites anew.") from err
    finally:
        joined.close()


def drop_contexts(source: Path, target: Path, *, failed: Collection[str]) -> None:
    """Write data without what only failed tests ran; files stay known.

    Args:
        source: Data with contexts of tests.
        target: New data file.
        failed: Node ids of the tests that failed.
    """
    target.write_bytes(source.read_bytes())
    with closing(sqlite3.connect(target)) as data, data:
        contexts = data.execute("SELECT id, context FROM context").fetchall()
        gone = [(row,) for row, context in contexts if context.rpartition("|")[0] in failed]
        for table in ("arc", "line_bits"):
            data.executemany(f"DELETE FROM {table} WHERE context_id = ?", gone)  # noqa: S608 -- two constants


def measured_files(path: Path, *, project: Path) -> frozenset[str]:
    """List the files that a data file holds, from the project's folder; those elsewhere stay absolute."""
    data = CoverageData(basename=str(path))
    data.read()
    with closing(data):
        return frozenset(from_project(name, project) for name in data.measured_files())


def from_project(name: str, project: Path) -> str:
    """Return a path of coverage.py from the project's folder; one that lies elsewhere as it is."""
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(project):
        path = path.relative_to(project)
    return path.as_posix()


def has_branches(path: Path) -> bool:
    """Tell whether a data file holds branches."""
    data = CoverageData(basename=str(path))
    data.read()
    with closing(data):
        return data.has_arcs()


def report_data(data: Path, target: Path, *, project: Path) -> CoverageReport:
    """Let `coverage json` compute what the data comes to.

    Args:
        data: Data file.
        target: Where the JSON goes.
        project: Project's folder, whose configuration counts.

    Returns:
        What it wrote.

    Raises:
        RunError: coverage.py refuses the data.
        SourceError: It measured nothing, or wrote what cannot be right.
    """
    words = ["-m", "coverage", "json", "-q", "--fail-under=0", f"--data-file={data}", "-o", str(target)]
    status = run_python(words, project=project, data=data)
    if status != 0:
        raise RunError(f"'coverage json' ended with status {status}; its words stand above.")
    return read_coverage(target)


def try_report(data: Path, target: Path, *, project: Path) -> tuple[CoverageReport | None, str | None]:
    """Report data that need not be there.

    Returns:
        What it comes to, or why that is not known.
    """
    if not data.exists():
        return None, "no coverage was written; the run may have been killed, or pytest-cov is not installed"
    try:
        return report_data(data, target, project=project), None
    except (RunError, SourceError) as err:
        return None, str(err)


_ROOTS = ("run:source", "run:source_pkgs", "run:source_dirs")
_OTHERS = (
    "run:include", "report:include", "report:partial_branches", "report:partial_also",
    "report:include_namespace_packages", "report:ignore_errors", "run:plugins", "run:relative_files",
)  # fmt: skip
_OPTIONS = (*_ROOTS, *_OTHERS, "run:omit", "report:omit", "report:exclude_lines", "report:exclude_also")


def _folder_of(project: Path, source: str) -> str:
    """Return the folder of a source, which may be a folder or the name of a package."""
    path = Path(source)
    if path.is_absolute():
        return from_project(str(path), project)
    package = source.replace(".", "/")
    for place in (source, package, f"src/{package}", f"lib/{package}", f"{package}.py"):
        if (project / place).exists():
            return Path(place).as_posix()
    return source
