"""The load generator: open-loop Poisson traffic over persistent connections.

Started by the recorder as `python -m reliability.staging.load SPEC`. Arrivals never wait
for answers; the largest lateness of an arrival is reported, so that a reader can tell.
When requests arrive is drawn in `arrivals`, whom they go to is decided in `routing`.
"""

import asyncio
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from reliability.atomic import write_text_whole
from reliability.clock import Clock, SystemClock
from reliability.staging.arrivals import Arrival, poisson_arrivals
from reliability.staging.replica import OBSERVED_HEADER, RELEASE_HEADER, exit_when_orphaned
from reliability.staging.request_log import LOST, LoggedRequest, format_line
from reliability.staging.routing import Balancer, Target, read_routing

_REQUEST_SECONDS_LIMIT: Final = 60.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Traffic of one arm."""

    arm: str
    requests_per_second: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """What the generator needs, passed as a JSON file.

    Attributes:
        start_at_seconds: Unix time of the start of the load.
        seconds: Arrivals stop this long after the start.
        streams: Traffic by arm.
        routing_path: Routing file, read again when it changes.
        log_path: Log of requests, appended as they complete.
        summary_path: Written at the end, with the largest lateness of an arrival.
    """

    start_at_seconds: float
    seconds: float
    streams: tuple[Stream, ...]
    routing_path: Path
    log_path: Path
    summary_path: Path

    def write(self, path: Path) -> None:
        """Write the file that `read` reads."""
        write_text_whole(path, json.dumps(asdict(self), default=str))

    @classmethod
    def read(cls, path: Path) -> "LoadSpec":
        """Read a specification."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            start_at_seconds=fields["start_at_seconds"],
            seconds=fields["seconds"],
            streams=tuple(Stream(**stream) for stream in fields["streams"]),
            routing_path=Path(fields["routing_path"]),
            log_path=Path(fields["log_path"]),
            summary_path=Path(fields["summary_path"]),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a connection brought back."""

    status: int
    release: str
    server_seconds: float


class Connection:
    """One persistent HTTP/1.1 connection, with just what our replicas answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, target: Target) -> "Connection":
        """Connect to a replica."""
        return cls(*await asyncio.open_connection("127.0.0.1", target.port))

    @property
    def is_usable(self) -> bool:
        """Whether the other side has not closed it."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, arrival: Arrival) -> Answer:
        """Send one request and read its answer."""
        self._writer.write(
            f"{arrival.route.method} {arrival.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode()
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        await self._reader.readexactly(int(headers["Content-Length"]))
        status = int(head[0].split(" ", 2)[1])
        return Answer(status, headers[RELEASE_HEADER], float(headers.get(OBSERVED_HEADER, "nan")))

    def close(self) -> None:
        """Drop the connection."""
        self._writer.close()


class LoadGenerator:
    """Runs a specification and keeps its log."""

    def __init__(self, spec: LoadSpec, *, clock: Clock, log: IO[str]) -> None:
        routing = read_routing(spec.routing_path)
        self._spec = spec
        self._clock = clock
        self._log = log
        self._balancers = {s.arm: Balancer(routing.get(s.arm, ())) for s in spec.streams}
        self._idle: dict[Target, list[Connection]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_seconds = 0.0
        self.largest_lateness_seconds = 0.0

    async def run(self) -> None:
        """Send all streams and wait for the last answer."""
        wait_seconds = self._spec.start_at_seconds - self._clock.now().timestamp()
        self._started_seconds = time.monotonic() + wait_seconds
        watcher = asyncio.create_task(self._follow_routing())
        await asyncio.gather(*(self._send_stream(stream) for stream in self._spec.streams))
        if self._tasks:
            await asyncio.wait(self._tasks)
        watcher.cancel()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()

    async def _send_stream(self, stream: Stream) -> None:
        arrivals = poisson_arrivals(
            seed=stream.seed, requests_per_second=stream.requests_per_second, seconds=self._spec.seconds
        )
        for arrival in arrivals:
            due_seconds = self._started_seconds + arrival.offset_seconds
            await asyncio.sleep(max(0.0, due_seconds - time.monotonic()))
            lateness_seconds = time.monotonic() - due_seconds
            self.largest_lateness_seconds = max(self.largest_lateness_seconds, lateness_seconds)
            task = asyncio.create_task(self._request(stream.arm, arrival, due_seconds))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _request(self, arm: str, arrival: Arrival, due_seconds: float) -> None:
        balancer = self._balancers[arm]
        target = balancer.pick(now_seconds=time.monotonic())
        try:
            async with asyncio.timeout(_REQUEST_SECONDS_LIMIT):
                answer = await self._ask(target, arrival)
        except (OSError, EOFError, TimeoutError):
            balancer.eject(target, now_seconds=time.monotonic())
            answer = Answer(LOST, "", math.nan)
        client_seconds = time.monotonic() - due_seconds
        line = format_line(
            LoggedRequest(
                completed_at_seconds=self._clock.now().timestamp(),
                arm=arm,
                instance=target.instance,
                release=answer.release,
                route=arrival.route.name,
                method=arrival.route.method,
                status=answer.status,
                client_seconds=client_seconds,
                server_seconds=answer.server_seconds,
            )
        )
        self._log.write(line)

    async def _ask(self, target: Target, arrival: Arrival) -> Answer:
        connection = self._take_idle(target) or await Connection.open(target)
        try:
            answer = await connection.ask(arrival)
        except BaseException:
            connection.close()
            raise
        self._idle.setdefault(target, []).append(connection)
        return answer

    def _take_idle(self, target: Target) -> Connection | None:
        connections = self._idle.get(target, [])
        while connections:
            connection = connections.pop()
            if connection.is_usable:
                return connection
            connection.close()
        return None

    async def _follow_routing(self) -> None:
        path = self._spec.routing_path
        seen = path.stat().st_mtime_ns
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            changed = path.stat().st_mtime_ns
            if changed != seen:
                seen = changed
                for arm, targets in read_routing(path).items():
                    if arm in self._balancers:
                        self._balancers[arm].switch_to(targets)


def main(arguments: list[str]) -> None:
    """Run the specification named on the command line."""
    spec = LoadSpec.read(Path(arguments[0]))
    exit_when_orphaned()
    with spec.log_path.open("a", encoding="utf-8", buffering=1) as log:
        generator = LoadGenerator(spec, clock=SystemClock(), log=log)
        asyncio.run(generator.run())
        summary = {"largest_lateness_seconds": generator.largest_lateness_seconds}
        write_text_whole(spec.summary_path, json.dumps(summary))


if __name__ == "__main__":
    main(sys.argv[1:])
