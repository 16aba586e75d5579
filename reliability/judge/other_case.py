"""What could still be said against a verdict, and what an open one still needs: numbers by measure.

Fed by the canary judge with judgements that are final; it decides nothing, and words do not
belong here.
"""

import math
from dataclasses import dataclass

from scipy.special import ndtri

from reliability.judge.error_rate import ErrorJudgement
from reliability.judge.latency import LatencyJudgement
from reliability.judge.planning import POWER
from reliability.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """One check that keeps a verdict open.

    Attributes:
        check: Id of the check; `route` for one route.
        route: The route, when it is one.
        reason: Code of it.
        had_count: Requests of the canary; None when requests are no cure.
        needed_count: Requests in all after which a decision is likely; None when no number is known.
        more_count: How many more that are.
        more_minutes: How many more minutes of the present traffic.
    """

    check: str
    route: str | None = None
    reason: str
    had_count: int | None = None
    needed_count: int | None = None
    more_count: int | None = None
    more_minutes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureFigures:
    """One measure beside its margin. A rise is relative for latency and in error fraction for errors.

    Attributes:
        measure: `latency`, `errors` or `route`.
        route: The route, when it is one.
        verdict: How the measure counts, after Holm's correction.
        reason: Code of it.
        estimate_fraction: Estimated rise.
        allowed_fraction: Largest rise that passes.
        lowest_fraction: Smallest rise that the data do not rule out, one-sided, bucket guard folded in.
        highest_fraction: Largest rise that they do not rule out.
        fail_p_value_fraction: P-value of "the rise is within the margin": small speaks for FAIL.
        pass_p_value_fraction: P-value of "the rise is at least the margin": small speaks for PASS.
        had_count: Requests of the canary.
        needed_count: Requests of the canary in all after which a decision is likely, when INCONCLUSIVE.
        more_minutes: Minutes of the present traffic that bring the missing ones.
    """

    measure: str
    route: str | None
    verdict: Verdict
    reason: str
    estimate_fraction: float | None
    allowed_fraction: float
    lowest_fraction: float | None
    highest_fraction: float | None
    fail_p_value_fraction: float | None
    pass_p_value_fraction: float | None
    had_count: int
    needed_count: int | None
    more_minutes: float | None

    @property
    def still_needed(self) -> Undecided:
        """What it still needs, when it is undecided."""
        needed, had = self.needed_count, self.had_count
        return Undecided(
            check=self.measure,
            route=self.route,
            reason=self.reason,
            had_count=had,
            needed_count=needed,
            more_count=None if needed is None else max(0, needed - had),
            more_minutes=self.more_minutes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCase:
    """The case for the other verdict.

    Attributes:
        speaks_for: The other verdict; None when both sides are open.
        measures: Figures of each measure.
    """

    speaks_for: Verdict | None
    measures: tuple[MeasureFigures, ...]


def figures_of(
    judged: LatencyJudgement | ErrorJudgement,
    *,
    verdict: Verdict,
    reason: str,
    level: float,
    minutes: float | None,
    route: str | None = None,
) -> MeasureFigures:
    """Collect the figures of one measure.

    Args:
        judged: Its own judgement.
        verdict: How it counts.
        reason: Code of that.
        level: Level that the p-value of a FAIL must reach to stand.
        minutes: Minutes in which the canary's requests came; None when not known.
        route: The route, when it is one.

    Returns:
        The figures.
    """
    if isinstance(judged, LatencyJudgement):
        measure = "latency" if route is None else "route"
        estimate, allowed = judged.increase_fraction, judged.margin_fraction
    else:
        measure, estimate, allowed = "errors", judged.difference_fraction, judged.allowed_difference_fraction
    needed, more_minutes = judged.requests_needed, judged.more_minutes_needed
    if judged.verdict is Verdict.FAIL and verdict is not Verdict.FAIL:
        needed = _requests_to_stand(judged.canary_request_count, judged.fail_p_value, level=level)
        more_minutes = minutes and needed and minutes * (needed / judged.canary_request_count - 1)
    return MeasureFigures(
        measure=measure,
        route=route,
        verdict=verdict,
        reason=reason,
        estimate_fraction=estimate,
        allowed_fraction=allowed,
        lowest_fraction=judged.deciding_lower_fraction,
        highest_fraction=judged.deciding_upper_fraction,
        fail_p_value_fraction=judged.fail_p_value,
        pass_p_value_fraction=judged.pass_p_value,
        had_count=judged.canary_request_count,
        needed_count=needed,
        more_minutes=more_minutes,
    )


def _requests_to_stand(had_count: int, p_value: float | None, *, level: float) -> int | None:
    """Plan for a FAIL that the correction for several looks took away, were the canary as slow as it seems."""
    seen = 0.0 if p_value is None else -float(ndtri(p_value))
    if seen <= 0:
        return None
    return math.ceil(had_count * max(1.0, (float(ndtri(POWER)) - float(ndtri(level))) / seen) ** 2)
