"""What really happened, by the client's own log: counts, errors, P95 of each arm.

Reads the log's requests and nothing else. Whether a capture agrees with this is decided
in `agreement`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from reliability.staging.request_log import LoggedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTruth:
    """The truth of one arm over some span.

    Attributes:
        requests: Answered requests.
        errors: Those answered with 5xx.
        lost_connections: Requests without an answer; no server counted them for certain.
        p95_seconds: Server-side P95 of the answered requests; None when there is none.
        client_p95_seconds: The same as the client measured it.
    """

    requests: int
    errors: int
    lost_connections: int
    p95_seconds: float | None
    client_p95_seconds: float | None

    def as_json(self) -> dict[str, int | float | None]:
        """Return the fields for the manifest."""
        return asdict(self)


def truth_of(requests: Iterable[LoggedRequest]) -> ArmTruth:
    """Compute the truth of one arm from its logged requests."""
    logged = list(requests)
    answered = [r for r in logged if not r.is_lost]
    return ArmTruth(
        requests=len(answered),
        errors=sum(r.is_error for r in answered),
        lost_connections=len(logged) - len(answered),
        p95_seconds=ranked_quantile([r.server_seconds for r in answered], q=0.95),
        client_p95_seconds=ranked_quantile([r.client_seconds for r in answered], q=0.95),
    )


def ranked_quantile(values: Sequence[float], *, q: float) -> float | None:
    """Return the smallest value that at least the share `q` of all values does not exceed.

    No interpolation, so that a histogram's cumulative count at a bound decides exactly
    whether this value lies at or below the bound. None when there is no value.
    """
    if not values:
        return None
    rank = math.ceil(round(q * len(values), 9))
    return sorted(values)[max(rank, 1) - 1]


def kill_gap_requests_at_most(
    requests: Iterable[LoggedRequest],
    *,
    instance: str,
    last_scrape_at_seconds: float,
    restarted_at_seconds: float,
) -> int:
    """Count the answers of a killed replica that its last scrape may not have seen.

    Args:
        requests: The client's log.
        instance: The killed replica.
        last_scrape_at_seconds: Unix time of its last scrape before the kill.
        restarted_at_seconds: Unix time at which it was started again.

    Returns:
        An upper bound: an answer that arrived after the scrape began may have been counted.
    """
    return sum(
        1
        for r in requests
        if r.instance == instance
        and not r.is_lost
        and last_scrape_at_seconds <= r.completed_at_seconds < restarted_at_seconds
    )
