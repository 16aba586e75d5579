import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.staging.service_model import (
    BUCKET_BOUNDS_SECONDS,
    RESERVE,
    ROUTES,
    Behaviour,
    model_quantile_seconds,
    survival,
)


def behaviour(*, seed=7, delay_factor=1.0, error_fraction=0.0):
    return Behaviour(seed=seed, delay_factor=delay_factor, error_fraction=error_fraction)


@given(q=st.floats(0.01, 0.999))
def test_the_quantile_leaves_its_share_above_it(q):
    assert survival(model_quantile_seconds(q)) == pytest.approx(1 - q, rel=1e-6)


@given(seed=st.integers(0, 2**32), factor=st.floats(1.0, 3.0))
def test_a_delay_multiplies_every_wait_and_changes_nothing_else(seed, factor):
    plain = behaviour(seed=seed, error_fraction=0.3)
    delayed = behaviour(seed=seed, error_fraction=0.3, delay_factor=factor)

    for _ in range(20):
        before, after = plain.draw(RESERVE), delayed.draw(RESERVE)

        assert after.wait_seconds == pytest.approx(before.wait_seconds * factor)
        assert after.fails == before.fails


def test_waits_are_lognormal_with_the_median_of_the_route():
    drawn = behaviour(seed=3)
    waits = [drawn.draw(RESERVE).wait_seconds for _ in range(20_000)]

    logs = [math.log(wait / RESERVE.median_seconds) / RESERVE.sigma for wait in waits]

    assert sum(logs) / len(logs) == pytest.approx(0, abs=0.03)
    assert sum(x * x for x in logs) / len(logs) == pytest.approx(1, abs=0.05)


def test_failures_have_the_share_that_was_asked_for():
    drawn = behaviour(seed=5, error_fraction=0.03)

    failures = sum(drawn.draw(RESERVE).fails for _ in range(20_000))

    assert failures / 20_000 == pytest.approx(0.03, abs=0.005)


def test_the_routes_share_out_all_traffic():
    assert sum(route.weight for route in ROUTES) == pytest.approx(1)


@pytest.mark.parametrize("factor", [1.0, 1.03, 1.1, 1.25], ids=["baseline", "pass", "margin", "fail"])
def test_buckets_are_at_most_ten_percent_wide_where_a_p95_may_lie(factor):
    p95_seconds = model_quantile_seconds(0.95) * factor
    pairs = list(itertools.pairwise(BUCKET_BOUNDS_SECONDS))

    low, high = next((low, high) for low, high in pairs if low < p95_seconds <= high)

    assert high / low <= 1.10


def test_bucket_bounds_increase_and_stay_few():
    assert list(BUCKET_BOUNDS_SECONDS) == sorted(set(BUCKET_BOUNDS_SECONDS))
    assert 20 <= len(BUCKET_BOUNDS_SECONDS) <= 28
