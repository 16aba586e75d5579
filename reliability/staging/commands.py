"""Commands of the staging room: record an experiment, record a rollback drill.

Parses, calls one function, prints one line. Progress goes to standard error.
"""

import signal
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from reliability.clock import SystemClock
from reliability.staging.plans import PLANS
from reliability.staging.recorder import record_experiment


@click.group()
def staging() -> None:
    """Run the staging service and record what a real Prometheus sees of it."""
    signal.signal(signal.SIGTERM, _end_in_order)


@staging.command()
@click.argument("plan", type=click.Choice(sorted(PLANS)))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder that gets the capture's folder.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Another length than the plan's.")
def record(plan: str, out: Path, minutes: float | None) -> None:
    """Record the experiment PLAN as a capture in OUT and print its folder."""
    chosen = PLANS[plan] if minutes is None else PLANS[plan].lasting(minutes=minutes)
    click.echo(str(record_experiment(chosen, out, progress=_say)))


def _say(line: str) -> None:
    click.echo(f"{SystemClock().now():%H:%M:%S} {line}", err=True)


def _end_in_order(signal_number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 -- signature is given
    """Leave through every `finally`, so that no child outlives an ended recorder."""
    raise SystemExit(128 + signal_number)
