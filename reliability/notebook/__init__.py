"""The one room that notebooks import: `from reliability import notebook as nb`.

`start` opens a run, each question is one call that shows one result, `finish` gives the
verdict. The calls hold no logic: reading, judging and drawing live below.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from IPython import get_ipython

from reliability.errors import ParameterError
from reliability.notebook import asking, canary, frames, own, own_checks, phase, rollback
from reliability.notebook.block import Block
from reliability.notebook.canary import buckets, checks, errors, exposure, latency
from reliability.notebook.phase import coverage, modules, plan, record, tests, tighten
from reliability.notebook.rollback import drill, readiness, runbook
from reliability.notebook.run import Run, Topic, close_run, open_run
from reliability.report.figures import show_figures_as_svg
from reliability.settings import SECTION_OF_REPORT

if TYPE_CHECKING:
    import pandas as pd

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
    "readiness",
    "record",
    "runbook",
    "start",
    "tests",
    "tighten",
]

_TOPICS: dict[str, Topic] = {"canary": canary, "phase": phase, "rollback": rollback, "own": own}


def start(report: str, topic: str | None = None, **parameters: object) -> Run:
    """Open a run: resolve the parameters and read the evidence.

    Args:
        report: Name of the report, which is the name of its notebook.
        topic: What is judged: `canary`, `phase`, `rollback`, or `own` for a notebook's own checks
            alone; by default as the report's name says, else `own`.
        **parameters: The values of the parameters cell; None is taken from `reliability.toml`. Those
            that only a notebook of one's own knows are kept and shown.

    Returns:
        The run that every other call takes.

    Raises:
        ParameterError: A parameter has an impossible value, or there is no such topic.
        SettingsError: `reliability.toml` is wrong, or names no server.
    """
    name = topic or SECTION_OF_REPORT.get(report, "own")
    if name not in _TOPICS:
        raise ParameterError(f"nb.start: there is no topic '{name}'; there are: {', '.join(_TOPICS)}.")
    shell = get_ipython()
    if shell is not None:
        show_figures_as_svg(shell)
    return open_run(report, _TOPICS[name], parameters, folder=Path.cwd())


def frame(run: Run, what: str | None = None) -> "pd.DataFrame":
    """Give what was judged as a tidy frame, to be explored further.

    Sums agree with the page. Without evidence the frame has its columns and no rows. Instants
    are aware, in UTC.

    Args:
        run: What `start` gave.
        what: Name of the frame; the first of its topic by default.
            canary, `increments`: one row per arm and interval between two scrapes that both arms have.
            arm; start, end (instants); requests, errors (counts in the interval);
            latency_sum_seconds (of all its requests); mean_latency_seconds (NaN without requests).
            canary, `buckets`: one row per arm, interval and bucket. arm; start, end;
            upper_bound_seconds (of the bucket, the last is infinite); requests (in this bucket alone).
            phase, `modules`: one row per module, those with most missing first. path; statements,
            covered, branches, covered_branches, missing_count; measured_fraction (NaN without statements).
            phase, `tests`: one row per test. classname; name; module; outcome.
            rollback, `steps`: one row per step of the last drill. id; title; kind; seconds and
            budget_seconds; status; is_over_budget; evidence.

    Returns:
        The frame.

    Raises:
        ParameterError: The report has no such frame.
    """
    return frames.make_frame(run, what)


def promql(run: Run, query: str, step_seconds: float | None = None) -> "pd.DataFrame":
    """Ask any PromQL of the run's server, and keep the answer, so that it works offline later.

    A server that cannot be had gives an empty frame, and the run the verdict NO_DATA; a
    warning of the server makes it INCONCLUSIVE. On a capture or a sample a plain selector
    (`up{arm="canary"}`, `up[5m]`) is answered from the recorded samples.

    Args:
        run: What `start` gave.
        query: The query.
        step_seconds: None asks once, at the end of the window; else once a step over the window.

    Returns:
        One row per sample: metric, one column per label, time (UTC) and value.

    Raises:
        PrometheusRefusedError: The server does not understand the query; its words say why.
        UsageError: A recording was asked for more than a plain selector.
    """
    return asking.ask(run, query, step_seconds=step_seconds)


def check(run: Run, name: str, value: object, at_most: float | None = None, at_least: float | None = None) -> Block:
    """Check a number of one's own against its limit; it counts for the verdict of the run.

    Args:
        run: What `start` gave.
        name: What is checked, in words; another check of this name takes its place.
        value: One number; None and NaN are no measurement, so NO_DATA.
        at_most: Largest value that passes.
        at_least: Smallest value that passes.

    Returns:
        The check with what was observed.

    Raises:
        ParameterError: There is no limit, or the value is no number.
    """
    made = own_checks.judge_own(name, value, at_most=at_most, at_least=at_least)
    run.checks[made.id] = made
    return run.block("checks", {"checks": [made]})


def queries(run: Run) -> Block:
    """Show the exact queries, ready to copy: those of both arms and those asked so far."""
    return asking.show_queries(run)


def finish(run: Run) -> Block:
    """Close a run: its verdict, its sentence and where the numbers come from.

    Args:
        run: What `start` gave.

    Returns:
        The result that heads the page and feeds the gate.
    """
    return close_run(run)
