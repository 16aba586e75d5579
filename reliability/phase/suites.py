"""The command `reliability phase suites`: which tests cannot run everywhere, or take long, and what remains.

Runs, asks for advice, prints. Nothing of the project is changed; figures from contexts are called estimates.
"""

import ast
import json
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import click

from reliability.errors import ParameterError
from reliability.phase.suite_advice import LONG, Advice, Group, advise
from reliability.phase.suite_runs import ProbedRun, estimate, run_tests
from reliability.report.words import printable
from reliability.sources.coverage_json import CoverageCounts

SCHEMA: Final = "reliability.suites/1"
_SAMPLE: Final = Path(__file__).parent.parent / "sample" / "mini_project"
_TO_THE_END: Final = ("--maxfail=0", "--continue-on-collection-errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A coverage, and whether it was derived from contexts or measured by a run of its own."""

    coverage: CoverageCounts | None
    is_estimate: bool
    exit_code: int | None = None

    @property
    def fraction(self) -> Fraction | None:
        return self.coverage.fraction if self.coverage else None

    def as_json(self) -> dict[str, Any]:
        return {
            "coverage": dict(self.coverage) if self.coverage else None,
            "measured_fraction": None if self.fraction is None else float(self.fraction),
            "is_estimate": self.is_estimate,
            "exit_code": self.exit_code,
        }

    def as_text(self) -> str:
        if self.fraction is None:
            return "not measured"
        how = "estimate from contexts" if self.is_estimate else "measured"
        return f"{math.floor(1000 * self.fraction) / 10:.1f} % ({how})"  # down: 34.99 % is not 35 %


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the runs showed.

    Attributes:
        as_is: The run with the project's own configuration.
        whole: The run to its end; the same when nothing stopped it.
        advice: What to set apart.
        now: Coverage of the run as it is.
        all: Coverage of the run to its end.
        unit: Coverage of what is left when the tests of the advice are set apart.
        estimated: The estimate of that; `unit` itself without `--exact`.
        hidden_count: Test functions in files that cannot be collected.
        slow_seconds: What counts as long.
    """

    as_is: ProbedRun
    whole: ProbedRun
    advice: Advice
    now: _Figure
    all: _Figure
    unit: _Figure
    estimated: _Figure
    hidden_count: int
    slow_seconds: float


@click.command(
    epilog="""\b
Examples:
  reliability phase suites --sample
  reliability phase suites --exact --slow-seconds 1 .

\b
Exit status: 0 done, 2 usage or settings, 4 no test, 5 run error."""
)
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--sample", is_flag=True, help="Show it on a small project that ships with the package.")
@click.option(
    "--slow-seconds",
    default=0.5,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="A test is long from here on.",
)
@click.option("--exact", is_flag=True, help="Measure what would be left by one more run instead of estimating it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def suites(*, folder: Path | None, sample: bool, slow_seconds: float, exact: bool, as_json: bool) -> None:
    """Class tests that fail for want of a library or a service, and long ones; say what setting them apart gives.

    Runs the tests of FOLDER (by default this one) with its own configuration and changes nothing in it. The
    output of pytest goes to stderr.
    """
    if sample and folder is not None:
        raise ParameterError(f"--sample brings its own project, so {folder} says nothing; drop one.")
    with _project(folder or Path.cwd(), sample=sample) as project, _work_folder() as work:
        found = _look(project, work=work, slow_seconds=slow_seconds, exact=exact)
    click.echo(json.dumps(_as_json(found), indent=1, ensure_ascii=False) if as_json else "\n".join(_as_text(found)))


@contextmanager
def _work_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reliability-suites-") as work:
        yield Path(work)


@contextmanager
def _project(folder: Path, *, sample: bool) -> Iterator[Path]:
    if not sample:
        yield folder
        return
    with _work_folder() as work:
        yield Path(shutil.copytree(_SAMPLE, work / "project", ignore=shutil.ignore_patterns("__pycache__")))


def _look(project: Path, *, work: Path, slow_seconds: float, exact: bool) -> _Found:
    as_is = whole = run_tests(project, work=work, name="as-is")
    now = _Figure(coverage=as_is.coverage, is_estimate=False)
    if as_is.is_cut:
        click.echo("pytest stopped early; once more, to its end", err=True)
        whole = run_tests(project, work=work, name="whole", options=_TO_THE_END)
        if now.coverage is None:  # pytest-cov writes nothing of a run that was cut
            ran = estimate(whole, folder=project, work=work, keep=as_is.tests.__contains__)
            now = _Figure(coverage=ran, is_estimate=True)
    advice = advise(
        whole.tests, whole.files, slow_seconds=slow_seconds, is_own_module=lambda name: _is_own(project, name)
    )
    unit = estimated = everything = _Figure(coverage=whole.coverage, is_estimate=False, exit_code=whole.exit_code)
    if advice.groups:
        left = estimate(whole, folder=project, work=work, keep=lambda test: test not in advice.tests)
        estimated = _Figure(coverage=left, is_estimate=True)
        unit = _measure_unit(advice, project=project, work=work) if exact else estimated
    return _Found(
        as_is=as_is,
        whole=whole,
        advice=advice,
        now=now,
        all=everything,
        unit=unit,
        estimated=estimated,
        hidden_count=sum(_count_tests(project / path) for path in advice.files),
        slow_seconds=slow_seconds,
    )


def _measure_unit(advice: Advice, *, project: Path, work: Path) -> _Figure:
    options = [*_TO_THE_END, *(f"--ignore={path}" for path in advice.files)]
    run = run_tests(project, work=work, name="unit", options=options, left_out=advice.tests)
    return _Figure(coverage=run.coverage, is_estimate=False, exit_code=run.exit_code)


def _is_own(project: Path, module: str) -> bool:
    top = module.partition(".")[0]
    return any((root / top).is_dir() or (root / f"{top}.py").is_file() for root in (project, project / "src"))


def _count_tests(path: Path) -> int:
    with suppress(OSError, SyntaxError, ValueError, RecursionError):
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        nodes = ast.walk(ast.parse(path.read_bytes()))
        return sum(isinstance(node, functions) and node.name.startswith("test") for node in nodes)
    return 0


def _as_json(found: _Found) -> dict[str, Any]:
    advice = found.advice
    return {
        "schema": SCHEMA,
        "now": {**found.now.as_json(), "exit_code": found.as_is.exit_code, "stopped": found.as_is.stopped}
        | {"ran_count": len(found.as_is.tests), "tests_count": len(found.whole.tests)},
        "all": found.all.as_json(),
        "unit": found.unit.as_json(),
        "estimated": found.estimated.as_json(),
        "slow_seconds": found.slow_seconds,
        "groups": [asdict(group) for group in advice.groups],
        "hidden_tests_count": found.hidden_count,
        "defects": list(advice.defects),
        "lines": [{"place": place, "line": line} for place, line in advice.lines],
        "markers": advice.markers,
        "expression": advice.expression,
        "suites_toml": advice.suites,
    }


def _as_text(found: _Found) -> Iterator[str]:
    advice, tests = found.advice, found.whole.tests
    stopped = f", {printable(found.as_is.stopped)}" if found.as_is.stopped else ""
    ran = f"{len(found.as_is.tests)} of {_count(len(tests), 'test')} ran"
    yield f"As it is: pytest ends with {found.as_is.exit_code}{stopped}; {ran}."
    yield f"  Coverage of that: {found.now.as_text()}"
    if found.as_is is not found.whole:
        yield f"  Of all tests, run to the end: {found.all.as_text()}"
    for path in advice.defects:
        yield f"Mend this, a marker would only hide it: {printable(path)}"
    if not advice.groups:
        yield f"No test needs anything from outside or takes {found.slow_seconds:g} s or more: nothing to set apart."
        return
    yield "Set apart:"
    yield from (f"  {_group(group, found)}" for group in advice.groups)
    yield _gain(found)
    yield "Add these lines:"
    yield from (f"  {printable(place)}: {line}" for place, line in advice.lines)
    yield "Register the markers in pytest's configuration:"
    yield f"  markers = {json.dumps(advice.markers)}"
    yield "Run the unit tests with:"
    ignored = "".join(f" --ignore={printable(path)}" for path in advice.files)
    yield f'  pytest -m "{advice.expression}"{ignored}'
    yield "Suites for phase.toml:"
    yield from (f"  {printable(line)}" if line else "" for line in advice.suites.splitlines())


def _group(group: Group, found: _Found) -> str:
    skipped = sum(found.whole.files[path].outcome == "skipped" for path in group.files)
    parts = [
        (len(group.tests), "test", ""),
        (len(group.files) - skipped, "file", " that cannot be imported"),
        (skipped, "file", " skipped as a whole"),
    ]
    what = " and ".join(f"{_count(number, word)}{rest}" for number, word, rest in parts if number)
    why = printable(group.reason.splitlines()[0] if group.reason else "")
    if group.kind == LONG:
        seconds = sum(found.whole.tests[test].seconds for test in group.tests)
        why = f"{found.slow_seconds:g} s or more each, {seconds:.1f} s together"
    return f"{group.marker}: {what} ({group.kind}: {why})"


def _gain(found: _Found) -> str:
    tests, files = found.advice.tests, found.advice.files
    hidden = f" with {_count(found.hidden_count, 'test function')}" if found.hidden_count else ""
    marked = f"marking {'these' if len(tests) > 1 else 'this'} {_count(len(tests), 'test')}" if tests else ""
    kept = f"keeping {_count(len(files), 'file')}{hidden} apart" if files else ""
    status = "" if found.unit.exit_code is None else f"; pytest then ends with {found.unit.exit_code}"
    done = " and ".join(filter(None, (marked, kept)))
    return f"{done[0].upper()}{done[1:]} leaves unit at {found.unit.as_text()}{status}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
