"""From raw counters of two arms to counts on common scrapes, with the health of the data.

Fed with the answers of a capture or a server; the judges read the counts. What a count means
for a release does not belong here.
"""

from dataclasses import dataclass

import numpy as np

from reliability.errors import SelectorError
from reliability.judge.counts import PairedCounts
from reliability.sources.answer import Answer
from reliability.sources.arm_counts import common_bounds, count_replica, sum_arm
from reliability.sources.metrics import MetricNames
from reliability.sources.pair_health import PairHealth, describe_health, silent_arm
from reliability.sources.replicas import read_replicas
from reliability.sources.scrape_grid import build_grid
from reliability.window import Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairing:
    """Counts of two arms, if they can be compared.

    Attributes:
        counts: The counts; None when `health.reason` says why not.
        health: What was found in the data.
    """

    counts: PairedCounts | None
    health: PairHealth


def pair_counts(baseline: Answer, canary: Answer, *, names: MetricNames, window: Window) -> Pairing:
    """Count requests, errors and buckets of two arms between the scrapes that both have.

    Only increments whose both ends lie inside the window count. A counter that dropped
    began again at zero; one that appeared at a known replica was born at zero; a replica
    that appears inside the window counts from zero only when its process started inside
    the window.

    Args:
        baseline: Raw samples of the baseline.
        canary: Raw samples of the canary.
        names: Names of the metrics.
        window: Time to be judged.

    Returns:
        Counts and health. There are no counts, and `health.reason` says why, when an arm
        had no traffic, when fewer than two scrapes are common, when a metric is missing
        in an arm, or when the histograms share no finite bound.

    Raises:
        SelectorError: A counter belongs to both arms.
        PrometheusAnswerError: A bucket has no bound that can be read.
    """
    _check_apart(baseline, canary, names)
    start_seconds = window.start.timestamp()
    arms = [read_replicas(answer, names=names, start_seconds=start_seconds) for answer in (baseline, canary)]
    grid = build_grid(arms, window=window)
    if grid is None:
        has_rows = [any(replica.rows for replica in arm) for arm in arms]
        return Pairing(counts=None, health=PairHealth(reason=silent_arm(has_rows) or "too-few-scrapes"))
    rounds = np.flatnonzero(grid.usable if grid.can_pair else np.ones_like(grid.usable))
    counted = [
        [count_replica(replica, columns[rounds], names=names) for replica, columns in zip(*of_arm, strict=True)]
        for of_arm in zip(arms, grid.columns, strict=True)
    ]
    bounds, bounds_merged = common_bounds(replica for arm in arms for replica in arm)
    health = describe_health(counted, grid=grid, rounds=rounds, has_bounds=bounds.size > 1, bounds_merged=bounds_merged)
    if health.reason:
        return Pairing(counts=None, health=health)
    counts = PairedCounts(
        edges_seconds=grid.edges_seconds[rounds],
        upper_bounds_seconds=bounds,
        baseline=sum_arm(counted[0], bounds=bounds, names=names),
        canary=sum_arm(counted[1], bounds=bounds, names=names),
        scrape_interval_seconds=grid.interval_seconds,
    )
    return Pairing(counts=counts, health=health)


def _check_apart(baseline: Answer, canary: Answer, names: MetricNames) -> None:
    seen = {frozenset(series.labels.items()) for series in baseline.series}
    for series in canary.series:
        if series.name in (names.bucket, names.requests) and frozenset(series.labels.items()) in seen:
            raise SelectorError(
                f"the series {dict(series.labels)} belongs to the baseline and to the canary; "
                f"choose matchers that tell the arms apart."
            )
