"""Release judge: may the release go out, given what each of its gates said?

Pure: outcomes of reports come in, one judgement leaves. Every report of the run is a gate; one
that a release needs and that is missing counts as NO_DATA, so it never clears a release. Reading reports and wording
the answer belong to `reliability.report`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reliability.verdicts import Verdict, worst

GATES: Final = ("canary_comparison", "rollback_readiness", "phase_progress")
_URGENCY: Final = (Verdict.FAIL, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.PASS)
_REASONS: Final = {Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "undecided"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutcome:
    """What one gate said.

    Attributes:
        report: Name of the report.
        verdict: Its verdict; NO_DATA without a readable report.
        has_cautions: Whether a PASS carries cautions.
        is_missing: Whether there is no readable report at all.
    """

    report: str
    verdict: Verdict
    has_cautions: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseJudgement:
    """Whether the release may go out.

    Attributes:
        gates: All gates, the most urgent first; among equals those of `GATES`, then the project's own by name.
    """

    gates: tuple[GateOutcome, ...]

    @property
    def verdict(self) -> Verdict:
        """Fold of the gates."""
        return worst(gate.verdict for gate in self.gates)

    @property
    def has_cautions(self) -> bool:
        """Whether any gate passes with cautions."""
        return any(gate.has_cautions for gate in self.gates)

    @property
    def missing_count(self) -> int:
        """Gates without a readable report."""
        return sum(gate.is_missing for gate in self.gates)

    @property
    def passed_count(self) -> int:
        """Gates that pass, with cautions or without."""
        return sum(gate.verdict is Verdict.PASS for gate in self.gates)

    @property
    def reason(self) -> str:
        """Code of the answer: passed, attention, failed, undecided, no-data, missing-reports or no-reports."""
        if self.missing_count == len(self.gates):
            return "no-reports"
        if self.verdict is Verdict.PASS:
            return "attention" if self.has_cautions else "passed"
        if self.verdict is Verdict.NO_DATA:
            return "missing-reports" if self.missing_count else "no-data"
        return _REASONS[self.verdict]

    @property
    def first_to_do(self) -> str | None:
        """The report to act on first; None when every gate passes without cautions."""
        first = self.gates[0]
        return None if first.verdict is Verdict.PASS and not first.has_cautions else first.report


def judge_release(outcomes: Mapping[str, GateOutcome], required: Iterable[str] = GATES) -> ReleaseJudgement:
    """Fold the gates of a release.

    Args:
        outcomes: Outcome by report name; each of them gates.
        required: Reports that a release needs; those without an outcome are missing.

    Returns:
        The judgement.
    """
    names = [*GATES, *sorted({*required, *outcomes} - set(GATES))]
    missing = {name: GateOutcome(report=name, verdict=Verdict.NO_DATA, is_missing=True) for name in required}
    gates = sorted(
        {**missing, **outcomes}.values(),
        key=lambda gate: (_URGENCY.index(gate.verdict), not gate.has_cautions, names.index(gate.report)),
    )
    return ReleaseJudgement(gates=tuple(gates))
