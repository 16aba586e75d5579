"""The command `canary`: judge a capture or a live window without a notebook, and end with the verdict's status.

Parses, calls one function, prints, sets the status. What it needs is loaded when it is asked for, and so
are its sub-commands.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from reliability.errors import ParameterError
from reliability.lazy_group import LazyGroup
from reliability.resilience.lease_checks import LARGEST_TOKEN

_STATUSES: Final = """Exit status:
  0 pass, 1 fail, 2 usage or settings, 3 no decision yet, 4 no data, 5 run error, 6 the window is taken."""
# Where each sub-command lives, and its line in the list of commands.
_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "calibrate": ("reliability.canary.calibrating:calibrate", "Measure the noise between two arms of one version."),
    "plan": ("reliability.canary.planning:plan", "Say how many requests and minutes a canary needs."),
    "window": ("reliability.canary.window_commands:window", "Reserve windows of time for canaries of a service."),
}


class _Commands(LazyGroup):
    places = _COMMANDS


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    epilog=f"""\b
Examples:
  reliability canary --capture captures/release-2.8
  reliability canary -p margin_percent=5 --keep increments.json.gz --json
  reliability canary --lease 7
  reliability canary --increments increments.json.gz --json

\b
{_STATUSES}""",
)
@click.option("--capture", metavar="PATH", help="A capture's folder, a recorded body, or stored answers of a run.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings instead of the project's reliability.toml.")
@click.option("-p", "assignments", metavar="NAME=VALUE", multiple=True, help="Set an option of [canary].")
@click.option("--increments", type=click.Path(path_type=Path), help="Judge a kept file again instead of a source.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep what was judged; a name with .gz is packed.")
@click.option(
    "--lease",
    metavar="TOKEN",
    type=click.IntRange(1, LARGEST_TOKEN),
    help="Judge the window that was reserved with this fencing token.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the same for the same increments.")
@click.pass_context
def canary(
    ctx: click.Context,
    *,
    capture: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
    increments: Path | None,
    keep: Path | None,
    lease: int | None,
    as_json: bool,
) -> None:
    """Judge a canary without a notebook, and end with the verdict's status.

    The source is that of the settings, or a capture, or the increments that an earlier judgement kept
    (a run keeps them as <report>.increments.json.gz), which give the same verdict again. A window of a server
    is judged under a lease, so that nobody judges an overlapping one of the service meanwhile.
    """
    given = [name for name, value in ctx.params.items() if value]
    if ctx.invoked_subcommand is not None:
        if given:
            raise ParameterError(f"options stand behind '{ctx.invoked_subcommand}', not before it; move them.")
        return
    for name in ("capture", "config", "lease") if increments is not None else ():
        if ctx.params[name] is not None:
            raise ParameterError(f"--increments {increments} is measured already, so --{name} says nothing; drop one.")
    from reliability.canary import judging, telling  # noqa: PLC0415 -- numpy and scipy, which --help does not pay
    from reliability.verdicts import EXIT_STATUS, Verdict  # noqa: PLC0415 -- the same

    verdict = judging.judge(
        capture=capture, config=config, increments=increments, assignments=assignments, keep=keep, lease=lease
    )
    click.echo(judging.as_json(verdict) if as_json else telling.as_text(verdict))
    ctx.exit(EXIT_STATUS[Verdict(verdict["verdict"])])
