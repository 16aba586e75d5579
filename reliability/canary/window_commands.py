"""The commands `canary window ...`: reserve a window for a canary, extend it, give it back, list all.

Parses, calls one function, prints, sets the status.
"""

import json
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from reliability.canary.windows import Windows, open_windows, this_process, told
from reliability.clock import SystemClock, format_instant, parse_instant
from reliability.errors import ParameterError
from reliability.report.words import printable
from reliability.resilience.lease_checks import LARGEST_TOKEN
from reliability.settings import LIVE_WINDOW_MINUTES
from reliability.settings_file import find_project_folder, read_settings
from reliability.window import Window

TOKEN: Final = click.IntRange(1, LARGEST_TOKEN)
_CONFIG: Final = click.option(
    "--config", type=click.Path(path_type=Path), help="Settings instead of the project's, as for 'canary --config'."
)
_STATUSES: Final = "Exit status: 0 done, 2 usage or settings, 5 not held or run error, 6 the window is taken."


def _examples(*lines: str) -> str:
    return "\n".join(
        ("\b", "Examples:", *(f"  reliability canary window {line}" for line in lines), "", "\b", _STATUSES)
    )


def _instant(_ctx: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_instant(text).astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise click.BadParameter(str(err)) from err


def _number(_ctx: click.Context, _option: click.Parameter, minutes: float) -> float:
    if math.isnan(minutes):  # which lies in every range
        raise click.BadParameter("nan is no length of time")
    return minutes


@contextmanager
def _windows(config: Path | None) -> Iterator[Windows]:
    project = config.resolve().parent if config else find_project_folder(Path.cwd())
    with closing(open_windows(read_settings(project, file=config), project=project)) as windows:
        yield windows


@click.group()
def window() -> None:
    """Reserve windows of time for canaries of a service.

    Nobody else's canary of the same service may be judged over an overlapping window. The settings say under
    [resilience] what the service is called and where the leases are held.
    """


@window.command(epilog=_examples("reserve", "reserve --start 2026-11-27T02:00:00Z --minutes 60 --holder 'release 2.8'"))
@click.option("--start", callback=_instant, metavar="INSTANT", help="Start, for example 2026-11-27T02:00:00Z; now.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.01, 60 * 24 * 31),
    callback=_number,
    default=LIVE_WINDOW_MINUTES,
    show_default=True,
    help="Length with warm-up.",
)
@click.option("--holder", help="Whose it is, as others are told; else user, host and process.")
@_CONFIG
def reserve(*, start: datetime | None, minutes: float, holder: str | None, config: Path | None) -> None:
    """Reserve a window and print its fencing token.

    'reliability canary --lease TOKEN' judges the window. It is free again 30 minutes behind its end.
    """
    now = SystemClock().now()
    begin = start or now.replace(microsecond=0)
    try:
        asked = Window(start=begin, end=begin + timedelta(minutes=minutes))
    except OverflowError as err:
        raise ParameterError(f"--start {format_instant(begin)}: the window has no end; give an earlier one.") from err
    with _windows(config) as windows:
        lease = windows.reserve(asked, holder=this_process() if holder is None else holder, now=now)
    click.echo(str(lease.fencing_token))
    click.echo(printable(told(lease)), err=True)
    if asked.end <= now:
        click.echo("the window is over already: only judging it is reserved, nothing that happened in it", err=True)
    click.echo(f"judge it with: reliability canary --lease {lease.fencing_token}", err=True)


@window.command(epilog=_examples("extend 7 --end 2026-11-27T03:30:00Z"))
@click.argument("token", type=TOKEN)
@click.option("--end", required=True, callback=_instant, metavar="INSTANT", help="New end, later than the present one.")
@_CONFIG
def extend(*, token: int, end: datetime, config: Path | None) -> None:
    """Let the window of TOKEN end later; twice at most."""
    with _windows(config) as windows:
        lease = windows.extend(token, end_at=end, now=SystemClock().now())
    click.echo(printable(told(lease)))


@window.command(epilog=_examples("release 7"))
@click.argument("token", type=TOKEN)
@_CONFIG
def release(*, token: int, config: Path | None) -> None:
    """Give the window of TOKEN back; also when somebody forgot to."""
    with _windows(config) as windows:
        was_held = windows.release(token)
    click.echo(f"{token} is given back" if was_held else f"{token} was not held any more")


@window.command("list", epilog=_examples("list", "list --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_CONFIG
def list_windows(*, as_json: bool, config: Path | None) -> None:
    """List the windows that are taken."""
    with _windows(config) as windows:
        leases = windows.held_now()
    if as_json:
        click.echo(json.dumps([asdict(lease) for lease in leases], indent=1, default=format_instant))
        return
    for lease in leases:
        click.echo(printable(f"{lease.fencing_token}: {told(lease)}"))
    if not leases:
        click.echo("no window is taken")
