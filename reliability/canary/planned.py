"""What a plan is made from and what it says: the baseline's traffic, the rules, horizons by decision.

`reliability.canary.horizons` computes a plan; formulas, queries and words do not belong here.
"""

from dataclasses import dataclass

from reliability.judge.counts import FloatArray
from reliability.judge.intervals import scrapes_to_merge
from reliability.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the baseline counted, and what the canary will get.

    Attributes:
        upper_bounds_seconds: Bucket bounds, shape `(K,)`, last `inf`.
        bucket_counts: Requests of the baseline at or below each bound, shape `(K,)`; not all zero.
        error_count: Failed requests of them.
        requests_per_second: Traffic of both arms together.
        canary_share_fraction: Part of it that the canary will get, in (0, 1).
        scrape_interval_seconds: Distance of two scrapes.
    """

    upper_bounds_seconds: FloatArray
    bucket_counts: FloatArray
    error_count: float
    requests_per_second: float
    canary_share_fraction: float
    scrape_interval_seconds: float

    @property
    def request_count(self) -> float:
        """Requests of the baseline that were counted."""
        return float(self.bucket_counts[-1])

    @property
    def error_fraction(self) -> float:
        """Part of them that failed."""
        return min(self.error_count / self.request_count, 1.0)

    @property
    def canary_requests_per_second(self) -> float:
        """Traffic that the canary will get."""
        return self.canary_share_fraction * self.requests_per_second

    @property
    def ratio(self) -> float:
        """Requests of the baseline for one of the canary."""
        return (1 - self.canary_share_fraction) / self.canary_share_fraction

    @property
    def interval_seconds(self) -> float:
        """Length of one compared interval: sparse scrapes are merged."""
        in_a_scrape = min(self.ratio, 1.0) * self.canary_requests_per_second * self.scrape_interval_seconds
        return self.scrape_interval_seconds * scrapes_to_merge(in_a_scrape)

    def latency_variance_seconds(self, tail_index: float, *, slower_share: float = 0.05) -> float:
        """Return the variance of the log ratio of two quantiles, times the seconds it is measured over.

        Of independent requests: a history's `latency_log_variance_seconds` is what noise adds to it.
        `tail_index` is `-d log S / d log x` at the quantile that `slower_share` of the requests exceed.
        """
        odds = (1 - slower_share) / slower_share
        return odds / tail_index**2 * (1 + 1 / self.ratio) / self.canary_requests_per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """How the canary will be judged.

    Attributes:
        margin_fraction: Largest increase of the quantile that still passes.
        error_margin_absolute_fraction: Allowed rise of the error fraction.
        error_margin_relative_fraction: Allowed rise relative to the baseline's fraction.
        alpha_fail: Level of a FAIL.
        alpha_pass: Level of a PASS.
        quantile: Latency quantile in `(0, 1)`.
    """

    margin_fraction: float = 0.10
    error_margin_absolute_fraction: float = 0.005
    error_margin_relative_fraction: float = 0.50
    alpha_fail: float = 0.025
    alpha_pass: float = 0.05
    quantile: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDecision:
    """After how long one decision is reached with the probability `POWER` of `planning`.

    Attributes:
        verdict: The decision: PASS or FAIL.
        change_fraction: True change that it is planned for: of the quantile relative, of the error
            fraction absolute; 0 for a canary that changes nothing.
        seconds: Time behind the warm-up; None when no sensible time suffices.
        request_count: Requests of the canary in this time.
        noise_seconds: Part of the time that the noise between arms asks for.
    """

    verdict: Verdict
    change_fraction: float
    seconds: float | None
    request_count: int | None
    noise_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPlan:
    """The plan for the latency quantile.

    Attributes:
        quantile_seconds: The baseline's quantile; None in the `+Inf` bucket.
        tail_index: How fast the share of slower requests falls there; None where buckets do not tell.
        bucket_ratio: Largest ratio of neighbouring bounds near the quantile and the margin; None: unbounded.
        guard_fraction: Widening of the margin for it; None: unbounded.
        overflows: The quantile with the margin on it lies beyond the last finite bound.
        suggested_bounds_seconds: Bucket bounds that make the guard unnecessary; empty when it is.
        decisions: PASS at no change, then FAIL at larger and larger changes.
    """

    quantile_seconds: float | None
    tail_index: float | None
    bucket_ratio: float | None
    guard_fraction: float | None
    overflows: bool
    suggested_bounds_seconds: tuple[float, ...]
    decisions: tuple[PlannedDecision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPlan:
    """The plan for the error rate.

    Attributes:
        baseline_fraction: Error fraction of the baseline.
        allowed_difference_fraction: Largest rise that still passes.
        decisions: PASS at no change, then FAIL at larger and larger rises.
    """

    baseline_fraction: float
    allowed_difference_fraction: float
    decisions: tuple[PlannedDecision, ...]
