"""How often the 95 % range of the P95 change holds the truth, and how long a verdict takes.

Run from the root of the project: `python -m tests.bench.interval_bench --n 200`.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

from reliability.judge.latency import judge_latency
from tests.bench.generator import LATENCY_CELLS, simulate
from tests.bench.verdict import pair

_CELLS = ("A1", "A3", "A5", "A6", "A7", "A10", "A12", "A13", "A17", "A20", "A24")
_EFFECTS = (0.0, 0.10, 0.20)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Coverage of the likely range.")
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20261)
    options = parser.parse_args(arguments)
    for name in _CELLS:
        held: list[str] = []
        spent = 0.0
        for place, effect in enumerate(_EFFECTS):
            covered = given = 0
            for run in range(options.n):
                rng = np.random.default_rng([options.seed, 3000 + place, int(name[1:]), run])
                counts = pair(*simulate(LATENCY_CELLS[name], effect, rng, "latency"))
                before = time.perf_counter()
                interval = judge_latency(counts).increase_interval
                spent += time.perf_counter() - before
                given += interval is not None
                covered += interval is not None and interval[0] <= effect <= interval[1]
            held.append(f"{100 * covered / given:5.1f}")
        milliseconds = 1000 * spent / (options.n * len(_EFFECTS))
        sys.stdout.write(f"{name:4s} covered at {_EFFECTS}: {' '.join(held)} %   {milliseconds:.1f} ms a verdict\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
