import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import StagingError
from reliability.staging.drill_rules import Range, Reading
from tests.unit.staging.logged import answered, lost

LATENCIES = st.lists(st.floats(0.001, 10, allow_nan=False), min_size=1, max_size=300)


def reading(latencies, *, failed=0):
    requests = [answered(client_seconds=s) for s in latencies]
    return Reading.of([*requests, *(answered(status=500, client_seconds=latencies[0]) for _ in range(failed))])


@given(latencies=LATENCIES, failed=st.integers(0, 50))
def test_a_reference_lies_in_its_own_range(latencies, failed):
    reference = reading(latencies, failed=failed)

    assert Range.of(reference).holds(reference)


def test_traffic_that_is_much_slower_is_not_back():
    reference = reading([0.1 + 0.001 * n for n in range(1000)])

    assert not Range.of(reference).holds(reading([1.25 * (0.1 + 0.001 * n) for n in range(1000)]))


def test_traffic_with_many_more_errors_is_not_back():
    reference = reading([0.1] * 1000, failed=5)

    assert not Range.of(reference).holds(reading([0.1] * 580, failed=20))


def test_a_lost_connection_counts_as_failed():
    assert Reading.of([answered(), lost()]).error_fraction == 0.5


def test_a_reading_says_its_numbers():
    assert str(reading([0.1] * 99, failed=1)) == "P95 100 ms and 1.0 % errors in 100 answers"


def test_without_an_answer_nothing_can_be_read():
    with pytest.raises(StagingError, match="none of 1 requests was answered"):
        Reading.of([lost()])
