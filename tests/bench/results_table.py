"""The published table of the simulated canaries: goals, cells, reasons, drift and speed in Markdown.

Made from tallies; measuring belongs to `publish`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.cells import DRIFT, ERRORS, LATENCY, Cell, Question
from tests.bench.goals import GOALS, Goal
from tests.bench.peers import PEERS
from tests.bench.speed_bench import Speed
from tests.bench.tally import OURS, Results, condensed, held_by_cell, methods_of, pooled

WITH_HISTORY = "ours, history"
_GAP = "\n\n"
_HELD_GOAL = (90.0, 99.0)
_TITLES = {
    OURS: "**ours**",
    WITH_HISTORY: "**ours, with history**",
    "naive": "plain ratio",
    "flagger10": "Flagger",
    "argo3": "Argo",
    "kayenta": "Kayenta",
    "kayenta_1.1": "Kayenta 1.10",
    "iid_ztest": "i.i.d. test",
}
_METHODS = (OURS, WITH_HISTORY, *PEERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that the table is made of.

    Attributes:
        results: Tallies by question; ours with history under a method name of its own.
        speeds: Times of a verdict.
        before_after: Finished Markdown on comparisons of two windows.
        facts: Named facts of the run, for the head.
    """

    results: Mapping[str, Results]
    speeds: Sequence[Speed]
    before_after: str
    facts: Mapping[str, str]


def results_table(measured: Measured) -> str:
    """Write the whole document."""
    latency, errors = (condensed(q, measured.results[q.name]) for q in (LATENCY, ERRORS))
    rows = {"latency": latency, "errors": errors}
    held = _held(measured.results["latency"])
    parts = [
        _HEAD.format(facts="".join(f"- {name}: {text}\n" for name, text in measured.facts.items())),
        "\n## Goals\n\n", _misses(rows, held, measured.speeds), _goals(rows), held.text,
        "\n## Speed\n\n", _speed(measured.speeds),
        "\n## Drift\n\n", _DRIFT, _drift(measured.results["drift"]),
        "\n## Before and after\n\n", _BEFORE_AFTER, measured.before_after,
        "\n## Every cell\n\n", _CELLS, _cells(LATENCY, measured.results["latency"]),
        "\n", _cells(ERRORS, measured.results["errors"]),
        "\n## Reasons\n\n", _reasons(measured.results),
        "\n## What it does not show\n\n", _LIMITS,
    ]  # fmt: skip
    return "".join(parts)


def _goals(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    methods = [method for method in _METHODS if method in rows["latency"]]
    head = ["", "goal", *(_TITLES[method] for method in methods), "met"]
    lines = [
        [
            goal.question,
            f"{goal.says}, {goal.side} {goal.limit:g}",
            *(_number(goal.reached(rows[goal.question].get(method, {}))) for method in methods),
            _met(goal, rows[goal.question].get(OURS, {})),
        ]
        for goal in GOALS
    ]
    return _table(head, lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """How often the 95 % interval held the truth; `outside`: main cells with noise off the goal."""

    text: str
    outside: tuple[str, ...]


def _held(results: Results) -> _Held:
    lines, outside = [], []
    for method in (OURS, WITH_HISTORY):
        if method not in methods_of(results):
            continue
        found = held_by_cell(LATENCY, results, method)
        groups = {
            "main, with noise": _chosen(found, lambda cell: not cell.note and cell.noise == "od"),
            "main, independent": _chosen(found, lambda cell: not cell.note and cell.noise == "iid"),
            "low traffic": _chosen(found, lambda cell: cell.note == "low"),
            "coarse buckets": _chosen(found, lambda cell: cell.note == "coarse"),
            "hard": _chosen(found, lambda cell: cell.note == "hard"),
        }
        lines.append([_TITLES[method], *(_span(list(shares.values())) for shares in groups.values())])
        if method == OURS:
            noisy = groups["main, with noise"].items()
            outside = [f"{name} {share:.1f}" for name, share in noisy if not _HELD_GOAL[0] <= share <= _HELD_GOAL[1]]
    met = "met" if not outside else f"**not met** in {', '.join(outside)}"
    text = (
        "\nThe 95 % interval of the P95 change holds the true change in so many percent of the runs, worst to best "
        f"cell, all changes together (goal: 90 to 99 in main cells with noise: {met}):\n\n"
    )
    return _Held(text=text + _table(["", *groups], lines), outside=tuple(outside))


def _chosen(found: Mapping[str, float], wanted: Callable[[Cell], bool]) -> dict[str, float]:
    return {name: share for name, share in found.items() if wanted(LATENCY.cells[name]) and not np.isnan(share)}


def _span(shares: Sequence[float]) -> str:
    return f"{min(shares):.1f} to {max(shares):.1f}" if shares else "none given"


def _misses(rows: Mapping[str, Mapping[str, Mapping[str, float]]], held: _Held, speeds: Sequence[Speed]) -> str:
    measured = [(goal, rows[goal.question].get(OURS, {})) for goal in GOALS]
    measured = [(goal, row) for goal, row in measured if not np.isnan(goal.reached(row))]
    missed = [_miss(goal, row) for goal, row in measured if not goal.is_met(row)]
    missed += [f"95 % interval outside 90 to 99 %: {', '.join(held.outside)}"] if held.outside else []
    missed += [f"time, {speed.what}: {speed.ours_ms:.1f} ms" for speed in speeds if not speed.is_met]
    count = len(measured) + 1 + len(speeds)
    met = f"{count - len(missed)} of {count} measured goals are met without history."
    listed = "".join(f"- {text}\n" for text in missed)
    return f"{met} {f'**Missed:**{_GAP}{listed}' if missed else ''}\nPercent of runs:\n\n"


def _met(goal: Goal, row: Mapping[str, float]) -> str:
    if np.isnan(goal.reached(row)):
        return "not measured"
    return "yes" if goal.is_met(row) else "**no**"


def _miss(goal: Goal, row: Mapping[str, float]) -> str:
    return f"{goal.question}, {goal.says}: {_number(goal.reached(row))}, wanted {goal.side} {goal.limit:g}"


def _speed(speeds: Sequence[Speed]) -> str:
    lines = [
        [
            speed.what,
            f"{speed.ours_ms:.1f} ms",
            f"below {speed.goal_ms:g} ms",
            "yes" if speed.is_met else "**no**",
            f"{speed.naive_ms:.2f} ms ({speed.ours_ms / speed.naive_ms:.0f} times as long)",
            f"{speed.bootstrap_ms:.0f} ms ({speed.bootstrap_ms / speed.ours_ms:.1f} times as fast)",
        ]
        for speed in speeds
    ]
    return _table(["CPU time", "ours", "goal", "met", "plain ratio", "scipy's bootstrap of it"], lines)


def _drift(results: Results) -> str:
    lines = []
    for (name, effect), tallies in results.items():
        for method in (OURS, WITH_HISTORY):
            if method not in tallies:
                continue
            tally = tallies[method]
            late, failed = tally.percent("FAIL", holding="late"), tally.percent("FAIL")
            shares = [failed - late, late, tally.percent("PASS"), tally.percent("INCONCLUSIVE")]
            setting = _setting(DRIFT.cells[name])
            lines.append([name, setting, f"{100 * effect:+.0f} %", _TITLES[method], *map(_number, shares)])
    head = ["", "cell", "at the end", "", "FAIL, whole window", "FAIL, last third only", "PASS", "INCONCLUSIVE"]
    return _table(head, lines)


def _cells(question: Question, results: Results) -> str:
    unit = "times the margin" if question.name == "errors" else "of P95"
    head = [
        "",
        "cell",
        "",
        *(f"{effect:+.0%}" if question.name == "latency" else f"{effect:g}" for effect in question.effects),
    ]
    lines = []
    for name, cell in question.cells.items():
        for method in (OURS, WITH_HISTORY, "naive"):
            tallies = [results[name, effect].get(method) for effect in question.effects if (name, effect) in results]
            known = [tally for tally in tallies if tally is not None]
            if known:
                shares = [f"{_number(t.percent('FAIL'))} / {_number(t.percent('PASS'))}" for t in known]
                covered = pooled(known)
                lines.append([name, _setting(cell), _TITLES[method], *shares, _number(covered.held_percent)])
    return f"{question.name}, true change {unit}: FAIL / PASS\n\n" + _table([*head, "95 % interval holds"], lines)


def _setting(cell: Cell) -> str:
    usual = Cell()
    parts = [f"{cell.rps:g} rps", f"{cell.minutes:g} min", cell.noise]
    parts += [cell.layout] if cell.layout != usual.layout else []
    parts += [cell.shape] if cell.shape != usual.shape else []
    parts += [f"1:{cell.ratio:g}"] if cell.ratio != 1 else []
    parts += ["slow path only"] if cell.slow_path_only else []
    parts += [f"settling x{1 + cell.settling[0]:g}, {cell.settling[1]:g} s"] if cell.settling else []
    parts += [word for word in ("ramp", "mess") if getattr(cell, word)]
    usual_errors = cell.baseline_error_fraction == usual.baseline_error_fraction
    parts += [] if usual_errors else [f"errors {100 * cell.baseline_error_fraction:g} %"]
    return ", ".join([*parts, *([f"*{cell.note}*"] if cell.note else [])])


def _reasons(results: Mapping[str, Results]) -> str:
    lines = []
    for question in (LATENCY, ERRORS):
        total: Counter[str] = pooled(t[OURS] for t in results[question.name].values() if OURS in t).answers
        for answer, count in total.most_common():
            verdict, _, reason = answer.partition(":")
            lines.append([question.name, verdict, reason, f"{100 * count / total.total():.2f}"])
    return "All cells and changes together, ours without history.\n\n" + _table(
        ["", "verdict", "reason", "percent"], lines
    )


def _number(percent: float) -> str:
    if np.isnan(percent):
        return "none"
    return f"{percent:.2f}".rstrip("0").rstrip(".") if percent < 1 else f"{percent:.1f}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


_HEAD = """# The verdict on simulated canaries, beside others

Whoever judges a canary by a point estimate, by counting failed checks or by a test that takes requests as
independent is often wrong near the margin. This table measures how often, for our verdict and for simplified
re-implementations of what others do (`peers.py` says which, from which source, and what they were spared).
Real recordings, judged blind, are in [SOAK.md](SOAK.md).

{facts}
A canary is simulated with a known true change: Poisson traffic with a load that wanders, latencies from
lognormal mixtures, noise with a memory, part of it shared by the arms and part not; scrapes go missing and counters
reset in two cells. *Main* cells carry no note; *low* ones have too little traffic to decide, *coarse* ones
coarse buckets, *hard* ones noise of one arm whose memory is as long as the run. The margin is 10 % of P95, of errors
+0.5 points and +50 %; FAIL at 2.5 %, PASS at 5 %. Regimes of noise are judged, not fitted to production.

The rows measure the judges of latency and of errors by themselves, before Holm's correction over both. A verdict on
the whole canary applies it, which can turn a FAIL near the margin into INCONCLUSIVE.
"""
_DRIFT = """A canary that is as fast as its baseline at first and slower by so much at the end. The last third of the
window may only FAIL a canary that the whole window does not; windows below 30 minutes have no such rule.

"""
_BEFORE_AFTER = """Two windows of one service, one before a change and one after it: nothing that the load
or the hour did to both can cancel. Cells and methods are those of `before_after.py`.

"""
_CELLS = """Shares of FAIL / PASS in percent; the rest is INCONCLUSIVE. Length is after the warm-up of 2 minutes.

"""
_LIMITS = """- The peers are simplified, get clean increments and the warm-up cut off; Flagger and Argo are fed a ratio
  query, where their usual one is an absolute threshold.
- A difference that lasts for the whole run, such as one slow node under the canary, cannot be told from a change by
  any statistic within the run; the hard cells come close to it. A history of two arms of one version helps.
- Nominal levels are met about, not exactly; the rows "on the margin" say how far.
"""
