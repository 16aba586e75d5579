"""From what a server has to settings: a value where the choice is clear, a comment with what was seen.

Fed with a survey; printing the file belongs to `reliability.workbench.settings_text`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reliability.sources.answer import clipped
from reliability.workbench.histograms import Latency, unlikely_unit
from reliability.workbench.history import FULL_MINUTES
from reliability.workbench.survey import Survey

_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Settings of the canary.

    Attributes:
        values: Value by option.
        remarks: What was seen, by option.
        to_fill: Options that the user must fill in, and why.
    """

    values: Mapping[str, str | float]
    remarks: Mapping[str, Sequence[str]]
    to_fill: Mapping[str, str] = field(default_factory=dict)


def propose(survey: Survey) -> Proposal:
    """Turn a survey into settings.

    Args:
        survey: What the server has.

    Returns:
        The proposal; what is not clear is left to the user, with what was seen.
    """
    parts = [_latency(survey), _counter(survey), _arms(survey), _window(survey)]
    to_fill = {key: why for part in parts for key, why in part.to_fill.items()}
    seen = {key: lines for part in parts for key, lines in part.remarks.items()}
    return Proposal(
        values={"source": "prometheus"} | {key: value for part in parts for key, value in part.values.items()},
        remarks=seen | {key: [f"fill this in: {why}", *seen.get(key, ())] for key, why in to_fill.items()},
        to_fill=to_fill,
    )


def _latency(survey: Survey) -> Proposal:
    latency = survey.latency
    unusable = [f"{name} {why}" for name, why in list(survey.histograms.unusable.items())[:_SHOWN]]
    if latency is None:
        why = "the server has no classic histogram: no metric NAME_bucket with the label le"
        return Proposal(values={}, remarks={"latency_metric": unusable}, to_fill={"latency_metric": why})
    others = [name for name, count in survey.histograms.requests.items() if count and name != latency.metric]
    lines = [f"{latency.requests:.0f} requests in the last ten minutes", *_edges(latency)]
    if others:
        lines.append(f"other histograms with traffic: {', '.join(others[:_SHOWN])}")
    doubt = unlikely_unit(latency.unit, latency.bounds)
    return Proposal(
        values={"latency_metric": latency.metric, "latency_unit": latency.unit},
        remarks={
            "latency_metric": [*lines, *unusable],
            "latency_unit": [latency.unit_reason, *([f"check it: {doubt}"] if doubt else [])],
        },
    )


def _edges(latency: Latency) -> list[str]:
    if latency.p95_bucket is None:
        return ["without traffic nothing can be said about its bounds"]
    low, high = latency.p95_bucket
    unit = "s" if latency.unit == "seconds" else "ms"
    seen = f"the P95 lies between {low:g} and {high:g} {unit}"
    if not latency.helpful_bounds:
        return [f"{seen}, a fine bucket"]
    helpful = ", ".join(f"{bound:g}" for bound in latency.helpful_bounds)
    return [f"{seen}, a coarse bucket: only large changes can be judged; bounds that would help: {helpful} {unit}"]


def _counter(survey: Survey) -> Proposal:
    counter = survey.counter
    if counter is None:
        why = (
            "no counter with the status of a request was found; name one, or the histogram's _count if it has a status"
        )
        return Proposal(values={}, remarks={}, to_fill={"requests_metric": why, "error_matchers": "the same"})
    lines = []
    if survey.latency and counter.metric == f"{survey.latency.metric}_count":
        lines.append("the histogram's own count: it has the status, and there is no other counter")
    if not counter.agrees:
        lines.append(f"check it: it counts {counter.share:.2f} times the requests of the histogram")
    seen = ", ".join(clipped(value) for value in counter.values[:_SHOWN]) or "none yet; the preset says so"
    return Proposal(
        values={"requests_metric": counter.metric, "error_matchers": counter.error_matchers},
        remarks={"requests_metric": lines, "error_matchers": [f"values of {counter.label} seen: {seen}"]},
    )


def _arms(survey: Survey) -> Proposal:
    seen = [
        f"{split.label} could tell arms apart ({split.reason}): "
        + ", ".join(f'"{clipped(value)}" {count:.0f}' for value, count in list(split.requests.items())[:_SHOWN])
        + " requests"
        for split in survey.splits[:_SHOWN]
    ]
    if survey.arms is None:
        why = "no label has exactly two values with traffic, or two that their names single out"
        return Proposal(values={}, remarks={"baseline": seen}, to_fill={"baseline": why, "canary": "the same"})
    arms = survey.arms
    reason = f"{arms.label} tells the arms apart; baseline is {clipped(arms.baseline)}: {arms.reason}"
    releases = {} if "version" not in arms.label and "release" not in arms.label else {
        "baseline_release": arms.baseline, "canary_release": arms.canary,
    }  # fmt: skip
    return Proposal(
        values={
            "baseline": survey.matchers(arms.baseline), "canary": survey.matchers(arms.canary),
            **{key: value for key, value in releases.items() if value},
        },
        remarks={"baseline": [reason, *seen, *survey.remarks]},
    )  # fmt: skip


def _window(survey: Survey) -> Proposal:
    history = survey.history
    interval = f"scraped every {history.interval_seconds:g} s" if history.interval_seconds else "not scraped yet"
    reach = f"{interval}; samples of both arms go back {history.seconds / 60:.1f} minutes"
    if history.covers(FULL_MINUTES) or history.minutes is None:
        return Proposal(values={}, remarks={"window_minutes": [reach]})
    window, warmup = history.minutes
    cure = f"remove it when there are {FULL_MINUTES:g} minutes"
    return Proposal(
        values={"window_minutes": window, "warmup_minutes": warmup},
        remarks={"window_minutes": [f"{reach}, so a shorter window; {cure}"], "warmup_minutes": [cure]},
    )
