"""Before and after: two windows of one service, one after the other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.counts import ArmCounts, PairedCounts, SuccessiveCounts, WindowCounts
from reliability.judge.latency import judge_latency
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import COARSE_BOUNDS, arm, expected_buckets, known, paired, simulated, steady


def windows(counts: PairedCounts, *, after: ArmCounts | None = None) -> SuccessiveCounts:
    """Return both arms as two windows, one after the other."""
    later = after or counts.canary
    edges = counts.edges_seconds[-1] + np.arange(later.requests.size + 1) * counts.scrape_interval_seconds
    return SuccessiveCounts(
        upper_bounds_seconds=counts.upper_bounds_seconds,
        baseline=WindowCounts(edges_seconds=counts.edges_seconds, total=counts.baseline),
        canary=WindowCounts(edges_seconds=edges, total=later),
        scrape_interval_seconds=counts.scrape_interval_seconds,
    )


def jointly_noisy(seed, *, increase=0.0, scrapes=60, noise_sd=0.1) -> PairedCounts:
    """Return two arms that slow down and speed up together from scrape to scrape."""
    rng = np.random.default_rng(seed)
    shared = np.exp(noise_sd * rng.standard_normal(scrapes))
    rows = [
        np.vstack([rng.poisson(expected_buckets(1000.0, median_seconds=0.07 * change * s)[0]) for s in shared])
        for change in (1.0, 1.0 + increase)
    ]
    return paired(arm(rows[0]), arm(rows[1]))


def swapped(counts: SuccessiveCounts) -> SuccessiveCounts:
    return replace(counts, baseline=counts.canary, canary=counts.baseline)


def test_an_unchanged_service_passes_and_a_slower_one_fails():
    unchanged, slower = judge_latency(windows(steady())), judge_latency(windows(steady(increase=0.3)))

    assert unchanged.verdict is Verdict.PASS
    assert (slower.verdict, slower.reason) == (Verdict.FAIL, "over-budget")
    assert slower.increase_fraction == pytest.approx(0.3, abs=0.02)


def test_noise_that_arms_side_by_side_share_widens_the_interval_of_two_windows():
    counts = jointly_noisy(1, noise_sd=0.3)

    side_by_side, in_turn = (known(judge_latency(c).increase_interval) for c in (counts, windows(counts)))

    assert in_turn[1] - in_turn[0] > 1.5 * (side_by_side[1] - side_by_side[0])


def test_windows_of_other_lengths_are_compared():
    judged = judge_latency(windows(steady(scrapes=40), after=steady(scrapes=100).canary))

    assert judged.verdict is Verdict.PASS
    assert judged.scrape_count == 40


@given(seed=st.integers(0, 10**6), increase=st.floats(-0.2, 0.4))
@settings(max_examples=8, deadline=None)
def test_swapping_the_windows_turns_the_ratio_over(seed, increase):
    counts = windows(jointly_noisy(seed, increase=increase, scrapes=30, noise_sd=0.03))

    forth, back = judge_latency(counts), judge_latency(swapped(counts))

    assert 1 + known(back.increase_fraction) == pytest.approx(1 / (1 + known(forth.increase_fraction)))
    if forth.increase_interval is None:  # by chance white noise looks like one with a memory
        assert back.increase_interval is None
        return
    low, high = forth.increase_interval
    assert known(back.increase_interval) == pytest.approx((1 / (1 + high) - 1, 1 / (1 + low) - 1), abs=1e-4)


def test_noise_with_a_memory_as_long_as_the_window_sets_no_limit_and_says_so():
    slow_wave = simulated(1, per_scrape=2000)

    judged = judge_latency(windows(slow_wave))

    assert judged.verdict is Verdict.INCONCLUSIVE
    assert (judged.increase_interval, judged.no_interval_reason) == (None, "no-limit")


def test_an_empty_window_is_no_data():
    nothing = arm(np.zeros((20, 91)))

    judged = judge_latency(windows(steady(), after=nothing))

    assert (judged.verdict, judged.reason) == (Verdict.NO_DATA, "no-traffic-canary")


def test_a_window_of_few_scrapes_decides_nothing():
    judged = judge_latency(windows(steady(), after=steady(scrapes=7).canary))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "too-few-scrapes")
    assert judged.no_interval_reason == "too-few-scrapes"


def test_coarse_buckets_guard_two_windows_too():
    judged = judge_latency(windows(simulated(2, bounds=COARSE_BOUNDS)))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "buckets-too-coarse")


def test_counts_at_the_bounds_decide_two_windows_that_lie_far_apart():
    counts = windows(simulated(3, increase=6.0, scrapes=40, bounds=COARSE_BOUNDS))

    assert judge_latency(counts, bucket_policy="strict").verdict is Verdict.FAIL
    assert judge_latency(swapped(counts), bucket_policy="strict").verdict is Verdict.PASS


def test_a_window_without_sums_has_no_mean():
    counts = windows(steady())
    silent = replace(counts.canary.total, latency_sum_seconds=np.full(40, np.nan))

    judged = judge_latency(replace(counts, canary=replace(counts.canary, total=silent)))

    assert judged.mean_increase_fraction is None


def test_scrapes_without_requests_count_as_time():
    rows = np.diff(steady(scrapes=40).canary.bucket_counts, prepend=0)
    rows[5:10] = 0

    assert judge_latency(windows(steady(scrapes=40), after=arm(rows))).verdict is Verdict.PASS
