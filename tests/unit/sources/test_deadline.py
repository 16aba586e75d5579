import threading
from dataclasses import dataclass

import pytest

from reliability.sources.deadline import Deadline, run_within


@dataclass
class Stopwatch:
    """A monotonic clock that a test moves."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_deadline_counts_down_to_zero_and_stays_there():
    watch = Stopwatch()
    deadline = Deadline(seconds=5, monotonic=watch)

    watch.seconds += 3
    assert deadline.remaining_seconds == 2
    assert not deadline.is_over

    watch.seconds += 4
    assert deadline.remaining_seconds == 0
    assert deadline.is_over


def test_work_that_ends_in_time_gives_its_result():
    assert run_within(lambda: 6 * 7, seconds=5) == 42


def test_an_error_of_the_work_arrives_where_it_was_asked_for():
    with pytest.raises(ZeroDivisionError):
        run_within(lambda: 1 / 0, seconds=5)


def test_work_that_hangs_is_given_up():
    released = threading.Event()
    try:
        with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
            run_within(lambda: released.wait(3), seconds=0.05)
    finally:
        released.set()
