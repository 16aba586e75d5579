"""Records a rollback drill: the real switch of the guests' traffic back to the old release.

The steps and their budgets come from the runbook; this module does them on the staging
service, times them and writes the log as they happen. Whether the drill is good enough is
decided by `reliability.judge.drill`. No person takes part, and the log says so.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reliability.clock import Clock, format_instant
from reliability.errors import StagingError
from reliability.shipped import shipped_folder
from reliability.sources.runbook import Runbook, RunbookStep, read_runbook
from reliability.staging.drill_rules import Range, Reading
from reliability.staging.drill_stage import DrillStage, drill_stage
from reliability.staging.plans import DRILL_PLAN, SERVICE, DrillPlan

LOG_FILE: Final = "drill.jsonl"
RUNBOOK_FILE: Final = "rollback_runbook.md"
_DECIDER: Final = "drill program of the staging room, by the runbook's rule on errors; no person was called"
_MORE_ANSWERS: Final = 100
_ERROR_MARGIN_FRACTION: Final = 0.005  # the runbook's trigger: 0.5 points above the baseline
_PREPARE_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.1

Progress = Callable[[str], None]


def record_drill(folder: Path, *, clock: Clock, progress: Progress, plan: DrillPlan = DRILL_PLAN) -> Path:
    """Run one drill on real processes and append it to the folder's log.

    Args:
        folder: Gets `drill.jsonl`; made when missing.
        clock: Tells the time of events.
        progress: Takes one line of news at a time.
        plan: Releases, traffic and how many answers each step wants.

    Returns:
        The log. A drill whose step failed is in it, with what was seen.

    Raises:
        StagingError: A process did not start, or the service was not fit for a drill; the
            log is as it was.
        SourceError: The runbook is missing or broken.
    """
    runbook = read_runbook(shipped_folder("templates") / RUNBOOK_FILE)
    with (
        tempfile.TemporaryDirectory(prefix="reliability-drill-") as name,
        drill_stage(plan, folder=Path(name), clock=clock) as stage,
    ):
        progress("both releases run; measuring the baseline")
        stage.wait_for_answers(plan.reference_answers, since_seconds=0.0, within_seconds=_PREPARE_SECONDS)
        reference = Reading.of(stage.answers_since(0.0))
        progress(f"baseline: {reference}; sending the guests to {plan.canary.release}")
        rolled_out_at_seconds = stage.route_to(stage.canary)
        stage.wait_for_answers(
            plan.decision_answers, since_seconds=rolled_out_at_seconds, within_seconds=_PREPARE_SECONDS
        )
        log = _Log(folder / LOG_FILE, clock=clock, run_id=f"drill-{clock.now():%Y%m%dT%H%M%SZ}")
        _Drill(
            plan=plan,
            stage=stage,
            reference=reference,
            rolled_out_at_seconds=rolled_out_at_seconds,
            log=log,
            progress=progress,
        ).run(runbook)
    return folder / LOG_FILE


class _Log:
    """Appends events, each on the disk before the drill goes on."""

    def __init__(self, path: Path, *, clock: Clock, run_id: str) -> None:
        self._path = path
        self._clock = clock
        self._run_id = run_id

    def now_seconds(self) -> float:
        """Return the present Unix time by the log's clock."""
        return self._clock.now().timestamp()

    def append(self, event: str, **fields: Any) -> None:
        """Append one event with the present instant."""
        entry = {"event": event, "run_id": self._run_id, "at": format_instant(self._clock.now()), **fields}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


@dataclass(slots=True, kw_only=True)
class _Drill:
    """The steps; each returns one line of evidence, or raises when it did not come true."""

    plan: DrillPlan
    stage: DrillStage
    reference: Reading
    rolled_out_at_seconds: float
    log: _Log
    progress: Progress
    _switched_at_seconds: float = field(default=0.0, init=False)
    _drained_at_seconds: float = field(default=0.0, init=False)

    def run(self, runbook: Runbook) -> None:
        """Do the runbook's steps in order until one does not come true."""
        steps: dict[str, Callable[[int], str]] = {
            "decide": self._decide,
            "check_baseline": self._check_baseline,
            "switch": self._switch,
            "drain": self._drain,
            "verify_release": self._verify_release,
            "verify_latency": self._verify_latency,
        }
        unknown = [step.id for step in runbook.steps if step.id not in steps]
        if unknown:
            raise StagingError(
                f"the drill cannot do the runbook's steps {', '.join(unknown)}; teach them to drill_recorder.py."
            )
        started_seconds = time.monotonic()
        self.log.append(
            "start",
            schema="reliability.drill/1",
            runbook=RUNBOOK_FILE,
            runbook_sha256=runbook.sha256,
            service=SERVICE,
            from_release=self.plan.canary.release,
            to_release=self.plan.baseline.release,
            decider=_DECIDER,
            limit_seconds=runbook.budget_seconds,
        )
        done = all(self._time(step, steps[step.id]) for step in runbook.steps)
        self.log.append(
            "end",
            seconds=round(time.monotonic() - started_seconds, 3),
            status="ok" if done else "failed",
        )

    def _time(self, step: RunbookStep, act: Callable[[int], str]) -> bool:
        """Do one step, log it, and tell whether the drill may go on."""
        started_seconds = time.monotonic()
        try:
            evidence, status = act(step.budget_seconds), "ok"
        except StagingError as err:
            evidence, status = str(err), "failed"
        seconds = time.monotonic() - started_seconds
        if seconds > step.budget_seconds:
            status = "timeout"
        self.log.append(
            "step",
            step=step.id,
            kind=step.kind,
            seconds=round(seconds, 3),
            budget_seconds=step.budget_seconds,
            status=status,
            evidence=evidence,
        )
        self.progress(f"{step.id}: {status} in {seconds:.2f} s, {evidence}")
        return status == "ok"

    def _decide(self, budget_seconds: int) -> str:
        del budget_seconds  # the answers are there already
        seen = Reading.of(self.stage.answers_since(self.rolled_out_at_seconds))
        allowed = self.reference.error_fraction + _ERROR_MARGIN_FRACTION
        if seen.error_fraction <= allowed:
            raise StagingError(f"no reason to roll back: {self.plan.canary.release} shows {seen}.")
        return f"roll back: {self.plan.canary.release} shows {seen}; before it {self.reference}"

    def _check_baseline(self, budget_seconds: int) -> str:
        del budget_seconds  # each address has its own limit of 2 s
        named = self.stage.releases(self.stage.baseline)
        return _all_name(named, self.plan.baseline.release, what="replicas")

    def _switch(self, budget_seconds: int) -> str:
        self._switched_at_seconds = self.stage.route_to(self.stage.baseline)
        deadline_seconds = time.monotonic() + budget_seconds
        while time.monotonic() < deadline_seconds:
            for answer in self.stage.answers_since(self._switched_at_seconds):
                if answer.release == self.plan.baseline.release:
                    after = answer.completed_at_seconds - self._switched_at_seconds
                    names = ", ".join(r.instance for r in self.stage.baseline)
                    return f"routing names {names}; first answer of {answer.release} after {after:.2f} s"
            time.sleep(_POLL_SECONDS)
        raise StagingError(f"no guest got an answer of {self.plan.baseline.release} within {budget_seconds} s.")

    def _drain(self, budget_seconds: int) -> str:
        started_seconds = time.monotonic()
        while (running := self.stage.requests_in_flight(self.stage.canary)) > 0:
            if time.monotonic() - started_seconds > budget_seconds:
                raise StagingError(f"{running} requests still run on {self.plan.canary.release}; nothing was stopped.")
            time.sleep(_POLL_SECONDS)
        waited_seconds = time.monotonic() - started_seconds
        self.stage.stop(self.stage.canary)
        self._drained_at_seconds = self.log.now_seconds()
        lost = sum(r.is_lost for r in self.stage.answers_since(self._switched_at_seconds))
        count = len(self.stage.canary)
        return (
            f"0 requests in progress on {count} of {count} replicas after {waited_seconds:.1f} s, "
            f"then stopped; {lost} connections lost"
        )

    def _verify_release(self, budget_seconds: int) -> str:
        named = self.stage.releases(self.stage.baseline)
        replicas = _all_name(named, self.plan.baseline.release, what="replicas")
        answers = self.stage.wait_for_answers(
            self.plan.release_answers, since_seconds=self._drained_at_seconds, within_seconds=budget_seconds
        )
        named_by_answers = [r.release for r in answers]
        return f"{replicas}; {_all_name(named_by_answers, self.plan.baseline.release, what='answers')}"

    def _verify_latency(self, budget_seconds: int) -> str:
        wanted = Range.of(self.reference)
        deadline_seconds = time.monotonic() + budget_seconds
        seen, count = self.reference, self.plan.latency_answers
        while (left_seconds := deadline_seconds - time.monotonic()) > 0:
            answers = self.stage.wait_for_answers(
                count, since_seconds=self._drained_at_seconds, within_seconds=left_seconds
            )
            seen = Reading.of(answers)
            if wanted.holds(seen):
                return f"{seen}; {wanted}"
            count = len(answers) + _MORE_ANSWERS
        raise StagingError(f"{seen}; {wanted}: not back within {budget_seconds} s.")


def _all_name(named: Sequence[str | None], release: str, *, what: str) -> str:
    good = sum(name == release for name in named)
    line = f"{good} of {len(named)} {what} name {release}"
    if good != len(named):
        raise StagingError(f"{line}; the others name {sorted({str(n) for n in named if n != release})}.")
    return line
