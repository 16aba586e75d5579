import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.staging.arrivals import poisson_arrivals
from reliability.staging.service_model import ROUTES


def arrivals(*, seed=1, requests_per_second=36.0, seconds=10.0):
    return list(poisson_arrivals(seed=seed, requests_per_second=requests_per_second, seconds=seconds))


@given(seed=st.integers(0, 2**32), rate=st.floats(0.1, 100), seconds=st.floats(0.1, 20))
def test_arrivals_come_in_order_and_before_the_end(seed, rate, seconds):
    offsets = [a.offset_seconds for a in arrivals(seed=seed, requests_per_second=rate, seconds=seconds)]

    assert offsets == sorted(offsets)
    assert all(0 <= offset < seconds for offset in offsets)


@given(seed=st.integers(0, 2**32))
def test_a_seed_gives_the_same_arrivals_again(seed):
    assert arrivals(seed=seed) == arrivals(seed=seed)


def test_gaps_are_exponential_with_the_mean_of_the_rate():
    offsets = [a.offset_seconds for a in arrivals(seed=2, requests_per_second=50, seconds=400)]
    gaps = [after - before for before, after in itertools.pairwise(offsets)]

    mean = sum(gaps) / len(gaps)
    longer = sum(gap > 1 / 50 for gap in gaps) / len(gaps)

    assert mean == pytest.approx(1 / 50, rel=0.03)
    assert longer == pytest.approx(math.exp(-1), abs=0.015)


def test_routes_come_in_the_mix_of_the_model():
    drawn = arrivals(seed=3, requests_per_second=50, seconds=400)

    for route in ROUTES:
        share = sum(a.route is route for a in drawn) / len(drawn)
        assert share == pytest.approx(route.weight, abs=0.015)
        assert all(a.target.startswith(f"{route.path}?") for a in drawn if a.route is route)


def test_no_traffic_means_no_arrival():
    assert arrivals(requests_per_second=0) == []
