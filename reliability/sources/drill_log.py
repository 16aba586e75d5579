"""Reads the log of rollback drills: one JSON object a line, appended while a drill runs.

A line counts only with its line end. A drill whose end is not in the log is `incomplete`;
whether a drill is good enough is decided by `reliability.judge.drill`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from reliability.clock import parse_instant
from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.judge.drill import INCOMPLETE, Drill, DrillStep
from reliability.sources.validation import first_problem

SCHEMA: Final = "reliability.drill/1"
_CURE: Final = "Run the drill again; a log is never mended by hand."


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("an instant is a text such as 2026-11-26T18:40:00Z")  # noqa: TRY004 -- pydantic wants it
    return parse_instant(value)


Instant = Annotated[datetime, BeforeValidator(_instant)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=2000)]


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    run_id: Annotated[str, Field(min_length=1, max_length=200)]
    at: Instant


class _Start(_Event):
    event: Literal["start"]
    schema_: Literal["reliability.drill/1"] = Field(alias="schema")
    runbook_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    service: Text
    from_release: Text
    to_release: Text
    decider: Text


class _Step(_Event):
    event: Literal["step"]
    step: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Text
    seconds: Seconds
    budget_seconds: Seconds
    status: Literal["ok", "failed", "timeout"]
    evidence: Text = ""

    def drill_step(self) -> DrillStep:
        return DrillStep(
            id=self.step, kind=self.kind, ended_at=self.at, seconds=self.seconds,
            budget_seconds=self.budget_seconds, status=self.status, evidence=self.evidence,
        )  # fmt: skip


class _End(_Event):
    event: Literal["end"]
    seconds: Seconds
    status: Literal["ok", "failed"]


_ANY_EVENT: Final[TypeAdapter[_Start | _Step | _End]] = TypeAdapter(
    Annotated[_Start | _Step | _End, Field(discriminator="event")]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillLog:
    """All drills of one log.

    Attributes:
        drills: In the order of the log, at least one.
    """

    drills: tuple[Drill, ...]

    @property
    def last(self) -> Drill:
        """The drill that counts."""
        return self.drills[-1]


@dataclass(slots=True, kw_only=True)
class _Open:
    start: _Start
    steps: list[_Step] = field(default_factory=list)
    end: _End | None = None

    def drill(self) -> Drill:
        return Drill(
            run_id=self.start.run_id,
            started_at=self.start.at,
            ended_at=self.end.at if self.end else None,
            runbook_sha256=self.start.runbook_sha256,
            service=self.start.service,
            from_release=self.start.from_release,
            to_release=self.start.to_release,
            decider=self.start.decider,
            seconds=self.end.seconds if self.end else None,
            status=self.end.status if self.end else INCOMPLETE,
            steps=tuple(step.drill_step() for step in self.steps),
        )


def read_drill_log(path: Path) -> DrillLog:
    """Read a drill log.

    Args:
        path: File that a drill recorder wrote.

    Returns:
        Its drills; the last one is `incomplete` when the log stops in its middle.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: A line is foreign or out of order, the end of the log is torn
            outside of a drill, or there is no drill in it.
    """
    try:
        body = path.read_bytes()
    except OSError as err:
        raise MissingEvidenceError(
            f"{path} could not be read ({err.strerror or err}). "
            f"Rehearse the rollback first, or name another log with drill_file."
        ) from err
    return decode_drill_log(body, where=str(path))


def decode_drill_log(body: bytes, *, where: str) -> DrillLog:
    """Decode the bytes of a drill log; see `read_drill_log`.

    Args:
        body: The whole file.
        where: Name of the file for messages.

    Returns:
        Its drills.

    Raises:
        BrokenEvidenceError: As for `read_drill_log`.
    """
    *lines, torn = body.split(b"\n")
    drills: list[_Open] = []
    for number, line in enumerate(lines, start=1):
        place = f"{where}, line {number}"
        _take(_decode_event(line, place=place), drills, place=place)
    if torn and not (drills and drills[-1].end is None):
        raise BrokenEvidenceError(f"{where}, line {len(lines) + 1} is torn: {torn[:60]!r}. {_CURE}")
    if not drills:
        raise BrokenEvidenceError(f"{where} holds no drill. {_CURE}")
    return DrillLog(drills=tuple(drill.drill() for drill in drills))


def _decode_event(line: bytes, *, place: str) -> _Start | _Step | _End:
    try:
        return _ANY_EVENT.validate_json(line)
    except ValidationError as err:
        raise BrokenEvidenceError(f"{place} is no event of a drill: {first_problem(err)}. {_CURE}") from err


def _take(event: _Start | _Step | _End, drills: list[_Open], *, place: str) -> None:
    if isinstance(event, _Start):
        drills.append(_Open(start=event))
        return
    current = drills[-1] if drills else None
    if current is None or current.end is not None or current.start.run_id != event.run_id:
        raise BrokenEvidenceError(
            f"{place}: {event.event} of drill '{event.run_id}' outside of that drill. {_CURE}"
        )
    if isinstance(event, _Step):
        current.steps.append(event)
    else:
        current.end = event
