"""Traps in which judges of canaries are known to fall, one test a trap, put to the whole judge."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.counts import ArmCounts, PairedCounts, ReplicaTotals
from reliability.judge.error_rate import judge_errors
from reliability.judge.latency import LatencyJudgement, judge_latency
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import COARSE_BOUNDS, FINE_BOUNDS, arm, known, paired, simulated

MANY = 2000.0


def judged(counts: PairedCounts) -> CanaryJudgement:
    return judge_canary(judge_latency(counts), judge_errors(counts), data=())


def served(slowness, requests, *, bounds=FINE_BOUNDS, sigma=0.6, median=0.07, errors=None) -> ArmCounts:
    """Return an arm that is `slowness` times slower in each scrape, as expected and with its true sums."""
    medians, requests = median * np.asarray(slowness, dtype=float), np.asarray(requests, dtype=float)
    below = ndtr(np.log(bounds[:-1][None, :] / medians[:, None]) / sigma)
    buckets = np.column_stack([below, np.ones(medians.size)]) * requests[:, None]
    failed = np.zeros(medians.size) if errors is None else np.asarray(errors, dtype=float)
    sums = requests * medians * math.exp(sigma**2 / 2)
    return ArmCounts(bucket_counts=buckets, requests=requests, errors=failed, latency_sum_seconds=sums)


def level(change: float, *, scrapes: int = 40, **options) -> PairedCounts:
    """Return two arms whose true change is known and that have no noise at all."""
    flat, requests = np.ones(scrapes), np.full(scrapes, MANY)
    bounds = options.get("bounds", FINE_BOUNDS)
    return paired(served(flat, requests, **options), served(flat * (1 + change), requests, **options), bounds=bounds)


def wander(seed: int, count: int, *, memory: float, sd: float):
    """Return noise with a memory."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal(count) * sd * math.sqrt(1 - memory**2)
    found = np.zeros(count)
    found[0] = sd * rng.standard_normal()
    for t in range(1, count):
        found[t] = memory * found[t - 1] + steps[t]
    return found


# The mix in time


def ramp(change: float) -> PairedCounts:
    """Return a canary whose share grows from 5 to 50 % while both arms become 40 % slower."""
    share, drift = np.linspace(0.05, 0.5, 120), np.linspace(1.0, 1.4, 120)
    return paired(served(drift, MANY * (1 - share)), served(drift * (1 + change), MANY * share))


def test_a_ramp_while_the_service_drifts_does_not_pass_for_a_change():
    counts = ramp(0.0)

    pooled = [arm.bucket_counts.sum(axis=0, keepdims=True) for arm in (counts.baseline, counts.canary)]
    naive = judge_latency(paired(*(arm(np.diff(rows, prepend=0.0)) for rows in pooled)))

    assert known(naive.increase_fraction) > 0.05
    assert judge_latency(counts).increase_fraction == pytest.approx(0.0, abs=0.005)
    assert judged(counts).verdict is Verdict.PASS


def test_a_ramp_hides_no_slower_canary():
    assert judged(ramp(0.20)).verdict is Verdict.FAIL
    assert judge_latency(ramp(0.10)).increase_fraction == pytest.approx(0.10, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_a_canary_that_warms_up_within_the_window_does_not_fail(seed):
    counts = simulated(seed, scrapes=80, per_scrape=750)
    start = np.exp(-np.arange(80) * 15 / 120)
    slow = served(1 + start, counts.canary.requests)

    assert judged(replace(counts, canary=slow)).verdict is not Verdict.FAIL


def test_noise_with_a_memory_is_not_taken_for_many_independent_scrapes():
    margin, runs, decided, naive = 1.10, 25, 0, 0
    for seed in range(runs):
        own = [np.exp(wander(2 * seed + k, 60, memory=0.8, sd=0.06)) for k in (0, 1)]
        counts = paired(served(own[0], np.full(60, MANY)), served(margin * own[1], np.full(60, MANY)))

        decided += judge_latency(counts).verdict is not Verdict.INCONCLUSIVE
        slow = [a.bucket_counts[:, k].sum() / a.requests.sum() for a, k in ((counts.baseline, 40), (counts.canary, 41))]
        naive += abs(slow[1] - slow[0]) > 1.96 * math.sqrt(2 * 0.05 * 0.95 / (60 * MANY))  # bound 41 is 1.1 times 40

    assert naive >= 0.5 * runs
    assert decided <= 0.2 * runs  # at the margin 7.5 % is nominal for both verdicts together


def test_one_burst_of_errors_is_not_a_worse_release():
    burst = np.where(np.arange(40) == 17, 1500.0, 0.0)
    flat = np.ones(40)
    counts = paired(served(flat, MANY * flat), served(flat, MANY * flat, errors=burst))

    assert judge_errors(counts).difference_fraction == pytest.approx(1500 / 80_000)
    assert judged(counts).verdict is Verdict.INCONCLUSIVE


# What buckets hide


@given(
    median=st.floats(0.01, 1.0),
    sigma=st.floats(0.35, 0.8),
    change=st.sampled_from([0.0, 0.05, 0.10, 0.12, 0.15]),
    factor=st.sampled_from([1.1, 1.25, 1.5, None]),
)
@settings(max_examples=15)
def test_however_many_requests_buckets_never_lead_to_the_wrong_verdict(median, sigma, change, factor):
    ladder = COARSE_BOUNDS if factor is None else np.append(0.002 * factor ** np.arange(200 / factor**3), np.inf)
    counts = level(change, median=median, sigma=sigma, bounds=ladder, scrapes=12)

    verdict = judged(counts).verdict

    assert verdict is not Verdict.FAIL or change > 0.10
    assert verdict is not Verdict.PASS or change < 0.10 or (change == 0.10 and factor == 1.1)


def test_default_buckets_ask_for_better_ones_at_the_margin():
    latency = judge_latency(level(0.10, bounds=COARSE_BOUNDS))

    assert (latency.verdict, latency.reason) == (Verdict.INCONCLUSIVE, "buckets-too-coarse")
    assert len(latency.suggested_bounds_seconds) == 8


@pytest.mark.parametrize("change", [0.25, 0.5])
def test_a_spike_that_moves_inside_one_bucket_is_seen_by_the_mean(change):
    bounds = np.array([0.05, 0.1, 0.104, 0.108, 0.2, 0.4, np.inf])  # all of it lies between 0.108 and 0.2
    counts = level(change, median=0.12, sigma=0.02, bounds=bounds)
    blind = replace(counts, canary=replace(counts.baseline, latency_sum_seconds=counts.canary.latency_sum_seconds))

    assert judged(counts).verdict is not Verdict.PASS
    assert judged(blind).verdict is not Verdict.PASS


def test_mass_that_moves_below_the_p95_is_seen_by_the_mean():
    counts = level(0.0)
    slower = replace(counts.canary, latency_sum_seconds=1.3 * counts.canary.latency_sum_seconds)
    unknown = replace(counts.canary, latency_sum_seconds=np.full(40, np.nan))

    assert judged(replace(counts, canary=slower)).reason == "mean-over-budget"
    assert judged(replace(counts, canary=unknown)).verdict is Verdict.PASS


def test_a_p95_in_the_overflow_bucket_is_never_a_pass():
    bounds = np.array([0.05, 0.06, 0.07, np.inf])

    found = judged(level(0.0, bounds=bounds))

    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "overflow-bucket")


def test_a_bound_on_the_very_p95_is_no_trouble():
    bounds = np.array([0.1, 0.105, 0.11, 0.1155, 0.13, np.inf])
    rows = np.tile([400.0, 300.0, 250.0, 30.0, 15.0, 5.0], (20, 1))  # 950 of 1000 at or below 0.11
    counts = paired(arm(rows, bounds=bounds), arm(rows, bounds=bounds), bounds=bounds)

    latency = judge_latency(counts)

    assert latency.baseline_seconds == pytest.approx(0.11)
    assert latency.increase_interval == pytest.approx((0.0, 0.0), abs=0.05)
    assert judged(counts).verdict is Verdict.PASS


# What single parts hide


def test_a_canary_that_fails_fast_is_not_praised_for_its_latency():
    flat = np.ones(40)
    counts = paired(served(flat, MANY * flat), served(0.3 * flat, MANY * flat, errors=0.05 * MANY * flat))

    found = judged(counts)

    assert found.check("latency").verdict is Verdict.PASS
    assert (found.verdict, found.reason) == (Verdict.FAIL, "over-budget-errors")


def test_no_error_in_either_arm_is_no_trouble_and_a_single_one_no_catastrophe():
    calm = level(0.0)
    single = replace(calm, canary=replace(calm.canary, errors=np.where(np.arange(40) == 3, 1.0, 0.0)))

    assert judged(calm).verdict is Verdict.PASS
    assert judged(single).verdict is Verdict.PASS


def test_one_noisy_node_is_not_called_an_effect_of_the_version():
    flat = np.ones(40)
    nodes = [served(slowness * flat, MANY * flat / 3) for slowness in (1.0, 1.0, 2.0)]
    calm = served(flat, MANY * flat)

    def totals(parts):
        return tuple(
            ReplicaTotals(instance=str(k), bucket_counts=part.bucket_counts.sum(axis=0), errors=0.0)
            for k, part in enumerate(parts)
        )

    together = ArmCounts(
        bucket_counts=np.sum([part.bucket_counts for part in nodes], axis=0),
        requests=MANY * flat,
        errors=0 * flat,
        latency_sum_seconds=np.sum([part.latency_sum_seconds for part in nodes], axis=0),
    )
    unknown = paired(calm, together)
    known_nodes = replace(unknown, baseline_replicas=totals([calm] * 3), canary_replicas=totals(nodes))

    assert judge_latency(unknown).verdict is Verdict.FAIL
    assert judge_latency(known_nodes).verdict is Verdict.INCONCLUSIVE


def test_a_small_canary_beside_a_large_baseline_is_judged_as_well():
    flat = np.ones(120)

    def split(change: float) -> LatencyJudgement:
        return judge_latency(paired(served(flat, 19 * 75 * flat), served((1 + change) * flat, 75 * flat)))

    assert split(0.0).verdict is Verdict.PASS
    assert split(0.25).verdict is Verdict.FAIL


def test_a_head_that_is_slow_by_chance_is_not_cut():
    for seed in range(12):
        counts = simulated(seed, increase=0.10, scrapes=40, own_sd=0.08)

        assert judge_latency(counts).settling_seconds == 0
