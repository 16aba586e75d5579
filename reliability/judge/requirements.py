"""Requirements judge: which requirements do tests show, and which do they not?

Plain outcomes in, one row per requirement out. Which test names which requirement arrives from
`reliability.sources.junit`, the list of requirements from the phase's document; words and coverage
beside a row do not belong here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

TestOutcome = Literal["passed", "xfailed", "skipped", "failed", "error"]
RequirementState = Literal["verified", "failed", "blocked", "untested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFact:
    """How one test ended in one suite.

    Attributes:
        test: Node id, with its parameters.
        suite: Suite that ran it.
        outcome: Its worst outcome: a failed subtest or an error in teardown counts like any other.
        requirement_ids: Requirements that it names.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    test: str
    suite: str
    outcome: TestOutcome
    requirement_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementRow:
    """One requirement and the tests that name it.

    Attributes:
        id: Requirement.
        tests: Its tests, by suite and node id.
    """

    id: str
    tests: tuple[TestFact, ...]

    @property
    def state(self) -> RequirementState:
        """`verified` needs a test that passed and none that did not run through.

        A test that is expected to fail shows that something is still wrong, so it holds the requirement
        back as `blocked`, as do tests that were all skipped. A skipped test beside one that passed does not.
        """
        outcomes = {fact.outcome for fact in self.tests}
        if outcomes & {"failed", "error"}:
            return "failed"
        if not outcomes:
            return "untested"
        return "verified" if "passed" in outcomes and "xfailed" not in outcomes else "blocked"

    @property
    def suites(self) -> tuple[str, ...]:
        """Suites that ran a test of it."""
        return tuple(sorted({fact.suite for fact in self.tests}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Requirements beside their tests.

    Attributes:
        rows: One per requirement of the list, in its order.
        unknown: (id, test) of tests that name a requirement which the list does not know: an error of the tests.
    """

    rows: tuple[RequirementRow, ...]
    unknown: tuple[tuple[str, str], ...]

    @property
    def states(self) -> dict[str, RequirementState]:
        """State by requirement."""
        return {row.id: row.state for row in self.rows}

    @property
    def is_verified(self) -> bool:
        """Whether every requirement is verified and no id is unknown; no requirement at all is not verified."""
        return set(self.states.values()) == {"verified"} and not self.unknown


def judge_requirements(ids: Iterable[str], facts: Iterable[TestFact]) -> Matrix:
    """Judge requirements by the tests that name them.

    Args:
        ids: Requirements, in the order wanted.
        facts: Tests of every suite that ran. A suite that did not run gives none, so a requirement that only it
            tests is `untested` here; say so beside it.

    Returns:
        The matrix; a test that names a requirement twice stands in its row once.
    """
    tests: dict[str, set[TestFact]] = {name: set() for name in ids}
    unknown: set[tuple[str, str]] = set()
    for fact in facts:
        for name in fact.requirement_ids:
            if name in tests:
                tests[name].add(fact)
            else:
                unknown.add((name, fact.test))
    rows = (
        RequirementRow(id=name, tests=tuple(sorted(found, key=lambda fact: (fact.suite, fact.test, fact.outcome))))
        for name, found in tests.items()
    )
    return Matrix(rows=tuple(rows), unknown=tuple(sorted(unknown)))
