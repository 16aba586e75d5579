"""Reads the document of a phase: what it is for, its goals, tasks, risks and next steps.

One TOML file, every text in English and Spanish. Figures of an imported phase come from
its own document and were not verified here. Whether goals are met is decided elsewhere.
"""

import tomllib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from reliability.errors import SettingsError
from reliability.sources.validation import first_problem

Line = Annotated[str, Field(min_length=1, max_length=2000)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


def _exact(value: object) -> object:
    """Take whole numbers too; floats were read as decimals, so that 22.21 stays 22.21."""
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


Percent = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class BilingualText(_Strict):
    """One text in both languages."""

    en: Line
    es: Line


class Figure(_Strict):
    """A coverage that the phase's document states.

    Attributes:
        id: Name of the figure.
        label: What was measured.
        percent: The value; None when the document gives only words.
        approximate: The document says "about".
        note: How it was measured.
    """

    id: Id
    label: BilingualText
    percent: Percent | None = None
    approximate: bool = False
    note: BilingualText | None = None


class WholeSuite(_Strict):
    """Coverage over the whole suite, and whether that suite was green."""

    percent: Percent
    approximate: bool
    green: bool
    note: BilingualText


class Task(_Strict):
    """One task, done or open."""

    id: Id
    state: Literal["done", "open"]
    text: BilingualText


class Risk(_Strict):
    """A risk and what is done against it."""

    id: Id
    risk: BilingualText
    mitigation: BilingualText


class Component(_Strict):
    """A part of the project, and the patterns of its test modules."""

    id: Id
    label: BilingualText
    test_modules: Annotated[list[Line], Field(min_length=1)]


class PhaseDocument(_Strict):
    """A phase.

    Attributes:
        id: Names the phase and the folder of its record.
        kind: `imported` (from an earlier document, not verified here) or `own`.
        title: Name.
        purpose: What it is for.
        origin: Where its facts come from, or how its coverage is measured.
        begun: First day; None when nobody wrote it down.
        floor_percent: Least coverage in force; None when the document does not name it.
        goals_percent: Goals, rising.
        targets: Goals in words, those of coverage among them.
        whole_suite: What the document says about the whole suite.
        figures: Further coverages that it states.
        tasks: What was to be done.
        scope: What the phase covers.
        risks: Risks with mitigations.
        next_steps: What comes next, in order.
        components: Parts by which tests are grouped.
    """

    id: Id
    kind: Literal["imported", "own"]
    title: BilingualText
    purpose: BilingualText
    origin: BilingualText
    begun: date | None = None
    floor_percent: Percent | None = None
    goals_percent: Annotated[list[Percent], Field(min_length=1)]
    targets: list[BilingualText] = []
    whole_suite: WholeSuite | None = None
    figures: list[Figure] = []
    tasks: list[Task] = []
    scope: list[BilingualText] = []
    risks: list[Risk] = []
    next_steps: list[BilingualText] = []
    components: list[Component] = []

    @model_validator(mode="after")
    def _fits_together(self) -> "PhaseDocument":
        if sorted(set(self.goals_percent)) != self.goals_percent:
            raise ValueError("goals_percent must rise")
        if self.kind == "own" and self.floor_percent is None:
            raise ValueError("a phase of kind 'own' needs floor_percent")
        if self.kind == "imported" and self.whole_suite is None:
            raise ValueError("a phase of kind 'imported' needs whole_suite")
        for name, items in (("figures", self.figures), ("tasks", self.tasks), ("components", self.components)):
            _check_ids(name, (item.id for item in items))
        return self

    @property
    def goal_fractions(self) -> tuple[Fraction, ...]:
        """Goals as exact shares."""
        return tuple(Fraction(percent) / 100 for percent in self.goals_percent)

    @property
    def floor_fraction(self) -> Fraction | None:
        """Floor as an exact share."""
        return None if self.floor_percent is None else Fraction(self.floor_percent) / 100


def read_phase_document(path: Path) -> PhaseDocument:
    """Read the document of a phase.

    Args:
        path: TOML file.

    Returns:
        The validated, frozen document.

    Raises:
        SettingsError: The file is missing, is no TOML, has an unknown key, or lacks a
            language; the message names file and key.
    """
    try:
        return decode_phase_document(path.read_bytes(), where=str(path))
    except OSError as err:
        raise SettingsError(f"{path} could not be read ({err.strerror or err}). Name the phase's TOML file.") from err


def decode_phase_document(body: bytes, *, where: str) -> PhaseDocument:
    """Decode the bytes of a phase's document; see `read_phase_document`.

    Args:
        body: The whole file.
        where: Name of the file for messages.

    Returns:
        The document.

    Raises:
        SettingsError: As for `read_phase_document`.
    """
    try:
        return PhaseDocument.model_validate(tomllib.loads(body.decode("utf-8"), parse_float=Decimal))
    except ValidationError as err:
        raise SettingsError(f"{where}: {first_problem(err)}. Mend that key and run again.") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as err:
        raise SettingsError(f"{where} is not valid TOML: {err}. Mend that line and run again.") from err


def _check_ids(name: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f"{name} names '{one}' twice")
        seen.add(one)
