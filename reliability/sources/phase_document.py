"""Reads the document of a phase: what it is for, its goals, tasks, risks and next steps.

One TOML file, every text in English and Spanish. Figures of an imported phase come from
its own document and were not verified here. Whether goals are met is decided elsewhere.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from reliability.errors import BrokenEvidenceError
from reliability.sources.validation import Strict, read_evidence, refusing

Line = Annotated[str, Field(min_length=1, max_length=2000)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
RequirementId = Annotated[str, Field(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)*$", max_length=60)]


def _exact(value: object) -> object:
    """Take numbers of TOML and JSON as decimals, so that 22.21 stays 22.21."""
    return Decimal(repr(value)) if type(value) in (int, float) else value


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


Percent = Annotated[
    Decimal, BeforeValidator(_exact), Field(ge=0, le=100), PlainSerializer(_number, when_used="json-unless-none")
]


class BilingualText(Strict):
    """One text in both languages."""

    en: Line
    es: Line


class Figure(Strict):
    """A coverage that the phase's document states.

    Attributes:
        label: What was measured.
        percent: The value; None when the document gives only words.
        approximate: The document says "about".
        note: How it was measured.
    """

    label: BilingualText
    percent: Percent | None = None
    approximate: bool = False
    note: BilingualText | None = None


class WholeSuite(Strict):
    """Coverage over the whole suite, and whether that suite was green."""

    percent: Percent
    approximate: bool
    green: bool
    note: BilingualText


class Task(Strict):
    """One task, done or open."""

    state: Literal["done", "open"]
    text: BilingualText


class Risk(Strict):
    """A risk and what is done against it."""

    risk: BilingualText
    mitigation: BilingualText


class Component(Strict):
    """A part of the project, and the patterns of its test modules."""

    label: BilingualText
    test_modules: Annotated[list[Line], Field(min_length=1)]


class _Phase(Strict):
    id: Id
    title: BilingualText
    purpose: BilingualText
    origin: BilingualText
    begun: date | None = None
    goals_percent: Annotated[list[Percent], Field(min_length=1)]
    targets: Sequence[BilingualText] = ()

    @model_validator(mode="after")
    def _has_rising_goals(self) -> Self:
        if sorted(set(self.goals_percent)) != self.goals_percent:
            raise ValueError("goals_percent must rise")
        return self

    @property
    def goal_fractions(self) -> tuple[Fraction, ...]:
        """Goals as exact shares."""
        return tuple(Fraction(percent) / 100 for percent in self.goals_percent)


class ImportedPhase(_Phase):
    """A phase from an earlier document, not verified here.

    Attributes:
        kind: Says so.
        id: Names the phase.
        title: Name.
        purpose: What it is for.
        origin: Where its facts come from.
        begun: First day; None when nobody wrote it down.
        goals_percent: Goals, rising.
        targets: Goals in words, those of coverage among them.
        whole_suite: What the document says about the whole suite.
        figures: Further coverages that it states.
        tasks: What was to be done, by name.
        scope: What the phase covers.
        risks: Risks with mitigations.
        next_steps: What comes next, in order.
    """

    kind: Literal["imported"]
    whole_suite: WholeSuite
    figures: Sequence[Figure] = ()
    tasks: Mapping[Id, Task] = {}
    scope: Sequence[BilingualText] = ()
    risks: Sequence[Risk] = ()
    next_steps: Sequence[BilingualText] = ()


class Suite(Strict):
    """One run of pytest of its own, so that its coverage is exact.

    Attributes:
        label: Name for people.
        arguments: Words behind `pytest`: folders, `-m`, `-n auto`.
        required: A raise of the floor needs it; the figure of the floor is that of all required suites together.
        heavy: It needs a service or a library that not every machine has.
        unit: Its coverage is the "unit only" figure; one suite at most.
    """

    label: BilingualText
    arguments: Sequence[Line] = ()
    required: bool = True
    heavy: bool = False
    unit: bool = False


class SourceRules(Strict):
    """What may stand under the measured roots although it looks wrong.

    Attributes:
        allow_test_files: Globs of paths that look like tests or mocks and are none.
        allow_unmeasured: Globs of Python files that the data need not hold, for example generated ones.
        test_folders: Folders of the tests, which the risk checks read.
    """

    allow_test_files: Sequence[Line] = ()
    allow_unmeasured: Sequence[Line] = ()
    test_folders: Sequence[Line] = ("tests",)


class ModuleGoal(Strict):
    """A goal of some modules.

    Attributes:
        glob: Paths as coverage.py writes them; one that matches nothing is an error.
        lines_percent: Least share of lines.
        branches_percent: Least share of branches; None: lines alone count.
        each: Every file must reach it, not only all together.
    """

    glob: Line
    lines_percent: Percent
    branches_percent: Percent | None = None
    each: bool = False


class Requirement(Strict):
    """What tests must show; they name it with `@pytest.mark.requirement("RES-CB-01")`.

    Attributes:
        text: What is required.
        component: Component that it belongs to, if any.
        modules: Globs of the modules that fulfil it.
    """

    text: BilingualText
    component: Id | None = None
    modules: Sequence[Line] = ()


class CheckedRisk(Risk):
    """A risk whose state the program looks at.

    Attributes:
        check: `test-files-in-source`, `sleeps-in-tests`, `flaky-reruns` or `unspecific-exceptions`;
            None: nobody can look, so people say it in `closed`.
        tests: Globs of test files that the check reads; None: all.
        closed: People say that it is under control; only without a check.
    """

    check: Literal["test-files-in-source", "sleeps-in-tests", "flaky-reruns", "unspecific-exceptions"] | None = None
    tests: Sequence[Line] | None = None
    closed: bool = False


class Watched(Strict):
    """A file whose change is a milestone of resilience: runbook, breaker settings, receivers.

    Attributes:
        label: What it is.
        file: Path from the project's folder.
        pattern: Only lines that match this regular expression count; None: the whole file.
    """

    label: BilingualText
    file: Line
    pattern: Line | None = None


class OwnPhase(_Phase):
    """The phase of the project that is measured here; as `ImportedPhase`, and besides.

    Attributes:
        kind: Says so.
        language: Language of the phase's Markdown document.
        floor_percent: Least coverage that the phase accepts; the threshold in force may be higher.
        step_points: The floor rises in steps of this size.
        stable_runs: The floor rises when so many accepted runs in a row reached it.
        increment_points: A rise of so many percentage points is an entry of the record.
        source: What may stand under the measured roots.
        suites: Runs of pytest, by name, in order.
        module_goals: Goals of single modules.
        requirements: What tests must show, by id.
        components: Parts by which tests are grouped, by name.
        tasks: What is to be done, by name.
        scope: What the phase covers.
        risks: Risks with mitigations and checks.
        next_steps: What comes next, in order.
        watched: Files whose change is a milestone.
    """

    kind: Literal["own"]
    language: Literal["en", "es"] = "en"
    floor_percent: Percent
    step_points: Percent = Decimal(1)
    stable_runs: Annotated[int, Field(ge=1, le=20)] = 3
    increment_points: Percent = Decimal(2)
    source: SourceRules = SourceRules()
    suites: Mapping[Id, Suite] = {}
    module_goals: Sequence[ModuleGoal] = ()
    requirements: Mapping[RequirementId, Requirement] = {}
    components: Mapping[Id, Component] = {}
    tasks: Mapping[Id, Task] = {}
    scope: Sequence[BilingualText] = ()
    risks: Sequence[CheckedRisk] = ()
    next_steps: Sequence[BilingualText] = ()
    watched: Mapping[Id, Watched] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(suite.unit for suite in self.suites.values()) > 1:
            raise ValueError("only one suite may have unit = true")
        if self.step_points <= 0 or self.increment_points <= 0:
            raise ValueError("step_points and increment_points must be above 0")
        for name, requirement in self.requirements.items():
            if requirement.component is not None and requirement.component not in self.components:
                raise ValueError(f"requirement {name} names component {requirement.component}, which is not there")
        for risk in self.risks:
            if risk.check and risk.closed:
                raise ValueError("a risk with a check has the state that the check finds; remove closed")
        return self

    @property
    def floor_fraction(self) -> Fraction:
        """Floor as an exact share."""
        return Fraction(self.floor_percent) / 100


Phase = TypeVar("Phase", ImportedPhase, OwnPhase)


def read_phase_document(path: Path, kind: type[Phase]) -> Phase:
    """Read the document of a phase.

    Args:
        path: TOML file.
        kind: Which kind of phase it must describe.

    Returns:
        The validated, frozen document.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: It is no TOML, has an unknown key, lacks a language or
            describes another kind of phase; the message names file and key.
    """
    cure = "Name the phase's TOML file with phase_file, this project's own with own_phase_file."
    body = read_evidence(path, cure=cure)
    try:
        document = tomllib.loads(body.decode("utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as err:
        raise BrokenEvidenceError(f"{path} is not valid TOML: {err}. Mend that line and run again.") from err
    with refusing(str(path), cure="Mend that key and run again."):
        return kind.model_validate(document)
