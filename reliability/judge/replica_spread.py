"""Does one replica of an arm behave unlike its siblings, beyond chance?

Each replica is held against all others of its arm, scrape by scrape, so that noise which they
share cancels. Fed with counts by replica on the scrapes of its arm; what a difference means for a
verdict is decided by `reliability.judge.data_health`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from reliability.judge.counts import FloatArray
from reliability.judge.long_run import MIN_INTERVAL_COUNT, cosine_count, sum_variance, upper_tail
from reliability.judge.survival import survival_curve

_ALPHA: Final = 0.005 / 4  # half a percent for two arms and two measures together
_SLOWER_SHARE: Final = 0.05
_LARGEST_SHARE: Final = 0.99
_PAIR: Final = 2  # two replicas are compared once
_MIN_EXPECTED_COUNT: Final = 10.0  # fewer and a share is too skewed for the law of the test


@dataclass(frozen=True, slots=True, kw_only=True)
class OddReplica:
    """A replica that differs from its siblings beyond chance.

    Attributes:
        instance: Name of the replica.
        measure: What differs.
        difference_fraction: Change of the P95 against its siblings, or difference of the error rates.
        sibling_fraction: Share of the siblings' requests that are slow, or failed.
        p_value_fraction: Two-sided probability of such a difference by chance, corrected for the
            number of replicas.
    """

    instance: str
    measure: Literal["latency", "errors"]
    difference_fraction: float
    sibling_fraction: float
    p_value_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaMargins:
    """What replicas of one release may differ by.

    Attributes:
        latency_fraction: Change of the P95.
        absolute_fraction: Difference of the error rates,
        relative_fraction: and the same as a part of the siblings' rate; the larger one counts.
    """

    latency_fraction: float
    absolute_fraction: float
    relative_fraction: float

    def limit_fraction(self, one: OddReplica) -> float:
        """Return the largest difference that does not matter."""
        if one.measure == "latency":
            return self.latency_fraction
        return max(self.absolute_fraction, self.relative_fraction * one.sibling_fraction)

    def are_broken_by(self, one: OddReplica) -> bool:
        """Tell whether a replica, or its siblings, are worse by more than that."""
        difference = one.difference_fraction
        if one.measure == "latency" and difference < 0:  # a replica that is faster: its siblings are slower
            difference = 1 / (1 + difference) - 1 if difference > -1 else math.inf
        return abs(difference) > self.limit_fraction(one)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    """A share of one replica's requests beside that of its siblings."""

    own_fraction: float
    sibling_fraction: float
    p_value: float


def odd_replicas(
    instances: Sequence[str],
    *,
    bounds_seconds: FloatArray,
    bucket_counts: FloatArray,
    counted_requests: FloatArray,
    errors: FloatArray,
) -> tuple[OddReplica, ...]:
    """Find the replicas whose latency or error rate differs from that of their siblings.

    Latency is compared by the share of requests above the bucket bound that is next to the arm's
    P95, and told as the change of the P95 that would give that share.

    Args:
        instances: Names of the `P` replicas.
        bounds_seconds: Bucket bounds, shape `(K,)`, increasing, last `inf`.
        bucket_counts: Requests at or below each bound, shape `(P, T, K)`.
        counted_requests: Requests by the counter of requests, shape `(P, T)`.
        errors: Failed requests of these, shape `(P, T)`.

    Returns:
        The replicas, latency first; none when nothing differs or there is too little to tell.
    """
    found = []
    totals = bucket_counts.sum(axis=(0, 1))
    bound = _bound_at_tail(totals)
    if bound is not None:
        slow = bucket_counts[:, :, -1] - bucket_counts[:, :, bound]
        for place, one in _differences(slow, bucket_counts[:, :, -1]):
            siblings = totals - bucket_counts[place].sum(axis=0)
            change = _change_of_latency(one, bounds_seconds, siblings, bound)
            found.append(_odd(instances[place], "latency", change, one))
    for place, one in _differences(errors, counted_requests):
        found.append(_odd(instances[place], "errors", one.own_fraction - one.sibling_fraction, one))
    return tuple(found)


def _odd(instance: str, measure: Literal["latency", "errors"], difference: float, one: _Difference) -> OddReplica:
    return OddReplica(
        instance=instance,
        measure=measure,
        difference_fraction=difference,
        sibling_fraction=one.sibling_fraction,
        p_value_fraction=one.p_value,
    )


def _bound_at_tail(cumulative: FloatArray) -> int | None:
    """Return the finite bound above which about 5 % of the requests are; None when none has any above it."""
    above = 1.0 - cumulative[:-1] / max(cumulative[-1], 1.0)
    if not cumulative[-1] or not (above > 0).any():
        return None
    with np.errstate(divide="ignore"):
        return int(np.argmin(np.abs(np.log(above / _SLOWER_SHARE))))


def _change_of_latency(one: _Difference, bounds_seconds: FloatArray, siblings: FloatArray, bound: int) -> float:
    """Tell how much slower the siblings would have to be to exceed the bound as often as the replica does."""
    above, least = 1.0 - siblings / siblings[-1], 0.5 / float(siblings[-1])
    share = min(max(above[bound], least) * one.own_fraction / max(one.sibling_fraction, least), _LARGEST_SHARE)
    curve = survival_curve(bounds_seconds, above, request_count=float(siblings[-1]))
    return float(bounds_seconds[bound]) / min(curve.quantile_seconds(share), float(bounds_seconds[-2])) - 1.0


def _differences(chosen: FloatArray, requests: FloatArray) -> list[tuple[int, _Difference]]:
    """List the replicas whose share of chosen requests differs; `chosen` and `requests` have shape `(P, T)`."""
    comparison_count = len(requests) if len(requests) > _PAIR else 1
    found = []
    for place in range(comparison_count if len(requests) > 1 else 0):
        own, all_own = chosen[place], requests[place]
        one = _difference(own, all_own, chosen.sum(axis=0) - own, requests.sum(axis=0) - all_own)
        if one and one.p_value * comparison_count <= _ALPHA:
            found.append((place, replace(one, p_value=one.p_value * comparison_count)))
    return found


def _difference(own: FloatArray, all_own: FloatArray, others: FloatArray, all_others: FloatArray) -> _Difference | None:
    """Test whether two shares are one; None when there is too little to tell.

    Source:
        The paired score of the latency judge: Mantel-Haenszel weights, equal-weighted-cosine
        long-run variance, binomial floor, Student's t.
    """
    both = (all_own > 0) & (all_others > 0)
    own, all_own, others, all_others = own[both], all_own[both], others[both], all_others[both]
    pooled = (own.sum() + others.sum()) / max(all_own.sum() + all_others.sum(), 1.0)
    if own.size < MIN_INTERVAL_COUNT or pooled * min(all_own.sum(), all_others.sum()) < _MIN_EXPECTED_COUNT:
        return None
    weights = all_own * all_others / (all_own + all_others)
    weights /= weights.sum()
    own_fraction, other_fraction = float(weights @ (own / all_own)), float(weights @ (others / all_others))
    difference = own_fraction - other_fraction
    scores = weights * (own / all_own - others / all_others - difference)
    by_chance = pooled * (1 - pooled) * float(weights**2 @ (1 / all_own + 1 / all_others))
    variance = max(sum_variance(scores), by_chance)
    if not variance:
        return None
    p_value = 2 * upper_tail(abs(difference) / math.sqrt(variance), degrees=cosine_count(own.size))
    return _Difference(own_fraction=own_fraction, sibling_fraction=other_fraction, p_value=p_value)
