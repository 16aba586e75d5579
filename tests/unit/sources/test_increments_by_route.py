from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from reliability.judge.counts import ArmCounts, PairedCounts, ReplicaTotals, RouteCounts
from reliability.judge.routes import OTHER_ROUTES
from reliability.sources.answer import Answer
from reliability.sources.increments import pair_counts
from tests.fake_prometheus import NAMES, FakePrometheus, FakeRequest
from tests.unit.sources.scraped import (
    INTERVAL,
    ROUNDS,
    WINDOW,
    ZERO,
    as_plain,
    both_answers,
    counts_of,
    pair,
    replica,
    services,
    steady,
    window_of,
)  # fmt: skip


def by_route(counts: PairedCounts) -> dict[str, RouteCounts]:
    return {route.route: route for route in counts.routes}


def relabelled(answer: Answer, metric: str, label: str, to: str | None) -> Answer:
    """Rename a label of a metric, or take it away."""
    changed = []
    for one in answer.series:
        labels = dict(one.labels)
        if one.name == metric:
            value = labels.pop(label)
            labels |= {to: value} if to else {}
        changed.append(replace(one, labels=labels))
    return replace(answer, series=tuple(changed))


def added(parts: Sequence[ArmCounts]) -> tuple[object, ...]:
    return plain(
        ArmCounts(
            bucket_counts=np.sum([part.bucket_counts for part in parts], axis=0),
            requests=np.sum([part.requests for part in parts], axis=0),
            errors=np.sum([part.errors for part in parts], axis=0),
            latency_sum_seconds=np.sum([part.latency_sum_seconds for part in parts], axis=0),
        )
    )


def plain(arm: ArmCounts) -> tuple[object, ...]:
    return (
        arm.bucket_counts.tolist(),
        arm.requests.tolist(),
        arm.errors.tolist(),
        arm.latency_sum_seconds.round(9).tolist(),
    )


@settings(max_examples=10)
@given(server=services())
def test_routes_and_replicas_add_up_to_their_arm_and_do_not_change_it(server: FakePrometheus):
    window = window_of(0, INTERVAL * (ROUNDS - 1))
    answers = server.both_arms(window)

    split = pair_counts(*answers, names=NAMES, window=window, route_label="route")
    whole = pair_counts(*answers, names=NAMES, window=window)

    assert as_plain(split) == as_plain(whole)
    if split.counts is None:
        return
    assert whole.counts is not None
    assert whole.counts.routes == ()
    for arm in ("baseline", "canary"):
        total: ArmCounts = getattr(split.counts, arm)
        replicas: Sequence[ReplicaTotals] = getattr(split.counts, f"{arm}_replicas")
        assert added([getattr(route, arm) for route in split.counts.routes]) == plain(total)
        assert np.sum([one.bucket_counts for one in replicas], axis=0).tolist() == total.bucket_counts.sum(0).tolist()
        assert sum(one.errors for one in replicas) == total.errors.sum()
    assert [route.route for route in split.counts.routes] == sorted(by_route(split.counts))


def test_a_route_of_one_arm_only_is_nothing_in_the_other():
    counts = counts_of(pair([replica(requests=[*steady(), FakeRequest(ZERO + 55, 0.2, route="/new")])], label="route"))

    new = by_route(counts)["/new"]
    assert new.canary.requests.sum() == 1
    assert new.baseline.requests.tolist() == [0.0] * 30
    assert new.baseline.bucket_counts.shape == counts.baseline.bucket_counts.shape


def test_series_without_the_label_are_the_route_without_a_name():
    counts = counts_of(pair([replica()], label="handler"))

    assert [route.route for route in counts.routes] == [""]
    assert plain(counts.routes[0].canary) == plain(counts.canary)


def test_errors_that_the_counter_files_under_another_label_belong_to_no_route_but_to_the_arm():
    broken = [*steady(), *steady(20, code="500", latency=0.5)]
    baseline, canary = (
        relabelled(answer, NAMES.requests, "route", "path") for answer in both_answers([replica(requests=broken)])
    )

    pairing = pair_counts(baseline, canary, names=NAMES, window=WINDOW, route_label="route")

    (route,) = counts_of(pairing).routes
    assert np.isnan(route.canary.errors).all()
    assert route.canary.requests.sum() == 165
    assert route.baseline.errors.sum() == 0
    assert counts_of(pairing).canary.errors.sum() == 15
    assert pairing.health.notes == ("route-errors-unknown",)


def test_the_sum_of_a_route_is_unknown_when_a_replica_does_not_export_it():
    baseline, canary = both_answers([replica(), replica(number=1)])
    without = [
        one for one in canary.series if one.name != NAMES.latency_sum or one.labels["instance"] != "canary-0:8000"
    ]

    pairing = pair_counts(
        baseline, replace(canary, series=tuple(without)), names=NAMES, window=WINDOW, route_label="route"
    )

    assert np.isnan(counts_of(pairing).canary.latency_sum_seconds).all()
    assert np.isfinite(counts_of(pairing).baseline.latency_sum_seconds).all()


def test_routes_behind_the_hundred_busiest_are_counted_as_one():
    rare = [FakeRequest(ZERO + 1 + number, 0.2, route=f"/guests/{number:03}") for number in range(120)]

    counts = counts_of(pair([replica(requests=[*steady(), *rare])], label="route"))

    routes = by_route(counts)
    assert len(routes) == 101
    assert routes["/search"].canary.requests.sum() == 150
    assert routes[OTHER_ROUTES].canary.requests.sum() == 21
    assert added([route.canary for route in counts.routes]) == plain(counts.canary)
