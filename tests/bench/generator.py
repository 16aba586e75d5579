"""Simulated canaries: raw counters of two arms whose truth is known.

Traffic is Poisson with a load that wanders; latencies are lognormal mixtures; noise has a memory,
part of it shared by the arms and part not; scrapes go missing and counters reset. Everything is
drawn from `default_rng([seed, cell, effect, run])`, so a seed names a set of runs.

An arm is a dict: `timestamps` (T,) seconds, `le` (K,) bounds with `inf` last, `buckets` (T, K)
cumulative counters, `requests` (T,), `errors` (T,), `sum` (T,) seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

FloatArray: TypeAlias = npt.NDArray[np.float64]
Arm: TypeAlias = dict[str, FloatArray]
Mixture: TypeAlias = list[tuple[float, float, float]]  # weight, log median, log standard deviation

WARMUP_SECONDS = 120.0
SCRAPE_SECONDS = 15.0
MARGIN = 0.10
ERROR_MARGIN_ABSOLUTE = 0.005
ERROR_MARGIN_RELATIVE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviations and memory (lag-one correlation) of each kind of noise."""

    shared_sd: float = 0.0
    shared_memory: float = 0.0
    own_sd: float = 0.0
    own_memory: float = 0.0
    burst_share: float = 0.0
    load_sd: float = 0.0
    error_sd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One setting of the bench.

    Attributes:
        rps: Requests per second of the canary.
        ratio: Traffic of the baseline over that of the canary.
        minutes: Length after the warm-up.
        noise: Key of `NOISE`.
        layout: Key of `LAYOUTS`, the bucket bounds.
        shape: Key of `SHAPES`, the latency law.
        slow_path_only: Only the slowest part of the law changes, with the same P95.
        settling: Amplitude and seconds of a canary that starts slow.
        ramp: The canary's share of traffic grows while both arms slow down.
        mess: A counter reset, 4 % missing scrapes and a hole of two minutes.
        baseline_error_fraction: True error fraction of the baseline.
        note: `low`, `coarse` or `hard`: not counted in the means.
    """

    rps: float = 50.0
    ratio: float = 1.0
    minutes: float = 30.0
    noise: str = "od"
    layout: str = "l1.1"
    shape: str = "ln"
    slow_path_only: bool = False
    settling: tuple[float, float] | None = None
    ramp: bool = False
    mess: bool = False
    baseline_error_fraction: float = 0.005
    note: str = ""


def ladder(factor: float, *, low: float = 0.004, high: float = 12.0) -> FloatArray:
    """Return bounds that grow by a constant factor."""
    steps = np.arange(int(np.ceil(np.log(high / low) / np.log(factor))) + 1)
    return np.asarray(low * factor**steps, dtype=np.float64)


LAYOUTS: Mapping[str, FloatArray] = {
    "l1.1": ladder(1.1),
    "native3": 2.0 ** (np.arange(-64, 29) / 8.0),
    "f1.25": ladder(1.25),
    "f1.5": ladder(1.5),
    "prom": np.array([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]),
}
SHAPES: Mapping[str, Mixture] = {
    "ln": [(1.0, 0.07, 0.6)],
    "bimodal": [(0.88, 0.04, 0.4), (0.12, 0.16, 0.35)],
    "heavy": [(0.9, 0.06, 0.5), (0.1, 0.15, 0.9)],
}  # here with medians, not their logarithms
NOISE: Mapping[str, Noise] = {
    "iid": Noise(),
    "od": Noise(
        shared_sd=0.15, shared_memory=0.95, own_sd=0.04, own_memory=0.8, burst_share=0.01, load_sd=0.2, error_sd=0.5
    ),
    "hard": Noise(
        shared_sd=0.15, shared_memory=0.95, own_sd=0.08, own_memory=0.95, burst_share=0.02, load_sd=0.3, error_sd=0.5
    ),
}
LATENCY_CELLS: Mapping[str, Cell] = {
    "A1": Cell(noise="iid", rps=5),
    "A2": Cell(noise="iid", minutes=10),
    "A3": Cell(rps=5),
    "A4": Cell(rps=5, minutes=60),
    "A5": Cell(minutes=10),
    "A6": Cell(),
    "A7": Cell(minutes=60),
    "A8": Cell(rps=0.5, minutes=60, note="low"),
    "A9": Cell(rps=0.5, minutes=10, note="low"),
    "A10": Cell(ratio=19.0, rps=5),
    "A11": Cell(shape="bimodal"),
    "A12": Cell(shape="heavy"),
    "A13": Cell(shape="bimodal", slow_path_only=True),
    "A14": Cell(settling=(1.0, 120.0)),
    "A15": Cell(settling=(3.0, 120.0), rps=5, minutes=60),
    "A16": Cell(ramp=True),
    "A17": Cell(mess=True),
    "A18": Cell(mess=True, rps=5, ratio=19.0, minutes=60, settling=(1.0, 120.0)),
    "A19": Cell(layout="native3"),
    "A20": Cell(layout="f1.25"),
    "A21": Cell(layout="f1.5", note="coarse"),
    "A22": Cell(layout="prom", note="coarse"),
    "A23": Cell(layout="prom", noise="iid", rps=500, note="coarse"),
    "A24": Cell(noise="hard", note="hard"),
    "A25": Cell(noise="hard", minutes=60, note="hard"),
}
ERROR_CELLS: Mapping[str, Cell] = {
    "B1": Cell(noise="iid", rps=5),
    "B2": Cell(noise="iid", minutes=10),
    "B3": Cell(rps=5),
    "B4": Cell(),
    "B5": Cell(minutes=10),
    "B6": Cell(baseline_error_fraction=0.05),
    "B7": Cell(rps=5, baseline_error_fraction=0.0),
    "B8": Cell(rps=0.5, minutes=60, note="low"),
    "B9": Cell(rps=5, ratio=19.0, minutes=60),
    "B10": Cell(ramp=True),
    "B11": Cell(mess=True),
}
LATENCY_EFFECTS = (0.0, 0.05, 0.10, 0.15, 0.20, 0.50)
ERROR_EFFECTS = (0.0, 0.5, 1.0, 2.0, 4.0)  # shares of the allowed rise


def simulate(cell: Cell, effect: float, rng: np.random.Generator, question: str) -> tuple[Arm, Arm, dict[str, Any]]:
    """Draw one canary.

    Args:
        cell: Setting.
        effect: True change: of P95 as a fraction, or of the error fraction in allowed rises.
        rng: Source of all randomness.
        question: `latency` or `errors`.

    Returns:
        Baseline, canary and the settings that a judge is told.
    """
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
    slowed = changed(mixture, latency_effect, slow_path_only=cell.slow_path_only)
    usual = cell.baseline_error_fraction
    allowed = max(usual + ERROR_MARGIN_ABSOLUTE, usual * (1 + ERROR_MARGIN_RELATIVE))
    baseline_traffic = cell.ratio * ((2 - common.ramp) if cell.ramp else 1.0)
    baseline = _arm(cell, noise, mixture, common, rng, traffic=baseline_traffic, failing=usual, settles=False)
    failing = usual + error_effect * (allowed - usual)
    return baseline, _arm(cell, noise, slowed, common, rng, traffic=common.ramp, failing=failing, settles=True)


def _arm(
    cell: Cell,
    noise: Noise,
    mixture: Mixture,
    common: _Common,
    rng: np.random.Generator,
    *,
    traffic: FloatArray | float,
    failing: float,
    settles: bool,
) -> Arm:
    bounds, count = LAYOUTS[cell.layout], common.load.size
    requests = rng.poisson(cell.rps * SCRAPE_SECONDS * common.load * traffic)
    slowness = common.slowness + _wander(rng, count, noise.own_memory, noise.own_sd)
    if settles and cell.settling:
        amplitude, seconds = cell.settling
        slowness = slowness + np.log1p(amplitude * np.exp(-np.arange(count) * SCRAPE_SECONDS / seconds))
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
