"""Canary judge: one verdict from latency, errors, routes and the health of the data.

PASS needs every mandatory measure; one that is over its budget is a FAIL, after Holm's correction
for all of them. Data that cannot be trusted decides nothing, and nothing measured is not a pass.
Fed by the other judges; words do not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reliability.judge.check import Check, reason_of
from reliability.judge.data_health import DATA_CAUTIONS
from reliability.judge.error_rate import ErrorJudgement
from reliability.judge.holm import NOT_AFTER_HOLM, holm_adjusted
from reliability.judge.latency import LatencyJudgement
from reliability.judge.other_case import MeasureFigures, OtherCase, Undecided, figures_of
from reliability.judge.routes import RoutesJudgement, p_of_fail
from reliability.judge.traffic import no_traffic_reason
from reliability.verdicts import Verdict, worst

__all__ = ["CanaryJudgement", "Check", "judge_canary"]

_LITTLE_ROOM_FRACTION: Final = 0.01
_VAGUE_REASON: Final = "not-enough-evidence"
_OPPOSITE: Final = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS}
_MEASURES: Final = ("latency", "errors", "routes")
_CAUTIONS_OF_CHECKS: Final = DATA_CAUTIONS | {"load-changed", "mix-not-known"}  # reasons of a PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryJudgement:
    """What the whole comparison says.

    Attributes:
        checks: Traffic, health of the data, load and mix, latency, errors, routes.
        cautions: Codes that leave a PASS a PASS.
        figures: Numbers of each mandatory measure, and of routes over their budget.
        routes: The routes as they count, corrected for all measures when they gate; None without a route label.
    """

    checks: tuple[Check, ...]
    cautions: tuple[str, ...]
    figures: tuple[MeasureFigures, ...]
    routes: RoutesJudgement | None = None

    @property
    def verdict(self) -> Verdict:
        """Fold of the measures; what cannot be trusted neither passes nor fails."""
        if not self._distrusted:
            return worst(check.verdict for check in self._measures)
        no_data = any(check.verdict is Verdict.NO_DATA for check in (*self._measures, *self._distrusted))
        return Verdict.NO_DATA if no_data else Verdict.INCONCLUSIVE

    @property
    def reason(self) -> str:
        """Code of what carries the verdict."""
        verdict = self.verdict
        if verdict is Verdict.INCONCLUSIVE and self._distrusted:
            return self._distrusted[0].reason
        if verdict is Verdict.INCONCLUSIVE:
            undecided = [check.reason for check in self._undecided_measures]
            return next((reason for reason in undecided if reason != _VAGUE_REASON), _VAGUE_REASON)
        if verdict is Verdict.FAIL:
            return self._broken_budget()
        return reason_of((*self._measures, *self._distrusted), verdict)

    @property
    def undecided(self) -> tuple[Undecided, ...]:
        """What keeps the verdict open, and what it would take; empty unless INCONCLUSIVE."""
        if self.verdict is not Verdict.INCONCLUSIVE:
            return ()
        distrusted = (Undecided(check=check.id, reason=check.reason) for check in self._distrusted)
        measures = (each.still_needed for each in self.figures if each.verdict is Verdict.INCONCLUSIVE)
        return (*distrusted, *measures, *self._unjudged_routes())

    @property
    def other_case(self) -> OtherCase | None:
        """Numbers for the case for the other verdict; None without data."""
        verdict = self.verdict
        return (
            None if verdict is Verdict.NO_DATA else OtherCase(speaks_for=_OPPOSITE.get(verdict), measures=self.figures)
        )

    def check(self, name: str) -> Check:
        """Return one of the checks by its id."""
        return next(check for check in self.checks if check.id == name)

    @property
    def _measures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.id in _MEASURES)

    @property
    def _distrusted(self) -> tuple[Check, ...]:
        kept = (check for check in self.checks if check.id != "traffic" and check.id not in _MEASURES)
        found = (check for check in kept if check.verdict is not Verdict.PASS)
        return tuple(sorted(found, key=lambda check: check.id != "warnings"))  # a warning explains the rest

    def _unjudged_routes(self) -> tuple[Undecided, ...]:
        """Say what the nearest route lacks when routes gate and none could be judged."""
        reason = "no-route-judged"
        if not any(check.id == "routes" and check.reason == reason for check in self._undecided_measures):
            return ()
        route = None if self.routes is None else self.routes.nearest
        if route is None or route.needed_count is None:
            return (Undecided(check="routes", reason=reason),)
        had, needed = route.canary_count, route.needed_count
        more = max(0, needed - had)
        return (
            Undecided(
                check="route", route=route.route, reason=reason, had_count=had, needed_count=needed, more_count=more
            ),
        )

    @property
    def _undecided_measures(self) -> tuple[Check, ...]:
        return tuple(check for check in self._measures if check.verdict is Verdict.INCONCLUSIVE)

    def _broken_budget(self) -> str:
        failed = [check for check in self._measures if check.verdict is Verdict.FAIL]
        if {"latency", "errors"} <= {check.id for check in failed}:
            return "over-budget-both"
        only = failed[0]
        return only.reason if only.reason != "over-budget" else f"over-budget-{only.id}"


def judge_canary(
    latency: LatencyJudgement,
    errors: ErrorJudgement,
    *,
    data: Sequence[Check],
    load: Sequence[Check] = (),
    routes: RoutesJudgement | None = None,
    gate_routes: bool = False,
    cautions: Sequence[str] = (),
    alpha_fail: float = 0.025,
    minutes: float | None = None,
) -> CanaryJudgement:
    """Fold the judgements of one comparison.

    Args:
        latency: Judged latency.
        errors: Judged error rate.
        data: Checks of the health of the data, in page order; one that is not PASS decides nothing.
        load: Checks of load and traffic mix, for arms measured at different times; likewise.
        routes: Judged routes; None without a route label.
        gate_routes: Whether every judged route must pass; otherwise a route over its budget is a caution.
        cautions: Cautions found elsewhere.
        alpha_fail: Probability to FAIL a canary that sits on its margins, all measures together.
        minutes: Length of the canary's counts, to tell missing requests as minutes of the same traffic.

    Returns:
        The judgement.
    """
    gating = routes if gate_routes else None
    own = () if gating is None else tuple(route.latency for route in gating.judged)
    family: tuple[LatencyJudgement | ErrorJudgement, ...] = (latency, errors, *own)
    level = alpha_fail / len(family)
    adjusted = holm_adjusted([p_of_fail(judged) for judged in family])
    if gating is not None:
        routes = gating.adjusted(adjusted[2:])
    counted = [_counted(judged, p <= alpha_fail) for judged, p in zip(family[:2], adjusted[:2], strict=True)]
    checks = (
        _traffic(latency, errors),
        *data,
        *load,
        _measure_check(latency, *counted[0], adjusted_p=adjusted[0]),
        _measure_check(errors, *counted[1], adjusted_p=adjusted[1]),
        *_routes_check(routes, gates=gate_routes),
    )
    figures = [
        figures_of(judged, verdict=verdict, reason=reason, level=level, minutes=minutes)
        for judged, (verdict, reason) in zip(family[:2], counted, strict=True)
    ]
    shown = () if routes is None else (r for r in routes.judged if gate_routes or r.verdict is Verdict.FAIL)
    figures += [
        figures_of(r.latency, verdict=r.verdict, reason=r.reason, level=level, minutes=minutes, route=r.route)
        for r in shown
    ]
    found = (*_cautions(latency, (*data, *load), routes, gates=gate_routes), *cautions)
    return CanaryJudgement(checks=checks, cautions=tuple(dict.fromkeys(found)), figures=tuple(figures), routes=routes)


def _counted(judged: LatencyJudgement | ErrorJudgement, stands: bool) -> tuple[Verdict, str]:
    """Return how a measure counts: its FAIL only when it stands after the correction."""
    if judged.verdict is Verdict.FAIL and not stands:
        return Verdict.INCONCLUSIVE, NOT_AFTER_HOLM
    return judged.verdict, judged.reason


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


def _measure_check(
    judged: LatencyJudgement | ErrorJudgement, verdict: Verdict, reason: str, *, adjusted_p: float
) -> Check:
    values: dict[str, object]
    if isinstance(judged, LatencyJudgement):
        name = "latency"
        values = {"margin_fraction": judged.margin_fraction, "increase_fraction": judged.increase_fraction}
    else:
        name, allowed = "errors", judged.allowed_difference_fraction
        values = {"allowed_difference_fraction": allowed, "difference_fraction": judged.difference_fraction}
    values |= {
        "deciding_fraction": judged.deciding_limit_fraction,
        "p_value_fraction": judged.fail_p_value,
        "adjusted_p_value_fraction": adjusted_p,
    }
    return Check(id=name, verdict=verdict, reason=reason, values=values)


def _routes_check(routes: RoutesJudgement | None, *, gates: bool) -> tuple[Check, ...]:
    """Return the check of all routes; without `gates` it passes what was judged, and its reason says what was seen."""
    judged = () if routes is None else routes.judged
    if not (judged or gates):
        return ()
    values = {
        "label": None if routes is None else routes.label,
        "gates": gates,
        "judged_count": len(judged),
        "not_judged_count": 0 if routes is None else len(routes.not_judged),
        "over_budget": [] if routes is None else list(routes.over_budget),
        "undecided": [] if routes is None else list(routes.undecided),
    }
    verdict, reason = Verdict.PASS, "routes-inside-budget"
    if not judged:
        verdict, reason = Verdict.INCONCLUSIVE, "no-route-judged"
    elif values["over_budget"]:
        verdict, reason = Verdict.FAIL, "over-budget"
    elif values["undecided"]:
        verdict, reason = Verdict.INCONCLUSIVE, "routes-undecided"
    return (Check(id="routes", verdict=verdict if gates else Verdict.PASS, reason=reason, values=values),)


def _cautions(
    latency: LatencyJudgement, checks: Sequence[Check], routes: RoutesJudgement | None, *, gates: bool
) -> tuple[str, ...]:
    """Say what a reader should know all the same; a route over its budget cautions unless it gates."""
    passes, upper = latency.verdict is Verdict.PASS, latency.deciding_upper_fraction
    found = {
        "little-room": passes and upper is not None and upper > latency.margin_fraction - _LITTLE_ROOM_FRACTION,
        "noisier-than-history": latency.noisier_than_history,
        "late-ramp": passes and latency.settling_seconds > 0,
        **{c.reason: c.reason in _CAUTIONS_OF_CHECKS for c in checks if c.verdict is Verdict.PASS},
        "route-over-budget": routes is not None and bool(routes.over_budget) and not gates,
        "simpson": routes is not None and routes.simpson is not None and routes.simpson.differs,
    }
    return tuple(code for code, holds in found.items() if holds)
