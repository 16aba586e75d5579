import contextlib
import itertools
import json
import math
import random
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.errors import PrometheusAnswerError
from reliability.sources.answer import Answer, decode_answer
from reliability.sources.increments import Pairing, pair_counts
from reliability.window import Window
from tests.fake_prometheus import NAMES, FakePrometheus, FakeReplica, FakeRequest
from tests.unit.sources.scraped import INTERVAL, ROUNDS, ZERO, as_plain, services, window_of

BOUNDS = (0.1, 0.2, 0.4, 0.8, math.inf)


def pair(server: FakePrometheus, window: Window) -> Pairing:
    return pair_counts(*server.both_arms(window), names=NAMES, window=window)


@dataclass(frozen=True)
class Seen:
    """A request and the round at which its counters were first scraped."""

    request: FakeRequest
    round_number: int


def successful_rounds(server: FakePrometheus, one: FakeReplica) -> list[int]:
    return [
        number
        for number in server.rounds
        if number not in one.missed and one.life_at(one.scrape_seconds(number, INTERVAL))
    ]


def seen_requests(server: FakePrometheus, one: FakeReplica) -> list[Seen]:
    found = []
    for request in one.requests:
        life = one.life_at(request.at_seconds)
        rounds = (
            number
            for number in successful_rounds(server, one)
            if (at := one.scrape_seconds(number, INTERVAL)) >= request.at_seconds and one.life_at(at) == life
        )
        number = next(rounds, None)
        if life is not None and number is not None:
            found.append(Seen(request, number))
    return found


def edges_of(pairing: Pairing, server: FakePrometheus) -> list[int]:
    assert pairing.counts is not None
    base = min(one.phase_seconds for one in server.replicas)
    return [round((edge - base) / INTERVAL - 0.1) for edge in pairing.counts.edges_seconds]


@settings(max_examples=10)
@given(server=services(), start=st.floats(0, 60), length=st.floats(60, 180))
def test_counts_are_what_was_served_between_the_scrapes(server: FakePrometheus, start: float, length: float):
    pairing = pair(server, window_of(round(start, 3), round(start + length, 3)))

    if pairing.counts is None:
        return
    edges = edges_of(pairing, server)
    for arm, counts in (("baseline", pairing.counts.baseline), ("canary", pairing.counts.canary)):
        seen = [one for member in server.replicas if member.arm == arm for one in seen_requests(server, member)]
        for index, (before, after) in enumerate(itertools.pairwise(edges)):
            inside = [one.request for one in seen if before < one.round_number <= after]
            expected = [sum(r.latency_seconds <= bound for r in inside) for bound in BOUNDS]
            assert counts.bucket_counts[index].tolist() == expected
            assert counts.requests[index] == len(inside)
            assert counts.errors[index] == sum(r.code.startswith("5") for r in inside)
            latencies = sum(r.latency_seconds for r in inside)
            assert math.isclose(counts.latency_sum_seconds[index], latencies, abs_tol=1e-9)


@settings(max_examples=10)
@given(server=services())
def test_a_round_is_usable_unless_a_living_replica_missed_it_or_an_arm_was_not_there(server: FakePrometheus):
    window = window_of(0, INTERVAL * (ROUNDS - 1))
    pairing = pair(server, window)

    if pairing.counts is None:
        return
    edges = edges_of(pairing, server)
    scraped = {one.instance: fetched_rounds(server, one, window) for one in server.replicas}
    for number in range(1, ROUNDS - 2):
        missed = any(was_only_missed(one, scraped[one.instance], number) for one in server.replicas)
        there = {one.arm for one in server.replicas if number in scraped[one.instance]}
        assert (number in edges) == (not missed and there == {"baseline", "canary"})


def fetched_rounds(server: FakePrometheus, one: FakeReplica, window: Window) -> list[int]:
    start, end = window.start.timestamp() - 120, window.end.timestamp()
    return [number for number in successful_rounds(server, one) if start <= one.scrape_seconds(number, INTERVAL) <= end]


def was_only_missed(one: FakeReplica, scraped: list[int], number: int) -> bool:
    before = [n for n in scraped if n < number]
    after = [n for n in scraped if n > number]
    if number in scraped or not before or not after:
        return False
    lives = {one.life_at(one.scrape_seconds(n, INTERVAL)) for n in (before[-1], after[0])}
    return len(lives) == 1


@settings(max_examples=10)
@given(server=services(), cut=st.integers(6, 18))
def test_counts_of_adjacent_windows_add_up(server: FakePrometheus, cut: int):
    steady = replace(
        server,
        replicas=[replace(one, phase_seconds=ZERO, lives=one.lives[:1], missed=frozenset()) for one in server.replicas],
    )
    middle = cut * INTERVAL

    parts = [pair(steady, window_of(0, middle)), pair(steady, window_of(middle, 220))]
    whole = pair(steady, window_of(0, 220))

    if whole.counts is None or any(part.counts is None for part in parts):
        return
    for arm in ("baseline", "canary"):
        summed = [getattr(part.counts, arm).bucket_counts for part in parts]
        expected = getattr(whole.counts, arm).bucket_counts
        assert np.concatenate(summed).tolist() == expected.tolist()


@settings(max_examples=10)
@given(server=services(), start=st.sampled_from([0.0, 3.5, 10.0, 14.25]))
def test_a_left_open_server_gives_the_same_counts(server: FakePrometheus, start: float):
    window = window_of(start, start + 150)

    closed = pair(server, window)
    left_open = pair(replace(server, left_open=True), window)

    assert as_plain(closed) == as_plain(left_open)


@settings(max_examples=10)
@given(server=services(), chance=st.randoms(use_true_random=True))
def test_the_order_of_the_series_changes_nothing(server: FakePrometheus, chance: random.Random):
    window = window_of(5, 190)
    baseline, canary = server.both_arms(window)

    shuffled = pair_counts(mixed(baseline, chance), mixed(canary, chance), names=NAMES, window=window)

    plain = pair_counts(baseline, canary, names=NAMES, window=window)
    assert as_plain(shuffled) == as_plain(plain)
    assert shuffled.facts == plain.facts


def mixed(answer: Answer, chance: random.Random) -> Answer:
    series = list(answer.series)
    chance.shuffle(series)
    return replace(answer, series=tuple(series))


ODD_SERIES = st.builds(
    lambda name, labels, samples: {"metric": {"__name__": name, **labels}, "values": samples},
    name=st.sampled_from([*NAMES.fetched(), "other"]),
    labels=st.fixed_dictionaries(
        {}, optional={"le": st.sampled_from(["0.1", "0.2", "+Inf"]), "instance": st.sampled_from("ab")}
    ),
    samples=st.lists(
        st.tuples(
            st.integers(-50, 250).map(lambda offset: ZERO + offset),
            st.sampled_from(["0", "1", "5", "1e300", "-3", "NaN", "+Inf"]),
        ),
        max_size=6,
    ),
)


@given(baseline=st.lists(ODD_SERIES, max_size=6), canary=st.lists(ODD_SERIES, max_size=6))
def test_odd_samples_are_counted_or_left_out_but_never_break_the_counting(
    baseline: list[dict[str, object]], canary: list[dict[str, object]]
):
    for arm, members in (("baseline", baseline), ("canary", canary)):
        for member in members:
            member["metric"] = {**cast("dict[str, str]", member["metric"]), "arm": arm}
    answers = [
        decode_answer(
            json.dumps({"status": "success", "data": {"resultType": "matrix", "result": members}}).encode(),
            where="odd",
        )
        for members in (baseline, canary)
    ]

    with contextlib.suppress(PrometheusAnswerError):
        pairing = pair_counts(*answers, names=NAMES, window=window_of(0, 200))
        assert (pairing.counts is None) == (pairing.health.reason is not None)
        if pairing.counts is not None:
            assert np.isfinite(pairing.counts.canary.bucket_counts).all()
