"""Simulated services before and after a change: two windows of one series whose truth is known.

Unlike the arms of a canary, the windows share nothing in time: the wandering of the service stands
in full in each of them. Lognormal latency, Poisson traffic, noise with a memory, a drift of the
service itself, a changed load or a changed mix of two routes. Everything is drawn from
`default_rng([seed, cell, effect, run])`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr

from reliability.judge.counts import ArmCounts, FloatArray, SuccessiveCounts, WindowCounts

SCRAPE_SECONDS = 15.0
GAP_MINUTES = 15.0  # roll-out and warm-up, in neither window
BOUNDS_SECONDS = np.append(0.004 * 1.1 ** np.arange(85), np.inf)
ALLOWED_ERROR_RISE = 0.005
_SLOW_ROUTE = 2.0  # its latency beside that of the other one; it fails four times as often
_FAILING_ROUTE = 4.0
_USUAL_BUSY_SHARE = 0.3  # of the time; a queue answers later by 1 / (1 - busy share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wander:
    """Noise of the service: standard deviations and lag-one correlations per scrape.

    Attributes:
        slow: Log latency, with a memory.
        quick: Log latency, with a memory of about a minute.
        load: Log of the traffic.
        errors: Log of the error fraction.
    """

    slow: tuple[float, float] = (0.0, 0.0)
    quick: tuple[float, float] = (0.0, 0.0)
    load: tuple[float, float] = (0.0, 0.0)
    errors: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One setting.

    Attributes:
        says: What it is, for the table.
        wander: Key of `WANDERS`.
        rps: Requests per second.
        minutes: Length of each window.
        error_fraction: True error fraction before the change.
        drift: Relative slowing per hour that has nothing to do with the change.
        load_ratio: Traffic after over traffic before.
        slow_shares: Share of the traffic to the slow route, before and after; None: one route.
        labelled: Whether the judge sees the routes.
        unfair: Not counted in the summary: no test of two windows can see what goes on here.
    """

    says: str
    wander: str = "od"
    rps: float = 50.0
    minutes: float = 30.0
    error_fraction: float = 0.005
    drift: float = 0.0
    load_ratio: float = 1.0
    slow_shares: tuple[float, float] | None = None
    labelled: bool = True
    unfair: bool = False


WANDERS: Mapping[str, Wander] = {
    "iid": Wander(),
    "calm": Wander(slow=(0.05, 0.95), quick=(0.02, 0.8), load=(0.1, 0.97), errors=(0.3, 0.8)),
    "od": Wander(slow=(0.15, 0.95), quick=(0.04, 0.8), load=(0.2, 0.97), errors=(0.7, 0.8)),
    "hours": Wander(slow=(0.10, 0.999), quick=(0.04, 0.8), load=(0.1, 0.97), errors=(0.5, 0.999)),
}
CELLS: Mapping[str, Cell] = {
    "C1": Cell(says="independent requests", wander="iid"),
    "C2": Cell(says="independent, 5 a second, 60 min", wander="iid", rps=5, minutes=60),
    "C3": Cell(says="calm service", wander="calm"),
    "C4": Cell(says="calm service, 60 min", wander="calm", minutes=60),
    "C5": Cell(says="usual noise, 10 min", minutes=10),
    "C6": Cell(says="usual noise"),
    "C7": Cell(says="usual noise, 60 min", minutes=60),
    "C8": Cell(says="usual noise, 3 h", minutes=180),
    "C9": Cell(says="calm, mix moves 7 points, routes known", wander="calm", slow_shares=(0.20, 0.27)),
    "C10": Cell(says="calm, mix moves 15 points, routes known", wander="calm", slow_shares=(0.20, 0.35)),
    "C11": Cell(says="calm, load 1.3 times", wander="calm", load_ratio=1.3, unfair=True),
    "C12": Cell(says="calm, load 1.8 times", wander="calm", load_ratio=1.8),
    "C13": Cell(
        says="calm, mix moves 15 points, no label", wander="calm", slow_shares=(0.20, 0.35), labelled=False, unfair=True
    ),
    "C14": Cell(says="calm, slows by 15 % an hour on its own", wander="calm", drift=0.15, unfair=True),
    "C15": Cell(says="noise with a memory of hours", wander="hours", unfair=True),
    "C16": Cell(says="noise with a memory of hours, 3 h", wander="hours", minutes=180, unfair=True),
}


def draw(cell: Cell, rng: np.random.Generator, *, slower: float = 0.0, failing: float = 0.0) -> SuccessiveCounts:
    """Draw both windows.

    Args:
        cell: Setting.
        rng: Source of all randomness.
        slower: True relative change of all latencies.
        failing: True rise of the error fraction, in allowed rises.

    Returns:
        Counts as the sources would deliver them.
    """
    size, gap = round(cell.minutes * 60 / SCRAPE_SECONDS), round(GAP_MINUTES * 60 / SCRAPE_SECONDS)
    wander, count = WANDERS[cell.wander], 2 * size + gap
    level = np.exp(rng.uniform(-0.7, 0.7))
    hours = np.arange(count) * SCRAPE_SECONDS / 3600
    slowness = np.log(0.07 * level) + _series(rng, count, wander.slow) + _series(rng, count, wander.quick)
    slowness += np.log1p(cell.drift) * hours
    load = cell.rps * SCRAPE_SECONDS * np.exp(_series(rng, count, wander.load))
    shares = cell.slow_shares or (0.0, 0.0)
    mixed = 1 + (_FAILING_ROUTE - 1) * sum(shares) / 2  # so that both routes together fail as often as one alone
    usual = cell.error_fraction / mixed * np.exp(_series(rng, count, wander.errors) - wander.errors[0] ** 2 / 2)
    before, after = slice(0, size), slice(size + gap, count)
    queue = np.log((1 - _USUAL_BUSY_SHARE) / (1 - _USUAL_BUSY_SHARE * cell.load_ratio))
    rise = failing * ALLOWED_ERROR_RISE / cell.error_fraction
    windows = (
        _window(cell, rng, load[before], slowness[before], usual[before], slow_share=shares[0], start=0),
        _window(
            cell,
            rng,
            load[after] * cell.load_ratio,
            slowness[after] + queue + np.log1p(slower),
            usual[after] * (1 + rise),
            slow_share=shares[1],
            start=size + gap,
        ),
    )
    return SuccessiveCounts(
        upper_bounds_seconds=BOUNDS_SECONDS,
        baseline=windows[0],
        canary=windows[1],
        scrape_interval_seconds=SCRAPE_SECONDS,
    )


def _series(rng: np.random.Generator, count: int, law: tuple[float, float]) -> FloatArray:
    """Draw a stationary AR(1) series."""
    sd, memory = law
    steps = rng.standard_normal(count) * sd * np.sqrt(1 - memory**2)
    steps[0] = rng.standard_normal() * sd
    return np.asarray(lfilter([1.0], [1.0, -memory], steps), dtype=np.float64)


def _window(
    cell: Cell,
    rng: np.random.Generator,
    load: FloatArray,
    slowness: FloatArray,
    failing: FloatArray,
    *,
    slow_share: float,
    start: int,
) -> WindowCounts:
    names = {"fast": (1 - slow_share, 1.0, 1.0), "slow": (slow_share, _SLOW_ROUTE, _FAILING_ROUTE)}
    routes = {
        name: _arm(rng, load * share, slowness + np.log(slower), failing * worse)
        for name, (share, slower, worse) in names.items()
        if share > 0
    }
    arms = tuple(routes.values())
    return WindowCounts(
        edges_seconds=np.asarray(1.7e9 + (start + np.arange(load.size + 1)) * SCRAPE_SECONDS, dtype=np.float64),
        total=arms[0] if len(arms) == 1 else _summed(*arms),
        routes=routes if cell.slow_shares and cell.labelled else {},
    )


def _arm(rng: np.random.Generator, load: FloatArray, slowness: FloatArray, failing: FloatArray) -> ArmCounts:
    requests = rng.poisson(load)
    below = ndtr((np.log(BOUNDS_SECONDS[:-1])[None] - slowness[:, None]) / 0.6)
    shares = np.diff(below, axis=1, prepend=0.0, append=1.0)
    in_buckets = rng.multinomial(requests, shares / shares.sum(1, keepdims=True))
    middles = np.append(BOUNDS_SECONDS[:-1] / 1.05, BOUNDS_SECONDS[-2])
    return ArmCounts(
        bucket_counts=np.cumsum(in_buckets, axis=1).astype(np.float64),
        requests=requests.astype(np.float64),
        errors=rng.binomial(requests, np.minimum(failing, 0.9)).astype(np.float64),
        latency_sum_seconds=in_buckets @ middles,
    )


def _summed(first: ArmCounts, second: ArmCounts) -> ArmCounts:
    return ArmCounts(
        bucket_counts=first.bucket_counts + second.bucket_counts,
        requests=first.requests + second.requests,
        errors=first.errors + second.errors,
        latency_sum_seconds=first.latency_sum_seconds + second.latency_sum_seconds,
    )
