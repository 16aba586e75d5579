"""What it means that a server did not answer with numbers: whose fault, and what to do.

`reliability.sources.prometheus` hands over the response; the class of the error decides
there whether the query is tried again, split, or counted against the server.
"""

import re
from typing import Final

import requests

from reliability.errors import (
    PrometheusAnswerError,
    PrometheusAuthError,
    PrometheusBusyError,
    PrometheusRefusedError,
    QueryTooBigError,
    QueryTooSlowError,
    ReliabilityError,
)
from reliability.sources.answer import clipped, read_document, words_of_error

# Words of Prometheus, VictoriaMetrics, Thanos, Mimir and Cortex. Whatever its window, a text that is too long stays so.
_BY_ITS_TEXT: Final = re.compile(r"pars(e|ing) error|cannot parse|unknown func|too long query", re.IGNORECASE)
_TOO_SLOW: Final = re.compile(r"deadline exceeded|time[d -]?out|maxQueryDuration", re.IGNORECASE)
_TOO_BIG: Final = re.compile(
    r"too many (samples|points|series|chunks|bytes|unique)|too (large|big)|maximum resolution|"
    r"exceed\w*.{0,60}(max|limit|\d)|max(Samples|Unique|Points|Series)|err-mimir-max",
    re.IGNORECASE,
)
_BY_THE_QUERY: Final = (400, 422)  # VictoriaMetrics answers 422 to what does not parse, too
_UNAUTHORISED: Final = (401, 403)
_TOO_MANY_REQUESTS: Final = 429
_FIRST_SERVER_ERROR: Final = 500


def refusal_of(response: requests.Response, *, where: str, query: str, has_login: bool) -> ReliabilityError:
    """Class the refusal of a server.

    Args:
        response: A response that is not 200.
        where: Name of the server.
        query: What was asked.
        has_login: Whether credentials were sent.

    Returns:
        The error to raise; it holds the server's words where there are any.
    """
    status = response.status_code
    answered = f"{where} answered {status} {response.reason or ''}".rstrip()
    if response.is_redirect:
        return PrometheusAnswerError(
            f"{answered}, a redirect, which is not followed; give the address that it leads to."
        )
    if status in _UNAUTHORISED:
        cure = "It did not accept the credentials" if has_login else "It wants a login"
        return PrometheusAuthError(f"{answered}. {cure}; mend the ones named under [prometheus] in reliability.toml.")
    document = read_document(response.content)
    if document.get("status") == "error":
        error = _by_the_query(status, str(document.get("errorType")), clipped(str(document.get("error"))), where, query)
        if error:
            return error
    words = words_of_error(document)
    cure = "Check the address: the path of the query API is added to it" if status == requests.codes.not_found else ""
    said = f"{answered} and {words}" if words else f"{answered}. {cure or 'Check that the server is healthy'}."
    may_pass = status == _TOO_MANY_REQUESTS or status >= _FIRST_SERVER_ERROR
    return PrometheusBusyError(said) if may_pass else PrometheusAnswerError(said)


def _by_the_query(status: int, kind: str, text: str, where: str, query: str) -> ReliabilityError | None:
    """Class an error that the query has brought about; None for the server's own."""
    by_its_text = _BY_ITS_TEXT.search(text)
    if not by_its_text and (kind == "timeout" or (status in _BY_THE_QUERY and _TOO_SLOW.search(text))):
        return QueryTooSlowError(
            f"{where} gave the query up ({text}). Ask for a shorter window or fewer series, or raise "
            f"deadline_seconds under [prometheus] in reliability.toml."
        )
    if status not in _BY_THE_QUERY:
        return None
    if not by_its_text and _TOO_BIG.search(text):
        return QueryTooBigError(
            f"{where} refused the query as too big ({text}). Ask for a shorter window, fewer series or a larger step."
        )
    return PrometheusRefusedError(
        f"{where} refused the query ({kind}: {text}). Mend the query; it was {clipped(query)}"
    )
