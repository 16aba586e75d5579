"""The canary report: one cell a question, and the part of the report's JSON that gates.

Numbers come judged from `reliability.notebook.canary_evidence`; words and charts are made
from the JSON in `reliability.report`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from reliability.judge.counts import ArmCounts
from reliability.judge.timeline import Timeline, draw_timeline
from reliability.notebook.block import Block
from reliability.notebook.canary_evidence import CanaryEvidence, keep_inputs, load_evidence
from reliability.notebook.canary_reasons import by_route, load_change, mixed_labels, reasons
from reliability.notebook.frames import BUCKETS, INCREMENTS, keep_increments
from reliability.notebook.parts import present
from reliability.notebook.run import Frames, Place, Run, show
from reliability.report.canary_view import has_layers_alone

TOPIC: Final = "canary"
SECTION: Final = "canary"
FRAMES: Final[Frames] = {"increments": INCREMENTS, "buckets": BUCKETS}
STEP_MINUTES_SHORT: Final = 1
STEP_MINUTES_LONG: Final = 5
STEP_CHANGE_SECONDS: Final = 20 * 60
_NO_COURSE: Final = Timeline(
    starts_seconds=(), baseline_p95_seconds=(), canary_p95_seconds=(), baseline_errors=(), canary_errors=()
)
_LATENCY_FIELDS: Final = (
    "increase_fraction", "increase_interval", "no_interval_reason", "margin_fraction", "deciding_upper_fraction",
    "deciding_lower_fraction", "guard_fraction", "requests_needed", "minutes_needed", "suggested_bounds_seconds",
    "fail_p_value", "pass_p_value", "more_requests_needed", "more_minutes_needed", "mean_increase_fraction",
    "mean_lower_fraction",
)  # fmt: skip
_ERROR_FIELDS: Final = (
    "baseline_fraction", "canary_fraction", "difference_fraction", "interval", "allowed_difference_fraction",
    "allowed_fraction", "deciding_upper_fraction", "deciding_lower_fraction", "requests_needed", "fail_p_value",
    "pass_p_value", "more_requests_needed", "more_minutes_needed",
)  # fmt: skip
Data = dict[str, Any]


def load(parameters: Mapping[str, Any], *, place: Place) -> CanaryEvidence:
    """Fetch and judge both arms; see `canary_evidence.load_evidence`."""
    found = load_evidence(parameters, place=place)
    keep_increments(found, place=place)
    keep_inputs(found.inputs, place=place)
    return found


def conclude(run: Run) -> Data:
    """Write the canary's own part of the report's JSON."""
    return conclude_evidence(present(run.evidence))


def conclude_evidence(found: CanaryEvidence) -> Data:
    """Write what was judged and why; equal evidence gives an equal part."""
    origin, judgement = found.origin, found.judgement
    return {
        "sample": origin.sample,
        "as_of": origin.as_of,
        "service": origin.service,
        "comparison": found.comparison,
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "cautions": judgement.cautions,
        "mixed_labels": mixed_labels(found),
        "figures": _figures(found),
        "checks": judgement.checks,
        "releases": {name: arm.release for name, arm in origin.arms.items()},
        "latency": _latency_summary(found),
        "errors": _errors_summary(found),
        "exposure": _exposure_summary(found),
        **reasons(found),
        "routes": by_route(found)["routes"],
        "load": load_change(found),
        "experiment": origin.experiment,
        "change_under_test": "resilience-layers" if has_layers_alone(origin.experiment or {}) else None,
        "provenance": {
            "window": str(origin.window),
            "baseline_window": origin.baseline_window and str(origin.baseline_window),
            "source": origin.description,
            "queries": list(dict.fromkeys(answer.query for answer in found.answers.values())),
        },
    }


def latency(run: Run) -> Block:
    """Show the P95 of both arms, its change, the likely range and the deciding number."""
    return show(run, "latency", _latency)


def errors(run: Run) -> Block:
    """Show the error rate of both arms, its change, the likely range and the deciding number."""
    return show(run, "errors", _errors)


def buckets(run: Run) -> Block:
    """Show in which buckets the requests fall and what the bounds alone say."""
    return show(run, "buckets", _buckets)


def exposure(run: Run) -> Block:
    """Show replicas, requests and what was lost on the way."""
    return show(run, "exposure", _exposure)


def routes(run: Run) -> Block:
    """Show the P95 route by route, which routes are not judged, and whether the mix deceives."""
    return show(run, "routes", by_route)


def checks(run: Run) -> Block:
    """Show each check with what was observed, what is undecided and what speaks for the other verdict."""
    return show(run, "checks", lambda found: {"checks": found.judgement.checks, **reasons(found)})


def _latency_summary(found: CanaryEvidence) -> Data:
    judged = found.latency
    return {
        **_releases(found),
        **_fields(judged, *_LATENCY_FIELDS),
        **_outcome(found, "latency"),
        "baseline_p95_seconds": judged.baseline_seconds,
        "canary_p95_seconds": judged.canary_seconds,
        "bucket_bounds": {
            "baseline_seconds": judged.baseline_bucket_seconds,
            "canary_seconds": judged.canary_bucket_seconds,
            "increase_interval": judged.bounds_interval,
            "ratio": judged.bucket_ratio,
        },
    }


def _latency(found: CanaryEvidence) -> Data:
    course, base = _course(found, minutes=1), found.latency.baseline_seconds
    baseline, canary = course.baseline_p95_seconds, course.canary_p95_seconds
    limit = None if base is None else base * (1 + found.latency.margin_fraction)
    pairs = [(b, c) for b, c in zip(baseline, canary, strict=True) if b is not None and c is not None]
    return {
        **_latency_summary(found),
        "by_minute": {"starts": _starts(found, course), "baseline_seconds": baseline, "canary_seconds": canary},
        "limit_seconds": limit,
        "minutes_total": len(pairs),
        "minutes_slower": sum(c > b for b, c in pairs),
        "minutes_over_limit": sum(limit is not None and c > limit for _, c in pairs),
    }


def _errors_summary(found: CanaryEvidence) -> Data:
    return {**_fields(found.errors, *_ERROR_FIELDS), **_outcome(found, "errors")}


def _errors(found: CanaryEvidence) -> Data:
    minutes = STEP_MINUTES_LONG if found.judged_window.seconds > STEP_CHANGE_SECONDS else STEP_MINUTES_SHORT
    course = _course(found, minutes=minutes)
    return {
        **_errors_summary(found),
        **_releases(found),
        "error_matchers": ", ".join(matcher.promql() for matcher in found.origin.names.error_matchers),
        "by_step": {
            "step_minutes": minutes,
            "starts": _starts(found, course),
            "baseline": course.baseline_errors,
            "canary": course.canary_errors,
        },
    }


def _buckets(found: CanaryEvidence) -> Data:
    counts, judged = found.inputs.counts, found.latency
    return {
        **_releases(found),
        **_fields(judged, "guard_fraction", "baseline_bucket_seconds", "canary_bucket_seconds"),
        "baseline_p95_seconds": judged.baseline_seconds,
        "canary_p95_seconds": judged.canary_seconds,
        "increase_bounds": judged.bounds_interval,
        "ratio": judged.bucket_ratio,
        "upper_bounds_seconds": counts.upper_bounds_seconds.tolist() if counts else [],
        "baseline_share": _shares(counts.arms[0]) if counts else [],
        "canary_share": _shares(counts.arms[1]) if counts else [],
    }


def _exposure_summary(found: CanaryEvidence) -> Data:
    health = found.inputs.health
    return {
        **{
            arm["arm"]: {key: arm[key] for key in ("requests", "errors", "requests_per_second")} for arm in _arms(found)
        },
        "scrapes_expected": health.expected_scrapes,
        "scrapes_used": health.used_scrapes,
        "restarts": health.restarts,
        "lost_requests_at_most": health.lost_requests_at_most,
    }


def _exposure(found: CanaryEvidence) -> Data:
    health = found.inputs.health
    infos = dict.fromkeys(text for answer in found.answers.values() for text in answer.infos)
    return {
        "comparison": found.comparison,
        "window": found.origin.window,
        "judged_window": found.judged_window,
        "baseline_window": found.origin.baseline_window,
        "baseline_judged_window": found.baseline_judged_window,
        "load": load_change(found),
        "warmup_minutes": found.origin.warmup_minutes,
        "scrapes": {
            "expected": health.expected_scrapes,
            "used": health.used_scrapes,
            "interval_seconds": health.scrape_interval_seconds,
        },
        "arms": _arms(found),
        "lost_requests_at_most": health.lost_requests_at_most,
        "notes": [*health.notes, *infos],
        "warnings": found.warnings,
    }


def _arms(found: CanaryEvidence) -> list[Data]:
    counts, health = found.inputs.counts, found.inputs.health
    arms: list[Data] = []
    for name, arm in found.origin.arms.items():
        place = ("baseline", "canary").index(name)
        edges, counted = (counts.edges[place], counts.arms[place]) if counts else (None, None)
        seconds = found.judged_window.seconds if edges is None else float(np.ptp(edges))
        replicas = getattr(health, name)
        requests = round(float(counted.requests.sum())) if counted else sum(each.requests for each in replicas)
        known = [each.errors for each in replicas if each.errors is not None]
        failed = round(float(counted.errors.sum())) if counted else sum(known) if known else None
        arms.append({
            "arm": name, "release": arm.release, "matchers": arm.matchers_text, "requests": requests,
            "errors": failed, "requests_per_second": requests / seconds, "replicas": replicas,
        })  # fmt: skip
    return arms


def _figures(found: CanaryEvidence) -> list[Data]:
    health, verdicts = found.inputs.health, {check.id: check.verdict for check in found.judgement.checks}
    p95 = ("increase_fraction", "increase_interval", "margin_fraction", "baseline_seconds", "canary_seconds")
    baseline, canary = _arms(found)
    return [
        {"id": "p95", "verdict": verdicts["latency"], **_fields(found.latency, *p95)},
        {"id": "errors", "verdict": verdicts["errors"], **_fields(found.errors, *_ERROR_FIELDS[:5])},
        {
            "id": "requests", "verdict": verdicts["traffic"], "canary_count": canary["requests"],
            "baseline_count": baseline["requests"],
            "needed_count": found.latency.requests_needed or found.errors.requests_needed,
        },
        {
            "id": "scrapes", "verdict": verdicts["scrapes"], "used_count": health.used_scrapes,
            "expected_count": health.expected_scrapes, "restarts_count": health.restarts,
        },
    ]  # fmt: skip


def _fields(judged: object, *names: str) -> Data:
    return {name: getattr(judged, name) for name in names}


def _outcome(found: CanaryEvidence, measure: str) -> Data:
    """Return verdict and reason of a measure as they count: after Holm's correction."""
    return _fields(found.judgement.check(measure), "verdict", "reason")


def _releases(found: CanaryEvidence) -> Data:
    releases = {f"{name}_release": arm.release for name, arm in found.origin.arms.items()}
    return {"comparison": found.comparison, **releases}


def _shares(arm: ArmCounts) -> list[float]:
    cumulative = arm.bucket_counts.sum(axis=0)
    shares: list[float] = (np.diff(cumulative, prepend=0.0) / (cumulative[-1] or 1.0)).tolist()
    return shares


def _course(found: CanaryEvidence, *, minutes: int) -> Timeline:
    counts = found.inputs.counts
    return draw_timeline(counts, step_seconds=60 * minutes) if counts else _NO_COURSE


def _starts(found: CanaryEvidence, course: Timeline) -> list[datetime] | list[float]:
    """Return when each step begins: an instant, or minutes since the start of its own window."""
    if found.comparison == "before-after":
        return [start / 60 for start in course.starts_seconds]
    return [datetime.fromtimestamp(round(start), UTC) for start in course.starts_seconds]
