"""A live Prometheus as a source: one instant query of raw counters for each arm.

prometheus-api-client carries the query, over a session of our own; the samples are
decoded by the same code as a capture. Counting does not belong here.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from reliability.errors import PrometheusAnswerError, PrometheusUnreachableError, SourceError
from reliability.sources.answer import Answer
from reliability.sources.deadline import Deadline, run_within
from reliability.sources.metrics import range_seconds
from reliability.sources.prometheus_address import parse_address
from reliability.sources.prometheus_session import QuerySession, too_late_text
from reliability.sources.promql import Matcher, range_selector
from reliability.window import Window

DEADLINE_SECONDS: Final = 5.0


class PrometheusSource:
    """Fetches raw samples from a running server.

    Args:
        url: Address; credentials in it are used and never shown.
        deadline_seconds: Longest wait for one query, all tries together.
        scrape_interval_seconds: Distance of two scrapes; None when it is not known.
        monotonic: Clock of the deadline.
        pause: Waits before the second try.

    Raises:
        UsageError: `url` is no address of a server.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        scrape_interval_seconds: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = parse_address(url)
        self._deadline_seconds = deadline_seconds
        self._scrape_interval_seconds = scrape_interval_seconds
        self._monotonic = monotonic
        self._pause = pause

    @property
    def description(self) -> str:
        """Address without credentials."""
        return self._address.url

    def fetch(self, *, metrics: Sequence[str], matchers: Sequence[Matcher], window: Window) -> Answer:
        """Return the samples of the window and of two scrapes before it; see `MetricsSource.fetch`.

        Args:
            metrics: Exact metric names.
            matchers: Conditions on the labels.
            window: Time of interest.

        Returns:
            The series that match, with the server's warnings and remarks.

        Raises:
            SelectorError: A name is not valid.
            PrometheusUnreachableError: Nobody answered inside the deadline.
            PrometheusAnswerError: The server answered with an error or with no answer.
        """
        length = range_seconds(window, scrape_interval_seconds=self._scrape_interval_seconds)
        query = range_selector(metrics=metrics, matchers=matchers, seconds=length)
        try:
            answer = run_within(lambda: self._ask(query, window), seconds=self._deadline_seconds)
        except TimeoutError as err:
            raise PrometheusUnreachableError(too_late_text(self._where, self._deadline_seconds)) from err
        except SourceError as err:
            hidden = self._address.hide(err.args[0])
            if hidden == err.args[0]:
                raise
            raise type(err)(hidden) from None
        return replace(
            answer,
            warnings=tuple(self._address.hide(text) for text in answer.warnings),
            infos=tuple(self._address.hide(text) for text in answer.infos),
        )

    @property
    def _where(self) -> str:
        return f"Prometheus at {self._address.url}"

    def _ask(self, query: str, window: Window) -> Answer:
        session = QuerySession(
            where=self._where,
            query=query,
            evaluated_at=window.end,
            deadline=Deadline(seconds=self._deadline_seconds, monotonic=self._monotonic),
            pause=self._pause,
        )
        with PrometheusConnect(
            url=self._address.url,
            session=session,
            retry=Retry(0, read=False),  # the session counts the tries itself, inside the deadline
            auth=self._address.credentials,
            method="POST",
        ) as client:
            client.custom_query(query, params=self._parameters(window))
        if session.answer is None:
            raise PrometheusAnswerError(f"{self._where} was not asked; install prometheus-api-client again.")
        return session.answer

    def _parameters(self, window: Window) -> dict[str, str]:
        return {"time": f"{window.end.timestamp():.3f}", "timeout": f"{self._deadline_seconds:.3f}"}
