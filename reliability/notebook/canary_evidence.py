"""What the canary report stands on: what both arms answered, what was counted and judged.

Fetches both arms from where `reliability.notebook.origin` says and calls the judges. Judging needs
nothing but `CanaryInputs`, which a file can keep. What the cells show belongs to
`reliability.notebook.canary`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.error_rate import ErrorJudgement, judge_errors, unjudged_errors
from reliability.judge.latency import LatencyJudgement, judge_latency, unjudged_latency
from reliability.judge.latency_evidence import BucketPolicy
from reliability.notebook.origin import Parameters, Told, find_origin
from reliability.notebook.run import Place
from reliability.sources.answer import Answer
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.mixed_labels import mixed_labels
from reliability.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """How much worse a canary may be, and how sure a verdict is.

    Attributes:
        margin_fraction: Largest increase of the P95 that still passes.
        error_margin_absolute_fraction: Largest rise of the error rate.
        error_margin_relative_fraction: The same relative to the baseline's; the wider one counts.
        gate_routes: Whether each judged route must pass as well.
        canary_share_fraction: Share of the traffic that the canary should get; None: not declared.
        alpha_fail: Probability to FAIL a canary that sits on its margins.
        alpha_pass: Probability to PASS one that sits on a margin.
        quantile: Which quantile of the latency is compared.
        bucket_policy: What coarse buckets do to the margin.
    """

    margin_fraction: float
    error_margin_absolute_fraction: float
    error_margin_relative_fraction: float
    gate_routes: bool = False
    canary_share_fraction: float | None = None
    alpha_fail: float = 0.025
    alpha_pass: float = 0.05
    quantile: float = 0.95
    bucket_policy: BucketPolicy = "guard"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryInputs:
    """All that the judges and the pages read; judging the same inputs again gives the same result.

    Attributes:
        origin: What is known about the source.
        answers: What the source answered, by arm; a file keeps no series of them.
        pairing: Counts of both arms, with the health of the data.
        mixed_labels: Values by label in which an arm mixes targets that differ, by arm.
        thresholds: What is judged against.
    """

    origin: Told
    answers: Mapping[str, Answer]
    pairing: Pairing
    mixed_labels: Mapping[str, Mapping[str, tuple[str, ...]]]
    thresholds: Thresholds

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of the server, each once."""
        return tuple(dict.fromkeys(text for answer in self.answers.values() for text in answer.warnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryEvidence:
    """Everything the cells of the canary report show.

    Attributes:
        inputs: What was judged.
        latency: Judged latency.
        errors: Judged error rate.
        judgement: The fold of all checks.
    """

    inputs: CanaryInputs
    latency: LatencyJudgement
    errors: ErrorJudgement
    judgement: CanaryJudgement

    @property
    def origin(self) -> Told:
        """Where the samples come from; an `Origin` that can be asked more, unless they come out of a file."""
        return self.inputs.origin

    @property
    def answers(self) -> Mapping[str, Answer]:
        """What the source answered, by arm."""
        return self.inputs.answers

    @property
    def pairing(self) -> Pairing:
        """Counts on the common grid, with the health of the data."""
        return self.inputs.pairing

    @property
    def thresholds(self) -> Thresholds:
        """What is judged against."""
        return self.inputs.thresholds

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of the server, each once."""
        return self.inputs.warnings

    @property
    def comparison(self) -> Literal["canary", "before-after"]:
        """Whether the arms ran at once or one after the other."""
        return "canary" if self.origin.baseline_window is None else "before-after"

    @property
    def judged_window(self) -> Window:
        """The canary's window behind the warm-up."""
        return self.origin.judged_window("canary")

    @property
    def baseline_judged_window(self) -> Window | None:
        """The baseline's own window behind the warm-up; None when both arms ran at once."""
        return None if self.origin.baseline_window is None else self.origin.judged_window("baseline")


def load_evidence(parameters: Parameters, *, place: Place) -> CanaryEvidence:
    """Fetch both arms and judge them.

    Args:
        parameters: Resolved parameters of the canary report.
        place: Where and when the report is made.

    Returns:
        The evidence.

    Raises:
        SourceError: The samples cannot be had.
        ParameterError: The windows overlap, or one leaves nothing behind the warm-up.
        SelectorError: A metric name or matcher is not valid PromQL.
    """
    return judge_inputs(fetch_inputs(parameters, place=place))


def fetch_inputs(parameters: Parameters, *, place: Place) -> CanaryInputs:
    """Fetch both arms and count them; see `load_evidence`."""
    origin = find_origin(parameters, place=place)
    metrics = origin.names.fetched()
    answers = {
        name: origin.source.fetch(metrics=metrics, matchers=arm.matchers, window=origin.judged_window(name))
        for name, arm in origin.arms.items()
    }
    share = parameters["canary_share_percent"]
    return CanaryInputs(
        origin=origin,
        answers=answers,
        pairing=pair_counts(
            answers["baseline"], answers["canary"], names=origin.names, window=origin.judged_window("canary")
        ),
        mixed_labels={name: mixed_labels(answer, origin.arms[name].matchers) for name, answer in answers.items()},
        thresholds=Thresholds(
            margin_fraction=parameters["margin_percent"] / 100,
            error_margin_absolute_fraction=parameters["error_margin_points"] / 100,
            error_margin_relative_fraction=parameters["error_margin_percent"] / 100,
            gate_routes=parameters["gate_routes"],
            canary_share_fraction=None if share is None else share / 100,
        ),
    )


def bare(inputs: CanaryInputs) -> CanaryInputs:
    """Return the inputs without what only a live source can give: what a file keeps of them."""
    told = {field.name: getattr(inputs.origin, field.name) for field in fields(Told)}
    answers = {name: replace(answer, series=()) for name, answer in inputs.answers.items()}
    return replace(inputs, origin=Told(**told), answers=answers)


def judge_inputs(inputs: CanaryInputs) -> CanaryEvidence:
    """Judge what was counted.

    Args:
        inputs: Counts and thresholds, fetched or out of a file.

    Returns:
        The evidence; the same for the same inputs.
    """
    latency, errors = _judged(inputs)
    health = inputs.pairing.health
    judgement = judge_canary(
        latency,
        errors,
        warnings=inputs.warnings,
        missing_scrapes_fraction=health.missing_fraction,
        used_scrape_count=health.used_scrapes,
        expected_scrape_count=health.expected_scrapes,
        alpha_fail=inputs.thresholds.alpha_fail,
    )
    return CanaryEvidence(inputs=inputs, latency=latency, errors=errors, judgement=judgement)


def _judged(inputs: CanaryInputs) -> tuple[LatencyJudgement, ErrorJudgement]:
    pairing, limits = inputs.pairing, inputs.thresholds
    margin = limits.margin_fraction
    margins = {
        "margin_absolute_fraction": limits.error_margin_absolute_fraction,
        "margin_relative_fraction": limits.error_margin_relative_fraction,
    }
    if pairing.counts is None:
        reason = pairing.health.reason or "no-traffic"
        latency = replace(  # one arm may well have served
            unjudged_latency(reason, margin_fraction=margin),
            baseline_request_count=sum(replica.requests for replica in pairing.health.baseline),
            canary_request_count=sum(replica.requests for replica in pairing.health.canary),
        )
        return latency, unjudged_errors(reason, **margins)
    return judge_latency(pairing.counts, margin_fraction=margin), judge_errors(pairing.counts, **margins)
