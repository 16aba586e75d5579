"""The four verdicts, how several fold into one, and the exit status of each.

Judges produce verdicts; the command line and the pages read them. Reasons and words
do not belong here.
"""

from collections.abc import Iterable
from enum import Enum
from types import MappingProxyType
from typing import Final


class Verdict(Enum):
    """Outcome of a judgement. Only `PASS` lets a release go on."""

    PASS = "PASS"  # noqa: S105 -- a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NO_DATA = "NO_DATA"


EXIT_STATUS: Final = MappingProxyType({Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3, Verdict.NO_DATA: 4})
_FOLD_ORDER: Final = (Verdict.FAIL, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.PASS)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Fold verdicts into one: FAIL, then NO_DATA, then INCONCLUSIVE, then PASS.

    Args:
        verdicts: Any number of verdicts.

    Returns:
        The first verdict of the fold order that occurs; `NO_DATA` when there is none,
        because nothing measured is not a pass.
    """
    seen = set(verdicts)
    return next((v for v in _FOLD_ORDER if v in seen), Verdict.NO_DATA)
