"""How often the forecast's range holds the truth, beside the plain bootstrap that skips its first step.

Run from the root of the project: `python -m tests.bench.forecast_bench [--paths 500]`.

Weekly observations of three kinds of paths whose future is known (`tests/bench/paths.py`), a goal
3 points ahead. Nominal is 80 %, wanted is 70 % at 8 and more increments. Only ranges that are given
count; a goal that was met in no simulated week lies outside every range.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np

from reliability.judge.forecast import forecast_goal
from tests.bench.paths import KINDS, KnownPath, known_path

_GOAL_FRACTION = 0.7
_MISSING_POINTS = 3.0
_DRAWN_PATHS = 400
_DRAWN_WEEKS = 1000

Range = tuple[float, float]


def double_bootstrap(path: KnownPath) -> Range | None:
    """Give our range in weeks after the last observation; None when there is none."""
    last_at = path.observations[-1][0]
    made = forecast_goal(path.observations, path.goal, seed=1, path_count=_DRAWN_PATHS)
    if made.p10_at is None or made.p90_at is None:
        return None
    week = timedelta(weeks=1)
    return (made.p10_at - last_at) / week, (made.p90_at - last_at) / week


def plain_bootstrap(path: KnownPath) -> Range | None:
    """Give the range of paths drawn from the increments as they were seen."""
    added = np.diff([float(100 * share) for _, share in path.observations])
    drawn = np.random.default_rng(1).choice(added, (_DRAWN_PATHS, _DRAWN_WEEKS)).cumsum(axis=1)
    is_met = drawn >= float(100 * (path.goal - path.observations[-1][1])) - 1e-9
    weeks = np.sort(np.where(is_met.any(axis=1), is_met.argmax(axis=1) + 1.0, math.inf))
    early, late = weeks[math.ceil(0.1 * _DRAWN_PATHS) - 1], weeks[math.ceil(0.9 * _DRAWN_PATHS) - 1]
    return (float(early), float(late)) if math.isfinite(late) else None


def measure(kind: str, increments_count: int, way: Callable[[KnownPath], Range | None], paths: int) -> Sequence[float]:
    """Return the share of ranges that hold the truth, the share of paths with a range, and the median width."""
    drawn = [
        known_path(kind, increments_count=increments_count, missing_points=_MISSING_POINTS, seed=seed)
        for seed in range(paths)
    ]
    made = [(path, given) for path in drawn if (given := way(path)) is not None]
    held = [given[0] <= _weeks_until_met(path) <= given[1] for path, given in made]
    return statistics.fmean(held), len(made) / paths, statistics.median(late - early for _, (early, late) in made)


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 when a wanted share is missed."""
    parser = argparse.ArgumentParser(description="How often the forecast's range holds the truth.")
    parser.add_argument("--paths", type=int, default=500)
    paths = parser.parse_args(arguments).paths
    _print(f"{'':<20}{'double bootstrap (ours)':>32}{'plain bootstrap':>24}")
    _print(f"{'path':<10}{'increments':>10}{'held':>10}{'given':>10}{'weeks':>12}{'held':>12}{'weeks':>12}")
    is_missed = False
    for kind in KINDS:
        for count in (8, 12, 20):
            held, given, width = measure(kind, count, double_bootstrap, paths)
            plain_held, _, plain_width = measure(kind, count, plain_bootstrap, paths)
            is_missed |= held < _GOAL_FRACTION
            ours = f"{held:>10.1%}{given:>10.1%}{width:>12.1f}"
            _print(f"{kind:<10}{count:>10}{ours}{plain_held:>12.1%}{plain_width:>12.1f}")
    _print(f"wanted: held at least {_GOAL_FRACTION:.0%}: {'MISSED' if is_missed else 'reached'}")
    return int(is_missed)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _weeks_until_met(path: KnownPath) -> float:
    if path.met_at is None:
        return math.inf
    return (path.met_at - path.observations[-1][0]) / timedelta(weeks=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
