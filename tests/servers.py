"""A PostgreSQL and a Redis of the tests' own: on free loopback ports, in folders of their own.

They keep their data over `stop` and `start`, durably. Which tests need them is said by the fixtures in
`tests/integration/conftest.py`.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg

_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02
_POSTGRES_FOLDERS: Final = Path("/usr/lib/postgresql")
_ACCOUNT: Final = "postgres"  # a PostgreSQL refuses to run as root


class Server:
    """A program that listens on a port of its own, until it is stopped.

    Args:
        command: How it is started.
        url: Its address, once it is ready.
        port: Where it listens.
        account: User that it runs as; None for this one.
        ending: Signal that ends it in good order.
        log: File for what it says.

    Attributes:
        url: Its address.
    """

    def __init__(
        self, command: Sequence[str], *, url: str, port: int, account: str | None, ending: signal.Signals, log: Path
    ) -> None:
        self.url = url
        self._command = command
        self._port = port
        self._account = account
        self._ending = ending
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on the same port and with the same data as before; return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **_as(self._account)
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self._command[0]} did not start: {self._log.read_text(encoding='utf-8')}")
            with contextlib.suppress(subprocess.TimeoutExpired):  # a server that ends early is told at once
                self._process.wait(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it in good order, if it runs."""
        if self._process is not None:
            self._process.send_signal(self._ending)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        if self.url.startswith("postgresql"):
            with suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=5):
                return True
            return False
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False


def postgres_programs() -> Path | None:
    """Find the folder with the programs of the newest PostgreSQL; None when there is none."""
    found = [path.parent for path in _POSTGRES_FOLDERS.glob("*/bin/initdb")]
    found += [Path(path).parent for path in [shutil.which("initdb")] if path]
    return max(found, key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0, default=None)


@contextmanager
def running_postgres(programs: Path, *, fsync: bool = True) -> Iterator[Server]:
    """Run a PostgreSQL with a data folder of its own.

    Args:
        programs: Folder of its programs.
        fsync: Whether a commit waits for the disk; without, nothing that it measures counts.

    Yields:
        The server; its user is a superuser who needs no password.
    """
    account = _ACCOUNT if os.geteuid() == 0 else None
    with _folder(account) as folder:
        make = [str(programs / "initdb"), "--no-sync", "--auth=trust", f"--username={_ACCOUNT}", "-D", f"{folder}/data"]
        subprocess.run(make, check=True, capture_output=True, cwd="/", **_as(account))
        port = _free_port()
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "on" if fsync else "off"}
        settings = [f"--{name}={value}" for name, value in options.items()]
        yield from _running(
            Server(
                [str(programs / "postgres"), "-D", f"{folder}/data", "-p", str(port), *settings],
                url=f"postgresql://{_ACCOUNT}@127.0.0.1:{port}/postgres",
                port=port,
                account=account,
                ending=signal.SIGINT,  # fast: clients are cut off
                log=folder / "log",
            )
        )


@contextmanager
def running_redis() -> Iterator[Server]:
    """Run a Redis that has every write on the disk before it answers; gives the server."""
    with _folder(None) as folder:
        port = _free_port()
        options = {"bind": "127.0.0.1", "dir": str(folder), "save": "", "appendonly": "yes", "appendfsync": "always"}
        settings = [word for name, value in options.items() for word in (f"--{name}", value)]
        yield from _running(
            Server(
                ["redis-server", "--port", str(port), *settings],
                url=f"redis://127.0.0.1:{port}/0",
                port=port,
                account=None,
                ending=signal.SIGTERM,
                log=folder / "log",
            )
        )


def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _folder(account: str | None) -> Iterator[Path]:
    """Make a folder directly in the temporary one: those of pytest may be entered by their owner alone."""
    with tempfile.TemporaryDirectory(prefix="reliability-server-") as name:
        if account is not None:
            shutil.chown(name, account, account)
        yield Path(name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _as(account: str | None) -> dict[str, Any]:
    return {} if account is None else {"user": account, "group": account, "extra_groups": []}
