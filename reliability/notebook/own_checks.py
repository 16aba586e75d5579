"""An analyst's own check: a number against its limits.

What the number is belongs to the analyst's cells; the checks of a topic to its judge.
"""

import math
from typing import Any, Final

from reliability.errors import ParameterError
from reliability.judge.check import Check
from reliability.notebook.block import Block
from reliability.notebook.run import Run
from reliability.verdicts import Verdict

PREFIX: Final = "own:"  # of an id, so that no name of an analyst's is taken for a check of ours
REASON: Final = "own-check"


def check(run: Run, name: str, value: object, at_most: float | None = None, at_least: float | None = None) -> Block:
    """Check a number of one's own against its limit; it counts for the verdict of the run.

    A check that is missed makes the run FAIL, one without a measurement NO_DATA.

    Args:
        run: What `start` gave.
        name: What is checked, in words, with its unit; another check of this name takes its place.
        value: One number, of Python, NumPy or pandas; None, NaN and infinity are no measurement.
        at_most: Largest value that passes, in the unit of `value`.
        at_least: Smallest value that passes; both may be given.

    Returns:
        The check with what was observed; it is shown when it is the cell's last line.

    Raises:
        ParameterError: There is no limit, or the value is no number.

    Example:
        The mean latency of the canary in the worst interval::

            slowest = nb.frame(run).query("arm == 'canary'")["mean_latency_seconds"].max()
            nb.check(run, "Slowest interval of the canary, mean ms", 1000 * slowest, at_most=250)
    """
    made = judge_own(name, value, at_most=at_most, at_least=at_least)
    run.checks[made.id] = made
    return run.block("checks", {"checks": [made]})


def judge_own(name: str, value: object, *, at_most: float | None, at_least: float | None) -> Check:
    """Hold a number against its limits.

    Args:
        name: What is checked, in words.
        value: One number; None, NaN and infinity are no measurement.
        at_most: Largest value that passes.
        at_least: Smallest value that passes.

    Returns:
        PASS inside the limits, FAIL outside, NO_DATA without a measurement.

    Raises:
        ParameterError: No name, no limit, limits that nothing can meet, or a value that is no number.
    """
    name = name.strip()
    if not name:
        raise ParameterError("nb.check has no name; say in words what is checked, for example 'Refunds per minute'.")
    found, most, least = (_number(name, number) for number in (value, at_most, at_least))
    low, high = -math.inf if least is None else least, math.inf if most is None else most
    if (most is None and least is None) or low > high:
        raise ParameterError(
            f"nb.check({name!r}): at_most={at_most} and at_least={at_least} are no limit that a value can meet; "
            f"give one of them, or both with at_least below at_most."
        )
    verdict = Verdict.NO_DATA
    if found is not None:
        verdict = Verdict.PASS if low <= found <= high else Verdict.FAIL
    values = {"name": name, "value": found, "at_most": most, "at_least": least}
    return Check(id=f"{PREFIX}{name}", verdict=verdict, reason=REASON, values=values)


def _number(name: str, value: Any) -> float | None:
    if value is None or type(value).__name__ == "NAType":  # pandas has a missing value of its own
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as err:
        raise ParameterError(
            f"nb.check({name!r}): a {type(value).__name__} is no number; give one, for example frame['value'].max()."
        ) from err
    return number if math.isfinite(number) else None
