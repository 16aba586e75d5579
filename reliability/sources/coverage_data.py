"""Reads `.coverage`, the data that coverage.py measures, together with the sources that it was measured on.

The data knows lines that were run, not which lines there are; totals come from coverage.py itself by its
public API, as `coverage report` would show them. Data whose sources changed is refused as far as that can be
told: by the time of change, by lines behind the end, and by lines that hold no code. An edit that keeps time
and lines cannot be told from the data alone; the digests of `reliability phase measure` can.
"""

import sqlite3
import tempfile
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import chdir, closing, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException
from coverage.numbits import numbits_to_nums, numbits_union

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.coverage_json import CoverageReport, read_coverage
from reliability.sources.source_tree import python_files

_CURE: Final = "Measure again."
_DAMAGED: Final = (CoverageException, sqlite3.Error, TypeError, ValueError)  # the last two: rows that are no text
_NO_CODE: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
)


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
        Measured files whose source is gone, which a report made with `-i` leaves out, as whole paths; and those that
        were changed between data and report.

    Raises:
        BrokenEvidenceError: It is no data file.
    """
    with _opened(path) as data:
        measured = sorted(data.measured_files())
        home, data_at, report_at = sources_folder(path, measured, sources), path.stat(), report.stat()
        gone = [str(home / name) for name in measured if not (home / name).is_file()]
        changed = _changed_sources(data, home, newer_than=data_at.st_mtime_ns, until=report_at.st_mtime_ns)
    return gone, changed


def folded_sources(names: Iterable[str], home: Path, *, roots: Sequence[str] = ()) -> list[str]:
    """Find sources whose lines were counted in another file of a similar path.

    `coverage combine` with relative paths takes `shop/parts/a.py` for `parts/a.py` when both are there, and the
    former vanishes.

    Args:
        names: Measured files, relative ones as from the project's folder.
        home: Project's folder.
        roots: Folders that were to be measured, also when nothing in them is left; none: as coverage.py is
            configured there.

    Returns:
        Paths that nobody measured, although their folder was, and whose end is the path of a measured file.
    """
    known = {name.replace("\\", "/") for name in names if not Path(name).is_absolute()}
    wanted = {PurePosixPath(root).as_posix() for root in roots or _configured_roots(home) if root[0] != "/"} - {"."}
    tops = sorted({name.partition("/")[0] for name in known if "/" in name} | wanted)
    folders = {parent.as_posix() for name in known for parent in PurePosixPath(name).parents} | wanted
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
    if _is_cut(path):
        raise BrokenEvidenceError(f"{path} is shorter than it says: it is torn. {_CURE}")
    data = CoverageData(basename=str(path))
    try:
        data.read()
        yield data
    except _DAMAGED as err:
        raise BrokenEvidenceError(f"{path} is no whole data file of coverage.py: {err}. {_CURE}") from err
    finally:
        data.close()


def _is_cut(path: Path) -> bool:
    """Whether pages that the header counts are not there; SQLite takes the rest of a half page for zeros."""
    with path.open("rb") as file:
        header = file.read(32)
    page_bytes, pages_count = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    return path.stat().st_size < (65536 if page_bytes == 1 else page_bytes) * pages_count  # as SQLite encodes 65536


def sources_folder(path: Path, measured: Sequence[str], sources: Path | None) -> Path:
    """Name the folder that holds the measured sources: the one given, else that of the data, else the current one."""
    folder = path.resolve().parent
    places = (sources,) if sources is not None else (folder, Path.cwd())
    for place in places:
        if any((place / name).is_relative_to(place) and (place / name).is_file() for name in measured):
            return place.resolve()
    return (sources or folder).resolve()


def _configured_roots(home: Path) -> list[str]:
    """Folders below the project's that coverage.py is to measure there; a configuration that it refuses names none."""
    names: list[object] = []
    with chdir(home), suppress(CoverageException, ImportError):
        configured = Coverage(data_file=None, messages=False)
        for option in ("run:source", "run:source_pkgs", "run:source_dirs"):  # the last is younger than 7.8
            value = configured.get_option(option)
            names += value if isinstance(value, list) else []
    forms = {Path(form) for name in map(str, names) for form in (name, name.replace(".", "/"))}  # a folder or a package
    return [
        form.as_posix()
        for form in forms
        if not form.is_absolute() and ".." not in form.parts and (home / form).is_dir()
    ]


def _changed_sources(data: CoverageData, home: Path, *, newer_than: int, until: int | None = None) -> list[str]:
    """Measured files that are certainly not the text that ran; those that are gone are told otherwise."""
    found = []
    for name in sorted(data.measured_files()):
        source = home / name
        if not source.is_file():
            continue
        changed_at = source.stat().st_mtime_ns
        is_newer = newer_than < changed_at and (until is None or changed_at <= until)
        is_python = not data.file_tracer(name)
        if is_newer or (until is None and is_python and _runs_no_code(source, data.lines(name) or ())):
            found.append(name)
    return found


def _runs_no_code(source: Path, executed: Iterable[int]) -> bool:
    """Whether a line was run that is empty, a comment, or behind the end: then it was another text."""
    lines = source.read_bytes().splitlines()
    texts = ((number, lines[number - 1].strip() if number <= len(lines) else b"") for number in executed if number > 0)
    doubtful = {number for number, text in texts if not text or text.startswith(b"#")}
    return bool(doubtful) and not doubtful <= _lines_of_code(source)


def _lines_of_code(source: Path) -> set[int]:
    """Lines that a token covers: also those inside a string, where `# {title()}` may run."""
    found: set[int] = set()
    with source.open("rb") as file, suppress(SyntaxError, tokenize.TokenError):
        for token in tokenize.tokenize(file.readline):
            if token.type not in _NO_CODE:
                found.update(range(token.start[0], token.end[0] + 1))
    return found


def _report(path: Path, home: Path, *, are_relative: bool) -> CoverageReport:
    with tempfile.TemporaryDirectory() as folder, chdir(home):
        target = Path(folder) / "coverage.json"
        try:
            reader = Coverage(data_file=str(path), messages=False)
            reader.set_option("run:relative_files", are_relative)
            reader.set_option("report:ignore_errors", value=False)
            reader.set_option("json:show_contexts", value=False)  # repeats them in every function: gigabytes
            reader.load()
            reader.json_report(outfile=str(target))
        except (*_DAMAGED, ImportError) as err:
            raise BrokenEvidenceError(
                f"{path} cannot be counted with the sources in {home}: {str(err).rstrip('.')}. "
                f"Run it where they lie, or measure again."
            ) from err
        return read_coverage(target)


def _arcs(database: sqlite3.Connection) -> dict[str, list[tuple[int, int]]]:
    query = "SELECT DISTINCT fromno, tono FROM arc WHERE file_id = ? AND context_id IN (SELECT id FROM chosen)"
    files = database.execute("SELECT id, path FROM file").fetchall()
    return {path: database.execute(query, (row,)).fetchall() for row, path in files}


def _lines(database: sqlite3.Connection) -> dict[str, list[int]]:
    found: dict[str, bytes] = {}
    rows = database.execute(
        "SELECT path, numbits FROM line_bits JOIN file ON file.id = file_id JOIN chosen ON chosen.id = context_id"
    )
    for path, numbits in rows:
        found[path] = numbits_union(found.get(path, b""), numbits)
    return {path: numbits_to_nums(numbits) for path, numbits in found.items()}
