"""How much traffic an experiment needs: the power to pass, from the service model.

Decides nothing about a recorded capture; the judge does that from data.
"""

import math
from statistics import NormalDist
from typing import Final

from reliability.staging.service_model import density, model_quantile_seconds, survival

_NORMAL: Final = NormalDist()
_SLOW_FRACTION: Final = 0.05


def tail_index() -> float:
    """Return h, the slope of minus log survival against log time, at the model's P95."""
    p95_seconds = model_quantile_seconds(1 - _SLOW_FRACTION)
    return p95_seconds * density(p95_seconds) / survival(p95_seconds)


def power_to_decide(
    *, requests_per_arm: float, true_increase_fraction: float, margin_fraction: float, alpha: float
) -> float:
    """Return the probability that a one-sided test puts the P95 increase on its true side of the margin.

    Args:
        requests_per_arm: Requests that each arm serves in the judged window.
        true_increase_fraction: Real increase of the canary's P95; 0.03 is 3 %.
        margin_fraction: Largest increase that still passes; a smaller true one should PASS, a larger FAIL.
        alpha: Level of the test.

    Returns:
        The power for independent requests; real noise between scrapes lowers it.

    Source:
        Score test of a quantile: `se(log ratio)^2 = (1 - s) / s / h^2 * (1/n_b + 1/n_c)`
        with s the share of slow requests.
    """
    odds = (1 - _SLOW_FRACTION) / _SLOW_FRACTION
    standard_error = math.sqrt(odds * 2 / requests_per_arm) / tail_index()
    distance = abs(math.log((1 + margin_fraction) / (1 + true_increase_fraction)))
    return _NORMAL.cdf(distance / standard_error - _NORMAL.inv_cdf(1 - alpha))
