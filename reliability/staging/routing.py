"""Who receives an arm's traffic: the routing file, and one balancer for each arm.

The load generator reads the file again whenever it changes; the drill's switch is one
whole write of it. A replica that refuses connections is left alone for a moment, as a
load balancer would. Sockets do not belong here.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.atomic import write_text_whole

EJECT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """One replica as the client knows it."""

    instance: str
    port: int


Routing = Mapping[str, Sequence[Target]]


def write_routing(path: Path, routing: Routing) -> None:
    """Replace the routing file whole; the load generator sees the old one or the new one."""
    table = {arm: [[t.instance, t.port] for t in targets] for arm, targets in routing.items()}
    write_text_whole(path, json.dumps(table, indent=1) + "\n")


def read_routing(path: Path) -> dict[str, tuple[Target, ...]]:
    """Read the routing file."""
    table = json.loads(path.read_text(encoding="utf-8"))
    return {arm: tuple(Target(instance, port) for instance, port in rows) for arm, rows in table.items()}


class Balancer:
    """Takes the targets of one arm in turn and leaves out those that refused lately."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = tuple(targets)
        self._turn = itertools.count()
        self._ejected_until: dict[Target, float] = {}

    def switch_to(self, targets: Sequence[Target]) -> None:
        """Send everything from now on to `targets`."""
        self._targets = tuple(targets)

    def pick(self, *, now_seconds: float) -> Target:
        """Return the next target; when all refused lately, the next in turn all the same."""
        healthy = [t for t in self._targets if self._ejected_until.get(t, 0.0) <= now_seconds]
        pool = healthy or self._targets
        return pool[next(self._turn) % len(pool)]

    def eject(self, target: Target, *, now_seconds: float) -> None:
        """Leave `target` alone for `EJECT_SECONDS`, because a connection to it failed."""
        self._ejected_until[target] = now_seconds + EJECT_SECONDS
