"""The one room that notebooks import: `from reliability import notebook as nb`.

`start` opens a run, each question is one call that shows one result, `finish` gives the
verdict. The calls hold no logic: reading, judging and drawing live below.
"""

from pathlib import Path

from reliability.notebook import canary, phase, rollback
from reliability.notebook.block import Block
from reliability.notebook.canary import buckets, checks, errors, exposure, latency, queries
from reliability.notebook.phase import coverage, modules, plan, record, tests, tighten
from reliability.notebook.rollback import drill, readiness, runbook
from reliability.notebook.run import Run, Topic, close_run, open_run

__all__ = [
    "buckets",
    "checks",
    "coverage",
    "drill",
    "errors",
    "exposure",
    "finish",
    "latency",
    "modules",
    "plan",
    "queries",
    "readiness",
    "record",
    "runbook",
    "start",
    "tests",
    "tighten",
]

_TOPICS: dict[str, Topic] = {
    "canary_comparison": canary,
    "phase_progress": phase,
    "rollback_readiness": rollback,
}


def start(report: str, **parameters: object) -> Run:
    """Open a run: resolve the parameters and read the evidence.

    Args:
        report: Name of the report.
        **parameters: The values of the parameters cell; None is taken from `reliability.toml`.

    Returns:
        The run that every other call takes.

    Raises:
        ParameterError: A parameter has an impossible value.
        SettingsError: `reliability.toml` is wrong.
    """
    return open_run(report, _TOPICS[report], parameters, folder=Path.cwd())


def finish(run: Run) -> Block:
    """Close a run: its verdict, its sentence and where the numbers come from.

    Args:
        run: What `start` gave.

    Returns:
        The result that heads the page and feeds the gate.
    """
    return close_run(run)
