"""Where a canary that starts slow has settled: intervals to set aside after the declared warm-up.

The truncation of White (MSER) chooses the head to cut, but only a falling head that is clearly
slower than what follows is cut, measured against noise with a memory: without that gate the choice
itself would bias the verdict. Fed by the latency judge; the declared warm-up is cut before the
counts arrive here.
"""

import math

import numpy as np

from reliability.judge.counts import FloatArray

_BLOCK_SECONDS = 60.0
_STANDARD_ERRORS = 4.0
_CLEAR_EXCESS = 1.5  # times the margin: a smaller head does not spoil a verdict
_LARGEST_HEAD = 0.5  # part of the window that may be cut
_FLAT_PART = 0.1  # of the excess; a head that rises by more is a passing disturbance
_DECAYED_PART = 0.75  # of the excess of the first half: a canary that settles keeps at most this in the second
_FEWEST_HALVED_BLOCKS = 4  # a shorter head says nothing of its course
_LARGEST_MEMORY = 0.9
_FEWEST_BLOCKS = 8


def settling_cut(log_ratios: FloatArray, weights: FloatArray, seconds: FloatArray, *, margin: float) -> int:
    """Count the intervals at the start that a settling canary spoils.

    Args:
        log_ratios: Log of canary over baseline per interval, shape `(T,)`.
        weights: Weight of each interval, shape `(T,)`.
        seconds: Length of each interval, shape `(T,)`.
        margin: Margin of the comparison, as a log ratio; sets which head is worth a cut.

    Returns:
        Number of intervals to cut, 0 when the head is not clearly slower.

    Source:
        White 1997, Simulation 69:323 (marginal standard error rule); the gate is our own.
    """
    starts = _block_starts(seconds)
    weight = np.add.reduceat(weights, starts)
    blocks = np.add.reduceat(weights * log_ratios, starts) / weight
    if blocks.size < _FEWEST_BLOCKS:
        return 0
    largest = int(blocks.size * _LARGEST_HEAD)
    cut = min(range(largest + 1), key=lambda k: float(np.var(blocks[k:])) / (blocks.size - k))
    if cut == 0:
        return 0
    head, tail = blocks[:cut], blocks[cut:]
    excess = float(head.mean() - tail.mean())
    error = _error_of_mean_difference(tail, head_count=cut)
    spoils = excess > max(_CLEAR_EXCESS * margin, _STANDARD_ERRORS * error)
    return int(starts[cut]) if spoils and _settles(head - tail.mean()) else 0


def _settles(excess: FloatArray) -> bool:
    """Tell whether a head falls towards the level that follows; a level head is a slow stretch of the release."""
    slow = excess[: np.flatnonzero(excess > excess.mean() / 2)[-1] + 1]  # by chance a cut takes calm blocks too
    first, second = float(slow[: (slow.size + 1) // 2].mean()), float(slow[slow.size // 2 :].mean())
    if slow.size < _FEWEST_HALVED_BLOCKS:
        return second - first < _FLAT_PART * float(slow.mean())
    return second <= _DECAYED_PART * first


def _error_of_mean_difference(tail: FloatArray, *, head_count: int) -> float:
    """Return the standard error of head mean minus tail mean, were the head like the tail."""
    centred = tail - tail.mean()
    squares = float(centred @ centred)
    if squares <= 0:
        return 0.0
    lag_one = float(centred[1:] @ centred[:-1]) / squares + 2 / tail.size  # short series hide their memory
    memory = min(max(lag_one, 0.0), _LARGEST_MEMORY)
    inflation = (1 + memory) / (1 - memory)
    return math.sqrt(squares / tail.size * inflation * (1 / head_count + 1 / tail.size))


def _block_starts(seconds: FloatArray) -> "np.ndarray[tuple[int], np.dtype[np.int_]]":
    """Return the first interval of each block of about a minute."""
    block = np.floor((np.cumsum(seconds) - seconds) / _BLOCK_SECONDS)
    return np.flatnonzero(np.diff(block, prepend=-1.0) > 0)
