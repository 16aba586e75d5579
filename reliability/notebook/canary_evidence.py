"""What the canary report stands on: what both arms answered, what was counted and judged.

Fetches both arms from where `reliability.notebook.origin` says and calls the judges. Judging needs
nothing but `CanaryInputs`, which a file can keep. What the cells show belongs to
`reliability.notebook.canary`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.counts import Counts, SuccessiveCounts
from reliability.judge.data_facts import DataFacts
from reliability.judge.data_health import judge_data
from reliability.judge.error_rate import ErrorJudgement, judge_errors
from reliability.judge.latency import LatencyJudgement, judge_latency
from reliability.judge.latency_evidence import BucketPolicy
from reliability.judge.load import LoadComparison, compare_load
from reliability.judge.routes import RoutesJudgement, judge_routes
from reliability.notebook.origin import Origin, Parameters, Told, find_origin
from reliability.notebook.parts import near
from reliability.notebook.run import Place
from reliability.sources.answer import Answer
from reliability.sources.history_file import StoredHistory, read_history
from reliability.sources.increments import Pairing, Succession, pair_counts, window_counts
from reliability.sources.increments_file import as_kept, write_inputs
from reliability.sources.pair_health import PairHealth
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
        counts: Counts of both arms, on the common grid or in two windows; None when `health.reason` says why not.
        health: What was found in the data.
        facts: The same as plain numbers, for the checks of the data.
        thresholds: What is judged against.
        history: Noise that was measured before; None: only that of the window itself.
    """

    origin: Told
    answers: Mapping[str, Answer]
    counts: Counts | None
    health: PairHealth
    facts: DataFacts
    thresholds: Thresholds
    history: StoredHistory | None = None

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
        load: Load and traffic mix of two windows; None when both arms ran at once.
        judgement: The fold of all checks, with the routes.
    """

    inputs: CanaryInputs
    latency: LatencyJudgement
    errors: ErrorJudgement
    load: LoadComparison | None
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
    def thresholds(self) -> Thresholds:
        """What is judged against."""
        return self.inputs.thresholds

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of the server, each once."""
        return self.inputs.warnings

    @property
    def history(self) -> StoredHistory | None:
        """Noise that was measured before."""
        return self.inputs.history

    @property
    def routes(self) -> RoutesJudgement | None:
        """Judged routes; None without a route label or without counts."""
        return self.judgement.routes

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


def budgets_of(parameters: Parameters) -> Thresholds:
    """Return the budgets that the parameters of a canary set."""
    return Thresholds(
        margin_fraction=parameters["margin_percent"] / 100,
        error_margin_absolute_fraction=parameters["error_margin_points"] / 100,
        error_margin_relative_fraction=parameters["error_margin_percent"] / 100,
    )


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
    limits = replace(
        budgets_of(parameters),
        # the settings' own label is not that of a sample, so a sample without one has no routes to gate
        gate_routes=parameters["gate_routes"] and not (origin.sample and origin.route_label is None),
        canary_share_fraction=None if share is None or origin.baseline_window else share / 100,
    )
    history = None
    if parameters["history_file"] is not None:
        path = near(place.project, parameters["history_file"])
        history = read_history(path)
        history.check_fits(origin.names, quantile=limits.quantile, where=str(path))
    counted = _counted(origin, answers)
    return CanaryInputs(
        origin=origin, answers=answers, counts=as_kept(counted.counts, Counts | None), health=counted.health,
        facts=counted.facts, thresholds=limits, history=history,
    )  # fmt: skip


def _counted(origin: Origin, answers: Mapping[str, Answer]) -> Pairing | Succession:
    both = (answers["baseline"], answers["canary"])
    matchers = (origin.arms["baseline"].matchers, origin.arms["canary"].matchers)
    window, label = origin.judged_window("canary"), origin.route_label
    if origin.baseline_window is None:
        return pair_counts(
            *both, names=origin.names, window=window, route_label=label, matchers=matchers, as_of=origin.as_of
        )
    return window_counts(
        *both, names=origin.names, baseline_window=origin.judged_window("baseline"), canary_window=window,
        route_label=label, matchers=matchers, as_of=origin.as_of,
    )  # fmt: skip


def keep_inputs(inputs: CanaryInputs, *, place: Place) -> None:
    """Write the inputs where the run wants them kept."""
    if place.inputs is not None:
        write_inputs(place.inputs, bare(inputs))


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
    latency, errors = _measured(inputs)
    limits, counts, label = inputs.thresholds, inputs.counts, inputs.origin.route_label
    load = compare_load(counts) if isinstance(counts, SuccessiveCounts) else None
    routes = None
    if label is not None and counts is not None:
        levels = {"alpha_fail": limits.alpha_fail, "alpha_pass": limits.alpha_pass, "quantile": limits.quantile}
        routes = judge_routes(counts, latency, label=label, bucket_policy=limits.bucket_policy, **levels)
    data = judge_data(
        inputs.facts,
        canary_share_fraction=limits.canary_share_fraction,
        margin_fraction=limits.margin_fraction,
        error_margin_absolute_fraction=limits.error_margin_absolute_fraction,
        error_margin_relative_fraction=limits.error_margin_relative_fraction,
        gate_routes=limits.gate_routes,
    )
    judgement = judge_canary(
        latency,
        errors,
        data=data,
        load=load.checks if load else (),
        routes=routes,
        gate_routes=limits.gate_routes,
        cautions=inputs.history.cautions(at=inputs.origin.as_of) if inputs.history else (),
        alpha_fail=limits.alpha_fail,
        minutes=float(np.ptp(counts.edges[1])) / 60 if counts else None,
    )
    return CanaryEvidence(inputs=inputs, latency=latency, errors=errors, load=load, judgement=judgement)


def _measured(inputs: CanaryInputs) -> tuple[LatencyJudgement, ErrorJudgement]:
    counts, health, limits = inputs.counts, inputs.health, inputs.thresholds
    margin = limits.margin_fraction
    margins: dict[str, Any] = {
        "margin_absolute_fraction": limits.error_margin_absolute_fraction,
        "margin_relative_fraction": limits.error_margin_relative_fraction,
    }
    if counts is None:
        reason = health.reason or "no-traffic"
        latency = LatencyJudgement(  # one arm may well have served
            reason=reason,
            margin_fraction=margin,
            baseline_request_count=sum(replica.requests for replica in health.baseline),
            canary_request_count=sum(replica.requests for replica in health.canary),
        )
        return latency, ErrorJudgement(reason=reason, **margins)
    history = inputs.history.noise_history if inputs.history else None
    levels = {"alpha_fail": limits.alpha_fail, "alpha_pass": limits.alpha_pass}
    return (
        judge_latency(
            counts,
            margin_fraction=margin,
            quantile=limits.quantile,
            bucket_policy=limits.bucket_policy,
            history=history,
            **levels,
        ),
        judge_errors(counts, history=history, **margins, **levels),
    )
