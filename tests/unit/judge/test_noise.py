"""Laws of noise, replicas as clusters, and what an earlier recording adds."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reliability.judge.counts import ReplicaTotals
from reliability.judge.history import NoiseHistory, measure_history
from reliability.judge.latency import judge_latency
from reliability.judge.noise import (
    SLOW_COUNT,
    Law,
    PairedNoise,
    UnpairedNoise,
    pooled,
    summed,
    weakest_deviate,
    widest_law,
)
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import SCRAPE_SECONDS, arm, expected_buckets, known, paired, simulated, steady

laws = st.builds(
    lambda variance, degrees: Law(variance=variance, degrees=degrees),
    st.floats(1e-6, 1e6),
    st.sampled_from([3.0, 5.0, 20.0, math.inf]),
)


@given(law=laws, difference=st.floats(-1e3, 1e3))
def test_the_deviate_has_the_p_value_of_student(law, difference):
    scaled = difference / math.sqrt(law.variance)
    expected = stats.norm.sf(scaled) if math.isinf(law.degrees) else stats.t.sf(scaled, law.degrees)

    if 1e-12 < expected < 1 - 1e-12:
        assert stats.norm.sf(law.normal_deviate(difference)) == pytest.approx(expected, rel=1e-6)


@given(several=st.lists(laws, min_size=1, max_size=5), difference=st.floats(-1e3, 1e3))
def test_the_weakest_deviate_is_the_least_extreme_of_all(several, difference):
    weakest = weakest_deviate(difference, several)

    assert abs(weakest) == pytest.approx(min(abs(law.normal_deviate(difference)) for law in several))
    assert weakest_deviate(-difference, several) == pytest.approx(-weakest)


@given(several=st.lists(laws, min_size=1, max_size=5), alpha=st.sampled_from([0.005, 0.025, 0.05]))
def test_the_widest_law_alone_decides_at_its_level(several, alpha):
    widest = widest_law(several, alpha=alpha)

    edge = widest.reach(alpha)
    assert stats.norm.sf(weakest_deviate(edge, several)) == pytest.approx(alpha, rel=1e-4)


def test_pooled_and_summed_laws_are_those_of_the_books():
    one, other = Law(variance=2.0, degrees=5), Law(variance=4.0, degrees=15)

    assert pooled((one, other)) == Law(variance=3.5, degrees=20)
    assert summed((one, other)).variance == 6.0
    assert summed((one, other)).degrees == pytest.approx(36 / (4 / 5 + 16 / 15))


def test_what_both_arms_share_counts_only_at_different_times():
    rng = np.random.default_rng(4)
    shared = rng.standard_normal(240)
    baseline, canary = (shared + 0.1 * rng.standard_normal(240) for _ in range(2))

    paired_law, unpaired_law = PairedNoise().laws(baseline, canary)[0], UnpairedNoise().laws(baseline, canary)[0]

    assert unpaired_law.variance > 10 * paired_law.variance
    assert unpaired_law.degrees <= 2 * SLOW_COUNT


def test_two_windows_may_differ_in_length():
    rng = np.random.default_rng(5)

    (law,) = UnpairedNoise().laws(rng.standard_normal(40), rng.standard_normal(120))

    assert law.variance > 0


# An earlier recording


def history(variance_seconds, *, degrees=60):
    return NoiseHistory(
        latency_log_variance_seconds=variance_seconds,
        latency_degrees=degrees,
        error_relative_variance_seconds=None,
        error_degrees=0,
        seconds=21600.0,
    )


def width(judged):
    low, high = known(judged.increase_interval)
    return high - low


def scraped_seldom(fine):
    """Return the same arms, of which every fourth scrape is kept."""
    starts = np.arange(0, 480, 4)
    return replace(
        fine,
        edges_seconds=fine.edges_seconds[::4],
        baseline=arm(np.add.reduceat(np.diff(fine.baseline.bucket_counts, prepend=0), starts)),
        canary=arm(np.add.reduceat(np.diff(fine.canary.bucket_counts, prepend=0), starts)),
        scrape_interval_seconds=4 * SCRAPE_SECONDS,
    )


@pytest.mark.parametrize("per_scrape", [300, 1500])
def test_a_history_measures_the_noise_that_arms_do_not_share_whatever_traffic_and_scrape_interval(per_scrape):
    own_sd = 0.08
    truth = 2 * own_sd**2 * SCRAPE_SECONDS  # white from scrape to scrape, of both arms
    recordings = [simulated(seed, scrapes=480, per_scrape=per_scrape, own_sd=own_sd) for seed in range(12)]

    often = [known(measure_history(counts)) for counts in recordings]
    seldom = [known(measure_history(scraped_seldom(counts))) for counts in recordings]

    for measured in (often, seldom):
        assert np.mean([m.latency_log_variance_seconds for m in measured]) == pytest.approx(truth, rel=0.4)
        assert {m.seconds for m in measured} == {480 * SCRAPE_SECONDS}
    assert {m.latency_degrees for m in often} == {32}


def test_no_noise_is_a_history_of_none():
    assert known(measure_history(steady(scrapes=480))).latency_log_variance_seconds == 0.0


def test_too_little_is_no_history():
    assert measure_history(steady(scrapes=7)) is None
    assert measure_history(simulated(8, bounds=np.array([0.001, np.inf]))) is None


def test_a_calm_history_of_a_calm_canary_narrows_the_interval():
    counts = simulated(9, scrapes=40)

    assert width(judge_latency(counts, history=history(0.0))) < width(judge_latency(counts))


def test_a_noisy_history_widens_the_interval():
    counts = simulated(9, scrapes=40)

    assert width(judge_latency(counts, history=history(2.0))) > 1.5 * width(judge_latency(counts))


def test_a_run_that_is_clearly_noisier_than_its_history_is_judged_by_itself():
    noisy, calm = simulated(9, per_scrape=3000, own_sd=0.1), simulated(9, per_scrape=3000)

    alone, pooled_in = judge_latency(noisy), judge_latency(noisy, history=history(0.0))

    assert pooled_in.noisier_than_history
    assert replace(pooled_in, noisier_than_history=False) == alone
    assert not judge_latency(calm, history=history(0.0)).noisier_than_history


def test_a_history_that_holds_is_seldom_refused():
    refused = [judge_latency(simulated(s, scrapes=40), history=history(0.0)).noisier_than_history for s in range(60)]

    assert sum(refused) <= 4  # a test at 1 %


# Replicas as clusters


def with_replicas(seed, *, increase=0.0, noisy=1.0, count=3, known_replicas=True):
    """Return two arms of `count` replicas each; the first replica of the canary is `noisy` times slower."""
    rng = np.random.default_rng(seed)

    def side(factors):
        rows = [rng.poisson(expected_buckets(np.full(40, 300.0), median_seconds=0.07 * factor)) for factor in factors]
        totals = tuple(
            ReplicaTotals(instance=str(i), bucket_counts=np.cumsum(row.sum(axis=0)).astype(float), errors=0.0)
            for i, row in enumerate(rows)
        )
        return arm(sum(rows)), totals

    baseline, baseline_replicas = side([1.0] * count)
    canary, canary_replicas = side([(1 + increase) * (noisy if i == 0 else 1.0) for i in range(count)])
    counts = paired(baseline, canary)
    if not known_replicas:
        return counts
    return replace(counts, baseline_replicas=baseline_replicas, canary_replicas=canary_replicas)


def fails(**options):
    return [judge_latency(with_replicas(seed, **options)).verdict is Verdict.FAIL for seed in range(5)]


def test_one_noisy_node_of_three_is_no_effect_of_the_version():
    assert all(fails(noisy=1.8, known_replicas=False))
    assert not any(fails(noisy=1.8))


def test_three_nodes_a_side_that_are_all_slower_fail():
    assert all(fails(increase=0.5))


def test_replicas_without_traffic_do_not_count_as_clusters():
    counts = with_replicas(1, noisy=1.8)

    crumbs = [replace(one, bucket_counts=one.bucket_counts / 100) for one in counts.canary_replicas[1:]]
    uneven = replace(counts, canary_replicas=(counts.canary_replicas[0], *crumbs))

    assert judge_latency(uneven) == judge_latency(replace(counts, baseline_replicas=(), canary_replicas=()))


def test_two_nodes_a_side_say_nothing_of_how_nodes_differ():
    counts = with_replicas(1, noisy=1.8, count=2)

    assert judge_latency(counts) == judge_latency(replace(counts, baseline_replicas=(), canary_replicas=()))
