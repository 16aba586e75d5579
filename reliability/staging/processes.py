"""Child processes of an experiment: started, watched and ended by their own id.

Also what they cost: CPU seconds of the process tree and of the machine, from /proc.
"""

import os
import random
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reliability.errors import StagingError

_STOP_SECONDS: Final = 10.0
_PORTS: Final = range(20_000, 32_000)  # below the range that the kernel gives to clients
_TAIL_LINES: Final = 5


def free_port() -> int:
    """Return a loopback port on which nobody listens now."""
    for _ in range(200):
        port = random.choice(_PORTS)  # noqa: S311 -- not a secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StagingError(
        f"no free loopback port between {_PORTS.start} and {_PORTS.stop} after 200 tries; "
        f"end the programs that hold them."
    )


class Child:
    """One started program with its log file."""

    def __init__(self, command: Sequence[str], *, log_path: Path) -> None:
        self.command = tuple(command)
        self._log_path = log_path
        with log_path.open("ab") as log:
            # Its own session: Ctrl-C reaches the recorder only, which then ends its children in order.
            # The open pipe on standard input lets our own programs notice when the recorder is gone.
            self._process = subprocess.Popen(  # noqa: S603 -- a fixed command of this package
                self.command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Exit status, or None while it runs."""
        return self._process.poll()

    def log_tail(self) -> str:
        """Return the last lines that it wrote, for messages."""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(lines[-_TAIL_LINES:]) or "it wrote nothing"

    def check_runs(self) -> None:
        """Raise when it has ended.

        Raises:
            StagingError: It has; the message holds its status and its last lines.
        """
        if self.status is not None:
            raise StagingError(
                f"'{' '.join(self.command[:4])} ...' (pid {self.pid}) ended with status {self.status}: "
                f"{self.log_tail()}"
            )

    def kill(self) -> None:
        """End it with SIGKILL, without a chance to answer what it has in flight."""
        self._process.kill()
        self._process.wait()
        self._close_pipe()

    def stop(self) -> None:
        """End it with SIGTERM, and with SIGKILL when it does not obey in time."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


class ChildSet:
    """All children of an experiment by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: dict[str, Child] = {}

    def start_python(self, name: str, module: str, arguments: Sequence[str]) -> Child:
        """Start a module of this package under `name`; a name may be used again after its end."""
        command = [sys.executable, "-m", module, *arguments]
        child = Child(command, log_path=self._folder / f"{name}.log")
        self._children[name] = child
        return child

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    @property
    def pids(self) -> list[int]:
        """Process ids of the children that run."""
        return [child.pid for child in self._children.values() if child.status is None]

    def stop_all(self) -> None:
        """End every child, the latest first."""
        for child in reversed(self._children.values()):
            child.stop()


@contextmanager
def child_set(folder: Path) -> Iterator[ChildSet]:
    """Give a set of children that are all ended on the way out, whatever happens."""
    children = ChildSet(folder)
    try:
        yield children
    finally:
        children.stop_all()


def tree_cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU seconds so far of this process, its ended children and those in `pids`."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    running = sum(_process_cpu_seconds(pid) for pid in pids)
    return ended.ru_utime + ended.ru_stime + own.ru_utime + own.ru_stime + running


def machine_cpu_seconds() -> float:
    """Return the CPU seconds so far that all cores spent not idle."""
    fields = [int(f) for f in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def _process_cpu_seconds(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0.0
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
