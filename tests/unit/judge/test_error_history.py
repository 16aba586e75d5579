"""Errors with a noise history, and errors of two windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from reliability.judge.error_arms import relative_noise
from reliability.judge.error_rate import judge_errors
from reliability.judge.history import NoiseHistory
from reliability.judge.intervals import shared_intervals
from reliability.judge.memory import lasting_projections
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import known, with_errors
from tests.unit.judge.windows import requests_only, successive, window

SCRAPES = 120
SCRAPE_SECONDS = 15.0


def arms_of_one_version(seed, *, noise_sd, scrapes=SCRAPES, requests=2000, fraction=0.02):
    rng = np.random.default_rng(seed)
    waves = np.exp(noise_sd * rng.standard_normal((2, scrapes)) - noise_sd**2 / 2)
    errors = rng.binomial(requests, fraction * waves)
    return with_errors(
        *errors, baseline_requests=np.full(scrapes, requests), canary_requests=np.full(scrapes, requests)
    )


def history(variance_seconds, degrees=30) -> NoiseHistory:
    return NoiseHistory(
        latency_log_variance_seconds=0.0,
        latency_degrees=degrees,
        error_relative_variance_seconds=variance_seconds,
        error_degrees=degrees,
        seconds=7200.0,
    )


def drawn_window(seed, fraction, *, requests=500, scrapes=60, noise_sd=0.0):
    rng = np.random.default_rng(seed)
    wave = np.exp(noise_sd * rng.standard_normal(scrapes) - noise_sd**2 / 2)
    return window(requests_only(np.full(scrapes, requests), rng.binomial(requests, np.minimum(fraction * wave, 1.0))))


windows = st.builds(
    drawn_window,
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.002, 0.02, 0.2]),
    requests=st.sampled_from([20, 500]),
    scrapes=st.sampled_from([20, 61]),
    noise_sd=st.sampled_from([0.0, 0.5]),
)


# A noise history


def test_relative_noise_finds_what_was_put_in():
    noise_sd = 0.4
    measured = [
        relative_noise(shared_intervals(arms_of_one_version(s, noise_sd=noise_sd), by_histogram=False))[0]
        for s in range(40)
    ]

    assert np.mean(measured) == pytest.approx(2 * np.expm1(noise_sd**2) * SCRAPE_SECONDS, rel=0.15)


def test_independent_requests_have_next_to_no_relative_noise():
    quiet, degrees = relative_noise(shared_intervals(arms_of_one_version(1, noise_sd=0.0), by_histogram=False))

    assert 0 <= quiet < 0.5
    assert degrees == 10


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_more_noise_in_the_history_never_narrows_the_likely_range(seed):
    counts = arms_of_one_version(seed, noise_sd=0.3, scrapes=30)

    narrow, wide = (known(judge_errors(counts, history=history(v)).interval) for v in (1.0, 100.0))

    assert wide[0] <= narrow[0] + 1e-9
    assert narrow[1] <= wide[1] + 1e-9


def test_a_calm_history_decides_what_five_minutes_alone_leave_open():
    counts = arms_of_one_version(0, noise_sd=0.9, scrapes=20, requests=600, fraction=0.005)

    assert judge_errors(counts).verdict is Verdict.INCONCLUSIVE
    assert judge_errors(counts, history=history(5.0, degrees=100)).verdict is Verdict.PASS


def test_a_history_speaks_for_a_canary_without_errors():
    counts = with_errors(*[np.zeros(12)] * 2, baseline_requests=np.full(12, 100.0), canary_requests=np.full(12, 100.0))

    assert judge_errors(counts, history=history(1.0)).verdict is Verdict.PASS
    assert judge_errors(counts, history=history(1000.0)).verdict is Verdict.INCONCLUSIVE


def test_a_history_without_errors_changes_nothing():
    counts = arms_of_one_version(5, noise_sd=0.3)

    assert judge_errors(counts, history=history(None, degrees=0)) == judge_errors(counts)


# Two windows


@given(before=windows, after=windows)
@settings(max_examples=30)
def test_swapping_the_windows_mirrors_the_likely_range(before, after):
    there, back = (judge_errors(successive(*pair)).interval for pair in ((before, after), (after, before)))

    assert back == (there and pytest.approx((-there[1], -there[0]), abs=1e-7))


@given(before=windows, after=windows)
@settings(max_examples=30)
def test_the_p_values_of_two_windows_agree_with_the_verdict(before, after):
    judged = judge_errors(successive(before, after))

    assert (judged.verdict is Verdict.FAIL) == (known(judged.fail_p_value) <= 0.025)
    assert (judged.verdict is Verdict.PASS) == (known(judged.pass_p_value) <= 0.05)


@given(before=windows, after=windows)
@settings(max_examples=20)
def test_a_route_split_in_two_alike_halves_changes_nothing(before, after):
    def halved(one):
        half = requests_only(one.total.requests / 2, one.total.errors / 2)
        return window(one.total, routes={"a": half, "b": half})

    whole, split = (judge_errors(successive(b, a)) for b, a in ((before, after), (halved(before), halved(after))))

    assert split.verdict is whole.verdict
    assert split.difference_fraction == pytest.approx(whole.difference_fraction)
    assert split.fail_p_value == pytest.approx(whole.fail_p_value)


def test_a_changed_mix_of_routes_is_no_change_of_errors():
    def mixed(slow_share):
        routes = {
            name: requests_only(np.full(40, 1000 * share), np.full(40, 1000 * share * fraction))
            for name, share, fraction in (("slow", slow_share, 0.04), ("fast", 1 - slow_share, 0.002))
        }
        total = requests_only(np.full(40, 1000.0), sum(route.errors for route in routes.values()))
        return window(total), window(total, routes=routes)

    (plain_before, before), (plain_after, after) = mixed(0.2), mixed(0.5)

    assert judge_errors(successive(plain_before, plain_after)).verdict is Verdict.FAIL
    assert judge_errors(successive(before, after)).difference_fraction == pytest.approx(0.0, abs=1e-12)
    assert judge_errors(successive(before, after)).verdict is Verdict.PASS


def test_windows_that_share_no_route_are_compared_as_they_are():
    before, after = drawn_window(1, 0.01), drawn_window(2, 0.01)
    named = [window(one.total, routes={name: one.total}) for one, name in ((before, "a"), (after, "b"))]

    assert judge_errors(successive(*named)) == judge_errors(successive(before, after))


def test_two_windows_ignore_a_history_of_arms_side_by_side():
    counts = successive(drawn_window(1, 0.01), drawn_window(2, 0.01))

    assert judge_errors(counts, history=history(1e6)) == judge_errors(counts)


def test_each_verdict_of_two_windows():
    usual, empty = drawn_window(1, 0.005), window(requests_only(np.zeros(20)))

    assert judge_errors(successive(usual, drawn_window(2, 0.005, scrapes=90))).reason == "inside-budget"
    assert judge_errors(successive(usual, drawn_window(2, 0.03))).reason == "over-budget"
    assert judge_errors(successive(usual, drawn_window(2, 0.01))).reason == "not-enough-evidence"
    assert judge_errors(successive(usual, drawn_window(2, 0.005, scrapes=7))).reason == "too-few-scrapes"
    assert judge_errors(successive(usual, empty)).reason == "no-traffic-canary"
    assert judge_errors(successive(empty, usual)).reason == "no-traffic-baseline"


# Noise with a memory


def test_noise_with_a_memory_of_minutes_is_measured_in_full():
    rng, memory, size = np.random.default_rng(8), 0.9, 120
    news = rng.standard_normal((1200, size + 200))
    series = np.zeros_like(news)
    for t in range(1, size + 200):
        series[:, t] = memory * series[:, t - 1] + news[:, t]
    series = series[:, 200:]

    laws = np.array([np.mean(lasting_projections(row) ** 2) for row in series])
    sums, variances = series.sum(axis=1), laws[0::2] + laws[1::2]
    statistics = (sums[0::2] - sums[1::2]) / np.sqrt(variances)

    assert 0.005 <= np.mean(statistics > -stdtrit(6, 0.05)) <= 0.07


@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-5, 5))
@settings(max_examples=30)
def test_lasting_projections_follow_the_scale_and_forget_a_shift(scale, shift):
    series = np.random.default_rng(2).standard_normal(40)

    moved = lasting_projections(scale * (series + shift))

    assert moved == pytest.approx(scale * lasting_projections(series), rel=1e-6, abs=1e-9 * scale)
