"""The course of a comparison over time, for charts: P95 per minute, errors per step.

Pure arithmetic on `PairedCounts`. No verdict is drawn from single steps, so none is here.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from reliability.judge.counts import ArmCounts, FloatArray, PairedCounts
from reliability.judge.intervals import merge_intervals
from reliability.judge.survival import survival_curve

_FEWEST_REQUESTS: Final = 20
_SLOWER_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorStep:
    """Errors of one arm in one step.

    Attributes:
        requests: Requests in the step.
        errors: Failed ones.
        low_fraction: Lower end of the 95 % Wilson interval; None without requests.
        high_fraction: Upper end; None without requests.
    """

    requests: float
    errors: float
    low_fraction: float | None
    high_fraction: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Both arms step by step.

    Attributes:
        starts_seconds: Unix instant of each step's start.
        baseline_p95_seconds: P95 per step; None below 20 requests or beyond the last bound.
        canary_p95_seconds: The same for the canary.
        baseline_errors: Errors per step.
        canary_errors: The same for the canary.
    """

    starts_seconds: tuple[float, ...]
    baseline_p95_seconds: tuple[float | None, ...]
    canary_p95_seconds: tuple[float | None, ...]
    baseline_errors: tuple[ErrorStep, ...]
    canary_errors: tuple[ErrorStep, ...]


def draw_timeline(counts: PairedCounts, *, step_seconds: float) -> Timeline:
    """Group the common intervals into steps.

    Args:
        counts: Counts of both arms.
        step_seconds: Length of a step; an interval belongs to the step in which it ends.

    Returns:
        One entry per step that holds an interval.
    """
    ends, start = counts.edges_seconds[1:], counts.edges_seconds[0]
    step = np.ceil((ends - start) / step_seconds - 1e-6).astype(int) - 1
    _, first = np.unique(step, return_index=True)
    baseline, canary = (merge_intervals(arm, first) for arm in (counts.baseline, counts.canary))
    bounds = counts.upper_bounds_seconds
    return Timeline(
        starts_seconds=tuple(float(start + step_seconds * step[index]) for index in first),
        baseline_p95_seconds=tuple(_p95(bounds, row) for row in baseline.bucket_counts),
        canary_p95_seconds=tuple(_p95(bounds, row) for row in canary.bucket_counts),
        baseline_errors=_error_steps(baseline),
        canary_errors=_error_steps(canary),
    )


def wilson_interval(errors: float, requests: float, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Interval of a fraction.

    Args:
        errors: Failed requests.
        requests: All requests.
        confidence: Two-sided confidence.

    Returns:
        Lower and upper end in `[0, 1]`; None without requests.

    Source:
        Wilson 1927, JASA 22:209.
    """
    if requests <= 0:
        return None
    z = float(ndtri(0.5 + confidence / 2))
    share = min(errors / requests, 1.0)
    scale = 1 + z * z / requests
    middle = (share + z * z / (2 * requests)) / scale
    half = z * math.sqrt(share * (1 - share) / requests + z * z / (4 * requests**2)) / scale
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _p95(upper_bounds_seconds: FloatArray, cumulative: FloatArray) -> float | None:
    total = float(cumulative[-1])
    if total < _FEWEST_REQUESTS:
        return None
    curve = survival_curve(upper_bounds_seconds, 1.0 - cumulative / total, request_count=total)
    seconds = curve.quantile_seconds(_SLOWER_SHARE)
    return seconds if math.isfinite(seconds) else None


def _error_steps(arm: ArmCounts) -> tuple[ErrorStep, ...]:
    steps = []
    for requests, errors in zip(arm.requests.tolist(), arm.errors.tolist(), strict=True):
        low, high = wilson_interval(errors, requests) or (None, None)
        steps.append(ErrorStep(requests=requests, errors=errors, low_fraction=low, high_fraction=high))
    return tuple(steps)
