"""Which arm served nothing: without requests there is nothing to judge, and nothing is not a pass."""

from typing import Final

NO_TRAFFIC_REASONS: Final = frozenset({"no-traffic", "no-traffic-baseline", "no-traffic-canary"})
NO_DATA_REASONS: Final = NO_TRAFFIC_REASONS | {"buckets-missing", "requests-missing"}
"""Codes with which nothing was compared: an arm served nothing, or all its series of a metric are missing."""


def no_traffic_reason(baseline_count: float, canary_count: float) -> str | None:
    """Name the arm without requests.

    Args:
        baseline_count: Requests of the baseline.
        canary_count: Requests of the canary.

    Returns:
        One of `NO_TRAFFIC_REASONS`; None when both arms have requests.
    """
    if baseline_count > 0 and canary_count > 0:
        return None
    if baseline_count > 0:
        return "no-traffic-canary"
    return "no-traffic-baseline" if canary_count > 0 else "no-traffic"
