"""The canary report: one cell a question, and the part of the report's JSON that gates.

Numbers come judged from `reliability.notebook.canary_evidence`; words and charts are made
from the JSON in `reliability.report`.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from reliability.clock import format_instant
from reliability.judge.canary import Check
from reliability.judge.counts import ArmCounts
from reliability.judge.timeline import ErrorStep
from reliability.notebook.block import Block
from reliability.notebook.canary_evidence import CanaryEvidence, load_evidence
from reliability.notebook.run import Run, show
from reliability.sources.pair_health import ReplicaHealth
from reliability.window import Window

TOPIC: Final = "canary"
Data = dict[str, object]


def load(parameters: Mapping[str, object], *, project: Path, now: datetime) -> CanaryEvidence:
    """Fetch and judge both arms; see `canary_evidence.load_evidence`."""
    return load_evidence(parameters, project=project, now=now)


def conclude(evidence: object) -> Data:
    """Write the canary's own part of the report's JSON."""
    found = cast("CanaryEvidence", evidence)
    origin = found.origin
    return {
        "sample": origin.sample,
        "as_of": format_instant(origin.as_of),
        "service": origin.service,
        "verdict": found.judgement.verdict.value,
        "reason": found.judgement.reason,
        "cautions": list(found.judgement.cautions),
        "figures": _figures(found),
        "checks": [_check_data(check) for check in found.judgement.checks],
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
    return _part(run, "checks", lambda found: {"checks": [_check_data(check) for check in found.judgement.checks]})


def queries(run: Run) -> Block:
    """Show the exact queries, ready to copy."""
    return _part(run, "queries", _queries)


def _part(run: Run, kind: str, build: Callable[[CanaryEvidence], Mapping[str, object]]) -> Block:
    return show(run, kind, lambda evidence: build(cast("CanaryEvidence", evidence)))


def _latency_summary(found: CanaryEvidence) -> Data:
    judged = found.latency
    return {
        **_releases(found),
        "baseline_p95_seconds": _finite(judged.baseline_seconds),
        "canary_p95_seconds": _finite(judged.canary_seconds),
        "increase_fraction": _finite(judged.increase_fraction),
        "increase_interval": _pair(judged.increase_interval),
        "margin_fraction": judged.margin_fraction,
        "deciding_upper_fraction": _finite(judged.deciding_upper_fraction),
        "deciding_lower_fraction": _finite(judged.deciding_lower_fraction),
        "guard_fraction": _finite(judged.guard_fraction),
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "bucket_bounds": {
            "baseline_seconds": _pair(judged.baseline_bucket_seconds),
            "canary_seconds": _pair(judged.canary_bucket_seconds),
            "increase_interval": _pair(judged.bounds_interval),
            "ratio": _finite(judged.bucket_ratio),
        },
        "requests_needed": judged.requests_needed,
        "minutes_needed": _finite(judged.minutes_needed),
        "suggested_bounds_seconds": list(judged.suggested_bounds_seconds),
    }


def _latency(found: CanaryEvidence) -> Data:
    summary = _latency_summary(found)
    timeline, base = found.by_minute, summary["baseline_p95_seconds"]
    baseline = timeline.baseline_p95_seconds if timeline else ()
    canary = timeline.canary_p95_seconds if timeline else ()
    limit = base * (1 + found.latency.margin_fraction) if isinstance(base, float) else None
    pairs = [(b, c) for b, c in zip(baseline, canary, strict=True) if b is not None and c is not None]
    return {
        **summary,
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
    return {
        "baseline_fraction": _finite(judged.baseline_fraction),
        "canary_fraction": _finite(judged.canary_fraction),
        "difference_fraction": _finite(judged.difference_fraction),
        "interval": _pair(judged.interval),
        "allowed_fraction": _finite(judged.allowed_fraction),
        "allowed_difference_fraction": _finite(judged.allowed_difference_fraction),
        "deciding_upper_fraction": _finite(judged.deciding_upper_fraction),
        "deciding_lower_fraction": _finite(judged.deciding_lower_fraction),
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "requests_needed": judged.requests_needed,
    }


def _errors(found: CanaryEvidence) -> Data:
    steps = found.by_step
    return {
        **_errors_summary(found),
        **_releases(found),
        "error_matchers": ", ".join(matcher.promql() for matcher in found.origin.names.error_matchers),
        "by_step": {
            "step_minutes": found.step_minutes,
            "starts": _instants(steps.starts_seconds if steps else ()),
            "baseline": [_step(step) for step in (steps.baseline_errors if steps else ())],
            "canary": [_step(step) for step in (steps.canary_errors if steps else ())],
        },
    }


def _buckets(found: CanaryEvidence) -> Data:
    counts, summary = found.pairing.counts, _latency_summary(found)
    bounds = cast("Mapping[str, object]", summary["bucket_bounds"])
    return {
        **_releases(found),
        "upper_bounds_seconds": [_finite(bound) for bound in counts.upper_bounds_seconds.tolist()] if counts else [],
        "baseline_share": _shares(counts.baseline) if counts else [],
        "canary_share": _shares(counts.canary) if counts else [],
        "baseline_p95_seconds": summary["baseline_p95_seconds"],
        "canary_p95_seconds": summary["canary_p95_seconds"],
        "baseline_bucket_seconds": bounds["baseline_seconds"],
        "canary_bucket_seconds": bounds["canary_seconds"],
        "increase_bounds": bounds["increase_interval"],
        "ratio": bounds["ratio"],
        "guard_fraction": summary["guard_fraction"],
    }


def _exposure_summary(found: CanaryEvidence) -> Data:
    arms = {str(arm["arm"]): arm for arm in _arms(found)}
    health = found.pairing.health
    return {
        **{
            name: {key: arm[key] for key in ("requests", "errors", "requests_per_second")}
            | {"replicas": len(cast("list[object]", arm["replicas"]))}
            for name, arm in arms.items()
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
            "interval_seconds": _finite(health.scrape_interval_seconds),
        },
        "arms": _arms(found),
        "lost_requests_at_most": health.lost_requests_at_most,
        "notes": list(health.notes),
        "warnings": list(found.warnings),
    }


def _arms(found: CanaryEvidence) -> list[Data]:
    counts, health = found.pairing.counts, found.pairing.health
    arms: list[Data] = []
    for name, replicas in (("baseline", health.baseline), ("canary", health.canary)):
        counted: ArmCounts | None = getattr(counts, name) if counts else None
        requests = round(float(counted.requests.sum())) if counted else sum(r.requests for r in replicas)
        failed = round(float(counted.errors.sum())) if counted else sum(r.errors for r in replicas)
        entry = found.origin.arms[name]
        arms.append({
            "arm": name, "release": entry.release, "matchers": entry.matchers, "requests": requests, "errors": failed,
            "requests_per_second": requests / found.judged_window.seconds,
            "replicas": [_replica(replica) for replica in replicas],
        })  # fmt: skip
    return arms


def _queries(found: CanaryEvidence) -> Data:
    rows = [
        {
            "arm": arm,
            "query": answer.query,
            "series": len(answer.series),
            "samples": sum(int(series.values.size) for series in answer.series),
        }
        for arm, answer in found.answers.items()
    ]
    return {"source": found.origin.source.description, "queries": rows}


def _figures(found: CanaryEvidence) -> list[Data]:
    latency, errors, health = _latency_summary(found), _errors_summary(found), found.pairing.health
    verdicts = {check.id: check.verdict.value for check in found.judgement.checks}
    baseline, canary = _arms(found)
    return [
        {
            "id": "p95", "verdict": latency["verdict"], "increase_fraction": latency["increase_fraction"],
            "increase_interval": latency["increase_interval"], "baseline_seconds": latency["baseline_p95_seconds"],
            "canary_seconds": latency["canary_p95_seconds"], "margin_fraction": latency["margin_fraction"],
        },
        {
            "id": "errors", "verdict": errors["verdict"], "difference_fraction": errors["difference_fraction"],
            "interval": errors["interval"], "baseline_fraction": errors["baseline_fraction"],
            "canary_fraction": errors["canary_fraction"],
            "allowed_difference_fraction": errors["allowed_difference_fraction"],
        },
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


def _check_data(check: Check) -> Data:
    return {"id": check.id, "verdict": check.verdict.value, "values": dict(check.values)}


def _releases(found: CanaryEvidence) -> Data:
    return {f"{arm}_release": entry.release for arm, entry in found.origin.arms.items()}


def _replica(replica: ReplicaHealth) -> Data:
    return {
        "instance": replica.instance, "requests": replica.requests, "errors": replica.errors,
        "restarts": replica.restarts, "gap_seconds": replica.gap_seconds,
    }  # fmt: skip


def _step(step: ErrorStep) -> Data:
    return {
        "requests": step.requests, "errors": step.errors, "low_fraction": step.low_fraction,
        "high_fraction": step.high_fraction,
    }  # fmt: skip


def _shares(arm: ArmCounts) -> list[float]:
    cumulative = arm.bucket_counts.sum(axis=0)
    total = float(cumulative[-1]) or 1.0
    inside = [high - low for low, high in zip([0.0, *cumulative[:-1]], cumulative, strict=True)]
    return [float(count) / total for count in inside]


def _instants(seconds: tuple[float, ...]) -> list[str]:
    return [format_instant(datetime.fromtimestamp(round(instant), UTC)) for instant in seconds]


def _window(window: Window) -> Data:
    return {"start": format_instant(window.start), "end": format_instant(window.end)}


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _pair(interval: tuple[float, float | None] | None) -> list[float | None] | None:
    return None if interval is None else [_finite(end) for end in interval]
