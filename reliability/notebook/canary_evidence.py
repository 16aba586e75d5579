"""What the canary report stands on: what both arms answered, what was counted and judged.

Fetches both arms from where `reliability.notebook.origin` says and calls the judges. What the
cells show belongs to `reliability.notebook.canary`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reliability.errors import ParameterError
from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.error_rate import ErrorJudgement, judge_errors, unjudged_errors
from reliability.judge.latency import LatencyJudgement, judge_latency, unjudged_latency
from reliability.judge.timeline import Timeline, draw_timeline
from reliability.notebook.origin import Origin, Parameters, find_origin
from reliability.notebook.run import Place
from reliability.sources.answer import Answer
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.mixed_labels import mixed_labels
from reliability.window import Window

STEP_MINUTES_SHORT: Final = 1
STEP_MINUTES_LONG: Final = 5
STEP_CHANGE_SECONDS: Final = 20 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryEvidence:
    """Everything the cells of the canary report show.

    Attributes:
        origin: Where the samples come from.
        judged_window: The window behind the warm-up.
        answers: What the source answered, by arm.
        pairing: Counts on the common grid, with the health of the data.
        warnings: Warnings of the server, each once.
        infos: Its remarks, each once.
        mixed: Values by label, by arm, where an arm mixes targets that differ.
        by_minute: P95 by minute; None without counts.
        by_step: Errors by step; None without counts.
        step_minutes: Length of an error step.
        latency: Judged latency.
        errors: Judged error rate.
        judgement: The fold of all checks.
    """

    origin: Origin
    judged_window: Window
    answers: Mapping[str, Answer]
    pairing: Pairing
    warnings: tuple[str, ...]
    infos: tuple[str, ...]
    mixed: Mapping[str, Mapping[str, tuple[str, ...]]]
    by_minute: Timeline | None
    by_step: Timeline | None
    step_minutes: int
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
    answers = {arm: _fetch(origin, arm, judged) for arm in ("baseline", "canary")}
    pairing = pair_counts(answers["baseline"], answers["canary"], names=origin.names, window=judged)
    return _judged(parameters, origin, judged, answers, pairing)


def _fetch(origin: Origin, arm: str, window: Window) -> Answer:
    return origin.source.fetch(metrics=origin.names.fetched(), matchers=origin.arms[arm].matchers, window=window)


def _judged(
    parameters: Parameters, origin: Origin, judged: Window, answers: Mapping[str, Answer], pairing: Pairing
) -> CanaryEvidence:
    margin = parameters["margin_percent"] / 100
    absolute, relative = parameters["error_margin_points"] / 100, parameters["error_margin_percent"] / 100
    counts, reason = pairing.counts, pairing.health.reason or "no-traffic"
    if counts is None:
        latency = unjudged_latency(reason, margin_fraction=margin)
        errors = unjudged_errors(reason, margin_absolute_fraction=absolute, margin_relative_fraction=relative)
    else:
        latency = judge_latency(counts, margin_fraction=margin)
        errors = judge_errors(counts, margin_absolute_fraction=absolute, margin_relative_fraction=relative)
    warnings = tuple(dict.fromkeys(text for answer in answers.values() for text in answer.warnings))
    step = STEP_MINUTES_LONG if judged.seconds > STEP_CHANGE_SECONDS else STEP_MINUTES_SHORT
    return CanaryEvidence(
        origin=origin,
        judged_window=judged,
        answers=answers,
        pairing=pairing,
        warnings=warnings,
        infos=tuple(dict.fromkeys(text for answer in answers.values() for text in answer.infos)),
        mixed={arm: mixed_labels(answer, origin.arms[arm].matchers) for arm, answer in answers.items()},
        by_minute=draw_timeline(counts, step_seconds=60) if counts else None,
        by_step=draw_timeline(counts, step_seconds=60 * step) if counts else None,
        step_minutes=step,
        latency=latency,
        errors=errors,
        judgement=judge_canary(
            latency,
            errors,
            warnings=warnings,
            missing_scrapes_fraction=pairing.health.missing_fraction,
            used_scrape_count=pairing.health.used_scrapes,
            expected_scrape_count=pairing.health.expected_scrapes,
        ),
    )
