"""Commands of the staging room: record an experiment, record a rollback drill.

Parses, calls one function, prints one line. Progress goes to standard error.
"""

from pathlib import Path

import click

from reliability.clock import SystemClock
from reliability.staging.drill_recorder import record_drill
from reliability.staging.plans import PLANS
from reliability.staging.recorder import record_experiment
from reliability.staging.storage import StorageChoice


@click.group()
def staging() -> None:
    """Run the staging service and record what a real Prometheus sees of it."""


@staging.command()
@click.argument("plan", type=click.Choice(sorted(PLANS)))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder that gets the capture's folder.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Another length than the plan's.")
@click.option("--storage-variable", help="Environment variable with a postgresql:// address; both arms use it.")
@click.option("--sessions-variable", help="Environment variable with a redis:// address for the canary's sessions.")
def record(
    plan: str, out: Path, minutes: float | None, storage_variable: str | None, sessions_variable: str | None
) -> None:
    """Record the experiment PLAN as a capture in OUT and print its folder.

    Without variables each arm keeps everything in a SQLite file of its own. In a PostgreSQL each
    arm gets a schema `reliability_staging_...`, in a Redis a namespace; both are emptied first. The first
    needs the second, so that no arm keeps its sessions in a file beside an arm on a server.
    """
    chosen = PLANS[plan] if minutes is None else PLANS[plan].lasting(minutes=minutes)
    storage = StorageChoice(storage_variable=storage_variable, sessions_variable=sessions_variable)
    click.echo(str(record_experiment(chosen, out, progress=_say, storage=storage)))


@staging.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the drill's log.")
def drill(out: Path) -> None:
    """Rehearse the rollback on the staging service, append it to the log in OUT and print the log."""
    click.echo(str(record_drill(out, clock=SystemClock(), progress=_say)))


def _say(line: str) -> None:
    click.echo(f"{SystemClock().now():%H:%M:%S} {line}", err=True)
