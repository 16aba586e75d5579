"""When requests arrive and what they ask: seeded, and independent of the answers.

Pure numbers for the load generator. Sending does not belong here.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reliability.staging.service_model import ROUTES, Route

_GUEST_COUNT: Final = 500
_DAY_COUNT: Final = 700


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to come.

    Attributes:
        offset_seconds: After the start of the load.
        route: What it asks for.
        target: Request target with its query.
    """

    offset_seconds: float
    route: Route
    target: str


def poisson_arrivals(*, seed: int, requests_per_second: float, seconds: float) -> Iterator[Arrival]:
    """Draw Poisson arrivals with the model's mix of routes.

    Args:
        seed: Gives the same arrivals again.
        requests_per_second: Mean rate; 0 gives no arrival.
        seconds: Arrivals stop here.

    Yields:
        Arrivals in order of time, all before `seconds`.
    """
    if requests_per_second <= 0:
        return
    rng = random.Random(seed)  # noqa: S311 -- a seeded experiment, not a secret
    weights = [route.weight for route in ROUTES]
    offset_seconds = rng.expovariate(requests_per_second)
    while offset_seconds < seconds:
        route = rng.choices(ROUTES, weights)[0]
        guest, day = rng.randrange(_GUEST_COUNT), rng.randrange(_DAY_COUNT)
        yield Arrival(offset_seconds, route, f"{route.path}?guest=guest-{guest}&day={day}")
        offset_seconds += rng.expovariate(requests_per_second)
