"""How long the evidence of a phase takes to read, beside what one would do instead on the same files.

Run from the root of the project: `python -m tests.bench.phase_bench [--rounds 5]`.

A coverage JSON of 0.5 MB, beside a plain `json.load` that checks nothing; a `.coverage` of 50 MB with the contexts
of 1,200 tests, split into two suites by SQL, beside the queries of coverage.py; the same split and counted, beside
`coverage report --contexts`, which counts in lines of text and not by file (both parse 39,000 statements for each
suite, most of the time); a record of 400 entries, beside a plain `json.load` of each file. CPU time, median of the
rounds, one of the `.coverage`.
"""

import argparse
import io
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import coverage

from reliability.sources.coverage_data import read_coverage_data, write_contexts
from reliability.sources.coverage_json import read_coverage
from reliability.sources.record import append_entry, read_record
from tests.bench.record_storm import entry

_MODULE = "".join(f"def f{n}(n):\n    if n:\n        return 1\n    return 2\n" for n in range(130))
_MODULES = 100
_TESTS = 1200
_SUITES = ("unit", "servers")
_ENTRIES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Times of one reading.

    Attributes:
        what: What was read.
        megabytes: Size of it.
        ours_seconds: Time of ours.
        instead: What else one would do.
        instead_seconds: Time of that.
        goal_seconds: Longest time wanted for ours; None: none was set.
    """

    what: str
    megabytes: float
    ours_seconds: float
    instead: str
    instead_seconds: float
    goal_seconds: float | None


def measure(folder: Path, rounds: int) -> list[Reading]:
    """Make the files and time their reading.

    Args:
        folder: Empty folder for them.
        rounds: How often the short ones are timed.

    Returns:
        Their times.
    """
    data = _measured_project(folder)
    return [_json(folder, rounds), _split(data), _counted(data), _record(folder, rounds)]


def _json(folder: Path, rounds: int) -> Reading:
    counts = {"covered_lines": 60, "num_statements": 100, "num_branches": 20, "covered_branches": 9}
    lines = {"executed_lines": list(range(60)), "missing_lines": list(range(60, 100)), "summary": counts}
    regions = {f"f{n}": lines for n in range(6)}
    files = {f"shop/m{n}.py": lines | {"functions": regions, "classes": {"": lines}} for n in range(130)}
    totals = {name: count * len(files) for name, count in counts.items()}
    meta = {"format": 3, "version": coverage.__version__, "branch_coverage": True}
    path = folder / "coverage.json"
    path.write_text(json.dumps({"meta": meta, "files": files, "totals": totals}))
    return Reading(
        what="coverage JSON",
        megabytes=path.stat().st_size / 1e6,
        ours_seconds=_seconds(lambda: read_coverage(path).totals.fraction, rounds),
        instead="json.load, unchecked",
        instead_seconds=_seconds(lambda: json.loads(path.read_bytes())["totals"], rounds),
        goal_seconds=0.1,
    )


def _split(data: Path) -> Reading:
    def instead() -> None:
        for suite in _SUITES:
            reader = coverage.CoverageData(basename=str(data))
            reader.read()
            reader.set_query_contexts([_pattern(suite)])
            parts = coverage.CoverageData(basename=str(data.with_name(f"instead-{suite}")))
            parts.add_arcs({name: reader.arcs(name) or [] for name in reader.measured_files()})
            parts.write()

    return Reading(
        what=f"contexts of {_TESTS} tests split into {len(_SUITES)} suites",
        megabytes=data.stat().st_size / 1e6,
        ours_seconds=_seconds(lambda: [_part(data, suite) for suite in _SUITES], 1),
        instead="CoverageData.set_query_contexts",
        instead_seconds=_seconds(instead, 1),
        goal_seconds=10.0,
    )


def _counted(data: Path) -> Reading:
    """Split and count, ours and coverage.py's; both must come to the same totals."""
    ours: list[float] = []
    theirs: list[float] = []

    def count() -> None:
        for suite in _SUITES:
            found = read_coverage_data(_part(data, suite), sources=data.parent).totals
            ours.append(float(100 * (found.fraction or 0)))

    def instead() -> None:
        for suite in _SUITES:
            reader = coverage.Coverage(data_file=str(data), config_file=False, messages=False)
            reader.load()
            theirs.append(reader.report(file=io.StringIO(), contexts=[_pattern(suite)]))

    reading = Reading(
        what="the same, and counted by file",
        megabytes=data.stat().st_size / 1e6,
        ours_seconds=_seconds(count, 1),
        instead="coverage report --contexts",
        instead_seconds=_seconds(instead, 1),
        goal_seconds=None,
    )
    if ours != theirs:
        raise SystemExit(f"the totals differ: {ours} and {theirs}")
    return reading


def _part(data: Path, suite: str) -> Path:
    part = data.with_name(suite)
    write_contexts(data, part, keep=lambda name: name.startswith(f"tests/{suite}/"))
    return part


def _pattern(suite: str) -> str:
    return rf"\Atests/{suite}/"


def _measured_project(folder: Path) -> Path:
    """Write modules, and data as if each test had run parts of some of them."""
    modules = [folder / "shop" / f"m{n}.py" for n in range(_MODULES)]
    modules[0].parent.mkdir()
    for module in modules:
        module.write_text(_MODULE)
    draw = random.Random(1)  # noqa: S311 -- the same files each time
    data = coverage.CoverageData(basename=str(folder / ".coverage"))
    for test in range(_TESTS):
        data.set_context(f"tests/{_SUITES[test % 3 == 0]}/test_shop.py::test_{test}|run")
        begin = draw.randrange(1, 400)
        data.add_arcs({str(path): [(n, n + 1) for n in range(begin, begin + 90)] for path in draw.sample(modules, 12)})
    data.write()
    data.close()
    return folder / ".coverage"


def _record(folder: Path, rounds: int) -> Reading:
    record = folder / "record"
    for number in range(_ENTRIES):
        append_entry(record, entry(number))
    size = sum(path.stat().st_size for path in record.iterdir())
    return Reading(
        what=f"record of {_ENTRIES} entries",
        megabytes=size / 1e6,
        ours_seconds=_seconds(lambda: read_record(record), rounds),
        instead="json.load of each, unchecked",
        instead_seconds=_seconds(lambda: [json.loads(path.read_bytes()) for path in sorted(record.iterdir())], rounds),
        goal_seconds=0.2,
    )


def _seconds(act: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        before = time.process_time()
        act()
        times.append(time.process_time() - before)
    return statistics.median(times)


def main() -> int:
    """Print a table; the status is 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    with tempfile.TemporaryDirectory() as folder:
        readings = measure(Path(folder), parser.parse_args().rounds)
    print("| what | MB | ours, s | goal, s | instead | s | ratio |")  # noqa: T201 -- a table for people
    print("|---|---:|---:|---:|---|---:|---:|")  # noqa: T201
    for each in readings:
        ratio = each.ours_seconds / each.instead_seconds
        ours = f"{each.what} | {each.megabytes:.1f} | {each.ours_seconds:.3f} | {each.goal_seconds or ''}"
        print(f"| {ours} | {each.instead} | {each.instead_seconds:.3f} | {ratio:.2f} |")  # noqa: T201
    return int(any(each.goal_seconds and each.ours_seconds >= each.goal_seconds for each in readings))


if __name__ == "__main__":
    sys.exit(main())
