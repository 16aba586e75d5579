"""Measures everything that is published about the verdict and writes tests/bench/RESULTS.md.

Run from the root of the project (long; it goes on where it stopped):

    python -m tests.bench.publish --n 200 --seeds 1,2,3,4,5 --history-n 20 --peers-n 40 --jobs 2

The folder keeps tallies by cell and seed. Those of the peers serve again; ours only as long as the judges' code
is the same. `--only-table` writes the table from what is there.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from reliability.atomic import write_text_whole
from reliability.clock import SystemClock
from tests.bench import before_after, speed_bench, verdict_bench
from tests.bench.cells import DRIFT, ERRORS, LATENCY, QUESTIONS, Question
from tests.bench.results_table import WITH_HISTORY, Measured, results_table
from tests.bench.speed_bench import Speed
from tests.bench.tally import OURS, Results, Tally
from tests.bench.verdict_bench import NO_JUDGE, Plan

_TABLE = Path(__file__).with_name("RESULTS.md")
_LIST_JUDGES = (
    "import sys, tests.bench.verdict; "
    "print(*sorted(m.__file__ for name, m in sys.modules.items() if name.startswith('reliability.judge.')), sep='\\n')"
)
_HISTORY_MINUTES = 360.0
_SPEED_ROUNDS = 15
_WHOLE = 1000  # runs for each cell and change
_SIZES = ("n", "history-n", "peers-n", "before-n")
_COUNTED = {OURS: "of ours", WITH_HISTORY: "with a history", "naive": "of the others"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One sort of run, kept in files of its own.

    Attributes:
        name: Beginning of the files' names.
        plan: What is run; the seeds are put in.
        questions: Names of the questions.
        renamed: Name of our method in the table.
    """

    name: str
    plan: Plan
    questions: tuple[str, ...]
    renamed: str = OURS

    def path(self, folder: Path, cell: str, seed: int) -> Path:
        """Return the file of one cell and seed."""
        return folder / f"{self.name}-n{self.plan.n}" / f"{cell}-seed{seed}.json"

    def parts(self, seeds: Sequence[int]) -> list[tuple[Question, str, int]]:
        """Return question, cell and seed of every file, seed by seed."""
        asked = [question for question in QUESTIONS if question.name in self.questions]
        return [(question, cell, seed) for seed in seeds for question in asked for cell in question.cells]


def kinds(*, n: int, history_n: int, peers_n: int, jobs: int) -> tuple[Kind, ...]:
    """Return the runs that are published."""
    code = code_digest()
    every = (LATENCY.name, ERRORS.name, DRIFT.name)
    ours = Plan(n=n, peers=False, jobs=jobs)
    known = Plan(n=history_n, peers=False, jobs=jobs, history_minutes=_HISTORY_MINUTES)
    return (
        Kind(name=f"ours-{code}", plan=ours, questions=every),
        Kind(name=f"history-{code}", plan=known, questions=every, renamed=WITH_HISTORY),
        Kind(name="peers", plan=Plan(judge=NO_JUDGE, n=peers_n, jobs=jobs), questions=every[:2]),
    )


def code_digest() -> str:
    """Return a short name of the code that judges, as it is now: all judges that `verdict` imports."""
    command = [sys.executable, "-c", _LIST_JUDGES]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    digest = hashlib.sha256()
    for path in map(Path, listed):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def measure(kind: Kind, folder: Path, seeds: Sequence[int]) -> None:
    """Run the cells and seeds of a kind that are not there yet."""
    for question, cell, seed in kind.parts(seeds):
        path = kind.path(folder, cell, seed)
        if path.exists():
            continue
        plan = replace(kind.plan, seeds=(seed,), cells=frozenset({cell}))
        document = verdict_bench.to_json({question.name: verdict_bench.measure(question, plan)}, plan)
        write_text_whole(path, json.dumps(document, indent=1) + "\n")


def read(chosen: Sequence[Kind], folder: Path, seeds: Sequence[int]) -> dict[str, Results]:
    """Pool what was measured, by question."""
    results: dict[str, Results] = {question.name: {} for question in QUESTIONS}
    for kind in chosen:
        for question, cell, seed in kind.parts(seeds):
            path = kind.path(folder, cell, seed)
            if path.exists():
                document = json.loads(path.read_text(encoding="utf-8"))
                _add(results[question.name], document["tallies"][question.name], renamed=kind.renamed)
    return results


def _add(results: Results, cells: dict[str, Any], *, renamed: str) -> None:
    for key, methods in cells.items():
        cell, _, effect = key.partition("|")
        found = results.setdefault((cell, float(effect)), {})
        for method, fields in methods.items():
            name = renamed if method == OURS else method
            found.setdefault(name, Tally()).merge(Tally.of_json(fields))


def speeds(folder: Path) -> list[Speed]:
    """Time a verdict, once for each state of the code."""
    path = folder / f"speed-{code_digest()}.json"
    if not path.exists():
        path.write_text(json.dumps([asdict(speed) for speed in speed_bench.measure(_SPEED_ROUNDS)]), encoding="utf-8")
    return [Speed(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def two_windows(folder: Path, *, n: int, seeds: Sequence[int], jobs: int) -> str:
    """Return the section on two windows, measured once for each state of the code."""
    path = folder / f"before-after-{code_digest()}-n{n}-seeds{'_'.join(map(str, seeds))}.md"
    if not path.exists():
        lines = before_after.markdown(before_after.measure(n=n, seeds=seeds, jobs=jobs))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"{n * len(seeds)} runs for each cell and change.\n\n{path.read_text(encoding='utf-8')}"


def facts(options: argparse.Namespace, results: dict[str, Results]) -> dict[str, str]:
    """Return what a reader needs to make the table again."""
    command = ["git", "rev-parse", "--short=10", "HEAD"]
    commit = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip() or "unknown"
    seeds = ",".join(str(seed) for seed in options.seeds)
    everywhere = [tallies for found in results.values() for tallies in found.values()]
    counts = {name: max((t[name].answers.total() for t in everywhere if name in t), default=0) for name in _COUNTED}
    runs = ", ".join(f"{counts[method]:,} {words}" for method, words in _COUNTED.items() if counts[method])
    sizes = " ".join(f"--{name} {vars(options)[name.replace('-', '_')]}" for name in _SIZES)
    pooled = options.n * len(options.seeds)
    few = (
        f"few runs so far: a share of 5 % is known to {_points(pooled):.0f} points; `make bench-table` makes the whole"
    )
    return {
        "state": "complete" if pooled >= _WHOLE else few,
        "command": f"`python -m tests.bench.publish {sizes} --seeds {seeds}`",
        "runs for each cell and change": f"{runs}; seeds pooled. Drawing histories and asking the peers takes long",
        "not measured": ", ".join(_unmeasured(results)) or "nothing",
        "machine": f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.0f} while the table was written",
        "history": f"{_HISTORY_MINUTES:g} minutes of two arms of one version, with the noise of the run",
        "made": f"{SystemClock().now():%Y-%m-%d}, commit {commit}, judges {code_digest()}",
        "versions": f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}",
    }


def _points(runs: int) -> float:
    """Return two standard errors of a share of 5 %, in points."""
    return float(200 * np.sqrt(0.05 * 0.95 / runs))


def _unmeasured(results: dict[str, Results]) -> list[str]:
    """Name the cells in which ours was not run."""
    return [
        cell
        for question in QUESTIONS
        for cell in question.cells
        if any(OURS not in results[question.name].get((cell, effect), {}) for effect in question.effects)
    ]


def main(arguments: Sequence[str]) -> None:
    """Measure what is missing and write the table."""
    parser = argparse.ArgumentParser(description="The published table of the verdict.")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seeds", type=lambda text: tuple(map(int, text.split(","))), default=(1, 2, 3, 4, 5))
    parser.add_argument("--history-n", type=int, default=20, help="runs with a history, a seed")
    parser.add_argument("--peers-n", type=int, default=40, help="runs of the peers, a seed")
    parser.add_argument("--before-n", type=int, default=40, help="runs of two windows, a seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("outputs/bench"))
    parser.add_argument("--only", choices=("ours", "history", "peers"), help="measure this part and write no table")
    parser.add_argument("--only-table", action="store_true")
    parser.add_argument("--table", type=Path, default=_TABLE)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    parts = kinds(n=options.n, history_n=options.history_n, peers_n=options.peers_n, jobs=options.jobs)
    chosen = [kind for kind in parts if not options.only or kind.name.startswith(options.only)]
    if not options.only_table:
        for kind in chosen:
            measure(kind, options.out, options.seeds)
    if options.only:
        return
    results = read(chosen, options.out, options.seeds)
    measured = Measured(
        results=results,
        speeds=speeds(options.out),
        before_after=two_windows(options.out, n=options.before_n, seeds=options.seeds, jobs=options.jobs),
        facts=facts(options, results),
    )
    options.table.write_text(results_table(measured), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
