"""What the canary report stands on: which source, which arms, which window, what was counted and judged.

Resolves parameters against the manifest of a capture and the built-in defaults, fetches
both arms and calls the judges. What the cells show belongs to `reliability.notebook.canary`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, cast

from reliability.clock import parse_instant
from reliability.errors import ParameterError
from reliability.judge.canary import CanaryJudgement, judge_canary
from reliability.judge.error_rate import ErrorJudgement, judge_errors, unjudged_errors
from reliability.judge.latency import LatencyJudgement, judge_latency, unjudged_latency
from reliability.judge.timeline import Timeline, draw_timeline
from reliability.sources.answer import Answer
from reliability.sources.captures import Capture, read_capture
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.metrics import MetricNames, MetricsSource
from reliability.sources.prometheus import PrometheusSource
from reliability.sources.promql import Matcher, parse_matchers
from reliability.sources.samples import open_sample
from reliability.window import Window

SAMPLE_PREFIX: Final = "sample:"
URL_PREFIXES: Final = ("http://", "https://")
LIVE_MINUTES: Final = 35.0
WARMUP_MINUTES: Final = 5.0
STEP_MINUTES_SHORT: Final = 1
STEP_MINUTES_LONG: Final = 5
STEP_CHANGE_SECONDS: Final = 20 * 60
DEFAULT_METRICS: Final = {
    "latency_metric": "http_request_duration_seconds",
    "requests_metric": "http_requests_total",
    "error_matchers": 'code=~"5.."',
    "latency_unit": "seconds",
}
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm: what runs there, and which labels its series carry."""

    release: str
    matchers_text: str
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the samples come from, with what is known about them beforehand.

    Attributes:
        source: Fetches samples.
        window: Whole window, warm-up included.
        as_of: Instant at which the page is judged.
        sample: Name of the shipped sample; None for other sources.
        service: What was measured; empty when unknown.
        warmup_minutes: Head of the window that is cut off both arms.
        arms: Matchers and release by arm.
        names: Names of the metrics.
        experiment: Named facts of a recorded experiment, for example its injected delay.
    """

    source: MetricsSource
    window: Window
    as_of: datetime
    sample: str | None
    service: str
    warmup_minutes: float
    arms: Mapping[str, Arm]
    names: MetricNames
    experiment: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryEvidence:
    """Everything the cells of the canary report show.

    Attributes:
        origin: Where the samples come from.
        judged_window: The window behind the warm-up.
        answers: What the source answered, by arm.
        pairing: Counts on the common grid, with the health of the data.
        warnings: Warnings of the server, each once.
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
    by_minute: Timeline | None
    by_step: Timeline | None
    step_minutes: int
    latency: LatencyJudgement
    errors: ErrorJudgement
    judgement: CanaryJudgement


def load_evidence(parameters: Parameters, *, project: Path, now: datetime) -> CanaryEvidence:
    """Fetch both arms and judge them.

    Args:
        parameters: Resolved parameters of the canary report.
        project: Folder that relative paths start from.
        now: End of a live window.

    Returns:
        The evidence.

    Raises:
        SourceError: The samples cannot be had.
        ParameterError: The window leaves nothing behind the warm-up.
        SelectorError: A metric name or matcher is not valid PromQL.
    """
    origin = _origin(parameters, project, now)
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


def _origin(parameters: Parameters, project: Path, now: datetime) -> Origin:
    source: str = parameters["source"]
    if source.startswith(URL_PREFIXES):
        return _live_origin(parameters, now)
    if source.startswith(SAMPLE_PREFIX):
        sample = open_sample(source.removeprefix(SAMPLE_PREFIX))
        canary = {"canary": sample.canary_matchers} if sample.canary_matchers else {}
        return _recorded_origin(parameters, sample.capture, sample.window, sample=sample.name, matchers=canary)
    capture = read_capture(project / source)
    return _recorded_origin(parameters, capture, capture.manifest.window, sample=None, matchers={})


def _live_origin(parameters: Parameters, now: datetime) -> Origin:
    end = _end(parameters) or now
    minutes = parameters["window_minutes"] or LIVE_MINUTES
    arms = {
        arm: _arm(arm, parameters[arm] or f'arm="{arm}"', parameters[f"{arm}_release"] or arm)
        for arm in ("baseline", "canary")
    }
    return Origin(
        source=PrometheusSource(parameters["source"]),
        window=Window(start=end - timedelta(minutes=minutes), end=end),
        as_of=now,
        sample=None,
        service="",
        warmup_minutes=_first(parameters["warmup_minutes"], WARMUP_MINUTES),
        arms=arms,
        names=_names(parameters, DEFAULT_METRICS),
        experiment={},
    )


def _recorded_origin(
    parameters: Parameters, capture: Capture, window: Window, *, sample: str | None, matchers: Mapping[str, str]
) -> Origin:
    manifest = capture.manifest
    end = _end(parameters) or window.end
    minutes = parameters["window_minutes"]
    start = end - timedelta(minutes=minutes) if minutes else window.start
    arms = {
        arm: _arm(
            arm,
            parameters[arm] or matchers.get(arm) or manifest.arms[arm].matchers,
            parameters[f"{arm}_release"] or manifest.arms[arm].release,
        )
        for arm in ("baseline", "canary")
    }
    recorded = {
        "latency_metric": manifest.metrics.latency,
        "requests_metric": manifest.metrics.requests,
        "error_matchers": manifest.metrics.error_matchers,
        "latency_unit": manifest.metrics.unit,
    }
    return Origin(
        source=capture,
        window=Window(start=start, end=end),
        as_of=manifest.as_of,
        sample=sample,
        service=manifest.service,
        warmup_minutes=_first(parameters["warmup_minutes"], manifest.warmup_minutes),
        arms=arms,
        names=_names(parameters, recorded),
        experiment=manifest.experiment,
    )


def _arm(name: str, matchers: str, release: str) -> Arm:
    return Arm(release=release, matchers_text=matchers, matchers=parse_matchers(matchers, where=name))


def _names(parameters: Parameters, defaults: Mapping[str, str]) -> MetricNames:
    chosen = {key: parameters[key] or default for key, default in defaults.items()}
    return MetricNames(
        latency=chosen["latency_metric"],
        requests=chosen["requests_metric"],
        error_matchers=parse_matchers(chosen["error_matchers"], where="error_matchers"),
        unit=cast("Literal['seconds', 'milliseconds']", chosen["latency_unit"]),
    )


def _end(parameters: Parameters) -> datetime | None:
    text = parameters["window_end"]
    return None if text is None else parse_instant(text)


def _first(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given


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
