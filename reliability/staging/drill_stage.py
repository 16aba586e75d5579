"""The stage of a rollback drill: both releases run, guests' traffic goes where the routing says.

Starts and ends the processes and answers questions about them. The steps of the drill and
its log are written in `drill_recorder`.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.clock import Clock
from reliability.errors import StagingError
from reliability.staging.load import LoadSpec, Stream
from reliability.staging.loopback import fetch_health
from reliability.staging.plans import DrillPlan
from reliability.staging.processes import ChildSet, child_set
from reliability.staging.replicas import ReplicaPlan, plan_replicas, start_replicas
from reliability.staging.request_log import LoggedRequest, read_requests
from reliability.staging.routing import write_routing

_GUESTS: Final = "guests"
_LOAD: Final = "load"
_LOAD_SECONDS: Final = 1800.0
_LEAD_SECONDS: Final = 2.0  # the generator needs a moment to start
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStage:
    """Running replicas of both releases and the traffic of the guests.

    Attributes:
        baseline: Replicas of the release that must come back.
        canary: Replicas of the release that is taken out.
    """

    baseline: Sequence[ReplicaPlan]
    canary: Sequence[ReplicaPlan]
    _children: ChildSet
    _spec: LoadSpec
    _clock: Clock

    def route_to(self, replicas: Sequence[ReplicaPlan]) -> float:
        """Send the guests to `replicas` from now on; return the Unix time of the switch."""
        now_seconds = self._clock.now().timestamp()
        write_routing(self._spec.routing_path, {_GUESTS: [r.target for r in replicas]})
        return now_seconds

    def answers_since(self, at_seconds: float) -> list[LoggedRequest]:
        """Return the requests that were completed at or after a Unix time."""
        return [r for r in read_requests(self._spec.log_path) if r.completed_at_seconds >= at_seconds]

    def wait_for_answers(self, count: int, *, since_seconds: float, within_seconds: float) -> list[LoggedRequest]:
        """Wait until `count` requests were completed since a Unix time and return them.

        Raises:
            StagingError: They were not in time, or the load generator ended.
        """
        deadline_seconds = time.monotonic() + within_seconds
        while len(seen := self.answers_since(since_seconds)) < count:
            self._children[_LOAD].check_runs()
            if time.monotonic() > deadline_seconds:
                raise StagingError(f"only {len(seen)} of {count} answers came within {within_seconds:.0f} s.")
            time.sleep(_POLL_SECONDS)
        return seen

    def releases(self, replicas: Sequence[ReplicaPlan]) -> list[str | None]:
        """Return the release that each replica names; None for one that does not answer."""
        return [(fetch_health(r.port) or {}).get("release") for r in replicas]

    def requests_in_flight(self, replicas: Sequence[ReplicaPlan]) -> int:
        """Return how many requests the replicas work on; one that does not answer has none."""
        return sum((fetch_health(r.port) or {}).get("in_flight", 0) for r in replicas)

    def stop(self, replicas: Sequence[ReplicaPlan]) -> None:
        """End the processes of the replicas."""
        for replica in replicas:
            self._children[replica.instance].stop()


@contextmanager
def drill_stage(plan: DrillPlan, *, folder: Path, clock: Clock) -> Iterator[DrillStage]:
    """Set the stage in an existing working folder: all traffic on the baseline; clear it at the end.

    Raises:
        StagingError: A process did not start.
    """
    replicas = plan_replicas([plan.baseline, plan.canary], seed=plan.seed)
    baseline = [r for r in replicas if r.arm is plan.baseline]
    canary = [r for r in replicas if r.arm is plan.canary]
    stream = Stream(arm=_GUESTS, requests_per_second=plan.requests_per_second, seed=plan.seed)
    with child_set(folder) as children:
        start_replicas(children, replicas, folder)
        spec = LoadSpec(
            start_at_seconds=clock.now().timestamp() + _LEAD_SECONDS,
            seconds=_LOAD_SECONDS,
            streams=(stream,),
            routing_path=folder / "routing.json",
            log_path=folder / "requests.csv",
            summary_path=folder / "load.json",
        )
        stage = DrillStage(baseline=baseline, canary=canary, _children=children, _spec=spec, _clock=clock)
        stage.route_to(baseline)
        spec.log_path.touch()
        spec.write(folder / "load-spec.json")
        children.start_python(_LOAD, "reliability.staging.load", [str(folder / "load-spec.json")])
        yield stage
