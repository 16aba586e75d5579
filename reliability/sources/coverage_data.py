"""Reads `.coverage`, the data that coverage.py measures, together with the sources that it was measured on.

The data knows lines that were run, not which lines there are; totals come from coverage.py itself by its
public API, as `coverage report` would show them. Data whose sources changed is refused as far as that can be
told: by the time of change, by lines behind the end, and by lines that hold no code. An edit that keeps time
and lines cannot be told from the data alone; the digests of `reliability phase measure` can.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import chdir, closing, contextmanager
from pathlib import Path, PurePosixPath

from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException
from coverage.numbits import numbits_to_nums, numbits_union

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.coverage_json import CoverageReport, read_coverage
from reliability.sources.source_tree import python_files

_CURE = "Measure again."


def read_coverage_data(path: Path, *, sources: Path | None = None) -> CoverageReport:
    """Read a data file with its sources.

    Args:
        path: SQLite file that `coverage run` or pytest-cov wrote.
        sources: Project's folder, whose configuration of coverage.py counts and from which relative paths start;
            None: the folder of the data if the sources lie there, else the current one.

    Returns:
        What `coverage json` would write in that folder.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: It is torn or empty, a source is gone, is not where the data says, or changed since.
    """
    with _opened(path) as data:
        measured = sorted(data.measured_files())
        if not measured:
            raise BrokenEvidenceError(f"{path} measured no file, and nothing measured is not 100 %. {_CURE}")
        are_relative = {not Path(name).is_absolute() for name in measured}
        if len(are_relative) > 1:
            raise BrokenEvidenceError(
                f"{path} mixes relative and absolute paths, so one module may stand there twice. "
                f"Measure all parts with the same relative_files."
            )
        home = sources_folder(path, measured, sources)
        changed = _changed_sources(data, home, newer_than=path.stat().st_mtime_ns)
    if changed:
        raise BrokenEvidenceError(
            f"{path} was measured before {changed[0]} was changed ({len(changed)} of {len(measured)} files); "
            f"its lines would be counted in a text that never ran. {_CURE}"
        )
    return _report(path.resolve(), home, are_relative=are_relative == {True})


def doubtful_sources(path: Path, *, report: Path, sources: Path | None = None) -> tuple[list[str], list[str]]:
    """Look at the sources of the data that a report was made of.

    Args:
        path: Data file.
        report: Report that was written after it.
        sources: As in `read_coverage_data`.

    Returns:
        Measured files whose source is gone, which a report made with `-i` leaves out, and those that were changed
        between data and report.

    Raises:
        BrokenEvidenceError: It is no data file.
    """
    with _opened(path) as data:
        measured = sorted(data.measured_files())
        home, data_at, report_at = sources_folder(path, measured, sources), path.stat(), report.stat()
        gone = [name for name in measured if not (home / name).is_file()]
        changed = _changed_sources(data, home, newer_than=data_at.st_mtime_ns, until=report_at.st_mtime_ns)
    return gone, changed


def folded_sources(names: Iterable[str], home: Path) -> list[str]:
    """Find sources whose lines were counted in another file of a similar path.

    `coverage combine` with relative paths takes `shop/parts/a.py` for `parts/a.py` when both are there, and the
    former vanishes.

    Args:
        names: Measured files, relative ones as from the project's folder.
        home: Project's folder.

    Returns:
        Paths that nobody measured, although their folder was, and whose end is the path of a measured file.
    """
    known = {name.replace("\\", "/") for name in names if not Path(name).is_absolute()}
    tops = sorted({name.partition("/")[0] for name in known if "/" in name})
    folders = {parent.as_posix() for name in known for parent in PurePosixPath(name).parents}
    found = []
    for path in python_files(home, tops):
        parts = path.split("/")
        ends = {"/".join(parts[:n]): "/".join(parts[n:]) for n in range(1, len(parts) - 1)}
        if path not in known and any(begin in folders and end in known for begin, end in ends.items()):
            found.append(path)
    return found


def write_contexts(source: Path, target: Path, *, keep: Callable[[str], bool]) -> None:
    """Write the data of some contexts into a new file, without contexts.

    Args:
        source: Data with contexts.
        target: New data file; one that is there is replaced.
        keep: Tells which contexts count; "" is that of imports.

    Raises:
        BrokenEvidenceError: The source is no data file of a known schema.
    """
    with _opened(source) as data, closing(CoverageData(basename=str(target))) as kept:
        files, has_arcs = data.measured_files(), data.has_arcs()
        kept.erase()
        try:
            with closing(sqlite3.connect(f"file:{source.resolve().as_posix()}?mode=ro", uri=True)) as database:
                chosen = [row for row, name in database.execute("SELECT id, context FROM context") if keep(name)]
                database.execute("CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY)")
                database.executemany("INSERT INTO chosen VALUES (?)", ((row,) for row in chosen))
                if has_arcs:
                    kept.add_arcs(_arcs(database))
                else:
                    kept.add_lines(_lines(database))
        except sqlite3.Error as err:
            raise BrokenEvidenceError(f"{source} has a schema that is not known here: {err}. {_CURE}") from err
        kept.add_file_tracers({name: tracer for name in files if (tracer := data.file_tracer(name))})
        kept.touch_files(files)  # what no kept context ran still counts as missing
        kept.write()


@contextmanager
def _opened(path: Path) -> Iterator[CoverageData]:
    if not path.is_file():
        raise MissingEvidenceError(f"{path} is not there. Measure first with 'coverage run' or pytest --cov.")
    data = CoverageData(basename=str(path))
    try:
        data.read()
        yield data
    except (CoverageException, sqlite3.Error) as err:
        raise BrokenEvidenceError(f"{path} is no whole data file of coverage.py: {err}. {_CURE}") from err
    finally:
        data.close()


def sources_folder(path: Path, measured: Sequence[str], sources: Path | None) -> Path:
    """Name the folder that holds the measured sources: the one given, else that of the data, else the current one."""
    folder = path.resolve().parent
    places = (sources,) if sources is not None else (folder, Path.cwd())
    for place in places:
        if any((place / name).is_relative_to(place) and (place / name).is_file() for name in measured):
            return place.resolve()
    return (sources or folder).resolve()


def _changed_sources(data: CoverageData, home: Path, *, newer_than: int, until: int | None = None) -> list[str]:
    """Measured files that are certainly not the text that ran; those that are gone are told otherwise."""
    found = []
    for name in sorted(data.measured_files()):
        source = home / name
        if not source.is_file():
            continue
        changed_at = source.stat().st_mtime_ns
        is_newer = newer_than < changed_at and (until is None or changed_at <= until)
        if is_newer or (until is None and _runs_no_code(source, data.lines(name) or ())):
            found.append(name)
    return found


def _runs_no_code(source: Path, executed: Iterable[int]) -> bool:
    """Whether a line was run that is empty, a comment, or behind the end: then it was another text."""
    lines = source.read_bytes().splitlines()
    texts = (lines[number - 1].strip() if number <= len(lines) else b"" for number in executed if number > 0)
    return any(not text or text.startswith(b"#") for text in texts)


def _report(path: Path, home: Path, *, are_relative: bool) -> CoverageReport:
    with tempfile.TemporaryDirectory() as folder, chdir(home):
        target = Path(folder) / "coverage.json"
        try:
            reader = Coverage(data_file=str(path), messages=False)
            reader.set_option("run:relative_files", are_relative)
            reader.set_option("report:ignore_errors", value=False)
            reader.load()
            reader.json_report(outfile=str(target))
        except (CoverageException, ImportError) as err:
            raise BrokenEvidenceError(
                f"{path} cannot be counted with the sources in {home}: {err}. Run it where they lie, or measure again."
            ) from err
        return read_coverage(target)


def _arcs(database: sqlite3.Connection) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    rows = database.execute(
        "SELECT DISTINCT path, fromno, tono FROM arc"
        " JOIN file ON file.id = file_id JOIN chosen ON chosen.id = context_id"
    )
    for path, begin, end in rows:
        found.setdefault(path, []).append((begin, end))
    return found


def _lines(database: sqlite3.Connection) -> dict[str, list[int]]:
    found: dict[str, bytes] = {}
    rows = database.execute(
        "SELECT path, numbits FROM line_bits JOIN file ON file.id = file_id JOIN chosen ON chosen.id = context_id"
    )
    for path, numbits in rows:
        found[path] = numbits_union(found.get(path, b""), numbits)
    return {path: numbits_to_nums(numbits) for path, numbits in found.items()}
