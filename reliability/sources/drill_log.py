"""Reads the log of rollback drills: one JSON object a line, appended while a drill runs.

A line counts only with its line end. A drill whose end is not in the log is `incomplete`;
whether a drill is good enough is decided by `reliability.judge.drill`.
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from reliability.errors import BrokenEvidenceError
from reliability.judge.drill import Drill, DrillEnd, DrillStart, DrillStep
from reliability.sources.validation import read_evidence, refusing

_CURE: Final = "Run the drill again; a log is never mended by hand."

_Event = DrillStart | DrillStep | DrillEnd
_ADAPTER: Final[TypeAdapter[_Event]] = TypeAdapter(Annotated[_Event, Field(discriminator="event")])


def read_drill_log(path: Path) -> tuple[Drill, ...]:
    """Read a drill log.

    Args:
        path: File that a drill recorder wrote.

    Returns:
        Its drills, at least one, in the order of the log; the last one counts, and is
        `incomplete` when the log stops in its middle.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: A line is foreign or out of order, the end of the log is torn
            outside of a drill, or there is no drill in it.
    """
    body = read_evidence(path, cure="Rehearse the rollback first, or name another log with drill_file.")
    *lines, torn = body.split(b"\n")
    drills: list[Drill] = []
    for number, line in enumerate(lines, start=1):
        place = f"{path}, line {number}"
        with refusing(f"{place} is no event of a drill", cure=_CURE):
            event = _ADAPTER.validate_json(line)
        if isinstance(event, DrillStart):
            drills.append(Drill(start=event))
        elif drills and drills[-1].end is None and drills[-1].start.run_id == event.run_id:
            drills[-1] = _continued(drills[-1], event)
        else:
            raise BrokenEvidenceError(
                f"{place}: {event.event} of drill '{event.run_id}' outside of that drill. {_CURE}"
            )
    if torn and not (drills and drills[-1].end is None):
        raise BrokenEvidenceError(f"{path}, line {len(lines) + 1} is torn: {torn[:60]!r}. {_CURE}")
    if not drills:
        raise BrokenEvidenceError(f"{path} holds no drill. {_CURE}")
    return tuple(drills)


def _continued(drill: Drill, event: DrillStep | DrillEnd) -> Drill:
    if isinstance(event, DrillEnd):
        return drill.model_copy(update={"end": event})
    return drill.model_copy(update={"steps": (*drill.steps, event)})
