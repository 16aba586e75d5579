"""Where a falling test statistic crosses a level: the limits that agree with a test.

A limit found from the tested value outwards lies on the side that the test itself says, so
the limit and the p-value can never contradict each other. Which statistic is inverted does
not belong here.
"""

from collections.abc import Callable

from scipy.optimize import brentq


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
    rising = statistic(start) > level  # still above the level: the crossing lies to the right
    near, edge = start, (high if rising else low)
    while near != edge:
        far = min(near + step, high) if rising else max(near - step, low)
        if (statistic(far) > level) != rising:
            return float(brentq(lambda x: statistic(x) - level, near, far, xtol=1e-9, rtol=1e-10))
        near, step = far, 2 * step
    return None
