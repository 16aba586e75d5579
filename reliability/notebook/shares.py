"""Shares as a reader sees them: rounded down, so that 34.999 % never reads 35 %.

What a share is compared with stays exact, elsewhere.
"""

import math
from fractions import Fraction
from typing import Any, Final

from reliability.sources.coverage_json import CoverageCounts

_SHOWN_DIGITS: Final = 10_000  # two decimals of a percentage


def rounded_down(share: Fraction | None) -> float | None:
    """Round a share down to two decimals of a percentage; None stays None."""
    return None if share is None else math.floor(share * _SHOWN_DIGITS) / _SHOWN_DIGITS


def covered(counts: CoverageCounts | None) -> dict[str, Any]:
    """Return the counts of a coverage with its share; of no measurement every part is None."""
    if counts is None:
        return dict.fromkeys((*CoverageCounts.model_fields, "measured_fraction", "shown_fraction", "missing_count"))
    return {
        **dict(counts),
        "measured_fraction": counts.fraction,
        "shown_fraction": rounded_down(counts.fraction),
        "missing_count": counts.missing,
    }
