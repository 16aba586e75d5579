"""How long the staging service takes: one model for both arms, fixed before recording.

A request waits a lognormal time by route, standing for downstream work, and fails with a
fixed probability; a reservation does so inside the payment stub. A canary's injected delay
multiplies every wait. Replicas draw from `Behaviour`; the planner reads the law. Sockets and clocks do not belong here.
"""

import math
import random
import threading
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of the service and the law of its service time.

    Attributes:
        name: Label `route`.
        method: Label `method`.
        path: Request target.
        weight: Share of the traffic; the shares of all routes add up to 1.
        median_seconds: Median of the lognormal waiting time.
        sigma: Standard deviation of its logarithm.
        success_status: Status of an answer that did not fail.
    """

    name: str
    method: str
    path: str
    weight: float
    median_seconds: float
    sigma: float
    success_status: int


SIGMA: Final = 0.9
SEARCH: Final = Route(
    name="search",
    method="GET",
    path="/search",
    weight=0.55,
    median_seconds=0.075,
    sigma=SIGMA,
    success_status=200,
)
RESERVE: Final = Route(
    name="reserve",
    method="POST",
    path="/reservations",
    weight=0.20,
    median_seconds=0.110,
    sigma=SIGMA,
    success_status=201,
)
SESSION_READ: Final = Route(
    name="session",
    method="GET",
    path="/sessions",
    weight=0.15,
    median_seconds=0.050,
    sigma=SIGMA,
    success_status=200,
)
SESSION_OPEN: Final = Route(
    name="session",
    method="POST",
    path="/sessions",
    weight=0.10,
    median_seconds=0.050,
    sigma=SIGMA,
    success_status=201,
)
ROUTES: Final = (SEARCH, RESERVE, SESSION_READ, SESSION_OPEN)

FAILED_STATUS: Final = 500
REFUSED_STATUS: Final = 503  # come again: the breaker is open, or every free room is being reserved
BAD_STATUS: Final = 400
CONFLICT_STATUS: Final = 409
BASE_ERROR_FRACTION: Final = 0.005

# A ladder of at most 1.10 from 0.2 s to 0.6 s, where the P95 of every route and of an arm
# 25 % slower lies; coarser outside, to keep the number of series small.
# fmt: off
BUCKET_BOUNDS_SECONDS: Final = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15,
    0.2, 0.219, 0.24, 0.263, 0.288, 0.315, 0.345, 0.378, 0.414, 0.453, 0.496, 0.543, 0.595,
    0.75, 1.0, 1.5, 2.5, 5.0,
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one request will meet: how long it waits and whether it fails."""

    wait_seconds: float
    fails: bool


class Behaviour:
    """Draws the outcome of each request of one replica; safe to share between threads."""

    def __init__(self, *, seed: int, delay_factor: float, error_fraction: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- a seeded experiment, not a secret
        self._lock = threading.Lock()
        self._delay_factor = delay_factor
        self._error_fraction = error_fraction

    def draw(self, route: Route) -> Outcome:
        """Draw one outcome; every call takes exactly two random numbers."""
        with self._lock:
            deviate = _NORMAL.inv_cdf(min(max(self._random.random(), 1e-12), 1 - 1e-12))
            fails = self._random.random() < self._error_fraction
        wait_seconds = route.median_seconds * math.exp(route.sigma * deviate) * self._delay_factor
        return Outcome(wait_seconds, fails)


def survival(seconds: float) -> float:
    """Return the share of all requests that wait longer than `seconds`, without a delay."""
    return sum(r.weight * (1 - _NORMAL.cdf(_deviate(r, seconds))) for r in ROUTES)


def density(seconds: float) -> float:
    """Return the density of the waiting time of all requests at `seconds`, per second."""
    return sum(r.weight * _NORMAL.pdf(_deviate(r, seconds)) / (r.sigma * seconds) for r in ROUTES)


def model_quantile_seconds(q: float) -> float:
    """Return the `q` quantile of the waiting time of all requests, without a delay."""
    low, high = 1e-4, 1e3
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        if survival(middle) > 1 - q:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


def _deviate(route: Route, seconds: float) -> float:
    return math.log(seconds / route.median_seconds) / route.sigma
