"""A live Prometheus as a source: one instant query of raw counters for each arm.

prometheus-api-client carries the query over a session of our own, because the library
sends queries in the URL, retries for long, has no total deadline, takes passwords from
~/.netrc and drops warnings. The samples are decoded by the same code as a capture.
Counting does not belong here.
"""

import io
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from reliability.errors import PrometheusAnswerError, PrometheusUnreachableError, UsageError
from reliability.sources.answer import Answer, clipped, decode_answer, read_document, words_of_error
from reliability.sources.metrics import range_seconds
from reliability.sources.promql import Matcher, range_selector
from reliability.window import Window

Result = TypeVar("Result")
DEADLINE_SECONDS: Final = 5.0
_RETRY: Final = Retry(
    2,
    backoff_factor=0.1,
    status_forcelist=range(500, 600),
    allowed_methods=None,  # a query changes nothing, so its POST may be repeated
    raise_on_status=False,
    respect_retry_after_header=False,
)
_NOTHING_MORE: Final = b'{"data": {"result": []}}'
_CURES: Final = {
    401: "The server wants a login; give the address of one that does not.",
    403: "The server wants a login; give the address of one that does not.",
    404: "Check the address: the path of the query API is added to it.",
}


class _Session(requests.Session):
    """Asks with the parameters in the body, and keeps the whole answer."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # else ~/.netrc adds credentials, and proxies see the query
        self.headers["Accept-Encoding"] = "identity"  # packing costs the server more than the query
        self.answer = requests.Response()

    def request(self, method: str | bytes, url: str | bytes, *_args: Any, **options: Any) -> requests.Response:
        """Ask once; the library gets an empty result, because it would drop the warnings."""
        self.answer = super().request(
            method, url, data=options["params"], timeout=options["timeout"], allow_redirects=False
        )
        nothing_more = requests.Response()
        nothing_more.status_code = 200
        nothing_more.raw = io.BytesIO(_NOTHING_MORE)
        return nothing_more


class PrometheusSource:
    """Fetches raw samples from a running server.

    Args:
        url: Address; with a path prefix where there is one.
        deadline_seconds: Longest wait for one query, all tries together.

    Raises:
        UsageError: `url` is no address of a server, or carries credentials.
    """

    def __init__(self, url: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in url or parts.query or parts.fragment:
            raise UsageError("the address of a Prometheus is written as http://host:9090, without user and query.")
        self._url = url.rstrip("/")
        self._deadline_seconds = deadline_seconds

    @property
    def description(self) -> str:
        """Address of the server."""
        return self._url

    def fetch(self, *, metrics: Sequence[str], matchers: Sequence[Matcher], window: Window) -> Answer:
        """Return the samples of the window and of two minutes before it; see `MetricsSource.fetch`.

        Args:
            metrics: Exact metric names.
            matchers: Conditions on the labels.
            window: Time of interest.

        Returns:
            The series that match, with the server's warnings.

        Raises:
            SelectorError: A name is not valid.
            PrometheusUnreachableError: Nobody answered inside the deadline.
            PrometheusAnswerError: The server answered with an error or with no answer.
        """
        query = range_selector(metrics=metrics, matchers=matchers, seconds=range_seconds(window))
        where = f"Prometheus at {self._url}"
        try:
            response = _within(self._deadline_seconds, lambda: self._ask(query, window))
        except (TimeoutError, requests.Timeout) as err:
            raise PrometheusUnreachableError(
                f"{where} gave no whole answer within {self._deadline_seconds:g} s. "
                f"Ask for a shorter window or raise deadline_seconds under [prometheus] in reliability.toml."
            ) from err
        except requests.RequestException as err:
            raise PrometheusUnreachableError(
                f"{where} cannot be reached: {_innermost(err)}. Check the address, and that the server runs, "
                f"can be reached from here and, with https, has a certificate that this machine trusts."
            ) from err
        if response.status_code != requests.codes.ok:
            raise PrometheusAnswerError(_refusal(response, where))
        return decode_answer(response.content, where=where, query=query, evaluated_at=window.end)

    def _ask(self, query: str, window: Window) -> requests.Response:
        session, seconds = _Session(), self._deadline_seconds
        parameters = {"time": f"{window.end.timestamp():.3f}", "timeout": f"{seconds:.3f}"}
        with PrometheusConnect(url=self._url, session=session, retry=_RETRY, method="POST") as client:
            client.custom_query(query, params=parameters, timeout=seconds)
        return session.answer


def _within(seconds: float, work: Callable[[], Result]) -> Result:
    """Run work in a thread and give it up at the deadline: timeouts of sockets allow a slow drip for ever."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as err:  # noqa: BLE001 -- it is raised again where the work was asked for
            future.set_exception(err)

    threading.Thread(target=run, daemon=True).start()
    return future.result(timeout=seconds)


def _refusal(response: requests.Response, where: str) -> str:
    """Say why a server refused: in its own words where there are any."""
    answered = f"{where} answered {response.status_code} {response.reason or ''}".rstrip()
    if response.is_redirect:
        target = urlsplit(response.headers["location"]).hostname or "another path"
        return f"{answered}, a redirect to {clipped(target)}, which is not followed; give the final address."
    words = words_of_error(read_document(response.content))
    if words:
        return f"{answered} and {words}"
    return f"{answered}. {_CURES.get(response.status_code, 'Check that the server is healthy, then try again.')}"


def _innermost(error: BaseException) -> str:
    """Return the words of the innermost of a chain of errors, which are the system's own."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    return (isinstance(error, OSError) and error.strerror) or clipped(str(error)) or type(error).__name__
