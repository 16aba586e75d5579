"""Ticks at round numbers, with the decimals that their step needs.

Charts set all ticks themselves: an automatic formatter without decimals turns 42.5 into 42.
"""

import math


def round_ticks(low: float, high: float, *, about: int = 5) -> tuple[list[float], int]:
    """Choose ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.

    Args:
        low: Smallest value shown.
        high: Largest value shown.
        about: How many ticks are wanted.

    Returns:
        The ticks inside `[low, high]`, at least one, and the decimals that tell them apart.
    """
    span = high - low
    if not span > 0:
        return [low], 0 if float(low).is_integer() else 2
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next((f * power for f in (1, 2, 2.5, 5) if span / (f * power) <= about), 10 * power)
    first = math.ceil(low / step - 1e-9)
    ticks = [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)] or [low]
    digits = max(0, -math.floor(math.log10(step)))
    if round(step * 10**digits, 6) != round(step * 10**digits):
        digits += 1
    return ticks, digits


def thinned(count: int, most: int) -> list[int]:
    """Return evenly spaced places among `count`, at most `most` of them, the first included."""
    if count <= 0:
        return []
    step = next((s for s in (1, 2, 5, 10, 15, 20, 30, 60) if count / s <= most), math.ceil(count / most))
    return list(range(0, count, step))
