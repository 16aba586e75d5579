"""Runs the tests of a project as they are, once for what it is and, when pytest stopped early, once more to its end.

Returns how every test ended and the coverage by context. What follows from it is advised by
`reliability.phase.suite_advice`; evidence for the floor is made by `reliability phase measure` alone.
"""

import importlib.util
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.errors import MissingEvidenceError, RunError, SourceError, UsageError
from reliability.phase.probing import FACTS_OPTION, LEAVE_OUT_OPTION
from reliability.phase.running import run_python
from reliability.sources.coverage_data import write_contexts
from reliability.sources.coverage_json import CoverageCounts, read_coverage

INTERRUPTED: Final = 2  # by errors of collection, or by Ctrl-C
_TESTS_RAN: Final = (0, 1, INTERRUPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedTest:
    """How one test ended, or one file that could not be collected.

    Attributes:
        outcome: `passed`, `failed` (errors too), `skipped` or `xfailed`.
        reason: Message of the failure or of the skip.
        seconds: Duration with set-up and teardown.
    """

    outcome: str
    reason: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedRun:
    """One run of pytest.

    Attributes:
        exit_code: Of pytest; the threshold of coverage does not count in it.
        tests: Tests that ran, by node id.
        files: Files that could not be collected, or that skip themselves, by path.
        stopped: Why pytest stopped early, in its words; empty when it did not.
        coverage: Of the whole run; None when pytest-cov wrote none.
        data: Its data by context; need not exist.
    """

    exit_code: int
    tests: Mapping[str, ProbedTest]
    files: Mapping[str, ProbedTest]
    stopped: str
    coverage: CoverageCounts | None
    data: Path

    @property
    def is_cut(self) -> bool:
        """Whether pytest ended before every test ran."""
        return self.exit_code == INTERRUPTED or bool(self.stopped)


def run_tests(
    folder: Path, *, work: Path, name: str, options: Sequence[str] = (), left_out: Collection[str] = ()
) -> ProbedRun:
    """Run the tests of a project with its own configuration.

    Args:
        folder: Project's folder.
        work: Folder for the files of the run, outside the project.
        name: Name of those files.
        options: Further words behind `pytest`.
        left_out: Node ids that are imported, but do not run.

    Returns:
        The run; tests that failed are no error here.

    Raises:
        UsageError: pytest-cov is missing, or pytest refuses the project's options.
        MissingEvidenceError: There is no test.
        RunError: pytest broke down.
    """
    if importlib.util.find_spec("pytest_cov") is None:
        raise UsageError("'phase suites' runs pytest with coverage; install it with: pip install pytest-cov.")
    facts, report, data, leave = (work / f"{name}{ending}" for ending in (".facts", ".json", ".sqlite", ".leave"))
    leave.write_text(json.dumps(sorted(left_out)), encoding="utf-8")
    words = [
        *("-q", "-p", "no:cacheprovider", "-p", "reliability.phase.probing"),
        *(f"{FACTS_OPTION}={facts}", f"{LEAVE_OUT_OPTION}={leave}"),
        *("--cov-context=test", f"--cov-report=json:{report}", "--cov-fail-under=0", *options),
    ]
    status = run_python(["-B", "-m", "pytest", *words], project=folder, data=data, contexts=True)
    if status not in _TESTS_RAN or not facts.is_file():
        raise _refusal(status, folder)
    found = json.loads(facts.read_text("utf-8"))
    return ProbedRun(
        exit_code=status,
        tests={node_id: ProbedTest(**test) for node_id, test in found["tests"].items()},
        files={path: ProbedTest(**file) for path, file in found["files"].items()},
        stopped=found["stopped"],
        coverage=read_coverage(report).totals if report.is_file() else None,
        data=data,
    )


def estimate(run: ProbedRun, *, folder: Path, work: Path, keep: Callable[[str], bool]) -> CoverageCounts | None:
    """Estimate the coverage of some tests from the contexts of a run that had them all.

    Args:
        run: The run.
        folder: Project's folder, whose configuration counts.
        work: Folder for files.
        keep: Tells by node id which tests count; lines run by importing always do.

    Returns:
        The counts, which err both ways where tests share what is loaded once; None when the data is not there.
    """
    target, report = work / "estimate.sqlite", work / "estimate.json"
    try:
        write_contexts(run.data, target, keep=lambda context: not context or keep(context.rpartition("|")[0]))
    except SourceError:
        return None
    words = ["-m", "coverage", "json", "-q", "--fail-under=0", f"--data-file={target}", "-o", str(report)]
    return read_coverage(report).totals if run_python(words, project=folder, data=target) == 0 else None


def _refusal(status: int, folder: Path) -> Exception:
    if status == 5:  # noqa: PLR2004 -- pytest's own number
        return MissingEvidenceError(f"pytest found no test in {folder}. Name the project's folder.")
    if status == 4:  # noqa: PLR2004 -- the same
        return UsageError(f"pytest refuses the options or the configuration in {folder}; see its words above.")
    return RunError(f"pytest ended with status {status} in {folder} and told nothing; see its words above.")
