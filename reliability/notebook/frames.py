"""What was judged as a tidy frame: the increments of both arms, and rows of the other reports.

Fed with the evidence of a topic; pandas is imported only where a frame is asked for.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from reliability.atomic import write_text_whole
from reliability.errors import ParameterError, SourceError
from reliability.judge.counts import ArmCounts
from reliability.notebook.canary_evidence import CanaryEvidence
from reliability.notebook.parts import present
from reliability.notebook.run import FrameSource, Place, Run

if TYPE_CHECKING:
    import pandas as pd

INSTANT: Final = "datetime64[ms, UTC]"
Columns = Mapping[str, npt.NDArray[Any]]


def frame(run: Run, what: str | None = None) -> "pd.DataFrame":
    """Give what was judged as a tidy frame, to be explored further.

    Sums agree with the page. Without evidence the frame has its columns and no rows. What a row
    of an interval counts happened after `start` and up to `end`.

    Args:
        run: What `start` gave.
        what: Name of the frame; the first of the report's topic by default.

            topic `canary`, `increments`: a row per arm and interval between two scrapes that both arms have.
                Of two windows each arm has its own scrapes.
                arm (text): `baseline` or `canary`.
                start, end (datetime64, UTC): instants of the two scrapes.
                requests, errors (float): how many in the interval.
                latency_sum_seconds (float): of all its requests together.
                mean_latency_seconds (float): of one request; NaN without requests.
            topic `canary`, `buckets`: a row per arm, interval and bucket of the histogram.
                arm, start, end: as above.
                upper_bound_seconds (float): of the bucket; the last one is infinite.
                requests (float): in this bucket alone; not cumulative.
            topic `phase`, `modules`: a row per module, those with most missing first.
                path (text).
                statements, covered, branches, covered_branches (int): how many there are, and were run.
                measured_fraction (float): covered share from 0 to 1; NaN without statements.
                missing_count (int): statements and branches that were not run.
            topic `phase`, `tests`: a row per test.
                classname, name, module (text): as JUnit names them.
                outcome (text): `passed`, `xfailed`, `skipped`, `failed` or `error`.
            topic `phase`, `resilience`: a row per number that breakers, locks and sessions reported.
                component (text): `breaker`, `lock` or `session`.
                name (text): of the breaker, of the operation, or the kind of session.
                outcome (text): as the metric names it; `most` for living sessions at most.
                count (int): in the window.
            topic `rollback`, `steps`: a row per step of the last drill.
                id, title, kind (text): as the runbook names them.
                seconds, budget_seconds (float): how long it took, and might take.
                status (text): `ok`, `failed` or `timeout`.
                is_over_budget (bool).
                evidence (text): what was seen.

    Returns:
        The frame.

    Raises:
        ParameterError: The report has no such frame.

    Example:
        Errors by arm, and the busiest intervals of the canary::

            increments = nb.frame(run)
            increments.groupby("arm")["errors"].sum()
            increments[increments["arm"] == "canary"].nlargest(5, "requests")
    """
    frames = run.topic.FRAMES
    name = what or next(iter(frames), "")
    if name not in frames:
        known = ", ".join(frames) or "none, because it judges only its own checks; topic='canary' has some"
        raise ParameterError(f"nb.frame: {run.report} has no frame '{what or ''}'; there are: {known}.")
    try:
        rows = frames[name].rows(present(run.evidence))
    except SourceError:
        rows = None
    return _filled(frames[name], rows)


def keep_increments(found: CanaryEvidence, *, place: Place) -> None:
    """Write the increments as CSV where the run wants them kept."""
    if place.increments is not None:
        increments = _filled(INCREMENTS, _increments(found))
        text = increments.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%S.%fZ")
        write_text_whole(place.increments, text)


def _filled(source: FrameSource, rows: Any) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 -- half a second that reports without frames do not pay

    filled = pd.DataFrame(rows, columns=list(source.columns))
    for name, kind in source.columns.items():
        if kind == INSTANT:
            filled[name] = pd.to_datetime(filled[name], utc=True)
    return filled.astype({name: kind for name, kind in source.columns.items() if kind})


def _increments(found: CanaryEvidence) -> "pd.DataFrame | None":
    def of_arm(arm: ArmCounts) -> Columns:
        spent, count = arm.latency_sum_seconds, arm.requests
        mean = np.divide(spent, count, out=np.full_like(spent, np.nan), where=count > 0)
        return {"requests": count, "errors": arm.errors, "latency_sum_seconds": spent, "mean_latency_seconds": mean}

    return _by_arm(found, of_arm)


def _buckets(found: CanaryEvidence) -> "pd.DataFrame | None":
    bounds = counts.upper_bounds_seconds if (counts := found.inputs.counts) else np.empty(0)

    def of_arm(arm: ArmCounts) -> Columns:
        single = np.diff(arm.bucket_counts, axis=1, prepend=0)
        return {"upper_bound_seconds": np.tile(bounds, len(single)), "requests": single.ravel()}

    return _by_arm(found, of_arm, repeat=bounds.size)


def _by_arm(found: CanaryEvidence, of_arm: Callable[[ArmCounts], Columns], *, repeat: int = 1) -> "pd.DataFrame | None":
    """Put both arms under each other; each interval has `repeat` rows."""
    import pandas as pd  # noqa: PLC0415 -- as above

    counts = found.inputs.counts
    if counts is None:
        return None
    frames = []
    for name, edges_seconds, arm in zip(("baseline", "canary"), counts.edges, counts.arms, strict=True):
        edges = np.rint(1000 * edges_seconds).astype("datetime64[ms]")
        interval = {"start": edges[:-1].repeat(repeat), "end": edges[1:].repeat(repeat)}
        frames.append(pd.DataFrame({"arm": name, **interval, **of_arm(arm)}))
    return pd.concat(frames, ignore_index=True)


INCREMENTS: Final = FrameSource(
    columns={
        "arm": "", "start": INSTANT, "end": INSTANT, "requests": "float64", "errors": "float64",
        "latency_sum_seconds": "float64", "mean_latency_seconds": "float64",
    },
    rows=_increments,
)  # fmt: skip
BUCKETS: Final = FrameSource(
    columns={"arm": "", "start": INSTANT, "end": INSTANT, "upper_bound_seconds": "float64", "requests": "float64"},
    rows=_buckets,
)
