import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.settling import settling_cut

SECONDS, MARGIN = np.full(120, 15.0), math.log(1.1)


def cut(log_ratios):
    return settling_cut(log_ratios, np.full(120, 1 / 120), SECONDS, margin=MARGIN)


def noise(seed, sd=0.03):
    return sd * np.random.default_rng(seed).standard_normal(120)


@given(seed=st.integers(0, 10**6), level=st.floats(-1, 1))
def test_a_level_canary_loses_nothing(seed, level):
    assert cut(level + noise(seed)) == 0


@given(seed=st.integers(0, 10**6), amplitude=st.floats(1.5, 3.0))
def test_a_decaying_head_is_cut_and_never_more_than_half(seed, amplitude):
    decay = amplitude * np.exp(-np.arange(120) * 15 / 120)

    found = cut(decay + noise(seed))

    assert 8 <= found <= 60


@given(seed=st.integers(0, 10**6), amplitude=st.floats(0.5, 3.0))
def test_a_canary_that_starts_fast_is_not_helped(seed, amplitude):
    assert cut(noise(seed) - amplitude * np.exp(-np.arange(120) * 15 / 120)) == 0


@given(seed=st.integers(0, 10**6), minutes=st.integers(4, 14))
def test_a_level_slow_stretch_at_the_start_is_judged_not_cut(seed, minutes):
    assert cut(np.where(np.arange(120) < 4 * minutes, 0.5, 0.0) + noise(seed)) == 0


def test_a_disturbance_after_a_calm_start_is_not_settling():
    t = np.arange(120)

    assert cut(np.where((t >= 32) & (t < 56), 1.0, 0.0) + noise(1)) == 0


@pytest.mark.parametrize("count", [1, 8, 28])
def test_seven_minutes_are_too_short_to_tell(count):
    short = np.exp(-np.arange(count) / 4.0)

    assert settling_cut(short, np.full(count, 1 / count), np.full(count, 15.0), margin=MARGIN) == 0


def test_a_perfectly_still_canary_is_no_trouble():
    assert cut(np.zeros(120)) == 0
