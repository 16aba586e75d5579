import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from reliability.judge.planning import requests_for_errors, requests_for_latency

CRITICAL = -float(ndtri(0.05))


def latency_plan(sigma, *, ratio=1.0, margin=0.10, noise=1.0):
    return requests_for_latency(
        log_distance=math.log1p(margin),
        tail_index=2.063 / sigma,
        traffic_ratio=ratio,
        critical=CRITICAL,
        noise_factor=noise,
    )


@pytest.mark.parametrize(
    ("sigma", "ratio", "requests"), [(0.3, 1, 758), (0.6, 1, 3032), (1.0, 1, 8421), (0.6, 19, 1596)]
)
def test_latency_plans_are_those_of_the_published_table(sigma, ratio, requests):
    assert latency_plan(sigma, ratio=ratio) == pytest.approx(requests, rel=0.01)


@given(margin=st.floats(0.01, 0.5), sigma=st.floats(0.2, 1.0), noise=st.floats(1, 20))
def test_a_smaller_margin_or_more_noise_needs_more_requests(margin, sigma, noise):
    assert latency_plan(sigma, margin=margin) > latency_plan(sigma, margin=1.1 * margin)
    assert latency_plan(sigma, noise=noise) == pytest.approx(noise * latency_plan(sigma))


@pytest.mark.parametrize(
    ("fraction", "margin", "requests"), [(0.005, 0.005, 4316), (0.0, 0.005, 538), (0.05, 0.025, 1467)]
)
def test_error_plans_are_those_of_the_published_table(fraction, margin, requests):
    plan = requests_for_errors(
        baseline_fraction=fraction,
        canary_fraction=fraction,
        margin_fraction=margin,
        traffic_ratio=1.0,
        critical=CRITICAL,
    )

    assert plan == pytest.approx(requests, rel=0.01)


def test_a_canary_on_its_margin_is_never_decided():
    plan = requests_for_errors(
        baseline_fraction=0.01,
        canary_fraction=0.015,
        margin_fraction=0.005,
        traffic_ratio=1.0,
        critical=CRITICAL,
    )

    assert plan == math.inf
