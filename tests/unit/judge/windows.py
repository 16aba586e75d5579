"""Two windows, one after the other, for the tests of the judges that compare them."""

from collections.abc import Mapping

import numpy as np

from reliability.judge.counts import ArmCounts, SuccessiveCounts, WindowCounts
from tests.unit.judge.simulated import SCRAPE_SECONDS, arm

BOUNDS = np.array([0.1, np.inf])


def requests_only(requests, errors=None) -> ArmCounts:
    """Make an arm of which only requests and errors matter; all requests share one bucket."""
    requests = np.asarray(requests, dtype=float)
    return arm(np.column_stack([requests, np.zeros_like(requests)]), errors, bounds=BOUNDS)


def window(total: ArmCounts, *, routes: Mapping[str, ArmCounts] | None = None) -> WindowCounts:
    return WindowCounts(
        edges_seconds=1e6 + np.arange(total.requests.size + 1.0) * SCRAPE_SECONDS, total=total, routes=routes or {}
    )


def successive(before: WindowCounts, after: WindowCounts) -> SuccessiveCounts:
    return SuccessiveCounts(
        upper_bounds_seconds=BOUNDS, baseline=before, canary=after, scrape_interval_seconds=SCRAPE_SECONDS
    )
