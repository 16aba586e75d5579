"""What the data of several runs comes to: by suite, together, and without what only failed tests ran.

Data files are joined as they are, without any mapping of paths, and totals are those that
`coverage json` writes with the project's own configuration. Which figure counts is decided elsewhere.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import chdir, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException

from reliability.errors import RunError
from reliability.phase.running import run_python
from reliability.sources.coverage_data import write_contexts
from reliability.sources.coverage_json import CoverageReport, read_coverage

_ROOTS: Final = ("run:source", "run:source_pkgs", "run:source_dirs")
_OTHERS: Final = (
    "run:include", "report:partial_branches", "report:partial_also", "report:include_namespace_packages",
    "report:ignore_errors", "run:plugins", "run:relative_files",
)  # fmt: skip
_OPTIONS: Final = (
    *_ROOTS, *_OTHERS, "run:branch", "run:omit", "report:omit", "report:include", "report:exclude_lines",
    "report:exclude_also",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the project's configuration says about measuring.

    Attributes:
        branch: Branches count too.
        roots: Measured folders from the project's folder; packages are looked up as folders.
        omit: Patterns left out of the measurement, and of the report.
        include: Patterns that alone are reported.
        exclude: Regular expressions of lines left out.
        others: Further options that change figures, by name.
    """

    branch: bool
    roots: tuple[str, ...]
    omit: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    others: Mapping[str, Any]


def read_rules(project: Path, *, named: Sequence[str] = (), config: str | None = None) -> Rules:
    """Read what is measured from the project's configuration of coverage.py.

    Args:
        project: Project's folder.
        named: Roots that the project's own `--cov=...` named; they win.
        config: File that its own `--cov-config` named; None: where coverage.py looks.

    Returns:
        The rules; without any root, the whole project is measured.

    Raises:
        RunError: The configuration does not parse.
    """
    with chdir(project):
        try:
            rules = Coverage(data_file=None, messages=False, config_file=config or True)
        except CoverageException as err:
            raise RunError(f"the configuration of coverage.py in {project} is wrong: {err}. Mend it.") from err
        options = {name: _option(rules, name) for name in _OPTIONS}
    listed = {name: tuple(map(str, value)) for name, value in options.items() if isinstance(value, list)}
    sources = tuple(named) or tuple(name for option in _ROOTS for name in listed.get(option, ()))
    return Rules(
        branch=bool(options["run:branch"]),
        roots=tuple(sorted({_folder_of(project, source) for source in sources or (".",)})),
        omit=_together(listed, "run:omit", "report:omit"),
        include=_together(listed, "report:include") or (() if sources else _together(listed, "run:include")),
        exclude=_together(listed, "report:exclude_lines", "report:exclude_also"),
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


def drop_contexts(source: Path, target: Path, *, failed: Collection[str]) -> bool:
    """Write data without what only failed tests ran; files stay known.

    Args:
        source: Data with contexts of tests.
        target: New data file.
        failed: Node ids of the tests that failed.

    Returns:
        False when the data does not say which test ran what, so that nothing can be left out.

    Raises:
        BrokenEvidenceError: The source is no data file.
    """
    write_contexts(source, target, keep=lambda context: context.rpartition("|")[0] not in failed)
    data = CoverageData(basename=str(source))
    data.read()
    with closing(data):
        return not failed or any("|" in context for context in data.measured_contexts())


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


def report_data(data: Path, target: Path, *, project: Path, config: str | None = None) -> CoverageReport:
    """Let `coverage json` compute what the data comes to.

    Args:
        data: Data file.
        target: Where the JSON goes.
        project: Project's folder, whose configuration counts.
        config: Its file, when it is none that coverage.py looks for.

    Returns:
        What it wrote.

    Raises:
        RunError: coverage.py refuses the data.
        SourceError: It measured nothing, or wrote what cannot be right.
    """
    words = ["-m", "coverage", "json", "-q", "--fail-under=0", f"--data-file={data}", "-o", str(target)]
    status = run_python([*words, *([f"--rcfile={config}"] if config else [])], project=project, data=data)
    if status != 0:
        raise RunError(f"'coverage json' ended with status {status}; its words stand above.")
    return read_coverage(target)


def _option(rules: Coverage, name: str) -> Any:
    try:
        return rules.get_option(name)
    except CoverageException:  # this version of coverage.py does not know it
        return None


def _together(listed: Mapping[str, Sequence[str]], *options: str) -> tuple[str, ...]:
    return tuple(sorted({value for option in options for value in listed.get(option, ())}))


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
