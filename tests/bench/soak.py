"""Forty real recordings of the staging service, judged blind: nothing changed, or P95 +20 %.

Run from the root of the project (needs Prometheus; about 55 minutes):

    python -m tests.bench.soak record --out outputs/soak --at-once 3   # goes on where it stopped
    python -m tests.bench.soak judge --out outputs/soak                # reads no truth
    python -m tests.bench.soak publish --out outputs/soak              # opens it, writes tests/bench/SOAK.md

A seed draws which recording gets which change. Names, labels and manifests do not tell; what was
injected and what the client counted lies in `sealed/`, whose checksum the manifest holds. A recording
that failed is listed with its reason.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reliability.clock import SystemClock
from reliability.errors import ReliabilityError, StagingError
from reliability.notebook.canary_evidence import CanaryEvidence, load_evidence
from reliability.notebook.run import Place
from reliability.settings import Settings
from reliability.settings_file import resolve_parameters
from reliability.staging.plans import ExperimentPlan, soak_plans
from reliability.staging.recorder import record_experiment
from tests.bench.soak_table import soak_table

SEED = 4_000
_TABLE = Path(__file__).with_name("SOAK.md")
_VERDICTS = "verdicts.json"


def record(out: Path, *, at_once: int, pairs: int) -> None:
    """Record what is not there yet, several at once, each in a process of its own."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda plan: _in_own_process(plan, out, pairs=pairs), soak_plans(seed=SEED, pairs=pairs)))


def _in_own_process(plan: ExperimentPlan, out: Path, *, pairs: int) -> None:
    if (out / "captures" / plan.name).exists() or _failure(out, plan.name).exists():
        return
    command = [sys.executable, "-m", "tests.bench.soak", "one", "--out", str(out), "--name", plan.name]
    subprocess.run([*command, "--pairs", str(pairs)], check=False)


def record_one(plan: ExperimentPlan, out: Path) -> None:
    """Record one experiment; a failure becomes a file with its reason."""
    try:
        record_experiment(plan, out / "captures", progress=_say, sealed=out / "sealed" / f"{plan.name}.json")
    except ReliabilityError as err:
        _say(f"{plan.name} failed: {err}")
        _failure(out, plan.name).parent.mkdir(parents=True, exist_ok=True)
        _failure(out, plan.name).write_text(f"{err}\n", encoding="utf-8")


def judge(out: Path) -> None:
    """Judge every recording by the defaults and keep the verdicts."""
    verdicts = {}
    for capture in sorted((out / "captures").glob("soak-*")):
        verdicts[capture.name] = summary(judged_blind(capture, project=out))
        _say(f"{capture.name}: {verdicts[capture.name]['verdict']}")
    (out / _VERDICTS).write_text(json.dumps(verdicts, indent=1) + "\n", encoding="utf-8")


def judged_blind(capture: Path, *, project: Path) -> CanaryEvidence:
    """Judge a capture as the report does, with the default margins.

    Raises:
        StagingError: Its manifest tells what was injected.
    """
    place = Place(project=project, settings=Settings(), now=SystemClock().now(), answers=project, increments=None)
    parameters = resolve_parameters(Settings(), "canary", {"source": str(capture.resolve())}, report="soak")
    evidence = load_evidence(parameters, place=place)
    if set(evidence.origin.experiment) != {"sealed_sha256"}:
        raise StagingError(f"the manifest of {capture} tells more than a checksum, so it cannot be judged blind.")
    return evidence


def summary(evidence: CanaryEvidence) -> dict[str, Any]:
    """Return what the table shows of one verdict."""
    latency, errors = evidence.latency, evidence.errors
    return {
        "verdict": evidence.judgement.verdict.value,
        "reason": evidence.judgement.reason,
        "checks": {check.id: [check.verdict.value, check.reason] for check in evidence.judgement.checks},
        "cautions": list(evidence.judgement.cautions),
        "increase_fraction": latency.increase_fraction,
        "increase_interval": latency.increase_interval,
        "error_difference_fraction": errors.difference_fraction,
        "canary_request_count": latency.canary_request_count,
        "scrape_count": latency.scrape_count,
        "sealed_sha256": evidence.origin.experiment["sealed_sha256"],
    }


def publish(out: Path, *, pairs: int) -> None:
    """Open the truth and write the table."""
    verdicts = json.loads((out / _VERDICTS).read_text(encoding="utf-8"))
    names = [plan.name for plan in soak_plans(seed=SEED, pairs=pairs)]
    failures = {name: _failure(out, name).read_text(encoding="utf-8") for name in names if _failure(out, name).exists()}
    sealed = {
        path.stem: path.read_bytes() for path in sorted((out / "sealed").glob("soak-*.json")) if path.stem in verdicts
    }
    _TABLE.write_text(soak_table(names, verdicts, sealed, failures, seed=SEED), encoding="utf-8")


def _failure(out: Path, name: str) -> Path:
    return out / "failed" / f"{name}.txt"


def _say(line: str) -> None:
    sys.stderr.write(f"{SystemClock().now():%H:%M:%S} {line}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> None:
    """Do one step."""
    parser = argparse.ArgumentParser(description="Real recordings, judged blind.")
    parser.add_argument("step", choices=("record", "one", "judge", "publish"))
    parser.add_argument("--out", type=Path, default=Path("outputs/soak"))
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--name")
    options = parser.parse_args(arguments)
    if options.step == "record":
        record(options.out, at_once=options.at_once, pairs=options.pairs)
    elif options.step == "one":
        plans = {plan.name: plan for plan in soak_plans(seed=SEED, pairs=options.pairs)}
        record_one(plans[options.name], options.out)
    elif options.step == "judge":
        judge(options.out)
    else:
        publish(options.out, pairs=options.pairs)


if __name__ == "__main__":
    main(sys.argv[1:])
