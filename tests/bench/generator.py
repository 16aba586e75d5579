"""Simulated canaries: raw counters of two arms whose truth is known.

Traffic is Poisson with a load that wanders; latencies are lognormal mixtures; noise has a memory,
part of it shared by the arms and part not; scrapes go missing and counters reset. Everything is
drawn from `default_rng([seed, cell, effect, run])`, so a seed names a set of runs.

An arm is a dict: `timestamps` (T,) seconds, `le` (K,) bounds with `inf` last, `buckets` (T, K)
cumulative counters, `requests` (T,), `errors` (T,), `sum` (T,) seconds.
"""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from tests.bench.cells import (
    ERROR_MARGIN_ABSOLUTE,
    ERROR_MARGIN_RELATIVE,
    LAYOUTS,
    MARGIN,
    NOISE,
    SCRAPE_SECONDS,
    SHAPES,
    WARMUP_SECONDS,
    Cell,
    FloatArray,
    Mixture,
    Noise,
)

Arm: TypeAlias = dict[str, FloatArray]


def simulate(
    cell: Cell, effect: float, rng: np.random.Generator, question: str, *, history_minutes: float = 0.0
) -> tuple[Arm, Arm, dict[str, Any]]:
    """Draw one canary.

    Args:
        cell: Setting.
        effect: True change: of P95 as a fraction, or of the error fraction in allowed rises.
        rng: Source of all randomness; the history has a stream of its own that this one spawns.
        question: `latency` or `errors`.
        history_minutes: Length of a recording of two arms of one version, with the same noise, that
            comes as `settings["history"]`; 0: none.

    Returns:
        Baseline, canary and the settings that a judge is told.
    """
    own = rng.spawn(1)[0]
    noise = NOISE[cell.noise]
    noise = replace(noise, own_sd=noise.own_sd * rng.uniform(0.7, 1.3))
    noise = replace(noise, shared_sd=noise.shared_sd * rng.uniform(0.7, 1.3))
    noise = replace(noise, error_sd=noise.error_sd * rng.uniform(0.7, 1.3))
    median, spread = np.exp(rng.uniform(-0.7, 0.7)), rng.uniform(0.85, 1.15)
    mixture = [(w, float(np.log(m * median)), s * spread) for w, m, s in SHAPES[cell.shape]]
    interval_count = int((cell.minutes * 60 + WARMUP_SECONDS) / SCRAPE_SECONDS)
    true_change = (effect, 0.0) if question == "latency" else (0.0, effect)
    baseline, canary = _arms(cell, noise, mixture, rng, count=interval_count, true_change=true_change)
    settings = {
        "question": question,
        "mode": "fixed",
        "p": 0.95,
        "budget": MARGIN,
        "err_abs": ERROR_MARGIN_ABSOLUTE,
        "err_rel": ERROR_MARGIN_RELATIVE,
        "warmup_s": WARMUP_SECONDS,
        "scrape_s": SCRAPE_SECONDS,
        "horizon_s": cell.minutes * 60 + WARMUP_SECONDS,
        "alpha_fail": 0.025,
        "alpha_pass": 0.05,
    }
    if history_minutes:
        usual = replace(cell, settling=None, ramp=False, mess=False, drifting=False)
        count = int(history_minutes * 60 / SCRAPE_SECONDS)
        settings["history"] = _arms(usual, noise, mixture, own, count=count, true_change=(0.0, 0.0))
    return baseline, canary, settings


def changed(mixture: Mixture, effect: float, *, slow_path_only: bool) -> Mixture:
    """Slow a latency law down so that its P95 rises by exactly `effect`."""
    if not slow_path_only or effect == 0:
        return [(w, m + float(np.log1p(effect)), s) for w, m, s in mixture]
    target = _quantile(mixture, 0.95) + float(np.log1p(effect))
    *others, (weight, median, spread) = mixture
    shift = brentq(lambda d: _cdf([*others, (weight, median + d, spread)], target) - 0.95, 0, 3)
    return [*others, (weight, median + float(shift), spread)]


def _cdf(mixture: Mixture, log_seconds: Any) -> Any:
    return sum(w * ndtr((log_seconds - m) / s) for w, m, s in mixture)


def _quantile(mixture: Mixture, share: float) -> float:
    return float(brentq(lambda x: _cdf(mixture, x) - share, -14, 8))


def _wander(rng: np.random.Generator, count: int, memory: float, sd: float) -> FloatArray:
    """Draw an AR(1) series."""
    if sd == 0:
        return np.zeros(count)
    steps = rng.standard_normal(count) * sd * np.sqrt(1 - memory * memory)
    series = np.empty(count)
    series[0] = rng.standard_normal() * sd
    for t in range(1, count):
        series[t] = memory * series[t - 1] + steps[t]
    return series


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What both arms share; `mixture` is the law before the canary."""

    mixture: Mixture
    load: FloatArray
    ramp: FloatArray
    slowness: FloatArray
    error_noise: FloatArray


def _arms(
    cell: Cell,
    noise: Noise,
    mixture: Mixture,
    rng: np.random.Generator,
    *,
    count: int,
    true_change: tuple[float, float],
) -> tuple[Arm, Arm]:
    t = np.arange(count)
    load = np.exp(_wander(rng, count, 0.97, noise.load_sd))
    load = load * (1 + (0.3 if noise.load_sd else 0) * np.sin(2 * np.pi * (t / 240.0 + rng.random())))
    slowness = _wander(rng, count, noise.shared_memory, noise.shared_sd)
    common = _Common(
        mixture=mixture,
        load=load,
        ramp=np.linspace(0.1, 1.0, count) if cell.ramp else np.ones(count),
        slowness=slowness + (np.log(1.4) * t / count if cell.ramp else 0),
        error_noise=_wander(rng, count, 0.8, noise.error_sd) - noise.error_sd**2 / 2,
    )
    latency_effect, error_effect = true_change
    slowed = mixture if cell.drifting else changed(mixture, latency_effect, slow_path_only=cell.slow_path_only)
    usual = cell.baseline_error_fraction
    allowed = max(usual + ERROR_MARGIN_ABSOLUTE, usual * (1 + ERROR_MARGIN_RELATIVE))
    baseline_traffic = cell.ratio * ((2 - common.ramp) if cell.ramp else 1.0)
    baseline = _arm(cell, noise, mixture, common, rng, traffic=baseline_traffic, failing=usual, course=None)
    failing = usual + error_effect * (allowed - usual)
    course = _course(cell, latency_effect, count)
    return baseline, _arm(cell, noise, slowed, common, rng, traffic=common.ramp, failing=failing, course=course)


def _course(cell: Cell, effect: float, count: int) -> FloatArray:
    """Return by how much the canary's log latency is off as it settles or drifts."""
    t = np.arange(count)
    settling, drift = np.zeros(count), np.zeros(count)
    if cell.settling:
        amplitude, seconds = cell.settling
        settling = np.log1p(amplitude * np.exp(-t * SCRAPE_SECONDS / seconds))
    if cell.drifting:
        drift = np.log1p(effect * t / max(count - 1, 1))
    return np.asarray(settling + drift)


def _arm(
    cell: Cell,
    noise: Noise,
    mixture: Mixture,
    common: _Common,
    rng: np.random.Generator,
    *,
    traffic: FloatArray | float,
    failing: float,
    course: FloatArray | None,
) -> Arm:
    bounds, count = LAYOUTS[cell.layout], common.load.size
    requests = rng.poisson(cell.rps * SCRAPE_SECONDS * common.load * traffic)
    slowness = common.slowness + _wander(rng, count, noise.own_memory, noise.own_sd)
    if course is not None:
        slowness = slowness + course
    below = _shares_below(mixture, bounds, slowness, noise, rng)
    shares = np.maximum(np.diff(np.c_[np.zeros(count), below, np.ones(count)], axis=1), 0)
    shares /= shares.sum(1, keepdims=True)
    in_buckets = rng.multinomial(requests, shares)
    middles = np.r_[bounds[0] * 0.6, np.sqrt(bounds[1:] * bounds[:-1]), bounds[-1] * 1.3]
    own = _wander(rng, count, 0.5, noise.error_sd) - noise.error_sd**2 / 2
    errors = rng.binomial(requests, np.minimum(failing * np.exp(common.error_noise + own), 0.9))
    buckets = np.vstack([np.zeros(bounds.size + 1), np.cumsum(np.cumsum(in_buckets, 1), 0)])
    before = rng.integers(0, 50000)  # the counters were running before the canary began
    arm: Arm = {
        "timestamps": np.asarray(1.7e9 + np.arange(count + 1) * SCRAPE_SECONDS, dtype=np.float64),
        "le": np.r_[bounds, np.inf],
        "buckets": buckets + np.floor(before * np.r_[_cdf(common.mixture, np.log(bounds)), 1.0]),
        "errors": np.r_[0.0, np.cumsum(errors)] + int(before * cell.baseline_error_fraction),
        "sum": np.r_[0.0, np.cumsum(in_buckets @ middles)] + before * 0.1,
    }
    if cell.mess:
        arm = _messed(arm, rng)
    return {**arm, "requests": arm["buckets"][:, -1].copy()}


def _shares_below(
    mixture: Mixture, bounds: FloatArray, slowness: FloatArray, noise: Noise, rng: np.random.Generator
) -> FloatArray:
    below: FloatArray = _cdf(mixture, np.log(bounds)[None] - slowness[:, None])
    if noise.burst_share:
        burst = rng.random(slowness.size) < noise.burst_share
        burst[1:] |= burst[:-1] & (rng.random(slowness.size - 1) < 0.5)
        twice = _cdf(mixture, np.log(bounds)[None] - slowness[burst][:, None] - np.log(2.0))
        below[burst] = 0.7 * below[burst] + 0.3 * twice
    return below


def _messed(arm: Arm, rng: np.random.Generator) -> Arm:
    """Reset the counters once, lose some scrapes, and lose all of them for two minutes."""
    rows = arm["timestamps"].size
    reset = int(rng.integers((rows - 1) // 4, 3 * (rows - 1) // 4))
    kept = rng.random(rows) > 0.04
    hole = int(rng.integers(5, rows - 11))
    kept[hole : hole + 8] = False
    kept[[0, -1]] = True
    after = (np.arange(rows) > reset).astype(float)
    fallen = {
        name: arm[name] - (after[:, None] * arm[name][reset] if arm[name].ndim > 1 else after * arm[name][reset])
        for name in ("buckets", "errors", "sum")
    }
    return {"timestamps": arm["timestamps"][kept], "le": arm["le"]} | {name: v[kept] for name, v in fallen.items()}
