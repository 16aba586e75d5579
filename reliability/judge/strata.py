"""What each request weighs, so that both arms are compared at one mix of instants and routes.

A cell holds the requests of one route in one block of time. Cells weigh as Mantel and Haenszel do;
within a cell an arm's requests weigh alike. A route that only one arm serves has nothing to be
compared with and is left out. Counts of each scrape keep their place in the series, however long
the blocks are. Fed with intervals by the latency judge; curves and tests do not belong here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from reliability.judge.counts import ArmCounts, FloatArray, RouteCounts
from reliability.judge.intervals import SharedIntervals, SuccessiveIntervals

Numbers: TypeAlias = npt.NDArray[np.int64]
_FEW_REQUESTS_PER_CELL = 5.0  # fewer leave many cells without a request of one arm, and those are lost
_SHORTEST_LONG_BLOCK = 8  # intervals that a block may always span
_ALL, _SUM = -2, -1  # columns of a stratum: all requests, the sum of their latencies
_BLOCKS_OF_A_ROUTE = 8  # a route too rare for so many blocks is compared together with other rare ones


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighedArm:
    """One arm after weighing.

    Attributes:
        mass: Weight of the requests above each edge, per interval: shape `(K + 1, T)`; the edges are
            0, then the bucket bounds. The first row sums to 1, the last one is 0.
        latency_seconds: Weighed latencies per interval, shape `(T,)`; their sum is the mean latency. NaN
            where the histogram has no `_sum`.
        effective_count: Requests of equal weight that would give the same binomial variance.
    """

    mass: FloatArray
    latency_seconds: FloatArray
    effective_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stratum:
    """One route, or several rare ones together.

    Attributes:
        baseline: Cumulative bucket counts and, last, the sum of latencies per interval, shape `(T_b, K + 1)`.
        canary: The same of the canary, shape `(T_c, K + 1)`.
        baseline_blocks: Number of the block of each interval, shape `(T_b,)`.
        canary_blocks: The same of the canary, shape `(T_c,)`.
    """

    baseline: FloatArray
    canary: FloatArray
    baseline_blocks: Numbers
    canary_blocks: Numbers

    def block_counts(self) -> tuple[FloatArray, FloatArray]:
        """Return the requests of each arm per block."""
        size = int(max(self.baseline_blocks[-1], self.canary_blocks[-1])) + 1
        baseline: FloatArray = np.bincount(self.baseline_blocks, self.baseline[:, _ALL], size).astype(np.float64)
        canary: FloatArray = np.bincount(self.canary_blocks, self.canary[:, _ALL], size).astype(np.float64)
        return baseline, canary


def weighed_arms(intervals: SharedIntervals | SuccessiveIntervals) -> tuple[WeighedArm, WeighedArm] | None:
    """Weigh the requests of both arms.

    Args:
        intervals: Intervals of both arms, each arm with requests.

    Returns:
        Baseline and canary; None when no cell holds requests of both.
    """
    strata = _strata(intervals)
    cells = [stratum.block_counts() for stratum in strata]
    both = [np.divide(b * c, b + c, out=np.zeros_like(b), where=b + c > 0) for b, c in cells]
    total = sum(float(weights.sum()) for weights in both)
    if not total:
        return None
    parts = [
        ((s.baseline, s.baseline_blocks, w, b), (s.canary, s.canary_blocks, w, c))
        for s, (b, c), w in zip(strata, cells, [w / total for w in both], strict=True)
    ]
    return _weighed(part[0] for part in parts), _weighed(part[1] for part in parts)


def _weighed(parts: Iterable[tuple[FloatArray, Numbers, FloatArray, FloatArray]]) -> WeighedArm:
    """Add up one arm's strata: its counts, their blocks, and weight and requests per block."""
    mass: FloatArray | float = 0.0
    latency: FloatArray | float = 0.0
    spread = 0.0
    for counts, blocks, weights, requests in parts:
        each = np.divide(weights, requests, out=np.zeros_like(weights), where=requests > 0)
        above = np.vstack([counts[:, _ALL], counts[:, _ALL] - counts[:, :_SUM].T])
        mass = mass + above * each[blocks]
        latency = latency + counts[:, _SUM] * each[blocks]
        spread += float(weights @ each)
    return WeighedArm(mass=np.asarray(mass), latency_seconds=np.asarray(latency), effective_count=1.0 / spread)


def _strata(intervals: SharedIntervals | SuccessiveIntervals) -> Sequence[_Stratum]:
    whole = RouteCounts(route="", baseline=intervals.baseline, canary=intervals.canary)
    tables = [(_table(r.baseline), _table(r.canary)) for r in intervals.routes or (whole,)]
    pairs = [pair for pair in tables if min(float(arm[:, _ALL].sum()) for arm in pair) > 0]
    if isinstance(intervals, SuccessiveIntervals):
        return [_blocked(baseline, canary, size=None) for baseline, canary in pairs]
    if not intervals.routes:
        return [_blocked(*pair, size=1) for pair in pairs]
    largest = max(_SHORTEST_LONG_BLOCK, intervals.count // _BLOCKS_OF_A_ROUTE)
    sizes = [_block_size(*pair) for pair in pairs]
    strata = [_blocked(*pair, size=int(size)) for pair, size in zip(pairs, sizes, strict=True) if size <= largest]
    rare = [pair for pair, size in zip(pairs, sizes, strict=True) if size > largest]
    if rare:
        together = (np.sum([pair[0] for pair in rare], axis=0), np.sum([pair[1] for pair in rare], axis=0))
        strata.append(_blocked(*together, size=int(min(_block_size(*together), largest))))
    return strata


def _table(arm: ArmCounts) -> FloatArray:
    return np.column_stack([arm.bucket_counts, arm.latency_sum_seconds])


def _block_size(baseline: FloatArray, canary: FloatArray) -> float:
    """Return how many intervals a block must span to hold requests of both arms, which serve both."""
    fewest = min(float(baseline[:, _ALL].sum()), float(canary[:, _ALL].sum()))
    return float(np.ceil(_FEW_REQUESTS_PER_CELL * len(baseline) / fewest))


def _blocked(baseline: FloatArray, canary: FloatArray, *, size: int | None) -> _Stratum:
    """Cut both arms into blocks of `size` intervals; None: one block for all."""
    blocks = [
        np.zeros(len(arm), dtype=np.int64) if size is None else np.arange(len(arm)) // size
        for arm in (baseline, canary)
    ]
    return _Stratum(baseline=baseline, canary=canary, baseline_blocks=blocks[0], canary_blocks=blocks[1])
