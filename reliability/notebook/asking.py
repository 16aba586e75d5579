"""Any query of an analyst's: to the server of the run, or to what a recording holds.

A server that cannot be had is a result, not an exception: it is shown and folded into the
verdict. Which server is asked belongs to `reliability.notebook.origin`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reliability.errors import ParameterError, SourceError
from reliability.notebook.block import Block
from reliability.notebook.canary_evidence import CanaryEvidence
from reliability.notebook.origin import Origin
from reliability.notebook.own_checks import Asked
from reliability.notebook.parts import present
from reliability.notebook.recorded_queries import answer_selector
from reliability.notebook.run import Run, missing, show
from reliability.sources.answer import Answer
from reliability.sources.captures import Capture
from reliability.sources.frames import samples_frame

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
    found: Answer | SourceError
    try:
        found = _answer(_origin(run), query, step_seconds)
    except SourceError as err:
        found = err
        missing(run, err).display()
    asked = run.asked[query, step_seconds] = Asked(query=query, found=found)
    if asked.answer.warnings and asked.check:
        Block(kind="checks", data={"checks": [asked.check.to_json()]}, language=run.language).display()
    return samples_frame(asked.answer)


def show_queries(run: Run) -> Block:
    """Show the exact queries of both arms and of the analyst's cells."""
    return show(run, "queries", lambda _: _queries(run))


def _queries(run: Run) -> Mapping[str, object]:
    evidence = run.evidence
    arms = evidence.answers if isinstance(evidence, CanaryEvidence) else {}
    rows = [*arms.items(), *(("own", asked.answer) for asked in run.asked.values())]
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
    origin = evidence.origin if isinstance(evidence, CanaryEvidence) else evidence
    if not isinstance(origin, Origin):
        raise ParameterError(f"{run.report} has no source of metrics; queries need topic='canary' or topic='own'.")
    return origin


def _answer(origin: Origin, query: str, step_seconds: float | None) -> Answer:
    if isinstance(origin.source, Capture):
        return answer_selector(origin.source.answer, query, window=origin.window, step_seconds=step_seconds)
    if step_seconds is None:
        return origin.source.ask(query, at=origin.window.end)
    return origin.source.ask_range(query, window=origin.window, step_seconds=step_seconds)
