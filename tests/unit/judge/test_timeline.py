import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.counts import ArmCounts, PairedCounts, SuccessiveCounts, WindowCounts
from reliability.judge.timeline import draw_timeline, wilson_interval

BOUNDS = np.array([0.1, 0.2, 0.4, np.inf])


def arm(requests, errors):
    counts = np.asarray(requests, dtype=float)
    buckets = np.column_stack([np.floor(counts * share) for share in (0.5, 0.9, 0.99)] + [counts])
    return ArmCounts(
        bucket_counts=buckets, requests=counts, errors=np.asarray(errors, dtype=float), latency_sum_seconds=counts * 0.1
    )


def paired(requests, errors, *, interval=15.0):
    edges = 1_000_000.0 + interval * np.arange(len(requests) + 1)
    both = arm(requests, errors)
    return PairedCounts(
        edges_seconds=edges, upper_bounds_seconds=BOUNDS, baseline=both, canary=both, scrape_interval_seconds=interval
    )


@given(requests=st.lists(st.integers(0, 500), min_size=1, max_size=40), step=st.sampled_from([15.0, 60.0, 300.0]))
def test_no_request_is_lost_by_grouping(requests, step):
    timeline = draw_timeline(paired(requests, [count // 3 for count in requests]), step_seconds=step)

    assert sum(entry.requests for entry in timeline.baseline_errors) == sum(requests)
    assert sum(entry.errors for entry in timeline.canary_errors) == sum(count // 3 for count in requests)


def test_an_interval_belongs_to_the_minute_in_which_it_ends():
    timeline = draw_timeline(paired([10, 20, 30, 40, 50], [0] * 5), step_seconds=60)

    assert [entry.requests for entry in timeline.baseline_errors] == [100, 50]
    assert timeline.starts_seconds == (1_000_000.0, 1_000_060.0)


def test_two_windows_are_drawn_side_by_side_each_from_its_own_start():
    before, after = (
        WindowCounts(
            edges_seconds=np.linspace(start, start + 30 * len(requests), len(requests) + 1),
            total=arm(requests, [0] * len(requests)),
        )
        for start, requests in ((5_000, [10, 20]), (900_000, [30, 40, 50]))
    )
    counts = SuccessiveCounts(upper_bounds_seconds=BOUNDS, baseline=before, canary=after, scrape_interval_seconds=30.0)

    timeline = draw_timeline(counts, step_seconds=60)

    assert timeline.starts_seconds == (0.0, 60.0)
    assert [step.requests for step in timeline.baseline_errors] == [30, 0]
    assert [step.requests for step in timeline.canary_errors] == [70, 50]
    assert timeline.baseline_p95_seconds[1] is None


def test_a_minute_with_few_requests_has_no_p95():
    timeline = draw_timeline(paired([19], [0]), step_seconds=60)

    assert timeline.baseline_p95_seconds == (None,)


def test_the_p95_of_a_minute_lies_in_its_bucket():
    timeline = draw_timeline(paired([1000], [0]), step_seconds=60)

    (seconds,) = timeline.baseline_p95_seconds
    assert seconds is not None
    assert 0.2 < seconds <= 0.4


@given(requests=st.integers(1, 10**6), share=st.floats(0, 1))
def test_the_wilson_interval_holds_the_observed_fraction(requests, share):
    errors = int(share * requests)

    low, high = wilson_interval(errors, requests) or (None, None)

    assert low is not None
    assert high is not None
    assert 0 <= low <= errors / requests + 1e-12
    assert errors / requests - 1e-12 <= high <= 1


def test_no_request_gives_no_interval():
    assert wilson_interval(0, 0) is None


def test_the_wilson_interval_agrees_with_the_published_example():
    interval = wilson_interval(81, 263)

    assert interval == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I
