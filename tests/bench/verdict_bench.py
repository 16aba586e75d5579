"""Operating characteristics of a canary verdict, beside built-in peers.

Run from the root of the project:

    python -m tests.bench.verdict_bench --n 200 --seeds 1,2,3,4,5 [--judge module:function]
        [--question latency|errors|both] [--cells A5,B4] [--no-peers] [--json out.json]

A judge is called as `f(baseline, canary, settings) -> str`; the answer starts with PASS, FAIL or
INCONCLUSIVE. For every cell and true change the table gives the share of FAIL and of PASS; a new
seed is a new set of runs. Without `--judge` ours is measured; `--judge none` runs the peers only.
"""

import argparse
import importlib
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.generator import (
    ERROR_CELLS,
    ERROR_EFFECTS,
    LATENCY_CELLS,
    LATENCY_EFFECTS,
    Cell,
    simulate,
)
from tests.bench.peers import PEERS, look

Judge = Callable[[Any, Any, Any], str]
_OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Cells and true changes of one question.

    Attributes:
        name: `latency` or `errors`.
        cells: Settings by name.
        effects: True changes.
        boundary: The change that sits on the margin.
        stream: Added to the cell's number in the seed.
    """

    name: str
    cells: Mapping[str, Cell]
    effects: Sequence[float]
    boundary: float
    stream: int


QUESTIONS = (
    Question(name="latency", cells=LATENCY_CELLS, effects=LATENCY_EFFECTS, boundary=0.10, stream=0),
    Question(name="errors", cells=ERROR_CELLS, effects=ERROR_EFFECTS, boundary=1.0, stream=1000),
)


@dataclass(slots=True, kw_only=True)
class Tally:
    """Answers of one method in one cell at one true change."""

    answers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, answer: str) -> None:
        """Count one answer."""
        self.answers[answer.partition(":")[0]] += 1
        self.reasons[answer] += 1

    def percent(self, verdict: str) -> float:
        """Return the share of one verdict."""
        return 100.0 * self.answers[verdict] / self.answers.total()


Results = dict[tuple[str, float], dict[str, Tally]]


def measure(question: Question, judge: Judge | None, options: argparse.Namespace) -> tuple[Results, float]:
    """Run all cells of a question.

    Args:
        question: What is asked.
        judge: The judge to measure, or None.
        options: Parsed command line.

    Returns:
        Tallies by cell and effect, and the judge's mean time in milliseconds.
    """
    results: Results = {}
    spent = runs = 0.0
    for number, (name, cell) in enumerate(question.cells.items()):
        if options.cells and name not in options.cells:
            continue
        for place, effect in enumerate(question.effects):
            tallies = results.setdefault((name, effect), {})
            for seed, run in itertools.product(options.seeds, range(options.n)):
                rng = np.random.default_rng([seed, number + question.stream, place, run])
                case = simulate(cell, effect, rng, question.name)
                if options.peers:
                    seen = look(*case)
                    for peer, decide in PEERS.items():
                        tallies.setdefault(peer, Tally()).add(decide(seen))
                if judge is not None:
                    before = time.perf_counter()
                    tallies.setdefault(_OURS, Tally()).add(str(judge(*case)))
                    spent, runs = spent + time.perf_counter() - before, runs + 1
        print_cell(question, name, cell, results)
    return results, 1000 * spent / runs if runs else 0.0


def print_cell(question: Question, name: str, cell: Cell, results: Results) -> None:
    """Print FAIL and PASS of each method."""
    _say(f"{name} {cell}")
    _say("  method      " + " ".join(f"{effect:>13g}" for effect in question.effects) + "   (FAIL/PASS %)")
    for method in results[name, question.effects[0]]:
        shares = [results[name, effect][method] for effect in question.effects]
        _say(f"  {method:12s}" + " ".join(f"{t.percent('FAIL'):6.1f}/{t.percent('PASS'):6.1f}" for t in shares))


def summarise(question: Question, results: Results) -> dict[str, dict[str, float]]:
    """Condense the cells: worst and mean, the goals' numbers.

    Args:
        question: What was asked.
        results: Tallies by cell and effect.

    Returns:
        Numbers in percent by method.
    """
    names = [name for name in question.cells if (name, question.effects[0]) in results]
    easy = [name for name in names if not question.cells[name].note]
    fair = [name for name in names if question.cells[name].note != "hard"]
    rows: dict[str, dict[str, float]] = {}
    for method in results[names[0], question.effects[0]]:

        def shares(where: Sequence[str], effect: float, verdict: str, method: str = method) -> list[float]:
            return [results[name, effect][method].percent(verdict) for name in where] or [float("nan")]

        row = {}
        for effect in question.effects:
            if effect < question.boundary:
                row[f"FAIL at {effect:g}, worst"] = max(shares(names, effect, "FAIL"))
                row[f"FAIL at {effect:g}, worst main"] = max(shares(easy, effect, "FAIL"))
            elif effect > question.boundary:
                row[f"PASS at {effect:g}, worst"] = max(shares(names, effect, "PASS"))
                row[f"PASS at {effect:g}, worst but hard"] = max(shares(fair, effect, "PASS"))
                row[f"FAIL at {effect:g}, mean main"] = float(np.mean(shares(easy, effect, "FAIL")))
        for verdict in ("FAIL", "PASS"):
            at_boundary = shares(easy, question.boundary, verdict)
            row[f"{verdict} on the margin, mean main"] = float(np.mean(at_boundary))
            row[f"{verdict} on the margin, worst main"] = max(at_boundary)
        row["PASS at 0, mean main"] = float(np.mean(shares(easy, question.effects[0], "PASS")))
        rows[method] = row
    return rows


def print_summary(question: Question, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print the condensed table."""
    _say(f"\n== {question.name} (percent)")
    _say(" " * 36 + " ".join(f"{method:>11s}" for method in rows))
    for measure_name in next(iter(rows.values())):
        _say(f"  {measure_name:34s}" + " ".join(f"{row[measure_name]:11.1f}" for row in rows.values()))


def write_json(path: Path, found: Mapping[str, tuple[Results, Mapping[str, Mapping[str, float]]]]) -> None:
    """Write all tallies with their reasons."""
    document = {
        name: {
            "cells": {
                f"{cell}|{effect:g}": {method: dict(tally.reasons) for method, tally in tallies.items()}
                for (cell, effect), tallies in results.items()
            },
            "summary": rows,
        }
        for name, (results, rows) in found.items()
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Operating characteristics of a canary verdict.")
    parser.add_argument("--judge", default="tests.bench.verdict:fixed", help="module:function, or none")
    parser.add_argument("--n", type=int, default=100, help="runs for each cell, effect and seed")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[20261])
    parser.add_argument("--cells", type=lambda text: set(text.split(",")), default=set())
    parser.add_argument("--question", choices=("latency", "errors", "both"), default="both")
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    options = parse(arguments)
    judge: Judge | None = None
    if options.judge != "none":
        module, name = options.judge.split(":")
        judge = getattr(importlib.import_module(module), name)
    found = {}
    for question in QUESTIONS:
        cells = set(question.cells) & options.cells if options.cells else set(question.cells)
        if options.question not in {question.name, "both"} or not cells:
            continue
        results, milliseconds = measure(question, judge, options)
        rows = summarise(question, results)
        print_summary(question, rows)
        _say(f"  time of one verdict: {milliseconds:.1f} ms (mean)")
        found[question.name] = (results, rows)
    if options.json:
        write_json(options.json, found)


if __name__ == "__main__":
    main(sys.argv[1:])
