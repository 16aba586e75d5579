import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from reliability.judge.survival import survival_curve, tail_index
from tests.unit.judge.simulated import FINE_BOUNDS

BOUNDS = np.array([0.05, 0.1, 0.2, 0.5, 1.0, np.inf])
in_buckets = st.lists(st.integers(0, 10**6), min_size=6, max_size=6).filter(sum)


def curve_of(counts, bounds=BOUNDS):
    counts = np.asarray(counts, dtype=float)
    return survival_curve(bounds, 1 - np.cumsum(counts) / counts.sum(), request_count=float(counts.sum()))


def lognormal_curve(sigma, factor, *, median=1.0):
    bounds = np.append(0.01 * factor ** np.arange(int(math.log(1e4) / math.log(factor))), np.inf)
    shares = np.append(ndtr(-(np.log(bounds[:-1] / median)) / sigma), 0.0)
    return survival_curve(bounds, shares, request_count=1e9)


@given(counts=in_buckets, slower=st.floats(0.001, 0.999))
@example(counts=[0, 0, 0, 4, 1, 1], slower=1 / 3)  # once rounded onto the open edge
def test_a_quantile_lies_in_its_bucket(counts, slower):
    curve = curve_of(counts)
    above = 1 - np.cumsum(counts) / sum(counts)
    bucket = int(np.argmax(np.append(above[:-1], 0.0) <= slower))
    edges = [0.0, *BOUNDS]

    quantile = curve.quantile_seconds(slower)

    if bucket == len(BOUNDS) - 1:
        assert math.isinf(quantile)
    else:
        assert edges[bucket] < quantile <= edges[bucket + 1]
        assert curve.bucket(quantile) == (edges[bucket], edges[bucket + 1])


@given(counts=in_buckets, latencies=st.lists(st.floats(1e-4, 50), min_size=2, max_size=20))
def test_fewer_requests_exceed_a_longer_latency(counts, latencies):
    curve = curve_of(counts)

    shares = [curve.above(latency) for latency in sorted(latencies)]

    assert all(0 <= share <= 1 for share in shares)
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(shares))


@given(counts=in_buckets)
def test_the_curve_meets_the_counts_at_every_bound_that_some_requests_exceed(counts):
    curve = curve_of(counts)
    above = 1 - np.cumsum(counts) / sum(counts)

    for bound, share in zip(BOUNDS[:-1], above[:-1], strict=True):
        if share > 1e-12:
            assert curve.above(float(bound)) == pytest.approx(share, rel=1e-9)


@given(counts=in_buckets, factor=st.floats(1e-3, 1e3), slower=st.floats(0.01, 0.5))
def test_another_unit_of_time_changes_nothing_but_the_unit(counts, factor, slower):
    plain, scaled = curve_of(counts), curve_of(counts, BOUNDS * factor)

    assert scaled.quantile_seconds(slower) == pytest.approx(plain.quantile_seconds(slower) * factor, rel=1e-6)


@given(counts=in_buckets, latency=st.floats(1e-4, 50))
def test_the_place_in_a_bucket_is_a_share_of_it(counts, latency):
    bucket, faster = curve_of(counts).position(latency)

    assert 0 <= faster <= 1
    assert [0.0, *BOUNDS][bucket] < latency <= BOUNDS[bucket]


@given(sigma=st.floats(0.2, 0.8), phase=st.floats(0, 1), factor=st.sampled_from([1.1, 1.25]))
def test_a_true_ratio_of_ten_percent_is_read_within_one_percent(sigma, phase, factor):
    baseline = lognormal_curve(sigma, factor, median=factor**phase)
    canary = lognormal_curve(sigma, factor, median=1.1 * factor**phase)

    ratio = canary.quantile_seconds(0.05) / baseline.quantile_seconds(0.05)

    assert ratio == pytest.approx(1.10, abs=0.01)


@given(sigma=st.floats(0.2, 0.8))
def test_the_tail_index_of_a_lognormal_law_is_that_of_the_formula(sigma):
    index = tail_index(lognormal_curve(sigma, 1.1), slower_share=0.05)

    density = math.exp(-(ndtri(0.95) ** 2) / 2) / math.sqrt(2 * math.pi)
    assert index == pytest.approx(density / 0.05 / sigma, rel=0.03)


@given(counts=in_buckets, bucket=st.integers(0, 4))
def test_requests_in_a_single_bucket_are_no_trouble(counts, bucket):
    alone = [0] * 6
    alone[bucket] = sum(counts)

    quantile = curve_of(alone).quantile_seconds(0.05)

    assert [0.0, *BOUNDS][bucket] < quantile <= BOUNDS[bucket]


def test_a_quantile_beyond_the_last_bound_is_not_known():
    assert math.isinf(curve_of([0, 0, 0, 0, 90, 10]).quantile_seconds(0.05))
    assert tail_index(curve_of([0, 0, 0, 0, 90, 10]), slower_share=0.05) is None


def test_inside_the_first_bucket_the_curve_is_a_straight_line():
    curve = curve_of([100, 0, 0, 0, 0, 0])

    assert curve.quantile_seconds(0.5) == pytest.approx(0.025, rel=0.02)


@given(sigma=st.floats(0.2, 0.8), slower=st.floats(0.01, 0.3))
def test_a_fine_ladder_reads_the_quantile_of_a_lognormal_law(sigma, slower):
    shares = np.append(ndtr(-np.log(FINE_BOUNDS[:-1] / 0.3) / sigma), 0.0)
    truth = 0.3 * math.exp(-sigma * ndtri(slower))
    assume(0.01 < truth < 10)

    quantile = survival_curve(FINE_BOUNDS, shares, request_count=1e9).quantile_seconds(slower)

    assert quantile == pytest.approx(truth, rel=0.002)
