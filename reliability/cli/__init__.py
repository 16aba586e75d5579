"""The command `reliability`: find the command, run it, turn its error into an exit status.

Results go to stdout, progress and errors to stderr. Each command is loaded when it is
asked for, so that `--help` starts fast; what a command does belongs to the rooms below.
"""

import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Final, NoReturn

import click

from reliability import __version__
from reliability.errors import RangeConflictError, ReliabilityError, SourceError, UsageError
from reliability.lazy_group import LazyGroup

USAGE_STATUS: Final = 2
NO_DATA_STATUS: Final = 4
RUN_ERROR_STATUS: Final = 5
BUSY_STATUS: Final = 6
INTERRUPTED_STATUS: Final = 130
TERMINATED_STATUS: Final = 143
STATUSES: Final = """\b
Exit status:
  0 pass or done, 1 fail, 2 usage or settings, 3 no decision yet,
  4 no data, 5 run error, 6 busy, 130/143 interrupted."""
# Where each command lives, and its line in the list of commands.
_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "report": ("reliability.cli.reports:report", "Run notebooks and write their pages."),
    "render": ("reliability.cli.reports:render", "Write the pages of a stored run anew."),
    "gate": ("reliability.cli.gating:gate", "Judge the newest run and say so by the exit status."),
    "canary": ("reliability.canary.commands:canary", "Judge a canary without a notebook; plan and calibrate one."),
    "phase": ("reliability.phase.commands:phase", "Measure a phase, raise its floor, keep its record."),
    "alerts": ("reliability.alerting.commands:alerts", "Write alert rules for breakers, locks and sessions."),
    "schema": ("reliability.cli.schemas:schema", "Print the JSON Schema of the settings or of a report."),
    "init": ("reliability.workbench.commands:init", "Look at a Prometheus and write reliability.toml for it."),
    "doctor": ("reliability.workbench.commands:doctor", "Check machine, settings, server and arms; name the cures."),
    "capture": ("reliability.workbench.commands:capture", "Record both arms of the server for later."),
    "new": ("reliability.workbench.commands:new", "Begin a notebook of one's own."),
    "staging": ("reliability.staging.commands:staging", "Run and record experiments on the staging service."),
}


class _Commands(LazyGroup):
    places = _COMMANDS


@click.group(cls=_Commands, epilog=STATUSES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reliability")
def cli() -> None:
    """Tell, with evidence, where a phase stands and whether a release may go out."""


def main() -> NoReturn:
    """Run the command line and end the process with its status."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line without ending the process.

    Args:
        arguments: Words behind `reliability`.

    Returns:
        The exit status.
    """
    try:
        status = cli.main(args=arguments, prog_name="reliability", standalone_mode=False)
    except Exception as err:  # noqa: BLE001 -- the one place: an unknown fault is a run error, never a pass
        return _failed(err)
    except KeyboardInterrupt:
        return _failed(click.Abort())
    return status if isinstance(status, int) else 0


def _failed(err: Exception) -> int:
    """Say on stderr what went wrong, and return its exit status."""
    message, status = f"{type(err).__name__}: {err}. This is a defect of the program. [internal]", RUN_ERROR_STATUS
    if isinstance(err, click.exceptions.Exit):
        return err.exit_code
    if isinstance(err, click.ClickException):
        err.show()
        return USAGE_STATUS
    if isinstance(err, click.Abort):
        message, status = "interrupted; files that exist are whole", INTERRUPTED_STATUS
    elif isinstance(err, ReliabilityError):
        message, status = str(err), _status_of(err)
    click.echo(f"error: {message}", err=True)
    return status


def _status_of(err: ReliabilityError) -> int:
    if isinstance(err, UsageError):
        return USAGE_STATUS
    if isinstance(err, RangeConflictError):
        return BUSY_STATUS
    return NO_DATA_STATUS if isinstance(err, SourceError) else RUN_ERROR_STATUS


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED_STATUS)
