"""Counts for the tests of the canary judges, from a known truth and a fixed seed."""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import reduce
from typing import TypeVar

import numpy as np
from scipy.special import ndtr

from reliability.judge.counts import ArmCounts, PairedCounts, RouteCounts

FINE_BOUNDS = np.append(0.004 * 1.1 ** np.arange(90), np.inf)
COARSE_BOUNDS = np.array([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, np.inf])
SCRAPE_SECONDS = 15.0


Known = TypeVar("Known")


def known(value: Known | None) -> Known:
    """Return a number that the judgement must have."""
    assert value is not None
    return value


def paired(baseline: ArmCounts, canary: ArmCounts, *, bounds=FINE_BOUNDS) -> PairedCounts:
    edges = np.linspace(0, baseline.requests.size, baseline.requests.size + 1) * SCRAPE_SECONDS + 1_000_000
    return PairedCounts(
        edges_seconds=np.asarray(edges, dtype=np.float64),
        upper_bounds_seconds=np.asarray(bounds, dtype=float),
        baseline=baseline,
        canary=canary,
        scrape_interval_seconds=SCRAPE_SECONDS,
    )


def arm(in_buckets, errors=None, *, bounds=FINE_BOUNDS) -> ArmCounts:
    """Make an arm of the requests that fell into each bucket, per scrape."""
    in_buckets = np.atleast_2d(np.asarray(in_buckets, dtype=float))
    requests = in_buckets.sum(axis=1)
    middles = np.minimum(np.append(0.0, bounds[:-1])[-in_buckets.shape[1] :] * 1.05, 1e3)
    return ArmCounts(
        bucket_counts=np.cumsum(in_buckets, axis=1),
        requests=requests,
        errors=np.zeros(requests.size) if errors is None else np.asarray(errors, dtype=float),
        latency_sum_seconds=in_buckets @ middles,
    )


def expected_buckets(requests, *, median_seconds=0.07, sigma=0.6, bounds=FINE_BOUNDS):
    """Return what each bucket of a lognormal law holds on average; `median_seconds` may differ per scrape."""
    medians = np.atleast_1d(median_seconds)[:, None]
    below = ndtr((np.log(bounds[:-1]) - np.log(medians)) / sigma)
    edges = np.zeros((medians.size, 1))
    return np.atleast_1d(requests)[:, None] * np.diff(np.hstack([edges, below, edges + 1]), axis=1)


def steady(*, increase=0.0, scrapes=40, per_scrape=500, ratio=1.0, bounds=FINE_BOUNDS, median_seconds=0.07, sigma=0.6):
    """Return two arms that do exactly what is expected of them in every scrape."""
    rates = np.full(scrapes, float(per_scrape))
    baseline = expected_buckets(ratio * rates, median_seconds=median_seconds, sigma=sigma, bounds=bounds)
    slower = expected_buckets(rates, median_seconds=median_seconds * (1 + increase), sigma=sigma, bounds=bounds)
    return paired(arm(baseline, bounds=bounds), arm(slower, bounds=bounds), bounds=bounds)


def simulated(seed, *, increase=0.0, scrapes=120, per_scrape=200, ratio=1.0, bounds=FINE_BOUNDS, own_sd=0.0):
    """Draw two arms of Poisson traffic; `own_sd` is noise of the log latency, not shared by the arms."""
    rng = np.random.default_rng(seed)
    shared = 0.1 * np.sin(np.arange(scrapes) / 9)

    def drawn(rate, change):
        slowness = np.exp(shared + own_sd * rng.standard_normal(scrapes))
        rows = expected_buckets(np.full(scrapes, rate), median_seconds=0.07 * (1 + change) * slowness, bounds=bounds)
        return arm(rng.poisson(rows), bounds=bounds)

    return paired(drawn(ratio * per_scrape, 0.0), drawn(per_scrape, increase), bounds=bounds)


def with_errors(baseline_errors, canary_errors, *, baseline_requests, canary_requests) -> PairedCounts:
    """Return two arms of which only requests and errors matter; all requests share one bucket."""
    bounds = np.array([0.1, np.inf])

    def one(errors, requests):
        requests = np.asarray(requests, dtype=float)
        return arm(np.column_stack([requests, np.zeros_like(requests)]), errors, bounds=bounds)

    return paired(one(baseline_errors, baseline_requests), one(canary_errors, canary_requests), bounds=bounds)


def by_route(own: Mapping[str, PairedCounts]) -> PairedCounts:
    """Put the counts of several routes together, as one service that serves them all."""
    routes = tuple(RouteCounts(route=name, baseline=c.baseline, canary=c.canary) for name, c in sorted(own.items()))
    return replace(
        next(iter(own.values())),
        baseline=reduce(_added, (route.baseline for route in routes)),
        canary=reduce(_added, (route.canary for route in routes)),
        routes=routes,
    )


def _added(one: ArmCounts, other: ArmCounts) -> ArmCounts:
    return ArmCounts(**{f.name: getattr(one, f.name) + getattr(other, f.name) for f in fields(ArmCounts)})
