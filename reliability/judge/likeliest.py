"""Which two fractions explain two counts best, when their difference or their ratio is given.

Miettinen and Nurminen 1985, Statistics in Medicine 4:213, appendix. The score tests of errors rest
their variance on these; tests and margins do not belong here.
"""

import math
from typing import Protocol

_TINY = 1e-100  # its cube must not underflow


class Proportion(Protocol):
    """A share of requests."""

    @property
    def fraction(self) -> float:
        """The share seen."""
        ...

    @property
    def effective_count(self) -> float:
        """Requests behind it."""
        ...


def difference_fractions(canary: Proportion, baseline: Proportion, *, difference: float) -> tuple[float, float]:
    """Find the likeliest fractions with `canary - baseline = difference`.

    Args:
        canary: Canary arm.
        baseline: Baseline arm.
        difference: Difference to hold, in (-1, 1).

    Returns:
        Fractions of canary and baseline on the hypothesis.

    Source:
        Miettinen and Nurminen 1985, Statistics in Medicine 4:213, appendix (root of a cubic).
    """
    total = canary.effective_count + baseline.effective_count
    baseline_failed = baseline.fraction * baseline.effective_count
    failed = canary.fraction * canary.effective_count + baseline_failed
    a = ((total + baseline.effective_count) * difference - total - failed) / total
    b = ((baseline.effective_count * difference - total - 2 * baseline_failed) * difference + failed) / total
    c = baseline_failed * difference * (1 - difference) / total
    shift = a / 3
    q = shift**3 - a * b / 6 + c / 2
    p = math.copysign(math.sqrt(max(shift**2 - b / 3, 0.0)), q)
    cosine = q / p**3 if abs(p) > _TINY else 0.0
    angle = (math.pi + math.acos(min(max(cosine, -1.0), 1.0))) / 3
    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    fraction = min(max(2 * p * math.cos(angle) - shift, low), high)
    return min(max(fraction + difference, 0.0), 1.0), fraction


def ratio_fractions(canary: Proportion, baseline: Proportion, *, ratio: float) -> tuple[float, float]:
    """Find the likeliest fractions with `canary = ratio * baseline`.

    Args:
        canary: Canary arm.
        baseline: Baseline arm.
        ratio: Ratio to hold, above zero.

    Returns:
        Fractions of canary and baseline on the hypothesis.

    Source:
        Miettinen and Nurminen 1985, Statistics in Medicine 4:213, appendix (root of a quadratic).
    """
    canary_failed = canary.fraction * canary.effective_count
    baseline_failed = baseline.fraction * baseline.effective_count
    a = (canary.effective_count + baseline.effective_count) * ratio
    b = (canary.effective_count + baseline_failed) * ratio + canary_failed + baseline.effective_count
    c = canary_failed + baseline_failed
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    fraction = min(max(2 * c / (b + root), 0.0), 1.0, 1.0 / ratio)
    return min(ratio * fraction, 1.0), fraction
