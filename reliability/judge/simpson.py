"""Does the mix deceive? The change of the quantile without strata, beside the one with them.

When the arms serve routes or instants in different shares, all requests of an arm thrown together
may tell another story than every part of them (Simpson). The verdict rests on the stratified
change; the pooled one is what other tools show. Fed by the routes judge; words do not belong here.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from reliability.judge.counts import Counts, PairedCounts
from reliability.judge.latency import LatencyJudgement
from reliability.judge.survival import counted_curve

_PART_OF_MARGIN: Final = 0.5  # a pooled change this much off is worth a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Simpson:
    """The change without and with strata.

    Attributes:
        pooled_increase_fraction: Change of the quantile when all requests of an arm are thrown together.
        stratified_increase_fraction: The change that the verdict rests on.
        differs: Whether they tell different stories, beyond noise.
    """

    pooled_increase_fraction: float
    stratified_increase_fraction: float
    differs: bool


def compare_pooled(counts: Counts, latency: LatencyJudgement, *, slower_share: float) -> Simpson | None:
    """Compare the pooled change with the stratified one.

    Args:
        counts: Counts of both arms.
        latency: Their judgement; noise is what its likely range allows.
        slower_share: Share of requests above the quantile.

    Returns:
        Both changes; None where a quantile is unknown.
    """
    first = 0
    if isinstance(counts, PairedCounts):  # a head that the stratified change left out is left out here too
        first = int(np.searchsorted(counts.edges_seconds, counts.edges_seconds[0] + latency.settling_seconds))
    buckets = [arm.bucket_counts[first:].sum(axis=0) for arm in counts.arms]
    stratified, interval, margin = latency.increase_fraction, latency.increase_interval, latency.margin_fraction
    if stratified is None or min(each[-1] for each in buckets) <= 0:
        return None
    baseline, canary = (
        counted_curve(counts.upper_bounds_seconds, each).quantile_seconds(slower_share) for each in buckets
    )
    if math.isinf(baseline) or math.isinf(canary):
        return None
    pooled = canary / baseline - 1
    far = abs(pooled - stratified) > _PART_OF_MARGIN * margin or (pooled > margin) != (stratified > margin)
    outside = interval is not None and not interval[0] <= pooled <= interval[1]
    return Simpson(pooled_increase_fraction=pooled, stratified_increase_fraction=stratified, differs=far and outside)
