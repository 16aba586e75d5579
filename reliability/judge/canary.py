"""Canary judge: one verdict from latency, errors and the health of the data.

PASS needs both measures; one that is over its budget is a FAIL, after Holm's correction for
looking at two. Data that cannot be trusted decides nothing, and nothing measured is not a pass.
Fed by the judges of latency and errors and, as plain numbers, by the sources; words do not
belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reliability.judge.check import Check, reason_of
from reliability.judge.error_rate import ErrorJudgement
from reliability.judge.latency import LatencyJudgement
from reliability.judge.traffic import no_traffic_reason
from reliability.verdicts import Verdict, worst

__all__ = ["CanaryJudgement", "Check", "judge_canary"]

MAX_MISSING_FRACTION: Final = 0.20
_LITTLE_ROOM_FRACTION: Final = 0.01
_VAGUE_REASON: Final = "not-enough-evidence"
_DATA_CHECKS: Final = ("warnings", "scrapes")
_MEASURES: Final = ("latency", "errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryJudgement:
    """What the whole comparison says.

    Attributes:
        checks: Traffic, scrapes, warnings, latency, errors.
        cautions: Codes that leave a PASS a PASS.
    """

    checks: tuple[Check, ...]
    cautions: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Fold of the two measures, when the data can be trusted."""
        measured = worst(check.verdict for check in self._measures)
        if measured is Verdict.NO_DATA or not self._distrusted:
            return measured
        return Verdict.INCONCLUSIVE

    @property
    def reason(self) -> str:
        """Code of what carries the verdict."""
        verdict = self.verdict
        if verdict is Verdict.INCONCLUSIVE and self._distrusted:
            return self._distrusted[0].reason
        if verdict is Verdict.INCONCLUSIVE:
            undecided = [check.reason for check in self._measures if check.verdict is verdict]
            return next((reason for reason in undecided if reason != _VAGUE_REASON), _VAGUE_REASON)
        if verdict is Verdict.FAIL:
            return self._broken_budget()
        return reason_of(self._measures, verdict)

    def check(self, name: str) -> Check:
        """Return one of the checks by its id."""
        return next(check for check in self.checks if check.id == name)

    @property
    def _measures(self) -> tuple[Check, ...]:
        return tuple(self.check(name) for name in _MEASURES)

    @property
    def _distrusted(self) -> tuple[Check, ...]:
        found = (self.check(name) for name in _DATA_CHECKS)
        return tuple(check for check in found if check.verdict is not Verdict.PASS)

    def _broken_budget(self) -> str:
        failed = [check for check in self._measures if check.verdict is Verdict.FAIL]
        if len(failed) == len(_MEASURES):
            return "over-budget-both"
        only = failed[0]
        return only.reason if only.reason != "over-budget" else f"over-budget-{only.id}"


def judge_canary(
    latency: LatencyJudgement,
    errors: ErrorJudgement,
    *,
    warnings: Sequence[str] = (),
    missing_scrapes_fraction: float | None = None,
    used_scrape_count: int | None = None,
    expected_scrape_count: int | None = None,
    alpha_fail: float = 0.025,
) -> CanaryJudgement:
    """Fold the judgements of one comparison.

    Args:
        latency: Judged latency.
        errors: Judged error rate.
        warnings: Warnings of the server on any query; one is enough to decide nothing.
        missing_scrapes_fraction: Share of the expected scrapes that could not be used; None
            when it is not known.
        used_scrape_count: Scrapes used, for the page.
        expected_scrape_count: Scrapes expected, for the page.
        alpha_fail: Probability to FAIL a canary that sits on its margins, both measures together.

    Returns:
        The judgement.
    """
    checks = (
        _traffic(latency, errors),
        _scrapes(missing_scrapes_fraction, used_scrape_count, expected_scrape_count),
        Check(
            id="warnings",
            verdict=Verdict.INCONCLUSIVE if warnings else Verdict.PASS,
            reason="server-warning" if warnings else "no-warning",
            values={"count": len(warnings)},
        ),
        *_measures(latency, errors, alpha_fail=alpha_fail),
    )
    return CanaryJudgement(checks=checks, cautions=_cautions(latency))


def _traffic(latency: LatencyJudgement, errors: ErrorJudgement) -> Check:
    baseline = max(latency.baseline_request_count, errors.baseline_request_count)
    canary = max(latency.canary_request_count, errors.canary_request_count)
    needed = max((n for n in (latency.requests_needed, errors.requests_needed) if n is not None), default=None)
    values = {"baseline_count": baseline, "canary_count": canary, "needed_count": needed}
    missing = no_traffic_reason(baseline, canary)
    if missing is not None:
        return Check(id="traffic", verdict=Verdict.NO_DATA, reason=missing, values=values)
    if latency.reason == "too-few-requests":
        return Check(id="traffic", verdict=Verdict.INCONCLUSIVE, reason=latency.reason, values=values)
    return Check(id="traffic", verdict=Verdict.PASS, reason="enough-requests", values=values)


def _scrapes(missing_fraction: float | None, used_count: int | None, expected_count: int | None) -> Check:
    values = {"missing_fraction": missing_fraction, "used_count": used_count, "expected_count": expected_count}
    if missing_fraction is not None and missing_fraction > MAX_MISSING_FRACTION:
        return Check(id="scrapes", verdict=Verdict.INCONCLUSIVE, reason="data-gap", values=values)
    return Check(id="scrapes", verdict=Verdict.PASS, reason="few-missing", values=values)


def _measures(latency: LatencyJudgement, errors: ErrorJudgement, *, alpha_fail: float) -> tuple[Check, Check]:
    """Return both measures, a FAIL only when it stands after Holm's correction."""
    p_values = [judged.fail_p_value or 0.0 for judged in (latency, errors) if judged.verdict is Verdict.FAIL]
    stands = min(p_values, default=0.0) <= alpha_fail / len(_MEASURES)
    latency_values = {
        "margin_fraction": latency.margin_fraction,
        "increase_fraction": latency.increase_fraction,
        "deciding_fraction": latency.deciding_limit_fraction,
        "p_value_fraction": latency.fail_p_value,
    }
    error_values = {
        "allowed_difference_fraction": errors.allowed_difference_fraction,
        "difference_fraction": errors.difference_fraction,
        "deciding_fraction": errors.deciding_limit_fraction,
        "p_value_fraction": errors.fail_p_value,
    }
    return (
        _measure("latency", latency.verdict, latency.reason, latency_values, stands=stands),
        _measure("errors", errors.verdict, errors.reason, error_values, stands=stands),
    )


def _measure(name: str, verdict: Verdict, reason: str, values: dict[str, float | None], *, stands: bool) -> Check:
    if verdict is Verdict.FAIL and not stands:
        return Check(id=name, verdict=Verdict.INCONCLUSIVE, reason=_VAGUE_REASON, values=values)
    return Check(id=name, verdict=verdict, reason=reason, values=values)


def _cautions(latency: LatencyJudgement) -> tuple[str, ...]:
    """Say what a reader should know although latency is inside its budget."""
    if latency.verdict is not Verdict.PASS:
        return ()
    upper, mean = latency.deciding_upper_fraction, latency.mean_lower_fraction
    found = {
        "little-room": upper is not None and upper > latency.margin_fraction - _LITTLE_ROOM_FRACTION,
        "mean-over-budget": mean is not None and mean > latency.margin_fraction,
        "late-ramp": latency.settling_seconds > 0,
    }
    return tuple(code for code, holds in found.items() if holds)
