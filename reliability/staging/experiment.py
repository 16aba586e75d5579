"""Runs one experiment on real processes: replicas, load, a kill, and a Prometheus that watches.

Takes a plan and returns raw findings: the log's path, the capture's body, what happened
when. What they mean and how they are stored is decided in `recorder`.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from reliability.clock import Clock
from reliability.errors import StagingError
from reliability.staging.load import LoadSpec, Stream
from reliability.staging.plans import ArmPlan, ExperimentPlan
from reliability.staging.processes import (
    ChildSet,
    child_set,
    free_port,
    machine_cpu_seconds,
    tree_cpu_seconds,
)
from reliability.staging.prometheus_server import PrometheusServer, ScrapeTarget, running_prometheus
from reliability.staging.routing import Target, write_routing
from reliability.staging.store import ReservationStore

Progress = Callable[[str], None]

CAPTURED: Final = (
    "http_request_duration_seconds_(bucket|sum|count)|http_requests_total|up"
    "|process_start_time_seconds|process_cpu_seconds_total"
)
_LOAD: Final = "load"
_POLL_SECONDS: Final = 0.2
_START_SECONDS: Final = 20.0
_REPORT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPlan:
    """One replica process of an arm."""

    instance: str
    port: int
    seed: int
    arm: ArmPlan

    def arguments(self, database: Path, *, seed: int) -> list[str]:
        """Return the command line of the replica module."""
        return [
            f"--release={self.arm.release}",
            f"--port={self.port}",
            f"--database={database}",
            f"--seed={seed}",
            f"--delay-factor={self.arm.delay_factor!r}",
            f"--error-fraction={self.arm.error_fraction!r}",
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class KillEvent:
    """A replica that was killed and started again; Unix times."""

    arm: str
    instance: str
    killed_at_seconds: float
    restarted_at_seconds: float


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


def plan_replicas(plan: ExperimentPlan) -> list[ReplicaPlan]:
    """Give every replica of the plan its name, its port and its seed."""
    names = [(arm, f"{arm.arm}-{number}") for arm in plan.arms for number in range(1, arm.replica_count + 1)]
    return [
        ReplicaPlan(instance=name, port=free_port(), seed=plan.seed * 1000 + index, arm=arm)
        for index, (arm, name) in enumerate(names)
    ]


def start_replica(children: ChildSet, replica: ReplicaPlan, folder: Path, *, again: bool = False) -> None:
    """Start a replica's process; `again` gives it other random numbers than its first life."""
    seed = replica.seed + (500 if again else 0)
    database = folder / f"{replica.arm.arm}.sqlite3"
    children.start_python(
        replica.instance, "reliability.staging.replica", replica.arguments(database, seed=seed)
    )


def wait_until_healthy(children: ChildSet, replicas: Sequence[ReplicaPlan]) -> None:
    """Wait until every replica answers with its release.

    Raises:
        StagingError: One ended, or did not answer in time.
    """
    deadline_seconds = time.monotonic() + _START_SECONDS
    for replica in replicas:
        while not _is_healthy(replica):
            children[replica.instance].check_runs()
            if time.monotonic() > deadline_seconds:
                raise StagingError(
                    f"replica {replica.instance} on port {replica.port} did not answer in {_START_SECONDS:.0f} s: "
                    f"{children[replica.instance].log_tail()}"
                )
            time.sleep(_POLL_SECONDS)


def run_experiment(plan: ExperimentPlan, *, folder: Path, cores: int, clock: Clock, progress: Progress) -> Findings:
    """Run the plan from the first process to the fetched capture, and end every process.

    Args:
        plan: What to run.
        folder: Existing working folder.
        cores: Cores of the machine, for the CPU shares.
        clock: Tells the time of events.
        progress: Takes one line of news at a time.

    Returns:
        The findings; their log lies in `folder`.

    Raises:
        StagingError: A process ended early, or Prometheus did not see what it should.
    """
    replicas = plan_replicas(plan)
    for arm in plan.arms:
        ReservationStore(folder / f"{arm.arm}.sqlite3").close()
    targets = [
        ScrapeTarget(port=r.port, labels={"arm": r.arm.arm, "release": r.arm.release, "instance": r.instance})
        for r in replicas
    ]
    with child_set(folder) as children:
        for replica in replicas:
            start_replica(children, replica, folder)
        wait_until_healthy(children, replicas)
        with running_prometheus(
            targets, scrape_interval_seconds=plan.scrape_interval_seconds, folder=folder
        ) as server:
            progress(f"{len(replicas)} replicas run, Prometheus {server.version()} scrapes them")
            run = _Run(plan, replicas, children, server, folder, clock, progress)
            return run.findings(cores)


class _Run:
    """The part of an experiment that happens while everything is up."""

    def __init__(
        self,
        plan: ExperimentPlan,
        replicas: Sequence[ReplicaPlan],
        children: ChildSet,
        server: PrometheusServer,
        folder: Path,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._plan = plan
        self._replicas = {r.instance: r for r in replicas}
        self._children = children
        self._server = server
        self._folder = folder
        self._clock = clock
        self._progress = progress
        self._log_path = folder / "requests.csv"
        self._summary_path = folder / "load.json"

    def findings(self, cores: int) -> Findings:
        """Wait for zero counts, run the load, wait for the last scrapes, fetch."""
        self._wait_for("sum_over_time(up[1h])", at_least=2.0, what="two scrapes with zero counts")
        started_at_seconds = self._start_load()
        meter = CpuMeter(self._pids)
        kill = self._watch_load(started_at_seconds)
        cpu_fraction, machine_cpu_fraction = meter.fractions(self._pids, cores=cores)
        covered = self._now_seconds() + self._plan.scrape_interval_seconds
        self._progress("the load has ended; waiting for the scrapes that cover it")
        self._wait_for("timestamp(up)", at_least=covered, what="a scrape after the load")
        evaluated_at_seconds = float(math.ceil(self._now_seconds()))
        time.sleep(max(0.0, evaluated_at_seconds - self._now_seconds()))
        minutes = math.ceil((evaluated_at_seconds - started_at_seconds) / 60) + 1
        query = f'{{__name__=~"{CAPTURED}"}}[{minutes}m]'
        return Findings(
            body=self._server.query_body(query, at_seconds=evaluated_at_seconds),
            query=query,
            evaluated_at_seconds=evaluated_at_seconds,
            started_at_seconds=started_at_seconds,
            log_path=self._log_path,
            kill=kill,
            cpu_fraction=cpu_fraction,
            machine_cpu_fraction=machine_cpu_fraction,
            largest_lateness_seconds=json.loads(self._summary_path.read_text())["largest_lateness_seconds"],
            prometheus_version=self._server.version(),
        )

    @property
    def _pids(self) -> list[int]:
        return [*self._children.pids, self._server.pid]

    def _now_seconds(self) -> float:
        return self._clock.now().timestamp()

    def _wait_for(self, query: str, *, at_least: float, what: str) -> None:
        deadline_seconds = time.monotonic() + 4 * self._plan.scrape_interval_seconds + _START_SECONDS
        while True:
            values = {labels["instance"]: value for labels, value in self._server.query_values(query)}
            late = [name for name in self._replicas if values.get(name, 0.0) < at_least]
            if not late:
                return
            if time.monotonic() > deadline_seconds:
                raise StagingError(f"Prometheus has not made {what} of {', '.join(late)} in time.")
            time.sleep(_POLL_SECONDS)

    def _start_load(self) -> float:
        routing: dict[str, list[Target]] = {arm.arm: [] for arm in self._plan.arms}
        for replica in self._replicas.values():
            routing[replica.arm.arm].append(Target(replica.instance, replica.port))
        write_routing(self._folder / "routing.json", routing)
        started_at_seconds = float(math.ceil(self._now_seconds() + 2))
        streams = tuple(
            Stream(arm=arm.arm, requests_per_second=arm.requests_per_second, seed=self._plan.seed * 10 + index)
            for index, arm in enumerate(self._plan.arms)
            if arm.requests_per_second > 0
        )
        spec = LoadSpec(
            start_at_seconds=started_at_seconds,
            seconds=self._plan.load_seconds - self._plan.drain_seconds,
            streams=streams,
            routing_path=self._folder / "routing.json",
            log_path=self._log_path,
            summary_path=self._summary_path,
        )
        spec.write(self._folder / "load-spec.json")
        self._children.start_python(_LOAD, "reliability.staging.load", [str(self._folder / "load-spec.json")])
        return started_at_seconds

    def _watch_load(self, started_at_seconds: float) -> KillEvent | None:
        kill: KillEvent | None = None
        report_at_seconds = started_at_seconds
        while self._children[_LOAD].status is None or self._now_seconds() < started_at_seconds + self._plan.load_seconds:
            now_seconds = self._now_seconds()
            if self._plan.kill is not None and kill is None:
                due = started_at_seconds + self._plan.kill.after_fraction * self._plan.load_seconds
                kill = self._kill_and_restart() if now_seconds >= due else None
            if now_seconds >= report_at_seconds:
                minute = (now_seconds - started_at_seconds) / 60
                self._progress(f"{self._plan.name}: minute {minute:.1f} of {self._plan.load_seconds / 60:g}")
                report_at_seconds += _REPORT_SECONDS
            self._check_children()
            time.sleep(_POLL_SECONDS)
        return kill

    def _kill_and_restart(self) -> KillEvent:
        victim = self._replicas[self._plan.kill.instance]  # type: ignore[union-attr]
        self._children[victim.instance].kill()
        killed_at_seconds = self._now_seconds()
        self._progress(f"killed {victim.instance}")
        time.sleep(self._plan.kill.down_seconds)  # type: ignore[union-attr]
        restarted_at_seconds = self._now_seconds()
        start_replica(self._children, victim, self._folder, again=True)
        self._progress(f"started {victim.instance} again")
        return KillEvent(
            arm=victim.arm.arm,
            instance=victim.instance,
            killed_at_seconds=killed_at_seconds,
            restarted_at_seconds=restarted_at_seconds,
        )

    def _check_children(self) -> None:
        for name in self._replicas:
            self._children[name].check_runs()
        if self._children[_LOAD].status not in (None, 0):
            self._children[_LOAD].check_runs()


def _is_healthy(replica: ReplicaPlan) -> bool:
    try:
        answer = requests.get(f"http://127.0.0.1:{replica.port}/health", timeout=1.0)
    except requests.RequestException:
        return False
    return bool(answer.json()["release"] == replica.arm.release)
