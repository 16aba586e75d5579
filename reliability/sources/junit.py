"""Reads JUnit XML as pytest writes it: which tests ran and how each ended.

The counts in the suite's attributes are not trusted: they count a test twice that fails
and then errors in its teardown. Whether the tests are good enough is not decided here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from reliability.clock import parse_instant
from reliability.errors import BrokenEvidenceError, MissingEvidenceError


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
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    classname: str
    name: str
    outcome: Outcome

    @property
    def module(self) -> str:
        """Dotted test module without a test class; the whole classname when it names none."""
        parts = self.classname.split(".")
        for index, part in enumerate(parts):
            if part.startswith("test_") or part.endswith("_test"):
                return ".".join(parts[: index + 1])
        return self.classname


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCounts:
    """How many tests ended how."""

    passed: int
    xfailed: int
    skipped: int
    failed: int
    error: int

    @property
    def total(self) -> int:
        """All tests."""
        return self.passed + self.xfailed + self.skipped + self.failed + self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class TestGroup:
    """The tests of one component or one test module.

    Attributes:
        id: Id of the component, or the dotted module.
        is_component: Whether `id` is a component's.
        counts: Outcomes of its tests; all zero for a component without tests.
    """

    __test__ = False

    id: str
    is_component: bool
    counts: OutcomeCounts


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
    def counts(self) -> OutcomeCounts:
        """Outcomes of all tests."""
        return count_outcomes(self.tests)

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
    try:
        body = path.read_bytes()
    except OSError as err:
        raise MissingEvidenceError(
            f"{path} could not be read ({err.strerror or err}). "
            f"Run the tests first ('make test'), or name another file with junit_file."
        ) from err
    return decode_junit(body, where=str(path))


def decode_junit(body: bytes, *, where: str) -> TestEvidence:
    """Decode the bytes of a JUnit XML file; see `read_junit`.

    Args:
        body: The whole file.
        where: Name of the file for messages.

    Returns:
        One result per test.

    Raises:
        BrokenEvidenceError: As for `read_junit`.
    """
    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as err:
        raise BrokenEvidenceError(
            f"{where} is no whole XML: {err}. The run may have been killed; run the tests again."
        ) from err
    if root.tag not in {"testsuites", "testsuite"}:
        raise BrokenEvidenceError(
            f"{where} begins with <{root.tag[:60]}>, not with <testsuites>. "
            f"Name a file that 'pytest --junitxml' wrote."
        )
    worst: dict[tuple[str, str], Outcome] = {}
    for case in root.iter("testcase"):
        key = (case.get("classname", ""), case.get("name", ""))
        worst[key] = max(worst.get(key, Outcome.PASSED), *_outcomes(case))
    if not worst:
        raise BrokenEvidenceError(f"{where} holds no test. Run the tests and name the file that they write.")
    tests = tuple(
        TestResult(classname=classname, name=name, outcome=outcome)
        for (classname, name), outcome in sorted(worst.items())
    )
    return TestEvidence(tests=tests, began_at=_began_at(root))


def count_outcomes(tests: Sequence[TestResult]) -> OutcomeCounts:
    """Count how many tests ended how."""
    found = Counter(test.outcome for test in tests)
    return OutcomeCounts(**{outcome.name.lower(): found[outcome] for outcome in Outcome})


def group_tests(
    tests: Sequence[TestResult], *, components: Mapping[str, Sequence[str]]
) -> tuple[TestGroup, ...]:
    """Group tests by component, and those of no component by their module.

    Args:
        tests: Results of one run.
        components: Component id -> patterns of its test modules, for example
            `{"locks": ["*.test_lock_service"]}`; the first that matches takes the test.

    Returns:
        A group per component in the given order, also when it is empty, then one per module.
    """
    members: dict[tuple[bool, str], list[TestResult]] = {(True, name): [] for name in components}
    for test in tests:
        members.setdefault(_group_key(test, components), []).append(test)
    return tuple(
        TestGroup(id=name, is_component=is_component, counts=count_outcomes(found))
        for (is_component, name), found in sorted(members.items(), key=lambda item: not item[0][0])
    )


def _group_key(test: TestResult, components: Mapping[str, Sequence[str]]) -> tuple[bool, str]:
    for name, patterns in components.items():
        if any(fnmatchcase(test.module, pattern) for pattern in patterns):
            return (True, name)
    return (False, test.module)


def _outcomes(case: Element) -> Iterator[Outcome]:
    yield Outcome.PASSED
    for child in case:
        if child.tag == "failure":
            yield Outcome.FAILED
        elif child.tag == "error":
            yield Outcome.ERROR
        elif child.tag == "skipped":
            yield Outcome.XFAILED if child.get("type") == "pytest.xfail" else Outcome.SKIPPED


def _began_at(root: Element) -> datetime | None:
    instants = []
    for suite in root.iter("testsuite"):
        try:
            instants.append(parse_instant(suite.get("timestamp", "")))
        except ValueError:  # older pytest writes local time without its zone: no use as an instant
            continue
    return min(instants, default=None)
