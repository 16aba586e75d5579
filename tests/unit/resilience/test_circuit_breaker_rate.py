import pytest

from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuits import CircuitState
from tests.unit.resilience.breakers import Seconds, breaker_with, fail, opened

BAD_QUERY = KeyError("bad query")


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def states_after(breaker: CircuitBreaker, calls: str) -> str:
    """Make calls: `f` fails, `s` succeeds, `x` does not count; `o` marks those after which the breaker was open."""
    marks = ""
    for kind in calls:
        if kind == "s":
            breaker.call(int)
        else:
            fail(breaker, BAD_QUERY if kind == "x" else None)
        marks += "o" if breaker.state is CircuitState.OPEN else "-"
    return marks


@pytest.mark.requirement("RES-CB-01")
def test_every_second_call_failing_opens_it_at_call_ten_and_never_by_failures_in_a_row(seconds: Seconds):
    by_share = breaker_with(seconds, failure_rate=0.5, window_calls=20, min_calls=10)
    in_a_row = breaker_with(seconds)

    assert states_after(by_share, "sf" * 5) == "---------o"
    assert "o" not in states_after(in_a_row, "sf" * 100)


@pytest.mark.parametrize(
    ("calls", "marks"),
    [
        ("ffffssss" + "f", "--------o"),
        ("ffsss" + "sfs" + "ff", "---------o"),
        ("ffff" + "sssss" + "f", "---------o"),
    ],
)
def test_only_a_failure_opens_it_also_where_the_share_was_reached_before(seconds: Seconds, calls: str, marks: str):
    breaker = breaker_with(
        seconds, failure_rate=0.5, window_calls=len(calls), min_calls=len(calls), failure_threshold=9
    )

    assert states_after(breaker, calls) == marks


def test_the_share_is_taken_of_the_last_calls_only(seconds: Seconds):
    breaker = breaker_with(seconds, failure_rate=0.5, window_calls=4, min_calls=4)

    assert states_after(breaker, "ssssssff") == "-------o"


def test_below_the_share_it_stays_closed(seconds: Seconds):
    breaker = breaker_with(seconds, failure_rate=0.5, window_calls=5, min_calls=5)

    assert states_after(breaker, "ssfsfssfsfs") == "-----------"


def test_calls_that_do_not_count_are_no_part_of_the_share(seconds: Seconds):
    breaker = breaker_with(seconds, failure_rate=0.5, window_calls=4, min_calls=4, excluded=(KeyError,))

    assert states_after(breaker, "sfxxxxxxxsf") == "----------o"


def test_failures_in_a_row_open_it_before_there_are_calls_enough_for_a_share(seconds: Seconds):
    breaker = breaker_with(seconds, failure_rate=0.9, window_calls=20, min_calls=10, failure_threshold=3)

    assert states_after(breaker, "fff") == "--o"


@pytest.mark.parametrize("by_hand", [False, True], ids=["probes", "reset"])
def test_a_breaker_that_closed_again_starts_with_an_empty_window(seconds: Seconds, by_hand: bool):
    breaker = breaker_with(seconds, failure_rate=0.5, window_calls=4, min_calls=2)
    assert states_after(breaker, "sf") == "-o"

    seconds.now += 30
    if by_hand:
        breaker.reset()
    else:
        breaker.call(int)

    assert states_after(breaker, "f") == "-"  # the first call of a new window, too few to judge


def test_only_the_errors_that_were_named_count(seconds: Seconds):
    breaker = breaker_with(seconds, failure_threshold=2, counted=(LookupError,), excluded=(KeyError,))

    for error in (RuntimeError("a fault of the caller"), KeyError("excluded"), IndexError("counts")) * 2:
        assert breaker.state is CircuitState.CLOSED
        fail(breaker, error)

    assert breaker.state is CircuitState.OPEN


@pytest.mark.parametrize("error", [RuntimeError("not counted"), KeyError("excluded")])
def test_a_probe_that_fails_without_counting_returns_its_slot(seconds: Seconds, error: Exception):
    breaker = breaker_with(seconds, failure_threshold=1, counted=(LookupError,), excluded=(KeyError,))
    fail(breaker, IndexError("counts"))
    seconds.now += 30

    fail(breaker, error)

    assert breaker.state is CircuitState.HALF_OPEN
    assert breaker.call(lambda: "next probe") == "next probe"


def test_an_interrupt_never_counts_even_where_someone_asks_for_it(seconds: Seconds):
    breaker = opened(seconds, counted=(BaseException,))

    fail(breaker, KeyboardInterrupt())

    assert breaker.state is CircuitState.HALF_OPEN
