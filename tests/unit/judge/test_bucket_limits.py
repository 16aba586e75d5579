import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.bucket_limits import (
    bound_tests,
    bucket_ratio,
    guard_fraction,
    highest_ratio,
    lowest_ratio,
    p_ratio_above,
    suggested_bounds,
)
from reliability.judge.intervals import shared_intervals
from reliability.judge.quantile_ratio import arm_tails
from tests.unit.judge.simulated import COARSE_BOUNDS, known, simulated


@pytest.mark.parametrize(
    ("ratio", "guard"), [(1.0, 0.0), (1.1, 0.0), (1.25, 0.010), (1.5, 0.033), (2.0, 0.096), (2.5, 0.168)]
)
def test_the_guard_is_that_of_the_published_table(ratio, guard):
    assert guard_fraction(ratio) == pytest.approx(guard, abs=0.0005)


@given(ratio=st.floats(1, 20), more=st.floats(0, 5))
def test_wider_buckets_never_have_a_smaller_guard(ratio, more):
    assert guard_fraction(ratio) <= guard_fraction(ratio + more)


@given(step=st.integers(0, 80))
def test_a_ladder_of_one_point_one_needs_no_guard(step):
    low = 0.004 * 1.1**step

    assert guard_fraction(bucket_ratio((low, 0.004 * 1.1 ** (step + 1)))) == 0


def test_the_first_and_the_last_bucket_have_no_ratio():
    assert math.isinf(bucket_ratio((0.0, 0.005)))
    assert math.isinf(bucket_ratio((10.0, math.inf)))
    assert math.isinf(guard_fraction(math.inf))


@given(quantile=st.floats(1e-3, 100))
def test_suggested_bounds_surround_the_quantile_finely(quantile):
    bounds = suggested_bounds(quantile)

    assert bounds[0] < quantile < bounds[-1]
    assert all(high / low < 1.12 for low, high in itertools.pairwise(bounds))


def both_arms(counts):
    shared = shared_intervals(counts, by_histogram=True)
    return [bound_tests(arm, slower_share=0.05) for arm in known(arm_tails(shared, counts.upper_bounds_seconds))]


@pytest.mark.parametrize("increase", [-0.4, 0.0, 0.3, 2.0])
def test_limits_by_the_bounds_hold_the_truth(increase):
    for seed in range(10):
        baseline, canary = both_arms(simulated(seed, increase=increase, scrapes=40, bounds=COARSE_BOUNDS))

        lowest = lowest_ratio(baseline, canary, alpha=0.05)
        highest = highest_ratio(baseline, canary, alpha=0.05)

        assert lowest is not None
        assert highest is not None
        assert lowest <= 1 + increase <= highest


@given(ratio=st.floats(1.0, 3.0))
def test_the_p_value_by_the_bounds_grows_with_the_ratio(ratio):
    baseline, canary = both_arms(simulated(1, increase=1.5, scrapes=20, bounds=COARSE_BOUNDS))

    assert p_ratio_above(baseline, canary, ratio=ratio) <= p_ratio_above(baseline, canary, ratio=ratio * 1.2)


def test_the_zero_edge_is_always_exceeded_and_infinity_never():
    baseline, _ = both_arms(simulated(2, scrapes=20))

    assert baseline.p_beyond[0] == 0
    assert baseline.p_within[-1] == 0
    assert np.all((baseline.p_beyond >= 0) & (baseline.p_beyond <= 1))
