"""How long a verdict takes, beside what one would do instead on the same counts.

Run from the root of the project: `python -m tests.bench.speed_bench [--rounds 15]`.

Two comparisons of 60 minutes, scraped every 15 s: one with 85 bucket bounds, and one of 50 routes
with 15 bounds each, judged as a whole and route by route. Beside them stand the plain ratio of two
`histogram_quantile`s, which says nothing of its own uncertainty, and scipy's bootstrap of that ratio
over scrapes (999 samples, 95 %), which takes scrapes for independent. CPU time, median of the rounds.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import bootstrap

from reliability.judge.canary import judge_canary
from reliability.judge.counts import ArmCounts, PairedCounts, RouteCounts
from reliability.judge.error_rate import judge_errors
from reliability.judge.latency import judge_latency
from reliability.judge.routes import judge_routes
from tests.bench.cells import LATENCY_CELLS, FloatArray
from tests.bench.generator import simulate
from tests.bench.peers import linear_quantile
from tests.bench.verdict import pair

_RESAMPLES = 999
_ROUTES = 50
_RPS = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Times of one comparison.

    Attributes:
        what: What was judged.
        ours_ms: Time of our verdict, milliseconds.
        naive_ms: Time of the plain ratio, of all routes.
        bootstrap_ms: Time of the bootstrap, of all routes.
        goal_ms: Longest time wanted for ours.
    """

    what: str
    ours_ms: float
    naive_ms: float
    bootstrap_ms: float
    goal_ms: float

    @property
    def is_met(self) -> bool:
        """Whether ours is as fast as wanted."""
        return self.ours_ms < self.goal_ms


def measure(rounds: int) -> list[Speed]:
    """Time both comparisons.

    Args:
        rounds: How often each is timed; the bootstrap of 50 routes once.

    Returns:
        Their times.
    """
    one, many = _one(), _many_routes()
    parts = [replace(many, baseline=own.baseline, canary=own.canary, routes=()) for own in many.routes]
    return [
        Speed(
            what="60 min, 85 bucket bounds: latency and errors",
            ours_ms=_milliseconds(lambda: _whole_verdict(one), rounds),
            naive_ms=_milliseconds(lambda: _ratio(one), rounds),
            bootstrap_ms=_milliseconds(lambda: _bootstrapped(one), 3),
            goal_ms=10.0,
        ),
        Speed(
            what="60 min, 50 routes x 15 bucket bounds: whole and by route",
            ours_ms=_milliseconds(lambda: _verdict_by_route(many), max(3, rounds // 3)),
            naive_ms=_milliseconds(lambda: [_ratio(part) for part in parts], rounds),
            bootstrap_ms=_milliseconds(lambda: [_bootstrapped(part) for part in parts], 1),
            goal_ms=1000.0,
        ),
    ]


def _milliseconds(act: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        before = time.process_time()
        act()
        times.append(1000 * (time.process_time() - before))
    return statistics.median(times)


def _whole_verdict(counts: PairedCounts) -> object:
    return judge_canary(judge_latency(counts), judge_errors(counts), data=())


def _verdict_by_route(counts: PairedCounts) -> object:
    latency = judge_latency(counts)
    return judge_canary(latency, judge_errors(counts), data=(), routes=judge_routes(counts, latency, label="route"))


def _ratio(counts: PairedCounts) -> float:
    """Return the ratio of both P95s as `histogram_quantile` gives them."""
    return _quantile(counts.canary, counts) / _quantile(counts.baseline, counts)


def _quantile(arm: ArmCounts, counts: PairedCounts) -> float:
    return linear_quantile(arm.bucket_counts.sum(axis=0), float(arm.requests.sum()), counts.upper_bounds_seconds)


def _bootstrapped(counts: PairedCounts) -> object:
    """Give the ratio an interval by drawing scrapes with both arms together."""
    bounds = counts.upper_bounds_seconds

    def ratio(scrapes: FloatArray) -> float:
        drawn = scrapes.astype(int)
        p95 = [
            linear_quantile(arm.bucket_counts[drawn].sum(axis=0), float(arm.requests[drawn].sum()), bounds)
            for arm in (counts.baseline, counts.canary)
        ]
        return p95[1] / p95[0]

    scrapes = np.arange(counts.baseline.requests.size, dtype=float)
    return bootstrap(
        (scrapes,), ratio, vectorized=False, n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(1)
    )


def _one() -> PairedCounts:
    return pair(*simulate(replace(LATENCY_CELLS["A7"], rps=_RPS), 0.05, np.random.default_rng(1), "latency"))


def _many_routes() -> PairedCounts:
    cell = replace(LATENCY_CELLS["A7"], layout="prom", rps=_RPS / 5)
    routes = []
    for number in range(_ROUTES):
        own = pair(*simulate(cell, 0.05, np.random.default_rng([2, number]), "latency"))
        routes.append(RouteCounts(route=f"/route/{number:02d}", baseline=own.baseline, canary=own.canary))
    arms = [_summed([getattr(route, arm) for route in routes]) for arm in ("baseline", "canary")]
    return replace(own, baseline=arms[0], canary=arms[1], routes=tuple(routes))


def _summed(arms: Sequence[ArmCounts]) -> ArmCounts:
    return ArmCounts(
        bucket_counts=np.sum([arm.bucket_counts for arm in arms], axis=0),
        requests=np.sum([arm.requests for arm in arms], axis=0),
        errors=np.sum([arm.errors for arm in arms], axis=0),
        latency_sum_seconds=np.sum([arm.latency_sum_seconds for arm in arms], axis=0),
    )


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long a verdict takes.")
    parser.add_argument("--rounds", type=int, default=15)
    for speed in measure(parser.parse_args(arguments).rounds):
        sys.stdout.write(
            f"{speed.what}\n  ours {speed.ours_ms:.1f} ms, goal below {speed.goal_ms:g} ms: "
            f"{'reached' if speed.is_met else 'MISSED'}; {speed.ours_ms / speed.naive_ms:.0f} times the plain ratio "
            f"({speed.naive_ms:.2f} ms), {speed.bootstrap_ms / speed.ours_ms:.1f} times faster than scipy's bootstrap "
            f"({speed.bootstrap_ms:.0f} ms)\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
