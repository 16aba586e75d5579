"""Can the data of a comparison be trusted? One named check for each way in which it may be broken.

`reliability.sources` fills the facts, as plain numbers; the canary judge folds the checks. A
broken fact decides nothing: INCONCLUSIVE. How long a canary must run and how much slower it is
do not belong here.
"""

import math
import re
from dataclasses import asdict
from typing import Final

from reliability.judge.check import Check
from reliability.judge.counts import PairedCounts
from reliability.judge.data_facts import ArmFacts, DataFacts
from reliability.judge.long_run import MIN_INTERVAL_COUNT, sum_variance
from reliability.judge.replica_spread import ReplicaMargins
from reliability.verdicts import Verdict

MAX_MISSING_FRACTION: Final = 0.20
MAX_LOST_FRACTION: Final = 0.05
MAX_GONE_FRACTION: Final = 0.10
MAX_SKEW_SECONDS: Final = 5.0
MAX_SPLIT_ERROR_FRACTION: Final = 0.20
DATA_CAUTIONS: Final = frozenset(("mixed-labels", "replicas-differ", "bounds-merged"))
"""Reasons of a check that passed which a reader should see all the same."""
MIN_EFFECTIVE_REPLICAS: Final = 2.5  # three of like size; .98/.01/.01 count as one
_FEWEST_LOST_COUNT: Final = 5  # counter and histogram are read while requests are under way
_STANDARD_ERRORS: Final = 4.0
_STALE_INTERVALS: Final = 2.0
_SUM_TOLERANCE_RATIO: Final = 1.5  # `_sum` and the buckets are not read at one instant; units differ by 1000
_LONGEST_MEAN_SECONDS: Final = 60.0  # of requests; milliseconds that are read as seconds are above it
# Labels by which people tell releases apart; two values of one inside an arm are two releases.
_RELEASE_LABEL: Final = re.compile(
    r"(?:\w*_)?(?:version|release|revision|rev|build|build_id|image|image_id|image_tag|tag|commit|sha|digest"
    r"|template_hash)"
)
_UNIT_OF_NAME: Final = {
    "milliseconds": re.compile(r".*_(?:milliseconds|millis|msec|ms)"),
    "seconds": re.compile(r".*_(?:seconds|secs?|s)"),
}


def judge_data(
    facts: DataFacts,
    *,
    canary_share_fraction: float | None,
    margin_fraction: float = 0.10,
    error_margin_absolute_fraction: float = 0.005,
    error_margin_relative_fraction: float = 0.50,
    gate_routes: bool = False,
) -> tuple[Check, ...]:
    """Check every way in which the data may be broken.

    Args:
        facts: What the sources found.
        canary_share_fraction: Share of the traffic that the canary should get; None when undeclared.
        margin_fraction: Difference of the P95 of two replicas that would matter.
        error_margin_absolute_fraction: Difference of their error rates that would matter,
        error_margin_relative_fraction: the same as a part of the siblings' rate; the larger one counts.
        gate_routes: Whether single routes decide; the spread between replicas is not part of their noise.

    Returns:
        The checks `scrapes`, `clock`, `split`, `restarts`, `births`, `gone`, `replicas`, `labels`,
        `errors-label`, `warnings`, `units`, `counters` and `bounds`. None of them is a FAIL.
    """
    margins = ReplicaMargins(
        latency_fraction=margin_fraction,
        absolute_fraction=error_margin_absolute_fraction,
        relative_fraction=error_margin_relative_fraction,
    )
    return (
        _check(
            "scrapes", "data-gap" if facts.missing_fraction > MAX_MISSING_FRACTION else None, "few-missing",
            missing_fraction=facts.missing_fraction, used_count=facts.used_scrapes,
            expected_count=facts.expected_scrapes,
        ),
        _clock(facts),  # a wrong clock explains absurd restarts and births
        _split(facts, canary_share_fraction),
        _restarts(facts),
        _births(facts),
        _gone(facts),
        _replicas(facts, margins, gate_routes=gate_routes),
        _labels(facts),
        _errors_label(facts),
        _check("warnings", "server-warning" if facts.warnings else None, "no-warning", count=len(facts.warnings)),
        _units(facts),
        _counters(facts),
        _check(
            "bounds", "bounds-differ" if facts.dropped_bounds and not facts.common_bounds else None,
            "bounds-merged" if facts.dropped_bounds else "bounds-equal",
            common_count=facts.common_bounds, dropped_count=facts.dropped_bounds,
        ),
    )  # fmt: skip


def share_error_fraction(counts: PairedCounts) -> float | None:
    """Return the standard error of the canary's share of the traffic, slow changes of it included.

    Args:
        counts: Counts of both arms.

    Returns:
        The larger one of the long-run and of the binomial error; None with too few intervals.
    """
    baseline, canary = counts.baseline.requests, counts.canary.requests
    total = float((baseline + canary).sum())
    if canary.size < MIN_INTERVAL_COUNT or not total:
        return None
    share = float(canary.sum()) / total
    variance = max(sum_variance(canary - share * (baseline + canary)), share * (1 - share) * total)
    return math.sqrt(variance) / total


def _check(check_id: str, fault: str | None, passed: str, **values: object) -> Check:
    """Build a check that is INCONCLUSIVE when there is a fault."""
    verdict = Verdict.INCONCLUSIVE if fault else Verdict.PASS
    return Check(id=check_id, verdict=verdict, reason=fault or passed, values=values)


def _split(facts: DataFacts, expected: float | None) -> Check:
    total, error = facts.baseline.requests + facts.canary.requests, facts.share_error_fraction
    share = facts.canary.requests / total if total and error is not None else None
    off = 0.0 if share is None or expected is None else abs(share - expected)
    fault = error is not None and off > MAX_SPLIT_ERROR_FRACTION * (expected or 0.0) and off > _STANDARD_ERRORS * error
    return _check(
        "split", "traffic-split" if fault else None,
        "not-compared" if share is None else "not-declared" if expected is None else "as-declared",
        canary_fraction=share, expected_fraction=expected, standard_error_fraction=error,
    )  # fmt: skip


def _restarts(facts: DataFacts) -> Check:
    lost = max(_share(arm.lost_requests_at_most, arm.requests) for _, arm in facts.arms)
    count = sum(arm.restarts for _, arm in facts.arms)
    return _check(
        "restarts", "restart-loss" if lost > MAX_LOST_FRACTION else None, "restarted" if count else "no-restart",
        count=count, lost_count=sum(arm.lost_requests_at_most for _, arm in facts.arms), lost_fraction=lost,
        limit_fraction=MAX_LOST_FRACTION,
    )  # fmt: skip


def _births(facts: DataFacts) -> Check:
    unknown = max(_share(arm.uncounted_requests_at_most, arm.requests) for _, arm in facts.arms)
    count, uncounted = (sum(getattr(arm, name) for _, arm in facts.arms) for name in ("births", "uncounted_births"))
    return _check(
        "births", "birth-unknown" if unknown > MAX_LOST_FRACTION else None,
        "birth-uncounted" if uncounted else "birth-counted" if count else "no-birth",
        count=count, uncounted_count=uncounted, unknown_fraction=unknown, limit_fraction=MAX_LOST_FRACTION,
        unknown_count=sum(arm.uncounted_requests_at_most for _, arm in facts.arms),
    )  # fmt: skip


def _share(part: int, counted: int) -> float:
    return part / (part + counted) if part else 0.0


def _gone(facts: DataFacts) -> Check:
    gone = [{"arm": name, "instance": one} for name, arm in facts.arms for one in arm.gone_replicas]
    fault = "replica-gone" if gone else None  # what made it vanish may be the release, and is not seen
    return _check("gone", fault, "all-stayed", gone=gone, limit_fraction=MAX_GONE_FRACTION)


def _replicas(facts: DataFacts, margins: ReplicaMargins, *, gate_routes: bool) -> Check:
    odd = [(name, one) for name, arm in facts.arms for one in arm.odd_replicas if margins.are_broken_by(one)]
    # Only the latency of all requests carries the spread between replicas in its noise, if they weigh enough.
    is_carried = not gate_routes and min(arm.effective_replicas for _, arm in facts.arms) >= MIN_EFFECTIVE_REPLICAS
    faults = [found for found in odd if not (is_carried and found[1].measure == "latency")]
    values: dict[str, object] = {}
    if odd:
        arm, worst = min(faults or odd, key=lambda found: found[1].p_value_fraction)
        values = {"arm": arm, "limit_fraction": margins.limit_fraction(worst), **asdict(worst)}
    counts = (facts.baseline.replicas, facts.canary.replicas)
    return _check(
        "replicas", "replicas-differ" if faults else None,
        "replicas-differ" if odd else "replicas-alike" if max(counts) > 1 else "one-replica",
        baseline_count=counts[0], canary_count=counts[1], **values,
    )  # fmt: skip


def _clock(facts: DataFacts) -> Check:
    started = max(0.0, *(arm.started_after_scrape_seconds or 0.0 for _, arm in facts.arms))
    newest_after = max(0.0, facts.newest_after_as_of_seconds or 0.0)
    ages = [arm.newest_before_end_seconds for _, arm in facts.arms if arm.newest_before_end_seconds is not None]
    age, limit = max(ages, default=0.0), _STALE_INTERVALS * (facts.scrape_interval_seconds or 0.0)
    stale = bool(limit) and age > limit
    fault = "clock-skew" if max(started, newest_after) > MAX_SKEW_SECONDS else "stale-data" if stale else None
    return _check(
        "clock", fault, "clocks-agree", started_after_scrape_seconds=started, newest_age_seconds=age,
        newest_after_as_of_seconds=newest_after, stale_limit_seconds=limit or None,
        skew_limit_seconds=MAX_SKEW_SECONDS,
    )  # fmt: skip


def _labels(facts: DataFacts) -> Check:
    mixed = [(name, found) for name, arm in facts.arms for found in arm.mixed_labels]
    releases = [pair for pair in mixed if _RELEASE_LABEL.fullmatch(pair[1].label.lower())]
    return _check(
        "labels", "mixed-releases" if releases else None, "mixed-labels" if mixed else "one-value",
        mixed=[{"arm": name, "label": one.label, "values": list(one.values)} for name, one in releases or mixed],
    )  # fmt: skip


def _errors_label(facts: DataFacts) -> Check:
    missing = [{"arm": name, "label": one} for name, arm in facts.arms for one in arm.missing_error_labels]
    return _check("errors-label", "error-label-missing" if missing else None, "label-there", missing=missing)


def _counters(facts: DataFacts) -> Check:
    """Hold the counter of requests against the histogram: what only one of them has is not judged whole.

    The limit is that of other unseen requests. A tighter one would be broken by requests that are
    under way at a scrape, and by a service that counts the scrapes themselves in one of the two only.
    """
    known = [(name, arm.requests, arm.counted_requests) for name, arm in facts.arms if arm.counted_requests is not None]
    apart = [(abs(ours - counted) / max(ours, counted, 1), name, ours, counted) for name, ours, counted in known]
    fraction, arm, histogram_count, counter_count = max(apart, default=(0.0, None, 0, 0))
    fault = fraction > MAX_LOST_FRACTION and abs(histogram_count - counter_count) > _FEWEST_LOST_COUNT
    return _check(
        "counters", "requests-differ" if fault else None, "requests-agree", arm=arm, histogram_count=histogram_count,
        counter_count=counter_count, difference_fraction=fraction, limit_fraction=MAX_LOST_FRACTION,
    )  # fmt: skip


def _units(facts: DataFacts) -> Check:
    of_name = next((unit for unit, name in _UNIT_OF_NAME.items() if name.fullmatch(facts.metric)), facts.unit)
    odd = next((name for name, arm in facts.arms if _is_outside(arm)), None)
    fault = of_name != facts.unit or odd is not None
    arm = facts.canary if odd == "canary" else facts.baseline
    return _check(
        "units", "unit-doubtful" if fault else None, "unit-plausible", metric=facts.metric, unit=facts.unit,
        unit_of_name=of_name, arm=odd, mean_seconds=arm.mean_seconds, mean_low_seconds=arm.mean_low_seconds,
        mean_high_seconds=arm.mean_high_seconds,
    )  # fmt: skip


def _is_outside(arm: ArmFacts) -> bool:
    """Tell whether the mean by `_sum` is one that the buckets rule out, or no request may take so long: two units."""
    mean, low, high = arm.mean_seconds, arm.mean_low_seconds, arm.mean_high_seconds
    if max(low or 0.0, mean or 0.0) > _LONGEST_MEAN_SECONDS:
        return True
    if mean is None:
        return False
    too_low = low is not None and mean < low / _SUM_TOLERANCE_RATIO
    return too_low or (high is not None and mean > high * _SUM_TOLERANCE_RATIO)
