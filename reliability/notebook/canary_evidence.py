"""What the canary report stands on: what both arms answered, what was counted and judged.

Fetches both arms from where `reliability.notebook.origin` says and calls the judges. What the
cells show belongs to `reliability.notebook.canary`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reliability.errors import ParameterError
from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.error_rate import ErrorJudgement, judge_errors, unjudged_errors
from reliability.judge.latency import LatencyJudgement, judge_latency, unjudged_latency
from reliability.notebook.origin import Origin, Parameters, find_origin
from reliability.notebook.run import Place
from reliability.sources.answer import Answer
from reliability.sources.increments import Pairing, pair_counts
from reliability.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryEvidence:
    """Everything the cells of the canary report show.

    Attributes:
        origin: Where the samples come from.
        judged_window: The window behind the warm-up.
        answers: What the source answered, by arm.
        pairing: Counts on the common grid, with the health of the data.
        warnings: Warnings of the server, each once.
        latency: Judged latency.
        errors: Judged error rate.
        judgement: The fold of all checks.
    """

    origin: Origin
    judged_window: Window
    answers: Mapping[str, Answer]
    pairing: Pairing
    warnings: tuple[str, ...]
    latency: LatencyJudgement
    errors: ErrorJudgement
    judgement: CanaryJudgement


def load_evidence(parameters: Parameters, *, place: Place) -> CanaryEvidence:
    """Fetch both arms and judge them.

    Args:
        parameters: Resolved parameters of the canary report.
        place: Where and when the report is made.

    Returns:
        The evidence.

    Raises:
        SourceError: The samples cannot be had.
        ParameterError: The window leaves nothing behind the warm-up.
        SelectorError: A metric name or matcher is not valid PromQL.
    """
    origin = find_origin(parameters, place=place)
    judged = origin.window.without_head(seconds=60 * origin.warmup_minutes)
    if judged is None:
        minutes = origin.window.seconds / 60
        raise ParameterError(
            f"the window of {minutes:g} minutes leaves nothing behind the warm-up of {origin.warmup_minutes:g} "
            f"minutes; lengthen window_minutes or shorten warmup_minutes."
        )
    metrics = origin.names.fetched()
    answers = {
        name: origin.source.fetch(metrics=metrics, matchers=arm.matchers, window=judged)
        for name, arm in origin.arms.items()
    }
    pairing = pair_counts(answers["baseline"], answers["canary"], names=origin.names, window=judged)
    latency, errors = _judged(pairing, parameters)
    warnings = tuple(dict.fromkeys(text for answer in answers.values() for text in answer.warnings))
    judgement = judge_canary(
        latency,
        errors,
        warnings=warnings,
        missing_scrapes_fraction=pairing.health.missing_fraction,
        used_scrape_count=pairing.health.used_scrapes,
        expected_scrape_count=pairing.health.expected_scrapes,
    )
    return CanaryEvidence(
        origin=origin, judged_window=judged, answers=answers, pairing=pairing, warnings=warnings,
        latency=latency, errors=errors, judgement=judgement,
    )  # fmt: skip


def _judged(pairing: Pairing, parameters: Parameters) -> tuple[LatencyJudgement, ErrorJudgement]:
    margin = parameters["margin_percent"] / 100
    margins = {
        "margin_absolute_fraction": parameters["error_margin_points"] / 100,
        "margin_relative_fraction": parameters["error_margin_percent"] / 100,
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
