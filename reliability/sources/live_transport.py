"""The way to a running server: one request with a deadline over all tries, few tries, and a breaker.

prometheus-api-client carries each request over a session of our own, because the library
sends queries in the URL, retries for long, has no total deadline, takes passwords from
~/.netrc and drops warnings. Who is asked comes from `reliability.sources.connection`; what
a refusal means belongs to `reliability.sources.refusals`, what is asked to
`reliability.sources.prometheus`.
"""

import io
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import requests
import stamina
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from reliability.clock import Clock, SystemClock, format_instant
from reliability.errors import (
    CircuitOpenError,
    PrometheusAnswerError,
    PrometheusBusyError,
    PrometheusUnreachableError,
    QueryTooBigError,
)
from reliability.resilience.circuit_breaker import CircuitBreaker
from reliability.resilience.circuits import CircuitChange, CircuitState
from reliability.sources.answer import clipped, decode_answer
from reliability.sources.connection import Connection
from reliability.sources.refusals import refusal_of
from reliability.sources.transport import QUERY, QUERY_RANGE

_LONGEST_WAIT_SECONDS: Final = 0.4
_ITS_FAULT: Final = (PrometheusUnreachableError, PrometheusAnswerError)  # no connection, too late, 5xx, 429, no JSON
_LARGEST_ANSWER_BYTES: Final = 512_000_000
_CHUNK_BYTES: Final = 65_536  # packed, it may be a thousand times as large
_SERVER_SHARE: Final = 0.9  # the server gives up first, so that its words arrive
_NOTHING_MORE: Final = b'{"data": {"result": []}}'
logging.getLogger("stamina").addHandler(logging.NullHandler())  # else each retry is printed into the notebook


class _Session(requests.Session):
    """Asks one path with the parameters in the body, and keeps the whole answer if it is not too large."""

    def __init__(self, connection: Connection, path: str, largest_bytes: int) -> None:
        super().__init__()
        self.trust_env = False  # else ~/.netrc adds credentials, and proxies see the query
        self.headers["Accept-Encoding"] = "identity"  # packing costs the server more than the query
        self.headers.update(connection.headers)
        self.verify = connection.ca_file or _certificates_of_machine()
        self.cert = connection.client_certificate
        if connection.proxy and not connection.is_loopback:
            self.proxies.update(dict.fromkeys(("http", "https"), connection.proxy))
        self.answer = requests.Response()
        self._url, self._path, self._where = connection.url, path, connection.shown
        self._largest_bytes = largest_bytes

    def request(self, *_args: Any, **options: Any) -> requests.Response:
        """Ask once; the library gets an empty result, because it would drop the warnings."""
        is_query = self._path in (QUERY, QUERY_RANGE)  # the rest of the API takes only GET
        method, place = ("POST", "data") if is_query else ("GET", "params")
        sent: dict[str, Any] = {place: {key: value for key, value in options["params"].items() if value}}
        url, seconds = f"{self._url}{self._path}", options["timeout"]
        with super().request(method, url, timeout=seconds, stream=True, **sent) as self.answer:
            self.answer._content = self._body()  # noqa: SLF001 -- requests itself reads without a bound
        nothing_more = requests.Response()
        nothing_more.status_code = 200
        nothing_more.raw = io.BytesIO(_NOTHING_MORE)
        return nothing_more

    def _body(self) -> bytes:
        """Read the answer, unpacked where it came packed, and stop where it gets too large."""
        body = bytearray()
        for chunk in self.answer.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._largest_bytes:
                raise QueryTooBigError(
                    f"{self._where} answered with more than {self._largest_bytes:,} bytes; the rest was not read. "
                    f"Ask for a shorter window, fewer series or a larger step."
                )
        return bytes(body)

    def get_redirect_target(self, _resp: requests.Response) -> None:
        """Follow no redirect: the library would send the credentials again."""


class LiveTransport:
    """Asks a running server: a deadline over all tries, few tries, and a breaker that counts each of them.

    Args:
        connection: The server.
        largest_answer_bytes: Where reading stops, counted unpacked.
        clock: Tells since when the server is left alone; the machine's by default.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        largest_answer_bytes: int = _LARGEST_ANSWER_BYTES,
        clock: Clock | None = None,
    ) -> None:
        self.where = connection.name
        self._connection = connection
        self._largest_answer_bytes = largest_answer_bytes
        self._clock = clock or SystemClock()
        self._opened_at = self._clock.now()
        self._breaker = CircuitBreaker(
            connection.name, failure_threshold=3, counted=_ITS_FAULT, listeners=[self._note_opening]
        )

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        """Return the untouched body of an answer; see `Transport.ask`.

        Raises:
            PrometheusUnreachableError: Nobody answered inside the deadline.
            PrometheusAnswerError: The server answered with an error or with no answer.
            PrometheusAuthError: The server wants other credentials.
            PrometheusRefusedError: The server does not understand the query.
            QueryTooBigError: The server would have to read too much, or the answer is too large.
            QueryTooSlowError: The server took too long and gave up.
            CircuitOpenError: The server failed just now and is left alone; it says since when and why.
        """
        until = time.monotonic() + self._connection.deadline_seconds

        def may_pass(error: Exception) -> bool:
            has_time = time.monotonic() + _LONGEST_WAIT_SECONDS < until
            return has_time and isinstance(error, (PrometheusUnreachableError, PrometheusBusyError))

        @stamina.retry(
            on=may_pass, attempts=3, timeout=None, wait_initial=0.1, wait_max=_LONGEST_WAIT_SECONDS, wait_jitter=0.1
        )
        def tried() -> bytes:
            return self._breaker.call(self._try, path, form, until)

        try:
            return tried()
        except CircuitOpenError as err:
            since = format_instant(self._opened_at.replace(microsecond=0))
            raise CircuitOpenError(
                f"{err.args[0]} It is left alone since {since}.", retry_after_seconds=err.retry_after_seconds
            ) from None

    def _note_opening(self, change: CircuitChange) -> None:
        if change.after is CircuitState.OPEN:
            self._opened_at = self._clock.now()

    def _try(self, path: str, form: Mapping[str, str], until: float) -> bytes:
        where, deadline_seconds = self._connection.shown, self._connection.deadline_seconds
        try:
            response = _within(until - time.monotonic(), lambda: self._send(path, form, until))
        except (TimeoutError, requests.Timeout):
            raise PrometheusUnreachableError(
                f"{where} gave no whole answer within {deadline_seconds:g} s. "
                f"Ask for a shorter window or raise deadline_seconds under [prometheus] in reliability.toml."
            ) from None  # the frames below hold the credentials
        except OSError as err:
            raise PrometheusUnreachableError(
                f"{where} cannot be reached: {self._reason(err)}. Check the address, and that the server runs, "
                f"can be reached from here and, with https, has a certificate that ca_file or this machine trusts."
            ) from None
        if response.status_code != requests.codes.ok:
            has_login = "Authorization" in self._connection.headers
            raise refusal_of(response, where=where, query=form.get("query", ""), has_login=has_login)
        if not _is_object(response.content):
            decode_answer(response.content, where=where)  # says what came instead
        return response.content

    def _send(self, path: str, form: Mapping[str, str], until: float) -> requests.Response:
        session = _Session(self._connection, path, self._largest_answer_bytes)
        seconds = max(until - time.monotonic(), 0.001)
        sent = {**form, "timeout": f"{_SERVER_SHARE * seconds:.3f}"}
        with PrometheusConnect(url=self._connection.url, session=session, retry=Retry(0, read=False)) as client:
            client.custom_query(form.get("query", ""), params=sent, timeout=seconds)
        return session.answer

    def _reason(self, error: BaseException) -> str:
        """Return the words of the innermost of a chain of errors, which are the system's own."""
        while deeper := error.__cause__ or error.__context__:
            error = deeper
        words = (isinstance(error, OSError) and error.strerror) or clipped(str(error)) or type(error).__name__
        return words if self._connection.is_loopback else words.replace(self._connection.host, "the server")


def _within(seconds: float, work: Callable[[], requests.Response]) -> requests.Response:
    """Run work in a thread and give it up at the deadline: timeouts of sockets allow a slow drip for ever."""
    future: Future[requests.Response] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as err:  # noqa: BLE001 -- it is raised again where the work was asked for
            future.set_exception(err)

    threading.Thread(target=run, daemon=True).start()
    return future.result(timeout=seconds)


def _is_object(body: bytes) -> bool:
    """Tell whether a body looks like a whole JSON object, without reading all of it."""
    return body[:64].lstrip().startswith(b"{") and body[-64:].rstrip().endswith(b"}")


def _certificates_of_machine() -> str | bool:
    """Return where the system keeps the certificates it trusts, else True for those of the library."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or (paths.capath if paths.capath and any(Path(paths.capath).iterdir()) else None) or True
