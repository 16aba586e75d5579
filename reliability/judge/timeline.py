"""The course of a comparison over time, for charts: P95 per minute, errors per step.

Pure arithmetic on counts. No verdict is drawn from single steps, so none is here.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from reliability.judge.counts import ArmCounts, Counts, FloatArray, PairedCounts
from reliability.judge.survival import counted_curve

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
        starts_seconds: Unix instant of each step's start; of two windows, seconds since the start of each.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What one arm counted in one step."""

    bucket_counts: FloatArray
    requests: float
    errors: float


def draw_timeline(counts: Counts, *, step_seconds: float) -> Timeline:
    """Group the intervals of each arm into steps; two windows run side by side, each by its own clock.

    Args:
        counts: Counts of both arms.
        step_seconds: Length of a step; an interval belongs to the step in which it ends.

    Returns:
        One entry per step that holds an interval of an arm.
    """
    start = float(counts.edges_seconds[0]) if isinstance(counts, PairedCounts) else 0.0
    merged = [_in_steps(*arm, step_seconds=step_seconds) for arm in zip(counts.edges, counts.arms, strict=True)]
    steps, bounds = sorted({step for arm in merged for step in arm}), counts.upper_bounds_seconds
    nothing = _Step(bucket_counts=np.zeros(bounds.size), requests=0.0, errors=0.0)
    baseline, canary = ([arm.get(step, nothing) for step in steps] for arm in merged)
    return Timeline(
        starts_seconds=tuple(start + step_seconds * step for step in steps),
        baseline_p95_seconds=tuple(_p95(bounds, step.bucket_counts) for step in baseline),
        canary_p95_seconds=tuple(_p95(bounds, step.bucket_counts) for step in canary),
        baseline_errors=tuple(_error_step(step) for step in baseline),
        canary_errors=tuple(_error_step(step) for step in canary),
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
    if cumulative[-1] < _FEWEST_REQUESTS:
        return None
    seconds = counted_curve(upper_bounds_seconds, cumulative).quantile_seconds(_SLOWER_SHARE)
    return seconds if math.isfinite(seconds) else None


def _in_steps(edges_seconds: FloatArray, arm: ArmCounts, *, step_seconds: float) -> dict[int, _Step]:
    places = np.ceil((edges_seconds[1:] - edges_seconds[0]) / step_seconds - 1e-6).astype(int) - 1
    steps, first = np.unique(places, return_index=True)
    merged = arm.each(lambda counts: np.add.reduceat(counts, first, axis=0))
    return {
        int(step): _Step(bucket_counts=buckets, requests=float(requests), errors=float(errors))
        for step, buckets, requests, errors in zip(
            steps, merged.bucket_counts, merged.requests, merged.errors, strict=True
        )
    }


def _error_step(step: _Step) -> ErrorStep:
    low, high = wilson_interval(step.errors, step.requests) or (None, None)
    return ErrorStep(requests=step.requests, errors=step.errors, low_fraction=low, high_fraction=high)
