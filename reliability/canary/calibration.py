"""The noise between two groups of one version: measured, put into numbers that people can picture, and documented.

Fed with samples by `asking`; what a canary makes of the noise belongs to the judges, words to `calibrating`.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

from scipy.special import ndtri

from reliability import __version__
from reliability.canary.asking import Split, fetch_arm, pair_groups, split_replicas
from reliability.canary.horizons import plan_latency
from reliability.canary.planned import PlanRules, Traffic
from reliability.errors import MissingEvidenceError, ParameterError
from reliability.judge.check import Check
from reliability.judge.counts import PairedCounts
from reliability.judge.history import NoiseHistory, measure_history
from reliability.judge.planning import POWER, planned_seconds
from reliability.notebook.canary_evidence import CanaryEvidence, CanaryInputs, budgets_of, judge_inputs
from reliability.notebook.origin import Origin, Parameters, find_origin
from reliability.notebook.run import Place
from reliability.report.words import words_in
from reliability.sources.answer import Answer
from reliability.sources.history_file import SCHEMA, NoiseEntry, StoredHistory
from reliability.sources.manifest import MetricsEntry
from reliability.verdicts import Verdict

_TOLD_SECONDS: Final = 600.0  # noise is told as that of the mean over ten minutes
_JUDGED: Final = ("traffic", "latency", "errors", "routes")  # the other checks are about the data
_UNLIKE_PART: Final = 1 / 3  # of a margin: a smaller difference that lasts does no harm worth refusing for


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured on two groups of one version.

    Attributes:
        evidence: The groups, judged as if `b` were a canary of `a`.
        counts: Their counts.
        groups: What the groups are, for readers.
        noise: The noise; None when there is too little to measure it.
    """

    evidence: CanaryEvidence
    counts: PairedCounts
    groups: Mapping[Literal["a", "b"], str]
    noise: NoiseHistory | None

    @property
    def broken(self) -> list[Check]:
        """Checks of the data that it did not pass."""
        checks = self.evidence.judgement.checks
        return [check for check in checks if check.id not in _JUDGED and check.verdict is not Verdict.PASS]

    @property
    def unlike(self) -> tuple[str, ...]:
        """Measures in which the groups are not alike, whichever of them is the worse one.

        A FAIL is one; so is a 95 % interval without 0 around more than a third of the margin.
        """
        latency, errors = self.evidence.latency, self.evidence.errors
        change = None if latency.increase_fraction is None else math.log1p(latency.increase_fraction)
        differ = {
            "latency": latency.verdict is Verdict.FAIL
            or _is_apart(change, math.log1p(latency.margin_fraction), latency.increase_interval),
            "errors": errors.verdict is Verdict.FAIL
            or _is_apart(errors.difference_fraction, errors.allowed_difference_fraction, errors.interval),
        }
        return tuple(name for name, differs in differ.items() if differs)

    @property
    def verdict(self) -> Verdict:
        """PASS when the noise may be stored; FAIL when the groups are not alike."""
        if self.unlike:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if self.broken or self.noise is None else Verdict.PASS


def measure(parameters: Parameters, *, place: Place, is_split: bool) -> Calibration:
    """Measure two groups.

    Args:
        parameters: Resolved options; `baseline` and `canary` are the groups.
        place: Where and when.
        is_split: Take the baseline's replicas as two groups instead.

    Returns:
        The measurement.

    Raises:
        SourceError: The samples cannot be had, or a group has no traffic.
        UsageError: An arm with one replica cannot be split, or an option is not valid.
    """
    origin = find_origin({**parameters, "baseline_window_end": None}, place=place)
    first = fetch_arm(origin, "baseline")
    split = _split(first, origin) if is_split else None
    second = fetch_arm(origin, "canary") if split is None else split.b
    first = first if split is None else split.a
    pairing = pair_groups(first, second, origin, is_split=is_split)
    if not isinstance(pairing.counts, PairedCounts):
        reason = words_in("en").plain(f"canary.latency.reason.{pairing.health.reason}")
        raise MissingEvidenceError(f"the two groups cannot be compared: {reason}")
    limits = budgets_of(parameters)
    inputs = CanaryInputs(
        origin=origin, answers={"baseline": first, "canary": second}, counts=pairing.counts, health=pairing.health,
        facts=pairing.facts, thresholds=limits,
    )  # fmt: skip
    noise = measure_history(pairing.counts, quantile=limits.quantile)
    return Calibration(evidence=judge_inputs(inputs), counts=pairing.counts, groups=_groups(origin, split), noise=noise)


def _is_apart(difference: float | None, margin: float | None, interval: tuple[float, float] | None) -> bool:
    if difference is None or margin is None or interval is None:
        return False
    return abs(difference) > _UNLIKE_PART * margin and not interval[0] <= 0 <= interval[1]


def _split(answer: Answer, origin: Origin) -> Split:
    split = split_replicas(answer, bucket=origin.names.bucket)
    if split is None:
        raise ParameterError(
            f"{origin.arms['baseline'].matchers_text} has fewer than two replicas with traffic, so it cannot be split; "
            f"name two groups of one version with --a and --b."
        )
    return split


def _groups(origin: Origin, split: Split | None) -> dict[Literal["a", "b"], str]:
    a, b = origin.arms["baseline"].matchers_text, origin.arms["canary"].matchers_text
    if split is None:
        return {"a": a, "b": b}
    return {"a": f"{a}, {split.counts[0]} of its replicas", "b": f"{a}, {split.counts[1]} of its replicas"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldNoise:
    """The noise in numbers that people can picture.

    Attributes:
        latency_sd_fraction: Standard deviation of the P95's ratio over ten minutes, chance of single requests apart.
        error_sd_fraction: The same of the error rates, relative; None without errors.
        noise_share_fraction: Part that it had in the variance of this comparison.
        minutes: Time that it asks of a canary, however much traffic there is.
    """

    latency_sd_fraction: float
    error_sd_fraction: float | None
    noise_share_fraction: float | None
    minutes: float


def tell_noise(measured: Calibration, noise: NoiseHistory) -> ToldNoise:
    """Put a noise into numbers that people can picture."""
    limits = measured.evidence.thresholds
    variance, errors = noise.latency_log_variance_seconds, noise.error_relative_variance_seconds
    chance = _chance_variance_seconds(measured.counts)
    floor = noise_floor_seconds(
        variance,
        log_distance=math.log1p(limits.margin_fraction),
        alpha=limits.alpha_pass,
        interval_seconds=measured.counts.scrape_interval_seconds,
        known_degrees=noise.latency_degrees,
    )
    return ToldNoise(
        latency_sd_fraction=math.sqrt(variance / _TOLD_SECONDS),
        error_sd_fraction=None if errors is None else math.sqrt(errors / _TOLD_SECONDS),
        noise_share_fraction=None if chance is None else variance / (variance + chance),
        minutes=floor / 60,
    )


def noise_floor_seconds(
    log_variance_seconds: float, *, log_distance: float, alpha: float, interval_seconds: float, known_degrees: int
) -> float:
    """Return the time that the noise between arms alone asks for, however much traffic there is.

    Args:
        log_variance_seconds: `latency_log_variance_seconds` of a history.
        log_distance: Distance of the true change from the margin, as a log ratio.
        alpha: One-sided level of the test.
        interval_seconds: Length of one compared interval.
        known_degrees: Degrees of freedom of the history, which is pooled in.

    Returns:
        The time in seconds; 0 without noise.
    """

    def seconds_for(critical: float) -> float:
        return log_variance_seconds * ((critical + float(ndtri(POWER))) / log_distance) ** 2

    if log_variance_seconds <= 0:
        return 0.0
    return planned_seconds(
        seconds_for,
        alpha=alpha,
        interval_seconds=interval_seconds,
        noise_factor=math.inf,
        known_degrees=known_degrees,
        tapered=True,
    )


def _chance_variance_seconds(counts: PairedCounts) -> float | None:
    """Return the variance that chance of single requests gives the log ratio, times the seconds."""
    requests = [float(arm.bucket_counts[:, -1].sum()) for arm in (counts.baseline, counts.canary)]
    traffic = Traffic(
        upper_bounds_seconds=counts.upper_bounds_seconds,
        bucket_counts=(counts.baseline.bucket_counts + counts.canary.bucket_counts).sum(axis=0),
        error_count=0.0,
        requests_per_second=sum(requests) / float(counts.edges_seconds[-1] - counts.edges_seconds[0]),
        canary_share_fraction=requests[1] / sum(requests),
        scrape_interval_seconds=counts.scrape_interval_seconds,
    )
    index = plan_latency(traffic, PlanRules()).tail_index
    return None if index is None else traffic.latency_variance_seconds(index)


def to_store(measured: Calibration, noise: NoiseHistory) -> StoredHistory:
    """Make the document of a measurement."""
    inputs, counts = measured.evidence.inputs, measured.counts
    names = inputs.origin.names
    arms = (counts.baseline, counts.canary)
    digested = [counts.edges_seconds, *(numbers for arm in arms for numbers in (arm.bucket_counts, arm.errors))]
    return StoredHistory(
        schema=SCHEMA,
        version=__version__,
        window=measured.evidence.judged_window,
        scrape_interval_seconds=counts.scrape_interval_seconds,
        quantile=inputs.thresholds.quantile,
        metrics=MetricsEntry(
            latency=names.latency,
            requests=names.requests,
            error_matchers=", ".join(matcher.promql() for matcher in names.error_matchers),
            unit=names.unit,
        ),
        groups=measured.groups,
        source=inputs.origin.description,
        counts_sha256=hashlib.sha256(b"".join(x.tobytes() for x in digested)).hexdigest(),
        noise=NoiseEntry(**asdict(noise)),
    )
