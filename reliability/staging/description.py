"""Describes a recorded experiment as a manifest: window, arms, cost, and the truth by arm.

Holds the capture against the client's log first and refuses one that does not agree.
Running the experiment and writing files do not belong here.
"""

import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from reliability.clock import format_instant
from reliability.errors import StagingError
from reliability.sources.manifest import ArmEntry, Manifest, MetricsEntry, Server
from reliability.staging.agreement import Allowance, CapturedCounters, find_disagreements
from reliability.staging.experiment import Findings, KillEvent, OutageEvent
from reliability.staging.planner import power_to_decide, tail_index
from reliability.staging.plans import LAYERS, SERVICE, ArmPlan, ExperimentPlan
from reliability.staging.request_log import LoggedRequest
from reliability.staging.storage import IN_FILES, SQLITE_FILES, SessionHome, StorageChoice
from reliability.staging.truth import kill_gap_requests_at_most, truth_of
from reliability.window import Window

_MARGIN_FRACTION: Final = 0.10
_ALPHA_TO_PASS: Final = 0.05
_ALPHA_TO_FAIL: Final = 0.025
_SHOWN_DISAGREEMENTS: Final = 5
_CPU_FRACTION_LIMIT: Final = 0.40  # above it, latencies may tell of the machine and not of the service
_NO_CHECKSUM: Final = "0" * 64
_METRICS: Final = MetricsEntry(
    latency="http_request_duration_seconds",
    requests="http_requests_total",
    error_matchers='code=~"5.."',
    unit="seconds",
)


def describe(
    plan: ExperimentPlan,
    findings: Findings,
    requests: Sequence[LoggedRequest],
    *,
    storage: StorageChoice = SQLITE_FILES,
    homes: Mapping[str, SessionHome] = IN_FILES,
) -> Manifest:
    """Describe an experiment's findings.

    Args:
        plan: What was run.
        findings: What it left behind.
        requests: The client's whole log.
        storage: Where both arms kept their reservations.
        homes: Where sessions lay without layers and with them; see `StorageChoice.find_homes`.

    Returns:
        The manifest; the checksum is put in when the capture is written.

    Raises:
        StagingError: Capture and log disagree, or the experiment used too much of the CPU.
    """
    counters = CapturedCounters(findings.body)
    gap = _kill_gap(findings.kill, counters, requests)
    _check_cpu(plan, findings)
    _check_agreement(plan, findings, counters, requests, gap)
    evaluated_at = _instant(findings.evaluated_at_seconds)
    window = Window(start=_instant(findings.started_at_seconds), end=_instant(_end_seconds(plan, findings, requests)))
    judged_from_seconds = findings.started_at_seconds + plan.warmup_minutes * 60
    judged = [r for r in requests if judged_from_seconds <= r.completed_at_seconds < window.end.timestamp()]
    return Manifest(
        schema="reliability.capture/1",
        name=plan.name,
        service=SERVICE,
        recorded_at=evaluated_at,
        as_of=evaluated_at,
        evaluated_at=evaluated_at,
        window=window,
        server=Server(product="prometheus", version=findings.prometheus_version),
        query=findings.query,
        scrape_interval_seconds=plan.scrape_interval_seconds,
        warmup_minutes=plan.warmup_minutes,
        capture_sha256=_NO_CHECKSUM,
        warnings=_strings(findings.body, "warnings"),
        infos=_strings(findings.body, "infos"),
        arms={a.arm: ArmEntry(matchers=f'arm="{a.arm}"', release=a.release) for a in plan.arms},
        metrics=_METRICS,
        experiment={
            "storage": storage.words,
            "sessions": {a.arm: asdict(homes["layers" if a.layers else "plain"]) for a in plan.arms},
            **_experiment(plan, findings, counters, requests),
        },
        truth={
            "whole": _truth_by_arm(plan, requests),
            "judged": _truth_by_arm(plan, judged),
            "kill_gap": {findings.kill.arm: {"requests_at_most": gap}} if findings.kill else {},
        },
    )


def _check_cpu(plan: ExperimentPlan, findings: Findings) -> None:
    if findings.cpu_fraction > _CPU_FRACTION_LIMIT:
        raise StagingError(
            f"the experiment '{plan.name}' used {findings.cpu_fraction:.0%} of the machine's CPU, more than "
            f"{_CPU_FRACTION_LIMIT:.0%}, so it was not written; lower requests_per_second in plans.py."
        )


def _check_agreement(
    plan: ExperimentPlan,
    findings: Findings,
    counters: CapturedCounters,
    requests: Sequence[LoggedRequest],
    gap: int,
) -> None:
    allowances = {}
    if findings.kill:
        lost = sum(r.instance == findings.kill.instance and r.is_lost for r in requests)
        allowances[findings.kill.instance] = Allowance(missing_at_most=gap, extra_at_most=lost)
    problems = find_disagreements(counters, requests, allowances=allowances)
    if problems:
        raise StagingError(
            f"the capture of '{plan.name}' does not agree with the client's log in {len(problems)} counters, "
            f"so it was not written; record again. {'; '.join(problems[:_SHOWN_DISAGREEMENTS])}"
        )


def _experiment(
    plan: ExperimentPlan, findings: Findings, counters: CapturedCounters, requests: Sequence[LoggedRequest]
) -> dict[str, Any]:
    answered = {a.arm: sum(1 for r in requests if r.arm == a.arm and not r.is_lost) for a in plan.arms}
    cpu_seconds = counters.cpu_seconds_by_arm()
    return {
        "seed": plan.seed,
        "load_seconds": plan.load_seconds,
        "service_times": "lognormal by route, the same for both arms, fixed in service_model.py",
        "arms": {a.arm: _arm(a, answered[a.arm] / plan.load_seconds) for a in plan.arms},
        "layers": LAYERS if any(a.layers and a.has_traffic for a in plan.arms) else "none",
        "kill": _kill(findings.kill),
        "payment_outage": _outage(findings.payment_outage),
        "planned_power": _planned_power(plan),
        "cpu_fraction": round(findings.cpu_fraction, 4),
        "machine_cpu_fraction": round(findings.machine_cpu_fraction, 4),
        "cpu_seconds_per_request": {arm: round(cpu_seconds[arm] / n, 6) for arm, n in answered.items() if n},
        "largest_arrival_lateness_seconds": round(findings.largest_lateness_seconds, 6),
        "versions": {
            "python": platform.python_version(),
            "prometheus": findings.prometheus_version,
            "prometheus_client": version("prometheus_client"),
            "reliability": version("reliability"),
        },
    }


def _arm(arm: ArmPlan, measured_requests_per_second: float) -> dict[str, Any]:
    return {
        "replicas": arm.replica_count,
        "requests_per_second": arm.requests_per_second,
        "measured_requests_per_second": round(measured_requests_per_second, 3),
        "delay_factor": arm.delay_factor,
        "delay_name": arm.delay_name,
        "error_fraction": arm.error_fraction,
        "layers": arm.layers,
    }


def _planned_power(plan: ExperimentPlan) -> dict[str, Any] | None:
    """Return the planner's figures for the increase that the plan expects; None without judged time."""
    canary = next(a for a in plan.arms if a.arm == "canary")
    judged_seconds = plan.load_seconds - plan.warmup_minutes * 60
    if judged_seconds <= 0:
        return None
    increase_fraction = canary.planned_increase_fraction
    passes = increase_fraction < _MARGIN_FRACTION
    alpha = _ALPHA_TO_PASS if passes else _ALPHA_TO_FAIL
    power = power_to_decide(
        requests_per_arm=canary.requests_per_second * judged_seconds,
        true_increase_fraction=increase_fraction,
        margin_fraction=_MARGIN_FRACTION,
        alpha=alpha,
    )
    return {
        "verdict": "PASS" if passes else "FAIL",
        "increase_fraction": round(increase_fraction, 6),
        "margin_fraction": _MARGIN_FRACTION,
        "alpha": alpha,
        "tail_index": round(tail_index(), 4),
        "power": round(power, 4),
    }


def _kill(kill: KillEvent | None) -> dict[str, str] | None:
    if kill is None:
        return None
    return {
        "arm": kill.arm,
        "instance": kill.instance,
        "killed_at": format_instant(_instant(kill.killed_at_seconds)),
        "restarted_at": format_instant(_instant(kill.restarted_at_seconds)),
    }


def _outage(outage: OutageEvent | None) -> dict[str, str] | None:
    if outage is None:
        return None
    return {
        "began_at": format_instant(_instant(outage.began_at_seconds)),
        "ended_at": format_instant(_instant(outage.ended_at_seconds)),
    }


def _kill_gap(kill: KillEvent | None, counters: CapturedCounters, requests: Iterable[LoggedRequest]) -> int:
    if kill is None:
        return 0
    scrapes = [t for t in counters.scrape_times(kill.instance) if t <= kill.killed_at_seconds]
    return kill_gap_requests_at_most(
        requests,
        instance=kill.instance,
        last_scrape_at_seconds=scrapes[-1],
        restarted_at_seconds=kill.restarted_at_seconds,
    )


def _truth_by_arm(plan: ExperimentPlan, requests: Sequence[LoggedRequest]) -> Mapping[str, Any]:
    busy = [a.arm for a in plan.arms if a.has_traffic]
    return {arm: truth_of(r for r in requests if r.arm == arm).as_json() for arm in busy}


def _end_seconds(plan: ExperimentPlan, findings: Findings, requests: Sequence[LoggedRequest]) -> float:
    """Return the end of the load: as planned, or after the last answer if that came later."""
    last_seconds = max((r.completed_at_seconds for r in requests), default=0.0)
    planned_seconds = findings.started_at_seconds + plan.load_seconds
    return planned_seconds if last_seconds < planned_seconds else math.floor(last_seconds) + 1.0


def _strings(body: bytes, key: str) -> tuple[str, ...]:
    return tuple(json.loads(body).get(key) or ())


def _instant(seconds: float) -> datetime:
    """Return an instant to the millisecond, as the manifest keeps it."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
