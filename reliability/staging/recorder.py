"""Records an experiment as a capture: untouched body, manifest, truth by arm.

Holds the capture against the client's log before anything is written and refuses one
that does not agree. Running the processes is the business of `experiment`.
"""

import gzip
import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from reliability.atomic import write_bytes_whole, write_text_whole
from reliability.clock import Clock, SystemClock, format_instant
from reliability.errors import StagingError, UsageError
from reliability.staging.agreement import Allowance, CapturedCounters, find_disagreements
from reliability.staging.experiment import Findings, KillEvent, Progress, run_experiment
from reliability.staging.planner import power_to_decide, tail_index
from reliability.staging.plans import SERVICE, ArmPlan, ExperimentPlan
from reliability.staging.request_log import LoggedRequest, read_requests
from reliability.staging.truth import kill_gap_requests_at_most, truth_of

CAPTURE_FILE: Final = "capture.json.gz"
MANIFEST_FILE: Final = "manifest.json"
_MARGIN_FRACTION: Final = 0.10
_ALPHA_TO_PASS: Final = 0.05
_ALPHA_TO_FAIL: Final = 0.025
_SHOWN_DISAGREEMENTS: Final = 5
_CPU_FRACTION_LIMIT: Final = 0.40  # above it, latencies may tell of the machine and not of the service


def record_experiment(plan: ExperimentPlan, folder: Path, *, progress: Progress, clock: Clock | None = None) -> Path:
    """Run an experiment and write its capture.

    Args:
        plan: What to run.
        folder: The capture becomes the folder `plan.name` in here.
        progress: Takes one line of news at a time.
        clock: Tells the time; the machine's by default.

    Returns:
        The capture's folder.

    Raises:
        UsageError: The capture exists already.
        StagingError: A program is missing or ended, or the capture does not agree with the
            client's log; nothing is written then.
        WriteError: The capture could not be written.
    """
    target = folder / plan.name
    if target.exists():
        raise UsageError(f"{target} exists; remove it or choose another folder with --out.")
    with tempfile.TemporaryDirectory(prefix="reliability-staging-") as name:
        findings = run_experiment(
            plan,
            folder=Path(name),
            cores=os.cpu_count() or 1,
            clock=clock or SystemClock(),
            progress=progress,
        )
        requests = list(read_requests(findings.log_path))
    manifest = describe(plan, findings, requests)
    write_capture(target, findings.body, manifest)
    return target


def describe(plan: ExperimentPlan, findings: Findings, requests: Sequence[LoggedRequest]) -> dict[str, Any]:
    """Check the findings against the log and describe them as a manifest without checksum.

    Raises:
        StagingError: Capture and log disagree, or the experiment used too much of the CPU.
    """
    if findings.cpu_fraction > _CPU_FRACTION_LIMIT:
        raise StagingError(
            f"the experiment '{plan.name}' used {findings.cpu_fraction:.0%} of the machine's CPU, more than "
            f"{_CPU_FRACTION_LIMIT:.0%}, so it was not written; lower requests_per_second in plans.py."
        )
    counters = CapturedCounters(findings.body)
    gap = _kill_gap(findings.kill, counters, requests)
    lost = sum(1 for r in requests if findings.kill and r.instance == findings.kill.instance and r.is_lost)
    allowances = {findings.kill.instance: Allowance(gap, lost)} if findings.kill else {}
    problems = find_disagreements(counters, requests, allowances=allowances)
    if problems:
        raise StagingError(
            f"the capture of '{plan.name}' does not agree with the client's log in {len(problems)} counters, "
            f"so it was not written; record again. {'; '.join(problems[:_SHOWN_DISAGREEMENTS])}"
        )
    evaluated_at = _instant(findings.evaluated_at_seconds)
    end_seconds = _end_seconds(plan, findings, requests)
    judged_from_seconds = findings.started_at_seconds + plan.warmup_minutes * 60
    judged = [r for r in requests if judged_from_seconds <= r.completed_at_seconds < end_seconds]
    return {
        "schema": "reliability.capture/1",
        "name": plan.name,
        "service": SERVICE,
        "recorded_at": evaluated_at,
        "as_of": evaluated_at,
        "evaluated_at": evaluated_at,
        "window": {"start": _instant(findings.started_at_seconds), "end": _instant(end_seconds)},
        "server": {"product": "prometheus", "version": findings.prometheus_version},
        "query": findings.query,
        "scrape_interval_seconds": plan.scrape_interval_seconds,
        "warmup_minutes": plan.warmup_minutes,
        "warnings": _strings(findings.body, "warnings"),
        "infos": _strings(findings.body, "infos"),
        "arms": {a.arm: {"matchers": f'arm="{a.arm}"', "release": a.release} for a in plan.arms},
        "metrics": {
            "latency": "http_request_duration_seconds",
            "requests": "http_requests_total",
            "error_matchers": 'code=~"5.."',
            "unit": "seconds",
        },
        "experiment": _experiment(plan, findings, counters, requests),
        "truth": {
            "whole": _truth_by_arm(plan, requests),
            "judged": _truth_by_arm(plan, judged),
            "kill_gap": {findings.kill.arm: {"requests_at_most": gap}} if findings.kill else {},
        },
    }


def _experiment(
    plan: ExperimentPlan, findings: Findings, counters: CapturedCounters, requests: Sequence[LoggedRequest]
) -> dict[str, Any]:
    answered = {a.arm: sum(1 for r in requests if r.arm == a.arm and not r.is_lost) for a in plan.arms}
    cpu_seconds = counters.cpu_seconds_by_arm()
    return {
        "seed": plan.seed,
        "load_seconds": plan.load_seconds,
        "storage": "one SQLite file per arm, WAL, synchronous=FULL",
        "service_times": "lognormal by route, the same for both arms, fixed in service_model.py",
        "arms": {a.arm: _arm(a, answered[a.arm] / plan.load_seconds) for a in plan.arms},
        "kill": _kill(findings.kill),
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
    }


def _planned_power(plan: ExperimentPlan) -> dict[str, Any] | None:
    """Return the planner's figures for the plan's injected delay; None without judged time."""
    canary = next(a for a in plan.arms if a.arm == "canary")
    judged_seconds = plan.load_seconds - plan.warmup_minutes * 60
    if judged_seconds <= 0:
        return None
    increase_fraction = canary.delay_factor - 1
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
        "killed_at": _instant(kill.killed_at_seconds),
        "restarted_at": _instant(kill.restarted_at_seconds),
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


def _strings(body: bytes, key: str) -> list[str]:
    return list(json.loads(body).get(key) or [])


def _instant(seconds: float) -> str:
    return format_instant(datetime.fromtimestamp(seconds, UTC))


def write_capture(target: Path, body: bytes, manifest: dict[str, Any]) -> None:
    """Write both files beside the target and move the folder into place in one step."""
    packed = gzip.compress(body, compresslevel=9, mtime=0)
    manifest["capture_sha256"] = hashlib.sha256(packed).hexdigest()
    scratch = target.with_name(f".{target.name}.part")
    try:
        write_bytes_whole(scratch / CAPTURE_FILE, packed)
        write_text_whole(scratch / MANIFEST_FILE, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
