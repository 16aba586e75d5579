"""A loopback HTTP server that misbehaves on purpose, one behaviour a request.

Behaviours may block on the server's `released` event, always with a bound, so that a test
never sleeps and never hangs.
"""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

EMPTY_ANSWER = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
LONGEST_BLOCK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """What a client has sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request being answered."""

    request: ReceivedRequest
    connection: socket.socket
    released: threading.Event


Behaviour = Callable[[Exchange], None]


class FaultServer:
    """Answers the first request as the first behaviour says, and so on; the last one stays.

    Args:
        behaviours: What it does.
        tls: Makes it speak HTTPS.

    Attributes:
        requests: What has arrived, in order.
    """

    def __init__(self, *behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self._behaviours = behaviours
        self._released = threading.Event()
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Address on loopback."""
        return f"{'https' if self._server.tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: ReceivedRequest, connection: socket.socket) -> None:
        """Record a request and behave."""
        self.requests.append(request)
        behaviour = self._behaviours[min(len(self.requests), len(self._behaviours)) - 1]
        try:
            behaviour(Exchange(request, connection, self._released))
        except OSError:
            return  # the client has gone, as many of these tests want it to


def answers(body: bytes | str | dict[str, Any] = EMPTY_ANSWER, *, status: int = 200, **headers: str) -> Behaviour:
    """Answer with a body at once."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    content = content.encode() if isinstance(content, str) else content

    def behave(exchange: Exchange) -> None:
        exchange.connection.sendall(_head(status, len(content), headers) + content)

    return behave


def hangs(exchange: Exchange) -> None:
    """Take the request and say nothing."""
    exchange.released.wait(LONGEST_BLOCK_SECONDS)


def closes(_exchange: Exchange) -> None:
    """Take the request and close the connection."""


def breaks_off(exchange: Exchange) -> None:
    """Promise a whole body and send half of it."""
    half = EMPTY_ANSWER[: len(EMPTY_ANSWER) // 2]
    exchange.connection.sendall(_head(200, len(EMPTY_ANSWER), {}) + half)


def drips_body(exchange: Exchange) -> None:
    """Send the body byte by byte, each one soon enough for a timeout of reads."""
    exchange.connection.sendall(_head(200, 10_000, {}))
    _drip(exchange, b" " * 10_000)


def drips_head(exchange: Exchange) -> None:
    """Send even the headers byte by byte."""
    _drip(exchange, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000)


def closed_port() -> int:
    """Return a loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def black_hole() -> Iterator[tuple[str, Callable[[], int]]]:
    """Listen and never take a connection, as behind a firewall that drops.

    Yields:
        The address, and a function that counts who has connected since it was last asked.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:

        def connected() -> int:
            listening.setblocking(False)
            count = 0
            with suppress(BlockingIOError):
                while True:
                    listening.accept()[0].close()
                    count += 1
            return count

        yield f"http://127.0.0.1:{listening.getsockname()[1]}", connected


def _drip(exchange: Exchange, content: bytes) -> None:
    for position in range(len(content)):
        exchange.connection.sendall(content[position : position + 1])
        if exchange.released.wait(0.02):
            return


def _head(status: int, length: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {length}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, owner: FaultServer, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        self.tls = tls

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(LONGEST_BLOCK_SECONDS)
        return self.tls.wrap_socket(connection, server_side=True) if self.tls else connection, address


class _Handler(socketserver.StreamRequestHandler):
    timeout = LONGEST_BLOCK_SECONDS

    def handle(self) -> None:
        first = self.rfile.readline().decode("latin-1").split()
        if not first:
            return
        headers: dict[str, str] = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        assert isinstance(self.server, _Server)
        self.server.owner.answer(ReceivedRequest(first[0], first[1], headers, body), self.connection)
