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


def promql(run: Run, query: str, step_seconds: float | None = None) -> "pd.DataFrame":
    """Ask any PromQL of the run's server, and keep the answer, so that it works offline later.

    The run with its stored answers is asked again by naming their folder as `source`. A server
    that cannot be had gives an empty frame, and the run the verdict NO_DATA; a warning of the
    server makes it INCONCLUSIVE.

    A capture or a sample has no engine: it answers plain selectors (`up{arm="canary"}`, `up[5m]`)
    from the recorded samples, no functions and no operators.

    Args:
        run: What `start` gave.
        query: The query.
        step_seconds: None asks once, at the end of the run's window; else every so many seconds
            over the whole window, warm-up included.

    Returns:
        A row per sample:
            metric (category): name of the metric; empty for an expression.
            one column per label (category): empty where a series lacks the label; a label called
                metric, time or value gets `label_` before its name.
            time (datetime64, UTC): instant of the sample.
            value (float): in the unit of the query.

    Raises:
        PrometheusRefusedError: The server does not understand the query; its words say why.
        UsageError: A recording was asked for more than a plain selector, or the step is none.
        ParameterError: The topic has no server to ask.

    Example:
        Requests per second of each arm, minute by minute, a column each::

            rates = nb.promql(run, "sum by (arm) (rate(http_requests_total[1m]))", step_seconds=60)
            rates.pivot(index="time", columns="arm", values="value")
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


def queries(run: Run) -> Block:
    """Show the exact queries, ready to copy: those of both arms and those asked so far."""
    return show(run, "queries", lambda _: _queries(run))


def _queries(run: Run) -> Mapping[str, object]:
    arms: Mapping[str, Answer] = getattr(run.evidence, "answers", {})
    rows = [*arms.items(), *(("own", answer) for answer in run.asked.values())]
    origin = _origin(run)
    return {
        "comparison": "canary" if origin.baseline_window is None else "before-after",
        "source": origin.description,
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
