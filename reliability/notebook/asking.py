"""Any query of an analyst's: to the server of the run, or to what a recording holds.

A server that cannot be had is a result, not an exception: it is shown and folded into the
verdict. Which server is asked belongs to `reliability.notebook.origin`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reliability.errors import ParameterError, SourceError
from reliability.judge.check import Check
from reliability.notebook.block import Block
from reliability.notebook.origin import Origin
from reliability.notebook.parts import present
from reliability.notebook.recorded_queries import answer_selector
from reliability.notebook.run import Run, show
from reliability.sources.answer import Answer
from reliability.sources.captures import Capture
from reliability.sources.frames import samples_frame
from reliability.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd


def ask(run: Run, query: str, *, step_seconds: float | None) -> "pd.DataFrame":
    """Ask a query, keep what was answered with the run, and show what was not.

    Args:
        run: The open run.
        query: PromQL; on a recording a plain selector.
        step_seconds: None asks once, at the end of the window; else once a step over the window.

    Returns:
        The samples; none when nothing could be had.

    Raises:
        PrometheusRefusedError: The server does not understand the query.
        UsageError: A recording cannot answer it, the step is none, or the report has no source of metrics.
    """
    key = (query, step_seconds)
    run.checks.pop(key, None)
    try:
        answer = _answer(_origin(run), query, step_seconds)
    except SourceError as err:
        answer = Answer(series=(), query=query)
        run.checks[key] = _flaw(answer, Verdict.NO_DATA, "own-query")
        run.missing(err).display()
    if answer.warnings:
        run.checks[key] = _flaw(answer, Verdict.INCONCLUSIVE, "server-warning")
        run.block("checks", {"checks": [run.checks[key]]}).display()
    run.asked[key] = answer
    return samples_frame(answer)


def show_queries(run: Run) -> Block:
    """Show the exact queries of both arms and of the analyst's cells."""
    return show(run, "queries", lambda _: _queries(run))


def _queries(run: Run) -> Mapping[str, object]:
    arms: Mapping[str, Answer] = getattr(run.evidence, "answers", {})
    rows = [*arms.items(), *(("own", answer) for answer in run.asked.values())]
    return {
        "source": _origin(run).source.description,
        "queries": [
            {
                "arm": arm,
                "query": answer.query,
                "series": len(answer.series),
                "samples": sum(series.times_seconds.size for series in answer.series),
            }
            for arm, answer in rows
        ],
    }


def _origin(run: Run) -> Origin:
    evidence = present(run.evidence)
    origin = getattr(evidence, "origin", evidence)
    if not isinstance(origin, Origin):
        raise ParameterError(f"{run.report} has no source of metrics; queries need topic='canary' or topic='own'.")
    return origin


def _flaw(answer: Answer, verdict: Verdict, reason: str) -> Check:
    values = {"name": answer.query, "warnings": answer.warnings}
    return Check(id=f"query:{answer.query}", verdict=verdict, reason=reason, values=values)


def _answer(origin: Origin, query: str, step_seconds: float | None) -> Answer:
    if isinstance(origin.source, Capture):
        return answer_selector(origin.source.answer, query, window=origin.window, step_seconds=step_seconds)
    if step_seconds is None:
        return origin.source.ask(query, at=origin.window.end)
    return origin.source.ask_range(query, window=origin.window, step_seconds=step_seconds)
