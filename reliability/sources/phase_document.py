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

from pydantic import BeforeValidator, Field, model_validator

from reliability.errors import BrokenEvidenceError
from reliability.sources.validation import Strict, read_evidence, refusing

Line = Annotated[str, Field(min_length=1, max_length=2000)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


def _exact(value: object) -> object:
    """Take whole numbers too; floats were read as decimals, so that 22.21 stays 22.21."""
    return Decimal(value) if type(value) is int else value


Percent = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=100)]


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


class OwnPhase(_Phase):
    """The phase of the project that is measured here; as `ImportedPhase`, and besides.

    Attributes:
        kind: Says so.
        floor_percent: Least coverage in force.
        components: Parts by which tests are grouped, by name.
    """

    kind: Literal["own"]
    floor_percent: Percent
    components: Mapping[Id, Component] = {}

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
