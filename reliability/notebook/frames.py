"""What was judged as a tidy frame: the increments of both arms, and rows of the other reports.

Fed with the evidence of a topic; pandas is imported only where a frame is asked for. What
each frame holds for the reader is told by `nb.frame`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from reliability.atomic import write_text_whole
from reliability.errors import ParameterError, SourceError
from reliability.judge.counts import ArmCounts, PairedCounts
from reliability.notebook.canary_evidence import CanaryEvidence
from reliability.notebook.parts import present
from reliability.notebook.run import FrameSource, Place, Run

if TYPE_CHECKING:
    import pandas as pd

INSTANT: Final = "datetime64[ms, UTC]"
Rows = Mapping[str, npt.NDArray[Any]]


def make_frame(run: Run, what: str | None) -> "pd.DataFrame":
    """Make one of the frames that the run's topic has; without evidence it has columns and no rows.

    Args:
        run: The open run.
        what: Name of the frame; None for the first.

    Returns:
        The frame.

    Raises:
        ParameterError: The topic has no such frame.
    """
    frames = run.topic.FRAMES
    name = what or next(iter(frames), "")
    if name not in frames:
        known = ", ".join(frames) or "none, because it judges only its own checks; topic='canary' has some"
        raise ParameterError(f"nb.frame: {run.report} has no frame '{what or ''}'; there are: {known}.")
    source = frames[name]
    try:
        return _filled(source, source.rows(present(run.evidence)))
    except SourceError:
        return _filled(source, {})


def keep_increments(found: CanaryEvidence, *, place: Place) -> None:
    """Write the increments as CSV where the run wants them kept."""
    if place.increments is not None:
        frame = _filled(INCREMENTS, _increments(found))
        text = frame.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%S.%fZ")
        write_text_whole(place.increments, text)


def _filled(source: FrameSource, rows: Rows) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 -- half a second that reports without frames do not pay

    frame = pd.DataFrame(rows, columns=list(source.columns))
    for name, kind in source.columns.items():
        if kind == INSTANT:
            frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.astype({name: kind for name, kind in source.columns.items() if kind})


def _increments(found: CanaryEvidence) -> Rows:
    def of_arm(arm: ArmCounts) -> Rows:
        spent = arm.latency_sum_seconds
        mean = np.divide(spent, arm.requests, out=np.full_like(spent, np.nan), where=arm.requests > 0)
        return {
            "requests": arm.requests, "errors": arm.errors, "latency_sum_seconds": spent, "mean_latency_seconds": mean,
        }  # fmt: skip

    return _by_arm(found.pairing.counts, of_arm, repeat=1)


def _buckets(found: CanaryEvidence) -> Rows:
    counts = found.pairing.counts
    bounds = counts.upper_bounds_seconds if counts else np.empty(0)

    def of_arm(arm: ArmCounts) -> Rows:
        single = np.diff(arm.bucket_counts, axis=1, prepend=0)
        return {"upper_bound_seconds": np.tile(bounds, len(single)), "requests": single.ravel()}

    return _by_arm(counts, of_arm, repeat=bounds.size)


def _by_arm(counts: PairedCounts | None, of_arm: Callable[[ArmCounts], Rows], *, repeat: int) -> Rows:
    """Put both arms under each other; each interval has `repeat` rows."""
    if counts is None:
        return {}
    edges = np.rint(1000 * counts.edges_seconds).astype("datetime64[ms]")
    intervals = {"start": edges[:-1].repeat(repeat), "end": edges[1:].repeat(repeat)}
    arms = {"baseline": of_arm(counts.baseline), "canary": of_arm(counts.canary)}
    columns = {name: np.concatenate([arm[name] for arm in arms.values()]) for name in arms["baseline"]}
    return {
        "arm": np.repeat(list(arms), intervals["start"].size),
        **{name: np.tile(instants, len(arms)) for name, instants in intervals.items()},
        **columns,
    }


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
