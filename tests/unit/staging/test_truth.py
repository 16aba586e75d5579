import math

from hypothesis import given
from hypothesis import strategies as st

from reliability.staging.truth import kill_gap_requests_at_most, ranked_quantile, truth_of
from tests.unit.staging.logged import answered, lost

VALUES = st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=200)


@given(values=VALUES, q=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_quantile_is_the_smallest_value_that_enough_values_do_not_exceed(values, q):
    quantile = ranked_quantile(values, q=q)

    assert sum(v <= quantile for v in values) >= math.floor(q * len(values))
    assert sum(v < quantile for v in values) < math.ceil(round(q * len(values), 9))


@given(values=VALUES, bound=st.floats(0, 100))
def test_a_cumulative_count_at_a_bound_decides_on_which_side_the_p95_lies(values, bound):
    at_or_below = sum(v <= bound for v in values)

    assert (ranked_quantile(values, q=0.95) <= bound) == (at_or_below >= math.ceil(round(0.95 * len(values), 9)))


def test_no_value_has_no_quantile():
    assert ranked_quantile([], q=0.95) is None


def test_the_truth_counts_answers_errors_and_losses_apart():
    truth = truth_of([answered(), answered(status=500), answered(status=201), lost(), lost()])

    assert (truth.requests, truth.errors, truth.lost_connections) == (3, 1, 2)


def test_lost_requests_do_not_move_the_p95():
    served = [answered(server_seconds=0.1), answered(server_seconds=0.2)]

    assert truth_of([*served, lost(client_seconds=60.0)]).client_p95_seconds == truth_of(served).client_p95_seconds


def test_an_arm_without_traffic_has_no_p95():
    truth = truth_of([])

    assert truth.as_json() == {
        "requests": 0, "errors": 0, "lost_connections": 0, "p95_seconds": None, "client_p95_seconds": None,
    }  # fmt: skip


@given(
    completions=st.lists(st.floats(0, 100, allow_nan=False), max_size=50),
    scrape=st.floats(0, 50),
    kill_after=st.floats(0, 10),
)
def test_no_request_that_the_last_scrape_missed_escapes_the_bound(completions, scrape, kill_after):
    killed_at = scrape + kill_after
    requests = [answered(completed_at_seconds=c) for c in completions if c <= killed_at]
    missed = sum(scrape < r.completed_at_seconds for r in requests)

    bound = kill_gap_requests_at_most(
        requests, instance="canary-1", last_scrape_at_seconds=scrape, restarted_at_seconds=killed_at + 25
    )

    assert bound >= missed


def test_the_kill_gap_leaves_out_other_replicas_losses_and_the_second_life():
    requests = [
        answered(completed_at_seconds=9.0),
        answered(completed_at_seconds=11.0),
        answered(completed_at_seconds=11.0, instance="canary-2"),
        lost(completed_at_seconds=12.0),
        answered(completed_at_seconds=40.0),
    ]

    bound = kill_gap_requests_at_most(
        requests, instance="canary-1", last_scrape_at_seconds=10.0, restarted_at_seconds=37.0
    )

    assert bound == 1
