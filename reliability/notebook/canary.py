"""The canary report: one cell a question, and the part of the report's JSON that gates.

Numbers come judged from `reliability.notebook.canary_evidence`; words and charts are made
from the JSON in `reliability.report`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, cast

import numpy as np

from reliability.clock import format_instant
from reliability.judge.counts import ArmCounts
from reliability.notebook.block import Block
from reliability.notebook.canary_evidence import CanaryEvidence, load_evidence
from reliability.notebook.frames import BUCKETS, INCREMENTS, keep_increments
from reliability.notebook.parts import present
from reliability.notebook.run import Frames, Place, Run, show
from reliability.report.formats import DASH
from reliability.window import Window

TOPIC: Final = "canary"
SECTION: Final = "canary"
FRAMES: Final[Frames] = {"increments": INCREMENTS, "buckets": BUCKETS}
Data = dict[str, object]
_LATENCY_FIELDS: Final = (
    "increase_fraction", "increase_interval", "margin_fraction", "deciding_upper_fraction", "deciding_lower_fraction",
    "guard_fraction", "requests_needed", "minutes_needed", "suggested_bounds_seconds",
)  # fmt: skip
_ERROR_FIELDS: Final = (
    "baseline_fraction", "canary_fraction", "difference_fraction", "interval", "allowed_fraction",
    "allowed_difference_fraction", "deciding_upper_fraction", "deciding_lower_fraction", "requests_needed",
)  # fmt: skip
_P95_FIGURE: Final = ("increase_fraction", "increase_interval", "margin_fraction")
_ERRORS_FIGURE: Final = (*_ERROR_FIELDS[:4], "allowed_difference_fraction")


def load(parameters: Mapping[str, object], *, place: Place) -> CanaryEvidence:
    """Fetch and judge both arms; see `canary_evidence.load_evidence`."""
    found = load_evidence(parameters, place=place)
    keep_increments(found, place=place)
    return found


def conclude(run: Run) -> Data:
    """Write the canary's own part of the report's JSON."""
    found: CanaryEvidence = present(run.evidence)
    origin = found.origin
    return {
        "sample": origin.sample,
        "as_of": format_instant(origin.as_of),
        "service": origin.service,
        "verdict": found.judgement.verdict.value,
        "reason": found.judgement.reason,
        "cautions": [*found.judgement.cautions, *(["mixed-labels"] if any(found.mixed.values()) else [])],
        "mixed_labels": _mixed(found),
        "figures": _figures(found),
        "checks": [check.to_json() for check in found.judgement.checks],
        "releases": {arm: entry.release for arm, entry in origin.arms.items()},
        "latency": _latency_summary(found),
        "errors": _errors_summary(found),
        "exposure": _exposure_summary(found),
        "experiment": dict(origin.experiment),
        "provenance": {
            "window": str(origin.window),
            "source": origin.source.description,
            "queries": [answer.query for answer in found.answers.values()],
        },
    }


def latency(run: Run) -> Block:
    """Show the P95 of both arms, its change, the likely range and the deciding number."""
    return _part(run, "latency", _latency)


def errors(run: Run) -> Block:
    """Show the error rate of both arms, its change, the likely range and the deciding number."""
    return _part(run, "errors", _errors)


def buckets(run: Run) -> Block:
    """Show in which buckets the requests fall and what the bounds alone say."""
    return _part(run, "buckets", _buckets)


def exposure(run: Run) -> Block:
    """Show replicas, requests and what was lost on the way."""
    return _part(run, "exposure", _exposure)


def checks(run: Run) -> Block:
    """Show each check with what was observed."""
    return _part(run, "checks", lambda found: {"checks": [check.to_json() for check in found.judgement.checks]})


def _part(run: Run, kind: str, build: Callable[[CanaryEvidence], Mapping[str, object]]) -> Block:
    return show(run, kind, lambda evidence: build(cast("CanaryEvidence", evidence)))


def _latency_summary(found: CanaryEvidence) -> Data:
    judged = found.latency
    return {
        **_releases(found),
        **{name: _plain(getattr(judged, name)) for name in _LATENCY_FIELDS},
        **_outcome(found, "latency"),
        "baseline_p95_seconds": _plain(judged.baseline_seconds),
        "canary_p95_seconds": _plain(judged.canary_seconds),
        "bucket_bounds": {
            "baseline_seconds": _plain(judged.baseline_bucket_seconds),
            "canary_seconds": _plain(judged.canary_bucket_seconds),
            "increase_interval": _plain(judged.bounds_interval),
            "ratio": _plain(judged.bucket_ratio),
        },
    }


def _latency(found: CanaryEvidence) -> Data:
    timeline, base = found.by_minute, found.latency.baseline_seconds
    baseline = timeline.baseline_p95_seconds if timeline else ()
    canary = timeline.canary_p95_seconds if timeline else ()
    limit = None if base is None else base * (1 + found.latency.margin_fraction)
    pairs = [(b, c) for b, c in zip(baseline, canary, strict=True) if b is not None and c is not None]
    return {
        **_latency_summary(found),
        "by_minute": {
            "starts": _instants(timeline.starts_seconds if timeline else ()),
            "baseline_seconds": list(baseline),
            "canary_seconds": list(canary),
        },
        "limit_seconds": limit,
        "minutes_total": len(pairs),
        "minutes_slower": sum(c > b for b, c in pairs),
        "minutes_over_limit": sum(limit is not None and c > limit for _, c in pairs),
    }


def _errors_summary(found: CanaryEvidence) -> Data:
    judged = found.errors
    return {**{name: _plain(getattr(judged, name)) for name in _ERROR_FIELDS}, **_outcome(found, "errors")}


def _errors(found: CanaryEvidence) -> Data:
    steps = found.by_step
    return {
        **_errors_summary(found),
        **_releases(found),
        "error_matchers": ", ".join(matcher.promql() for matcher in found.origin.names.error_matchers),
        "by_step": {
            "step_minutes": found.step_minutes,
            "starts": _instants(steps.starts_seconds if steps else ()),
            "baseline": [asdict(step) for step in (steps.baseline_errors if steps else ())],
            "canary": [asdict(step) for step in (steps.canary_errors if steps else ())],
        },
    }


def _buckets(found: CanaryEvidence) -> Data:
    counts, summary = found.pairing.counts, _latency_summary(found)
    bounds = cast("Data", summary["bucket_bounds"])
    return {
        **{key: summary[key] for key in ("baseline_p95_seconds", "canary_p95_seconds", "guard_fraction")},
        **_releases(found),
        "upper_bounds_seconds": _plain(counts.upper_bounds_seconds.tolist()) if counts else [],
        "baseline_share": _shares(counts.baseline) if counts else [],
        "canary_share": _shares(counts.canary) if counts else [],
        "baseline_bucket_seconds": bounds["baseline_seconds"],
        "canary_bucket_seconds": bounds["canary_seconds"],
        "increase_bounds": bounds["increase_interval"],
        "ratio": bounds["ratio"],
    }


def _exposure_summary(found: CanaryEvidence) -> Data:
    health = found.pairing.health
    return {
        **{
            str(arm["arm"]): {key: arm[key] for key in ("requests", "errors", "requests_per_second")}
            for arm in _arms(found)
        },
        "scrapes_expected": health.expected_scrapes,
        "scrapes_used": health.used_scrapes,
        "restarts": health.restarts,
        "lost_requests_at_most": health.lost_requests_at_most,
    }


def _exposure(found: CanaryEvidence) -> Data:
    health = found.pairing.health
    return {
        "window": _window(found.origin.window),
        "judged_window": _window(found.judged_window),
        "warmup_minutes": found.origin.warmup_minutes,
        "scrapes": {
            "expected": health.expected_scrapes,
            "used": health.used_scrapes,
            "interval_seconds": health.scrape_interval_seconds,
        },
        "arms": _arms(found),
        "lost_requests_at_most": health.lost_requests_at_most,
        "notes": [*health.notes, *found.infos],
        "warnings": list(found.warnings),
    }


def _mixed(found: CanaryEvidence) -> list[Data]:
    return [
        {"arm": arm, "label": label, "values": [value or DASH for value in values]}
        for arm, labels in found.mixed.items()
        for label, values in labels.items()
    ]


def _arms(found: CanaryEvidence) -> list[Data]:
    counts, health = found.pairing.counts, found.pairing.health
    seconds = float(np.ptp(counts.edges_seconds)) if counts else found.judged_window.seconds
    arms: list[Data] = []
    for name, replicas in (("baseline", health.baseline), ("canary", health.canary)):
        counted: ArmCounts | None = getattr(counts, name) if counts else None
        requests = round(float(counted.requests.sum())) if counted else sum(r.requests for r in replicas)
        failed = round(float(counted.errors.sum())) if counted else sum(r.errors for r in replicas)
        entry = found.origin.arms[name]
        arms.append({
            "arm": name, "release": entry.release, "matchers": entry.matchers_text,
            "requests": requests, "errors": failed,
            "requests_per_second": requests / seconds,
            "replicas": [asdict(replica) for replica in replicas],
        })  # fmt: skip
    return arms


def _figures(found: CanaryEvidence) -> list[Data]:
    latency, errors, health = _latency_summary(found), _errors_summary(found), found.pairing.health
    verdicts = {check.id: check.verdict.value for check in found.judgement.checks}
    baseline, canary = _arms(found)
    return [
        {
            "id": "p95", "verdict": verdicts["latency"], **{key: latency[key] for key in _P95_FIGURE},
            "baseline_seconds": latency["baseline_p95_seconds"], "canary_seconds": latency["canary_p95_seconds"],
        },
        {"id": "errors", "verdict": verdicts["errors"], **{key: errors[key] for key in _ERRORS_FIGURE}},
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


def _outcome(found: CanaryEvidence, measure: str) -> Data:
    """Return verdict and reason of a measure as they count: after Holm's correction."""
    check = found.judgement.check(measure)
    return {"verdict": check.verdict.value, "reason": check.reason}


def _releases(found: CanaryEvidence) -> Data:
    return {f"{arm}_release": entry.release for arm, entry in found.origin.arms.items()}


def _shares(arm: ArmCounts) -> list[float]:
    cumulative = arm.bucket_counts.sum(axis=0)
    return [float(share) for share in np.diff(cumulative, prepend=0.0) / (cumulative[-1] or 1.0)]


def _instants(seconds: Sequence[float]) -> list[str]:
    return [format_instant(datetime.fromtimestamp(round(instant), UTC)) for instant in seconds]


def _window(window: Window) -> Data:
    return {"start": format_instant(window.start), "end": format_instant(window.end)}


def _plain(value: object) -> object:
    """Return JSON types: lists for tuples, null for what is not finite."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value
