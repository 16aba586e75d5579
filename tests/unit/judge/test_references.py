"""The judge against references of its own kind: formulas written down again, SciPy, and laws of the whole.

The references are slow and plain, from the texts that the modules name as their sources; they share
no code with the judge.
"""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq, minimize_scalar

from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.counts import ArmCounts, PairedCounts, ReplicaTotals, SuccessiveCounts, WindowCounts
from reliability.judge.error_arms import error_score_test
from reliability.judge.error_rate import judge_errors
from reliability.judge.intervals import shared_intervals
from reliability.judge.latency import judge_latency
from reliability.judge.long_run import cosine_count, critical_value, sum_variance, upper_tail
from reliability.judge.routes import judge_routes
from reliability.judge.survival import survival_curve
from reliability.judge.timeline import wilson_interval
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import FINE_BOUNDS, by_route, known, simulated

SLOWER = 0.05
FEW = settings(max_examples=8)


def drawn(seed: int, *, increase: float = 0.0, scrapes: int = 24, errors: float = 0.01) -> PairedCounts:
    """Draw two routes with errors and three replicas an arm."""
    rng = np.random.default_rng(seed)
    counts = by_route({
        "/a": simulated(seed, increase=increase, scrapes=scrapes, per_scrape=150, own_sd=0.03),
        "/b": simulated(seed + 1, increase=increase, scrapes=scrapes, per_scrape=60),
    })  # fmt: skip

    def failing(arm: ArmCounts) -> ArmCounts:
        return replace(arm, errors=rng.binomial(arm.requests.astype(int), errors).astype(float))

    def replicas(arm: ArmCounts) -> tuple[ReplicaTotals, ...]:
        total = arm.bucket_counts.sum(axis=0)
        return tuple(ReplicaTotals(instance=f"i{k}", bucket_counts=total * k / 6, errors=0.0) for k in (1, 2, 3))

    baseline, canary = failing(counts.baseline), failing(counts.canary)
    return replace(
        counts, baseline=baseline, canary=canary,
        baseline_replicas=replicas(baseline), canary_replicas=replicas(canary),
    )  # fmt: skip


def judge_all(counts: PairedCounts | SuccessiveCounts) -> CanaryJudgement:
    latency = judge_latency(counts)
    routes = judge_routes(counts, latency, label="route")
    return judge_canary(latency, judge_errors(counts), data=(), routes=routes, gate_routes=True)


def numbers_of(judged: CanaryJudgement) -> list[float]:
    """Return all numbers of the measures, missing ones as NaN, in a fixed order."""
    found = []
    for figures in judged.figures:
        values = [getattr(figures, field.name) for field in fields(figures)]
        found += [math.nan if value is None else value for value in values if not isinstance(value, str | Verdict)]
    return found


# Formulas


@given(statistic=st.floats(-30, 30), degrees=st.integers(1, 60))
@FEW
def test_the_tail_of_the_t_law_is_the_integral_of_its_density(statistic, degrees):
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    area, _ = quad(lambda t: scale * (1 + t * t / degrees) ** (-(degrees + 1) / 2), 0, abs(statistic))

    assert upper_tail(statistic, degrees=degrees) == pytest.approx(0.5 - math.copysign(area, statistic), abs=1e-7)


@pytest.mark.parametrize(("degrees", "alpha", "point"), [(5, 0.05, 2.015), (5, 0.025, 2.571), (30, 0.025, 2.042)])
def test_critical_values_are_those_of_the_printed_table(degrees, alpha, point):
    assert critical_value(alpha, degrees=degrees) == pytest.approx(point, abs=5e-4)


@given(errors=st.integers(0, 200), more=st.integers(1, 10_000))
@FEW
def test_the_wilson_interval_ends_where_its_test_does(errors, more):
    requests = errors + more
    share, z = errors / requests, stats.norm.ppf(0.975)

    low, high = known(wilson_interval(errors, requests))

    def beyond(p):
        return (share - p) ** 2 - z**2 * p * (1 - p) / requests

    assert high == pytest.approx(brentq(beyond, share + 1e-15, 1.0), abs=1e-9)
    assert low == pytest.approx(brentq(beyond, 0.0, share - 1e-15) if errors else 0.0, abs=1e-9)


@given(counts=st.lists(st.integers(0, 10**5), min_size=8, max_size=8).filter(lambda c: c[-1] > 0))
@settings(max_examples=15)
def test_the_curve_between_the_bounds_is_that_of_scipy(counts):
    bounds = np.array([0.01, 0.02, 0.05, 0.06, 0.1, 0.3, 0.7, np.inf])
    shares = 1 - np.cumsum(counts) / sum(counts)
    cubic = PchipInterpolator(np.log(bounds[:-1]), np.log(shares[:-1]))

    curve = survival_curve(bounds, shares, request_count=float(sum(counts)))

    for seconds in np.geomspace(0.0101, 0.699, 40):
        assert curve.above(float(seconds)) == pytest.approx(math.exp(cubic(math.log(seconds))), rel=1e-9)


@given(seed=st.integers(0, 10**6), count=st.integers(8, 60))
@FEW
def test_the_long_run_variance_is_the_double_sum_of_its_formula(seed, count):
    series = np.random.default_rng(seed).standard_normal(count).cumsum()

    def projection(j):
        return sum(y * math.sqrt(2) * math.cos(math.pi * j * (t + 0.5) / count) for t, y in enumerate(series))

    terms = [projection(j + 1) ** 2 for j in range(cosine_count(count))]
    assert sum_variance(series) == pytest.approx(sum(terms) / len(terms), rel=1e-9)


# Both tests, written down again


def latency_reference(counts: PairedCounts, ratio: float) -> float:
    """Return the p-value of "the ratio is at most `ratio`": the formulas of the method, in their order."""
    arms, bounds = (counts.baseline, counts.canary), np.log(counts.upper_bounds_seconds[:-1])
    n_baseline, n_canary = (arm.bucket_counts[:, -1] for arm in arms)
    weights = n_baseline * n_canary / (n_baseline + n_canary)
    weights = weights / weights.sum()
    above = [1 - arm.bucket_counts / n[:, None] for arm, n in zip(arms, (n_baseline, n_canary), strict=True)]
    pooled = [weights @ share for share in above]
    worth = [1 / np.sum(weights**2 / n) for n in (n_baseline, n_canary)]
    seen = [int(np.count_nonzero(share[:-1] > 0)) for share in pooled]
    cubics = [PchipInterpolator(bounds[:k], np.log(share[:k])) for k, share in zip(seen, pooled, strict=True)]

    def survival(arm, seconds):
        return math.exp(cubics[arm](math.log(seconds)))

    threshold = brentq(
        lambda x: worth[0] * (survival(0, x) - SLOWER) + worth[1] * (survival(1, ratio * x) - SLOWER), 0.1, 0.4
    )

    def slow_shares(arm, seconds):
        k = int(np.searchsorted(counts.upper_bounds_seconds, seconds))
        inside = (pooled[arm][k - 1] - survival(arm, seconds)) / (pooled[arm][k - 1] - pooled[arm][k])
        return above[arm][:, k - 1] + inside * (above[arm][:, k] - above[arm][:, k - 1])

    terms = weights * (slow_shares(1, ratio * threshold) - slow_shares(0, threshold))
    size = terms.size
    count = round(1.5 * max(5, round(0.4 * size ** (2 / 3))))
    t = np.arange(1, size + 1)
    squares = [np.sum(terms * np.sqrt(2) * np.cos(np.pi * j * (t - 0.5) / size)) ** 2 for j in range(1, count + 1)]
    heavy = np.array([1 - (j / (count + 1)) ** 2 for j in range(1, count + 1)])
    heavy /= heavy.sum()
    chance = SLOWER * (1 - SLOWER) * (1 / worth[0] + 1 / worth[1])
    p_values = [
        stats.t.sf(terms.sum() / math.sqrt(max(heavy @ squares, chance)), 1 / np.sum(heavy**2)),
        stats.norm.sf(terms.sum() / math.sqrt(np.mean(squares[:5]))),  # the slowest movements are a floor
    ]
    return float(max(p_values) if terms.sum() > 0 else min(p_values))


@given(seed=st.integers(0, 10**6), increase=st.floats(0.0, 0.25), own_sd=st.sampled_from([0.0, 0.08]))
@settings(max_examples=5)
def test_the_p_values_of_latency_are_those_of_the_formulas(seed, increase, own_sd):
    counts = simulated(seed, increase=increase, scrapes=30, own_sd=own_sd)

    judged = judge_latency(counts)

    assert judged.fail_p_value == pytest.approx(latency_reference(counts, 1.10), rel=1e-4, abs=1e-12)
    assert judged.pass_p_value == pytest.approx(1 - latency_reference(counts, 1.10), rel=1e-4, abs=1e-9)


def error_reference(counts: PairedCounts, *, absolute: float, relative: float) -> tuple[float, float]:
    """Return the p-values of a FAIL and of a PASS; likeliest fractions by numerical maximisation."""
    arms = (counts.canary, counts.baseline)
    n = [arm.requests for arm in arms]
    weights = n[0] * n[1] / (n[0] + n[1])
    weights = weights / weights.sum()
    rates = [arm.errors / served for arm, served in zip(arms, n, strict=True)]
    p = [float(weights @ rate) for rate in rates]
    worth = [1 / float(np.sum(weights**2 / served)) for served in n]

    def loss(baseline, canary):
        fractions = (canary, baseline)
        return -sum(
            w * (q * math.log(f) + (1 - q) * math.log1p(-f)) for w, q, f in zip(worth, p, fractions, strict=True)
        )

    def p_value(allowed, factor):
        found = minimize_scalar(
            lambda b: loss(b, allowed(b)), bounds=(1e-9, (1 - allowed(0)) / factor - 1e-9), method="bounded",
            options={"xatol": 1e-13},
        )  # fmt: skip
        p0 = float(found.x)
        p1 = allowed(p0)
        chance = p1 * (1 - p1) / worth[0] + factor**2 * p0 * (1 - p0) / worth[1]
        part = factor * p0 / p1
        influence = weights * (rates[0] / p[0] - 1) - part * weights * (rates[1] / p[1] - 1)
        usual = (1 - p[0]) / (p[0] * worth[0]) + part**2 * (1 - p[1]) / (p[1] * worth[1])
        excess = max(0.0, sum_variance(influence) - usual)
        statistic = (p[0] - allowed(p[1])) / math.sqrt(chance + excess * p1**2)
        return float(stats.t.sf(statistic, cosine_count(weights.size)))

    both = (p_value(lambda b: b + absolute, 1.0), p_value(lambda b: b * (1 + relative), 1 + relative))
    return max(both), min(1 - value for value in both)


@given(seed=st.integers(0, 10**6), errors=st.sampled_from([0.005, 0.05]))
@FEW
def test_the_p_values_of_errors_are_those_of_numerical_maximisation(seed, errors):
    counts = replace(drawn(seed, errors=errors), routes=())

    judged = judge_errors(counts)

    fail, passed = error_reference(counts, absolute=0.005, relative=0.5)
    assert judged.fail_p_value == pytest.approx(fail, rel=1e-3, abs=1e-9)
    assert judged.pass_p_value == pytest.approx(passed, rel=1e-3, abs=1e-9)


@given(seed=st.integers(0, 10**6))
@FEW
def test_at_no_difference_the_score_is_that_of_a_two_by_two_table(seed):
    rng = np.random.default_rng(seed)
    failed, served = rng.integers(1, 40, 2), rng.integers(100, 2000, 2)
    flat = [np.full(8, x / 8) for x in (*failed, *served)]
    counts = drawn(0, scrapes=8)
    counts = replace(
        counts, routes=(),
        baseline=replace(counts.baseline, errors=flat[0], requests=flat[2]),
        canary=replace(counts.canary, errors=flat[1], requests=flat[3]),
    )  # fmt: skip

    statistic = error_score_test(shared_intervals(counts, by_histogram=False)).difference_statistic(0.0)

    table = [[failed[0], served[0] - failed[0]], [failed[1], served[1] - failed[1]]]
    assert statistic**2 == pytest.approx(stats.chi2_contingency(table, correction=False).statistic, rel=1e-9)


# Laws of the whole judge


@given(seed=st.integers(0, 10**6), exponent=st.floats(-6, 6), increase=st.sampled_from([0.0, 0.12, 0.3]))
@settings(max_examples=3)
def test_another_unit_of_time_changes_no_number_of_the_whole_verdict(seed, exponent, increase):
    counts, factor = drawn(seed, increase=increase), 10.0**exponent

    def scaled(arm: ArmCounts) -> ArmCounts:
        return replace(arm, latency_sum_seconds=arm.latency_sum_seconds * factor)

    other = replace(
        counts,
        upper_bounds_seconds=counts.upper_bounds_seconds * factor,
        baseline=scaled(counts.baseline),
        canary=scaled(counts.canary),
        routes=tuple(replace(r, baseline=scaled(r.baseline), canary=scaled(r.canary)) for r in counts.routes),
    )

    one, same = judge_all(counts), judge_all(other)

    assert (same.verdict, same.reason, same.cautions) == (one.verdict, one.reason, one.cautions)
    assert numbers_of(same) == pytest.approx(numbers_of(one), rel=1e-4, abs=1e-6, nan_ok=True)


@given(seed=st.integers(0, 10**6), increase=st.sampled_from([0.0, 0.15, 0.4]))
@settings(max_examples=5)
def test_swapping_the_arms_turns_the_likely_range_around_and_never_fails_both(seed, increase):
    counts = drawn(seed, increase=increase)
    swapped = replace(
        counts, baseline=counts.canary, canary=counts.baseline,
        baseline_replicas=counts.canary_replicas, canary_replicas=counts.baseline_replicas,
        routes=tuple(replace(r, baseline=r.canary, canary=r.baseline) for r in counts.routes),
    )  # fmt: skip

    one, other = judge_latency(counts), judge_latency(swapped)

    low, high = known(one.increase_interval)
    assert other.increase_interval == pytest.approx((1 / (1 + high) - 1, 1 / (1 + low) - 1), rel=1e-4, abs=1e-6)
    assert known(other.increase_fraction) == pytest.approx(1 / (1 + known(one.increase_fraction)) - 1, abs=1e-9)
    assert not (one.verdict is Verdict.FAIL and other.verdict is Verdict.FAIL)


@given(seed=st.integers(0, 10**6), chance=st.randoms(use_true_random=False))
@settings(max_examples=3)
def test_the_order_of_routes_and_replicas_changes_nothing(seed, chance):
    counts = drawn(seed)
    turned = replace(
        counts,
        routes=tuple(chance.sample(counts.routes, 2)),
        baseline_replicas=tuple(chance.sample(counts.baseline_replicas, 3)),
        canary_replicas=tuple(chance.sample(counts.canary_replicas, 3)),
    )

    assert numbers_of(judge_all(turned)) == pytest.approx(numbers_of(judge_all(counts)), rel=1e-7, nan_ok=True)


@given(seed=st.integers(0, 10**6), chance=st.randoms(use_true_random=False))
@settings(max_examples=3)
def test_the_order_of_the_scrapes_moves_no_estimate(seed, chance):
    counts = replace(drawn(seed), routes=())
    order = list(range(counts.baseline.requests.size))
    chance.shuffle(order)

    def turned(arm: ArmCounts) -> ArmCounts:
        return ArmCounts(**{field.name: getattr(arm, field.name)[order] for field in fields(arm)})

    shuffled = replace(counts, baseline=turned(counts.baseline), canary=turned(counts.canary))

    assert judge_latency(shuffled).increase_fraction == pytest.approx(judge_latency(counts).increase_fraction)
    assert judge_errors(shuffled).difference_fraction == pytest.approx(judge_errors(counts).difference_fraction)


@given(seed=st.integers(0, 10**6), shift=st.floats(-1e6, 1e6))
@settings(max_examples=3)
def test_the_hour_of_the_recording_changes_nothing(seed, shift):
    counts = drawn(seed)

    later = judge_all(replace(counts, edges_seconds=counts.edges_seconds + round(shift)))

    assert numbers_of(later) == pytest.approx(numbers_of(judge_all(counts)), rel=1e-6, nan_ok=True)


@given(seed=st.integers(0, 10**6), increase=st.sampled_from([0.0, 0.3]))
@settings(max_examples=3)
def test_arms_side_by_side_give_the_estimate_of_one_after_the_other_with_a_narrower_range(seed, increase):
    counts = simulated(seed, increase=increase, scrapes=40, per_scrape=400)
    windows = [
        WindowCounts(edges_seconds=counts.edges_seconds + late, total=arm)
        for late, arm in ((0.0, counts.baseline), (86_400.0, counts.canary))
    ]
    successive = SuccessiveCounts(
        upper_bounds_seconds=FINE_BOUNDS, baseline=windows[0], canary=windows[1],
        scrape_interval_seconds=counts.scrape_interval_seconds,
    )  # fmt: skip

    paired, unpaired = judge_latency(counts), judge_latency(successive)

    assert unpaired.increase_fraction == pytest.approx(paired.increase_fraction, abs=0.01)
    narrow = np.ptp(known(paired.increase_interval))
    assert unpaired.increase_interval is None or np.ptp(unpaired.increase_interval) > narrow  # None: no limit at all
