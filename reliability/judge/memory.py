"""How much the sum over one window would vary if the window were measured another time.

Side by side, what moves both arms cancels, and what is left forgets within a minute or two. Two
windows at different times keep it all: load, caches and neighbours wander for minutes. A few cosines
of a half-hour window see only a part of such noise, so the memory is estimated first, taken out,
measured, and put back. Fed by the judges of latency and errors. Noise with a memory as long as the
window stays unseen: no computation on the window alone can help.
"""

import numpy as np

from reliability.judge.counts import FloatArray
from reliability.judge.long_run import cosines

_COSINE_COUNT = 4  # as few as leave a usable t law: more see faster wandering only
_LARGEST_MEMORY = 0.97  # correlation of neighbours; with 15 s between scrapes it is halved in 6 minutes
_LEAST_CORRELATION = 0.1
_CLEAR_ERRORS = 1.5  # standard errors of a correlation, 1 / sqrt(T), above which it is no chance


def lasting_projections(series: FloatArray, *, memory: float | None = None) -> FloatArray:
    """Project a series on its slowest cosines as if it had been observed without its memory.

    Args:
        series: One number per interval, shape `(T,)`, at least `MIN_INTERVAL_COUNT`.
        memory: Correlation of neighbours in `[0, 1)`; None: estimated from the series.

    Returns:
        Up to four projections; their mean square estimates the long-run variance of `series.sum()`,
        with as many degrees of freedom.

    Source:
        Andrews and Monahan 1992, Econometrica 60:953 (prewhitening by a first-order autoregression);
        the bias of its estimate, `(1 + 4 phi) / T`, after Kendall 1954.
    """
    basis = cosines(series.size - 1)[:_COSINE_COUNT]
    memory = memory_of(series) if memory is None else memory
    news = series[1:] - memory * series[:-1]
    growth = np.sqrt(series.size / max(series.size - 1, 1)) / (1 - memory)
    return np.asarray(basis @ news * growth, dtype=np.float64)


def memory_of(series: FloatArray) -> float:
    """Estimate the correlation of neighbours of what is not the chance of single requests.

    That chance has no memory: it lowers all correlations alike, so the second over the first is free of it.

    Args:
        series: One number per interval, shape `(T,)`.

    Returns:
        The correlation, in `[0, 0.97]`, corrected for the shortness of the series.
    """
    centred = series - series.mean()
    energy = float(centred @ centred)
    if energy <= 0:
        return 0.0
    first, second = (float(centred[lag:] @ centred[:-lag]) / energy for lag in (1, 2))
    clear = max(_LEAST_CORRELATION, _CLEAR_ERRORS / np.sqrt(series.size))
    memory = second / first if first > clear else first
    return float(np.clip(memory + (1 + 4 * max(memory, 0.0)) / series.size, 0.0, _LARGEST_MEMORY))
