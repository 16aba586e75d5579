"""Reads JUnit XML as pytest writes it: which tests ran and how each ended.

The counts in the suite's attributes are not trusted: they count a test twice that fails
and then errors in its teardown. Whether the tests are good enough is not decided here.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from fnmatch import fnmatchcase
from operator import itemgetter
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from reliability.clock import parse_instant
from reliability.errors import BrokenEvidenceError
from reliability.sources.validation import read_evidence

_NODE_ID: Final = "reliability.nodeid"  # as our pytest plugin names its properties
_REQUIREMENT: Final = "reliability.requirement"
_REASON_LETTERS: Final = 500
_WHY: Final = re.compile(r"^E +(\S.*)$", re.MULTILINE)
_MODULE_SKIP: Final = re.compile(r"""["']Skipped: (.*)["']\)\s*\Z""", re.DOTALL)  # behind the path, which is absolute


class Outcome(IntEnum):
    """How a test ended; of several outcomes of one test the largest counts."""

    PASSED = 0
    XFAILED = 1
    SKIPPED = 2
    FAILED = 3
    ERROR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One test, however many `testcase` elements it has.

    Attributes:
        classname: Dotted module, with the class where there is one; may be empty.
        name: Function with its parameters.
        outcome: The worst outcome recorded.
        node_id: pytest's name of the test, where our plugin wrote it.
        requirement_ids: What the test shows, by its markers `requirement`.
        reason: Why it did not pass, in one line of at most 500 characters; empty when it did.
        duration_seconds: Set-up, run and teardown.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    classname: str
    name: str
    outcome: Outcome
    node_id: str | None = None
    requirement_ids: tuple[str, ...] = ()
    reason: str = ""
    duration_seconds: float = 0.0

    @property
    def module(self) -> str:
        """Dotted test module without a test class; the whole classname when it names none."""
        parts = self.classname.split(".")
        ends = (end for end, part in enumerate(parts, 1) if part.startswith("test_") or part.endswith("_test"))
        return ".".join(parts[: next(ends, len(parts))])


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEvidence:
    """All tests of one JUnit file.

    Attributes:
        tests: Tests by classname and name.
        began_at: Earliest start of a suite that names its time zone; None without one.
    """

    __test__ = False

    tests: tuple[TestResult, ...]
    began_at: datetime | None

    @property
    def broken(self) -> tuple[TestResult, ...]:
        """Tests that failed or errored."""
        return tuple(test for test in self.tests if test.outcome >= Outcome.FAILED)


def read_junit(path: Path) -> TestEvidence:
    """Read a JUnit XML file.

    Args:
        path: File that `pytest --junitxml` wrote.

    Returns:
        One result per test.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: The file is torn, is no JUnit, defines entities or holds no test.
    """
    body = read_evidence(path, cure="Run the tests first ('make test'), or name another file with junit_file.")
    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as err:
        raise BrokenEvidenceError(
            f"{path} is no whole XML: {err}. The run may have been killed; run the tests again."
        ) from err
    if root.tag not in {"testsuites", "testsuite"}:
        raise BrokenEvidenceError(
            f"{path} begins with <{root.tag[:60]}>, not with <testsuites>. Name a file that 'pytest --junitxml' wrote."
        )
    cases: dict[tuple[str, str, str], list[Element]] = {}
    for case in root.iter("testcase"):
        node_id = next(iter(_properties(case, _NODE_ID)), "")  # keeps a/b.py::T apart from a/b/T.py
        cases.setdefault((case.get("classname", ""), case.get("name", ""), node_id), []).append(case)
    if not cases:
        raise BrokenEvidenceError(f"{path} holds no test. Run the tests and name the file that they write.")
    tests = tuple(_result(*key, cases=same) for key, same in sorted(cases.items(), key=itemgetter(0)))
    return TestEvidence(tests=tests, began_at=_began_at(root))


def count_outcomes(tests: Sequence[TestResult]) -> dict[str, int]:
    """Count how many tests ended how.

    Args:
        tests: Results of one run or of a part of it.

    Returns:
        `passed_count`, `xfailed_count`, `skipped_count`, `broken_count` (failed or errored)
        and `total_count`.
    """
    found = Counter(test.outcome for test in tests)
    return {
        "passed_count": found[Outcome.PASSED],
        "xfailed_count": found[Outcome.XFAILED],
        "skipped_count": found[Outcome.SKIPPED],
        "broken_count": found[Outcome.FAILED] + found[Outcome.ERROR],
        "total_count": len(tests),
    }


def group_tests(tests: Sequence[TestResult], *, components: Mapping[str, Sequence[str]]) -> dict[str, list[TestResult]]:
    """Group tests by component, and those of no component by their module.

    Args:
        tests: Results of one run.
        components: Component id -> patterns of its test modules, for example
            `{"locks": ["*.test_lock_service"]}`; the first that matches takes the test.

    Returns:
        The tests of each component in the given order, also when there are none, then
        those of each other module.
    """
    groups: dict[str, list[TestResult]] = {name: [] for name in components}
    patterns = [(pattern, name) for name, patterns in components.items() for pattern in patterns]
    for test in tests:
        found = (name for pattern, name in patterns if fnmatchcase(test.module, pattern))
        groups.setdefault(next(found, test.module), []).append(test)
    return groups


def _result(classname: str, name: str, node_id: str, *, cases: Sequence[Element]) -> TestResult:
    """Join the elements of one test: one that fails and then errors in its teardown has two."""
    ends = [(_outcome(case), case) for case in cases]
    outcome, worst = max(ends, key=lambda end: end[0])
    required = [requirement for case in cases for requirement in _properties(case, _REQUIREMENT)]
    return TestResult(
        classname=classname,
        name=name,
        outcome=outcome,
        node_id=node_id or None,
        requirement_ids=tuple(dict.fromkeys(required)),
        reason=_reason(worst),
        duration_seconds=sum(_seconds(case.get("time", "")) for case in cases),
    )


def _outcome(case: Element) -> Outcome:
    if case.find("error") is not None:
        return Outcome.ERROR
    if case.find("failure") is not None:
        return Outcome.FAILED
    skipped = case.find("skipped")
    if skipped is None:
        return Outcome.PASSED
    return Outcome.XFAILED if skipped.get("type") == "pytest.xfail" else Outcome.SKIPPED


def _properties(case: Element, name: str) -> list[str]:
    return [found.get("value", "") for found in case.iter("property") if found.get("name") == name]


def _reason(case: Element) -> str:
    """Return the message; where pytest only names an error or the skip of a whole module, what its text says of why."""
    found = next((end for tag in ("error", "failure", "skipped") if (end := case.find(tag)) is not None), None)
    if found is None:
        return ""
    pattern = {"error": _WHY, "skipped": _MODULE_SKIP}.get(found.tag)
    told = pattern.findall(found.text or "") if pattern else []
    return " ".join((told[-1] if told else found.get("message", "")).split())[:_REASON_LETTERS]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _began_at(root: Element) -> datetime | None:
    instants = []
    for suite in root.iter("testsuite"):
        with suppress(ValueError):  # older pytest writes local time without its zone: no use as an instant
            instants.append(parse_instant(suite.get("timestamp", "")))
    return min(instants, default=None)
