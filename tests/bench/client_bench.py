"""What one big answer costs the client: ours beside prometheus-api-client's `MetricRangeDataFrame`.

Run from the root of the project: `python -m tests.bench.client_bench [--rounds 5] [--samples 2084]`.

A server on loopback gives both the same body, compressed for those who ask for it, as
Prometheus does. Each side runs in a fresh process a round, in turn, from the query to the
table; imports and a small first query come before and count for neither. CPU is that of
the client's process, memory the growth of its peak. Both tables must hold the same samples.
"""

import argparse
import gzip
import hashlib
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd

_BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
_SERIES = 480
_AT = datetime(2026, 11, 26, 18, 40, tzinfo=UTC)
_SMALL, _LARGE = "small", "large"
_GOALS = {"cpu_seconds": 4.0, "memory_megabytes": 2.5}
_MEGABYTE_IN_KILOBYTES = 1024


def body_of(series_count: int, sample_count: int) -> bytes:
    """Write bucket counters scraped every 15 s, as the query API does."""
    rng = np.random.default_rng(20261)
    parts = []
    for number in range(series_count):
        instance, bucket = divmod(number, len(_BOUNDS))
        labels = {
            "__name__": "http_request_duration_seconds_bucket",
            "arm": ("baseline", "canary")[instance % 2],
            "instance": f"app-{instance}:8000",
            "job": "app",
            "le": _BOUNDS[bucket],
        }
        first = round(_AT.timestamp()) - 15 * sample_count
        counts = 1000 + rng.poisson(8 + bucket, sample_count).cumsum()
        values = [f'[{first + 15 * row}.{number % 900 + 100},"{count}"]' for row, count in enumerate(counts.tolist())]
        parts.append(f'{{"metric":{json.dumps(labels)},"values":[{",".join(values)}]}}')
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{",".join(parts)}]}}}}'.encode()


@contextmanager
def served(sample_count: int) -> Iterator[str]:
    """Serve a small and a large answer by the text of the query; the block gets the address."""
    plain = {_SMALL: body_of(2, 2), _LARGE: body_of(_SERIES, sample_count)}
    packed = {name: gzip.compress(body, 1) for name, body in plain.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(form or urlsplit(self.path).query)

        def _answer(self, form: str) -> None:
            wants_gzip = "gzip" in self.headers.get("Accept-Encoding", "")
            body = (packed if wants_gzip else plain)[parse_qs(form)["query"][0]]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            if wants_gzip:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the library
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def with_library(url: str) -> Callable[[str], pd.DataFrame]:
    """Return the library's way from a query to a table."""
    from prometheus_api_client import MetricRangeDataFrame, PrometheusConnect  # noqa: PLC0415 -- each side its own

    client = PrometheusConnect(url=url)

    def table(query: str) -> pd.DataFrame:
        frame: pd.DataFrame = MetricRangeDataFrame(client.custom_query(query, params={"time": str(_AT.timestamp())}))
        return frame

    return table


def with_ours(url: str) -> Callable[[str], pd.DataFrame]:
    """Return our way from a query to a table."""
    from reliability.sources.connection import Connection  # noqa: PLC0415 -- each side its own
    from reliability.sources.frames import samples_frame  # noqa: PLC0415
    from reliability.sources.live_transport import LiveTransport  # noqa: PLC0415
    from reliability.sources.prometheus import PrometheusSource  # noqa: PLC0415

    source = PrometheusSource(LiveTransport(Connection(url=url)))
    return lambda query: samples_frame(source.ask(query, at=_AT))


_SIDES: dict[str, Callable[[str], Callable[[str], pd.DataFrame]]] = {"library": with_library, "ours": with_ours}


def fingerprint(frame: pd.DataFrame) -> str:
    """Condense times, values and labels of a table of either side, in the order of its rows."""
    flat = frame.reset_index().rename(columns={"__name__": "metric", "timestamp": "time"})
    times = pd.to_datetime(flat["time"], utc=True).dt.round("ms").dt.as_unit("ms").astype("int64")
    digest = hashlib.sha256(times.to_numpy().tobytes() + flat["value"].astype(float).to_numpy().tobytes())
    for column in ("metric", "arm", "instance", "job", "le"):
        digest.update("\n".join(flat[column].astype(str)).encode())
    return f"{len(flat)} rows {digest.hexdigest()[:16]}"


def peak_kilobytes() -> int:
    """Return the largest memory that this process has had since the last reset."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


def measure(side: str, url: str) -> dict[str, float | str]:
    """Run one side in this process.

    Args:
        side: `library` or `ours`.
        url: Address of the server.

    Returns:
        CPU seconds, megabytes of growth and the fingerprint of the table.
    """
    table = _SIDES[side](url)
    fingerprint(table(_SMALL))
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is used now
    kilobytes, before = peak_kilobytes(), resource.getrusage(resource.RUSAGE_SELF)
    frame = table(_LARGE)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "memory_megabytes": (peak_kilobytes() - kilobytes) / _MEGABYTE_IN_KILOBYTES,
        "table": fingerprint(frame),
    }


def compare(rounds: int, sample_count: int) -> bool:
    """Measure both sides in turn and print; tell whether the tables agree.

    Args:
        rounds: How often each side runs.
        sample_count: Samples a series.

    Returns:
        True when every table held the same samples.
    """
    found: dict[str, list[dict[str, float | str]]] = {side: [] for side in _SIDES}
    with served(sample_count) as url:
        for number in range(rounds):
            for side in sorted(_SIDES, reverse=number % 2 == 1):
                command = [sys.executable, "-m", "tests.bench.client_bench", "--side", side, "--url", url]
                run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found[side].append(json.loads(run.stdout))
    _say(
        f"client, {_SERIES * sample_count:,} samples, medians of {rounds} rounds, load {os.getloadavg()[0]:.1f} "
        f"on {os.cpu_count()} CPUs"
    )
    for what, goal in _GOALS.items():
        medians = {side: statistics.median(float(run[what]) for run in runs) for side, runs in found.items()}
        ratio = medians["library"] / medians["ours"] if medians["ours"] else math.inf
        _say(
            f"  {what:16s} MetricRangeDataFrame {medians['library']:8.2f}   ours {medians['ours']:8.2f}   "
            f"ratio {ratio:5.1f}, goal at least {goal:g}: {'reached' if ratio >= goal else 'MISSED'}"
        )
    tables = {str(run["table"]) for runs in found.values() for run in runs}
    _say(f"  tables: {'the same samples on both sides' if len(tables) == 1 else f'DIFFERENT {sorted(tables)}'}")
    return len(tables) == 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Measure and print; status 1 when the tables differ."""
    parser = argparse.ArgumentParser(description="CPU and memory of the client at a million samples.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=2084, help="samples a series, of 480 series")
    parser.add_argument("--side", choices=_SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        _say(json.dumps(measure(options.side, options.url)))
        return 0
    return 0 if compare(options.rounds, options.samples) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
