"""One line of the doctor: what was looked at, how it is, and what to do about it.

Looking belongs to the modules that make findings.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

SETTINGS, NO_DATA, RUN_ERROR = 2, 4, 5  # exit statuses of a fault
_ORDER: Final = (SETTINGS, RUN_ERROR, NO_DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found.

    Attributes:
        level: `ok`, `note` (works, but look at it) or `fault`.
        subject: What was looked at.
        text: What was seen.
        cure: What to do; empty when nothing.
        details: Lines below, for example a query.
        status: Exit status that a fault has.
    """

    level: Literal["ok", "note", "fault"]
    subject: str
    text: str
    cure: str = ""
    details: tuple[str, ...] = ()
    status: int = 0

    def lines(self) -> list[str]:
        """Print it; the lines behind the first belong below it."""
        return [
            f"{self.level:<6}{self.subject}: {self.text}",
            *self.details,
            *([f"cure: {self.cure}"] if self.cure else []),
        ]


def ok(subject: str, text: str, *details: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(level="ok", subject=subject, text=text, details=details)


def note(subject: str, text: str, *, cure: str = "") -> Finding:
    """Say what works but wants a look."""
    return Finding(level="note", subject=subject, text=text, cure=cure)


def fault(subject: str, text: str, *, cure: str, status: int, details: tuple[str, ...] = ()) -> Finding:
    """Say what does not work."""
    return Finding(level="fault", subject=subject, text=text, cure=cure, status=status, details=details)


def masked(finding: Finding, mask: Callable[[str], str]) -> Finding:
    """Return a finding whose texts went through a function."""
    details = tuple(map(mask, finding.details))
    return replace(finding, text=mask(finding.text), cure=mask(finding.cure), details=details)


def status_of(findings: Iterable[Finding]) -> int:
    """Return the exit status: settings before the machine before data, 0 without a fault."""
    seen = {finding.status for finding in findings}
    return next((status for status in _ORDER if status in seen), 0)
