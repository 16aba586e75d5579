import numpy as np
import pytest

from reliability.judge.load import compare_load
from tests.bench.before_after import METHODS, markdown, ours, tally
from tests.bench.before_after_series import CELLS, draw
from tests.bench.peers import linear_quantile


def drawn(cell, **change):
    return draw(CELLS[cell], np.random.default_rng(5), **change)


@pytest.mark.parametrize("slower", [0.0, 0.2])
def test_the_later_window_is_slower_by_the_true_change(slower):
    counts = drawn("C1", slower=slower)

    before, after = (
        linear_quantile(arm.bucket_counts.sum(0), arm.requests.sum(), counts.upper_bounds_seconds)
        for arm in (counts.baseline.total, counts.canary.total)
    )

    assert after / before == pytest.approx(1 + slower, rel=0.02)


def test_two_routes_together_fail_as_often_as_one():
    counts = drawn("C9", failing=2.0)
    before, after = (arm.errors.sum() / arm.requests.sum() for arm in (counts.baseline.total, counts.canary.total))

    assert before == pytest.approx(0.005, rel=0.2)
    assert after == pytest.approx(0.015, rel=0.2)
    assert sum(r.requests.sum() for r in counts.canary.routes.values()) == counts.canary.total.requests.sum()


@pytest.mark.parametrize(
    ("cell", "slower", "said"),
    [("C1", 0.0, "PASS"), ("C1", 0.5, "FAIL"), ("C1", 0.1, "INCONCLUSIVE"), ("C12", 0.5, "INCONCLUSIVE")],
)
def test_ours_answers_each_way(cell, slower, said):
    assert ours(drawn(cell, slower=slower), "latency") == said


def test_another_load_and_another_mix_are_seen_where_they_are():
    assert [check.reason for check in compare_load(drawn("C12")).checks] == ["load-differs", "mix-not-known"]
    assert [check.reason for check in compare_load(drawn("C10")).checks] == ["load-alike", "mix-differs"]
    assert [check.reason for check in compare_load(drawn("C9")).checks] == ["load-alike", "mix-alike"]


def test_the_table_has_a_row_for_each_method():
    tasks = [("errors", "C1", effect) for effect in (0.0, 0.5, 1.0, 2.0, 4.0)]
    lines = markdown(dict(tally(task, n=1, seeds=(1,)) for task in tasks))

    rows = [line for line in lines if line.startswith("| C1: independent requests | ours |")]
    assert rows[0].count(" / ") == 5
    assert all(any(f"| {method} |" in line for line in lines) for method in METHODS)
