"""Was the service under the same load before and after a change?

Two windows at different times are alike only as far as their traffic is: a busier service is
slower without any change of the code, and so is one whose visitors ask for slower things. Fed with
`SuccessiveCounts`; the latency and the errors themselves, and all words, do not belong here.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.judge.check import Check
from reliability.judge.counts import SuccessiveCounts, WindowCounts
from reliability.judge.long_run import MIN_INTERVAL_COUNT, cosine_count, critical_value, sum_variance
from reliability.verdicts import Verdict

CHANGED_LOAD_RATIO: Final = 1.1
"""A queue that is busy 30 % of the time answers 4 % later at 1.1 times the load: a good part of a 10 % margin."""
DIFFERENT_LOAD_RATIO: Final = 1.25
"""The same queue answers 12 % later at 1.25 times the load: more than the margin, without any change of the code."""
DIFFERENT_SHARE_FRACTION: Final = 0.10
"""Ten of a hundred requests that go to a route twice as slow raise the P95 by 13 %."""
_ALPHA: Final = 0.005  # each side, before the correction for the number of routes


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShare:
    """One route's share of the traffic.

    Attributes:
        route: Value of the route label.
        baseline_fraction: Share in the earlier window.
        canary_fraction: Share in the later window.
        error_fraction: Standard error of the difference; `inf` with too few scrapes to tell.
        degrees: Degrees of freedom behind it.
    """

    route: str
    baseline_fraction: float
    canary_fraction: float
    error_fraction: float
    degrees: int

    @property
    def change_fraction(self) -> float:
        """Share in the later window minus that in the earlier one; 0.1 is ten points."""
        return self.canary_fraction - self.baseline_fraction

    def moved_beyond_chance(self, *, alpha: float) -> bool:
        """Say whether the change is large and, at level `alpha` on each side, no chance."""
        size = abs(self.change_fraction)
        critical = critical_value(alpha, degrees=self.degrees)
        return size > DIFFERENT_SHARE_FRACTION and size > critical * self.error_fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadComparison:
    """Traffic of both windows.

    Attributes:
        baseline_per_second: Requests per second in the earlier window.
        canary_per_second: Requests per second in the later window.
        shares: Share of each route, the largest change first; empty without a route label.
        checks: The checks `load` and `mix`.
    """

    baseline_per_second: float
    canary_per_second: float
    shares: tuple[RouteShare, ...]
    checks: tuple[Check, ...]

    @property
    def change_fraction(self) -> float | None:
        """Later over earlier requests per second, minus 1; None when the earlier window is empty."""
        return _change(self.baseline_per_second, self.canary_per_second)

    @property
    def largest_share_change_fraction(self) -> float | None:
        """Largest absolute change of a route's share; None without a route label."""
        return abs(self.shares[0].change_fraction) if self.shares else None


def compare_load(counts: SuccessiveCounts) -> LoadComparison:
    """Compare load and traffic mix of two windows.

    Args:
        counts: Counts of both windows; the warm-up is already cut off.

    Returns:
        Requests per second, shares of the routes, and the checks of both.
    """
    before, after = (_per_second(window) for window in (counts.baseline, counts.canary))
    shares = _shares(counts)
    return LoadComparison(
        baseline_per_second=before,
        canary_per_second=after,
        shares=shares,
        checks=(_load(before, after), _mix(shares)),
    )


def _load(before: float, after: float) -> Check:
    values = {"baseline_per_second": before, "canary_per_second": after, "change_fraction": _change(before, after)}
    verdict, reason = Verdict.PASS, "load-not-known"
    if min(before, after) > 0:
        ratio = math.exp(abs(math.log(after / before)))
        reason = "load-changed" if ratio > CHANGED_LOAD_RATIO else "load-alike"
        if ratio > DIFFERENT_LOAD_RATIO:
            verdict, reason = Verdict.INCONCLUSIVE, "load-differs"
    return Check(id="load", verdict=verdict, reason=reason, values=values)


def _mix(shares: tuple[RouteShare, ...]) -> Check:
    if not shares:
        return Check(id="mix", verdict=Verdict.PASS, reason="mix-not-known", values={})
    level = _ALPHA / len(shares)
    moved = next((share for share in shares if share.moved_beyond_chance(alpha=level)), None)
    shown = moved or shares[0]
    return Check(
        id="mix",
        verdict=Verdict.PASS if moved is None else Verdict.INCONCLUSIVE,
        reason="mix-alike" if moved is None else "mix-differs",
        values={
            "route": shown.route,
            "baseline_fraction": shown.baseline_fraction,
            "canary_fraction": shown.canary_fraction,
            "change_fraction": shown.change_fraction,
            "route_count": len(shares),
        },
    )


def _per_second(window: WindowCounts) -> float:
    seconds = float(np.ptp(window.edges_seconds))
    return float(window.total.requests.sum()) / seconds if seconds > 0 else 0.0


def _change(before: float, after: float) -> float | None:
    return after / before - 1 if before > 0 else None


def _shares(counts: SuccessiveCounts) -> tuple[RouteShare, ...]:
    windows = (counts.baseline, counts.canary)
    if not all(window.routes and window.total.requests.sum() > 0 for window in windows):
        return ()
    degrees = max(1, min(cosine_count(window.total.requests.size) for window in windows))
    found = []
    for route in sorted({*windows[0].routes, *windows[1].routes}):
        (before, before_variance), (after, after_variance) = (_share(window, route) for window in windows)
        error = math.sqrt(before_variance + after_variance)
        found.append(
            RouteShare(
                route=route, baseline_fraction=before, canary_fraction=after, error_fraction=error, degrees=degrees
            )
        )
    return tuple(sorted(found, key=lambda share: -abs(share.change_fraction)))


def _share(window: WindowCounts, route: str) -> tuple[float, float]:
    """Return the route's share of a window's requests, and the long-run variance of that share."""
    if route not in window.routes:
        return 0.0, 0.0
    requests, everything = window.routes[route].requests, window.total.requests
    share = float(requests.sum() / everything.sum())
    series = (requests - share * everything) / everything.sum()
    return share, sum_variance(series) if series.size >= MIN_INTERVAL_COUNT else math.inf
