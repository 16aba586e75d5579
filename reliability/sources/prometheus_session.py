"""The HTTP behaviour that a query of Prometheus needs, put under prometheus-api-client.

The library sends queries in the URL, retries for long, has no total deadline, takes
passwords from ~/.netrc and drops warnings. This session repairs that where the library
lets us in: at its `session=` hook. Which query is asked does not belong here.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from reliability.errors import PrometheusAnswerError, PrometheusUnreachableError, SourceError
from reliability.sources.answer import Answer, answer_from_document, describe_error, load_document
from reliability.sources.deadline import Deadline

_CONNECT_SECONDS: Final = 3.05
_PAUSE_SECONDS: Final = 0.2
_TRIES: Final = 2
_CHUNK_BYTES: Final = 1 << 18
_LARGEST_BYTES: Final = 1 << 29
_WORDS: Final = 120
_NO_TIME_SECONDS: Final = 0.001
_CURES: Final[Mapping[int, str]] = {
    401: "Check user and password.",
    403: "Check whether this user may query.",
    404: "Check the address: the path of the query API is added to it.",
    429: "The server is busy; try again later.",
}


class _DecodedResponse(requests.Response):
    """A good answer that was read and decoded once already."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__()
        self.status_code = requests.codes.ok
        self.document = document

    def json(self, **_options: Any) -> Any:
        """Return the document without decoding the body again."""
        return self.document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """Why a try failed, and whether another one may help."""

    error: SourceError
    cause: Exception | None = None
    may_pass: bool = False


class QuerySession(requests.Session):
    """A session for one query; keeps the answer with its warnings.

    Attributes:
        answer: What the server answered; None before it did.
    """

    def __init__(
        self,
        *,
        where: str,
        query: str,
        evaluated_at: datetime,
        deadline: Deadline,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self.trust_env = False  # else ~/.netrc replaces the credentials, and proxies see the query
        self.headers["Accept-Encoding"] = "identity"  # packing costs the server more than the query
        self.answer: Answer | None = None
        self._where = where
        self._query = query
        self._evaluated_at = evaluated_at
        self._deadline = deadline
        self._pause = pause

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Ask with the parameters in the body; at most two tries inside the deadline.

        Args:
            method: As the library chose it.
            url: Address of the query API.
            *args: Not used by the library.
            **options: Of `requests.Session.request`; `params` becomes the body.

        Returns:
            A response whose document is decoded.

        Raises:
            PrometheusUnreachableError: Nobody answered inside the deadline.
            PrometheusAnswerError: What was answered is an error or no answer.
        """
        options["data"] = options.pop("params", None)
        options |= {"stream": True, "allow_redirects": False}
        outcome, tries = self._try_once(method, url, *args, **options), 1
        while isinstance(outcome, _Failure) and outcome.may_pass and tries < _TRIES:
            if self._deadline.remaining_seconds <= _PAUSE_SECONDS:
                break
            self._pause(_PAUSE_SECONDS)
            outcome, tries = self._try_once(method, url, *args, **options), tries + 1
        if isinstance(outcome, _Failure):
            raise outcome.error from outcome.cause
        return outcome

    def _try_once(
        self, method: str | bytes, url: str | bytes, *args: Any, **options: Any
    ) -> requests.Response | _Failure:
        left = max(self._deadline.remaining_seconds, _NO_TIME_SECONDS)
        options["timeout"] = (min(_CONNECT_SECONDS, left), left)
        try:
            with super().request(method, url, *args, **options) as response:
                body = self._read(response)
                if body is None:
                    return self._too_late()
                return self._judge(response, body)
        except (requests.ReadTimeout, ReadTimeoutError) as err:
            return self._too_late(err)
        except (requests.RequestException, HTTPError, OSError) as err:
            return self._unreachable(err)

    def _read(self, response: requests.Response) -> bytes | None:
        """Read the body as it comes; None when the deadline passes or it never ends."""
        parts: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            if self._deadline.is_over or size > _LARGEST_BYTES:
                return None
        return b"".join(parts)

    def _judge(self, response: requests.Response, body: bytes) -> requests.Response | _Failure:
        if response.status_code != requests.codes.ok:
            may_pass = response.status_code >= requests.codes.internal_server_error
            return _Failure(error=PrometheusAnswerError(self._refusal(response, body)), may_pass=may_pass)
        try:
            document = load_document(body, where=self._where)
            self.answer = answer_from_document(
                document, where=self._where, query=self._query, evaluated_at=self._evaluated_at
            )
        except PrometheusAnswerError as err:
            return _Failure(error=err, cause=err.__cause__ if isinstance(err.__cause__, Exception) else None)
        return _DecodedResponse(document)

    def _refusal(self, response: requests.Response, body: bytes) -> str:
        status = f"{self._where} answered {response.status_code}"
        if response.is_redirect:
            target = urlsplit(response.headers.get("location", "")).hostname or "another path"
            return f"{status}, a redirect to {target}, which is not followed; give the final address."
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict) and document.get("status") == "error":
            return describe_error(document, where=status)
        cure = _CURES.get(response.status_code, "Check that the server is healthy, then try again.")
        return f"{status} {response.reason or ''}".rstrip() + f". {cure}"

    def _too_late(self, cause: Exception | None = None) -> _Failure:
        error = PrometheusUnreachableError(too_late_text(self._where, self._deadline.seconds))
        return _Failure(error=error, cause=cause)

    def _unreachable(self, cause: Exception) -> _Failure:
        if self._deadline.is_over:
            return self._too_late(cause)
        is_certificate = isinstance(cause, requests.exceptions.SSLError)
        cure = (
            "Check that the address begins with https and that this machine trusts the certificate."
            if is_certificate
            else "Check the address, and that the server runs and can be reached from here."
        )
        error = PrometheusUnreachableError(f"{self._where} cannot be reached: {_short(cause)}. {cure}")
        return _Failure(error=error, cause=cause, may_pass=not is_certificate)


def too_late_text(where: str, seconds: float) -> str:
    """Say that no whole answer came in time, and what to do."""
    return (
        f"{where} gave no whole answer within {seconds:g} s. Ask for a shorter window or raise query_deadline_seconds."
    )


def _short(error: BaseException) -> str:
    """Return the words of the innermost of a chain of errors, which are the system's own."""
    inner = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    return (isinstance(inner, OSError) and inner.strerror) or str(inner)[:_WORDS] or type(inner).__name__
