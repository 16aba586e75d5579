import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.inversion import crossing
from reliability.judge.long_run import (
    MIN_INTERVAL_COUNT,
    cosine_count,
    cosines,
    critical_value,
    sum_variance,
    upper_tail,
)


@given(count=st.integers(MIN_INTERVAL_COUNT, 5000))
def test_there_are_at_least_five_cosines_and_two_fewer_than_intervals(count):
    assert 5 <= cosine_count(count) <= count - 2


@given(count=st.integers(MIN_INTERVAL_COUNT, 300))
def test_cosines_have_mean_zero_and_mean_square_one(count):
    basis = cosines(count)

    assert np.allclose(basis.mean(axis=1), 0, atol=1e-9)
    assert np.allclose((basis**2).mean(axis=1), 1)


@given(level=st.floats(-1e3, 1e3), factor=st.floats(-10, 10))
def test_a_constant_adds_no_variance_and_a_factor_enters_squared(level, factor):
    series = np.random.default_rng(1).standard_normal(50)

    assert sum_variance(level + series) == pytest.approx(sum_variance(series), rel=1e-6)
    assert sum_variance(factor * series) == pytest.approx(factor**2 * sum_variance(series), rel=1e-9, abs=1e-12)


def test_independent_terms_have_the_variance_of_their_number():
    rng = np.random.default_rng(2)

    estimates = [sum_variance(rng.standard_normal(120)) for _ in range(400)]

    assert np.mean(estimates) == pytest.approx(120, rel=0.06)


def test_terms_with_a_memory_have_more():
    rng = np.random.default_rng(3)

    def remembered():
        steps = rng.standard_normal(400)
        series = np.zeros(400)
        for t in range(1, 400):
            series[t] = 0.7 * series[t - 1] + steps[t]
        return series

    estimates = [sum_variance(remembered()) for _ in range(200)]

    assert np.mean(estimates) == pytest.approx(400 / 0.3**2, rel=0.15)  # independent terms would give 400 / 0.51


@given(alpha=st.floats(1e-4, 0.4), degrees=st.integers(3, 60))
def test_the_critical_value_is_exceeded_with_its_probability(alpha, degrees):
    assert upper_tail(critical_value(alpha, degrees=degrees), degrees=degrees) == pytest.approx(alpha, rel=1e-6)


@given(root=st.floats(-0.9, 0.9), start=st.floats(-0.9, 0.9), step=st.floats(0.001, 0.5))
def test_the_crossing_is_found_from_either_side(root, start, step):
    found = crossing(lambda x: root - x, 0.0, start=start, step=step, low=-1, high=1)

    assert found == pytest.approx(root, abs=1e-6)


@given(root=st.floats(-0.9, 0.9), start=st.floats(-0.9, 0.9))
def test_the_crossing_lies_on_the_side_that_the_statistic_says(root, start):
    found = crossing(lambda x: root - x, 0.0, start=start, step=0.01, low=-1, high=1)

    assert (found > start) == (root > start) or found == start


def test_a_statistic_that_never_crosses_has_no_crossing():
    assert crossing(lambda _: 1.0, 0.0, start=0.0, step=0.1, low=-1, high=1) is None
    assert crossing(lambda _: -1.0, 0.0, start=0.0, step=0.1, low=-1, high=1) is None
