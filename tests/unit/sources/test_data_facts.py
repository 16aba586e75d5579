from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from reliability.judge.data_facts import DataFacts
from reliability.judge.data_health import judge_data
from reliability.sources.increments import pair_counts
from reliability.sources.promql import parse_matchers
from reliability.window import Window
from tests.fake_prometheus import BASELINE, CANARY, NAMES, FakePrometheus, FakeReplica, FakeRequest
from tests.unit.sources.scraped import FOREVER, LONG_AGO, START, WINDOW, ZERO, both_answers, pair, replica, steady


def facts_of(canary: Sequence[FakeReplica], baseline: Sequence[FakeReplica] | None = None, **server: Any) -> DataFacts:
    return pair(canary, baseline, **server).facts


def reasons(facts: DataFacts) -> set[str]:
    return {check.reason for check in judge_data(facts, canary_share_fraction=None)}


def test_a_quiet_recording_gives_no_reason_for_doubt():
    facts = facts_of([replica()])

    assert (facts.baseline.requests, facts.canary.requests, facts.canary.replicas) == (150, 150, 1)
    assert facts.share_error_fraction == pytest.approx(0.5 / np.sqrt(300))
    assert facts.canary.mean_seconds == pytest.approx(0.15)
    assert (facts.canary.mean_low_seconds, facts.canary.mean_high_seconds) == (0.1, 0.2)
    assert reasons(facts) == {
        "few-missing", "not-declared", "no-restart", "no-birth", "one-replica", "clocks-agree", "one-value",
        "no-warning", "unit-plausible", "bounds-equal", "all-stayed", "label-there", "requests-agree",
    }  # fmt: skip


def test_a_gap_in_up_is_a_missing_scrape_and_not_a_sample():
    facts = facts_of([replica(missed=frozenset({29, 30, 31, 32, 33}))])

    assert facts.canary.newest_before_end_seconds == 20
    assert facts.baseline.newest_before_end_seconds == 0
    assert (facts.expected_scrapes, facts.used_scrapes) == (31, 29)


def test_samples_that_stopped_before_the_end_are_stale():
    facts = facts_of([replica(missed=frozenset(range(27, 40)))])

    assert facts.canary.newest_before_end_seconds == 40
    assert "stale-data" in reasons(facts)


def test_a_process_that_started_after_its_first_scrape_has_another_clock():
    baseline, canary = both_answers([replica()])
    ahead = [
        replace(one, values=np.full(one.values.size, ZERO + 7)) if one.name == "process_start_time_seconds" else one
        for one in canary.series
        if one.times_seconds[0] <= ZERO
    ]

    facts = pair_counts(baseline, replace(canary, series=tuple(ahead)), names=NAMES, window=WINDOW).facts

    assert facts.canary.started_after_scrape_seconds == 7 + 60
    assert "clock-skew" in reasons(facts)


def test_samples_from_after_the_instant_of_judging_have_another_clock():
    as_of = WINDOW.end - timedelta(seconds=20)

    facts = pair_counts(*both_answers([replica()]), names=NAMES, window=WINDOW, as_of=as_of).facts

    assert facts.newest_after_as_of_seconds == 20
    assert "clock-skew" in reasons(facts)


def test_two_versions_in_an_arm_are_found_unless_a_matcher_selects_them():
    versions = [replica(number=number, extra_labels={"version": str(number)}) for number in range(2)]
    answers = both_answers(versions)

    mixed = pair_counts(*answers, names=NAMES, window=WINDOW, matchers=(BASELINE, CANARY)).facts
    chosen = (BASELINE, (*CANARY, *parse_matchers('version=~"0|1"')))
    selected = pair_counts(*answers, names=NAMES, window=WINDOW, matchers=chosen).facts

    assert "mixed-releases" in reasons(mixed)
    assert reasons(selected) & {"mixed-releases", "mixed-labels"} == set()


def test_warnings_of_the_server_are_told_once():
    assert facts_of([replica()], warnings=("a store is down",)).warnings == ("a store is down",)


def test_a_sum_in_another_unit_than_the_bounds_is_doubtful():
    baseline, canary = both_answers([replica()])
    in_ms = [replace(one, values=one.values * 1000) if one.name == NAMES.latency_sum else one for one in canary.series]

    facts = pair_counts(baseline, replace(canary, series=tuple(in_ms)), names=NAMES, window=WINDOW).facts

    assert facts.canary.mean_seconds == pytest.approx(150)
    assert "unit-doubtful" in reasons(facts)


def test_the_mean_of_requests_in_the_last_bucket_has_no_upper_limit():
    facts = facts_of([replica(requests=[*steady(), FakeRequest(ZERO + 55, 70.0)])])

    assert facts.canary.mean_high_seconds is None
    assert "unit-plausible" in reasons(facts)


def test_what_a_late_found_replica_served_before_is_bounded_by_its_pace():
    old = replica(number=1, lives=((LONG_AGO, FOREVER),), requests=steady(start=-3000), missed=frozenset(range(-6, 10)))
    hidden = frozenset({"process_start_time_seconds"})

    facts = facts_of([replica(), old], hidden=hidden)

    # 1550 requests stand in its first scrape, but in the 100 s before it served at most 50 of them.
    assert (facts.canary.births, facts.canary.uncounted_births) == (1, 1)
    assert facts.canary.uncounted_requests_at_most == 50
    assert "birth-unknown" in reasons(facts)


def test_one_slow_replica_is_found_in_raw_counters():
    quick, slow = steady(0.5), steady(0.5, latency=0.3)
    tail = [FakeRequest(one.at_seconds, 0.3) for one in quick[::20]]

    facts = facts_of([replica(requests=[*quick, *tail]), replica(number=1, requests=slow)])

    assert {one.measure for one in facts.canary.odd_replicas} == {"latency"}
    assert facts.baseline.odd_replicas == ()
    assert "replicas-differ" in reasons(facts)


@pytest.mark.parametrize("arm", ["baseline", "canary"])
@pytest.mark.parametrize(
    ("until", "hidden_start", "is_gone"), [(150, False, True), (150, True, True), (295, False, False)]
)
def test_a_replica_that_vanishes_long_before_its_arm_is_gone(arm: str, until: int, hidden_start: bool, is_gone: bool):
    everyone = [replica(arm), replica(arm, number=1, lives=((LONG_AGO, ZERO + until),))]
    hidden = frozenset({"process_start_time_seconds"} if hidden_start else ())

    facts = facts_of([replica()], everyone, hidden=hidden) if arm == "baseline" else facts_of(everyone, hidden=hidden)

    assert getattr(facts, arm).gone_replicas == ((f"{arm}-1:8000",) if is_gone else ())
    assert ("replica-gone" in reasons(facts)) == is_gone


@pytest.mark.parametrize(
    "changes",
    [{"lives": ((LONG_AGO, ZERO + 104), (ZERO + 241, FOREVER))}, {"lives": ((LONG_AGO, ZERO - 15),)}],
    ids=["it came back", "it went before the window"],
)
def test_a_restart_and_an_earlier_end_are_not_gone(changes: dict[str, Any]):
    assert facts_of([replica(), replica(number=1, **changes)]).canary.gone_replicas == ()


def test_an_arm_that_vanishes_whole_is_stale_and_not_gone():
    facts = facts_of([replica(number=number, lives=((LONG_AGO, ZERO + 150),)) for number in range(2)])

    assert facts.canary.gone_replicas == ()
    assert "stale-data" in reasons(facts)


@pytest.mark.parametrize(
    ("matchers", "missing"),
    [
        ('code=~"5.."', ()),
        ('status=~"5.."', ("status",)),
        ('status!~"2.."', ("status",)),
        ('code=~"5..", path!="/health"', ()),
        ('code=~"5..", grpc="14"', ("grpc",)),
    ],
)
@pytest.mark.parametrize("code", ["200", "500"])
def test_a_label_of_errors_that_no_request_has_is_named_and_the_rest_are_fine(
    matchers: str, missing: tuple[str, ...], code: str
):
    names = replace(NAMES, error_matchers=parse_matchers(matchers))

    facts = facts_of([replica(requests=steady(code=code))], names=names)

    assert facts.canary.missing_error_labels == facts.baseline.missing_error_labels == missing
    assert ("error-label-missing" in reasons(facts)) == bool(missing)


@pytest.mark.parametrize("lost", [NAMES.bucket, NAMES.requests])
def test_a_replica_with_one_of_counter_and_histogram_makes_them_differ(lost: str):
    baseline, canary = both_answers([replica(number=number) for number in range(3)])
    rest = [one for one in canary.series if not (one.name == lost and one.labels["instance"].startswith("canary-2"))]

    facts = pair_counts(baseline, replace(canary, series=tuple(rest)), names=NAMES, window=WINDOW).facts

    assert {facts.canary.requests, facts.canary.counted_requests} == {300, 450}
    assert "requests-differ" in reasons(facts)


@pytest.mark.parametrize(("paces", "effective"), [((2, 2, 2), 3.0), ((2, 2), 2.0), ((2, 60, 60), 1.14)])
def test_replicas_count_as_far_as_they_serve(paces: tuple[float, ...], effective: float):
    facts = facts_of([replica(number=n, requests=steady(pace)) for n, pace in enumerate(paces)])

    assert facts.canary.effective_replicas == pytest.approx(effective, abs=0.01)


def test_arms_that_never_shared_a_scrape_have_facts_too():
    server = FakePrometheus(replicas=[replica("baseline")], rounds=range(-6, 34), warnings=("slow",))
    window = Window(start=START, end=START + timedelta(minutes=5))

    pairing = pair_counts(*server.both_arms(window), names=NAMES, window=window)

    assert pairing.counts is None
    assert pairing.facts.warnings == ("slow",)
    assert pairing.facts.canary.newest_before_end_seconds is None
    assert {"data-gap", "server-warning"} <= reasons(pairing.facts)
