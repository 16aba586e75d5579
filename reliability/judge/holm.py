"""Several looks at one canary: p-values that stay honest however many measures were looked at.

Fed by the judges of routes and of the whole canary; which measures belong to a family is theirs.
"""

from collections.abc import Sequence
from typing import Final

NOT_AFTER_HOLM: Final = "over-budget-not-after-holm"
"""Code of a measure that is over its budget by itself, but not after the correction for all of them."""


def holm_adjusted(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values for their number.

    Args:
        p_values: One p-value a measure of the family, each in [0, 1].

    Returns:
        Adjusted p-values in the same order, at most 1: a measure stands at level alpha when its own is at most alpha.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6:65 (step-down procedure).
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return tuple(adjusted)
