"""Runs one experiment on real processes: replicas, load, a kill, and a Prometheus that watches.

Takes a plan and returns raw findings: the log's path, the capture's body, what happened
when. What they mean and how they are stored is decided in `recorder`.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.clock import Clock
from reliability.errors import StagingError
from reliability.staging.load import LoadSpec, Stream
from reliability.staging.payment import OUTAGE_FILE
from reliability.staging.plans import ExperimentPlan, KillPlan, OutagePlan
from reliability.staging.processes import ChildSet, child_set, machine_cpu_seconds, tree_cpu_seconds
from reliability.staging.prometheus_server import PrometheusServer, ScrapeTarget, running_prometheus
from reliability.staging.replicas import ReplicaPlan, plan_replicas, start_replica, start_replicas
from reliability.staging.routing import write_routing
from reliability.staging.storage import StorageChoice

Progress = Callable[[str], None]

CAPTURED: Final = (
    "http_request_duration_seconds_(bucket|sum|count)|http_requests_total|up"
    "|process_start_time_seconds|process_cpu_seconds_total"
    "|reliability_circuit_(state|transitions_total|calls_total|listener_errors_total|call_seconds_(sum|count))"
    "|reliability_lock_(leases|operations_total|operation_seconds_(sum|count))|session_active_total"
)
_LOAD: Final = "load"
_POLL_SECONDS: Final = 0.2
_SCRAPE_SECONDS: Final = 20.0
_REPORT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KillEvent:
    """A replica that was killed and started again; Unix times."""

    arm: str
    instance: str
    killed_at_seconds: float
    restarted_at_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEvent:
    """A time in which the payment system was down; Unix times."""

    began_at_seconds: float
    ended_at_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an experiment left behind.

    Attributes:
        body: Untouched body of the one query.
        query: The query.
        evaluated_at_seconds: Unix time of its evaluation.
        started_at_seconds: Unix time of the start of the load.
        log_path: The client's log.
        kill: The kill, when the plan had one.
        payment_outage: The outage, when the plan had one.
        cpu_fraction: CPU of the experiment's process tree during the load, as a share of all cores.
        machine_cpu_fraction: The same of everything on the machine.
        largest_lateness_seconds: How late the latest arrival was sent.
        prometheus_version: Version of the server.
    """

    body: bytes
    query: str
    evaluated_at_seconds: float
    started_at_seconds: float
    log_path: Path
    kill: KillEvent | None
    payment_outage: OutageEvent | None
    cpu_fraction: float
    machine_cpu_fraction: float
    largest_lateness_seconds: float
    prometheus_version: str


class CpuMeter:
    """CPU of a process tree and of the machine between two moments."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._started = (time.monotonic(), tree_cpu_seconds(pids), machine_cpu_seconds())

    def fractions(self, pids: Sequence[int], *, cores: int) -> tuple[float, float]:
        """Return the shares of all cores that the tree and the machine used since the start."""
        seconds = (time.monotonic() - self._started[0]) * cores
        tree = tree_cpu_seconds(pids) - self._started[1]
        return tree / seconds, (machine_cpu_seconds() - self._started[2]) / seconds


def run_experiment(
    plan: ExperimentPlan, *, folder: Path, storage: StorageChoice, cores: int, clock: Clock, progress: Progress
) -> Findings:
    """Run the plan from the first process to the fetched capture, and end every process.

    Args:
        plan: What to run.
        folder: Existing working folder.
        storage: Where both arms keep their reservations and sessions.
        cores: Cores of the machine, for the CPU shares.
        clock: Tells the time of events.
        progress: Takes one line of news at a time.

    Returns:
        The findings; their log lies in `folder`.

    Raises:
        StagingError: A process ended early, or Prometheus did not see what it should.
        BackendError: The storage cannot be reached or used.
    """
    replicas = plan_replicas(plan.arms, seed=plan.seed)
    targets = [
        ScrapeTarget(port=r.port, labels={"arm": r.arm.arm, "release": r.arm.release, "instance": r.instance})
        for r in replicas
    ]
    interval_seconds = plan.scrape_interval_seconds
    with child_set(folder) as children:
        start_replicas(children, replicas, folder, storage)
        with running_prometheus(targets, scrape_interval_seconds=interval_seconds, folder=folder) as server:
            progress(f"{len(replicas)} replicas run, Prometheus {server.version()} scrapes them")
            run = _Run(
                plan=plan,
                replicas={r.instance: r for r in replicas},
                children=children,
                server=server,
                folder=folder,
                storage=storage,
                clock=clock,
                progress=progress,
            )
            return run.findings(cores=cores)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The part of an experiment that happens while everything is up."""

    plan: ExperimentPlan
    replicas: Mapping[str, ReplicaPlan]
    children: ChildSet
    server: PrometheusServer
    folder: Path
    storage: StorageChoice
    clock: Clock
    progress: Progress

    def findings(self, *, cores: int) -> Findings:
        """Wait for zero counts, run the load, wait for the last scrapes, fetch."""
        self._wait_for("sum_over_time(up[1h])", at_least=2.0, what="two scrapes with zero counts")
        spec = self._start_load()
        meter = CpuMeter(self._pids)
        kill, outage = self._watch_load(spec.start_at_seconds)
        cpu_fraction, machine_cpu_fraction = meter.fractions(self._pids, cores=cores)
        self.progress("the load has ended; waiting for the scrapes that cover it")
        covered_seconds = self._now_seconds() + self.plan.scrape_interval_seconds
        self._wait_for("timestamp(up)", at_least=covered_seconds, what="the scrapes after the load")
        evaluated_at_seconds = float(math.ceil(self._now_seconds()))
        time.sleep(max(0.0, evaluated_at_seconds - self._now_seconds()))
        minutes = math.ceil((evaluated_at_seconds - spec.start_at_seconds) / 60) + 1
        query = f'{{__name__=~"{CAPTURED}"}}[{minutes}m]'
        summary = json.loads(spec.summary_path.read_text(encoding="utf-8"))
        return Findings(
            body=self.server.query_body(query, at_seconds=evaluated_at_seconds),
            query=query,
            evaluated_at_seconds=evaluated_at_seconds,
            started_at_seconds=spec.start_at_seconds,
            log_path=spec.log_path,
            kill=kill,
            payment_outage=outage,
            cpu_fraction=cpu_fraction,
            machine_cpu_fraction=machine_cpu_fraction,
            largest_lateness_seconds=summary["largest_lateness_seconds"],
            prometheus_version=self.server.version(),
        )

    @property
    def _pids(self) -> list[int]:
        return [*self.children.pids, self.server.pid]

    def _now_seconds(self) -> float:
        return self.clock.now().timestamp()

    def _wait_for(self, query: str, *, at_least: float, what: str) -> None:
        deadline_seconds = time.monotonic() + 4 * self.plan.scrape_interval_seconds + _SCRAPE_SECONDS
        while True:
            values = {labels["instance"]: value for labels, value in self.server.query_values(query)}
            late = [name for name in self.replicas if values.get(name, 0.0) < at_least]
            if not late:
                return
            if time.monotonic() > deadline_seconds:
                raise StagingError(f"Prometheus has not made {what} of {', '.join(late)} in time.")
            time.sleep(_POLL_SECONDS)

    def _start_load(self) -> LoadSpec:
        routing_path, spec_path = self.folder / "routing.json", self.folder / "load-spec.json"
        write_routing(
            routing_path,
            {arm.arm: [r.target for r in self.replicas.values() if r.arm is arm] for arm in self.plan.arms},
        )
        spec = LoadSpec(
            start_at_seconds=float(math.ceil(self._now_seconds() + 2)),
            seconds=self.plan.load_seconds - self.plan.drain_seconds,
            streams=tuple(
                Stream(arm=arm.arm, requests_per_second=arm.requests_per_second, seed=self.plan.seed * 10 + index)
                for index, arm in enumerate(self.plan.arms)
                if arm.has_traffic
            ),
            routing_path=routing_path,
            log_path=self.folder / "requests.csv",
            summary_path=self.folder / "load.json",
        )
        spec.write(spec_path)
        self.children.start_python(_LOAD, "reliability.staging.load", [str(spec_path)])
        return spec

    def _watch_load(self, started_at_seconds: float) -> tuple[KillEvent | None, OutageEvent | None]:
        kill: KillEvent | None = None
        outage: OutageEvent | None = None
        report_at_seconds = started_at_seconds
        ends_at_seconds = started_at_seconds + self.plan.load_seconds
        while self.children[_LOAD].status is None or self._now_seconds() < ends_at_seconds:
            self._check_children()
            elapsed_seconds = self._now_seconds() - started_at_seconds
            if self.plan.kill and not kill and elapsed_seconds >= self.plan.kill_after_seconds:
                kill = self._kill_and_restart(self.plan.kill)
            if self.plan.payment_outage and not outage and elapsed_seconds >= self.plan.outage_after_seconds:
                outage = self._fail_payments(self.plan.payment_outage)
            if started_at_seconds + elapsed_seconds >= report_at_seconds:
                self.progress(f"{self.plan.name}: minute {elapsed_seconds / 60:.1f} of {self.plan.load_seconds / 60:g}")
                report_at_seconds += _REPORT_SECONDS
            time.sleep(_POLL_SECONDS)
        return kill, outage

    def _kill_and_restart(self, plan: KillPlan) -> KillEvent:
        victim = self.replicas[plan.instance]
        self.children[victim.instance].kill()
        killed_at_seconds = self._now_seconds()
        self.progress(f"killed {victim.instance}")
        time.sleep(plan.down_seconds)
        restarted_at_seconds = self._now_seconds()
        start_replica(self.children, victim, self.folder, self.storage, again=True)
        self.progress(f"started {victim.instance} again")
        return KillEvent(
            arm=victim.arm.arm,
            instance=victim.instance,
            killed_at_seconds=killed_at_seconds,
            restarted_at_seconds=restarted_at_seconds,
        )

    def _fail_payments(self, plan: OutagePlan) -> OutageEvent:
        control_file = self.folder / OUTAGE_FILE
        control_file.touch()
        began_at_seconds = self._now_seconds()
        self.progress("the payment system is down")
        time.sleep(plan.down_seconds)
        control_file.unlink()
        ended_at_seconds = self._now_seconds()
        self.progress("the payment system is back")
        return OutageEvent(began_at_seconds=began_at_seconds, ended_at_seconds=ended_at_seconds)

    def _check_children(self) -> None:
        for name in self.replicas:
            self.children[name].check_runs()
        if self.children[_LOAD].status not in {None, 0}:
            self.children[_LOAD].check_runs()
