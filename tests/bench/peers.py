"""What others would say: simplified re-implementations of published canary checks.

Kayenta (spinnaker/kayenta a69573be, `MannWhitneyClassifier.scala`), Flagger (15bd6ad5,
`pkg/controller/scheduler.go`), Argo Rollouts (9f8d111d, `analysis/analysis.go`), the plain
comparison of two `histogram_quantile`s, and the textbook test that takes requests as independent.
All get what helps them: counter resets repaired, the warm-up cut off. Flagger and Argo are fed a
ratio query, which is not their usual one; Kayenta's noise injection is not reproduced.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from tests.bench.cells import FloatArray
from tests.bench.generator import Arm

_SCRAPES_PER_MINUTE = 4
_FLAGGER_FAILED_CHECKS = 10
_ARGO_FAILURE_LIMIT = 3
_SLOWER_SHARE = 0.05

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments:
    """Increments of both arms on their common scrapes after the warm-up.

    Attributes:
        baseline_below: Requests at or below each bound, shape `(T, K)`.
        canary_below: The same for the canary.
        baseline: Requests, shape `(T,)`.
        canary: The same for the canary.
        baseline_errors: Failed requests, shape `(T,)`.
        canary_errors: The same for the canary.
    """

    baseline_below: FloatArray
    canary_below: FloatArray
    baseline: FloatArray
    canary: FloatArray
    baseline_errors: FloatArray
    canary_errors: FloatArray

    def by_minute(self) -> "Increments":
        """Sum four scrapes each."""
        minutes = self.baseline.size // _SCRAPES_PER_MINUTE

        def summed(values: FloatArray) -> FloatArray:
            kept = values[: minutes * _SCRAPES_PER_MINUTE]
            total: FloatArray = kept.reshape(minutes, _SCRAPES_PER_MINUTE, *values.shape[1:]).sum(1)
            return total

        return Increments(**{field.name: summed(getattr(self, field.name)) for field in fields(self)})


def increments(baseline: Arm, canary: Arm, settings: Settings) -> Increments:
    """Turn counters into increments; resets are repaired."""
    points = [np.round(arm["timestamps"] / settings["scrape_s"]).astype(int) for arm in (baseline, canary)]
    common, *rows = np.intersect1d(points[0], points[1], return_indices=True)
    kept = (common[1:] - common[0]) * settings["scrape_s"] > settings["warmup_s"]
    gains = {
        name: [
            np.diff(_mended(arm, arm[name])[row], axis=0)[kept]
            for arm, row in zip((baseline, canary), rows, strict=True)
        ]
        for name in ("buckets", "requests", "errors")
    }
    return Increments(
        baseline_below=gains["buckets"][0],
        canary_below=gains["buckets"][1],
        baseline=gains["requests"][0],
        canary=gains["requests"][1],
        baseline_errors=gains["errors"][0],
        canary_errors=gains["errors"][1],
    )


def _mended(arm: Arm, counter: FloatArray) -> FloatArray:
    """Return the counter as it would stand without resets."""
    steps = np.diff(counter, axis=0, prepend=counter[:1])
    reset = np.r_[False, np.diff(arm["requests"]) < 0]
    steps[reset] = counter[reset]
    mended: FloatArray = np.cumsum(steps, axis=0)
    return mended


def linear_quantile(below: FloatArray, requests: float, bounds: FloatArray) -> float:
    """Return the P95 as PromQL's `histogram_quantile` does."""
    if requests <= 0:
        return float("nan")
    rank = (1 - _SLOWER_SHARE) * requests
    k = int(np.searchsorted(below, rank))
    if k >= bounds.size - 1:
        return float(bounds[-2])
    low, low_count = (bounds[k - 1], below[k - 1]) if k else (0.0, 0.0)
    inside = below[k] - low_count
    return float(low + (bounds[k] - low) * (rank - low_count) / inside) if inside > 0 else float(low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a peer looks at.

    Attributes:
        total: All increments.
        bounds: Bucket bounds.
        baseline_points: P95 or error fraction of the baseline per minute.
        canary_points: The same for the canary.
        settings: Margins and levels.
    """

    total: Increments
    bounds: FloatArray
    baseline_points: FloatArray
    canary_points: FloatArray
    settings: Settings

    @property
    def is_latency(self) -> bool:
        """Whether the question is latency."""
        return bool(self.settings["question"] == "latency")

    def allowed(self, baseline: Any) -> Any:
        """Return the largest value of the canary that respects the margin."""
        if self.is_latency:
            return baseline * (1 + self.settings["budget"])
        return np.maximum(baseline + self.settings["err_abs"], baseline * (1 + self.settings["err_rel"]))


def look(baseline: Arm, canary: Arm, settings: Settings) -> Seen:
    """Prepare the numbers of all peers."""
    total, bounds = increments(baseline, canary, settings), baseline["le"]
    minutes = total.by_minute()
    if settings["question"] == "latency":
        points = [
            np.array([linear_quantile(row, n, bounds) for row, n in zip(below, requests, strict=True)])
            for below, requests in (
                (minutes.baseline_below, minutes.baseline),
                (minutes.canary_below, minutes.canary),
            )
        ]
    else:
        with np.errstate(all="ignore"):
            points = [minutes.baseline_errors / minutes.baseline, minutes.canary_errors / minutes.canary]
    return Seen(total=total, bounds=bounds, baseline_points=points[0], canary_points=points[1], settings=settings)


def naive(seen: Seen) -> str:
    """Compare two point estimates over the whole window."""
    total = seen.total
    if seen.is_latency:
        baseline = linear_quantile(total.baseline_below.sum(0), total.baseline.sum(), seen.bounds)
        canary = linear_quantile(total.canary_below.sum(0), total.canary.sum(), seen.bounds)
    else:
        baseline = total.baseline_errors.sum() / max(total.baseline.sum(), 1)
        canary = total.canary_errors.sum() / max(total.canary.sum(), 1)
    return "FAIL" if canary > seen.allowed(baseline) else "PASS"


def _failed_minutes(seen: Seen) -> int:
    within = seen.canary_points <= seen.allowed(seen.baseline_points)  # no data counts as failed
    return int(np.count_nonzero(~within))


def flagger(seen: Seen) -> str:
    """Fail after ten failed one-minute checks."""
    return "FAIL" if _failed_minutes(seen) >= _FLAGGER_FAILED_CHECKS else "PASS"


def argo(seen: Seen) -> str:
    """Fail after more than three failed one-minute measurements."""
    return "FAIL" if _failed_minutes(seen) > _ARGO_FAILURE_LIMIT else "PASS"


def kayenta(seen: Seen) -> str:
    """Mann-Whitney interval on per-minute points, tolerance 0.25, confidence 0.98."""
    return "FAIL" if _mann_whitney_high(seen, allowed_increase=1.0) else "PASS"


def kayenta_with_budget(seen: Seen) -> str:
    """The same, and the ratio of means must exceed the margin."""
    settings = seen.settings
    return (
        "FAIL"
        if _mann_whitney_high(seen, allowed_increase=1 + settings["budget" if seen.is_latency else "err_rel"])
        else "PASS"
    )


def _mann_whitney_high(seen: Seen, *, allowed_increase: float, confidence: float = 0.98) -> bool:
    baseline = seen.baseline_points[np.isfinite(seen.baseline_points)]
    canary = seen.canary_points[np.isfinite(seen.canary_points)]
    n, m = baseline.size, canary.size
    if min(n, m) <= 1:
        return False
    shifts = np.sort((canary[:, None] - baseline[None]).ravel())
    rank = np.floor(n * m / 2 + ndtri((1 - confidence) / 2) * np.sqrt(n * m * (n + m + 1) / 12) - 0.5)
    tolerance = max(0.25 * abs(float(np.median(shifts))), 0.0)
    higher = shifts[int(max(0, rank))] > tolerance
    return bool(higher and canary.mean() / max(baseline.mean(), 1e-12) >= allowed_increase)


def independent_test(seen: Seen) -> str:
    """Test two proportions as if requests were independent."""
    total = seen.total
    if min(total.baseline.sum(), total.canary.sum()) < 1:
        return "INCONCLUSIVE"
    statistics = _slow_statistics(seen) if seen.is_latency else _error_statistics(seen)
    if min(statistics) > -ndtri(seen.settings["alpha_fail"]):
        return "FAIL"
    return "PASS" if min(statistics) < ndtri(seen.settings["alpha_pass"]) else "INCONCLUSIVE"


def _slow_statistics(seen: Seen) -> list[float]:
    total, ratio, last = seen.total, 1 + seen.settings["budget"], float(seen.bounds[-2])
    counts = [float(total.baseline.sum()), float(total.canary.sum())]
    below = [total.baseline_below.sum(0), total.canary_below.sum(0)]

    def slower(arm: int, seconds: float) -> float:
        known = np.interp(seconds, np.r_[0, seen.bounds[:-1]], np.r_[0, below[arm][:-1]])
        return 1 - float(known) / counts[arm]

    def excess(seconds: float) -> float:
        return counts[0] * slower(0, seconds) + counts[1] * slower(1, ratio * seconds) - _SLOWER_SHARE * sum(counts)

    threshold = float(brentq(excess, 1e-4, last / ratio)) if excess(last / ratio) < 0 else last / ratio
    variance = _SLOWER_SHARE * (1 - _SLOWER_SHARE) * (1 / counts[0] + 1 / counts[1])
    return [(slower(1, ratio * threshold) - slower(0, threshold)) / float(np.sqrt(variance))]


def _error_statistics(seen: Seen) -> list[float]:
    total, settings = seen.total, seen.settings
    n, m = float(total.baseline.sum()), float(total.canary.sum())
    baseline, canary = float(total.baseline_errors.sum()) / n, float(total.canary_errors.sum()) / m

    def statistic(rise: float, ratio: float) -> float:
        own = (canary + 0.5 / m) * (1 - canary) / m
        other = ratio * ratio * (baseline + 0.5 / n) * (1 - baseline) / n
        return (canary - ratio * baseline - rise) / float(np.sqrt(max(own + other, 1e-12)))

    return [statistic(settings["err_abs"], 1.0), statistic(0.0, 1 + settings["err_rel"])]


PEERS: Mapping[str, Callable[[Seen], str]] = {
    "naive": naive,
    "flagger10": flagger,
    "argo3": argo,
    "kayenta": kayenta,
    "kayenta_1.1": kayenta_with_budget,
    "iid_ztest": independent_test,
}
