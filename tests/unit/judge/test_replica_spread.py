from collections.abc import Sequence

import numpy as np
import pytest

from reliability.judge.counts import ArmCounts, FloatArray, PairedCounts
from reliability.judge.data_health import share_error_fraction
from reliability.judge.replica_spread import OddReplica, odd_replicas
from tests.bench.cells import ERROR_CELLS, LATENCY_CELLS, SCRAPE_SECONDS, WARMUP_SECONDS, Cell
from tests.bench.generator import simulate

BOUNDS = np.append(0.02 * 1.1 ** np.arange(50), np.inf)
INTERVALS = 120


def drawn(slower: Sequence[float], failing: Sequence[float], *, requests: int = 100) -> tuple[OddReplica, ...]:
    """Draw one replica for each pair of slowness and error rate."""
    chance = np.random.default_rng(7)
    counts = chance.poisson(requests, (len(slower), INTERVALS)).astype(float)
    buckets = np.array([
        [np.searchsorted(np.sort(0.08 * factor * chance.lognormal(0, 0.6, int(n))), BOUNDS, side="right") for n in row]
        for factor, row in zip(slower, counts, strict=True)
    ]).astype(float)  # fmt: skip
    errors = np.array([chance.binomial(row.astype(int), rate) for rate, row in zip(failing, counts, strict=True)])
    return odd_replicas(
        [f"r{number}" for number in range(len(slower))],
        bounds_seconds=BOUNDS,
        bucket_counts=buckets,
        counted_requests=counts,
        errors=errors.astype(float),
    )


def test_equal_replicas_do_not_differ():
    assert drawn([1, 1, 1, 1], [0.01] * 4) == ()


@pytest.mark.parametrize("change", [0.5, 1.3, 2.0])
def test_a_replica_that_is_slower_or_faster_is_named_with_about_its_change(change: float):
    found = drawn([1, 1, change, 1], [0.01] * 4)

    odd = min(found, key=lambda one: one.p_value_fraction)
    assert (odd.instance, odd.measure) == ("r2", "latency")
    assert odd.difference_fraction == pytest.approx(change - 1, rel=0.15)


def test_a_replica_that_fails_more_often_is_named():
    found = drawn([1, 1, 1], [0.01, 0.05, 0.01])

    odd = min(found, key=lambda one: one.p_value_fraction)
    assert (odd.instance, odd.measure) == ("r1", "errors")
    assert odd.difference_fraction == pytest.approx(0.04, abs=0.01)
    assert odd.sibling_fraction == pytest.approx(0.01, abs=0.005)


def test_of_two_replicas_the_difference_is_told_once():
    assert [one.instance for one in drawn([1, 2], [0, 0])] == ["r0"]


def test_one_replica_has_no_siblings_and_few_requests_tell_nothing():
    assert drawn([1], [0.5]) == ()
    assert drawn([1, 3], [0, 0.05], requests=1) == ()


def test_a_replica_whose_siblings_are_never_slow_has_a_finite_change():
    (odd,) = [one for one in drawn([0.01, 3], [0, 0]) if one.measure == "latency"]

    assert np.isfinite(odd.difference_fraction)


@pytest.mark.parametrize(("question", "cell"), [("latency", LATENCY_CELLS["A3"]), ("errors", ERROR_CELLS["B3"])])
def test_noise_with_a_memory_is_no_difference(question: str, cell: Cell):
    head = int(WARMUP_SECONDS / SCRAPE_SECONDS)

    for run in range(10):
        arms = simulate(cell, 0.0, np.random.default_rng([11, run]), question)[:2]
        gains: list[FloatArray] = [np.array([np.diff(arm[name], axis=0)[head:] for arm in arms]) for name in
                                   ("buckets", "requests", "errors")]  # fmt: skip
        found = odd_replicas(
            ["a", "b"], bounds_seconds=arms[0]["le"], bucket_counts=gains[0], counted_requests=gains[1], errors=gains[2]
        )
        assert found == ()


def test_the_error_of_the_split_is_that_of_coin_throws_when_nothing_else_moves_it():
    chance = np.random.default_rng(3)
    baseline, canary = chance.poisson(90, 400).astype(float), chance.poisson(10, 400).astype(float)

    error = share_error_fraction(paired(baseline, canary))

    assert error == pytest.approx(np.sqrt(0.1 * 0.9 / (100 * 400)), rel=0.5)


def test_a_split_that_grows_has_a_large_error_and_a_short_run_none():
    ramp = np.linspace(5, 50, 100)

    assert (share_error_fraction(paired(100 - ramp, ramp)) or 0) > 0.03
    assert share_error_fraction(paired(100 - ramp[:7], ramp[:7])) is None


def paired(baseline: FloatArray, canary: FloatArray) -> PairedCounts:
    arms = [
        ArmCounts(
            bucket_counts=requests[:, None],
            requests=requests,
            errors=np.zeros_like(requests),
            latency_sum_seconds=np.full_like(requests, np.nan),
        )
        for requests in (baseline, canary)
    ]
    return PairedCounts(
        edges_seconds=np.arange(baseline.size + 1) * np.float64(15.0),
        upper_bounds_seconds=np.array([np.inf]),
        baseline=arms[0],
        canary=arms[1],
        scrape_interval_seconds=15.0,
    )
