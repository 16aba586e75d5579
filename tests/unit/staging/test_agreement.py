import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import StagingError
from reliability.staging.agreement import Allowance, CapturedCounters, find_disagreements
from reliability.staging.truth import kill_gap_requests_at_most
from tests.unit.staging.captured import capture_body
from tests.unit.staging.logged import answered

REQUESTS = st.lists(
    st.builds(
        answered,
        completed_at_seconds=st.floats(1001, 1089),
        server_seconds=st.floats(0.001, 8.0),
        status=st.sampled_from([200, 500]),
    ),
    max_size=40,
)


@given(requests=REQUESTS)
def test_an_undisturbed_replica_agrees_exactly(requests):
    counters = CapturedCounters(capture_body(requests))

    assert find_disagreements(counters, requests, allowances={}) == []


@given(requests=REQUESTS, killed=st.floats(1031, 1049))
def test_a_killed_replica_agrees_within_its_gap(requests, killed):
    restarted = killed + 20
    served = [r for r in requests if not killed <= r.completed_at_seconds < restarted]
    counters = CapturedCounters(capture_body(served, killed=killed, restarted=restarted))
    last_scrape = max(t for t in counters.scrape_times("canary-1") if t <= killed)
    gap = kill_gap_requests_at_most(
        served, instance="canary-1", last_scrape_at_seconds=last_scrape, restarted_at_seconds=restarted
    )

    assert find_disagreements(counters, served, allowances={"canary-1": Allowance(gap, 0)}) == []


def test_a_restart_that_overtakes_the_old_value_is_seen_by_its_start_time():
    before = [answered(completed_at_seconds=1005.0)]
    after = [answered(completed_at_seconds=1055.0 + n) for n in range(3)]
    counters = CapturedCounters(capture_body([*before, *after], killed=1031.0, restarted=1051.0))

    assert find_disagreements(counters, [*before, *after], allowances={}) == []


def test_a_request_that_no_counter_saw_is_named_with_both_numbers():
    counters = CapturedCounters(capture_body([answered()]))

    problems = find_disagreements(counters, [answered(), answered()], allowances={})

    assert any("http_requests_total" in p and "gained 1, the client counted 2" in p for p in problems)


def test_a_duration_in_another_bucket_is_a_disagreement():
    counters = CapturedCounters(capture_body([answered(server_seconds=0.3)]))

    problems = find_disagreements(counters, [answered(server_seconds=0.4)], allowances={})

    assert problems
    assert all("_bucket" in p for p in problems)


def test_an_answer_without_any_series_is_a_disagreement():
    counters = CapturedCounters(capture_body([]))

    problems = find_disagreements(counters, [answered(status=503)], allowances={})

    assert problems[-1] == "canary-1 search GET 503 is in the log but not in the capture"


def test_counters_that_do_not_begin_at_zero_are_refused():
    counters = CapturedCounters(capture_body([answered(completed_at_seconds=999.0)]))

    problems = find_disagreements(counters, [answered()], allowances={})

    assert any("begins at 1, not at zero" in p for p in problems)


def test_cpu_seconds_are_added_up_over_both_lives_of_a_replica():
    requests = [answered(completed_at_seconds=1005.0), answered(completed_at_seconds=1055.0)]
    counters = CapturedCounters(capture_body(requests, killed=1031.0, restarted=1051.0))

    assert counters.cpu_seconds_by_arm() == pytest.approx({"canary": 0.002})


def test_a_body_that_is_no_range_vector_is_refused():
    with pytest.raises(StagingError, match="no range vector"):
        CapturedCounters(b'{"status": "error", "error": "bad"}')
