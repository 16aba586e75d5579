"""Operating characteristics of a canary verdict, beside built-in peers.

Run from the root of the project:

    python -m tests.bench.verdict_bench --n 200 --seeds 1,2,3,4,5 --jobs 2 [--history 360]
        [--judge module:function] [--question latency|errors|drift] [--cells A5,B4] [--no-peers] [--json out.json]

A judge is called as `f(baseline, canary, settings) -> str`; the answer starts with PASS, FAIL or
INCONCLUSIVE. For every cell and true change the table gives the share of FAIL and of PASS; a new
seed is a new set of runs, whatever the number of processes. Without `--judge` ours is measured, with
the coverage of its 95 % interval; `--judge none` runs the peers only. `--history` hands over so many
minutes of two arms of one version as `settings["history"]`. `python -m tests.bench.publish` writes
the whole table.
"""

import argparse
import importlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import verdict
from tests.bench.cells import ERROR_MARGIN_ABSOLUTE, ERROR_MARGIN_RELATIVE, QUESTIONS, Cell, Question
from tests.bench.generator import simulate
from tests.bench.peers import PEERS, look
from tests.bench.tally import OURS, Results, Tally, condensed, pooled

OUR_JUDGE = "tests.bench.verdict:fixed"
NO_JUDGE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is run.

    Attributes:
        judge: `module:function`, or `none`.
        n: Runs for each cell, change and seed.
        seeds: Seeds, pooled.
        peers: Whether the peers answer too.
        history_minutes: Length of the history that the judge is given; 0: none.
        jobs: Processes.
        cells: Cells to run; empty: all.
    """

    judge: str = OUR_JUDGE
    n: int = 100
    seeds: tuple[int, ...] = (20261,)
    peers: bool = True
    history_minutes: float = 0.0
    jobs: int = 1
    cells: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The runs of one cell, change and seed: what one process does at a time."""

    question: Question
    cell: str
    place: int
    seed: int
    plan: Plan


def measure(question: Question, plan: Plan) -> Results:
    """Run the cells of a question.

    Args:
        question: What is asked.
        plan: What is run; the number of processes changes no number but the times.

    Returns:
        Tallies by cell and change.
    """
    results: Results = {}
    parts = [
        _Part(question=question, cell=name, place=place, seed=seed, plan=plan)
        for name in question.cells
        if not plan.cells or name in plan.cells
        for place in range(len(question.effects))
        for seed in plan.seeds
    ]
    for part, tallies in zip(parts, _run_all(parts, jobs=plan.jobs), strict=True):
        found = results.setdefault((part.cell, question.effects[part.place]), {})
        for method, tally in tallies.items():
            found.setdefault(method, Tally()).merge(tally)
        if part.place == len(question.effects) - 1 and part.seed == plan.seeds[-1]:
            print_cell(question, part.cell, results)
    return results


def _run_all(parts: Sequence[_Part], *, jobs: int) -> Iterator[dict[str, Tally]]:
    if jobs == 1:
        yield from map(_run, parts)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_run, parts)


def _run(part: _Part) -> dict[str, Tally]:
    question, plan = part.question, part.plan
    cell, effect = question.cells[part.cell], question.effects[part.place]
    answer, truth = _judge(plan.judge), true_change(question, cell, effect)
    number = question.stream + list(question.cells).index(part.cell)
    tallies: dict[str, Tally] = {}
    for run in range(plan.n):
        rng = np.random.default_rng([part.seed, number, part.place, run])
        case = simulate(cell, effect, rng, question.measure, history_minutes=plan.history_minutes)
        if plan.peers:
            seen = look(*case)
            for peer, decide in PEERS.items():
                tallies.setdefault(peer, Tally()).add(decide(seen))
        if answer is not None:
            ours = tallies.setdefault(OURS, Tally())
            before = time.process_time()
            found = answer(*case)
            ours.seconds += time.process_time() - before
            ours.add(found.text, interval=found.interval, truth=truth)
    return tallies


def _judge(name: str) -> Callable[..., verdict.Answer] | None:
    """Return the judge as one that gives an interval too: only ours does."""
    if name == NO_JUDGE:
        return None
    if name == OUR_JUDGE:
        return verdict.answer
    module, function = name.split(":")
    decide = getattr(importlib.import_module(module), function)
    return lambda *case: verdict.Answer(text=str(decide(*case)))


def true_change(question: Question, cell: Cell, effect: float) -> float:
    """Return what an interval should hold: the change of P95, or of the error fraction."""
    if question.measure == "latency":
        return effect
    usual = cell.baseline_error_fraction
    return effect * max(ERROR_MARGIN_ABSOLUTE, usual * ERROR_MARGIN_RELATIVE)


def print_cell(question: Question, name: str, results: Results) -> None:
    """Print FAIL and PASS of each method, and how often an interval held the truth."""
    _say(f"{name} {question.cells[name]}")
    _say("  method      " + " ".join(f"{effect:>13g}" for effect in question.effects) + "   (FAIL/PASS %)")
    for method in results[name, question.effects[0]]:
        tallies = [results[name, effect][method] for effect in question.effects]
        shares = " ".join(f"{t.percent('FAIL'):6.1f}/{t.percent('PASS'):6.1f}" for t in tallies)
        held = pooled(tallies)
        covered = f"   95 % interval holds {held.held_percent:.1f} %" if held.intervals and question.boundary else ""
        _say(f"  {method:12s}{shares}{covered}")


def print_summary(question: Question, results: Results) -> None:
    """Print the condensed table, the shares of the reasons and the time of a verdict."""
    if question.boundary is not None:
        rows = condensed(question, results)
        _say(f"\n== {question.name} (percent)")
        _say(" " * 36 + " ".join(f"{method:>11s}" for method in rows))
        for name, value in next(iter(rows.values())).items():
            if np.isnan(value):
                continue
            _say(f"  {name:34s}" + " ".join(f"{row[name]:11.1f}" for row in rows.values()))
    ours = pooled(tallies[OURS] for tallies in results.values() if OURS in tallies)
    if ours.answers:
        _say("  reasons of ours, all cells and changes:")
        for answer, count in Counter(ours.answers).most_common():
            _say(f"    {100 * count / ours.answers.total():5.1f} %  {answer}")
        _say(f"  time of one verdict: {1000 * ours.seconds / ours.answers.total():.1f} ms of CPU (mean)")


def to_json(found: Mapping[str, Results], plan: Plan) -> dict[str, Any]:
    """Return all tallies with what made them."""
    return {
        "plan": {
            "judge": plan.judge,
            "n": plan.n,
            "seeds": list(plan.seeds),
            "peers": plan.peers,
            "history_minutes": plan.history_minutes,
        },
        "tallies": {
            name: {
                f"{cell}|{effect:g}": {method: tally.to_json() for method, tally in tallies.items()}
                for (cell, effect), tallies in results.items()
            }
            for name, results in found.items()
        },
    }


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Operating characteristics of a canary verdict.")
    parser.add_argument("--judge", default=OUR_JUDGE, help="module:function, or none")
    parser.add_argument("--n", type=int, default=100, help="runs for each cell, change and seed")
    parser.add_argument("--seeds", type=lambda text: tuple(int(seed) for seed in text.split(",")), default=(20261,))
    parser.add_argument("--cells", type=lambda text: frozenset(text.split(",")), default=frozenset())
    parser.add_argument("--question", choices=[question.name for question in QUESTIONS])
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--history", dest="history_minutes", type=float, default=0.0, help="minutes; 0: none")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    options = parse(arguments)
    chosen = {name: value for name, value in vars(options).items() if name not in {"question", "json"}}
    plan = Plan(**chosen)
    found = {}
    for question in QUESTIONS:
        cells = set(question.cells) & plan.cells if plan.cells else set(question.cells)
        if options.question not in {question.name, None} or not cells:
            continue
        found[question.name] = measure(question, plan)
        print_summary(question, found[question.name])
    if options.json:
        options.json.write_text(json.dumps(to_json(found, plan), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
