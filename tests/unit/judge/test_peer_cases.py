"""Cases that the test suites of Kayenta and PipeCD assert, each point taken as a scrape of latencies."""

import json
from pathlib import Path

import numpy as np
import pytest

from reliability.judge.latency import judge_latency
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import arm, expected_buckets, paired

CASES = json.loads((Path(__file__).parents[2] / "bench" / "peer_cases.json").read_text(encoding="utf-8"))
BOUNDS = np.append(1e-4 * 1.1 ** np.arange(200), np.inf)
REQUESTS = 200
WORDS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NO_DATA: "no_data",
}


def asks_about_a_rise(case):
    """Ours is a question about slower canaries: a fall is never bad, and a share of wins is no ratio."""
    falls = np.mean(case["experiment"] or [0]) < np.mean(case["control"] or [0])
    bad_fall = case["direction_bad"] == "decrease" or (case["direction_bad"] == "either" and falls)
    return (
        not bad_fall and case["settings"].get("effectSizeMeasure") != "cles" and "P-threshold" not in case["id"]
    ) or not case["experiment"]


def margin(case):
    increases = [case["settings"].get(name) for name in ("allowedIncrease", "criticalIncrease")]
    return min((i - 1 for i in increases if i is not None and i > 1), default=0.10)


def scrapes(points, *, unit, count):
    rows = np.zeros((count, BOUNDS.size))
    for row, point in zip(rows, points, strict=False):
        if point is not None:
            row[:] = expected_buckets(REQUESTS, median_seconds=max(point / unit, 1e-6), sigma=0.1, bounds=BOUNDS)[0]
    return arm(rows, bounds=BOUNDS)


CHOSEN = [case for case in CASES["comparison_cases"] if asks_about_a_rise(case)]


@pytest.mark.parametrize("case", CHOSEN, ids=[case["id"] for case in CHOSEN])
def test_our_verdict_is_none_that_the_case_rules_out(case):
    unit = max(float(np.median([p for p in case["control"] if p] or [1.0])), 1e-9)
    count = max(len(case["control"]), len(case["experiment"]), 1)
    baseline, canary = (scrapes(case[name], unit=unit, count=count) for name in ("control", "experiment"))

    judged = judge_latency(paired(baseline, canary, bounds=BOUNDS), margin_fraction=margin(case))

    assert WORDS[judged.verdict] not in case["must_not"]


def test_most_of_the_cases_can_be_put_to_us():
    assert len(CHOSEN) >= 25
