"""One rule of a report beside what was seen; several of them fold into a judgement.

Which rules there are belongs to the judges, their words to the catalogues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reliability.verdicts import Verdict, worst


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Several checks and what they come to.

    Attributes:
        checks: Rules in the order in which a reader wants them.
        cautions: Codes that leave a PASS a PASS.
        pass_reason: Code of a PASS.
    """

    checks: tuple[Check, ...]
    cautions: tuple[str, ...]
    pass_reason: str

    @property
    def verdict(self) -> Verdict:
        """Fold of the checks."""
        return worst(check.verdict for check in self.checks)

    @property
    def reason(self) -> str:
        """Code of the first check that has the verdict; of a PASS its own."""
        return self.pass_reason if self.verdict is Verdict.PASS else reason_of(self.checks, self.verdict)

    def check(self, check_id: str) -> Check:
        """Return the check of this name."""
        return next(check for check in self.checks if check.id == check_id)

    def to_json(self) -> dict[str, object]:
        """Return verdict, reason, cautions and checks with JSON types only."""
        return {
            "verdict": self.verdict.value,
            "reason": self.reason,
            "cautions": list(self.cautions),
            "checks": [check.to_json() for check in self.checks],
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
