"""A real Prometheus on loopback for an experiment or a test, with its own data folder.

`running_prometheus` starts Debian's server, waits until it is ready, and stops it by its
process id. What is asked of it is the caller's business.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from reliability.errors import StagingError
from reliability.staging.loopback import loopback_session
from reliability.staging.processes import Child, free_port

_READY_SECONDS: Final = 30.0
_QUERY_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeTarget:
    """One process that is scraped, with the labels that every sample of it gets."""

    port: int
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """A running server.

    Attributes:
        url: Base address.
        pid: Its process id.
    """

    url: str
    pid: int

    def query_body(self, query: str, *, at_seconds: float | None = None) -> bytes:
        """Ask one instant query by POST and return the untouched body of the answer.

        Args:
            query: PromQL.
            at_seconds: Unix time of the evaluation; None means now.

        Raises:
            StagingError: The server did not answer, or with an error.
        """
        form = {"query": query} if at_seconds is None else {"query": query, "time": f"{at_seconds:.3f}"}
        try:
            with loopback_session() as session:
                response = session.post(f"{self.url}/api/v1/query", data=form, timeout=_QUERY_SECONDS)
        except requests.RequestException as err:
            raise StagingError(f"Prometheus at {self.url} did not answer '{query}': {err}") from err
        if response.status_code != requests.codes.ok:
            raise StagingError(
                f"Prometheus at {self.url} answered {response.status_code} to '{query}': {response.text[:200]}"
            )
        return response.content

    def query_values(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Ask an instant query and return labels and value of each series of the vector."""
        data: dict[str, Any] = json.loads(self.query_body(query))["data"]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def version(self) -> str:
        """Return the server's version."""
        with loopback_session() as session:
            response = session.get(f"{self.url}/api/v1/status/buildinfo", timeout=_QUERY_SECONDS)
        return str(response.json()["data"]["version"])


@contextlib.contextmanager
def running_prometheus(
    targets: Sequence[ScrapeTarget],
    *,
    scrape_interval_seconds: int,
    folder: Path,
    options: Sequence[str] = (),
    port: int | None = None,
) -> Iterator[PrometheusServer]:
    """Run a Prometheus that scrapes `targets` until the block ends.

    Args:
        targets: What to scrape.
        scrape_interval_seconds: How often.
        folder: Existing folder for its configuration, data and log.
        options: Further options of the program.
        port: Where it listens; by default a free port. One that scrapes itself must know it before.

    Yields:
        The server, ready for queries.

    Raises:
        StagingError: The program is missing, ended, or was not ready in time.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise StagingError(
            "the program 'prometheus' is not on the PATH; install the Debian package prometheus "
            "(apt-get install prometheus), then run again."
        )
    configuration = folder / "prometheus.json"
    configuration.write_text(_configuration(targets, scrape_interval_seconds), encoding="utf-8")
    port = port or free_port()
    child = Child(
        [
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
            *options,
        ],
        log_path=folder / "prometheus.log",
    )
    try:
        server = PrometheusServer(f"http://127.0.0.1:{port}", child.pid)
        _wait_until_ready(server, child)
        yield server
    finally:
        child.stop()


def _configuration(targets: Sequence[ScrapeTarget], scrape_interval_seconds: int) -> str:
    static = [{"targets": [f"127.0.0.1:{t.port}"], "labels": t.labels} for t in targets]
    interval = f"{scrape_interval_seconds}s"
    configuration = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": [{"job_name": "staging", "static_configs": static}],
    }
    return json.dumps(configuration)  # JSON is YAML, and needs no further library


def _wait_until_ready(server: PrometheusServer, child: Child) -> None:
    deadline_seconds = time.monotonic() + _READY_SECONDS
    with loopback_session() as session:
        while time.monotonic() < deadline_seconds:
            child.check_runs()
            with contextlib.suppress(requests.RequestException):
                if session.get(f"{server.url}/-/ready", timeout=1.0).status_code == requests.codes.ok:
                    return
            time.sleep(_POLL_SECONDS)
    raise StagingError(f"Prometheus at {server.url} was not ready after {_READY_SECONDS:.0f} s: {child.log_tail()}")
