"""The replica processes of an experiment or a drill: named, started, asked how they are.

What a replica does is written in `replica`; how a process is ended, in `processes`.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.errors import StagingError
from reliability.staging.loopback import fetch_health
from reliability.staging.plans import ArmPlan
from reliability.staging.processes import ChildSet, free_port
from reliability.staging.routing import Target
from reliability.staging.storage import SQLITE_FILES, ArmStorage, StorageChoice

_POLL_SECONDS: Final = 0.2
_START_SECONDS: Final = 20.0
_SECOND_LIFE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPlan:
    """One replica process of an arm."""

    instance: str
    port: int
    seed: int
    arm: ArmPlan

    @property
    def target(self) -> Target:
        """The replica as the load generator knows it."""
        return Target(self.instance, self.port)

    def arguments(self, folder: Path, choice: StorageChoice, *, seed: int) -> list[str]:
        """Return the command line of the replica module; names of variables, never what they hold."""
        variables = {"storage": choice.storage_variable, "sessions": choice.sessions_variable}
        return [
            f"--release={self.arm.release}",
            f"--port={self.port}",
            f"--arm={self.arm.arm}",
            f"--folder={folder}",
            f"--seed={seed}",
            f"--delay-factor={self.arm.delay_factor!r}",
            f"--error-fraction={self.arm.error_fraction!r}",
            *(["--layers"] if self.arm.layers else []),
            *(f"--{kind}-variable={name}" for kind, name in variables.items() if name is not None),
        ]


def plan_replicas(arms: Iterable[ArmPlan], *, seed: int) -> list[ReplicaPlan]:
    """Give every replica of the arms its name, its port and its seed."""
    names = [(arm, f"{arm.arm}-{number}") for arm in arms for number in range(1, arm.replica_count + 1)]
    return [
        ReplicaPlan(instance=name, port=free_port(), seed=seed * 1000 + index, arm=arm)
        for index, (arm, name) in enumerate(names)
    ]


def start_replicas(
    children: ChildSet, replicas: Sequence[ReplicaPlan], folder: Path, choice: StorageChoice = SQLITE_FILES
) -> None:
    """Start all replicas with one storage for each arm, and wait until they answer.

    Raises:
        StagingError: One ended, or did not answer in time.
        BackendError: The storage cannot be reached or used.
    """
    for arm in dict.fromkeys(replica.arm.arm for replica in replicas):
        ArmStorage(arm=arm, folder=folder, choice=choice).prepare()  # made once, before its replicas share it
    for replica in replicas:
        start_replica(children, replica, folder, choice)
    _wait_until_healthy(children, replicas)


def start_replica(
    children: ChildSet, replica: ReplicaPlan, folder: Path, choice: StorageChoice, *, again: bool = False
) -> None:
    """Start a replica's process; `again` gives it other random numbers than its first life."""
    seed = replica.seed + (_SECOND_LIFE if again else 0)
    children.start_python(replica.instance, "reliability.staging.replica", replica.arguments(folder, choice, seed=seed))


def _wait_until_healthy(children: ChildSet, replicas: Sequence[ReplicaPlan]) -> None:
    deadline_seconds = time.monotonic() + _START_SECONDS
    for replica in replicas:
        child = children[replica.instance]
        while (health := fetch_health(replica.port)) is None or health["release"] != replica.arm.release:
            child.check_runs()
            if time.monotonic() > deadline_seconds:
                raise StagingError(
                    f"replica {replica.instance} on port {replica.port} did not answer in "
                    f"{_START_SECONDS:.0f} s: {child.log_tail()}"
                )
            time.sleep(_POLL_SECONDS)
