from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from reliability.errors import PrometheusAnswerError, SelectorError
from reliability.judge.counts import ArmCounts
from reliability.sources.answer import Answer, Series
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.promql import parse_matchers
from reliability.window import Window
from tests.fake_prometheus import NAMES, FakePrometheus, FakeReplica, FakeRequest
from tests.unit.sources.scraped import (
    FOREVER,
    LONG_AGO,
    START,
    WINDOW,
    ZERO,
    both_answers,
    counts_of,
    pair,
    replica,
    steady,
)  # fmt: skip


def canary_of(pairing: Pairing) -> ArmCounts:
    return counts_of(pairing).canary


def test_a_quiet_recording_is_counted_scrape_by_scrape():
    pairing = pair([replica(requests=[*steady(), *steady(20, code="503", latency=0.5)])])

    counts = counts_of(pairing)
    assert counts.edges_seconds.tolist() == [ZERO + 10 * point for point in range(31)]
    assert counts.upper_bounds_seconds.tolist() == [0.1, 0.2, 0.4, 0.8, np.inf]
    assert counts.scrape_interval_seconds == 10
    assert counts.baseline.requests.tolist() == [5.0] * 30
    assert counts.baseline.errors.sum() == 0
    assert counts.canary.errors.sum() == 15
    assert counts.canary.bucket_counts.sum(axis=0).tolist() == [0, 150, 150, 165, 165]
    assert counts.canary.latency_sum_seconds.sum() == pytest.approx(150 * 0.15 + 15 * 0.5)
    assert pairing.health.reason is None
    assert pairing.health.notes == ()
    assert pairing.health.missing_fraction == 0


def test_a_kill_loses_only_what_came_after_the_last_scrape():
    lives = ((LONG_AGO, ZERO + 104), (ZERO + 121, FOREVER))

    pairing = pair([replica(lives=lives), replica(number=1)])

    # Down from 104 to 121: served 101..104 but never scraped, 105..120 not served at all.
    killed = pairing.health.canary[0]
    assert killed.instance == "canary-0:8000"
    assert killed.restarts == 1
    assert killed.gap_seconds == 30
    assert killed.requests == 150 - 10
    assert pairing.health.used_scrapes == 31
    assert pairing.health.lost_requests_at_most == 5
    assert pairing.facts.canary.lost_requests_at_most == 5


def test_a_restart_that_overtakes_the_old_values_is_seen_by_the_start_of_the_process():
    lives = ((ZERO + 1, ZERO + 11), (ZERO + 12, FOREVER))
    busy = [*steady(4, start=1), *steady(0.5, start=12, end=20)]

    pairing = pair([replica(requests=busy, lives=lives), replica(number=1)])

    assert pairing.health.canary[0].restarts == 1
    assert canary_of(pairing).requests[1] == 5 + 18


def test_without_a_start_a_restart_is_seen_by_falling_counters():
    lives = ((LONG_AGO, ZERO + 104), (ZERO + 121, FOREVER))

    pairing = pair([replica(lives=lives), replica(number=1)], hidden=frozenset({"process_start_time_seconds"}))

    assert pairing.health.canary[0].restarts == 1
    assert pairing.health.canary[0].requests == 150 - 10


def test_a_label_that_a_living_service_removed_is_no_restart_of_the_rest():
    baseline, canary = both_answers([replica(requests=[*steady(), *steady(20, code="404")])])
    reborn = [
        replace(one, values=np.where(one.times_seconds > ZERO + 150, one.values - 9, one.values))
        if one.labels.get("code") == "404"
        else one
        for one in canary.series
        if one.name != "process_start_time_seconds"
    ]

    pairing = pair_counts(baseline, replace(canary, series=tuple(reborn)), names=NAMES, window=WINDOW)

    assert canary_of(pairing).requests.sum() == 165
    assert pairing.health.restarts == 0


def test_buckets_keep_their_order_when_only_some_of_them_show_a_reset():
    baseline, canary = both_answers([replica()])
    reset = [
        replace(one, values=np.where(one.times_seconds > ZERO + 150, one.values - 20, one.values))
        if one.labels.get("le") == "0.4"
        else one
        for one in canary.series
    ]

    pairing = pair_counts(baseline, replace(canary, series=tuple(reset)), names=NAMES, window=WINDOW)

    assert (np.diff(canary_of(pairing).bucket_counts, axis=1) >= 0).all()
    assert (canary_of(pairing).bucket_counts[:, -1] == canary_of(pairing).requests).all()


def test_the_first_error_at_a_known_replica_counts_from_zero():
    pairing = pair([replica(requests=[*steady(), FakeRequest(ZERO + 155, 0.1, "500")])])

    assert canary_of(pairing).errors.sum() == 1
    assert canary_of(pairing).errors[15] == 1


def test_the_first_request_of_an_idle_replica_counts_from_zero():
    pairing = pair([replica(requests=steady(start=101)), replica(number=1)])

    assert pairing.health.canary[0].requests == 100
    assert pairing.health.notes == ()


def test_a_replica_that_started_inside_the_window_counts_from_zero():
    pairing = pair([replica(), replica(number=1, lives=((ZERO + 95, FOREVER),), requests=steady(start=96))])

    assert pairing.health.canary[1].requests == 103
    assert (pairing.facts.canary.births, pairing.facts.canary.uncounted_births) == (1, 0)
    assert pairing.health.used_scrapes == 31


def test_a_replica_that_appears_with_an_unknown_start_counts_from_its_first_scrape():
    young = replica(number=1, lives=((ZERO + 95, FOREVER),), requests=steady(start=96))

    pairing = pair([replica(), young], hidden=frozenset({"process_start_time_seconds"}))

    assert pairing.health.canary[1].requests == 100
    assert (pairing.facts.canary.births, pairing.facts.canary.uncounted_births) == (1, 1)
    assert pairing.facts.canary.uncounted_requests_at_most == 3


def test_a_replica_that_is_scraped_no_more_contributes_nothing_and_blocks_nothing():
    pairing = pair([replica(), replica(number=1, lives=((LONG_AGO, ZERO + 155),))])

    assert pairing.health.used_scrapes == 31
    assert pairing.health.canary[1].requests == 75
    assert pairing.health.notes == ("replica-gone",)
    assert pairing.health.lost_requests_at_most == 5


def test_a_missed_scrape_makes_one_longer_interval_in_both_arms():
    pairing = pair([replica(missed=frozenset({7}))])

    counts = counts_of(pairing)
    assert ZERO + 70 not in counts.edges_seconds
    assert counts.baseline.requests[6] == counts.canary.requests[6] == 10
    assert counts.canary.requests.sum() == 150
    assert pairing.health.expected_scrapes == 31
    assert pairing.health.used_scrapes == 30
    assert pairing.health.missing_fraction == pytest.approx(1 / 31)


def test_a_hole_of_two_minutes_in_the_server_is_one_long_interval():
    hole = frozenset(range(6, 18))

    pairing = pair([replica(missed=hole)], [replica("baseline", missed=hole)])

    counts = counts_of(pairing)
    assert counts.canary.requests.sum() == 150
    assert counts.canary.requests.max() == 65
    assert pairing.health.missing_fraction == pytest.approx(12 / 31)


def test_only_increments_with_both_ends_inside_the_window_count():
    window = Window(start=START + timedelta(seconds=13), end=START + timedelta(seconds=97))

    counts = counts_of(pair([replica()], window=window))

    assert counts.edges_seconds.tolist() == [ZERO + 10 * point for point in range(2, 10)]


def test_arms_at_different_phases_share_rounds():
    pairing = pair([replica(phase_seconds=ZERO + 1.5)], [replica("baseline", phase_seconds=ZERO - 1.5)])

    counts = counts_of(pairing)
    assert counts.canary.requests.size == counts.baseline.requests.size == 28
    assert counts.edges_seconds[0] == ZERO + 10
    assert pairing.health.missing_fraction == 0


def test_scrapes_that_come_milliseconds_late_keep_their_place():
    baseline, canary = both_answers([replica()])
    shaken = [
        replace(one, times_seconds=one.times_seconds + 0.002 * (np.arange(one.times_seconds.size) % 3))
        for one in canary.series
    ]

    pairing = pair_counts(baseline, replace(canary, series=tuple(shaken)), names=NAMES, window=WINDOW)

    assert pairing.health.expected_scrapes == pairing.health.used_scrapes
    assert pairing.health.scrape_interval_seconds == pytest.approx(10, abs=0.01)


def test_arms_scraped_at_different_intervals_are_compared_at_the_longer_one():
    baseline = FakePrometheus(replicas=[replica("baseline")], rounds=range(-3, 12), interval_seconds=30)
    canary = FakePrometheus(replicas=[replica()], rounds=range(-6, 34))

    pairing = pair_counts(baseline.both_arms(WINDOW)[0], canary.both_arms(WINDOW)[1], names=NAMES, window=WINDOW)

    counts = counts_of(pairing)
    assert counts.scrape_interval_seconds == 30
    assert counts.canary.requests.tolist() == counts.baseline.requests.tolist() == [15.0] * 10


def test_bounds_are_numbers_and_may_be_written_differently():
    counts = counts_of(pair([replica(bounds=("0.10", "2e-1", ".4", "0.8", "inf"))]))

    assert counts.upper_bounds_seconds.tolist() == [0.1, 0.2, 0.4, 0.8, np.inf]
    assert counts.canary.bucket_counts[0].tolist() == [0, 5, 5, 5, 5]


def test_different_bounds_are_merged_to_the_common_ones():
    pairing = pair([replica(bounds=("0.1", "0.15", "0.4", "1.6", "+Inf"))])

    assert counts_of(pairing).upper_bounds_seconds.tolist() == [0.1, 0.4, np.inf]
    assert counts_of(pairing).canary.bucket_counts[0].tolist() == [0, 5, 5]
    assert (pairing.facts.common_bounds, pairing.facts.dropped_bounds) == (2, 4)


def test_milliseconds_become_seconds():
    names = replace(NAMES, unit="milliseconds")
    slow = [FakeRequest(one.at_seconds, 300.0) for one in steady()]
    bounds = ("100", "250", "500", "+Inf")

    counts = counts_of(
        pair(
            [replica(requests=slow, bounds=bounds)],
            [replica("baseline", requests=slow, bounds=bounds)],
            names=names,
        )
    )

    assert counts.upper_bounds_seconds.tolist() == [0.1, 0.25, 0.5, np.inf]
    assert counts.canary.latency_sum_seconds[0] == pytest.approx(1.5)


def test_the_histogram_itself_may_count_the_requests():
    names = replace(NAMES, requests=f"{NAMES.latency}_count", error_matchers=parse_matchers('route="/broken"'))
    broken = FakeRequest(ZERO + 55, 0.2, route="/broken")

    counts = counts_of(pair([replica(requests=[*steady(), broken])], names=names))

    assert counts.canary.requests.sum() == 151
    assert counts.canary.errors.sum() == 1


def test_without_sums_the_latency_sum_is_unknown():
    counts = counts_of(pair([replica()], hidden=frozenset({"http_request_duration_seconds_sum"})))

    assert np.isnan(counts.canary.latency_sum_seconds).all()


def test_without_up_and_starts_the_counters_alone_are_enough():
    hidden = frozenset({"up", "process_start_time_seconds"})

    assert canary_of(pair([replica()], hidden=hidden)).requests.tolist() == [5.0] * 30


def test_an_error_scraped_before_its_request_is_moved_to_the_request():
    baseline, canary = both_answers([replica(requests=[*steady(start=-30, end=0), FakeRequest(ZERO + 55, 0.1, "500")])])
    early = [
        replace(one, times_seconds=one.times_seconds[:1] - 10, values=one.values[:1])
        if one.labels.get("code") == "500"
        else one
        for one in canary.series
    ]

    pairing = pair_counts(baseline, replace(canary, series=tuple(early)), names=NAMES, window=WINDOW)

    counts = canary_of(pairing)
    assert counts.errors.sum() == 1
    assert (counts.errors <= counts.requests).all()


def test_samples_that_are_not_numbers_are_missed_scrapes():
    baseline, canary = both_answers([replica()])
    holed = [replace(one, values=np.where(one.times_seconds == ZERO + 50, np.nan, one.values)) for one in canary.series]

    pairing = pair_counts(baseline, replace(canary, series=tuple(holed)), names=NAMES, window=WINDOW)

    assert canary_of(pairing).requests.sum() == 150
    assert pairing.health.used_scrapes == 30


@pytest.mark.parametrize(
    ("canary", "baseline", "server", "reason"),
    [
        ([], None, {}, "no-traffic-canary"),
        ([replica(requests=[])], None, {}, "no-traffic-canary"),
        ([replica()], [replica("baseline", requests=[])], {}, "no-traffic-baseline"),
        ([replica(requests=[])], [replica("baseline", requests=[])], {}, "no-traffic"),
        ([replica(requests=steady(end=-20))], None, {}, "no-traffic-canary"),
        ([replica(lives=((LONG_AGO, ZERO - 5),))], None, {}, "no-traffic-canary"),
        ([replica()], None, {"hidden": frozenset({NAMES.bucket, NAMES.requests})}, "no-traffic"),
        ([replica()], None, {"hidden": frozenset({NAMES.bucket})}, "buckets-missing"),
        ([replica()], None, {"hidden": frozenset({NAMES.requests})}, "requests-missing"),
        ([replica(bounds=("0.15", "0.3", "+Inf"))], None, {}, "bounds-differ"),
        ([replica(missed=frozenset(range(1, 40)))], None, {}, "no-traffic-canary"),
    ],
    ids=[
        "no canary", "idle canary", "idle baseline", "idle arms", "traffic before", "dead before", "other names",
        "no buckets", "no counter", "other bounds", "canary not reached",
    ],
)  # fmt: skip
def test_arms_that_cannot_be_compared_say_why(
    canary: list[FakeReplica], baseline: list[FakeReplica] | None, server: dict[str, Any], reason: str
):
    pairing = pair(canary, baseline, **server)

    assert pairing.counts is None
    assert pairing.health.reason == reason


def test_failures_that_no_counter_counted_are_unknown_and_not_none():
    hidden = pair([replica()], hidden=frozenset({NAMES.requests})).health
    counted = pair([replica()]).health

    assert [one.errors for one in hidden.canary] == [None]
    assert all(one.errors is not None for one in counted.canary)


def test_a_window_with_less_than_two_scrapes_has_too_few():
    window = Window(start=START + timedelta(seconds=5), end=START + timedelta(seconds=18))

    pairing = pair([replica()], window=window)

    assert pairing.health.reason == "too-few-scrapes"


def test_arms_that_were_never_there_together_have_too_few_scrapes():
    pairing = pair(
        [replica(lives=((ZERO + 155, FOREVER),), requests=steady(start=160))],
        [replica("baseline", lives=((LONG_AGO, ZERO + 145),))],
    )

    assert pairing.counts is None
    assert pairing.health.reason == "too-few-scrapes"
    assert pairing.health.baseline[0].requests == 70


def test_nothing_at_all_is_no_traffic():
    nothing = Answer(series=())

    pairing = pair_counts(nothing, nothing, names=NAMES, window=WINDOW)

    assert pairing.health.reason == "no-traffic"
    assert pairing.health.missing_fraction == 1


def test_a_counter_of_both_arms_is_refused():
    answer, _ = both_answers([replica()])

    with pytest.raises(SelectorError, match="belongs to the baseline and to the canary"):
        pair_counts(answer, answer, names=NAMES, window=WINDOW)


@pytest.mark.parametrize("labels", [{"vmrange": "1...2"}, {"le": "fast"}, {"le": "NaN"}])
def test_a_bucket_without_a_bound_is_refused_with_a_cure(labels: dict[str, str]):
    baseline, canary = both_answers([replica()])
    odd = Series(
        labels={"__name__": NAMES.bucket, "instance": "canary-0:8000", "job": "fake", **labels},
        times_seconds=np.array([ZERO + 10, ZERO + 20]),
        values=np.array([1.0, 2.0]),
    )

    with pytest.raises(PrometheusAnswerError, match="prometheus_buckets"):
        pair_counts(baseline, replace(canary, series=(*canary.series, odd)), names=NAMES, window=WINDOW)


@pytest.mark.parametrize("value", [-1.0, 1e300])
def test_a_count_that_cannot_be_is_refused(value: float):
    baseline, canary = both_answers([replica()])
    odd = [replace(one, values=np.full(one.values.size, value)) if one.name == NAMES.bucket else one
           for one in canary.series]  # fmt: skip

    with pytest.raises(PrometheusAnswerError, match="which no count can"):
        pair_counts(baseline, replace(canary, series=tuple(odd)), names=NAMES, window=WINDOW)


def test_a_series_that_is_there_twice_is_refused():
    baseline, canary = both_answers([replica()])

    with pytest.raises(PrometheusAnswerError, match="is there twice"):
        pair_counts(baseline, replace(canary, series=canary.series * 2), names=NAMES, window=WINDOW)


def test_a_counter_that_disagrees_with_the_histogram_is_noted():
    baseline, canary = both_answers([replica()])
    doubled = [replace(one, values=one.values * 2) if one.name == NAMES.requests else one for one in canary.series]

    pairing = pair_counts(baseline, replace(canary, series=tuple(doubled)), names=NAMES, window=WINDOW)

    assert pairing.health.notes == ("requests-differ",)


def test_there_are_never_more_errors_than_requests():
    errors = [FakeRequest(one.at_seconds, one.latency_seconds, "500") for one in steady()]
    baseline, canary = both_answers([replica(requests=errors)])
    doubled = [replace(one, values=one.values * 2) if one.name == NAMES.requests else one for one in canary.series]

    pairing = pair_counts(baseline, replace(canary, series=tuple(doubled)), names=NAMES, window=WINDOW)

    assert canary_of(pairing).errors.tolist() == canary_of(pairing).requests.tolist()


def test_requests_for_the_metrics_page_are_noted():
    scrapes = [FakeRequest(ZERO + 10 * number, 0.01, route="/metrics") for number in range(30)]

    pairing = pair([replica(requests=[*steady(), *scrapes])])

    assert pairing.health.notes == ("metrics-route",)
