"""A total time limit for work that may hang anywhere: name lookup, handshake, drip by drip.

Used by `reliability.sources.prometheus`; what the work is does not belong here.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
GRACE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """An instant by which all tries must be over.

    Attributes:
        seconds: Time from the making of this object to the instant.
        monotonic: Clock that never goes back, in seconds.
    """

    seconds: float
    monotonic: Callable[[], float]
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the time."""
        object.__setattr__(self, "_end", self.monotonic() + self.seconds)

    @property
    def remaining_seconds(self) -> float:
        """Time left; never below zero."""
        return max(0.0, self._end - self.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.remaining_seconds == 0


def run_within(work: Callable[[], Result], *, seconds: float) -> Result:
    """Run work in a thread and give it up when it takes too long.

    The work should watch its own deadline, so that it ends by itself; this is for what it
    cannot watch. Work that was given up ends unseen.

    Args:
        work: What to do.
        seconds: Longest wait; a short grace is added, so that the work's own report of a
            passed deadline comes first.

    Returns:
        What the work returned.

    Raises:
        TimeoutError: The work was given up.
    """
    outcome: list[Callable[[], Any]] = []
    thread = threading.Thread(target=lambda: outcome.append(_outcome(work)), daemon=True)
    thread.start()
    thread.join(seconds + GRACE_SECONDS)
    if not outcome:
        raise TimeoutError(f"nothing came within {seconds:g} s")
    result: Result = outcome[0]()
    return result


def _outcome(work: Callable[[], Result]) -> Callable[[], Result]:
    """Run work now; the returned function gives its result or raises its error."""
    try:
        result = work()
    except BaseException as err:  # noqa: BLE001 -- it is raised again where the work was asked for
        error = err

        def again() -> Result:
            raise error

        return again
    return lambda: result
