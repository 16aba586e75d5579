"""The command `phase`: measure a phase, raise its floor, keep its record, write its document.

Each sub-command is loaded when it is asked for; what it does stands in its own module.
"""

from collections.abc import Mapping
from typing import Final

import click

from reliability.lazy_group import LazyGroup

_STATUSES: Final = "Exit status: 0 done, 1 fail, 2 usage or settings, 3 no decision yet, 4 no data, 5 run error."
# Where each sub-command lives, and its line in the list of commands.
_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "measure": ("reliability.phase.measuring:measure", "Run the suites with coverage and vouch for what they leave."),
    "coverage": ("reliability.phase.reading:coverage", "Print the exact totals of coverage files, or why not."),
    "evidence": ("reliability.phase.reading:evidence", "Print how each test of JUnit files ended."),
    "suites": ("reliability.phase.suites:suites", "Say what isolating failing and slow tests would give."),
    "ratchet": ("reliability.phase.ratcheting:ratchet", "Raise the threshold as far as the evidence allows."),
    "record": ("reliability.phase.recording:record", "Add the entries that are due; verify and export the record."),
    "document": (
        "reliability.phase.document:document",
        "Bring the document of the phase up to date.",
    ),
    "import": ("reliability.phase.importing:import_phase", "Read the Markdown document of an earlier phase."),
}


class _Commands(LazyGroup):
    places = _COMMANDS


@click.group(
    cls=_Commands,
    epilog=f"""\b
Examples:
  reliability init --phase
  reliability phase measure
  reliability phase ratchet
  reliability phase record

\b
{_STATUSES}""",
)
def phase() -> None:
    """Measure a phase, raise its floor, keep its record and its document."""
