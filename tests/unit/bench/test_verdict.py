from dataclasses import replace

import numpy as np
import pytest

from tests.bench.cells import DRIFT, ERRORS, LATENCY, LATENCY_CELLS, Cell
from tests.bench.generator import simulate
from tests.bench.tally import OURS, Columns, Tally, condensed
from tests.bench.verdict import answer, fixed
from tests.bench.verdict_bench import Plan, measure

SHORT = Cell(noise="iid", minutes=10)


def judged(effect, *, cell=SHORT, question="latency", **options):
    return fixed(*simulate(cell, effect, np.random.default_rng(7), question, **options))


@pytest.mark.parametrize(
    ("cell", "effect", "question", "said"),
    [
        (SHORT, 0.0, "latency", "PASS:inside-budget"),
        (SHORT, 0.5, "latency", "FAIL:over-budget"),
        (SHORT, 0.10, "latency", "INCONCLUSIVE:not-enough-evidence"),
        (replace(SHORT, rps=0.2), 0.0, "latency", "INCONCLUSIVE:too-few-requests"),
        (replace(SHORT, layout="prom"), 0.0, "latency", "INCONCLUSIVE:buckets-too-coarse, bounds named"),
        (replace(SHORT, rps=0.0), 0.0, "latency", "NO_DATA:no-traffic"),
        (SHORT, 0.0, "errors", "PASS:inside-budget"),
        (SHORT, 4.0, "errors", "FAIL:over-budget"),
        (replace(SHORT, rps=0.5), 1.0, "errors", "INCONCLUSIVE:not-enough-evidence"),
    ],
)
def test_the_bench_hears_every_verdict_with_its_reason(cell, effect, question, said):
    assert judged(effect, cell=cell, question=question) == said


def test_a_history_is_drawn_apart_from_the_canary_that_is_judged():
    plain, known = (
        simulate(SHORT, 0.1, np.random.default_rng(3), "latency", history_minutes=minutes) for minutes in (0.0, 60.0)
    )

    assert "history" not in plain[2]
    assert known[2]["history"][0]["timestamps"].size == 241
    assert all(np.array_equal(plain[arm][name], known[arm][name]) for arm in (0, 1) for name in plain[arm])


def test_a_history_of_quiet_arms_narrows_no_and_of_noisy_arms_widens_the_interval():
    quiet = simulate(SHORT, 0.1, np.random.default_rng(5), "latency")
    noisy = simulate(replace(SHORT, noise="hard"), 0.0, np.random.default_rng(6), "latency", history_minutes=120.0)
    with_noise = {**quiet[2], "history": noisy[2]["history"]}

    narrow, wide = (answer(*quiet[:2], settings).interval for settings in (quiet[2], with_noise))

    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > narrow[1] - narrow[0]


def test_a_drifting_canary_is_as_slow_as_named_at_its_end_only():
    baseline, canary, _ = simulate(replace(SHORT, rps=2000.0, drifting=True), 0.5, np.random.default_rng(4), "latency")

    means = [np.diff(arm["sum"]) / np.diff(arm["requests"]) for arm in (baseline, canary)]
    rise = means[1] / means[0] - 1

    assert rise[0] == pytest.approx(0.0, abs=0.03)
    assert rise[-1] == pytest.approx(0.5, abs=0.05)


def test_a_part_gives_the_same_numbers_whatever_ran_before_it_so_processes_may_share_the_parts():
    plan = Plan(n=1, seeds=(1,), peers=False, cells=frozenset({"A2"}))

    alone, after = (measure(LATENCY, replace(plan, cells=plan.cells | others)) for others in (set(), {"A9"}))

    assert all(after[key][OURS].answers == tallies[OURS].answers for key, tallies in alone.items())
    assert len(after) == 2 * len(alone)


def test_worst_and_mean_leave_out_the_cells_that_carry_a_note():
    shares = {"A1": 10, "A2": 30, "A8": 80, "A24": 90}
    results = {}
    for cell, fails in shares.items():
        for effect in LATENCY.effects:
            tally = Tally()
            for number in range(100):
                tally.add("FAIL:x" if number < fails else "PASS:y")
            results[cell, effect] = {OURS: tally}

    row = condensed(LATENCY, results)[OURS]

    assert row["FAIL on the margin, mean main"] == pytest.approx(20)
    assert row["FAIL at 0, worst main"] == pytest.approx(30)
    assert row["FAIL at 0, worst but hard"] == pytest.approx(80)
    assert row["FAIL at 0, worst"] == pytest.approx(90)
    assert Columns(LATENCY, results, OURS).worst([], 0.0, "FAIL") != row["FAIL at 0, worst"]


def test_every_cell_has_a_number_of_its_own_in_the_seeds():
    streams = [q.stream + number for q in (LATENCY, ERRORS, DRIFT) for number in range(len(q.cells))]

    assert len(streams) == len(set(streams))
    assert len(LATENCY_CELLS) == 25
