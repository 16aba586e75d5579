"""Where a falling test statistic crosses a level: the limits that agree with a test.

A limit found from the tested value outwards lies on the side that the test itself says, so
the limit and the p-value can never contradict each other. Which statistic is inverted does
not belong here.
"""

import math
from collections.abc import Callable
from typing import Final

_TOLERANCE: Final = 1e-6  # of a limit
_MOST_STEPS: Final = 100


def crossing(
    statistic: Callable[[float], float],
    level: float,
    *,
    start: float,
    step: float,
    low: float,
    high: float,
) -> float | None:
    """Find where `statistic` falls through `level`.

    Args:
        statistic: Function of the parameter, falling in it.
        level: Value to reach.
        start: First parameter looked at; the crossing is bracketed from here outwards.
        step: First step of the bracket; doubled at each try.
        low: Smallest parameter allowed.
        high: Largest parameter allowed.

    Returns:
        The crossing; None when the statistic stays on one side within `[low, high]`.
    """
    near, at_near = start, statistic(start) - level
    if at_near == 0:
        return start
    rising = at_near > 0  # still above the level: the crossing lies to the right
    edge = high if rising else low
    while near != edge:
        far = min(near + step, high) if rising else max(near - step, low)
        at_far = statistic(far) - level
        if (at_far > 0) != rising:
            return root(lambda x: statistic(x) - level, (near, at_near), (far, at_far), tolerance=_TOLERANCE)
        near, at_near, step = far, at_far, 2 * step
    return None


def root(
    function: Callable[[float], float], near: tuple[float, float], far: tuple[float, float], *, tolerance: float
) -> float:
    """Find the root between two points, given with their values of opposite sign.

    False position, the Illinois way: the functions are dear and nearly straight, so values at hand
    are used again. Every trial lies strictly between the points, on the side that the test says.

    Source:
        Dowell and Jarratt 1971, BIT 11:168.
    """
    (a, at_a), (b, at_b) = near, far
    for _ in range(_MOST_STEPS):
        slope = (at_b - at_a) / (b - a)
        x = b - at_b / slope if math.isfinite(slope) and slope else b
        if not min(a, b) < x < max(a, b):
            x = (a + b) / 2
        value = function(x)
        if value == 0 or abs(x - b) < tolerance:
            return x
        if (value > 0) == (at_b > 0):
            at_a /= 2
        else:
            a, at_a = b, at_b
        b, at_b = x, value
    return b
