"""Ticks at round numbers, with the decimals that their step needs.

Charts set all ticks themselves: an automatic formatter without decimals turns 42.5 into 42.
"""

import math
from decimal import Decimal

from matplotlib.ticker import MaxNLocator


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
