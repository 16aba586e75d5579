"""What components reported: counters over restarts, states over processes, gauges counted once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.sources.answer import Answer, Series
from reliability.sources.component_metrics import (
    CALLS,
    LEASES,
    OPERATIONS,
    SESSIONS,
    STATE,
    BreakerReport,
    ComponentReport,
    read_components,
)
from reliability.window import Window

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECONDS = 100
WINDOW = Window(start=START, end=START + timedelta(seconds=SECONDS))
STATES = ("closed", "open", "half_open")


def series(metric: str, values: Sequence[float], *, first: int = 0, **labels: str) -> Series:
    """Make a series with a sample every ten seconds, the first at scrape `first`."""
    times = np.array([START.timestamp() + 10.0 * (first + place) for place in range(len(values))])
    return Series(labels={"__name__": metric, **labels}, times_seconds=times, values=np.array(values, dtype=float))


def breaker(states: Sequence[str], *, instance: str = "a", first: int = 0) -> list[Series]:
    """Make the three series of one breaker in one process."""
    labels = {"name": "payments", "instance": instance}
    return [series(STATE, [float(s == state) for s in states], first=first, state=state, **labels) for state in STATES]


def read(*found: Series) -> ComponentReport:
    return read_components(Answer(series=found), window=WINDOW)


def read_breaker(*found: Series) -> BreakerReport:
    (report,) = read_components(Answer(series=found), window=WINDOW).breakers
    return report


def count(*counters: Series) -> int:
    return read_components(Answer(series=counters), window=WINDOW).lock_operations["acquire"]["ok"]


def acquired(values: Sequence[float], *, first: int = 0, instance: str = "a") -> Series:
    return series(OPERATIONS, values, first=first, operation="acquire", outcome="ok", instance=instance)


@given(steps=st.lists(st.integers(0, 50), min_size=1, max_size=10), restart=st.integers(0, 10))
def test_a_restart_loses_no_count_that_a_scrape_saw(steps: list[int], restart: int) -> None:
    values = [0, *np.cumsum(steps).tolist()]
    restarted = [*values[: restart + 1], *(value - values[restart] for value in values[restart + 1 :])]

    whole, broken = count(acquired(values)), count(acquired(restarted))

    assert whole == sum(steps)
    # a counter that is as high again as before its restart looks as if it had gone on
    assert broken <= whole
    assert broken == whole or any(b >= a > 0 for a, b in zip(values[restart:], restarted[restart + 1 :], strict=False))


def test_counters_of_all_processes_are_added_up() -> None:
    assert count(acquired([5, 7, 9]), acquired([0, 1, 1], instance="b")) == 5


NO_COUNTS = st.sampled_from([float("nan"), float("inf"), float("-inf"), -5.0, 1e300])


@given(bad=NO_COUNTS, at=st.integers(0, 10), metric=st.sampled_from([OPERATIONS, CALLS, LEASES, SESSIONS, STATE]))
def test_a_sample_that_is_no_count_changes_nothing_that_the_others_say(bad: float, at: int, metric: str) -> None:
    labels = {"operation": "acquire", "outcome": "ok", "kind": "guest", "name": "payments", "state": "closed"}
    sound = series(metric, [1.0] * 11, first=0, **labels)
    values = sound.values.copy()
    values[at] = bad
    spoilt = Series(labels=sound.labels, times_seconds=sound.times_seconds, values=values)
    without = np.arange(11) != at
    missing = Series(labels=sound.labels, times_seconds=sound.times_seconds[without], values=sound.values[without])

    assert repr(read(spoilt)) == repr(read(missing))


@given(bad=NO_COUNTS)
def test_a_series_without_any_count_was_not_measured(bad: float) -> None:
    assert not read(series(SESSIONS, [bad] * 11, kind="guest")).is_measured


def test_what_was_counted_before_the_window_is_left_out() -> None:
    assert count(acquired([0, 100, 100, 101], first=-2)) == 1


def test_a_series_that_lies_outside_the_window_says_nothing() -> None:
    report = read_components(Answer(series=(acquired([1, 2], first=-9), acquired([3, 4], first=20))), window=WINDOW)

    assert not report.is_measured
    assert report.lock_operations == {}


@pytest.mark.parametrize(
    ("a", "b", "state", "not_closed"),
    [
        ("closed", "closed", "closed", 0),
        ("closed", "half_open", "half_open", 1),
        ("open", "half_open", "open", 2),
        ("open", "closed", "open", 1),
    ],
)
def test_a_breaker_is_as_bad_as_in_its_worst_process(a: str, b: str, state: str, not_closed: int) -> None:
    report = read_breaker(*breaker(["closed"] * 10 + [a]), *breaker(["closed"] * 10 + [b], instance="b"))

    assert (report.state, report.not_closed_count, report.processes_count) == (state, not_closed, 2)


def test_it_has_not_been_closed_since_the_first_scrape_that_saw_it_so_probes_do_not_interrupt_that() -> None:
    report = read_breaker(*breaker(["closed", "open", "closed", "open", "half_open", "open", "open"] + ["open"] * 4))

    assert report.not_closed_since_at == START + timedelta(seconds=30)
    spells = [tuple(round(at - START.timestamp()) for at in spell) for spell in report.not_closed_spells]
    assert spells == [(10, 20), (30, 100)]


def test_spells_of_several_processes_are_joined_where_they_overlap() -> None:
    a = breaker(["closed", "open", "open", "closed", "closed"] + ["closed"] * 6)
    b = breaker(["closed", "closed", "open", "open", "closed"] + ["closed"] * 6, instance="b")

    report = read_breaker(*a, *b)

    assert [round(end - start) for start, end in report.not_closed_spells] == [30]


def test_a_process_that_is_gone_says_nothing_of_now() -> None:
    gone = breaker(["open"] * 5)

    alone, beside = read_breaker(*gone), read_breaker(*gone, *breaker(["closed"] * 11, instance="b"))

    assert (alone.state, alone.not_closed_since_at, alone.processes_count) == (None, None, 0)
    assert (beside.state, beside.not_closed_since_at, beside.processes_count) == ("closed", None, 1)
    assert len(beside.not_closed_spells) == 1


@pytest.mark.parametrize(("other", "worst"), [("closed", "unknown"), ("half_open", "unknown"), ("open", "open")])
def test_a_state_of_another_version_is_not_closed(other: str, worst: str) -> None:
    strange = series(STATE, [0.0] * 5 + [1.0] * 6, name="payments", instance="a", state="melting")
    before = series(STATE, [1.0] * 5 + [0.0] * 6, name="payments", instance="a", state="closed")

    report = read_breaker(strange, before, *breaker(["closed"] * 10 + [other], instance="b"))

    assert (report.state, report.processes_count) == (worst, 2)
    assert report.not_closed_since_at == START + timedelta(seconds=50)
    assert [round(end - start) for start, end in report.not_closed_spells] == [50]


def test_a_breaker_that_is_in_no_state_at_all_is_not_reported_any_more() -> None:
    report = read_breaker(
        series(STATE, [0.0] * 11, name="payments", state="open"), series(CALLS, [0, 2], name="payments", outcome="ok")
    )

    assert (report.state, report.calls) == (None, {"ok": 2})


def test_a_store_that_two_processes_report_is_counted_once_also_between_their_scrapes() -> None:
    a = series(SESSIONS, [3] * 11, kind="guest", instance="a")
    times = a.times_seconds[:-1] + 5
    b = Series(labels={**a.labels, "instance": "b"}, times_seconds=times, values=np.array([4.0] * 9 + [7.0]))

    (guests,) = read_components(Answer(series=(a, b)), window=WINDOW).sessions.values()

    assert (guests.now_count, guests.most_count) == (7, 7)
    assert guests.counts.tolist()[:4] == [3, 4, 3, 4]


def test_leases_that_nobody_counts_any_more_have_no_present_number() -> None:
    leases = read_components(Answer(series=(series(LEASES, [1, 2, 1]),)), window=WINDOW).leases

    assert leases is not None
    assert (leases.now_count, leases.most_count) == (None, 2)


def test_a_single_scrape_is_a_number_of_now() -> None:
    leases = read_components(Answer(series=(series(LEASES, [4], first=9),)), window=WINDOW).leases

    assert leases is not None
    assert leases.now_count == 4
