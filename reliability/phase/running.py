"""Runs one suite of a phase: pytest with coverage, in a process of its own, with outputs of its own.

Says how the run ended and how its tests did. What its coverage comes to is computed in
`reliability.phase.figures`, what a run is worth is judged elsewhere.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reliability.clock import Clock
from reliability.errors import RunError, SourceError
from reliability.phase.causes import is_outside
from reliability.sources.evidence_manifest import SuiteCounts
from reliability.sources.junit import Outcome, TestEvidence, read_junit

FACTS_OPTION: Final = "--reliability-facts"  # of our plugin, which only pytest itself can import
# What an outer run of coverage or xdist left in the environment is not for this one.
_OF_ANOTHER_RUN: Final = ("COVERAGE_PROCESS_", "COVERAGE_FILE", "COV_CORE_", "PYTEST_XDIST_", "PYTEST_CURRENT_TEST")
_STDERR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """One run of pytest, ours or one of the user's own CI.

    Attributes:
        arguments: Words behind `pytest`.
        exit_code: Of pytest; negative for a signal; None when nobody knows it.
        began_at: Start; None when nobody knows it.
        ended_at: End; None likewise.
        junit: Its JUnit file; need not be there.
        data: Its coverage; need not be there.
        tests: How its tests ended; None without a whole JUnit file.
        facts: What the plugin counted; None when the run did not get to its end.
        problem: Why there are no tests; None when there are.
    """

    arguments: Sequence[str]
    exit_code: int | None
    began_at: datetime | None
    ended_at: datetime | None
    junit: Path
    data: Path
    tests: TestEvidence | None
    facts: Mapping[str, Any] | None
    problem: str | None

    @property
    def counts(self) -> SuiteCounts | None:
        """How the tests ended; None when that is not known."""
        return None if self.tests is None else count_suite(self.tests, self.facts)

    @property
    def is_cut(self) -> bool:
        """Whether pytest is known to have ended before its tests did: by an error of collection, a signal, its own."""
        return self.exit_code not in (0, 1, None)

    @property
    def failed_ids(self) -> frozenset[str]:
        """Node ids of the tests that failed or errored, as far as they are known."""
        return frozenset(test.node_id for test in (self.tests.broken if self.tests else ()) if test.node_id)


def run_suite(
    name: str, arguments: Sequence[str], *, project: Path, folder: Path, clock: Clock, contexts: bool
) -> FinishedRun:
    """Run one suite; its words go to standard error as they come.

    Args:
        name: Name of the suite.
        arguments: Words behind `pytest`.
        project: Folder that it runs in.
        folder: Where its outputs go; none of that name may be there.
        clock: Tells start and end.
        contexts: Record which test ran which line.

    Returns:
        The run, however it ended.

    Raises:
        RunError: Python could not be started.
    """
    junit, data, facts = junit_of(folder, name), data_of(folder, name), folder / f".facts-{name}"
    words = ["-m", "pytest", *arguments, f"--junitxml={junit}", f"{FACTS_OPTION}={facts}"]
    words += ["--cov-report=", "--cov-fail-under=0", *(["--cov-context=test"] if contexts else [])]
    began_at = clock.now()
    exit_code = run_python(words, project=project, data=data, contexts=contexts)
    ended_at = clock.now()
    tests, problem = read_tests(junit)
    return FinishedRun(
        arguments=tuple(arguments),
        exit_code=exit_code,
        began_at=began_at,
        ended_at=ended_at,
        junit=junit,
        data=data,
        tests=tests,
        facts=_take(facts),
        problem=problem,
    )


def junit_of(folder: Path, suite: str) -> Path:
    """Where the tests of a suite lie."""
    return folder / f"junit-{suite}.xml"


def data_of(folder: Path, suite: str) -> Path:
    """Where the coverage of a suite lies, as coverage.py's data."""
    return folder / f"coverage-{suite}.sqlite"


def read_tests(junit: Path) -> tuple[TestEvidence | None, str | None]:
    """Read a JUnit file that need not be there: its tests, or why there are none."""
    if not junit.exists():
        return None, "pytest wrote no results: it was killed, or refused its options; see its words above"
    try:
        return read_junit(junit), None
    except SourceError as err:
        return None, str(err).replace(f"{junit.parent}{os.sep}", "")


def count_suite(tests: TestEvidence, facts: Mapping[str, Any] | None) -> SuiteCounts:
    """Count how the tests of a suite ended.

    Args:
        tests: Its JUnit file.
        facts: What the plugin counted; None: nobody did.
    """
    ends = Counter(test.outcome for test in tests.tests)
    outside = sum(test.outcome is Outcome.SKIPPED and is_outside(test.reason) for test in tests.tests)
    known = facts or {}
    return SuiteCounts(
        collected=known.get("collected"),
        deselected=known.get("deselected"),
        passed=ends[Outcome.PASSED],
        failed=ends[Outcome.FAILED],
        error=ends[Outcome.ERROR],
        skipped=ends[Outcome.SKIPPED],
        skipped_outside=outside,
        xfailed=ends[Outcome.XFAILED],
        reruns=known.get("reruns", 0),
    )


def run_python(
    words: Sequence[str], *, project: Path, data: Path, contexts: bool = False, is_quiet: bool = False
) -> int:
    """Run our interpreter in the project; what it prints goes to standard error.

    Args:
        words: Words behind `python`.
        project: Working directory.
        data: Data file of coverage.py.
        contexts: Use the core that forgets no context (the default from Python 3.14 does).
        is_quiet: Drop what it prints to standard output.

    Returns:
        Its exit status; negative for a signal.

    Raises:
        RunError: It could not be started.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OF_ANOTHER_RUN)}
    environment |= {"COVERAGE_FILE": str(data)} | ({"COVERAGE_CORE": "ctrace"} if contexts else {})
    target = subprocess.DEVNULL if is_quiet else _STDERR
    try:
        done = subprocess.run(  # noqa: S603 -- our own interpreter with the project's own tests
            [sys.executable, *words], cwd=project, env=environment, stdout=target, check=False
        )
    except OSError as err:
        raise RunError(f"{sys.executable} could not be started in {project} ({err.strerror or err}).") from err
    return done.returncode


def _take(path: Path) -> Mapping[str, Any] | None:
    """Read what the plugin counted, and remove it: the manifest holds it."""
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    finally:
        path.unlink(missing_ok=True)
    return found
