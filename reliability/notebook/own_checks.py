"""An analyst's own checks and queries: what each says, and how they join a report's verdict.

What the number is belongs to the analyst's cells; the checks of a topic to its judge.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reliability.errors import ParameterError, SourceError
from reliability.judge.check import Check
from reliability.sources.answer import Answer
from reliability.verdicts import Verdict, worst

PREFIX: Final = "own:"  # of an id, so that no name of an analyst's is taken for a check of ours
REASON: Final = "own-check"
NO_CHECKS: Final = "no-checks"
UNANSWERED: Final = "own-query"
WARNED: Final = "server-warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query of the analyst's.

    Attributes:
        query: Its text.
        found: What was answered, or why nothing was.
    """

    query: str
    found: Answer | SourceError

    @property
    def answer(self) -> Answer:
        """What was answered; without an answer an empty one."""
        return self.found if isinstance(self.found, Answer) else Answer(series=(), query=self.query)

    @property
    def check(self) -> Check | None:
        """What the query does to the verdict; None when it was answered without a warning."""
        values = {"name": self.query, "warnings": list(self.answer.warnings)}
        if isinstance(self.found, SourceError):
            return Check(id=f"query:{self.query}", verdict=Verdict.NO_DATA, reason=UNANSWERED, values=values)
        if self.found.warnings:
            return Check(id=f"query:{self.query}", verdict=Verdict.INCONCLUSIVE, reason=WARNED, values=values)
        return None


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
    if not name.strip():
        raise ParameterError("nb.check has no name; say in words what is checked, for example 'Refunds per minute'.")
    limits = {"at_most": _number(name, at_most), "at_least": _number(name, at_least)}
    most, least = limits["at_most"], limits["at_least"]
    if (most is None and least is None) or (most is not None and least is not None and least > most):
        raise ParameterError(
            f"nb.check({name!r}): at_most={at_most} and at_least={at_least} are no limit that a value can meet; "
            f"give one of them, or both with at_least below at_most."
        )
    found = _number(name, value)
    if found is None:
        verdict = Verdict.NO_DATA
    else:
        is_met = (most is None or found <= most) and (least is None or found >= least)
        verdict = Verdict.PASS if is_met else Verdict.FAIL
    values = {"name": name.strip(), "value": found, **limits}
    return Check(id=f"{PREFIX}{name.strip()}", verdict=verdict, reason=REASON, values=values)


def fold_checks(concluded: Mapping[str, Any], checks: Sequence[Check]) -> dict[str, Any]:
    """Join checks to what a topic concluded.

    Args:
        concluded: The topic's part of the report's JSON.
        checks: Of the analyst's queries and of the numbers found with them.

    Returns:
        The same with all checks, the worst verdict, and the first reason that carries it; the topic's comes first.
    """
    of_topic = [(Verdict(concluded["verdict"]), concluded["reason"])]
    judged = [(check.verdict, check.reason) for check in checks]
    if concluded["reason"] != NO_CHECKS:
        judged = of_topic + judged
    elif all(check.reason != REASON for check in checks):
        judged += of_topic
    verdict = worst(found for found, _ in judged)
    return {
        **concluded,
        "verdict": verdict.value,
        "reason": next(reason for found, reason in judged if found is verdict),
        "checks": [*concluded["checks"], *(check.to_json() for check in checks)],
    }


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
