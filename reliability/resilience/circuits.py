"""What a circuit breaker can be, what it tells of its changes, and whom it reports calls to.

When it opens and closes is decided in `reliability.resilience.circuit_breaker`; how reports become
metrics, in `reliability.resilience.circuit_metrics`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

Outcome = Literal["ok", "failure", "excluded"]


class CircuitState(StrEnum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChange:
    """One change of a breaker's state, as its listeners get it.

    Attributes:
        name: The dependency.
        before: State that it left; the same as `after` when it was opened or reset by hand again.
        after: State that it has now.
        why: Words of the last failure, or of who changed it.
        number: Grows by one with each change of this breaker; tells the order when threads tell of two at once.
    """

    name: str
    before: CircuitState
    after: CircuitState
    why: str
    number: int


Listener: TypeAlias = Callable[[CircuitChange], None]


class CircuitRecorder(Protocol):
    """Takes down what one breaker does; it must be fast and must not raise."""

    def called(self, outcome: Outcome, seconds: float) -> None:
        """Take down a call that was let through, also one whose result came too late to count."""

    def rejected(self) -> None:
        """Take down a call that was refused."""

    def changed(self, change: CircuitChange) -> None:
        """Take down a change of the state."""

    def listener_failed(self) -> None:
        """Take down a listener that raised."""


class CircuitRecorders(Protocol):
    """Gives each breaker what it reports to, once, so that no label is looked up during a call."""

    def recorder(self, name: str, state: Callable[[], CircuitState]) -> CircuitRecorder:
        """Return the recorder of a breaker; `state` tells its present state at any time."""
