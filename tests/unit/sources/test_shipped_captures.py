"""The shipped recordings, counted by the code of the reports and held against the client's own log."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from reliability.judge.counts import ArmCounts
from reliability.judge.data_health import judge_data
from reliability.sources.captures import Capture, read_capture
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.metrics import MetricNames
from reliability.sources.promql import parse_matchers
from reliability.sources.samples import shipped_samples
from reliability.verdicts import Verdict
from reliability.window import Window

ARMS = ("baseline", "canary")


@pytest.fixture(scope="module", params=["pass", "fail"])
def capture(request: pytest.FixtureRequest) -> Capture:
    return read_capture(shipped_samples() / request.param)


def counted(capture: Capture, window: Window, *, canary: str = "canary") -> Pairing:
    recorded = capture.manifest.metrics
    names = MetricNames(
        latency=recorded.latency,
        requests=recorded.requests,
        error_matchers=parse_matchers(recorded.error_matchers),
        unit=recorded.unit,
    )
    answers = [
        capture.fetch(
            metrics=names.fetched(),
            matchers=parse_matchers(capture.manifest.arms[arm].matchers),
            window=window,
        )
        for arm in ("baseline", canary)
    ]
    matchers = tuple(parse_matchers(capture.manifest.arms[arm].matchers) for arm in ("baseline", canary))
    return pair_counts(
        answers[0], answers[1], names=names, window=window, matchers=(matchers[0], matchers[1]),
        as_of=capture.manifest.as_of,
    )  # fmt: skip


def with_edges(capture: Capture) -> Window:
    """Return the load's window and the scrapes around it: nothing was served outside."""
    edge = timedelta(seconds=1.5 * capture.manifest.scrape_interval_seconds)
    return Window(start=capture.manifest.window.start - edge, end=capture.manifest.window.end + edge)


def truth_of(capture: Capture, arm: str) -> tuple[Mapping[str, Any], int]:
    truth = capture.manifest.truth
    return truth["whole"][arm], truth["kill_gap"].get(arm, {}).get("requests_at_most", 0)


def counts_of(pairing: Pairing, arm: str) -> ArmCounts:
    assert pairing.counts is not None, pairing.health.reason
    return pairing.counts.baseline if arm == "baseline" else pairing.counts.canary


@pytest.mark.parametrize("arm", ARMS)
def test_the_counts_of_the_whole_load_are_the_clients_but_for_a_kills_gap(capture: Capture, arm: str):
    truth, gap = truth_of(capture, arm)

    pairing = counted(capture, with_edges(capture))

    counts = counts_of(pairing, arm)
    slack = truth["lost_connections"] if gap else 0
    assert truth["requests"] - gap <= counts.requests.sum() <= truth["requests"] + slack
    assert truth["errors"] - gap <= counts.errors.sum() <= truth["errors"] + slack


def test_a_kills_gap_is_inside_what_the_health_says_was_lost(capture: Capture):
    gap = sum(truth_of(capture, arm)[1] for arm in ARMS)

    health = counted(capture, with_edges(capture)).health

    busiest = 1.5 * 18 * capture.manifest.scrape_interval_seconds  # a replica serves 18 a second on average
    assert gap <= health.lost_requests_at_most <= busiest * bool(gap)
    assert health.restarts == (1 if gap else 0)
    assert health.notes == ()


@pytest.mark.parametrize("arm", ARMS)
def test_the_true_p95_lies_in_the_bucket_that_the_counts_name(capture: Capture, arm: str):
    pairing = counted(capture, with_edges(capture))

    totals = counts_of(pairing, arm).bucket_counts.sum(axis=0)
    assert pairing.counts is not None
    position = int(np.searchsorted(totals, 0.95 * totals[-1]))
    low, high = pairing.counts.upper_bounds_seconds[position - 1 : position + 1]
    assert low < truth_of(capture, arm)[0]["p95_seconds"] <= high


def test_the_judged_part_misses_at_most_the_two_intervals_that_its_ends_cut(capture: Capture):
    manifest = capture.manifest
    judged = manifest.window.without_head(seconds=60 * manifest.warmup_minutes)
    assert judged is not None

    pairing = counted(capture, judged)

    for arm in ARMS:
        counts = counts_of(pairing, arm)
        truth, gap = manifest.truth["judged"][arm], truth_of(capture, arm)[1]
        missing = truth["requests"] - counts.requests.sum()
        assert 0 <= missing <= gap + 2 * counts.requests.max()
        assert counts.errors.sum() <= truth["errors"]
    assert pairing.health.missing_fraction == 0


def test_no_check_of_the_data_doubts_a_recording(capture: Capture):
    facts = counted(capture, capture.manifest.window).facts

    checks = judge_data(facts, canary_share_fraction=0.5)
    assert {check.verdict for check in checks} == {Verdict.PASS}
    assert facts.baseline.odd_replicas == facts.canary.odd_replicas == ()


def test_an_arm_without_traffic_says_so(capture: Capture):
    pairing = counted(capture, capture.manifest.window, canary="standby")

    assert pairing.counts is None
    assert pairing.health.reason == "no-traffic-canary"
    assert [replica.instance for replica in pairing.health.canary] == ["standby-1"]
