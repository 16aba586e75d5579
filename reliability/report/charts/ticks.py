"""Ticks at round numbers, with the decimals that their step needs.

Charts set all ticks themselves: an automatic formatter without decimals turns 42.5 into 42.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from matplotlib.ticker import MaxNLocator

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_TIME_STEPS: Final = (
    60, 300, 900, 1800, _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY, 61 * _DAY, 91 * _DAY, 182 * _DAY, 365 * _DAY,
)  # fmt: skip
_CLOCK_DAYS: Final = 2  # a longer axis has days for ticks


def round_ticks(low: float, high: float) -> tuple[list[float], int]:
    """Choose about five ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.

    Args:
        low: Smallest value shown.
        high: Largest value shown.

    Returns:
        The ticks inside `[low, high]`, at least one, and the decimals that tell them apart.
    """
    if not high > low:
        return [low], 0 if float(low).is_integer() else 2
    ticks = [float(tick) for tick in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
    exponent = Decimal(f"{ticks[1] - ticks[0]:.6g}").normalize().as_tuple().exponent
    return [tick for tick in ticks if low <= tick <= high] or [low], max(0, -int(exponent))


def thinned(count: int, most: int) -> list[int]:
    """Return evenly spaced places among `count`, at most `most` of them, the first included."""
    steps = (1, 2, 5, 10, 15, 20, 30, 60)
    return list(range(0, count, next((step for step in steps if count / step <= most), math.ceil(count / most))))


def time_ticks(start: float, end: float, most: int) -> tuple[Sequence[float], bool]:
    """Choose ticks at round UTC times.

    Args:
        start: First instant shown, in seconds since 1970.
        end: Last one.
        most: So many ticks at most.

    Returns:
        The ticks, at least one, and whether they are days, not times of day.
    """
    is_long = end - start > _CLOCK_DAYS * _DAY
    steps = [step for step in _TIME_STEPS if (step >= _DAY) == is_long]
    step = next((step for step in steps if (end - start) / step <= 2 * most - 1), steps[-1])
    ticks = [float(place * step) for place in range(math.ceil(start / step), math.floor(end / step) + 1)]
    kept = [ticks[place] for place in thinned(len(ticks), most)]
    return kept or [start], is_long
