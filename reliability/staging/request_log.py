"""The client's log: one line for each request, the truth that captures are held against.

The load generator appends; the recorder and the drill read. What the lines mean for a
capture is decided in `truth` and `agreement`.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.errors import StagingError

LOST: Final = 0
_FIELD_COUNT: Final = 9
_FIRST_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request as the client saw it.

    Attributes:
        completed_at_seconds: Unix time at which the answer, or the failure, was complete.
        arm: Arm, or stream, that the request belonged to.
        instance: Replica that it was sent to.
        release: Release that the answer named; empty when there was none.
        route: Label `route`.
        method: Label `method`.
        status: HTTP status; `LOST` when the connection failed.
        client_seconds: From the scheduled arrival to completion.
        server_seconds: The value that the server's histogram observed; NaN when lost.
    """

    completed_at_seconds: float
    arm: str
    instance: str
    release: str
    route: str
    method: str
    status: int
    client_seconds: float
    server_seconds: float

    @property
    def is_lost(self) -> bool:
        """Whether no answer came."""
        return self.status == LOST

    @property
    def is_error(self) -> bool:
        """Whether the server answered 5xx."""
        return self.status >= _FIRST_SERVER_ERROR


def format_line(request: LoggedRequest) -> str:
    """Write one request as a CSV line with every digit of its numbers."""
    server = "" if math.isnan(request.server_seconds) else repr(request.server_seconds)
    return (
        f"{request.completed_at_seconds!r},{request.arm},{request.instance},{request.release},{request.route},"
        f"{request.method},{request.status},{request.client_seconds:.6f},{server}\n"
    )


def read_requests(path: Path) -> Iterator[LoggedRequest]:
    """Read the whole lines of a log; a last line without its end is still being written.

    Args:
        path: The log.

    Yields:
        The requests in order of completion.

    Raises:
        StagingError: A line is not one of ours.
    """
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    for fields in csv.reader(whole.splitlines()):
        if len(fields) != _FIELD_COUNT:
            raise StagingError(f"{path} holds the line {fields}, which is no request of the load generator.")
        yield LoggedRequest(
            completed_at_seconds=float(fields[0]),
            arm=fields[1],
            instance=fields[2],
            release=fields[3],
            route=fields[4],
            method=fields[5],
            status=int(fields[6]),
            client_seconds=float(fields[7]),
            server_seconds=float(fields[8]) if fields[8] else math.nan,
        )
