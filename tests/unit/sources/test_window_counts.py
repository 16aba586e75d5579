from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.counts import SuccessiveCounts
from reliability.sources.increments import Succession, pair_counts, window_counts
from reliability.window import Window
from tests.fake_prometheus import BASELINE, CANARY, NAMES, FakePrometheus, FakeReplica
from tests.unit.sources.scraped import (
    FOREVER,
    INTERVAL,
    LONG_AGO,
    START,
    ZERO,
    drawn_replicas,
    replica,
    services,
    steady,
    window_of,
)  # fmt: skip

BEFORE = Window(start=START, end=START + timedelta(minutes=2))
AFTER = Window(start=START + timedelta(minutes=3), end=START + timedelta(minutes=5))


def successive(
    replicas: list[FakeReplica], *, before: Window = BEFORE, after: Window = AFTER, label: str | None = None
) -> Succession:
    server = FakePrometheus(replicas=replicas, rounds=range(-6, 34))
    answers = [server.fetch(metrics=NAMES.fetched(), matchers=CANARY, window=window) for window in (before, after)]
    return window_counts(
        answers[0], answers[1], names=NAMES, baseline_window=before, canary_window=after, route_label=label
    )


def counts_of(succession: Succession) -> SuccessiveCounts:
    assert succession.counts is not None, succession.health.reason
    return succession.counts


def test_one_service_is_counted_before_and_after_on_its_own_scrapes():
    counts = counts_of(successive([replica()], label="route"))

    assert counts.baseline.edges_seconds.tolist() == [ZERO + 10 * point for point in range(13)]
    assert counts.canary.edges_seconds.tolist() == [ZERO + 180 + 10 * point for point in range(13)]
    assert counts.baseline.total.requests.tolist() == counts.canary.total.requests.tolist() == [5.0] * 12
    assert counts.baseline.routes["/search"].requests.sum() == 60
    assert [one.bucket_counts[-1] for one in counts.canary.replicas] == [60]


def test_a_scrape_that_one_window_missed_changes_nothing_in_the_other():
    found = successive([replica(missed=frozenset({20, 21, 22}))])

    assert counts_of(found).baseline.edges_seconds.size == 13
    assert counts_of(found).canary.edges_seconds.size == 10
    assert counts_of(found).canary.total.requests.sum() == 60
    assert (found.health.expected_scrapes, found.health.used_scrapes) == (26, 23)
    assert found.facts.missing_fraction == found.health.missing_fraction == pytest.approx(3 / 13)


def test_a_restart_between_the_windows_is_no_restart_of_either():
    lives = ((LONG_AGO, ZERO + 121), (ZERO + 125, FOREVER))

    found = successive([replica(lives=lives)])

    assert counts_of(found).canary.total.requests.sum() == 60
    assert found.health.restarts == 0


def test_a_restart_inside_a_window_is_repaired_there():
    lives = ((LONG_AGO, ZERO + 204), (ZERO + 221, FOREVER))

    found = successive([replica(lives=lives)])

    assert found.facts.canary.restarts == 1
    assert found.facts.baseline.restarts == 0
    assert counts_of(found).canary.total.requests.sum() == 60 - 10


def test_windows_scraped_at_different_intervals_keep_their_own():
    old, new = (
        FakePrometheus(replicas=[replica()], rounds=rounds, interval_seconds=seconds).fetch(
            metrics=NAMES.fetched(), matchers=CANARY, window=window
        )
        for rounds, seconds, window in ((range(-3, 12), 30.0, BEFORE), (range(-6, 34), 10.0, AFTER))
    )

    found = window_counts(old, new, names=NAMES, baseline_window=BEFORE, canary_window=AFTER)

    assert np.diff(counts_of(found).baseline.edges_seconds).tolist() == [30.0] * 4
    assert np.diff(counts_of(found).canary.edges_seconds).tolist() == [10.0] * 12
    assert counts_of(found).scrape_interval_seconds == 30


def test_windows_keep_the_bounds_that_both_have():
    old = replica(lives=((LONG_AGO, ZERO + 150),))
    new = replica(number=1, lives=((ZERO + 150, FOREVER),), bounds=("0.1", "0.4", "1.6", "+Inf"))

    found = successive([old, new])

    assert counts_of(found).upper_bounds_seconds.tolist() == [0.1, 0.4, np.inf]
    assert (found.facts.common_bounds, found.facts.dropped_bounds) == (2, 3)


def test_a_window_without_traffic_says_which():
    found = successive([replica(requests=steady(end=130))])

    assert found.counts is None
    assert found.health.reason == "no-traffic-canary"


def test_a_window_without_scrapes_has_no_counts_and_its_facts_say_so():
    nowhere = window_of(3600, 3720)

    found = successive([replica()], after=nowhere)

    assert found.counts is None
    assert found.health.reason == "no-traffic-canary"
    assert found.facts.missing_fraction == 1


@settings(max_examples=8)
@given(members=drawn_replicas("canary", ZERO), cut=st.integers(6, 18))
def test_the_counts_of_adjacent_windows_add_up(members: list[FakeReplica], cut: int):
    # One phase and one life, so that every round of scrapes is at an instant.
    replicas = [replace(one, phase_seconds=ZERO, lives=((LONG_AGO, FOREVER),), missed=frozenset()) for one in members]
    middle = cut * INTERVAL
    whole = window_of(0, 220)

    parts = successive(replicas, before=window_of(0, middle), after=window_of(middle, 220))
    both = successive(replicas, before=whole, after=whole)

    if parts.counts is None or both.counts is None:
        return
    joined = [parts.counts.baseline.total.bucket_counts, parts.counts.canary.total.bucket_counts]
    assert np.concatenate(joined).tolist() == both.counts.baseline.total.bucket_counts.tolist()


@settings(max_examples=8)
@given(server=services(), constant=st.integers(1, 10**9))
def test_a_constant_added_to_the_counters_of_a_living_series_changes_nothing(server: FakePrometheus, constant: int):
    lives = ((LONG_AGO, FOREVER),)
    steady_server = replace(server, replicas=[replace(one, lives=lives) for one in server.replicas])
    window = window_of(0, 220)
    baseline, canary = (
        steady_server.fetch(metrics=NAMES.fetched(), matchers=matchers, window=window)
        for matchers in (BASELINE, CANARY)
    )
    starts = {
        one.labels["instance"]: one.times_seconds[0]
        for one in canary.series
        if one.name == "process_start_time_seconds"
    }
    lifted = tuple(
        replace(one, values=one.values + constant)
        if one.name in (NAMES.bucket, NAMES.requests) and one.times_seconds[0] == starts[one.labels["instance"]]
        else one
        for one in canary.series
    )

    plain = pair_counts(baseline, canary, names=NAMES, window=window)
    shifted = pair_counts(baseline, replace(canary, series=lifted), names=NAMES, window=window)

    assert shifted.health == plain.health
    if plain.counts is not None and shifted.counts is not None:
        assert shifted.counts.canary.bucket_counts.tolist() == plain.counts.canary.bucket_counts.tolist()
        assert shifted.counts.canary.errors.tolist() == plain.counts.canary.errors.tolist()
