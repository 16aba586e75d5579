"""One rule of a report beside what was seen; several of them fold into a judgement.

Which rules there are belongs to the judges, their words to the catalogues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reliability.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule, and what was seen.

    Attributes:
        id: Name of the rule.
        verdict: Outcome.
        reason: Code that says why it is that verdict.
        values: Numbers and names for the page.
    """

    id: str
    verdict: Verdict
    reason: str
    values: Mapping[str, object]

    def to_json(self) -> dict[str, object]:
        """Return the check with JSON types only."""
        return {
            "id": self.id,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "values": dict(self.values),
        }


def reason_of(checks: Sequence[Check], verdict: Verdict) -> str:
    """Find the code of the first check that has the folded verdict.

    Args:
        checks: Checks in the order in which a reader wants them.
        verdict: Their fold.

    Returns:
        The code; `nothing-checked` when no check has that verdict.
    """
    return next((check.reason for check in checks if check.verdict is verdict), "nothing-checked")
