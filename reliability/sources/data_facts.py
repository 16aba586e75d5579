"""What was found in the data of two arms, as the plain numbers that `judge_data` checks.

Fed by `reliability.sources.increments`; which number is too large is decided by the judge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from reliability.judge.counts import ArmCounts
from reliability.judge.data_facts import ArmFacts, DataFacts, MixedLabel
from reliability.judge.data_health import MAX_GONE_FRACTION
from reliability.judge.replica_spread import OddReplica, odd_replicas
from reliability.sources.answer import Answer, FloatArray
from reliability.sources.arm_counts import ArmSum, CountedArm
from reliability.sources.metrics import PROCESS_START, MetricNames
from reliability.sources.mixed_labels import mixed_labels
from reliability.sources.pair_health import PairHealth, ReplicaHealth, busiest_interval
from reliability.sources.promql import Matcher
from reliability.sources.replicas import Replica
from reliability.window import Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What was asked for an arm, and what came.

    Attributes:
        answer: The samples.
        window: Time to be judged.
        matchers: Conditions that chose the series.
        replicas: The replicas that were scraped.
    """

    answer: Answer
    window: Window
    matchers: Sequence[Matcher]
    replicas: Sequence[Replica]

    @property
    def newest_seconds(self) -> float:
        """Instant of the newest successful scrape; minus infinity when there is none."""
        return max((float(replica.times_seconds[-1]) for replica in self.replicas), default=-math.inf)


def gather_facts(
    asked: Sequence[Asked],
    counted: Sequence[CountedArm],
    sums: Sequence[ArmSum],
    health: PairHealth,
    *,
    names: MetricNames,
    bounds: FloatArray,
    dropped_bound_count: int,
    as_of: datetime | None,
) -> DataFacts:
    """Gather the facts of a comparison.

    Args:
        asked: The baseline and the canary.
        counted: Both, counted; nothing when that was not possible.
        sums: Both, added up; nothing when they cannot be compared.
        health: Health of the data.
        names: Names of the metrics.
        bounds: Bucket bounds that all histograms have.
        dropped_bound_count: Bounds that only some have.
        as_of: Instant of judging; None when unknown.

    Returns:
        The facts; those that need both arms on one grid are left open.
    """
    replicas = (health.baseline, health.canary)
    baseline, canary = (
        _arm(
            one,
            replicas[place],
            counted=counted[place] if counted else None,
            added=sums[place] if sums else None,
            names=names,
            bounds=bounds,
        )
        for place, one in enumerate(asked)
    )
    newest = max(one.newest_seconds for one in asked)
    return DataFacts(
        baseline=baseline,
        canary=canary,
        expected_scrapes=health.expected_scrapes,
        used_scrapes=health.used_scrapes,
        missing_fraction=health.missing_fraction,
        scrape_interval_seconds=health.scrape_interval_seconds,
        newest_after_as_of_seconds=_finite(newest - as_of.timestamp()) if as_of else None,
        warnings=tuple(dict.fromkeys(text for one in asked for text in one.answer.warnings)),
        metric=names.latency,
        unit=names.unit,
        common_bounds=int(np.isfinite(bounds).sum()),
        dropped_bounds=dropped_bound_count,
    )


def _arm(
    asked: Asked,
    replicas: Sequence[ReplicaHealth],
    *,
    counted: CountedArm | None,
    added: ArmSum | None,
    names: MetricNames,
    bounds: FloatArray,
) -> ArmFacts:
    births = [] if counted is None else _births(counted)
    unknown = [count for count in births if count is not None]
    mean, low, high = _mean(added.total, bounds) if added else (None, None, None)
    return ArmFacts(
        requests=sum(replica.requests for replica in replicas),
        counted_requests=None
        if counted is None
        else round(sum(float(p.counted_requests.sum()) for p in counted.parts)),
        replicas=sum(replica.requests > 0 for replica in replicas),
        effective_replicas=_effective([replica.requests for replica in replicas]),
        gone_replicas=() if counted is None else _gone(asked, counted),
        restarts=sum(replica.restarts for replica in replicas),
        lost_requests_at_most=sum(replica.lost_requests_at_most for replica in replicas),
        births=len(births),
        uncounted_births=len(unknown),
        uncounted_requests_at_most=math.ceil(sum(unknown)),
        odd_replicas=_odd_replicas(counted, bounds) if counted and added else (),
        started_after_scrape_seconds=_started_after_scrape(asked.answer),
        newest_before_end_seconds=_finite(asked.window.end.timestamp() - asked.newest_seconds),
        mixed_labels=tuple(
            MixedLabel(label=label, values=values)
            for label, values in mixed_labels(asked.answer, asked.matchers).items()
        ),
        missing_error_labels=_missing_error_labels(asked.replicas, names),
        mean_seconds=mean,
        mean_low_seconds=low,
        mean_high_seconds=high,
    )


def _effective(requests: Sequence[int]) -> float:
    """Return how many equal replicas would share the requests as unequally; 0 without requests."""
    return sum(requests) ** 2 / max(sum(count**2 for count in requests), 1)


def _gone(asked: Asked, arm: CountedArm) -> tuple[str, ...]:
    """Name the replicas that served in the window and stopped a good part of it before their arm did.

    One that was restarted is scraped again; one that moved has another name, and is gone.
    """
    allowed = MAX_GONE_FRACTION * asked.window.seconds
    return tuple(
        part.replica.instance
        for part in arm.parts
        if (part.requests.any() or part.counted_requests.any())
        and asked.newest_seconds - float(part.replica.times_seconds[-1]) > allowed
    )


def _missing_error_labels(replicas: Sequence[Replica], names: MetricNames) -> tuple[str, ...]:
    """Name the labels without which no request, or every one, would count as failed.

    A condition that holds without its label, like `path!="/health"`, only narrows the others.
    """
    rows = [labels for replica in replicas for labels in replica.rows if labels["__name__"] == names.requests]
    lacking = [one for one in names.error_matchers if not any(labels.get(one.name) for labels in rows)]
    decisive = [one for one in lacking if not one.matches({}) or len(lacking) == len(names.error_matchers)]
    return tuple(dict.fromkeys(one.name for one in decisive)) if rows else ()


def _births(arm: CountedArm) -> list[float | None]:
    """List the replicas that appeared inside the window: the requests before that are unknown, or None.

    They are at most those that it had counted, and at most its busiest interval for each round
    that the window was old.
    """
    return [
        None
        if part.replica.counts_from_zero
        else min(part.replica.first_requests, busiest_interval(part, arm.rounds) * int(np.searchsorted(found, 0)))
        for part, found in zip(arm.parts, arm.columns, strict=True)
        if found[0] < 0 <= found[-1]
    ]


def _odd_replicas(arm: CountedArm, bounds: FloatArray) -> tuple[OddReplica, ...]:
    parts = [part for part in arm.parts if part.requests.any()]
    buckets = [[part.gains[part.replica.bounds_seconds == bound].sum(axis=0) for bound in bounds] for part in parts]
    return odd_replicas(
        [part.replica.instance for part in parts],
        bounds_seconds=bounds,
        bucket_counts=np.maximum.accumulate(np.array(buckets), axis=1).swapaxes(1, 2),
        counted_requests=np.array([part.counted_requests for part in parts]),
        errors=np.array([part.errors for part in parts]),
    )


def _started_after_scrape(answer: Answer) -> float | None:
    """Return how long after a scrape a process says it was started, at most; None when none says when."""
    later = [one.values - one.times_seconds for one in answer.series if one.name == PROCESS_START]
    known = [float(seconds[np.isfinite(seconds)].max(initial=-np.inf)) for seconds in later]
    return _finite(max(known, default=-math.inf))


def _mean(arm: ArmCounts, bounds: FloatArray) -> tuple[float | None, float | None, float | None]:
    """Return the mean latency by the sum, and the smallest and largest that the buckets allow."""
    inside = np.diff(arm.bucket_counts.sum(axis=0), prepend=0.0)
    lower = np.concatenate([[min(0.0, bounds[0])], bounds[:-1]])
    count = float(inside.sum())
    high = float(np.where(inside > 0, inside * np.where(inside > 0, bounds, 0.0), 0.0).sum()) / count
    return _finite(float(arm.latency_sum_seconds.sum()) / count), float(inside @ lower) / count, _finite(high)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
