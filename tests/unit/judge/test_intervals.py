import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.intervals import effective_count, shared_intervals
from tests.unit.judge.simulated import with_errors

requests = st.lists(st.integers(0, 1000), min_size=10, max_size=30)


@given(data=st.data(), baseline=requests)
def test_weights_sum_to_one_and_only_shared_intervals_count(data, baseline):
    canary = data.draw(st.lists(st.integers(0, 1000), min_size=len(baseline), max_size=len(baseline)))
    none = np.zeros(len(baseline))
    counts = with_errors(none, none, baseline_requests=baseline, canary_requests=canary)

    shared = shared_intervals(counts, by_histogram=False)

    assert np.all(shared.baseline_requests > 0)
    assert np.all(shared.canary_requests > 0)
    assert shared.count == 0 or shared.weights.sum() == pytest.approx(1)


@given(baseline=st.lists(st.integers(1, 1000), min_size=10, max_size=30))
def test_the_effective_count_is_at_most_the_count(baseline):
    weights = np.full(len(baseline), 1 / len(baseline))

    assert effective_count(weights, np.array(baseline, dtype=float)) <= sum(baseline) * (1 + 1e-9)


def test_an_interval_weighs_as_much_as_its_smaller_arm_allows():
    none = np.zeros(2)
    counts = with_errors(none, none, baseline_requests=[1000, 1000], canary_requests=[1000, 10])

    weights = shared_intervals(counts, by_histogram=False).weights

    assert weights[0] / weights[1] == pytest.approx(500 / (10_000 / 1010))


@pytest.mark.parametrize(("per_scrape", "merged"), [(5, 1), (4, 2), (1, 5), (0.1, 8)])
def test_scrapes_are_merged_up_to_eight_when_requests_are_few(per_scrape, merged):
    served = np.zeros(240)
    served[:: max(1, round(1 / per_scrape))] = max(per_scrape, 1)
    none = np.zeros(240)

    shared = shared_intervals(
        with_errors(none, none, baseline_requests=served, canary_requests=served), by_histogram=False
    )

    assert shared.seconds.max() == 15 * merged
    assert shared.canary_requests.sum() == served.sum()
