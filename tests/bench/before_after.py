"""Operating characteristics of the verdict on two windows, before and after a change.

Run from the root of the project:

    python -m tests.bench.before_after --n 200 --seeds 1 [--cells C5,C6] [--jobs 2] [--json out.json] [--markdown]

Beside ours: the comparison of two `histogram_quantile`s or error fractions, the textbook test that
takes requests as independent, and our canary test misused, as if the windows had run side by side.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from reliability.judge.counts import ArmCounts, PairedCounts, SuccessiveCounts
from reliability.judge.error_rate import judge_errors
from reliability.judge.latency import judge_latency
from reliability.judge.load import compare_load
from reliability.verdicts import Verdict
from tests.bench.before_after_series import CELLS, Cell, draw
from tests.bench.peers import Increments, Seen, independent_test, naive

LATENCY_EFFECTS = (0.0, 0.05, 0.10, 0.15, 0.20, 0.50)
ERROR_EFFECTS = (0.0, 0.5, 1.0, 2.0, 4.0)
_SETTINGS = {"budget": 0.10, "err_abs": 0.005, "err_rel": 0.5, "alpha_fail": 0.025, "alpha_pass": 0.05}
_STREAM = 5000  # seeds apart from those of the canary bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of two windows.

    Attributes:
        name: `latency` or `errors`.
        effects: True changes: of the latency as a fraction, of the errors in allowed rises.
        boundary: The change that sits on the margin.
        twice: The change that nobody should pass.
    """

    name: str
    effects: tuple[float, ...]
    boundary: float
    twice: float


QUESTIONS = (
    Question(name="latency", effects=LATENCY_EFFECTS, boundary=0.10, twice=0.20),
    Question(name="errors", effects=ERROR_EFFECTS, boundary=1.0, twice=2.0),
)
Tallies = dict[str, Counter[str]]
Results = dict[tuple[str, str, float], Tallies]
Method = Callable[[SuccessiveCounts, str], str]


def ours(counts: SuccessiveCounts, question: str) -> str:
    """Judge as `reliability` does: the traffic first."""
    if any(check.verdict is not Verdict.PASS for check in compare_load(counts).checks):
        return Verdict.INCONCLUSIVE.value
    return (judge_latency(counts) if question == "latency" else judge_errors(counts)).verdict.value


def as_if_paired(counts: SuccessiveCounts, question: str) -> str:
    """Judge as if the windows had run side by side."""
    paired = PairedCounts(
        edges_seconds=counts.baseline.edges_seconds,
        upper_bounds_seconds=counts.upper_bounds_seconds,
        baseline=counts.baseline.total,
        canary=counts.canary.total,
        scrape_interval_seconds=counts.scrape_interval_seconds,
    )
    return (judge_latency(paired) if question == "latency" else judge_errors(paired)).verdict.value


def _as_peer(method: Callable[[Seen], str], counts: SuccessiveCounts, question: str) -> str:
    before, after = counts.baseline.total, counts.canary.total
    total = Increments(**_fields("baseline", before), **_fields("canary", after))
    nothing = np.zeros(0)
    settings = {**_SETTINGS, "question": question}
    return method(
        Seen(
            total=total,
            bounds=counts.upper_bounds_seconds,
            baseline_points=nothing,
            canary_points=nothing,
            settings=settings,
        )
    )


def _fields(name: str, arm: ArmCounts) -> dict[str, np.ndarray]:
    return {f"{name}_below": arm.bucket_counts, name: arm.requests, f"{name}_errors": arm.errors}


METHODS: Mapping[str, Method] = {
    "ours": ours,
    "as if paired": as_if_paired,
    "independent": partial(_as_peer, independent_test),
    "naive": partial(_as_peer, naive),
}


def tally(task: tuple[str, str, float], *, n: int, seeds: Sequence[int]) -> tuple[tuple[str, str, float], Tallies]:
    """Answer one question on all runs of a cell at one true change."""
    question, name, effect = task
    tallies: Tallies = {method: Counter() for method in METHODS}
    place = [*LATENCY_EFFECTS].index(effect) if question == "latency" else 100 + [*ERROR_EFFECTS].index(effect)
    for seed in seeds:
        for run in range(n):
            rng = np.random.default_rng([seed, _STREAM + [*CELLS].index(name), place, run])
            change = {"slower": effect} if question == "latency" else {"failing": effect}
            counts = draw(CELLS[name], rng, **change)
            for method, judge in METHODS.items():
                tallies[method][judge(counts, question)] += 1
    return task, tallies


def measure(*, n: int, seeds: Sequence[int] = (1,), jobs: int = 1, cells: Iterable[str] = ()) -> Results:
    """Run the bench.

    Args:
        n: Runs for each cell, change and seed.
        seeds: Sets of runs.
        jobs: Processes.
        cells: Names of cells; none: all.

    Returns:
        Verdicts by question, cell and change; of each method.
    """
    chosen = [name for name in CELLS if name in set(cells) or not set(cells)]
    tasks = [(q.name, name, effect) for q in QUESTIONS for name in chosen for effect in q.effects]
    with Pool(jobs) as pool:
        return dict(pool.imap(partial(tally, n=n, seeds=tuple(seeds)), tasks))


def markdown(results: Results) -> list[str]:
    """Return the table as lines of Markdown: FAIL / PASS in percent."""
    lines: list[str] = []
    for question in QUESTIONS:
        heads = [f"{e:+.0%}" if question.name == "latency" else f"{e:g} x margin" for e in question.effects]
        lines += [
            f"**{question.name}**, FAIL / PASS in percent at a true change of",
            "",
            "| cell | method | " + " | ".join(heads) + " |",
            "|---|---|" + "---:|" * len(heads),
        ]
        for name in dict.fromkeys(cell for asked, cell, _ in results if asked == question.name):
            for method in METHODS:
                row = [_shown(results[question.name, name, effect][method]) for effect in question.effects]
                says = f"{name}: {CELLS[name].says}" if method == "ours" else ""
                lines.append(f"| {says} | {method} | " + " | ".join(row) + " |")
        lines.append("")
    return lines + _summary(results)


def _shown(tally: Counter[str]) -> str:
    return f"{_percent(tally, 'FAIL'):.1f} / {_percent(tally, 'PASS'):.1f}"


def _percent(tally: Counter[str], verdict: str) -> float:
    return 100.0 * tally[verdict] / max(tally.total(), 1)


def _summary(results: Results) -> list[str]:
    """Return the worst and mean shares over the cells that a test of two windows can judge."""
    heads = "FAIL at 0, worst|FAIL / PASS on the margin, mean|worst|PASS at twice the margin, worst|PASS at 0, mean"
    lines = [f"|question|method|{heads}|FAIL at twice the margin, mean|", "|---|---|---:|---:|---:|---:|---:|---:|"]
    for question in QUESTIONS:
        fair = [c for asked, c, e in results if asked == question.name and e == 0 and not _cell(c).unfair]
        for method in METHODS if fair else ():
            at = {
                (effect, verdict): [_percent(results[question.name, c, effect][method], verdict) for c in fair]
                for effect in (0.0, question.boundary, question.twice)
                for verdict in ("FAIL", "PASS")
            }
            edge = [at[question.boundary, verdict] for verdict in ("FAIL", "PASS")]
            numbers = [
                f"{max(at[0.0, 'FAIL']):.1f}",
                " / ".join(f"{np.mean(shares):.1f}" for shares in edge),
                " / ".join(f"{max(shares):.1f}" for shares in edge),
                f"{max(at[question.twice, 'PASS']):.1f}",
                f"{np.mean(at[0.0, 'PASS']):.1f}",
                f"{np.mean(at[question.twice, 'FAIL']):.1f}",
            ]
            lines.append(f"| {question.name} | {method} | " + " | ".join(numbers) + " |")
    return lines


def _cell(name: str) -> Cell:
    return CELLS[name]


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Operating characteristics of the verdict on two windows.")
    parser.add_argument("--n", type=int, default=50, help="runs for each cell, change and seed")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[1])
    parser.add_argument("--cells", type=lambda text: text.split(","), default=[])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    results = measure(n=options.n, seeds=options.seeds, jobs=options.jobs, cells=options.cells)
    sys.stdout.write("\n".join(markdown(results)) + "\n")
    if options.json:
        document = {"|".join(map(str, key)): tallies for key, tallies in results.items()}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
