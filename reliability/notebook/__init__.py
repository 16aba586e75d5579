"""The one room that notebooks import: `from reliability import notebook as nb`.

`start` opens a run, each question is one call that shows one result, `finish` gives the
verdict. The calls hold no logic: reading, judging and drawing live below.
"""

from pathlib import Path

from IPython import get_ipython

from reliability.errors import ParameterError
from reliability.notebook import canary, own, phase, rollback
from reliability.notebook.asking import promql, queries
from reliability.notebook.block import Block
from reliability.notebook.canary import buckets, checks, errors, exposure, latency, routes
from reliability.notebook.frames import frame
from reliability.notebook.own_checks import check
from reliability.notebook.phase import (
    coverage,
    modules,
    plan,
    ratchet,
    record,
    requirements,
    resilience,
    tests,
    tighten,
)
from reliability.notebook.rollback import drill, readiness, runbook
from reliability.notebook.run import Run, Topic, close_run, open_run
from reliability.report.figures import show_figures_as_svg
from reliability.settings import SECTION_OF_REPORT

__all__ = [
    "buckets",
    "check",
    "checks",
    "coverage",
    "drill",
    "errors",
    "exposure",
    "finish",
    "frame",
    "latency",
    "modules",
    "plan",
    "promql",
    "queries",
    "ratchet",
    "readiness",
    "record",
    "requirements",
    "resilience",
    "routes",
    "runbook",
    "start",
    "tests",
    "tighten",
]

_TOPICS: dict[str, Topic] = {"canary": canary, "phase": phase, "rollback": rollback, "own": own}


def start(report: str, topic: str | None = None, **parameters: object) -> Run:
    """Open a run: resolve the parameters and read the evidence.

    Args:
        report: Name of the report, which is the name of its notebook's file.
        topic: What is judged; by default as the report's name says, else `own`.
            canary: two arms are compared; cells `latency`, `errors`, `buckets`,
                `routes`, `exposure`, `checks`.
            phase: coverage and tests; cells `tighten`, `ratchet`, `coverage`, `record`, `modules`,
                `tests`, `requirements`, `resilience`, `plan`.
            rollback: the last drill; cells `drill`, `readiness`, `runbook`.
            own: only the checks of this notebook's cells count.
        **parameters: The values of the parameters cell, under the names of the topic's section in
            `reliability.toml` (of `canary` for `own`; `reliability schema` lists them with units and
            defaults); None is taken from there. Other names are this notebook's own: texts, finite
            numbers, true or false; they are kept with the run and shown.

    Returns:
        The run that every other call takes. Evidence that is missing does not raise: the cells say
        so, and the verdict is NO_DATA.

    Raises:
        ParameterError: A parameter has an impossible value or is misspelt, or there is no such topic.
        SettingsError: `reliability.toml` is wrong, or names no server.

    Example:
        A comparison with a margin of its own, on the server of `[prometheus]`::

            run = nb.start("checkout", topic="canary", source="prometheus", margin_percent=5.0)
    """
    name = topic or SECTION_OF_REPORT.get(report, "own")
    if name not in _TOPICS:
        raise ParameterError(f"nb.start: there is no topic '{name}'; there are: {', '.join(_TOPICS)}.")
    shell = get_ipython()
    if shell is not None:
        show_figures_as_svg(shell)
    return open_run(report, _TOPICS[name], parameters, folder=Path.cwd())


def finish(run: Run) -> Block:
    """Close a run: its verdict, its sentence and where the numbers come from.

    Args:
        run: What `start` gave.

    Returns:
        The result that heads the page and feeds the gate.
    """
    return close_run(run)
