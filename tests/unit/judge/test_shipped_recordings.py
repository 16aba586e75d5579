"""The judges on the recordings that ship with the package, whose truth the manifest holds."""

import zlib
from dataclasses import replace
from datetime import timedelta

import pytest

from reliability.judge.canary import judge_canary
from reliability.judge.data_health import judge_data
from reliability.judge.error_rate import judge_errors
from reliability.judge.latency import judge_latency
from reliability.sources.increments import pair_counts
from reliability.sources.metrics import MetricNames
from reliability.sources.promql import parse_matchers
from reliability.sources.samples import open_sample
from reliability.verdicts import Verdict
from reliability.window import Window
from tests.unit.judge.simulated import known


def judged(name, *, minutes=None, changed=lambda answer: answer):
    """Judge a sample, or its first minutes, as the report does; its answers may be changed before."""
    sample = open_sample(name)
    manifest = sample.capture.manifest
    end = sample.window.end if minutes is None else sample.window.start + timedelta(minutes=minutes)
    window = known(Window(start=sample.window.start, end=end).without_head(seconds=60 * manifest.warmup_minutes))
    names = MetricNames(
        latency=manifest.metrics.latency,
        requests=manifest.metrics.requests,
        error_matchers=parse_matchers(manifest.metrics.error_matchers, where="error_matchers"),
        unit="seconds",
    )
    baseline, canary = (
        sample.capture.fetch(
            metrics=names.fetched(), matchers=parse_matchers(manifest.arms[arm].matchers, where=arm), window=window
        )
        for arm in ("baseline", "canary")
    )
    pairing = pair_counts(changed(baseline), changed(canary), names=names, window=window)
    latency, errors = judge_latency(known(pairing.counts)), judge_errors(known(pairing.counts))
    canary_judgement = judge_canary(latency, errors, data=judge_data(pairing.facts, canary_share_fraction=None))
    return latency, errors, canary_judgement, manifest.truth["judged"]


@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        ("pass", Verdict.PASS, "inside-budget"),
        ("fail", Verdict.FAIL, "over-budget-both"),
        ("unsure", Verdict.INCONCLUSIVE, "not-enough-evidence"),
    ],
)
def test_each_recording_is_judged_as_it_was_made(name, verdict, reason):
    _, _, canary, _ = judged(name)

    assert (canary.verdict, canary.reason) == (verdict, reason)
    assert canary.cautions == ()


@pytest.mark.parametrize("name", ["pass", "fail"])
def test_the_true_change_lies_in_the_likely_range(name):
    latency, errors, _, truth = judged(name)
    baseline, canary = truth["baseline"], truth["canary"]

    low, high = known(latency.increase_interval)
    assert low <= canary["p95_seconds"] / baseline["p95_seconds"] - 1 <= high
    low, high = known(errors.interval)
    assert low <= canary["errors"] / canary["requests"] - baseline["errors"] / baseline["requests"] <= high


@pytest.mark.parametrize("name", ["pass", "fail"])
def test_the_true_p95_lies_in_its_bucket(name):
    latency, _, _, truth = judged(name)

    for bucket, arm in ((latency.baseline_bucket_seconds, "baseline"), (latency.canary_bucket_seconds, "canary")):
        low, high = known(bucket)
        assert low <= truth[arm]["p95_seconds"] <= known(high)


@pytest.mark.parametrize("minutes", [5.5, 6.0, 6.5])
def test_the_first_minutes_decide_nothing(minutes):
    _, _, canary, _ = judged("pass", minutes=minutes)

    assert canary.verdict is Verdict.INCONCLUSIVE


def test_no_growing_window_of_the_passing_recording_ever_fails():
    verdicts = [judged("pass", minutes=minutes)[2].verdict for minutes in (6, 8, 12, 16, 20)]

    assert Verdict.FAIL not in verdicts
    assert verdicts[-1] is Verdict.PASS


@pytest.mark.parametrize("shift", [1e3, 1e9])
def test_counters_that_started_higher_lead_to_the_same_numbers(shift):
    def raised(answer):
        return replace(answer, series=tuple(
            replace(one, values=one.values + shift * zlib.crc32(one.labels.get("instance", "").encode()) / 2**32)
            if one.name.endswith(("_bucket", "_total", "_count", "_sum")) else one
            for one in answer.series
        ))  # fmt: skip

    plain, higher = judged("unsure"), judged("unsure", changed=raised)

    assert higher[2].figures == plain[2].figures


def test_the_order_of_the_series_changes_nothing():
    def turned(answer):
        return replace(answer, series=answer.series[::-1])

    assert judged("unsure", changed=turned)[2] == judged("unsure")[2]
