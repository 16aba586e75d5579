"""What a canary judge is fed: counts of two arms on one common grid of scrapes.

`reliability.sources.increments` builds these from raw counters; the judges only read
them. Queries, labels and clocks do not belong here.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """Increments of one arm between the common scrapes, replicas summed.

    Attributes:
        bucket_counts: Requests at or below each bound within the interval, shape `(T, K)`,
            not decreasing along K; the last column equals `requests`.
        requests: Requests per interval, shape `(T,)`.
        errors: Failed requests per interval, shape `(T,)`.
        latency_sum_seconds: Sum of the latencies per interval, shape `(T,)`; NaN where the
            histogram has no `_sum`.
    """

    bucket_counts: FloatArray
    requests: FloatArray
    errors: FloatArray
    latency_sum_seconds: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """Both arms on the same intervals.

    Attributes:
        edges_seconds: Unix instants of the common scrapes, shape `(T + 1,)`, increasing.
        upper_bounds_seconds: Bucket bounds, shape `(K,)`, increasing, last `inf`.
        baseline: Counts of the baseline.
        canary: Counts of the canary.
        scrape_interval_seconds: Usual distance of two scrapes.
    """

    edges_seconds: FloatArray
    upper_bounds_seconds: FloatArray
    baseline: ArmCounts
    canary: ArmCounts
    scrape_interval_seconds: float
